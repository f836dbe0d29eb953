// What a timeline shows, as a list of items: messages in groups, day lines, comings and goings folded, gaps.

/** @import { Entry, Row } from "../core/types.js" */
import { isComingOrGoing, isSaid } from "../core/entry.js";
import { dayNumber } from "./dates.js";

/** Messages of one author this close to each other are one group. */
export const groupMs = 5 * 60_000;

/**
 * One row of the DOM. Items with the same key are the same row.
 * @typedef {{ key: string } & (
 *   { type: "message", entry: Entry, grouped: boolean }
 *   | { type: "event", entry: Entry }
 *   | { type: "fold", entries: Entry[] }
 *   | { type: "day", ms: number }
 *   | { type: "unread" }
 *   | { type: "gap", index: number }
 *   | { type: "start" })} Item
 */

/** @type {WeakMap<Entry, string>} Keys of rows to which the server gave no id. */
const keys = new WeakMap();
let lastKey = 0;

/**
 * A key that is the row's own.
 * @param {Entry} entry
 */
export function keyOf(entry) {
  if (entry.msgid) return `m${entry.msgid}`;
  if (entry.outgoing !== undefined) return `o${entry.outgoing}`;
  let key = keys.get(entry);
  if (!key) {
    lastKey += 1;
    key = `e${lastKey}`;
    keys.set(entry, key);
  }
  return key;
}

/**
 * The items of some rows.
 * @param {readonly Row[]} rows oldest first
 * @param {number} first the index of the first of them in the whole timeline
 * @param {{ unreadFrom?: string, start: boolean, before?: Row }} about the msgid above which the unread line stands;
 *   whether the first row is the beginning of the conversation; the row before them, with which they go on
 * @returns {Item[]}
 */
export function itemsOf(rows, first, { unreadFrom, start, before = "gap" }) {
  /** @type {Item[]} */
  const items = [];
  /** @type {Entry | undefined} The message that a group can go on with. */
  let previous = before !== "gap" && isSaid(before) ? before : undefined;
  let day = before === "gap" ? 0 : dayNumber(before.timeMs);
  if (start) items.push({ key: "start", type: "start" });
  rows.forEach((row, at) => {
    if (row === "gap") {
      items.push({ key: `gap${first + at}`, type: "gap", index: first + at });
      previous = undefined;
      return;
    }
    const today = dayNumber(row.timeMs);
    if (today !== day) {
      // A clock that was set back shows a day twice; the key has to differ.
      items.push({ key: `day${today}-${keyOf(row)}`, type: "day", ms: row.timeMs });
      [day, previous] = [today, undefined];
    }
    if (unreadFrom && row.msgid === unreadFrom) {
      items.push({ key: "unread", type: "unread" });
      previous = undefined;
    }
    if (isSaid(row)) {
      items.push({ key: keyOf(row), type: "message", entry: row, grouped: groups(previous, row) });
      previous = row;
      return;
    }
    previous = undefined;
    addEvent(items, row);
  });
  return items;
}

/**
 * Whether a message goes on with the group of the one before it.
 * @param {Entry | undefined} previous
 * @param {Entry} entry
 */
function groups(previous, entry) {
  return previous !== undefined && previous.from === entry.from && previous.kind === entry.kind
    && entry.kind !== "action" && !entry.replyTo
    && Math.abs(entry.timeMs - previous.timeMs) < groupMs;
}

/**
 * @param {Item[]} items
 * @param {Entry} entry
 */
function addEvent(items, entry) {
  const last = items[items.length - 1];
  if (!isComingOrGoing(entry)) items.push({ key: keyOf(entry), type: "event", entry });
  else if (last?.type === "fold") last.entries.push(entry);
  else items.push({ key: `f${keyOf(entry)}`, type: "fold", entries: [entry] });
}
