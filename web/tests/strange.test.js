// No line, however strange, is a reason to throw, and nothing grows without bound.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "../core/chat.js";
import { Connection } from "../core/connection.js";
import { LIMITS, WANTED } from "../core/limits.js";
import { parseMessage } from "../core/message.js";
import { withSeeds } from "./random.js";

/** @import { Random } from "./random.js" */

// Words of the protocol, for lines that are nearly right.
const WORDS = [
  ..."@batch=x @label=1 @label=-1 @msgid=m;time=z @msgid=m;time=2026-11-22T14:02:05.123Z".split(" "),
  ..."@+draft/reply=m;+draft/react=👍 @+draft/reply=m;+draft/unreact=👍 @draft/multiline-concat;batch=x".split(" "),
  ..."@__proto__=1;+__proto__=2;+constructor=3 :ann!a@b :bob!b@c :parlor :!@ : @".split(" "),
  ..."PRIVMSG NOTICE TAGMSG BATCH +x -x +y chathistory draft/multiline soju.im/search other".split(" "),
  ..."JOIN PART QUIT KICK NICK MODE +ov-o +b TOPIC RENAME REDACT INVITE AWAY KILL ERROR PING PONG".split(" "),
  ..."001 005 PREFIX=( PREFIX=(o)@ PREFIX= CHANTYPES= CHANMODES=,,, CHATHISTORY=0 CHATHISTORY=x -PREFIX".split(" "),
  ..."353 366 332 322 323 372 376 401 263 900 FAIL NOTE WARN RATE_LIMITED SEARCH END".split(" "),
  ..."MARKREAD UNREAD NOTIFY PIN PINNED UNPINNED ENTRY CAP NEW ACK DEL LS NAK AUTHENTICATE REGISTER SUCCESS".split(" "),
  ..."draft/multiline=max-bytes=1,max-lines=0 #lobby #other @#lobby ann bob * welcomed timestamp=x".split(" "),
  ..."timestamp=2026-11-22T14:02:05.123Z 1000+ -1 NaN 1e999 \x01ACTION \x01 :text :ann ::".split(" "),
  "",
  ":1 2 3 seconds",
];

/** @param {Random} random */
function strangeLine(random) {
  if (random.below(4)) return Array.from({ length: random.below(8) }, () => random.pick(WORDS)).join(" ");
  const codes = Array.from({ length: random.below(40) }, () => random.below(random.pick([0x7f, 0x20, 0xffff])));
  // Arbitrary text, with lone surrogates and controls; and what arbitrary bytes are as UTF-8.
  const text = String.fromCharCode(...codes);
  return random.below(2) ? text : new TextDecoder().decode(Uint8Array.from(codes));
}

/** @param {Chat} chat */
function assertBounded(chat) {
  assert.ok(chat.conversations.size <= LIMITS.CONVERSATIONS);
  assert.ok(chat.batches.size <= LIMITS.BATCHES);
  assert.ok(chat.requests.size <= LIMITS.REQUESTS);
  assert.ok(chat.server.tokens.size <= LIMITS.TOKENS && chat.server.offered.size <= WANTED.length);
  assert.equal(chat.conversations.get("")?.kind, "server", "the server's conversation stays");
}

test("no line is a reason to throw", () => {
  withSeeds(4000, (random) => {
    const chat = new Chat("r");
    /** @type {string[]} */
    const out = [];
    chat.loggedIn("ann", new Map(random.below(4) ? WANTED.map((name) => [name, ""]) : []), out);
    chat.perform({ type: "open", target: "#lobby" }, 0, out);
    chat.perform({ type: "say", to: "#lobby", text: "hello" }, 0, out);
    for (let lines = random.below(60); lines > 0; lines--) chat.receive(strangeLine(random), 1, out);
    chat.tick(1e15, out);
    chat.broken();
    assertBounded(chat);
    for (const line of out) {
      assert.doesNotMatch(line, /[\r\n\0]/);
      assert.ok(parseMessage(line), line);
    }
  });
});

test("no line is a reason for a login to throw", () => {
  withSeeds(2000, (random) => {
    const how = random.pick(/** @type {const} */ (["guest", "register"]));
    const connection = new Connection({ how, name: "ann", password: "secret" });
    /** @type {string[]} */
    const out = [];
    connection.start(out);
    for (let lines = 40; lines > 0; lines--) connection.receive(strangeLine(random), out);
    for (const line of out) assert.doesNotMatch(line, /[\r\n\0]/);
  });
});

test("what a server sends without end is kept within bounds", () => {
  const chat = new Chat("r");
  /** @type {string[]} */
  const out = [];
  chat.loggedIn("ann", new Map(), out);
  const flood = 60_000;
  for (let n = 0; n < flood; n++) {
    chat.receive(`:bob${n}!b@c PRIVMSG ann :${n}`, 1, out);
    chat.receive(`@msgid=x${n} :bob!b@c PRIVMSG #lobby :${n}`, 1, out);
    chat.receive(`BATCH +${n} chathistory #lobby`, 1, out);
    chat.receive(`:parlor 005 ann T${n}=1 :are supported`, 1, out);
    chat.receive(`:parlor 322 ann #${n} 1 :topic`, 1, out);
    chat.receive(`:parlor 372 ann :- ${n}`, 1, out);
    chat.receive(`:u${n}!b@c JOIN #lobby`, 1, out);
    chat.receive(`:parlor 353 ann = #lobby :v${n}`, 1, out);
    chat.receive(`NOTE PIN PINNED #lobby ${n} bob :pinned`, 1, out);
    chat.receive(`:parlor CAP ann NEW :c${n}=1`, 1, out);
    chat.receive(`@+draft/reply=x0;+draft/react=${n} :u${n}!b@c TAGMSG #lobby`, 1, out);
    chat.receive(`@+typing=active :u${n}!b@c TAGMSG #lobby`, 1, out);
    chat.takeChanges();
  }
  assertBounded(chat);
  const lobby = chat.conversation("#lobby") ?? assert.fail();
  const rows = [...chat.conversations.values()].reduce((sum, { timeline }) => sum + timeline.rows.length, 0);
  // The bound may be overstepped a little, see `Chat`.
  assert.ok(rows <= LIMITS.ENTRIES + 512, `${rows} rows`);
  assert.ok(lobby.members.size <= LIMITS.MEMBERS && (lobby.names?.size ?? 0) <= LIMITS.MEMBERS);
  assert.ok(lobby.pins.length <= LIMITS.PINS && lobby.typing.length <= LIMITS.TYPING);
  assert.ok(chat.server.motd.length <= LIMITS.MOTD_LINES && chat.lists.length <= LIMITS.LISTED);
});

test("a line that is too long is ignored, and a message of many lines has an end", () => {
  const chat = new Chat("r");
  /** @type {string[]} */
  const out = [];
  chat.loggedIn("ann", new Map([["batch", ""]]), out);
  chat.receive(`:bob!b@c PRIVMSG ann :${"x".repeat(LIMITS.LINE)}`, 1, out);
  assert.equal(chat.conversation("bob"), undefined);
  chat.receive(":bob!b@c BATCH +x draft/multiline ann", 1, out);
  for (let n = 0; n < 2000; n++) chat.receive(`@batch=x :bob!b@c PRIVMSG ann :${"y".repeat(400)}`, 1, out);
  chat.receive(":bob!b@c BATCH -x", 1, out);
  const [message] = chat.conversation("bob")?.timeline.entries() ?? [];
  assert.ok(message && message.text.length <= LIMITS.TEXT_BYTES && message.text.length > LIMITS.TEXT_BYTES - 1000);
});

test("a server that takes any number of lines is given a bounded one", () => {
  const chat = new Chat("r");
  /** @type {string[]} */
  const out = [];
  const value = `max-bytes=1000,max-lines=${"9".repeat(30)}`;
  chat.loggedIn("ann", new Map([["batch", ""], ["draft/multiline", value]]), out);
  chat.perform({ type: "say", to: "#lobby", text: "word ".repeat(100_000) }, 1, out);
  assert.ok(chat.outgoing.length <= LIMITS.OUTGOING);
});
