// The vectors that the Rust core passes, too: `crates/chat/vectors/README.md`.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Chat } from "../core/chat.js";
import { outgoingEntry } from "../core/outgoing.js";

/** @import { Conversation } from "../core/conversation.js" */
/** @import { Entry, Intent } from "../core/types.js" */

const folder = new URL("../../crates/chat/vectors/", import.meta.url);

/** @param {string} key */
const snake = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** @param {string} key */
const camel = (key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** @param {Entry} entry */
function showEntry(entry) {
  const shown = Object.entries(entry).map(([key, value]) => [snake(key), value]);
  return { ...Object.fromEntries(shown), tags: Object.fromEntries(entry.tags) };
}

/** @param {Chat} chat @param {Conversation} conversation */
function showConversation(chat, conversation) {
  // The vectors have members by name.
  const members = [...conversation.members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, member]) => member);
  return {
    with: conversation.kind,
    joined: conversation.joined,
    topic: conversation.topic,
    members: members.map(({ marks, nick }) => marks + nick),
    away: members.filter(({ away }) => away).map(({ nick }) => nick),
    unread: conversation.unread,
    mentions: conversation.mentions,
    first_unread: conversation.firstUnread,
    read_ms: conversation.readMs,
    notify: conversation.notify,
    typing: conversation.typing.map(({ nick }) => nick),
    pins: conversation.pins,
    loading: conversation.loading,
    from_start: conversation.timeline.isFromStart,
    rows: conversation.timeline.rows.map((row) => (row === "gap" ? row : showEntry(row))),
    waiting: chat.waiting(conversation.name).map((o) => showEntry(outgoingEntry(o, chat.me))),
  };
}

/** The state as the vectors show it. @param {Chat} chat */
function show(chat) {
  const conversations = [...chat.conversations.values()];
  const { words, loading, note, found } = chat.search;
  return {
    me: chat.me,
    connected: chat.connected,
    server: chat.server.name,
    motd: chat.server.motd,
    nodes: chat.server.nodes.map(({ address, fingerprint }) => (fingerprint ? `${address}=${fingerprint}` : address)),
    conversations: Object.fromEntries(conversations.map((c) => [c.name, showConversation(chat, c)])),
    outgoing: chat.outgoing.length,
    search: { words, loading, note, found: found.map(({ target, entry }) => ({ target, entry: showEntry(entry) })) },
    listed: chat.listed.map(({ name, members, topic }) => [name, members, topic]),
  };
}

/** Objects may have more keys than expected, everything else is as it stands. @param {any} expected @param {any} found @param {string} path */
function compare(expected, found, path) {
  if (expected !== null && typeof expected === "object" && !Array.isArray(expected)) {
    assert.equal(typeof (found ?? undefined), "object", `${path}: expected an object, found ${found}`);
    for (const key of Object.keys(expected)) compare(expected[key], found[key], `${path}.${key}`);
  } else if (Array.isArray(expected)) {
    const told = `${path}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`;
    assert.equal(found?.length, expected.length, told);
    for (const [at, one] of expected.entries()) compare(one, found[at], `${path}[${at}]`);
  } else {
    assert.deepEqual(found ?? null, expected, path);
  }
}

/** An intent of the vectors, `{ name: value }`, as the core takes it. @param {any} value @returns {Intent} */
function intentOf(value) {
  if (typeof value === "string") return /** @type {Intent} */ ({ type: camel(value) });
  const [name, of] = Object.entries(value)[0] ?? ["", {}];
  /** @type {Record<string, string>} */
  const single = { retry: "number", discard: "number", raw: "line", quit: "reason" };
  const values = typeof of === "object" && of ? of : { [single[name] ?? "target"]: of };
  const renamed = Object.entries(values).map(([key, one]) => [camel(key), one ?? undefined]);
  return /** @type {any} */ ({ type: camel(name), ...Object.fromEntries(renamed) });
}

class Player {
  chat = new Chat("r");
  nowMs = 1000;
  /** @type {string[]} */
  sent = [];
  /** @type {object[]} */
  settled = [];

  /** @param {any} step @param {any} vector */
  take(step, vector) {
    const [key, value] = Object.entries(step)[0] ?? ["", undefined];
    const { chat, nowMs, sent } = this;
    if (key === "login") chat.loggedIn(vector.me, new Map(Object.entries(vector.capabilities)), sent);
    else if (key === "line") chat.receive(value, nowMs, sent);
    else if (key === "lines") for (const line of value) chat.receive(line, nowMs, sent);
    else if (key === "now") this.nowMs = value;
    else if (key === "tick") chat.tick(nowMs, sent);
    else if (key === "broken") chat.broken();
    else if (key === "intent") chat.perform(intentOf(value), nowMs, sent);
    else if (key === "sent") compare(value, sent.splice(0), "sent");
    else if (key === "state") compare(value, show(chat), "state");
    else if (key === "settled") compare(value, this.settled.splice(0), "settled");
    else assert.fail(`unknown step ${key}`);
    for (const change of chat.takeChanges()) {
      if (change.type !== "settled") continue;
      const { number, msgid = null, refused } = change;
      this.settled.push(refused === undefined ? { number, msgid } : { number, reason: refused });
    }
  }
}

const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
assert.ok(files.length > 0, "there are vectors");
for (const name of files) {
  for (const vector of JSON.parse(readFileSync(new URL(name, folder), "utf8"))) {
    test(`${name}: ${vector.about}`, () => {
      const player = new Player();
      for (const [at, step] of vector.steps.entries()) {
        try {
          player.take(step, vector);
        } catch (error) {
          throw new Error(`step ${at}, ${JSON.stringify(step)}`, { cause: error });
        }
      }
    });
  }
}
