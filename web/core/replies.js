// Numerics and standard replies; read markers, unread counts, lists.
/** @import { Chat } from "./chat.js" */
/** @import { Received } from "./received.js" */
/** @import { Outgoing } from "./types.js" */
import { same } from "./fold.js";
import { LIMITS } from "./limits.js";
import { endNames, receiveNames, setTopic } from "./membership.js";
import { parseTime } from "./message.js";
import { tellInPlace } from "./received.js";
import { refuseOutgoing, setPinned } from "./said.js";
import { sentence, standardSentence } from "./sentence.js";

/** @param {Chat} chat @param {Received} received */
export function receiveNumeric(chat, received) {
  const { server } = chat;
  const { verb, params } = received.message;
  switch (verb) {
    case "001":
      chat.me = received.param(0);
      server.name = received.from();
      break;
    case "005":
      server.isupport(received.message);
      break;
    case "375":
      server.motd = [];
      break;
    case "372":
      if (server.motd.length < LIMITS.MOTD_LINES) server.motd.push(received.last().replace(/^- /, ""));
      break;
    case "376":
      for (const line of server.motd) chat.inform("", "info", received.nowMs, line);
      break;
    case "331":
    case "332":
      // The topic of another room is only shown.
      if (chat.conversation(received.param(1))?.joined) setTopic(chat, received.param(1), verb === "332" ? received.last() : "");
      else tellInPlace(chat, received, "info", sentence(verb, params));
      break;
    case "353":
      receiveNames(chat, received);
      break;
    case "366":
      endNames(chat, received.param(1));
      break;
    case "322":
      if (chat.lists.length < LIMITS.LISTED) {
        const members = wholeNumber(received.param(2)) ?? 0;
        chat.lists.push({ name: received.param(1), members, topic: received.last() });
      }
      break;
    case "323":
      chat.listed = chat.lists;
      chat.lists = [];
      chat.changes.push({ type: "listed" });
      break;
    case "263": {
      // Its sentence may say for how long.
      const seconds = /(?:^| )(\d+) second(?!.* second)/s.exec(received.last())?.[1];
      defer(chat, received, Number(seconds ?? 1), received.last());
      break;
    }
    default:
      // The rest of the welcome, who set a topic when, no MOTD.
      if (["002", "003", "004", "321", "329", "333", "265", "266", "422"].includes(verb) || /^25[1-5]$/.test(verb)) break;
      if (/^[45]/.test(verb)) receiveRefusal(chat, received, received.last());
      else {
        const text = sentence(verb, params);
        if (text) tellInPlace(chat, received, "info", text);
      }
  }
}

/** @param {string} text */
function wholeNumber(text) {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A refusal: of the message with its label or its receiver, otherwise of another request. @param {Chat} chat @param {Received} received @param {string} reason */
function receiveRefusal(chat, received, reason) {
  const target = received.param(1);
  if (received.label === undefined) chat.joinAnswered(target);
  const isMeant = (/** @type {Outgoing} */ { sent, delivery, to }) =>
    sent && delivery.state === "pending" && same(to, target);
  const meant = chat.outgoing.find(isMeant);
  if (refuseOutgoing(chat, received.label ?? meant?.number, reason)) return;
  const about = received.message.params.slice(1, -1).join(" ");
  // Some sentences begin with it.
  tellInPlace(chat, received, "error", about && !reason.startsWith(`${about} `) ? `${about}: ${reason}` : reason);
}

/** Defers a message, and all that were sent after it. @param {Chat} chat @param {Received} received @param {number} seconds @param {string} sentence */
function defer(chat, received, seconds, sentence) {
  const { label, nowMs } = received;
  const wait = Math.max(seconds * 1000, 1000);
  const outgoing = chat.outgoing.find(
    ({ sent, delivery, number }) => sent && delivery.state === "pending" && (label ?? number) === number,
  );
  if (!outgoing || wait > LIMITS.RETRY_MS) {
    receiveRefusal(chat, received, sentence);
    return;
  }
  outgoing.sent = false;
  outgoing.retryAtMs = nowMs + wait;
  chat.touch("timeline", outgoing.to);
}

/** `FAIL`, `WARN` or `NOTE`. @param {Chat} chat @param {Received} received */
export function receiveStandard(chat, received) {
  const { verb: kind, params } = received.message;
  const [verb, code, sentence] = [received.param(0), received.param(1), standardSentence(params)];
  const failed = kind === "FAIL";
  if (verb === "PIN" && /^(PINNED|UNPINNED|ENTRY)$/.test(code)) {
    setPinned(chat, received.param(2), received.param(3), code !== "UNPINNED");
  }
  if (failed && code === "RATE_LIMITED") {
    defer(chat, received, wholeNumber(received.param(2)) ?? 1, sentence);
  } else if (failed && verb === "SEARCH") {
    chat.search.note = sentence;
    chat.search.loading = false;
    chat.changes.push({ type: "found" });
  } else if (kind === "NOTE" && code === "END" && (verb === "SEARCH" || verb === "FIND")) {
    chat.search.note = sentence;
    chat.changes.push({ type: "found" });
  } else if (!failed) {
    tellInPlace(chat, received, "info", sentence);
  } else if (!refuseOutgoing(chat, received.label, sentence)) {
    tellInPlace(chat, received, "error", sentence);
  }
}

/** The read marker of a conversation. @param {Chat} chat @param {Received} received */
export function receiveMarkRead(chat, received) {
  const [word, time = ""] = received.param(1).split("timestamp=");
  const readMs = word === "" ? parseTime(time) : undefined;
  const conversation = chat.conversation(received.param(0));
  if (!conversation || readMs === undefined || readMs <= (conversation.readMs ?? -Infinity)) return;
  conversation.readMs = readMs;
  if (!chat.server.has("parlor/unread")) conversation.countUnread();
  chat.touch("conversation", conversation.name);
}

/** How much is unread in a conversation: `UNREAD target count mentions first-msgid`. @param {Chat} chat @param {Received} received */
export function receiveUnread(chat, received) {
  const [target, count, first] = [received.param(0), received.param(1), received.param(3)];
  /** @param {string} text */
  const number = (text) => wholeNumber(text.replace(/\++$/, "")) ?? 0;
  const unread = number(count);
  if (unread === 0 && !chat.conversation(target)) return;
  const conversation = chat.conversationOrNew(target);
  conversation.unread = unread;
  conversation.unreadMore = count.endsWith("+");
  conversation.mentions = number(received.param(2));
  conversation.firstUnread = first === "" || first === "*" ? undefined : first;
  chat.touch("conversation", conversation.name);
}

/** Which messages of a conversation this person is notified of: `NOTIFY target follow|mute|default`. @param {Chat} chat @param {Received} received */
export function receiveNotify(chat, received) {
  const conversation = chat.conversationOrNew(received.param(0));
  const word = received.param(1);
  conversation.notify = word === "follow" ? "all" : word === "mute" ? "none" : "mentions";
  chat.touch("conversation", conversation.name);
}
