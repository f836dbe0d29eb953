/** @import { Change, Entry, Intent, Kind, Listed, Outgoing, Run, Search } from "./types.js" */
import { Conversation } from "./conversation.js";
import { newEntry } from "./entry.js";
import { fold, same } from "./fold.js";
import { LIMITS } from "./limits.js";
import { formatLine } from "./message.js";
import { Listing } from "./places.js";
import { receiveLine, WELCOMED } from "./receive.js";
import { carryOut, joinWanted, sendWaiting } from "./send.js";
import { Server } from "./server.js";

/**
 * @typedef {{ type: "page", target: string, run: Run } | { type: "search", more: boolean }
 *   | { type: "command", target: string, joins?: boolean | undefined }} Request
 *   A request whose answer is outstanding: a page of history; a search, and whether it goes on with an earlier
 *   one; a command whose answers are shown in the conversation where it was typed, and whether it is the `JOIN` of it.
 */

/**
 * All that a client knows of one login, across broken connections: the same rules as `crates/chat`.
 *
 * Everything here is pure: lines, times and a person's intents in; lines (appended to `out`) and changes out.
 */
export class Chat {
  /** This person's name. */
  me = "";
  server = new Server();
  /** The connection is logged in. */
  connected = false;
  /** @type {Map<string, Conversation>} By folded name; the server's has the empty name. */
  conversations = new Map([["", new Conversation("", "server")]]);
  /** @type {Outgoing[]} Messages on their way, and those that were refused, oldest first. */
  outgoing = [];
  /** @type {Search} */
  search = { words: "", loading: false, found: [], note: "" };
  /** @type {Listed[]} The newest list of rooms. */
  listed = [];
  /** The conversation that shows answers which name no other: the one opened last. */
  current = "";
  /** The whole welcome has arrived: from now on live lines follow each other without a gap. */
  ready = false;

  // What follows is for the core's own modules.
  /** @type {Listed[]} */
  lists = [];
  /** @type {Map<number, Request>} */
  requests = new Map();
  /** @type {Map<string, import("./batch.js").Batch>} */
  batches = new Map();
  /** @type {Change[]} */
  changes = [];
  next = 0;
  /** @type {{ target: string, run: Run }[]} Pages to request because they show the place of a message in the timeline. */
  wanted = [];
  /** @type {Map<string, number>} When others were last notified that this person is typing, by folded name. */
  typingSent = new Map();
  /** The room in sight, if its `JOIN` was refused during the welcome: the page opens a room at the end of that, and should not be refused a second time. */
  refusedJoin = "";
  #added = 0;

  /** @param {string} resendPrefix Makes this tab's resend ids unlike all others of the account (`A-Z a-z 0-9 - _ . :`). */
  constructor(resendPrefix) {
    this.resendPrefix = resendPrefix;
  }

  /**
   * A new connection has logged in. Joins the rooms that were opened before it and are not joined yet, sends unconfirmed
   * messages again, and a `PING` whose answer ends the welcome.
   * @param {string} me @param {Map<string, string>} capabilities Those in effect, with their values. @param {string[]} out
   */
  loggedIn(me, capabilities, out) {
    this.me = me;
    this.server.capabilities = new Map(capabilities);
    if (!this.server.has("parlor/nodes")) this.server.nodes = [];
    this.connected = true;
    this.ready = false;
    joinWanted(this, out);
    out.push(formatLine("PING", [WELCOMED]));
    sendWaiting(this, out);
  }

  /** Handles a line from the server, without its line ending. @param {string} line @param {number} nowMs @param {string[]} out */
  receive(line, nowMs, out) {
    receiveLine(this, line, nowMs, out);
  }

  /**
   * Performs an intent. Returns the number of the last message that `say` made.
   * @param {Intent} intent @param {number} nowMs @param {string[]} out @returns {number | undefined}
   * @throws {Impossible} And nothing has happened.
   */
  perform(intent, nowMs, out) {
    return carryOut(this, intent, nowMs, out);
  }

  /** Handles expired timers: resends deferred messages, stops showing people as typing. @param {number} nowMs @param {string[]} out */
  tick(nowMs, out) {
    let due = false;
    for (const outgoing of this.outgoing) {
      if (outgoing.retryAtMs === undefined || outgoing.retryAtMs > nowMs) continue;
      outgoing.retryAtMs = undefined;
      due = true;
    }
    if (due) sendWaiting(this, out);
    for (const conversation of this.conversations.values()) {
      const typing = conversation.typing.filter(({ until }) => until > nowMs);
      if (typing.length === conversation.typing.length) continue;
      conversation.typing = typing;
      this.touch("conversation", conversation.name);
    }
  }

  /** When `tick` has something to do next. @returns {number | undefined} */
  nextTickMs() {
    const times = this.outgoing.flatMap(({ retryAtMs }) => retryAtMs ?? []);
    for (const { typing } of this.conversations.values()) times.push(...typing.map(({ until }) => until));
    return times.length ? Math.min(...times) : undefined;
  }

  /** The connection broke. What was not confirmed is sent again at the next login. */
  broken() {
    this.connected = false;
    this.batches.clear();
    this.lists = [];
    this.server.listing = new Listing();
    const requests = [...this.requests.values()];
    this.requests.clear();
    for (const request of requests) this.forgetRequest(request, "the connection broke");
    for (const outgoing of this.outgoing) {
      outgoing.resent ||= outgoing.sent;
      outgoing.sent = false;
    }
    for (const conversation of this.conversations.values()) {
      // The server may not have received it.
      conversation.joining &&= "wanted";
      conversation.joined = false;
      conversation.members.clear();
      conversation.names = undefined;
      conversation.typing = [];
      conversation.timeline.breakOff();
    }
    this.ready = false;
    this.refusedJoin = "";
    this.typingSent.clear();
    this.touch("conversation", "");
  }

  /** Restores a stored conversation; newer messages may be missing. @param {string} name @param {"room" | "person"} kind @param {Entry[]} rows */
  restoreConversation(name, kind, rows) {
    if (this.conversation(name) || this.conversations.size >= LIMITS.CONVERSATIONS) return;
    const conversation = new Conversation(name, kind);
    for (const entry of rows) conversation.timeline.push(entry, true);
    conversation.timeline.breakOff();
    this.conversations.set(fold(name), conversation);
    this.touch("conversation", name);
  }

  /** Restores messages that were not confirmed, under their old resend ids. @param {Outgoing[]} outgoing */
  restoreOutgoing(outgoing) {
    const textIds = new Map();
    for (const one of outgoing.slice(0, LIMITS.OUTGOING - this.outgoing.length)) {
      this.next += 1;
      // A text has its number from its tab, which the resend id names.
      const text = one.resendId.replace(/\d+$/, "") + one.textId;
      const textId = textIds.get(text) ?? this.next;
      textIds.set(text, textId);
      this.outgoing.push({ ...one, number: this.next, textId, sent: false, resent: true, retryAtMs: undefined });
      const conversation = this.conversationOrNew(one.to);
      conversation.joining ||= one.delivery.state === "pending" && !conversation.timeline.newest() && "wanted";
      this.touch("timeline", conversation.name);
    }
  }

  /** Takes what has changed since the last call. */
  takeChanges() {
    const changes = this.changes;
    this.changes = [];
    return changes;
  }

  /** @param {string} name */
  conversation(name) {
    return this.conversations.get(fold(name));
  }

  /** The messages to a conversation that are on their way, or were refused. @param {string} name */
  waiting(name) {
    return this.outgoing.filter(({ to }) => same(to, name));
  }

  // What follows is for the core's own modules.

  /** Reports a change of a conversation. @param {"timeline" | "conversation"} type @param {string} target */
  touch(type, target) {
    this.changes.push({ type, target });
  }

  /** A request will not be answered. @param {Request} request @param {string} reason */
  forgetRequest(request, reason) {
    if (request.type === "page") {
      const conversation = this.conversation(request.target);
      if (conversation) conversation.loading = Math.max(conversation.loading - 1, 0);
      this.changes.push({ type: "page", target: request.target, count: 0, refused: reason });
    } else if (request.type === "search") {
      this.search.loading = false;
      this.search.note = reason;
      this.changes.push({ type: "found" });
    }
  }

  /** A request has been answered. @param {number} label @param {string} reason */
  endRequest(label, reason) {
    const request = this.requests.get(label);
    this.requests.delete(label);
    if (request?.type === "command" && request.joins) this.joinAnswered(request.target);
    if (request) this.forgetRequest(request, reason);
  }

  /** `JOIN` was answered; if the person is not in the room now, it was refused. @param {string} room */
  joinAnswered(room) {
    const conversation = this.conversation(room);
    if (!conversation?.joining) return;
    conversation.joining = false;
    if (!this.ready && same(this.current, room)) this.refusedJoin = room;
  }

  /** The conversation of a name, made if there is none; the server's if there are too many. @param {string} name @returns {Conversation} */
  conversationOrNew(name) {
    const known = this.conversation(name);
    if (known) return known;
    if (this.conversations.size >= LIMITS.CONVERSATIONS) return this.conversationOrNew("");
    const made = new Conversation(name, this.server.isRoom(name) ? "room" : "person");
    this.conversations.set(fold(name), made);
    this.touch("conversation", name);
    return made;
  }

  /** Adds a sentence from the server, or about the connection, to a conversation. @param {string} target @param {Kind} kind @param {number} nowMs @param {string} text */
  inform(target, kind, nowMs, text) {
    const place = this.conversation(target) ? target : "";
    this.add(place, newEntry(kind, this.server.name, nowMs, text));
  }

  /** Adds a live row; false if it was known. @param {string} target @param {Entry} entry */
  add(target, entry) {
    const conversation = this.conversationOrNew(target);
    const follows = this.ready || entry.msgid === undefined;
    if (!conversation.timeline.push(entry, follows)) return false;
    this.touch("timeline", conversation.name);
    this.#bound();
    return true;
  }

  /** Keeps the number of entries within its bound. */
  #bound() {
    // Looking at every conversation takes a while; the bound may be overstepped a little.
    this.#added += 1;
    if (this.#added % 256) return;
    const all = [...this.conversations.values()];
    const total = all.reduce((sum, { timeline }) => sum + timeline.rows.length, 0);
    if (total <= LIMITS.ENTRIES) return;
    const idle = all.filter(({ loading }) => loading === 0);
    idle.sort((a, b) => b.timeline.rows.length - a.timeline.rows.length);
    const longest = idle[0];
    if (!longest) return;
    const half = Math.floor(longest.timeline.rows.length / 2);
    longest.timeline.forgetOldest(Math.min(total - LIMITS.ENTRIES + 512, half));
    this.touch("timeline", longest.name);
  }

  /** The next label for a request, if the server knows labels and not too many are outstanding. @param {Request} request */
  label(request) {
    if (!this.server.has("labeled-response") || this.requests.size >= LIMITS.REQUESTS) return undefined;
    this.next += 1;
    this.requests.set(this.next, request);
    return String(this.next);
  }
}
