// The person's own account: one-time codes, and what takes the password on a device that stays logged in.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { totp } from "../totp.js";
import { closeBrowser, composer, Irc, logIn, message, openDevice, register, repeatedIds, say, withServer } from "./harness.mjs";

after(closeBrowser);

const withAdmin = "[server]\npassword_iterations = 4096\n[[operator]]\naccount = \"oscar\"\nrole = \"admin\"\n";

/** @param {import("playwright-core").Page} page */
async function openSettings(page) {
  await page.locator(".me-button").click();
  return page.getByRole("dialog").first();
}

/** @param {import("playwright-core").Page} page @param {string} password @param {string} [again] */
async function fillNewPassword(page, password, again = password) {
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("New password again").fill(again);
  await page.getByRole("button", { name: "Change password" }).click();
}

/** Somebody whose page has been loaded anew, so that it has logged in by its token. @param {import("./harness.mjs").Server} server */
async function byToken(server) {
  const ann = await openDevice(server);
  await register(ann, "ann", { remember: true });
  await composer(ann).waitFor();
  await ann.waitForFunction(() => new Promise((resolve) => {
    indexedDB.open("parlor", 1).onsuccess = ({ target }) => {
      target.result.transaction("kept").objectStore("kept").get("login").onsuccess = (got) => {
        target.result.close();
        resolve(got.target.result?.keys || got.target.result?.secret);
      };
    };
  }));
  await ann.reload();
  await composer(ann).waitFor();
  await ann.locator(".banner").waitFor({ state: "detached" });
  return ann;
}

test("who has a one-time code chooses a password, and is in", withServer(async (server) => {
  const first = await openDevice(server);
  await register(first, "ann");
  const oscar = await Irc.connect(server.port, "oscar", { caps: "standard-replies message-tags" });
  oscar.send("ACCOUNTS RESET ann");
  const [, code] = /NOTE ACCOUNTS RESET ann (\S+) /u.exec(await oscar.expect(/NOTE ACCOUNTS RESET ann /u));

  const page = await openDevice(server);
  await logIn(page, "ann", { password: code, remember: true });
  await page.getByText("Choose a password of your own to go on.", { exact: false }).waitFor();
  assert.equal(await composer(page).count(), 0);
  await fillNewPassword(page, "correct horse", "correct house");
  await page.getByText("The two passwords are not the same.").waitFor();
  await fillNewPassword(page, code);
  await page.locator(".wrong", { hasText: "one-time code" }).waitFor();
  await fillNewPassword(page, "abc");
  await page.locator(".wrong", { hasNotText: "one-time code" }).waitFor();
  await fillNewPassword(page, "correct horse battery");
  await composer(page).waitFor();
  await say(page, "I am back");
  await message(page, "I am back").getByLabel("Stored on the server").waitFor();
  await page.locator(".member", { hasText: "oscar" }).waitFor();

  // A break does not bring the question back, the device stays logged in, and another one takes the new password.
  await server.kill();
  await server.run();
  await say(page, "and still here");
  await message(page, "and still here").getByLabel("Stored on the server").waitFor({ timeout: 30_000 });
  await page.reload();
  await message(page, "and still here").waitFor();
  const other = await openDevice(server);
  await logIn(other, "ann", { password: "correct horse battery" });
  await message(other, "I am back").waitFor();
  assert.deepEqual([...page.errors, ...other.errors], []);
  oscar.close();
}, withAdmin));

test("a device that stays logged in asks for the password where the server wants it, once, and goes on", withServer(async (server) => {
  const ann = await byToken(server);
  for (const path of ["phone", "tablet"]) {
    const other = await openDevice(server, { path: `?${path}` });
    await logIn(other, "ann");
    await composer(other).waitFor();
  }
  const dialog = await openSettings(ann);
  await dialog.locator(".entries li", { hasText: "127.0.0.1" }).nth(2).waitFor();
  await dialog.getByText("Change password").first().click();
  await fillNewPassword(ann, "a new one with spaces");
  const proof = ann.getByRole("dialog").filter({ hasText: "Password of ann" });
  assert.deepEqual(await repeatedIds(ann), []);
  await proof.getByLabel("Password of ann").fill("wrong");
  await proof.getByRole("button", { name: "Go on" }).click();
  await proof.locator(".wrong", { hasText: "wrong password" }).waitFor();
  await proof.getByLabel("Password of ann").fill("secret-ann");
  await ann.keyboard.press("Enter");
  await ann.getByText("The password is changed.").waitFor();
  await proof.waitFor({ state: "detached" });

  // What comes next is not asked again; the connection that asks is not in the list; this page goes on.
  await dialog.getByRole("button", { name: "End all others" }).click();
  await dialog.locator(".entries li", { hasText: "127.0.0.1" }).nth(1).waitFor({ state: "detached" });
  assert.equal(await dialog.locator(".entries li", { hasText: "127.0.0.1" }).count(), 1);
  assert.equal(await ann.locator(".banner").count(), 0);
  await ann.keyboard.press("Escape");
  await say(ann, "the same page");
  await message(ann, "the same page").getByLabel("Stored on the server").waitFor();

  // The proof does not outlast the dialog, and can be declined.
  await openSettings(ann);
  await dialog.getByText("Change password").first().click();
  await fillNewPassword(ann, "yet another one");
  await proof.getByRole("button", { name: "Close" }).click();
  await dialog.locator(".wrong", { hasText: "app password" }).waitFor();

  const other = await openDevice(server);
  await logIn(other, "ann", { password: "a new one with spaces" });
  await message(other, "the same page").waitFor();
  assert.deepEqual([...ann.errors, ...other.errors], []);
}));

test("what the server does not say about an account is not shown as off", withServer(async (server) => {
  const ann = await openDevice(server);
  let isAsked;
  const asked = new Promise((resolve) => {
    isAsked = resolve;
  });
  await ann.routeWebSocket(/.*/u, (socket) => {
    const answers = socket.connectToServer();
    socket.onMessage((line) => (/^@label=q\d+ ACCOUNT$/u.test(line) ? isAsked() : answers.send(line)));
  });
  await ann.reload();
  await register(ann, "ann");
  const dialog = await openSettings(ann);
  await dialog.getByText("Second factor").first().click();
  await asked;
  assert.equal(await dialog.getByRole("button", { name: "Turn on" }).count(), 0);
  assert.equal(await dialog.getByLabel("Strict login").count(), 0);
  assert.deepEqual(ann.errors, []);
}));

test("a second factor is turned on, asked for, and turned off", withServer(async (server) => {
  const ann = await byToken(server);
  const dialog = await openSettings(ann);
  await dialog.getByText("Second factor").first().click();
  await dialog.getByRole("button", { name: "Turn on" }).click();
  const proof = ann.getByRole("dialog").filter({ hasText: "Password of ann" });
  await proof.getByLabel("Password of ann").fill("secret-ann");
  await ann.keyboard.press("Enter");
  await dialog.locator(".qr path").waitFor();
  const secret = await dialog.locator("details code").innerText();
  const step = Math.floor(Date.now() / 30_000);
  await dialog.getByLabel("Code of your second factor").fill("000000");
  await dialog.getByRole("button", { name: "Turn on" }).click();
  await ann.locator(".toast.failed").waitFor();
  await dialog.getByLabel("Code of your second factor").fill(totp(secret, step));
  await dialog.getByRole("button", { name: "Turn on" }).click();
  await dialog.locator(".codes").waitFor();
  const codes = (await dialog.locator(".codes").innerText()).split("\n");
  assert.equal(codes.length, 10);
  await ann.keyboard.press("Escape");

  // The page asks for the code, and what was typed before stays.
  const other = await openDevice(server);
  await logIn(other, "ann");
  await other.getByLabel("Code of your second factor").waitFor();
  assert.equal(await other.getByLabel("Password", { exact: true }).inputValue(), "secret-ann");
  await other.getByLabel("Code of your second factor").fill(totp(secret, step + 1));
  await other.getByRole("button", { name: "Log in", exact: true }).click();
  await composer(other).waitFor();

  // So does the question for the password.
  await openSettings(ann);
  await dialog.getByText("Second factor").first().click();
  await dialog.getByLabel("A code, to turn it off").fill(codes[0]);
  await dialog.getByRole("button", { name: "Turn off" }).click();
  await proof.getByLabel("Password of ann").fill("secret-ann");
  await ann.keyboard.press("Enter");
  await proof.getByLabel("Code of your second factor").fill(codes[1]);
  await ann.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Turn on" }).waitFor();
  const third = await openDevice(server);
  await logIn(third, "ann");
  await composer(third).waitFor();
  assert.deepEqual([...ann.errors, ...other.errors, ...third.errors], []);
}));

test("a copy of everything can be saved, strict login be turned on, and the account be deleted", withServer(async (server) => {
  const ann = await byToken(server);
  await say(ann, "what I said");
  await message(ann, "what I said").getByLabel("Stored on the server").waitFor();
  const dialog = await openSettings(ann);
  const proof = ann.getByRole("dialog").filter({ hasText: "Password of ann" });

  await dialog.getByText("Export my data").first().click();
  const downloaded = ann.waitForEvent("download");
  await dialog.getByRole("button", { name: "Export my data" }).click();
  await proof.getByLabel("Password of ann").fill("secret-ann");
  await ann.keyboard.press("Enter");
  const download = await downloaded;
  assert.equal(download.suggestedFilename(), "ann.jsonl");
  const lines = (await readFile(await download.path(), "utf8")).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines[0].account.name, "ann");
  assert.ok(lines.some((line) => JSON.stringify(line).includes("what I said")));

  const strict = dialog.getByLabel("Strict login");
  await strict.check();
  await ann.getByText("Saved.").waitFor();
  await ann.keyboard.press("Escape");
  await openSettings(ann);
  await ann.waitForFunction(() => document.querySelector("#strict").checked);

  // Neither another name nor a password that is not given deletes anything.
  const remove = async (name) => {
    await dialog.getByLabel("To delete it, enter its name: ann").fill(name);
    await dialog.getByRole("button", { name: "Delete the account" }).click();
  };
  await dialog.getByText("Delete the account").first().click();
  await remove("anna");
  await ann.locator(".toast.failed").waitFor();
  await remove("ann");
  await proof.getByRole("button", { name: "Close" }).click();
  await proof.waitFor({ state: "detached" });
  await remove("ann");
  await proof.getByLabel("Password of ann").fill("secret-ann");
  await ann.keyboard.press("Enter");
  await ann.getByText("Your account is deleted.").waitFor();
  await ann.getByRole("button", { name: "Log in", exact: true }).waitFor();

  const other = await openDevice(server);
  await logIn(other, "ann");
  await other.locator(".wrong").first().waitFor();
  assert.deepEqual([...ann.errors, ...other.errors], []);
}));
