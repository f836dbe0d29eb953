// What each line from the server means: one table of verbs; a file for each kind.
/** @import { Chat } from "./chat.js" */
import { collectLine, isCollected, labelOfBatch, receiveBatch } from "./batch.js";
import { same } from "./fold.js";
import { LIMITS, WANTED } from "./limits.js";
import { receiveAway, receiveInvite, receiveJoin, receiveKick, receiveMode, receiveNick } from "./membership.js";
import { receivePart, receiveQuit, receiveRename, receiveTopic } from "./membership.js";
import { formatLine, parseMessage } from "./message.js";
import { Received } from "./received.js";
import { receiveMarkRead, receiveNotify, receiveNumeric, receiveStandard, receiveUnread } from "./replies.js";
import { receiveRedact, receiveSaid, receiveTagged } from "./said.js";
import { refreshConversation, sendWaiting, settleUnconfirmed, tryLoadPage } from "./send.js";
import { splitOnce } from "./server.js";

/** The parameter of the `PING` whose answer ends the welcome. */
export const WELCOMED = "welcomed";

/** @param {Chat} chat @param {string} line @param {number} nowMs @param {string[]} out */
export function receiveLine(chat, line, nowMs, out) {
  const message = parseMessage(line);
  if (!message) return;
  const received = new Received(message, nowMs);
  const batch = message.tags.get("batch");
  received.label = received.ownLabel() ?? labelOfBatch(chat, batch);
  if (batch !== undefined && isCollected(chat, batch)) {
    collectLine(chat, batch, received);
    return;
  }
  const { verb } = message;
  const take = receivers[verb] ?? (/^\d{3}$/.test(verb) ? receiveNumeric : undefined);
  take?.(chat, received, out);
  if (message.tags.has("label") && verb !== "BATCH" && received.label !== undefined) {
    // A single line instead of a batch answers a request by refusing it.
    chat.endRequest(received.label, received.last());
  }
  // The piece before may be confirmed now.
  sendWaiting(chat, out);
  const wanted = chat.wanted;
  chat.wanted = [];
  // Without a connection the message is fetched later, with the gap that contains it.
  for (const { target, run } of wanted) tryLoadPage(chat, target, run, out);
}

/** @type {Record<string, (chat: Chat, received: Received, out: string[]) => void>} */
const receivers = {
  PRIVMSG: receiveSaid,
  NOTICE: receiveSaid,
  TAGMSG: receiveTagged,
  REDACT: receiveRedact,
  BATCH: receiveBatch,
  JOIN: receiveJoin,
  PART: receivePart,
  QUIT: receiveQuit,
  KICK: receiveKick,
  NICK: receiveNick,
  MODE: receiveMode,
  TOPIC: receiveTopic,
  INVITE: receiveInvite,
  RENAME: receiveRename,
  AWAY: receiveAway,
  PING: (_, received, out) => out.push(formatLine("PONG", [], received.param(0))),
  PONG: receivePong,
  ERROR: (chat, received) => chat.changes.push({ type: "closing", reason: received.last() }),
  KILL: receiveKill,
  MARKREAD: receiveMarkRead,
  UNREAD: receiveUnread,
  NOTIFY: receiveNotify,
  // A message that the server takes without sending it back.
  ACK: (chat, received) => settleUnconfirmed(chat, received.label),
  NODES: ({ server }, { message }) => {
    server.nodes = server.listing.take(message.params) ?? server.nodes;
  },
  CAP: receiveCapabilities,
  FAIL: receiveStandard,
  WARN: receiveStandard,
  NOTE: receiveStandard,
};

/** The whole welcome has arrived. @param {Chat} chat @param {Received} received @param {string[]} out */
function receivePong(chat, received, out) {
  if (received.last() !== WELCOMED) return;
  for (const { timeline } of chat.conversations.values()) {
    // The welcome need not have contained everything that was missed.
    if (timeline.newest()) timeline.breakOff();
  }
  chat.ready = true;
  chat.changes.push({ type: "ready" });
  const current = chat.conversation(chat.current);
  // A room that is new to this person is joined first: it may not be there yet.
  if (current?.kind !== "room" || current.joined || current.timeline.newest()) {
    refreshConversation(chat, chat.current, out);
  }
}

/** The server offers, or takes back, capabilities during the session. @param {Chat} chat @param {Received} received @param {string[]} out */
function receiveCapabilities({ server }, received, out) {
  const words = received.last().split(" ").filter(Boolean);
  const subcommand = received.param(1);
  if (subcommand === "NEW") {
    const wanted = [];
    for (const offer of words) {
      const [name, value] = splitOnce(offer, "=");
      if (!WANTED.includes(name)) continue;
      if (value !== undefined) server.offered.set(name, value);
      wanted.push(name);
    }
    if (wanted.length) out.push(formatLine("CAP", ["REQ"], wanted.join(" ")));
  } else if (subcommand === "ACK") {
    for (const word of words) {
      const name = word.replace(/^-/, "");
      if (name !== word) server.capabilities.delete(name);
      else if (server.capabilities.size < LIMITS.TOKENS) server.capabilities.set(name, server.offered.get(name) ?? "");
      server.offered.delete(name);
    }
  } else if (subcommand === "DEL") {
    for (const name of words) server.capabilities.delete(name);
  }
}

/** @param {Chat} chat @param {Received} received */
function receiveKill(chat, received) {
  if (!same(received.param(0), chat.me)) return;
  const reason = `${received.from()} ended your connections: ${received.param(1)}`;
  chat.changes.push({ type: "killed", reason });
}
