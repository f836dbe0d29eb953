// What this person says: cut into pieces that fit a line if need be, and kept until it is confirmed.
/** @import { Entry, Outgoing } from "./types.js" */
import { newEntry } from "./entry.js";
import { byteLength } from "./fold.js";
import { LIMITS } from "./limits.js";
import { formatLine } from "./message.js";
/** @import { Server } from "./server.js" */

/** Why a piece of a text was not sent: the one before it was refused, and a text must not have holes. */
export const HELD_BACK = "The part before it was refused";

/** @typedef {{ bytes: number, lines: number }} Multiline The most that a message of several lines can have. */

/** The lines that send it, the same each time. @param {Outgoing} outgoing @param {string} author @param {Server} server @param {string[]} out */
export function writeOutgoing(outgoing, author, server, out) {
  const { to, text, number } = outgoing;
  const labels = server.has("labeled-response") && server.has("echo-message");
  const tagged = server.has("message-tags");
  const tags = {
    label: labels ? String(number) : undefined,
    "+parlor/resend": tagged ? outgoing.resendId : undefined,
    "+draft/reply": tagged ? outgoing.replyTo : undefined,
  };
  const most = pieceBytes(author, to);
  const lines = text.split("\n").map((line) => cutLine(line, most));
  if (lines.length === 1 && lines[0]?.length === 1) {
    out.push(formatLine("PRIVMSG", [to], outgoing.action ? `\x01ACTION ${text}\x01` : text, tags));
    return;
  }
  const batch = `m${number}`;
  out.push(formatLine("BATCH", [`+${batch}`, "draft/multiline", to], undefined, tags));
  for (const line of lines) {
    for (const [at, piece] of line.entries()) {
      const concat = at > 0 ? "" : undefined;
      out.push(formatLine("PRIVMSG", [to], piece, { batch, "draft/multiline-concat": concat }));
    }
  }
  out.push(formatLine("BATCH", [`-${batch}`]));
}

/** The row that shows it until the server has it. @param {Outgoing} outgoing @param {string} me @returns {Entry} */
export function outgoingEntry(outgoing, me) {
  const { action, timeMs, text, replyTo, delivery, number } = outgoing;
  const entry = newEntry(action ? "action" : "message", me, timeMs, text);
  return Object.assign(entry, { mine: true, replyTo, delivery, outgoing: number });
}

/** How many bytes of text fit the line that the server relays, which has the author's name twice and the server's name (up to 63 bytes) before the text. @param {string} author @param {string} target */
export function pieceBytes(author, target) {
  const around = byteLength(":!@ PRIVMSG  :\r\n") + 63;
  return Math.max(LIMITS.LINE_BYTES - around - 2 * byteLength(author) - byteLength(target), 64);
}

/** Cuts a text into messages. If the server takes several lines in one, as many stay together as it takes. @param {string} text @param {number} limit @param {Multiline} [multiline] */
export function cutMessages(text, limit, multiline) {
  if (!multiline) return cutPieces(text, limit);
  /** @type {string[]} */
  const messages = [];
  let count = 0;
  for (const whole of text.trimEnd().split("\n")) {
    const line = whole.trimEnd();
    const last = messages.at(-1);
    if (!line && last === undefined) continue;
    const takes = cutLine(line, limit).length;
    const bytes = byteLength(line);
    if (last !== undefined && count + takes <= multiline.lines && byteLength(last) + bytes < multiline.bytes) {
      messages[messages.length - 1] = `${last}\n${line}`;
      count += takes;
    } else if (bytes > multiline.bytes || takes > multiline.lines) {
      // A line that is too long for one message is several.
      const most = Math.min(multiline.bytes, Math.floor((limit * multiline.lines) / 2));
      messages.push(...cutPieces(line, Math.max(most, limit)));
      count = multiline.lines;
    } else {
      messages.push(line);
      count = takes;
    }
  }
  return messages;
}

/** Cuts a line into pieces of at most `limit` bytes that make it up again when they are put together. @param {string} line @param {number} limit */
function cutLine(line, limit) {
  const pieces = [];
  let rest = line;
  for (let end = cutAt(rest, limit); end < rest.length; end = cutAt(rest, limit)) {
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...pieces, rest];
}

/**
 * Cuts a text into pieces of at most `limit` bytes: at its line ends, else between words, else between characters.
 * Of blank lines those in its midst stay, as a space each, since nothing can be sent that is empty.
 * @param {string} text @param {number} limit
 */
export function cutPieces(text, limit) {
  const pieces = [];
  for (const line of text.split("\n")) {
    let rest = line.trimEnd();
    for (let end = cutAt(rest, limit); end < rest.length; end = cutAt(rest, limit)) {
      pieces.push(rest.slice(0, end).trimEnd());
      rest = rest.slice(end).trimStart();
    }
    pieces.push(rest);
  }
  /** @param {string} piece */
  const isFull = (piece) => piece.trim() !== "";
  const whole = pieces.slice(Math.max(pieces.findIndex(isFull), 0), pieces.findLastIndex(isFull) + 1);
  return whole.map((piece) => (isFull(piece) ? piece : " "));
}

/** Where to cut a text: at its end if it has at most `limit` bytes; always more than 0, so that cutting comes to an end. @param {string} text @param {number} limit */
function cutAt(text, limit) {
  let bytes = 0;
  let end = 0;
  for (const c of text) {
    bytes += byteLength(c);
    if (bytes > limit) break;
    end += c.length;
  }
  if (end === text.length) return end;
  const space = text.lastIndexOf(" ", end - 1);
  // Spaces that the text begins with are no place to cut: nothing would be cut off.
  if (end > 0 && space > 0 && text.slice(0, space).trimStart()) return space + 1;
  return end || String.fromCodePoint(text.codePointAt(0) ?? 0).length;
}
