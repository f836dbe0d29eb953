// What a person does to messages, rooms and people, by buttons, keys and commands alike.

/** @import { Entry, Notify } from "../core/types.js" */
/** @import { App } from "./app.js" */
/** @import { Item } from "./items.js" */
import { same } from "../core/fold.js";
import { formatLine } from "../core/message.js";
import { refusalIn } from "./asking.js";
import { strings } from "./strings.js";
import { plain } from "./text.js";

/**
 * Says something, or runs a command, in the conversation that is shown.
 * @param {App} app
 * @param {string} text
 * @param {boolean} [action]
 * @returns {boolean} whether it is on its way
 */
export function say(app, text, action = false) {
  const to = app.current;
  if (!to || !text.trim()) return false;
  const replyTo = app.answered?.msgid;
  const done = app.perform({ type: "say", to, text, action, ...(replyTo ? { replyTo } : {}) });
  if (!done) return false;
  app.answered = undefined;
  app.timeline.goToEnd();
  app.draw();
  return true;
}

/**
 * What a timeline's button, a key or a menu does to a message.
 * @param {App} app
 * @param {string} action
 * @param {Item | undefined} item
 * @param {HTMLElement} [from] the button
 */
export function actOn(app, action, item, from) {
  const entry = item?.type === "message" ? item.entry : undefined;
  switch (action) {
    case "person":
      return void openPerson(app, from?.dataset.nick ?? entry?.from ?? "");
    case "room":
      return void joinRoom(app, from?.dataset.room ?? "");
    case "answered": {
      const msgid = from?.dataset.msgid ?? entry?.replyTo;
      return msgid ? app.timeline.goTo(msgid) : undefined;
    }
    default:
  }
  if (!entry) return undefined;
  switch (action) {
    case "reply": return void replyTo(app, entry);
    case "react": return entry.msgid ? app.show({ type: "react", entry }) : undefined;
    case "reaction": return void react(app, entry, from?.dataset.text ?? "");
    case "more": return app.show({ type: "message", entry });
    case "copy": return void copy(app, entry);
    case "takeBack": return canTakeBack(app, entry) ? app.show({ type: "takeBack", entry }) : undefined;
    case "retry": return void app.perform({ type: "retry", number: entry.outgoing ?? 0 });
    case "discard": return void app.perform({ type: "discard", number: entry.outgoing ?? 0 });
    case "edit":
      app.compose(entry.text, true);
      return void app.perform({ type: "discard", number: entry.outgoing ?? 0 });
    default: return undefined;
  }
}

/**
 * @param {App} app
 * @param {Entry} entry
 */
export function replyTo(app, entry) {
  if (!entry.msgid || entry.redactedBy) return;
  app.answered = entry;
  app.compose("", false);
  app.draw();
}

/**
 * Reacts, or takes the reaction back.
 * @param {App} app
 * @param {Entry} entry
 * @param {string} text
 */
export function react(app, entry, text) {
  if (!entry.msgid || !app.current || !text.trim()) return;
  const reaction = entry.reactions.find((known) => known.text === text);
  const undo = reaction?.by.some((name) => same(name, app.chat.me)) ?? false;
  app.perform({ type: "react", target: app.current, msgid: entry.msgid, text, undo });
}

/**
 * @param {App} app
 * @param {Entry} entry
 */
export async function copy(app, entry) {
  try {
    await navigator.clipboard.writeText(plain(entry.text));
    app.say(strings.copied);
  } catch (error) {
    app.say(String(error), true);
  }
}

/**
 * @param {App} app
 * @param {Entry} entry
 */
export function canTakeBack(app, entry) {
  return entry.msgid !== undefined && entry.redactedBy === undefined && (entry.mine || isOperator(app));
}

/**
 * Whether this person looks after the room that is shown: operator, or half-operator where that is enough.
 * @param {App} app
 * @param {boolean} [halfIsEnough]
 */
export function isOperator(app, halfIsEnough = false) {
  const marks = app.conversation?.member(app.chat.me)?.marks ?? "";
  return (halfIsEnough ? /[~&@%]/u : /[~&@]/u).test(marks);
}

/**
 * Joins a room, or shows it if this person is in it.
 * @param {App} app
 * @param {string} name
 */
export function joinRoom(app, name) {
  const room = app.chat.server.isRoom(name) ? name : `#${name}`;
  if (app.chat.conversation(room)?.joined) return void app.open(room);
  app.joining = room;
  app.show(undefined);
  sendAndTell(app, formatLine("JOIN", [room]));
}

/**
 * Leaves a room, or closes a conversation with a person.
 * @param {App} app
 * @param {string} name
 */
export function leave(app, name) {
  const conversation = app.chat.conversation(name);
  if (!conversation || conversation.kind === "server") return;
  const key = name.toLowerCase();
  if (conversation.kind === "room" && conversation.joined) app.leaving.add(key);
  app.perform({ type: "close", target: name });
  if (conversation.kind === "person" || !conversation.joined) {
    app.current = undefined;
    app.pane = "list";
    app.timeline.show(undefined);
  }
  app.show(undefined);
}

/**
 * @param {App} app
 * @param {string} nick
 */
export function openPerson(app, nick) {
  if (nick) app.show({ type: "person", nick });
}

/**
 * @param {App} app
 * @param {string} target
 * @param {Notify} notify
 */
export function wantNotify(app, target, notify) {
  app.perform({ type: "notify", target, notify });
}

/**
 * Sends a line, and shows the server's refusal, if it refuses.
 * @param {App} app
 * @param {string} line
 * @param {string} [done] what to say if it is a yes
 * @returns {Promise<boolean>} whether it is a yes
 */
export async function sendAndTell(app, line, done) {
  const answer = await app.asking.ask(line);
  const refusal = refusalIn(answer);
  if (refusal) app.say(refusal, true);
  else if (done) app.say(done);
  return !refusal;
}
