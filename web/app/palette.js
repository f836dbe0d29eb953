// Ctrl+K: go to a room or a person, or run a command.

/** @import { App } from "./app.js" */
import { fold } from "../core/fold.js";
import { html, useState } from "../vendor/preact-htm.js";
import { joinRoom } from "./actions.js";
import { commandTable } from "./commands.js";
import { listedConversations } from "./list-view.js";
import { Modal } from "./parts.js";
import { strings } from "./strings.js";
import { clean } from "./text.js";

/** Results shown at once. */
const mostResults = 12;

/** @typedef {{ label: string, detail: string, go: () => void }} Target */

/**
 * How well words fit a name: 0 not at all; more if the letters are together and at its beginning.
 * @param {string} name
 * @param {string} typed
 */
export function fitness(name, typed) {
  const [inName, wanted] = [fold(name), fold(typed)];
  if (inName.startsWith(wanted) || inName.startsWith(`#${wanted}`)) return 3;
  if (inName.includes(wanted)) return 2;
  let at = -1;
  for (const letter of wanted) {
    at = inName.indexOf(letter, at + 1);
    if (at < 0) return 0;
  }
  return 1;
}

/**
 * @param {App} app
 * @param {string} typed
 * @returns {Target[]}
 */
function targets(app, typed) {
  const conversations = listedConversations(app).map((conversation) => ({
    label: conversation.name || strings.server,
    detail: conversation.unread > 0 ? strings.unread(conversation.unread, conversation.unreadMore) : "",
    go: () => app.open(conversation.name),
  }));
  const known = new Set(conversations.map(({ label }) => fold(label)));
  const people = [...app.chat.conversations.values()].flatMap(({ members }) => [...members.values()])
    .filter(({ nick }) => {
      const isNew = !known.has(fold(nick)) && fold(nick) !== fold(app.chat.me);
      known.add(fold(nick));
      return isNew;
    }).map(({ nick }) => ({ label: nick, detail: strings.write, go: () => app.open(nick) }));
  const commands = Object.entries(commandTable).map(([name, { usage }]) => ({
    label: `/${name}`, detail: usage,
    go: () => {
      app.show(undefined);
      app.compose(`/${name} `, true);
    },
  }));
  const all = [...conversations, ...people, ...(typed ? commands : [])];
  const fitting = all.map((target) => ({ target, fits: fitness(target.label, typed) })).filter(({ fits }) => fits > 0);
  fitting.sort((a, b) => b.fits - a.fits);
  const found = fitting.slice(0, mostResults).map(({ target }) => target);
  const room = typed.startsWith("#") ? typed : `#${typed}`;
  if (/^#[^\s,]+$/u.test(room) && !known.has(fold(room))) {
    found.push({ label: room, detail: strings.joinRoom, go: () => joinRoom(app, room) });
  }
  return found;
}

/** @param {{ app: App, close: () => void }} props */
export function Palette({ app, close }) {
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const found = targets(app, typed.trim());
  const at = Math.min(chosen, found.length - 1);
  const onInput = (/** @type {Event & { currentTarget: HTMLInputElement }} */ event) => {
    setTyped(event.currentTarget.value);
    setChosen(0);
  };
  const go = (/** @type {Target | undefined} */ target) => {
    if (!target) return;
    close();
    target.go();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length > 0) setChosen((at + step + found.length) % found.length);
    else if (event.key === "Enter") go(found[at]);
    else return;
    event.preventDefault();
  };
  return html`<${Modal} title=${strings.palette} close=${close} look="palette">
    <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label=${strings.paletteHint}
      aria-activedescendant=${found.length > 0 ? `palette-${at}` : undefined} placeholder=${strings.paletteHint}
      onInput=${onInput} onKeyDown=${onKeyDown} autocomplete="off" spellcheck=${false} autofocus />
    ${found.length === 0 && html`<p class="none">${strings.paletteNone}</p>`}
    <ul id="palette-list" role="listbox" aria-label=${strings.palette}>${found.map((target, index) => (
    html`<li role="option" id="palette-${index}" aria-selected=${index === at} onClick=${() => go(target)}>
      <span>${clean(target.label)}</span> <small>${clean(target.detail)}</small></li>`))}</ul>
  </${Modal}>`;
}
