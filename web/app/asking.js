// Questions to the server whose answers are for one dialog: WHOIS, sessions, settings of a room. The answers are found
// by their label; sentences and numbers in them do not reach the timeline, but what changes the chat does. The answer to a
// line typed by hand is shown there, too.

/** @import { Message } from "../core/types.js" */
import { parseMessage } from "../core/message.js";
import { strings } from "./strings.js";

/** How long an answer is waited for, in milliseconds. */
const answerMs = 15_000;
/** Messages kept of one answer. */
const answerMessages = 5_000;
/** Questions that may be open at once. */
const openQuestions = 32;
/** What belongs to the answer to JOIN, and is for the chat as well as for who asked. */
const chatNumerics = new Set(["331", "332", "333", "353", "366"]);

/** @typedef {{ messages: Message[], resolve: (messages: Message[]) => void, shown: boolean,
 *   timer: ReturnType<typeof setTimeout> }} Question */

export class Asking {
  /** @type {Map<string, Question>} By label. */
  #open = new Map();
  /** @type {Map<string, string>} The label that a batch belongs to. */
  #batches = new Map();
  #next = 0;
  /** The line that came last answers one typed by hand, so it is to be shown whatever it is about. */
  shows = false;
  #send;

  /** @param {(line: string) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Sends a line; resolves with the complete answer, or with an empty one if there is none.
   * @param {string} line without tags
   * @param {boolean} [shown] whether the answer is shown in the timeline, too
   * @returns {Promise<Message[]>}
   */
  ask(line, shown = false) {
    return new Promise((resolve) => {
      if (this.#open.size >= openQuestions) return void resolve([]);
      this.#next += 1;
      const label = `q${this.#next}`;
      const timer = setTimeout(() => this.#end(label), answerMs);
      this.#open.set(label, { messages: [], resolve, shown, timer });
      this.#send(`@label=${label} ${line}`);
    });
  }

  /**
   * Handles a line if it is part of an answer.
   * @param {string} line
   */
  takes(line) {
    this.shows = false;
    if (this.#open.size === 0 || !/^@|BATCH -/u.test(line)) return false;
    const message = parseMessage(line);
    return message !== undefined && this.#take(message);
  }

  /** The connection broke: no answer will come. */
  broken() {
    for (const label of [...this.#open.keys()]) this.#end(label);
    this.#batches.clear();
  }

  /** @param {Message} message */
  #take(message) {
    const [reference = ""] = message.params;
    const name = reference.slice(1);
    const outer = message.tags.get("batch");
    const label = outer === undefined ? message.tags.get("label") : this.#batches.get(outer);
    if (message.verb === "BATCH" && reference.startsWith("-")) {
      const ended = this.#batches.get(name) ?? "";
      this.#batches.delete(name);
      if (outer === undefined) {
        // An answer with nothing in it is an answer.
        this.#open.get(ended)?.messages.push(message);
        this.#end(ended);
      }
      // The chat knows the batch if the answer is shown, and otherwise passes over its end.
      return false;
    }
    const question = this.#open.get(label ?? "");
    if (label === undefined || !question) return false;
    this.shows = question.shown;
    if (message.verb === "BATCH") {
      this.#batches.set(name, label);
      return !this.shows;
    }
    if (question.messages.length < answerMessages) question.messages.push(message);
    if (outer === undefined) this.#end(label);
    return !this.shows && /^(?:FAIL|NOTE|WARN|ACK|\d{3})$/u.test(message.verb) && !chatNumerics.has(message.verb);
  }

  /** @param {string} label */
  #end(label) {
    const question = this.#open.get(label);
    if (!question) return;
    this.#open.delete(label);
    clearTimeout(question.timer);
    question.resolve(question.messages);
  }
}

/**
 * The server's sentence, if an answer is a refusal; a sentence of ours if there is no answer.
 * @param {readonly Message[]} answer
 */
export function refusalIn(answer) {
  if (answer.length === 0) return strings.noAnswer;
  const refusal = answer.find(({ verb }) => verb === "FAIL" || /^[45]\d\d$/u.test(verb));
  return refusal?.params[refusal.params.length - 1] ?? "";
}

/**
 * The parameters of the standard replies with a code, without verb and code.
 * @param {readonly Message[]} answer
 * @param {string} code
 */
export function notesIn(answer, code) {
  return answer.filter(({ params }) => params[1] === code).map(({ params }) => params.slice(2));
}
