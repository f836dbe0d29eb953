/** @import { Chat } from "./chat.js" */
/** @import { Kind, Message } from "./types.js" */
import { nickOf, parseTime } from "./message.js";

/** A line and what is known of it. */
export class Received {
  /** @type {number | undefined} The label of the line, or of the batch in which it came. */
  label;

  /** @param {Message} message @param {number} nowMs */
  constructor(message, nowMs) {
    this.message = message;
    this.nowMs = nowMs;
  }

  ownLabel() {
    const label = this.tag("label") ?? "";
    return /^\d{1,15}$/.test(label) ? Number(label) : undefined;
  }

  /** @param {string} name */
  tag(name) {
    return this.message.tags.get(name);
  }

  /** The msgid of the message that it is about. */
  replyTo() {
    return this.tag("+draft/reply") ?? this.tag("+reply");
  }

  /** The server time, or now. */
  timeMs() {
    return parseTime(this.tag("time") ?? "") ?? this.nowMs;
  }

  /** The nick of who sent it, or the server's name. */
  from() {
    return nickOf(this.message.source);
  }

  /** A parameter; empty if there is none. @param {number} index */
  param(index) {
    return this.message.params[index] ?? "";
  }

  /** The last parameter, which is a sentence in most answers. */
  last() {
    return this.message.params.at(-1) ?? "";
  }
}

/** The conversation to show a reply in: where the command was typed, or the room that the reply names. @param {Chat} chat @param {Received} received */
export function placeOf(chat, received) {
  const request = chat.requests.get(received.label ?? 0);
  if (request?.type === "command") return request.target;
  // Nobody has asked for the lines of the welcome.
  if (!chat.ready) return "";
  const named = received.message.params.slice(1);
  return named.find((param) => chat.server.isRoom(param) && chat.conversation(param)) ?? chat.current;
}

/** Shows a reply in its conversation. @param {Chat} chat @param {Received} received @param {Kind} kind @param {string} text */
export function tellInPlace(chat, received, kind, text) {
  chat.inform(placeOf(chat, received), kind, received.nowMs, text);
}
