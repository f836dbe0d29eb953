/** @import { Entry, Kind } from "./types.js" */
import { byteLength, same } from "./fold.js";
import { LIMITS } from "./limits.js";

/** A row with nothing but its kind, author, time and text. @param {Kind} kind @param {string} from @param {number} timeMs @param {string} text @returns {Entry} */
export function newEntry(kind, from, timeMs, text) {
  return { timeMs, kind, from, mine: false, mentionsMe: false, whom: "", text, tags: new Map(), reactions: [] };
}

/** Whether somebody said it. @param {Entry} entry */
export function isSaid({ kind }) {
  return kind === "message" || kind === "notice" || kind === "action";
}

/** Whether it is somebody coming or going, which is folded with others of its kind. @param {Entry} entry */
export function isComingOrGoing({ kind }) {
  return kind === "join" || kind === "part" || kind === "quit" || kind === "nick";
}

/** Empties it, because `by` redacted it. @param {Entry} entry @param {string} by */
export function redactEntry(entry, by) {
  entry.text = "";
  entry.reactions = [];
  entry.redactedBy = by;
}

/** Adds somebody's reaction, or takes it back; a second time is the same as once. @param {Entry} entry @param {string} text @param {string} by @param {boolean} undo */
export function reactTo(entry, text, by, undo) {
  const reaction = entry.reactions.find((reaction) => reaction.text === text);
  if (undo) {
    if (reaction) reaction.by = reaction.by.filter((name) => !same(name, by));
    entry.reactions = entry.reactions.filter((reaction) => reaction.by.length > 0);
  } else if (reaction) {
    const known = reaction.by.some((name) => same(name, by));
    if (!known && reaction.by.length < LIMITS.REACTIONS) reaction.by.push(by);
  } else if (text && byteLength(text) <= LIMITS.REACTION_BYTES && entry.reactions.length < LIMITS.REACTIONS) {
    entry.reactions.push({ text, by: [by] });
  }
}
