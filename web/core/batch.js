// Batches: pages of history, results of a search, messages of several lines, answers to a request.
/** @import { Chat } from "./chat.js" */
/** @import { Placed, Reacting } from "./said.js" */
/** @import { Received } from "./received.js" */
import { reactTo, redactEntry } from "./entry.js";
import { byteLength } from "./fold.js";
import { LIMITS } from "./limits.js";
import { receiveStandard } from "./replies.js";
import { arrivedMessage, reactingsIn, readEntry } from "./said.js";

/**
 * @typedef {object} Batch A batch that is open.
 * @property {"history" | "search" | "multiline" | "other"} kind The lines of `other` mean what they mean without it.
 * @property {string} target Of history.
 * @property {string} [parent] The batch that it is part of.
 * @property {number} [label]
 * @property {number} lines
 * @property {Placed[]} entries
 * @property {Reacting[]} reactions In it, which may be to messages that came before it.
 * @property {{ msgid: string, by: string }[]} redactions
 * @property {Received} opening The line that opened it.
 */

/** The label of a batch, or of one that it is part of. @param {Chat} chat @param {string | undefined} reference */
export function labelOfBatch({ batches }, reference) {
  const batch = batches.get(reference ?? "");
  return batch?.label ?? batches.get(batch?.parent ?? "")?.label;
}

/** Whether a batch's lines wait for its end. @param {Chat} chat @param {string} reference */
export function isCollected({ batches }, reference) {
  const batch = batches.get(reference);
  return batch !== undefined && batch.kind !== "other";
}

/** A batch begins or ends. @param {Chat} chat @param {Received} received */
export function receiveBatch(chat, received) {
  const [sign, reference] = [received.param(0)[0], received.param(0).slice(1)];
  if (sign === "+") {
    if (chat.batches.size < LIMITS.BATCHES) chat.batches.set(reference, openedBatch(received));
  } else if (sign === "-") {
    const batch = chat.batches.get(reference);
    chat.batches.delete(reference);
    if (batch) endBatch(chat, batch);
  }
}

/** @param {Received} received @returns {Batch} */
function openedBatch(received) {
  const type = received.param(1).replace(/^(soju\.im|draft)\//, "");
  const kind = type === "search" || type === "multiline" ? type : type === "chathistory" ? "history" : "other";
  return {
    kind,
    target: received.param(2),
    parent: received.tag("batch"),
    label: received.label,
    lines: 0,
    entries: [],
    reactions: [],
    redactions: [],
    opening: received,
  };
}

/** A line of a batch whose lines wait for its end. @param {Chat} chat @param {string} reference @param {Received} received */
export function collectLine(chat, reference, received) {
  const { verb, tags } = received.message;
  if (verb === "BATCH") return receiveBatch(chat, received);
  // A search's batch says how far back it went.
  if (verb === "NOTE") return receiveStandard(chat, received);
  const batch = chat.batches.get(reference);
  if (!batch) return undefined;
  batch.lines += 1;
  if (batch.lines > LIMITS.BATCH_LINES) return undefined;
  const placed = readEntry(chat, received);
  if (!placed) {
    if (verb === "REDACT") batch.redactions.push({ msgid: received.param(1), by: received.from() });
    else batch.reactions.push(...reactingsIn(received));
  } else if (batch.kind === "multiline") {
    addToMessage(batch, placed, tags.has("draft/multiline-concat"));
  } else if (placed.place) {
    batch.entries.push(placed);
  }
  return undefined;
}

/** Adds a line to a message of several; one with `concat` goes on with the line before it. @param {Batch} batch @param {Placed} placed @param {boolean} concat */
function addToMessage(batch, placed, concat) {
  const soFar = batch.entries[0]?.entry;
  if (!soFar) {
    batch.entries.push(placed);
    return;
  }
  const { text, mentionsMe } = placed.entry;
  if (byteLength(soFar.text) + byteLength(text) >= LIMITS.TEXT_BYTES) return;
  soFar.text += concat ? text : `\n${text}`;
  soFar.mentionsMe ||= mentionsMe;
}

/** @param {Chat} chat @param {Batch} batch */
function endBatch(chat, batch) {
  if (batch.kind === "history") return endPage(chat, batch);
  if (batch.kind === "search") return endSearch(chat, batch);
  if (batch.kind === "multiline") return endMultiline(chat, batch);
  if (batch.label !== undefined && batch.parent === undefined) chat.endRequest(batch.label, "");
  return undefined;
}

/** @param {Chat} chat @param {Batch} batch */
function endMultiline(chat, { entries: [placed], opening, parent, label }) {
  if (!placed) return;
  const { entry } = placed;
  const msgid = opening.tag("msgid");
  Object.assign(entry, { msgid, timeMs: opening.timeMs(), replyTo: opening.replyTo() });
  entry.delivery = entry.mine && msgid !== undefined ? { state: "stored" } : undefined;
  const outer = chat.batches.get(parent ?? "");
  if (outer && outer.kind !== "other") outer.entries.push(placed);
  else arrivedMessage(chat, placed, label);
}

/** A page of history is complete. @param {Chat} chat @param {Batch} batch */
function endPage(chat, batch) {
  const request = chat.requests.get(batch.label ?? 0);
  if (request?.type !== "page") return;
  chat.requests.delete(batch.label ?? 0);
  const conversation = chat.conversationOrNew(batch.target);
  const { timeline } = conversation;
  conversation.loading = Math.max(conversation.loading - 1, 0);
  timeline.addPage(request.run, batch.entries.map(({ entry }) => entry));
  for (const { msgid, text, by, undo } of batch.reactions) {
    const entry = timeline.find(msgid);
    if (entry) reactTo(entry, text, by, undo);
  }
  for (const { msgid, by } of batch.redactions) {
    const entry = timeline.find(msgid);
    if (entry) redactEntry(entry, by);
  }
  if (!chat.server.has("parlor/unread")) conversation.countUnread();
  const target = conversation.name;
  chat.touch("timeline", target);
  chat.changes.push({ type: "page", target, count: batch.entries.length });
}

/** @param {Chat} chat @param {Batch} batch */
function endSearch(chat, batch) {
  const request = chat.requests.get(batch.label ?? 0);
  if (request?.type !== "search") return;
  chat.requests.delete(batch.label ?? 0);
  const found = batch.entries.map(({ place, entry }) => ({ target: place, entry })).reverse();
  const before = request.more ? chat.search.found : [];
  chat.search.found = before.concat(found.slice(0, LIMITS.RESULTS));
  chat.search.loading = false;
  chat.changes.push({ type: "found" });
}
