import assert from "node:assert/strict";
import { test } from "node:test";
import { IDBFactory } from "fake-indexeddb";
import { Chat } from "../core/chat.js";
import { newEntry } from "../core/entry.js";
import { DeviceStore } from "../core/storage.js";

/** @import { Outgoing } from "../core/types.js" */

/** @param {string} text @param {number} number @returns {Outgoing} */
const outgoing = (text, number) => ({
  number,
  textId: number,
  resendId: `r.${number}`,
  to: "#lobby",
  text,
  action: false,
  timeMs: number,
  delivery: { state: "pending" },
  sent: false,
  resent: false,
});

const keys = { salt: "W22Z", iterations: 4096, clientKey: new Uint8Array(32), serverKey: new Uint8Array(32) };

test("what is kept is there after a reload, and nothing after it was cleared", async () => {
  const factory = new IDBFactory();
  const store = await DeviceStore.open(factory, "parlor");
  const entry = { ...newEntry("message", "bob", 5, "hello"), msgid: "m1", tags: new Map([["draft/x", "1"]]) };
  await store.keepLogin({ name: "ann", token: "web-1", keys });
  await store.keepDraft("#lobby", "unfinished");
  await store.keepDraft("bob", "gone");
  await store.keepDraft("bob", "");
  await store.keepCurrent("#lobby");
  await store.keepConversation({ name: "#Lobby", kind: "room", rows: [entry], atMs: 5 });
  await store.keepConversation({ name: "eve", kind: "person", rows: [], atMs: 1 });
  await store.forgetConversation("eve");

  const again = await DeviceStore.open(factory, "parlor");
  const kept = await again.load("tab", new Set());
  assert.deepEqual(kept, {
    login: { name: "ann", token: "web-1", keys },
    current: "#lobby",
    drafts: new Map([["#lobby", "unfinished"]]),
    conversations: [{ name: "#Lobby", kind: "room", rows: [entry], atMs: 5 }],
    outgoing: [],
  });
  await again.clear();
  assert.deepEqual(await again.load("tab", new Set()), { drafts: new Map(), conversations: [], outgoing: [] });
});

test("what a closed tab had on its way goes to one other tab, and an open one keeps its own", async () => {
  const factory = new IDBFactory();
  const store = await DeviceStore.open(factory, "parlor");
  await store.keepOutgoing("closed", [outgoing("first", 1), outgoing("third", 3)]);
  await store.keepOutgoing("crashed", [outgoing("second", 2)]);
  await store.keepOutgoing("open", [outgoing("other", 9)]);
  const open = new Set(["open", "a", "b"]);
  const loads = await Promise.all(["a", "b"].map(async (tab) => (await DeviceStore.open(factory, "parlor")).load(tab, open)));
  const texts = loads.map((kept) => kept.outgoing.map(({ text }) => text));
  assert.deepEqual(texts.toSorted(), [[], ["first", "second", "third"]]);
  // They are the taker's now: after its reload they are there again.
  const next = await store.load("c", new Set(["open"]));
  assert.deepEqual(next.outgoing.map(({ text }) => text), ["first", "second", "third"]);
});

test("texts of two closed tabs stay two, though they had the same number in their tabs", () => {
  const chat = new Chat("web.next");
  const kept = ["one.1", "two.1", "one.2", "two.2"].map((id) => ({ ...outgoing(id, 1), resendId: `web.${id}` }));
  chat.restoreOutgoing(kept);
  const [one, two, ...rest] = chat.outgoing.map(({ textId }) => textId);
  assert.notEqual(one, two);
  assert.deepEqual(rest, [one, two]);
});

test("a room without rows is joined before what was written to it before a reload is sent, but not for what was refused", () => {
  const chat = new Chat("web.next");
  chat.restoreConversation("#new", "room", []);
  chat.restoreConversation("#empty", "room", []);
  /** @type {Outgoing} */
  const refused = { ...outgoing("second", 2), to: "#closed", delivery: { state: "failed", reason: "By invitation only" } };
  chat.restoreOutgoing([{ ...outgoing("first", 1), to: "#new" }, refused]);
  /** @type {string[]} */
  const sent = [];
  chat.loggedIn("ann", new Map(), sent);
  assert.deepEqual(sent, ["JOIN #new", "PING welcomed", "PRIVMSG #new :first"]);
});

test("of very many conversations the newest are kept", async () => {
  const store = await DeviceStore.open(new IDBFactory(), "parlor");
  for (let n = 0; n < 210; n++) await store.keepConversation({ name: `#${n}`, kind: "room", rows: [], atMs: n });
  const kept = await store.load("tab", new Set());
  assert.equal(kept.conversations.length, 200);
  assert.equal(kept.conversations.at(-1)?.name, "#10");
  assert.equal((await store.load("tab", new Set())).conversations.length, 200);
});
