// axe finds nothing to mend, in light and dark, on a desktop and a phone, in every view.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { closeBrowser, composer, Irc, listed, logIn, message, openDevice, register, repeatedIds, say, withServer } from "./harness.mjs";

after(closeBrowser);

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${colorScheme}`, withServer(async (server) => {
    const page = await openDevice(server, { colorScheme });
    const newHere = page.getByRole("button", { name: "New here? Create an account" });
    await newHere.waitFor();
    await check(page, "log in");
    await newHere.click();
    await page.getByRole("button", { name: "Create an account" }).click();
    await check(page, "register, with a mistake");
    await page.getByRole("button", { name: "I have an account" }).click();
    await register(page, "ann");
    await check(page, "an empty room");
    await fill(page, server);
    await check(page, "a room");
    for (const [name, open] of dialogs) {
      await open(page);
      await page.getByRole("dialog").waitFor();
      await page.waitForTimeout(300);
      await check(page, name);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await page.keyboard.press("Control+f");
    await page.keyboard.type("morning");
    await page.keyboard.press("Enter");
    await page.locator(".result").first().waitFor();
    await check(page, "search");
    await server.kill();
    await say(page, "not sent");
    await page.locator(".banner").waitFor();
    await check(page, "disconnected");
    await server.run();
    await message(page, "not sent").getByLabel("Stored on the server").waitFor({ timeout: 30_000 });
    assert.deepEqual(page.errors, []);
  }));
}

test("axe finds nothing on a phone", withServer(async (server) => {
  const first = await openDevice(server);
  await register(first, "ann");
  await fill(first, server);
  const page = await openDevice(server, { viewport: { width: 375, height: 667 }, hasTouch: true, isMobile: true });
  await logIn(page, "ann");
  await listed(page, "lobby").waitFor();
  await check(page, "the list");
  await listed(page, "lobby").tap();
  await composer(page).waitFor();
  await check(page, "a conversation");
  await page.getByRole("button", { name: "People here" }).tap();
  await page.locator(".member").first().waitFor();
  await check(page, "people");
}));

/** @type {[string, (page: import("playwright-core").Page) => Promise<void>][]} */
const dialogs = [
  ["palette", (page) => page.keyboard.press("Control+k")],
  ["help", (page) => page.keyboard.press("F1")],
  ["settings", (page) => page.locator(".me-button").click()],
  ["about a room", (page) => page.locator(".bar-title button").click()],
  ["a person", (page) => page.locator(".member", { hasText: "bob" }).click()],
  ["rooms", (page) => page.getByRole("button", { name: "Find or create a room" }).click()],
  ["write to somebody", (page) => page.getByRole("button", { name: "Write to somebody" }).click()],
  ["emoji", (page) => page.getByRole("button", { name: "Insert an emoji" }).click()],
  ["a message", async (page) => {
    await composer(page).focus();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("m");
  }],
];

/**
 * Something of everything in the lobby, and a room with what is unread.
 * @param {import("playwright-core").Page} page
 * @param {import("./harness.mjs").Server} server
 */
async function fill(page, server) {
  const bob = await Irc.connect(server.port, "bob", { caps: "message-tags echo-message draft/metadata-2" });
  bob.send("METADATA * SET display-name :Bob Baker", "METADATA * SET status :Out", "PRIVMSG #lobby :good morning, ann");
  const [, msgid] = /msgid=([^; ]+)/u.exec(await bob.expect(/good morning/u));
  const names = ["cem", "dora", "eve", "finn", "gita", "hans", "ida", "jo", "kim", "lu", "mo", "nia", "otto"];
  const others = await Promise.all(names.map((name) => Irc.connect(server.port, name)));
  for (const other of others) other.send(`PRIVMSG #lobby :I am ${other.nick}`);
  bob.send(
    `@+draft/reply=${msgid};+draft/react=👍 TAGMSG #lobby`, `@+draft/reply=${msgid} PRIVMSG #lobby :an answer, with \`code\``,
    "PRIVMSG #lobby :\u0001ACTION nods\u0001", "PRIVMSG #lobby :https://example.org and #garden",
    `PRIVMSG #lobby :${Array.from({ length: 16 }, (_, colour) => `\u0003${colour}colour ${colour}`).join(" ")}`,
    "NOTICE #lobby :a notice", "TOPIC #lobby :what it is about", "JOIN #garden",
  );
  await page.locator(".notice", { hasText: "a notice" }).waitFor();
  await say(page, "/join #garden");
  await page.locator(".bar-title", { hasText: "#garden" }).waitFor();
  await listed(page, "lobby").click();
  bob.send("PRIVMSG #garden :ann?", "PRIVMSG ann :psst");
  await page.locator(".count.urgent").first().waitFor();
  await say(page, "```\nlet code = 1;\n```");
  await message(page, "an answer, with code").waitFor();
  await page.locator(".mine .delivery", { hasText: "✓" }).first().waitFor();
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} view
 */
async function check(page, view) {
  const found = await page.evaluate(async (source) => {
    // The page's policy lets no script in; a debugger's are not the page's.
    if (!window.axe) (0, eval)(source);
    const { violations } = await window.axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 300)}`).slice(0, 3).join(" | ")}`);
  }, axe).catch(async (error) => {
    if (!/unsafe-eval|Trusted/u.test(String(error))) throw error;
    // Where even that is refused, the debugger brings it in whole.
    const session = await page.context().newCDPSession(page);
    await session.send("Runtime.evaluate", { expression: axe });
    return page.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) => (
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 300)}`).slice(0, 3).join(" | ")}`)));
  });
  assert.deepEqual(found, [], view);
  assert.deepEqual(await repeatedIds(page), [], view);
}
