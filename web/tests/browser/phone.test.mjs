// A phone: one column, room for fingers, no zoom, swipes.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, composer, Irc, listed, message, openDevice, register, say, withServer } from "./harness.mjs";

after(closeBrowser);

const phone = { viewport: { width: 375, height: 667 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
/** The least height of what fingers press, in CSS pixels (WCAG 2.5.5). */
const finger = 44;

test("a phone shows the list, then a conversation, and never wider than it is", withServer(async (server) => {
  const page = await openDevice(server, phone);
  await register(page, "ann");
  await listed(page, "lobby").waitFor();
  await tooSmall(page);
  assert.equal(await composer(page).isVisible(), false);
  await listed(page, "lobby").tap();
  await composer(page).waitFor();
  assert.equal(await page.locator(".list").isVisible(), false);
  await tooSmall(page);
  await say(page, `a long word: ${"x".repeat(200)} https://example.org/${"y".repeat(150)}`);
  await page.locator(".delivery").waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  assert.equal(await page.locator(".timeline").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), 0);
  // Smaller text makes iOS zoom when a field gets the focus.
  assert.ok(Number.parseFloat(await composer(page).evaluate((area) => getComputedStyle(area).fontSize)) >= 16);

  // The keyboard takes half of the height: the composer stays in sight.
  await page.setViewportSize({ width: 375, height: 330 });
  await page.waitForFunction(() => document.querySelector("#composer").getBoundingClientRect().bottom <= innerHeight);
  await page.setViewportSize({ width: 375, height: 667 });

  await page.getByRole("button", { name: "Back to the conversations" }).tap();
  await listed(page, "lobby").waitFor();
  // The phone's own "back" does the same.
  await listed(page, "lobby").tap();
  await composer(page).waitFor();
  await page.goBack();
  await listed(page, "lobby").waitFor();
  assert.deepEqual(page.errors, []);
}));

test("a swipe answers, a long press shows what can be done", withServer(async (server) => {
  const page = await openDevice(server, phone);
  await register(page, "ann");
  await listed(page, "lobby").tap();
  const bob = await Irc.connect(server.port, "bob");
  bob.send("PRIVMSG #lobby :swipe me");
  const row = message(page, "swipe me");
  await row.waitFor();
  await swipe(page, row, 120);
  await page.getByText("Replying to bob").waitFor();
  await say(page, "done");
  await bob.expect(/\+draft\/reply=.*PRIVMSG #lobby :done/u);
  await message(page, "done").waitFor();

  const { x, y } = await centre(row);
  const touch = await page.context().newCDPSession(page);
  await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
  await page.getByRole("dialog").getByRole("button", { name: "Copy text" }).waitFor();
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await tooSmall(page);
  await page.getByRole("dialog").getByRole("button", { name: "React 👍" }).tap();
  await row.locator(".reactions", { hasText: "👍" }).waitFor();

  // A tap shows the buttons.
  await row.tap();
  await row.locator(".toolbar").getByRole("button", { name: "More" }).waitFor();
  assert.deepEqual(page.errors, []);
  bob.close();
}));

/** @param {import("playwright-core").Locator} row */
async function centre(row) {
  const { x, y, width, height } = await row.boundingBox();
  return { x: x + width / 2, y: y + height / 2 };
}

/**
 * @param {import("playwright-core").Page} page
 * @param {import("playwright-core").Locator} row
 * @param {number} far
 */
async function swipe(page, row, far) {
  const { x, y } = await centre(row);
  const touch = await page.context().newCDPSession(page);
  await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x, y }] });
  for (let at = 10; at <= far; at += 10) {
    await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [{ x: x + at, y }] });
  }
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
}

/** Fails if something to press is too small; what stands within a text may be. @param {import("playwright-core").Page} page */
async function tooSmall(page) {
  const small = await page.evaluate((least) => [...document.querySelectorAll("button, input, textarea, select")]
    .filter((control) => control.checkVisibility() && !control.closest(".message .body, .bar-title, .setting, .replying"))
    .map((control) => ({ height: control.getBoundingClientRect().height, what: control.outerHTML.slice(0, 90) }))
    .filter(({ height }) => height < least && height > 0), finger - 0.5);
  assert.deepEqual(small, []);
}
