// The main flow once in Firefox, by WebDriver BiDi, which Firefox speaks without a driver beside it.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import puppeteer from "puppeteer-core";
import { Irc, withServer } from "./harness.mjs";

const firefox = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

test("in Firefox people register, talk, answer and come back", withServer(async (server) => {
  if (!existsSync(firefox)) throw new Error(`there is no ${firefox}: install Debian's firefox-esr, or name one in FIREFOX`);
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: firefox, headless: true });
  try {
    const page = await browser.newPage();
    const errors = [];
    // The server is killed below: Firefox calls it an error if that resets the connection, or if there is none meanwhile.
    const killed = /^Error: (?:The connection to ws:\S+ was interrupted|Firefox can.t establish a connection to the server at ws:)/u;
    page.on("pageerror", (error) => killed.test(String(error)) || errors.push(String(error)));
    await page.goto(server.url);
    await click(page, "New here? Create an account");
    await page.type("#name", "ann");
    await page.type("#password", "secret-ann");
    await page.type("#again", "secret-ann");
    await page.click("#remember");
    await click(page, "Create an account");
    await page.waitForSelector("#composer");
    const bob = await Irc.connect(server.port, "bob");
    await page.type("#composer", "Hello from Firefox");
    await page.keyboard.press("Enter");
    const line = await bob.expect(/PRIVMSG #lobby :Hello from Firefox/u);
    await page.waitForSelector(".mine .delivery[aria-label='Stored on the server']");
    const [, msgid] = /msgid=([^; ]+)/u.exec(line);
    bob.send(`@+draft/reply=${msgid} PRIVMSG #lobby :Hello ann`, `@+draft/reply=${msgid};+draft/react=👍 TAGMSG #lobby`);
    await page.waitForSelector(".message.mention .quote");
    await page.waitForSelector(".reactions button");
    // The field grows with its text here, too, though Firefox does not do that by itself.
    const height = () => page.$eval("#composer", ({ clientHeight }) => clientHeight);
    const low = await height();
    await page.type("#composer", "one");
    await page.keyboard.down("Shift");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.keyboard.up("Shift");
    assert.ok(await height() > low);
    await page.keyboard.press("Enter");

    await server.kill();
    await page.type("#composer", "while away");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".pending");
    await server.run();
    await page.waitForSelector(".pending", { hidden: true });
    assert.match(await bobSees(server), /while away/u);
    await page.reload();
    // waitForFunction would need eval(), which the page forbids.
    await page.waitForSelector(".timeline ::-p-text(while away)");
    assert.deepEqual(errors, []);
    bob.close();
  } finally {
    await browser.close();
  }
}));

/** What the server has of the lobby. @param {import("./harness.mjs").Server} server */
async function bobSees(server) {
  const bob = await Irc.connect(server.port, "bob", { caps: "batch draft/chathistory" });
  bob.send("CHATHISTORY LATEST #lobby * 10");
  const line = await bob.expect(/while away/u);
  bob.close();
  return line;
}

/**
 * @param {import("puppeteer-core").Page} page
 * @param {string} text
 */
async function click(page, text) {
  const button = await page.waitForSelector(`::-p-xpath(//button[normalize-space()="${text}"])`);
  await button.click();
}
