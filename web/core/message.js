// A line: tags, source, verb, parameters (Modern IRC, "Message Format"; IRCv3 message-tags), both ways.
/** @import { Message } from "./types.js" */
import { LIMITS } from "./limits.js";

/** Parses a line without its line ending. @param {string} line @returns {Message | undefined} */
export function parseMessage(line) {
  if (line.length > LIMITS.LINE) return undefined;
  let left = line.replace(/^ +/, "");
  /** Only spaces separate. */
  const word = () => {
    const end = left.indexOf(" ");
    const first = end < 0 ? left : left.slice(0, end);
    left = end < 0 ? "" : left.slice(end).replace(/^ +/, "");
    return first;
  };
  const tags = left[0] === "@" ? parseTags(word().slice(1)) : new Map();
  const source = left[0] === ":" ? word().slice(1) : "";
  const verb = word().toUpperCase();
  if (!verb) return undefined;
  const params = [];
  while (left) {
    if (left[0] === ":") {
      params.push(left.slice(1));
      break;
    }
    if (params.length === LIMITS.PARAMS - 1) {
      params.push(left.replace(/ +$/, ""));
      break;
    }
    params.push(word());
  }
  return { tags, source, verb, params };
}

/** The last of duplicates counts. @param {string} raw @returns {Map<string, string>} */
function parseTags(raw) {
  const tags = new Map();
  for (const tag of raw.split(";")) {
    if (!tag) continue;
    const at = tag.indexOf("=");
    const key = at < 0 ? tag : tag.slice(0, at);
    tags.set(key, at < 0 ? "" : unescapeTag(tag.slice(at + 1)));
  }
  return tags;
}

/** A backslash before any other character, or at the end, is dropped. @param {string} value */
function unescapeTag(value) {
  /** @type {Record<string, string>} */
  const meanings = { ":": ";", s: " ", r: "\r", n: "\n" };
  return value.replace(/\\([^]?)/gu, (_, c) => meanings[c] ?? c);
}

/** @param {string} value */
export function escapeTag(value) {
  /** @type {Record<string, string>} */
  const escapes = { ";": "\\:", " ": "\\s", "\0": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n" };
  return value.replace(/[; \0\\\r\n]/g, (c) => escapes[c] ?? c);
}

/**
 * A line without its line ending. Whatever the pieces contain, it is one line, and words are words.
 * @param {string} verb @param {string[]} params @param {string} [text] The last parameter, with a colon.
 * @param {Record<string, string | undefined>} [tags] Those that are undefined are left out.
 */
export function formatLine(verb, params, text, tags = {}) {
  /** @param {string} word */
  const clean = (word) => word.replace(/[\0\r\n ]/g, "_");
  const tagged = [];
  for (const [key, value] of Object.entries(tags)) {
    if (value !== undefined) tagged.push(clean(key) + (value && "=" + escapeTag(value)));
  }
  let line = tagged.length ? `@${tagged.join(";")} ` : "";
  line += clean(verb);
  for (const param of params) line += " " + clean(param || "*").replace(/^:/, "_");
  if (text !== undefined) line += " :" + text.replace(/[\0\r\n]/g, " ");
  return line;
}

/** The nick of a source, or the server's name. @param {string} source */
export function nickOf(source) {
  const at = source.lastIndexOf("@");
  return (at < 0 ? source : source.slice(0, at)).split("!", 1)[0] ?? "";
}

/** `2026-11-22T14:02:05.123Z`, with or without milliseconds. @param {string} text @returns {number | undefined} */
export function parseTime(text) {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:)(\d\d)(\.\d{3})?Z$/.exec(text);
  if (!parts) return undefined;
  // A leap second is the first second after it.
  const leap = parts[2] === "60";
  const plain = `${parts[1]}${leap ? 59 : parts[2]}${parts[3] ?? ".000"}Z`;
  const ms = Date.parse(plain);
  // A day that the month does not have would come back as one of the next month.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== plain) return undefined;
  return leap ? ms + 1000 : ms;
}

/** Times outside the years 0 to 9999 are written as the nearest. @param {number} ms */
export function formatTime(ms) {
  return new Date(Math.min(Math.max(ms, -62_167_219_200_000), 253_402_300_799_999)).toISOString();
}
