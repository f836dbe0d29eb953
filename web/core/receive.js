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
import { receivePin, receiveRedact, receiveSaid, receiveTagged } from "./said.js";
import { refreshConversation, tryLoadPage } from "./send.js";
import { splitOnce } from "./server.js";

/** The parameter of the `PING` that is answered when all that belongs to the welcome has come. */
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
  takeLine(chat, received, out);
  if (message.tags.has("label") && message.verb !== "BATCH" && received.label !== undefined) {
    // An answer of one line, which is not what was asked for.
    chat.endRequest(received.label, received.last());
  }
  const wanted = chat.wanted;
  chat.wanted = [];
  // Without a connection it comes with the gap that it lies in.
  for (const { target, run } of wanted) tryLoadPage(chat, target, run, out);
}

/** @param {Chat} chat @param {Received} received @param {string[]} out */
function takeLine(chat, received, out) {
  const { verb } = received.message;
  switch (verb) {
    case "PRIVMSG":
    case "NOTICE":
      return receiveSaid(chat, received);
    case "TAGMSG":
      return receiveTagged(chat, received);
    case "REDACT":
      return receiveRedact(chat, received);
    case "BATCH":
      return receiveBatch(chat, received);
    case "JOIN":
      return receiveJoin(chat, received, out);
    case "PART":
      return receivePart(chat, received);
    case "QUIT":
      return receiveQuit(chat, received);
    case "KICK":
      return receiveKick(chat, received);
    case "NICK":
      return receiveNick(chat, received);
    case "MODE":
      return receiveMode(chat, received);
    case "TOPIC":
      return receiveTopic(chat, received);
    case "INVITE":
      return receiveInvite(chat, received);
    case "RENAME":
      return receiveRename(chat, received);
    case "AWAY":
      return receiveAway(chat, received.from(), received.param(0) !== "");
    case "PING":
      out.push(formatLine("PONG", [], received.param(0)));
      return undefined;
    case "PONG":
      return received.last() === WELCOMED ? receiveWelcomed(chat, out) : undefined;
    case "ERROR":
      chat.changes.push({ type: "closing", reason: received.last() });
      return undefined;
    case "KILL":
      return receiveKill(chat, received);
    case "MARKREAD":
      return receiveMarkRead(chat, received);
    case "UNREAD":
      return receiveUnread(chat, received);
    case "NOTIFY":
      return receiveNotify(chat, received);
    case "PIN":
    case "UNPIN":
      return receivePin(chat, received);
    case "CAP":
      return receiveCapabilities(chat, received, out);
    case "FAIL":
    case "WARN":
    case "NOTE":
      return receiveStandard(chat, received);
    default:
      return /^\d{3}$/.test(verb) ? receiveNumeric(chat, received) : undefined;
  }
}

/** All that comes with the welcome is here. @param {Chat} chat @param {string[]} out */
function receiveWelcomed(chat, out) {
  for (const { timeline } of chat.conversations.values()) {
    // What came with the welcome need not be all that was missed.
    if (timeline.newest()) timeline.breakOff();
  }
  chat.settled = true;
  chat.changes.push({ type: "ready" });
  if (chat.current) refreshConversation(chat, chat.current, out);
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
