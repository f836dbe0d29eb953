// Messages, and what refers to them: reactions, redactions, pins; typing.
/** @import { Chat } from "./chat.js" */
/** @import { Entry, Kind } from "./types.js" */
/** @import { Received } from "./received.js" */
import { isSaid, newEntry, reactTo, redactEntry } from "./entry.js";
import { mentions, mentionsRoom, same } from "./fold.js";
import { LIMITS } from "./limits.js";
import { HELD_BACK } from "./outgoing.js";

/** @typedef {{ place: string, entry: Entry }} Placed A row, and the name of its conversation. */

/** A message or an event of a conversation as a row. None if it belongs to no conversation. @param {Chat} chat @param {Received} received @returns {Placed | undefined} */
export function readEntry(chat, received) {
  if (!received.message.source) return undefined;
  const from = received.from();
  const mine = same(from, chat.me);
  const what = whatHappened(chat, received, mine);
  if (!what) return undefined;
  const { kind, place, whom = "", text = "" } = what;
  const entry = newEntry(kind, from, received.timeMs(), text);
  const roomWide = chat.server.isRoom(place) && mentionsRoom(text);
  const said = isSaid(entry);
  const msgid = received.tag("msgid");
  const account = received.tag("account");
  Object.assign(entry, { msgid, mine, whom, replyTo: received.replyTo(), tags: clientTags(received) });
  entry.mentionsMe = said && !mine && (roomWide || mentions(text, chat.me));
  if (account !== "*") entry.account = account;
  if (mine && said && msgid !== undefined) entry.delivery = { state: "stored" };
  return { place, entry };
}

/**
 * @param {Chat} chat @param {Received} received @param {boolean} mine
 * @returns {{ kind: Kind, place: string, whom?: string, text?: string } | undefined}
 */
function whatHappened({ server }, received, mine) {
  const { verb, params } = received.message;
  const [first, second] = [received.param(0), received.param(1)];
  switch (verb) {
    case "PRIVMSG":
    case "NOTICE": {
      const { rest } = server.splitMarks(first);
      const place = server.isRoom(rest) ? rest : mine ? first : received.from();
      const said = kindAndText(verb, second);
      return said && { place, ...said };
    }
    case "JOIN":
      return { kind: "join", place: first };
    case "PART":
      return { kind: "part", place: first, text: second };
    case "KICK":
      return { kind: "kick", place: first, whom: second, text: received.param(2) };
    case "TOPIC":
      return { kind: "topic", place: first, text: second };
    case "INVITE":
      return { kind: "invite", place: second, whom: first };
    case "MODE":
      return server.isRoom(first) ? { kind: "mode", place: first, text: params.slice(1).join(" ") } : undefined;
    case "QUIT":
      return { kind: "quit", place: "", text: received.last() };
    case "NICK":
      return { kind: "nick", place: "", whom: first };
    default:
      return undefined;
  }
}

/** CTCP `ACTION` is something done; other CTCP is for programs. @param {string} verb @param {string} text @returns {{ kind: Kind, text: string } | undefined} */
function kindAndText(verb, text) {
  if (text[0] !== "\x01") return { kind: verb === "NOTICE" ? "notice" : "message", text };
  const action = text.startsWith("\x01ACTION ") ? text.slice(8) : undefined;
  return action === undefined ? undefined : { kind: "action", text: action.replace(/\x01$/, "") };
}

/** The client tags that say more than which message is answered. @param {Received} received */
function clientTags({ message }) {
  const tags = new Map();
  for (const [key, value] of message.tags) {
    if (key[0] !== "+" || key === "+reply" || key === "+draft/reply" || tags.size >= LIMITS.TAGS) continue;
    tags.set(key.slice(1), value);
  }
  return tags;
}

/** A live message. @param {Chat} chat @param {Received} received */
export function receiveSaid(chat, received) {
  const { source } = received.message;
  if (!source) return;
  if (!source.includes("@") && !same(source, chat.me)) {
    // The server speaks, not a person.
    const target = received.param(0);
    chat.inform(chat.server.isRoom(target) ? target : "", "info", received.nowMs, received.param(1));
    return;
  }
  const placed = readEntry(chat, received);
  if (placed) arrivedMessage(chat, placed, received.label);
}

/** A complete message has arrived. @param {Chat} chat @param {Placed} placed @param {number | undefined} label */
export function arrivedMessage(chat, { place, entry }, label) {
  const { mine, mentionsMe } = entry;
  if (mine && confirmOutgoing(chat, entry, label) && hasPlaceToFind(chat, place, entry)) return;
  chat.conversationOrNew(place).setTyping(entry.from, 0, false);
  if (!chat.add(place, entry)) return;
  const conversation = chat.conversationOrNew(place);
  const target = conversation.name;
  const counts = !chat.server.has("parlor/unread") || chat.ready;
  if (!mine && counts && (entry.kind !== "notice" || mentionsMe)) {
    conversation.unread += 1;
    if (mentionsMe) conversation.mentions += 1;
    conversation.firstUnread ??= entry.msgid;
    chat.touch("conversation", target);
  }
  chat.changes.push({ type: "said", target, entry });
}

/**
 * One's own message has come back: it is stored. Without a label the oldest one of this text is meant.
 * Returns whether it had been sent on an earlier connection, too.
 * @param {Chat} chat @param {Entry} entry @param {number | undefined} label
 */
function confirmOutgoing(chat, entry, label) {
  const labels = chat.server.has("labeled-response");
  const at = chat.outgoing.findIndex(({ number, sent, text }) =>
    label === undefined ? !labels && sent && text === entry.text : number === label,
  );
  const [outgoing] = at < 0 ? [] : chat.outgoing.splice(at, 1);
  if (!outgoing) return false;
  chat.changes.push({ type: "settled", number: outgoing.number, msgid: entry.msgid });
  chat.touch("timeline", outgoing.to);
  return outgoing.resent;
}

/**
 * A message resent after a break may have been stored before it, and others after it: then only history knows its
 * place. Requests that page; false if the message is known or history is not supported.
 * @param {Chat} chat @param {string} place @param {Entry} entry
 */
function hasPlaceToFind(chat, place, { msgid }) {
  if (msgid === undefined || !chat.server.has("draft/chathistory") || !chat.server.has("labeled-response")) return false;
  const { timeline } = chat.conversationOrNew(place);
  if (timeline.find(msgid)) return false;
  timeline.breakOff();
  chat.wanted.push({ target: place, run: { around: msgid } });
  return true;
}

/** One's own message was refused, and with it what has not been sent of its text. @param {Chat} chat @param {number | undefined} number @param {string} reason */
export function refuseOutgoing(chat, number, reason) {
  const refused = chat.outgoing.find((outgoing) => outgoing.number === number);
  if (!refused) return false;
  chat.touch("timeline", refused.to);
  for (const outgoing of chat.outgoing) {
    const waits = outgoing.textId === refused.textId && outgoing.delivery.state === "pending" && !outgoing.sent;
    if (outgoing !== refused && !waits) continue;
    const why = outgoing === refused ? reason : HELD_BACK;
    outgoing.delivery = { state: "failed", reason: why };
    outgoing.retryAtMs = undefined;
    chat.changes.push({ type: "settled", number: outgoing.number, refused: why });
  }
  return true;
}

/** @param {Chat} chat @param {Received} received */
export function receiveTagged(chat, received) {
  const from = received.from();
  const mine = same(from, chat.me);
  const { rest } = chat.server.splitMarks(received.param(0));
  const place = chat.server.isRoom(rest) || mine ? rest : from;
  const conversation = chat.conversation(place);
  const typing = received.tag("+typing");
  if (typing !== undefined && !mine && conversation) {
    conversation.setTyping(from, received.nowMs, typing === "active");
    chat.touch("conversation", conversation.name);
  }
  for (const reaction of reactingsIn(received)) applyReaction(chat, place, reaction);
}

/** @typedef {{ msgid: string, text: string, by: string, undo: boolean }} Reacting A reaction to a message, or one taken back. */

/** What a `TAGMSG` does to another message. @param {Received} received @returns {Reacting[]} */
export function reactingsIn(received) {
  const msgid = received.replyTo();
  if (msgid === undefined) return [];
  const by = received.from();
  return [false, true].flatMap((undo) => {
    const text = received.tag(undo ? "+draft/unreact" : "+draft/react");
    return text === undefined ? [] : { msgid, text, by, undo };
  });
}

/** Somebody reacts to a message that may be here. @param {Chat} chat @param {string} place @param {Reacting} reacting */
export function applyReaction(chat, place, { msgid, text, by, undo }) {
  const conversation = chat.conversation(place);
  const entry = conversation?.timeline.find(msgid);
  if (!conversation || !entry) return;
  reactTo(entry, text, by, undo);
  chat.touch("timeline", conversation.name);
}

/** @param {Chat} chat @param {Received} received */
export function receiveRedact(chat, received) {
  const [from, target, msgid] = [received.from(), received.param(0), received.param(1)];
  const place = chat.server.isRoom(target) || same(from, chat.me) ? target : from;
  const conversation = chat.conversation(place);
  if (!conversation) return;
  const entry = conversation.timeline.find(msgid);
  if (entry) {
    redactEntry(entry, from);
    chat.touch("timeline", conversation.name);
  }
  chat.search.found = chat.search.found.filter((found) => found.entry.msgid !== msgid);
}

/** A message of a room is pinned, or no longer. @param {Chat} chat @param {string} room @param {string} msgid @param {boolean} pinned */
export function setPinned(chat, room, msgid, pinned) {
  const conversation = chat.conversation(room);
  if (!conversation) return;
  conversation.setPin(msgid, pinned);
  chat.touch("conversation", conversation.name);
}
