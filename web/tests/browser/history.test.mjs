// A long history: scrolled to its beginning and back, nothing jumps, and the DOM stays small.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, Irc, message, openDevice, register, withServer } from "./harness.mjs";

after(closeBrowser);

const messages = 5_000;
/** How far, in pixels, a row may be from where it should be. */
const jump = 2;
const noLimits = "[server]\npassword_iterations = 4096\n[limits]\ncommands_per_second = 0\nstored_bytes_per_hour = 0\nwork_millis = 0\n";

test("5,000 messages are scrolled to the top and back without a jump", withServer(async (server) => {
  await fill(server, messages);
  const ann = await openDevice(server);
  await register(ann, "ann");
  await message(ann, `number ${messages - 1}`).waitFor();
  const up = await scrollAll(ann, -1, "number 0");
  const down = await scrollAll(ann, 1, `number ${messages - 1}`);
  console.log(`up: ${up.steps} steps, largest jump ${up.worst} px; down: ${down.steps} steps, ${down.worst} px; ${Math.max(up.rows, down.rows)} rows`);
  assert.ok(Math.max(up.rows, down.rows) <= 300, `${up.rows} and ${down.rows} rows`);
  assert.ok(up.worst <= jump && down.worst <= jump, `jumps of ${up.worst} and ${down.worst} px`);
  assert.deepEqual(ann.errors, []);
}, noLimits));

test("a page of history that comes while the top is in sight moves nothing", withServer(async (server) => {
  await fill(server, 1_000);
  const ann = await openDevice(server);
  /** What the server says while it is held back. @type {(() => void)[] | undefined} */
  let held;
  await ann.routeWebSocket(/.*/u, (route) => {
    const up = route.connectToServer();
    up.onMessage((data) => (held ? held.push(() => route.send(data)) : route.send(data)));
  });
  await ann.reload();
  await register(ann, "ann");
  await message(ann, "number 999").waitFor();
  const jumps = [];
  for (let page = 0; page < 3; page += 1) {
    held = [];
    // What is here already comes first, so until a page is asked for.
    await ann.waitForFunction(() => {
      document.querySelector(".timeline").scrollTop = 10;
      return !document.querySelector(".busy").hidden;
    });
    const before = await ann.evaluate(placeInMiddle);
    for (const say of held.splice(0)) say();
    held = undefined;
    await ann.locator(".busy").waitFor({ state: "hidden" });
    jumps.push(await ann.locator(`[data-key="${before.key}"]`).evaluate((row, top) => row.getBoundingClientRect().top - top, before.top));
  }
  assert.ok(jumps.every((pixels) => Math.abs(pixels) < 1), `jumps of ${jumps.join(", ")} px`);
  assert.deepEqual(ann.errors, []);
}, noLimits));

/** Which row is in the middle, and where. */
function placeInMiddle() {
  const timeline = document.querySelector(".timeline");
  const { top, height } = timeline.getBoundingClientRect();
  const row = [...timeline.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().bottom > top + height / 2);
  return { key: row.dataset.key, top: row.getBoundingClientRect().top };
}

/**
 * @param {import("./harness.mjs").Server} server
 * @param {number} count
 */
async function fill(server, count) {
  const bob = await Irc.connect(server.port, "bob", { caps: "batch" });
  for (let from = 0; from < count; from += 250) {
    const lines = [];
    for (let number = from; number < from + 250; number += 1) {
      // Rows of different heights, so that a jump would show.
      const long = number % 7 === 0 ? ` ${"word ".repeat(number % 60)}`.trimEnd() : "";
      lines.push(`PRIVMSG #lobby :number ${number}${long}`);
    }
    bob.send(...lines, `PING filled-${from}`);
    await bob.expect(new RegExp(`PONG .*filled-${from}`, "u"), 60_000);
  }
  bob.close();
}

/**
 * Scrolls in steps as a wheel does, and after each compares where a row in sight is with where it should be.
 * @param {import("playwright-core").Page} page
 * @param {-1 | 1} direction
 * @param {string} goal the text at the end
 */
function scrollAll(page, direction, goal) {
  return page.evaluate(async ({ way, text }) => {
    const timeline = document.querySelector(".timeline");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let [worst, steps, rows, waits] = [0, 0, 0, 0];
    const middle = () => {
      const { top, height } = timeline.getBoundingClientRect();
      return [...timeline.querySelectorAll(".message")].find((row) => row.getBoundingClientRect().bottom > top + height / 2);
    };
    const isThere = () => [...timeline.querySelectorAll(".message .text")].some((row) => row.textContent.split(" word")[0] === text);
    const isAtEnd = () => (way < 0 ? timeline.scrollTop <= 0 : timeline.scrollTop >= timeline.scrollHeight - timeline.clientHeight - 1);
    for (;;) {
      if (isAtEnd()) {
        if (isThere()) return { worst: Math.round(worst * 10) / 10, steps, rows };
        // History is on its way.
        await new Promise((resolve) => setTimeout(resolve, 20));
        waits += 1;
        if (waits > 1000) throw new Error(`nothing more comes before ${text}`);
        continue;
      }
      waits = 0;
      const row = middle();
      const { key } = row.dataset;
      const before = row.getBoundingClientRect().top;
      const room = way < 0 ? timeline.scrollTop : timeline.scrollHeight - timeline.clientHeight - timeline.scrollTop;
      const step = Math.min(300, room) * way;
      timeline.scrollTop += step;
      await frame();
      await frame();
      const now = timeline.querySelector(`[data-key="${CSS.escape(key)}"]`);
      if (!now) throw new Error("the row in sight is gone");
      worst = Math.max(worst, Math.abs(before - step - now.getBoundingClientRect().top));
      rows = Math.max(rows, timeline.querySelectorAll(".row").length);
      steps += 1;
    }
  }, { way: direction, text: goal });
}
