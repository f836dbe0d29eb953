// What the word before the cursor could become: a name, a room, a command, an emoji. Pure.

/** @import { Conversation } from "../core/conversation.js" */
import { fold } from "../core/fold.js";
import { commandTable } from "./commands.js";
import { emojiNamed } from "./emoji.js";
import { strings } from "./strings.js";

/** Suggestions shown at once. */
const mostSuggestions = 8;

/** @typedef {{ insert: string, label: string, detail: string }} Suggestion */

/**
 * The suggestions for a text with the cursor at its end.
 * @param {string} before the text before the cursor
 * @param {Iterable<Conversation>} conversations
 * @param {Conversation | undefined} current
 * @param {string} me
 * @param {boolean} asked the person asked for them, so a bare word is a name
 * @returns {{ from: number, suggestions: Suggestion[] }} where the word begins
 */
export function suggestionsFor(before, conversations, current, me, asked) {
  const word = /\S*$/u.exec(before)?.[0] ?? "";
  const from = before.length - word.length;
  const found = candidates(word, from, [...conversations], current, me, asked);
  return { from, suggestions: found.slice(0, mostSuggestions) };
}

/**
 * @param {string} word
 * @param {number} from
 * @param {Conversation[]} conversations
 * @param {Conversation | undefined} current
 * @param {string} me
 * @param {boolean} asked
 * @returns {Suggestion[]}
 */
function candidates(word, from, conversations, current, me, asked) {
  const rest = fold(word.slice(1));
  if (word.startsWith("/") && from === 0) {
    return Object.entries(commandTable).filter(([name]) => name.startsWith(rest)).map(([name, { usage }]) => ({
      insert: `/${name} `, label: `/${name} ${usage}`, detail: strings.commandHelp[name] ?? "",
    }));
  }
  if (word.startsWith(":") && (rest.length > 1 || asked)) {
    return emojiNamed(rest).map(({ emoji, names }) => ({
      insert: `${emoji} `, label: `${emoji} :${names.find((name) => name.startsWith(rest)) ?? names[0]}:`, detail: "",
    }));
  }
  if (word.startsWith("#")) {
    return conversations.filter(({ kind, name }) => kind === "room" && fold(name).startsWith(fold(word)))
      .map(({ name, topic }) => ({ insert: `${name} `, label: name, detail: topic }));
  }
  if (!word.startsWith("@") && (!asked || word === "")) return [];
  const start = word.startsWith("@") ? rest : fold(word);
  return names(conversations, current, me).filter((name) => fold(name).startsWith(start)).map((name) => ({
    insert: from === 0 ? `${name}: ` : `${name} `, label: name, detail: "",
  }));
}

/**
 * The names to suggest: recent speakers first.
 * @param {Conversation[]} conversations
 * @param {Conversation | undefined} current
 * @param {string} me
 */
function names(conversations, current, me) {
  const spoke = current?.timeline.rows.slice(-200).reverse()
    .flatMap((row) => (row !== "gap" && row.from && row.kind === "message" ? row.from : [])) ?? [];
  const members = [...(current?.members.values() ?? [])].map(({ nick }) => nick).sort((a, b) => a.localeCompare(b));
  const people = conversations.filter(({ kind }) => kind === "person").map(({ name }) => name);
  const isHere = (/** @type {string} */ name) => current?.kind !== "room" || current.member(name) !== undefined;
  const all = new Map([...spoke.filter(isHere), ...members, ...people].map((name) => [fold(name), name]));
  all.delete(fold(me));
  return [...all.values()];
}
