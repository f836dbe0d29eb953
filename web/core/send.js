// Performs intents, as lines to the server.
/** @import { Chat } from "./chat.js" */
/** @import { Conversation } from "./conversation.js" */
/** @import { Intent, Run } from "./types.js" */
import { fold, same } from "./fold.js";
import { LIMITS } from "./limits.js";
import { formatLine, formatTime } from "./message.js";
import { applyReaction } from "./said.js";
import { cutMessages, outgoingEntry, pieceBytes, writeOutgoing } from "./outgoing.js";
import { searchAttributes } from "./query.js";

/** Why an intent was not performed; nothing was sent. `code` is for programs, the message for people. */
export class Impossible extends Error {
  /** @param {"noText" | "tooMany" | "unsupported" | "notConnected"} code @param {string} sentence */
  constructor(code, sentence) {
    super(sentence);
    this.code = code;
  }
}

/** @param {Chat} chat @param {Intent} intent @param {number} nowMs @param {string[]} out @returns {number | undefined} */
export function carryOut(chat, intent, nowMs, out) {
  return /** @type {any} */ (carriers)[intent.type](chat, intent, out, nowMs);
}

/** @typedef {Intent["type"]} IntentType */
/** @type {{ [T in IntentType]: (chat: Chat, intent: Intent & { type: T }, out: string[], nowMs: number) => unknown }} */
const carriers = {
  say: sayText,
  retry: retryOutgoing,
  discard: discardOutgoing,
  react: sendReaction,
  redact: (chat, { target, msgid, reason }, out) => {
    mustHave(chat, "draft/message-redaction", "taking messages back");
    out.push(formatLine("REDACT", [target, msgid], reason || undefined, labelled(chat, target)));
  },
  typing: tellTyping,
  open: openConversation,
  close: closeConversation,
  load: loadPage,
  markRead,
  notify: sendNotify,
  search: findMessages,
  list: (chat, _, out) => {
    mustBeConnected(chat);
    chat.lists = [];
    out.push(formatLine("LIST", []));
  },
  raw: (chat, { line }, out) => {
    mustBeConnected(chat);
    out.push(line.replace(/[\r\n\0]/g, ""));
  },
  quit: (_, { reason }, out) => {
    out.push(formatLine("QUIT", [], reason));
  },
};

/** @param {Chat} chat */
function mustBeConnected(chat) {
  if (!chat.connected) throw new Impossible("notConnected", "There is no connection at the moment.");
}

/** @param {string} what */
function unsupported(what) {
  return new Impossible("unsupported", `This server does not support ${what}.`);
}

/** @param {Chat} chat @param {string} capability @param {string} what */
function mustHave(chat, capability, what) {
  mustBeConnected(chat);
  if (!chat.server.has(capability)) throw unsupported(what);
}

/** The tags of a line whose answers are shown in a conversation. @param {Chat} chat @param {string} target @param {boolean} [joins] */
function labelled(chat, target, joins) {
  return { label: chat.label({ type: "command", target, joins }) };
}

/** @param {Chat} chat @param {Intent & { type: "say" }} saying @param {string[]} out @param {number} nowMs */
function sayText(chat, { to, text, action = false, replyTo }, out, nowMs) {
  const limit = pieceBytes(chat.me, to);
  const messages = action
    ? cutMessages(text.replaceAll("\n", " "), limit - "\x01ACTION \x01".length)
    : cutMessages(text, limit, chat.server.multiline());
  if (!messages.length) throw new Impossible("noText", "There is no text to send.");
  if (chat.outgoing.length + messages.length > LIMITS.OUTGOING) {
    throw new Impossible("tooMany", "Too many messages are waiting; try again later.");
  }
  const textId = chat.next + 1;
  for (const message of messages) {
    chat.next += 1;
    chat.outgoing.push({
      number: chat.next,
      textId,
      resendId: `${chat.resendPrefix}.${chat.next}`,
      to,
      text: message,
      action,
      replyTo,
      timeMs: nowMs,
      delivery: { state: "pending" },
      sent: false,
      resent: false,
    });
  }
  const last = chat.next;
  chat.conversationOrNew(to);
  chat.typingSent.delete(fold(to));
  chat.touch("timeline", to);
  sendWaiting(chat, out);
  return last;
}

/**
 * Sends what has not been sent on this connection, in its order: nothing overtakes a message that the server has deferred. A
 * piece of a text waits until the one before it is confirmed, if confirmations can be matched to messages.
 * @param {Chat} chat @param {string[]} out
 */
export function sendWaiting(chat, out) {
  if (!chat.connected) return;
  const sent = [];
  const labels = chat.server.has("labeled-response") && chat.server.has("echo-message");
  let before;
  for (const outgoing of chat.outgoing) {
    if (outgoing.delivery.state !== "pending") continue;
    const waits = labels && before === outgoing.textId;
    before = outgoing.textId;
    if (outgoing.sent) continue;
    if (waits || outgoing.retryAtMs !== undefined) break;
    writeOutgoing(outgoing, chat.me, chat.server, out);
    outgoing.sent = true;
    sent.push(outgoing);
  }
  if (chat.server.has("echo-message")) return;
  for (const outgoing of sent) settleUnconfirmed(chat, outgoing.number);
}

/** A message has been sent to a server that does not send it back. @param {Chat} chat @param {number | undefined} number */
export function settleUnconfirmed(chat, number) {
  const at = chat.outgoing.findIndex((outgoing) => outgoing.number === number);
  const [outgoing] = at < 0 ? [] : chat.outgoing.splice(at, 1);
  if (!outgoing) return;
  const entry = outgoingEntry(outgoing, chat.me);
  chat.add(outgoing.to, { ...entry, delivery: { state: "sent" }, outgoing: undefined });
  chat.changes.push({ type: "settled", number: outgoing.number });
}

/** @param {Chat} chat @param {{ number: number }} intent @param {string[]} out */
function retryOutgoing(chat, { number }, out) {
  // Unconfirmed messages need no retry.
  const failed = chat.outgoing.filter(({ delivery }) => delivery.state === "failed");
  const named = failed.find((outgoing) => outgoing.number === number);
  if (!named) return;
  // All unsent pieces of its text, so that none overtakes an earlier one.
  const again = failed.filter(({ textId }) => textId === named.textId);
  chat.outgoing = chat.outgoing.filter((outgoing) => !again.includes(outgoing));
  for (const outgoing of again) {
    chat.next += 1;
    // A refused message was not stored, so its id was not used up; its label was.
    Object.assign(outgoing, { number: chat.next, delivery: { state: "pending" }, sent: false, retryAtMs: undefined });
    chat.outgoing.push(outgoing);
  }
  chat.touch("timeline", named.to);
  sendWaiting(chat, out);
}

/** @param {Chat} chat @param {{ number: number }} intent */
function discardOutgoing(chat, { number }) {
  const at = chat.outgoing.findIndex((o) => o.number === number && o.delivery.state === "failed");
  const [outgoing] = at < 0 ? [] : chat.outgoing.splice(at, 1);
  if (outgoing) chat.touch("timeline", outgoing.to);
}

/** @param {Chat} chat @param {Intent & { type: "react" }} intent @param {string[]} out */
function sendReaction(chat, { target, msgid, text, undo }, out) {
  mustHave(chat, "message-tags", "reactions");
  const tags = { ...labelled(chat, target), "+draft/reply": msgid };
  const tag = undo ? "+draft/unreact" : "+draft/react";
  out.push(formatLine("TAGMSG", [target], undefined, { ...tags, [tag]: text }));
  if (!chat.server.has("echo-message")) applyReaction(chat, target, { msgid, text, by: chat.me, undo });
}

/** @param {Chat} chat @param {Intent & { type: "typing" }} intent @param {string[]} out @param {number} nowMs */
function tellTyping(chat, { target, active }, out, nowMs) {
  const key = fold(target);
  const told = chat.typingSent.get(key);
  const due = told === undefined ? active : !active || nowMs - told >= LIMITS.TYPING_INTERVAL_MS;
  if (!due || !chat.connected || !chat.server.has("message-tags") || !target) return;
  out.push(formatLine("TAGMSG", [target], undefined, { "+typing": active ? "active" : "done" }));
  if (active) chat.typingSent.set(key, nowMs);
  else chat.typingSent.delete(key);
}

/** @param {Chat} chat @param {{ target: string }} intent @param {string[]} out */
function openConversation(chat, { target }, out) {
  chat.current = target;
  const conversation = chat.conversationOrNew(target);
  if (conversation.kind === "room" && !conversation.joined) {
    if (!chat.connected) conversation.joining = "wanted";
    else if ((chat.ready || !conversation.joining) && !same(chat.refusedJoin, target)) sendJoin(chat, conversation, out);
  }
  chat.refusedJoin = "";
  refreshConversation(chat, target, out);
}

/** @param {Chat} chat @param {Conversation} room @param {string[]} out */
function sendJoin(chat, room, out) {
  room.joining = "sent";
  out.push(formatLine("JOIN", [room.name], undefined, labelled(chat, room.name, true)));
}

/** Joins the rooms that were opened without a connection, or on one that broke before the server answered. @param {Chat} chat @param {string[]} out */
export function joinWanted(chat, out) {
  for (const conversation of chat.conversations.values()) {
    if (conversation.joining && conversation.kind === "room") sendJoin(chat, conversation, out);
  }
}

/** Requests the newest page of a conversation, unless it is known to be complete. @param {Chat} chat @param {string} name @param {string[]} out */
export function refreshConversation(chat, name, out) {
  const conversation = chat.conversation(name);
  if (!conversation || conversation.kind === "server") return;
  const { rows, isFromStart } = conversation.timeline;
  const isComplete = isFromStart || rows.some((row) => row !== "gap");
  const isBroken = rows.at(-1) === "gap";
  if (conversation.loading === 0 && (!isComplete || isBroken || !chat.ready)) {
    // On a server without history nothing is requested, and that is not an error.
    tryLoadPage(chat, name, "latest", out);
  }
}

/** @param {Chat} chat @param {{ target: string }} intent @param {string[]} out */
function closeConversation(chat, { target }, out) {
  const conversation = chat.conversation(target);
  if (!conversation || conversation.kind === "server") return;
  if (conversation.joined) {
    out.push(formatLine("PART", [target], undefined, labelled(chat, target)));
    return;
  }
  chat.conversations.delete(fold(target));
  // What may have been sent goes on until the server has it.
  chat.outgoing = chat.outgoing.filter(({ to, sent, resent }) => sent || resent || !same(to, target));
  chat.touch("conversation", target);
}

/** @param {Chat} chat @param {Intent & { type: "load" }} intent @param {string[]} out */
function loadPage(chat, { target, run }, out) {
  mustHave(chat, "draft/chathistory", "history");
  if (!tryLoadPage(chat, target, run, out)) throw unsupported("so many requests at once");
}

/** Whether a page is on its way. @param {Chat} chat @param {string} target @param {Run} run @param {string[]} out */
export function tryLoadPage(chat, target, run, out) {
  if (!chat.connected || !chat.server.has("draft/chathistory")) return false;
  const [verb, selector] = selectorOf(run);
  for (const request of chat.requests.values()) {
    if (request.type !== "page" || !same(request.target, target)) continue;
    const [openVerb, openSelector] = selectorOf(request.run);
    if (verb === openVerb && selector === openSelector) return true;
  }
  const label = chat.label({ type: "page", target, run });
  if (label === undefined) return false;
  const count = String(chat.server.page());
  out.push(formatLine("CHATHISTORY", [verb, target, selector, count], undefined, { label }));
  chat.conversationOrNew(target).loading += 1;
  chat.touch("timeline", target);
  return true;
}

/** @param {Run} run @returns {[string, string]} */
function selectorOf(run) {
  if (run === "latest") return ["LATEST", "*"];
  if ("before" in run) return ["BEFORE", `msgid=${run.before}`];
  if ("after" in run) return ["AFTER", `msgid=${run.after}`];
  if ("around" in run) return ["AROUND", `msgid=${run.around}`];
  // "After" leaves the time itself out.
  return ["AFTER", `timestamp=${formatTime(run.since - 1)}`];
}

/** @param {Chat} chat @param {{ target: string }} intent @param {string[]} out */
function markRead(chat, { target }, out) {
  const conversation = chat.conversation(target);
  if (!conversation) return;
  const newest = conversation.timeline.newest()?.timeMs;
  if (conversation.unread) chat.touch("conversation", conversation.name);
  conversation.setRead();
  if (newest === undefined || newest <= (conversation.readMs ?? -Infinity)) return;
  if (!chat.connected || !chat.server.has("draft/read-marker")) return;
  conversation.readMs = newest;
  out.push(formatLine("MARKREAD", [conversation.name, `timestamp=${formatTime(newest)}`]));
}

/** @param {Chat} chat @param {Intent & { type: "notify" }} intent @param {string[]} out */
function sendNotify(chat, { target, notify }, out) {
  const conversation = chat.conversation(target);
  if (!conversation) return;
  conversation.notify = notify;
  chat.touch("conversation", target);
  if (!chat.connected || !chat.server.has("parlor/unread")) return;
  const word = { mentions: "default", all: "follow", none: "mute" }[notify];
  out.push(formatLine("NOTIFY", [target, word], undefined, labelled(chat, target)));
}

/** @param {Chat} chat @param {Intent & { type: "search" }} intent @param {string[]} out */
function findMessages(chat, { words, beforeMs }, out) {
  mustBeConnected(chat);
  if (!chat.server.has("soju.im/search") && !chat.server.has("draft/search")) throw unsupported("search");
  const more = beforeMs !== undefined;
  const label = chat.label({ type: "search", more });
  if (label === undefined) throw unsupported("so many requests at once");
  out.push(formatLine("SEARCH", [], searchAttributes(words, beforeMs, LIMITS.RESULTS), { label }));
  const found = more ? chat.search.found : [];
  chat.search = { words, loading: true, found, note: "" };
  chat.changes.push({ type: "found" });
}
