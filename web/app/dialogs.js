// Which dialog is open, and the small ones: what to do with a message, emoji, help, new conversations.

/** @import { Entry } from "../core/types.js" */
/** @import { App } from "./app.js" */
import { same } from "../core/fold.js";
import { formatLine } from "../core/message.js";
import { html, useState } from "../vendor/preact-htm.js";
import { actOn, canTakeBack, isOperator, joinRoom, openPerson, react, sendAndTell } from "./actions.js";
import { commandTable } from "./commands.js";
import { allEmoji, quickEmoji } from "./emoji.js";
import { logOut } from "./leaving.js";
import { Palette } from "./palette.js";
import { Modal, OneLine } from "./parts.js";
import { PersonDialog } from "./person-dialog.js";
import { RoomDialog, RoomsDialog } from "./room-dialogs.js";
import { SettingsDialog } from "./settings-dialog.js";
import { strings } from "./strings.js";
import { clean, plain } from "./text.js";

/**
 * @typedef {{ type: "palette" } | { type: "rooms" } | { type: "write" } | { type: "settings" } | { type: "help" }
 *   | { type: "emoji" } | { type: "logOut" } | { type: "room", name: string } | { type: "person", nick: string }
 *   | { type: "message", entry: Entry } | { type: "react", entry: Entry } | { type: "takeBack", entry: Entry }
 *   | { type: "report", entry: Entry }} Dialog
 */

/** @param {{ app: App }} props */
export function DialogView({ app }) {
  const { dialog } = app;
  const close = () => app.show(undefined);
  switch (dialog?.type) {
    case undefined: return null;
    case "palette": return html`<${Palette} app=${app} close=${close} />`;
    case "rooms": return html`<${RoomsDialog} app=${app} close=${close} />`;
    case "room": return html`<${RoomDialog} key=${dialog.name} app=${app} name=${dialog.name} close=${close} />`;
    case "person": return html`<${PersonDialog} key=${dialog.nick} app=${app} nick=${dialog.nick} close=${close} />`;
    case "settings": return html`<${SettingsDialog} app=${app} close=${close} />`;
    case "help": return html`<${HelpDialog} close=${close} />`;
    case "write": return html`<${WriteDialog} app=${app} close=${close} />`;
    case "emoji": return html`<${EmojiDialog} close=${close} title=${strings.pickEmoji} pick=${(/** @type {string} */ emoji) => {
      close();
      app.compose(emoji, false);
    }} />`;
    case "react": return html`<${EmojiDialog} close=${close} title=${strings.pickReaction} own=${true}
      pick=${(/** @type {string} */ emoji) => {
    close();
    react(app, dialog.entry, emoji);
  }} />`;
    case "message": return html`<${MessageDialog} app=${app} entry=${dialog.entry} close=${close} />`;
    case "takeBack": return html`<${TakeBackDialog} app=${app} entry=${dialog.entry} close=${close} />`;
    case "report": return html`<${ReportDialog} app=${app} entry=${dialog.entry} close=${close} />`;
    default: return html`<${LogOutDialog} app=${app} close=${close} />`;
  }
}

/** @param {{ app: App, entry: Entry, close: () => void }} props */
function MessageDialog({ app, entry, close }) {
  const item = /** @type {import("./items.js").Item} */ ({ key: "", type: "message", entry, grouped: false });
  const does = (/** @type {string} */ action) => () => {
    close();
    actOn(app, action, item);
  };
  const pinned = entry.msgid !== undefined && app.conversation?.pins.includes(entry.msgid);
  const pin = () => {
    close();
    sendAndTell(app, formatLine(pinned ? "UNPIN" : "PIN", [app.current ?? "", entry.msgid ?? ""]));
  };
  const isThere = entry.msgid !== undefined && !entry.redactedBy;
  return html`<${Modal} title=${clean(entry.from)} close=${close} look="sheet">
    <p class="quoted" dir="auto">${plain(entry.text).slice(0, 200)}</p>
    ${isThere && html`<div class="quick">${quickEmoji.map((emoji) => (
    html`<button type="button" aria-label="${strings.react} ${emoji}" onClick=${() => {
      close();
      react(app, entry, emoji);
    }}>${emoji}</button>`))}</div>`}
    <div class="menu">
      ${isThere && html`<button type="button" onClick=${does("reply")}>${strings.reply}</button>
        <button type="button" onClick=${does("react")}>${strings.react}</button>`}
      ${entry.text && html`<button type="button" onClick=${does("copy")}>${strings.copyText}</button>`}
      ${!entry.mine && html`<button type="button" onClick=${() => openPerson(app, entry.from)}>${strings.profile}: ${clean(entry.from)}</button>`}
      ${isThere && app.conversation?.kind === "room" && isOperator(app)
      && html`<button type="button" onClick=${pin}>${pinned ? strings.unpin : strings.pin}</button>`}
      ${isThere && !entry.mine && app.conversation?.kind === "room"
      && html`<button type="button" onClick=${() => app.show({ type: "report", entry })}>${strings.report}</button>`}
      ${canTakeBack(app, entry) && html`<button type="button" class="danger" onClick=${does("takeBack")}>${strings.takeBack}</button>`}
    </div>
  </${Modal}>`;
}

/** @param {{ app: App, entry: Entry, close: () => void }} props */
function TakeBackDialog({ app, entry, close }) {
  const takeBack = () => {
    close();
    if (!app.current || !entry.msgid) return;
    app.perform({ type: "redact", target: app.current, msgid: entry.msgid, reason: "" });
  };
  return html`<${Modal} title=${strings.takeBack} close=${close} look="small">
    <p>${strings.takeBackAsk}</p><p class="quoted" dir="auto">${plain(entry.text).slice(0, 200)}</p>
    <div class="buttons"><button type="button" onClick=${close}>${strings.cancel}</button>
      <button type="button" class="danger primary" onClick=${takeBack}>${strings.takeBack}</button></div>
  </${Modal}>`;
}

/** @param {{ app: App, entry: Entry, close: () => void }} props */
function ReportDialog({ app, entry, close }) {
  const report = (/** @type {string} */ reason) => {
    close();
    sendAndTell(app, formatLine("REPORT", [entry.msgid ?? ""], reason), strings.reported);
  };
  return html`<${Modal} title=${strings.report} close=${close} look="small">
    <p class="quoted" dir="auto">${plain(entry.text).slice(0, 200)}</p>
    <${OneLine} id="report-reason" label=${strings.reportAsk} button=${strings.send} onSubmit=${report} />
  </${Modal}>`;
}

/** @param {{ title: string, own?: boolean, close: () => void, pick: (emoji: string) => void }} props */
function EmojiDialog({ title, own, close, pick }) {
  const [filter, setFilter] = useState("");
  const shown = allEmoji().filter(({ names }) => names.some((name) => name.includes(filter.toLowerCase())));
  const filtered = (/** @type {Event & { currentTarget: HTMLInputElement }} */ event) => setFilter(event.currentTarget.value.trim());
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const [first] = shown;
    if (filter) pick(first?.emoji ?? filter);
  };
  return html`<${Modal} title=${title} close=${close} look="small">
    <form onSubmit=${submit}><input type="text" aria-label=${own ? strings.ownReaction : strings.search} placeholder=${own
  ? strings.ownReaction : strings.search} onInput=${filtered} autocomplete="off" maxlength="32" autofocus /></form>
    <div class="emoji-grid">${shown.map(({ emoji, names }) => (
    html`<button type="button" key=${emoji} aria-label=${names[0]} title=${names.join(", ")} onClick=${() => pick(emoji)}>${emoji}</button>`))}
    </div>
    ${own && filter && shown.length === 0 && html`<button type="button" class="primary" onClick=${() => pick(filter)}>${strings.react}: ${filter}</button>`}
  </${Modal}>`;
}

/** @param {{ close: () => void }} props */
function HelpDialog({ close }) {
  return html`<${Modal} title=${strings.help} close=${close} look="wide">
    <h3>${strings.keys}</h3>
    <table class="help"><tbody>${Object.entries(strings.keyNames).map(([keys, text]) => (
    html`<tr key=${keys}><th scope="row">${keys.split(" ").map((key) => html`<kbd>${key}</kbd> `)}</th><td>${text}</td></tr>`))}</tbody></table>
    <h3>${strings.commands}</h3>
    <table class="help"><tbody>${Object.entries(commandTable).map(([name, { usage }]) => (
    html`<tr key=${name}><th scope="row"><code>/${name} ${usage}</code></th><td>${strings.commandHelp[name]}</td></tr>`))}</tbody></table>
  </${Modal}>`;
}

/** @param {{ app: App, close: () => void }} props */
function WriteDialog({ app, close }) {
  const online = new Set([...app.chat.conversations.values()].flatMap(({ members }) => [...members.values()].map(({ nick }) => nick)));
  const people = [...online].filter((nick) => !same(nick, app.chat.me)).sort((a, b) => a.localeCompare(b)).slice(0, 500);
  const write = (/** @type {string} */ name) => {
    if (app.chat.server.isRoom(name)) joinRoom(app, name);
    else app.open(name);
  };
  return html`<${Modal} title=${strings.newMessage} close=${close} look="small">
    <${OneLine} id="write-to" label=${strings.writeToWhom} button=${strings.write} most=${32} onSubmit=${write} />
    <ul class="menu">${people.map((nick) => (
    html`<li key=${nick}><button type="button" onClick=${() => app.open(nick)}>${clean(nick)}</button></li>`))}</ul>
  </${Modal}>`;
}

/** @param {{ app: App, close: () => void }} props */
function LogOutDialog({ app, close }) {
  return html`<${Modal} title=${strings.logOut} close=${close} look="small">
    <p>${strings.logOutUnsent}</p>
    <div class="buttons"><button type="button" onClick=${close}>${strings.cancel}</button>
      <button type="button" class="danger primary" onClick=${() => logOut(app)}>${strings.logOut}</button></div>
  </${Modal}>`;
}
