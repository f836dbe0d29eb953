// Connections that break, servers that are killed, pages that are closed: nothing is lost, nothing comes twice.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, composer, hasWritten, Irc, listed, message, openDevice, register, say, withServer } from "./harness.mjs";

after(closeBrowser);

/** Waits until the device keeps a record of this kind (`login`, `draft`, `outgoing` or `rows`) that has this text in it. */
async function untilKept(page, kind, text) {
  // `waitForFunction` takes a promise for a yes, whatever it resolves to.
  while (!(await page.evaluate(isKept, [kind, text]))) await page.waitForTimeout(20);
}

/** Whether the page it runs in keeps such a record. */
async function isKept([kind, text]) {
  const result = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  for (const { name } of await indexedDB.databases()) {
    const database = await result(indexedDB.open(name));
    const table = database.transaction("kept").objectStore("kept");
    const [keys, values] = await Promise.all([result(table.getAllKeys()), result(table.getAll())]);
    database.close();
    if (keys.some((key, at) => key.startsWith(kind) && JSON.stringify(values[at]).includes(text))) return true;
  }
  return false;
}

test("a server killed while people write has each message once", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  const written = [];
  for (let round = 0; round < 3; round += 1) {
    // The kill comes somewhere in the midst of these.
    const killed = new Promise((resolve) => setTimeout(() => resolve(server.kill()), 40 * (round + 1)));
    for (let count = 0; count < 8; count += 1) {
      written.push(`message ${round}-${count}`);
      await say(ann, written.at(-1));
    }
    await killed;
    written.push(`while away ${round}`);
    await say(ann, written.at(-1));
    await message(ann, written.at(-1)).getByLabel("Waiting for the connection").waitFor();
    await server.run();
    await ann.getByRole("button", { name: "Try now" }).click({ timeout: 2000 }).catch(() => {
      // It was quicker by itself.
    });
    await message(ann, written.at(-1)).getByLabel("Stored on the server").waitFor({ timeout: 30_000 });
  }
  const texts = await ann.locator(".message .text").allInnerTexts();
  assert.deepEqual(texts, written);
  // The same for somebody who was not there.
  const bob = await Irc.connect(server.port, "bob", { caps: "batch server-time message-tags draft/chathistory" });
  bob.send("CHATHISTORY LATEST #lobby * 100", "PING done");
  await bob.expect(/PONG .*done/u).catch(() => {});
  const fresh = await openDevice(server);
  await register(fresh, "eve");
  await message(fresh, written.at(-1)).waitFor();
  const seen = await fresh.locator(".message .text").allInnerTexts();
  assert.deepEqual(seen, written);
  assert.deepEqual([...ann.errors, ...fresh.errors], []);
  bob.close();
}));

test("who is cut off just after registering is told so, and comes in", withServer(async (server) => {
  const ann = await openDevice(server);
  let cuts = 2;
  await ann.routeWebSocket(/.*/u, (socket) => {
    const answers = socket.connectToServer();
    answers.onMessage((line) => {
      if (!/REGISTER SUCCESS|ACCOUNT_EXISTS/u.test(line) || cuts === 0) return socket.send(line);
      cuts -= 1;
      return socket.close();
    });
  });
  const isIn = register(ann, "ann");
  await ann.getByText("The connection broke.", { exact: false }).first().waitFor();
  assert.equal(await ann.getByLabel("Name", { exact: true }).inputValue(), "ann");
  await isIn;
  assert.equal(cuts, 0);
  await say(ann, "made it");
  await message(ann, "made it").getByLabel("Stored on the server").waitFor();
  assert.deepEqual(ann.errors, []);
}));

test("offline is told, and what was written meanwhile is sent", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  const bob = await Irc.connect(server.port, "bob");
  await ann.context().setOffline(true);
  await server.kill();
  await ann.getByText("You are offline.", { exact: false }).waitFor();
  await say(ann, "written on a train");
  await message(ann, "written on a train").getByLabel("Waiting for the connection").waitFor();
  await server.run();
  await ann.context().setOffline(false);
  await message(ann, "written on a train").getByLabel("Stored on the server").waitFor();
  await ann.locator(".banner").waitFor({ state: "detached" });
  assert.equal(await message(ann, "written on a train").count(), 1);
  assert.deepEqual(ann.errors, []);
  bob.close();
}));

test("a connection that was opened early for somebody who is not logged in after all is closed", withServer(async (server) => {
  const page = await openDevice(server);
  await page.addInitScript(() => {
    // Set from outside, the page that is still starting may take it away again.
    localStorage.setItem("parlor.stays", "1");
    // Playwright does not report a WebSocket that is closed before its request is sent.
    globalThis.opened = [];
    globalThis.WebSocket = class extends WebSocket {
      constructor(...args) {
        super(...args);
        globalThis.opened.push(this);
      }
    };
  });
  await page.reload();
  await page.waitForFunction(() => globalThis.opened.some(({ readyState }) => readyState === WebSocket.CLOSED));
  assert.equal(await page.evaluate(() => globalThis.opened.length), 1);
  assert.deepEqual(page.errors, []);
}));

test("who stays logged in finds messages, drafts and what was not sent after a reload", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann", { remember: true });
  await say(ann, "kept on this device");
  await message(ann, "kept on this device").getByLabel("Stored on the server").waitFor();
  await untilKept(ann, "login", "ann");
  await untilKept(ann, "rows", "kept on this device");
  await server.kill();
  await say(ann, "not sent yet");
  await composer(ann).fill("half a sent");
  await untilKept(ann, "outgoing", "not sent yet");
  await untilKept(ann, "draft", "half a sent");
  // The page itself comes from the server, so the server is up while it loads, and only the WebSocket is kept from it.
  let isOpen = false;
  await ann.routeWebSocket(/.*/u, (socket) => {
    if (isOpen) socket.connectToServer();
    else socket.close();
  });
  await server.run();
  await ann.reload();
  await message(ann, "kept on this device").waitFor();
  await message(ann, "not sent yet").waitFor();
  await hasWritten(ann, "half a sent");
  assert.equal(await message(ann, "not sent yet").getByLabel("Stored on the server").count(), 0);
  isOpen = true;
  await message(ann, "not sent yet").getByLabel("Stored on the server").waitFor({ timeout: 30_000 });
  assert.equal(await message(ann, "not sent yet").count(), 1);

  // Logging out leaves nothing here.
  await composer(ann).fill("");
  await ann.locator(".me-button").click();
  await ann.getByRole("dialog").getByRole("button", { name: "Log out" }).last().click();
  await ann.getByRole("button", { name: "Log in", exact: true }).waitFor();
  await ann.reload();
  await ann.getByRole("button", { name: "Log in", exact: true }).waitFor();
  assert.equal(await ann.getByText("kept on this device").count(), 0);
  assert.deepEqual(ann.errors, []);
}));

test("a refused message can be edited, tried again and discarded", withServer(async (server) => {
  const bob = await Irc.connect(server.port, "bob");
  bob.send("JOIN #news", "ROOM #news announce on", "PING made");
  await bob.expect(/PONG .*made/u);
  const ann = await openDevice(server);
  await register(ann, "ann");
  await say(ann, "/join #news");
  await ann.locator(".bar-title", { hasText: "#news" }).waitFor();
  await say(ann, "may I?");
  const row = message(ann, "may I?");
  await row.locator(".failure", { hasText: "Not sent" }).waitFor();
  await row.getByRole("button", { name: "Edit" }).click();
  await hasWritten(ann, "may I?");
  await row.waitFor({ state: "detached" });
  await composer(ann).press("Enter");
  await row.locator(".failure").waitFor();
  bob.send("ROOM #news announce off");
  await bob.expect(/ROOM SETTING #news announce :off/u);
  await row.getByRole("button", { name: "Try again" }).click();
  await row.getByLabel("Stored on the server").waitFor();
  bob.send("ROOM #news announce on");
  await bob.expect(/ROOM SETTING #news announce :on/u);
  await say(ann, "and now?");
  await message(ann, "and now?").getByRole("button", { name: "Discard" }).click();
  await message(ann, "and now?").waitFor({ state: "detached" });
  await listed(ann, "lobby").click();
  assert.deepEqual(ann.errors, []);
  bob.close();
}));
