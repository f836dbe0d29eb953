// Without a mouse: every flow by keyboard, and what a screen reader is told.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, composer, hasFocus, Irc, message, openDevice, register, say, withServer } from "./harness.mjs";

after(closeBrowser);

test("everything is done with the keyboard alone", withServer(async (server) => {
  const page = await openDevice(server);
  const { keyboard } = page;
  // Creating an account.
  await tabTo(page, "New here? Create an account");
  await keyboard.press("Enter");
  await tabTo(page, "Name", true);
  await keyboard.type("ann");
  await keyboard.press("Tab");
  await keyboard.type("secret-ann");
  await keyboard.press("Tab");
  await keyboard.type("secret-ann");
  await keyboard.press("Enter");
  await composer(page).waitFor();
  await hasFocus(page, "#composer");

  const bob = await Irc.connect(server.port, "bob");
  bob.send("PRIVMSG #lobby :first", "PRIVMSG #lobby :second");
  await message(page, "second").waitFor();
  // One announcement for each message.
  assert.deepEqual(await page.locator("#announcer p").allInnerTexts(), ["bob: first", "bob: second"]);

  // Completing a name, an emoji and a command.
  await keyboard.type("bo");
  await keyboard.press("Tab");
  await keyboard.press("Tab");
  await keyboard.type("hello :tada");
  await page.getByRole("option", { name: ":tada:" }).waitFor();
  await keyboard.press("Enter");
  await keyboard.press("Enter");
  await bob.expect(/PRIVMSG #lobby :bob: hello 🎉/u);

  // Choosing messages: answer one, react to another, take one's own back.
  await keyboard.press("ArrowUp");
  await keyboard.press("ArrowUp");
  await keyboard.press("ArrowUp");
  await hasFocus(page, ".message", "first");
  await keyboard.press("r");
  await page.getByText("Replying to bob").waitFor();
  await hasFocus(page, "#composer");
  await keyboard.type("an answer");
  await keyboard.press("Enter");
  await bob.expect(/\+draft\/reply=.*:an answer/u);
  await message(page, "an answer").getByLabel("Stored on the server").waitFor();
  await keyboard.press("ArrowUp");
  await keyboard.press("o");
  await message(page, "first").and(page.locator(".found")).waitFor();
  await keyboard.press("Escape");
  await keyboard.press("ArrowUp");
  await keyboard.press("e");
  await page.getByRole("dialog", { name: "Pick a reaction" }).waitFor();
  await keyboard.type("rocket");
  await keyboard.press("Enter");
  await message(page, "an answer").locator(".reactions", { hasText: "🚀" }).waitFor();
  await keyboard.press("Escape");
  await keyboard.press("ArrowUp");
  await keyboard.press("Delete");
  await page.getByRole("dialog", { name: "Take back" }).waitFor();
  await tabTo(page, "Take back", false, "button.primary");
  await keyboard.press("Enter");
  await page.getByText("Taken back by ann").waitFor();

  // Rooms: make one, go between them, to what is unread, and leave.
  await composer(page).focus();
  await keyboard.press("Control+k");
  await keyboard.type("#garden");
  await keyboard.press("Enter");
  await page.locator(".bar-title", { hasText: "#garden" }).waitFor();
  await keyboard.press("Alt+ArrowDown");
  await page.locator(".bar-title", { hasText: "#lobby" }).waitFor();
  bob.send("JOIN #garden", "PRIVMSG #garden :ann, look");
  await page.locator(".count").waitFor();
  await keyboard.press("Alt+a");
  await message(page, "ann, look").waitFor();
  await keyboard.type("/part");
  await keyboard.press("Enter");
  await page.locator(".listed", { hasText: "garden" }).waitFor({ state: "detached" });
  await keyboard.press("Alt+1");
  await page.locator(".bar-title", { hasText: "#lobby" }).waitFor();

  // Help, search, settings; Escape leads back to the composer.
  await composer(page).focus();
  await keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys and commands" }).waitFor();
  await keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await hasFocus(page, "#composer");
  await keyboard.press("Control+f");
  await keyboard.type("second");
  await keyboard.press("Enter");
  await page.locator(".result").waitFor();
  await tabTo(page, "second", false, ".result");
  await keyboard.press("Enter");
  await message(page, "second").and(page.locator(".found")).waitFor();
  await keyboard.press("Escape");
  await hasFocus(page, "#composer");

  // The width of a column.
  const before = await page.locator(".list").evaluate(({ clientWidth }) => clientWidth);
  await page.getByRole("separator", { name: "Width of this column" }).first().focus();
  await keyboard.press("ArrowRight");
  await page.waitForFunction((width) => document.querySelector(".list").clientWidth > width, before);
  assert.deepEqual(page.errors, []);
  bob.close();
}));

test("a message keeps the focus when the server has stored it", withServer(async (server) => {
  const page = await openDevice(server);
  await register(page, "ann");
  await say(page, "stored");
  await message(page, "stored").getByLabel("Stored on the server").waitFor();
  await server.kill();
  await say(page, "not stored yet");
  await message(page, "not stored yet").getByLabel("Waiting for the connection").waitFor();
  await page.keyboard.press("ArrowUp");
  await server.run();
  await message(page, "not stored yet").getByLabel("Stored on the server").waitFor({ timeout: 30_000 });
  await hasFocus(page, ".message", "not stored yet");
  assert.deepEqual(page.errors, []);
}));

/**
 * Presses Tab until a control with this name has the focus.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 * @param {boolean} [backwards]
 * @param {string} [within] a selector that it has to match
 */
async function tabTo(page, name, backwards = false, within = "*") {
  for (let count = 0; count < 60; count += 1) {
    const isThere = await page.evaluate(({ text, selector }) => {
      const { activeElement } = document;
      if (!activeElement || activeElement === document.body || !activeElement.matches(selector)) return false;
      const label = activeElement.getAttribute("aria-label") ?? activeElement.labels?.[0]?.textContent ?? activeElement.textContent;
      return label.includes(text);
    }, { text: name, selector: within });
    if (isThere) return;
    await page.keyboard.press(backwards ? "Shift+Tab" : "Tab");
  }
  throw new Error(`Tab does not lead to ${name}`);
}
