// Whatever the order in which live lines, pages of history, breaks, reloads and resends come: in the end the timeline
// is the server's history, and everything that was said is in it once. As `crates/chat/tests/interleavings.rs`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "../core/chat.js";
import { isSaid } from "../core/entry.js";
import { parseMessage } from "../core/message.js";
import { withSeeds } from "./random.js";

/** @import { Intent, Message } from "../core/types.js" */
/** @import { Random } from "./random.js" */

const ROOM = "#lobby";
const CAPABILITIES = new Map(
  ["message-tags", "server-time", "batch", "echo-message", "labeled-response", "draft/chathistory", "parlor/unread"].map(
    (name) => [name, ""],
  ),
);

/** A server of one room, as far as one client can tell. */
class ModelServer {
  /** @type {{ from: string, text: string }[]} */
  history = [];
  /** @type {Map<string, number>} */
  byResendId = new Map();
  /** @type {string[]} Lines on their way to the client. */
  queue = [];
  batches = 0;

  /** @param {number} at @param {string} tags */
  line(at, tags) {
    const { from, text } = this.history[at] ?? assert.fail();
    const ms = String(at % 1000).padStart(3, "0");
    return `@msgid=m${at};time=1970-01-01T00:00:00.${ms}Z${tags} :${from}!${from}@parlor PRIVMSG ${ROOM} :${text}`;
  }

  /** @param {string} from @param {string} text */
  say(from, text) {
    this.history.push({ from, text });
    return this.history.length - 1;
  }

  welcome() {
    this.queue.push(
      ":parlor 001 ann :Welcome",
      ":parlor 005 ann CHANTYPES=# CHATHISTORY=5 PREFIX=(ov)@+ :are supported",
      ":ann!ann@parlor JOIN #lobby",
      ":parlor 353 ann = #lobby :ann bob",
      ":parlor 366 ann #lobby :End",
    );
  }

  /** Takes what the client sent. @param {string[]} sent */
  take(sent) {
    for (const line of sent) {
      const message = parseMessage(line) ?? assert.fail(line);
      const label = message.tags.get("label");
      const tag = label === undefined ? "" : `;label=${label}`;
      if (message.verb === "PING") this.queue.push(`:parlor PONG parlor ${message.params[0]}`);
      else if (message.verb === "PRIVMSG") this.stored(message, tag);
      else if (message.verb === "CHATHISTORY") this.page(message, label ?? assert.fail());
      else assert.ok(["JOIN", "MARKREAD"].includes(message.verb), line);
    }
  }

  /** @param {Message} message @param {string} tag */
  stored(message, tag) {
    const id = message.tags.get("+parlor/resend") ?? assert.fail("it can be sent again");
    const at = this.byResendId.get(id) ?? this.say("ann", message.params[1] ?? "");
    this.byResendId.set(id, at);
    this.queue.push(this.line(at, tag));
  }

  /** @param {Message} message @param {string} label */
  page({ params }, label) {
    const [verb, , selector = "", most = ""] = params;
    const count = Number(most);
    const at = Number(/^msgid=m(\d+)$/.exec(selector)?.[1]);
    const end = this.history.length;
    /** @type {Record<string, [number, number]>} */
    const ranges = {
      LATEST: [end - count, end],
      BEFORE: [at - count, at],
      AFTER: [at + 1, at + 1 + count],
      AROUND: [at - Math.floor(count / 2), at + Math.ceil(count / 2)],
    };
    const [from, to] = ranges[verb ?? ""] ?? assert.fail(verb);
    const reference = ++this.batches;
    this.queue.push(`@label=${label} :parlor BATCH +${reference} chathistory ${ROOM}`);
    for (let one = Math.max(from, 0); one < Math.min(to, end); one++) {
      this.queue.push(this.line(one, `;batch=${reference}`));
    }
    this.queue.push(`:parlor BATCH -${reference}`);
  }
}

class World {
  server = new ModelServer();
  chat = new Chat("r0");
  connected = false;
  said = 0;
  loads = 0;

  /** @param {Intent} intent */
  perform(intent) {
    /** @type {string[]} */
    const out = [];
    try {
      this.chat.perform(intent, 1, out);
    } catch {
      // What cannot be done without a connection is not done.
      assert.ok(!this.connected);
    }
    if (this.connected) this.server.take(out);
  }

  othersSay() {
    const at = this.server.say("bob", `others ${this.server.history.length}`);
    if (this.connected) this.server.queue.push(this.server.line(at, ""));
  }

  say() {
    this.perform({ type: "say", to: ROOM, text: `mine ${this.said++}` });
  }

  disconnect() {
    if (!this.connected) return;
    this.connected = false;
    this.server.queue = [];
    this.chat.broken();
  }

  connect() {
    if (this.connected) return;
    this.connected = true;
    this.server.welcome();
    /** @type {string[]} */
    const out = [];
    this.chat.loggedIn("ann", CAPABILITIES, out);
    this.server.take(out);
    this.perform({ type: "open", target: ROOM });
  }

  /** The page is loaded anew: only what was kept is left. @param {number} rows */
  reload(rows) {
    this.disconnect();
    const { outgoing } = this.chat;
    const kept = this.chat.conversation(ROOM)?.timeline.newestRun(rows) ?? [];
    this.chat = new Chat(`r${++this.loads}`);
    this.chat.restoreConversation(ROOM, "room", structuredClone(kept));
    this.chat.restoreOutgoing(structuredClone(outgoing));
  }

  /** @param {number} count */
  arrive(count) {
    for (let n = 0; n < count; n++) {
      const line = this.server.queue.shift();
      if (line === undefined) return;
      /** @type {string[]} */
      const out = [];
      this.chat.receive(line, 1, out);
      this.server.take(out);
    }
  }

  /** @param {Random} random */
  fill(random) {
    const timeline = this.chat.conversation(ROOM)?.timeline;
    if (!timeline) return;
    const gaps = timeline.rows.flatMap((row, at) => (row === "gap" ? at : []));
    this.perform({ type: "load", target: ROOM, run: timeline.filler(gaps[random.below(gaps.length + 1)]) });
  }

  /** @param {Random} random */
  jump(random) {
    const { length } = this.server.history;
    if (length) this.perform({ type: "load", target: ROOM, run: { around: `m${random.below(length)}` } });
  }

  /** @param {Random} random */
  step(random) {
    const steps = [
      ...Array(8).fill(() => this.othersSay()),
      ...Array(6).fill(() => this.say()),
      ...Array(2).fill(() => this.disconnect()),
      ...Array(4).fill(() => this.connect()),
      ...Array(10).fill(() => this.arrive(1 + random.below(11))),
      ...Array(4).fill(() => this.fill(random)),
      ...Array(2).fill(() => this.jump(random)),
      () => this.reload(random.below(8)),
    ];
    random.pick(steps)();
    this.chat.takeChanges();
    this.check();
  }

  /** What is known is in the server's order at any time, nothing is there twice, and neighbours are neighbours. */
  check() {
    let last;
    for (const row of this.chat.conversation(ROOM)?.timeline.rows ?? []) {
      const at = row === "gap" ? undefined : row.msgid && Number(row.msgid.slice(1));
      if (typeof at === "number" && typeof last === "number") assert.equal(at, last + 1, "neighbours");
      if (typeof at === "number" || row === "gap") last = at;
    }
  }

  /** Everything arrives, and all gaps are filled. */
  finish() {
    this.connect();
    this.arrive(Infinity);
    for (let n = 0; n < 2000; n++) {
      const timeline = this.chat.conversation(ROOM)?.timeline ?? assert.fail("it is open");
      const gap = timeline.rows.lastIndexOf("gap");
      if (gap < 0 && timeline.isFromStart) return;
      this.perform({ type: "load", target: ROOM, run: timeline.filler(gap < 0 ? undefined : gap) });
      this.arrive(Infinity);
    }
    assert.fail("it is never complete");
  }
}

test("the timeline ends as the server's history, and nothing is said twice", () => {
  withSeeds(1500, (random) => {
    const world = new World();
    for (let steps = random.below(120); steps > 0; steps--) world.step(random);
    world.finish();
    assert.deepEqual(world.chat.outgoing, [], "all is confirmed");
    const entries = world.chat.conversation(ROOM)?.timeline.entries() ?? [];
    const timeline = entries.filter(isSaid).map(({ from, text }) => ({ from, text }));
    assert.deepEqual(timeline, world.server.history);
    const mine = timeline.filter(({ from }) => from === "ann").map(({ text }) => text);
    assert.deepEqual(mine, Array.from({ length: world.said }, (_, n) => `mine ${n}`));
  });
});
