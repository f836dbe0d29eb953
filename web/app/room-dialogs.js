// The list of rooms, and all about one room: topic, notifications, invitations, settings, bans.

/** @import { App } from "./app.js" */
import { fold } from "../core/fold.js";
import { formatLine } from "../core/message.js";
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { isOperator, joinRoom, leave, sendAndTell, wantNotify } from "./actions.js";
import { notesIn } from "./asking.js";
import { shortTime } from "./dates.js";
import { Choice, Modal, OneLine, Toggle } from "./parts.js";
import { strings } from "./strings.js";
import { clean, plain } from "./text.js";

/** Rooms listed at once. */
const mostRooms = 300;

/** @param {{ app: App, close: () => void }} props */
export function RoomsDialog({ app, close }) {
  const [filter, setFilter] = useState("");
  useEffect(() => {
    app.perform({ type: "list" });
  }, []);
  const name = filter.startsWith("#") ? filter : `#${filter}`;
  const wanted = fold(filter);
  const rooms = app.chat.listed.filter(({ name: room, topic }) => fold(`${room} ${topic}`).includes(wanted))
    .sort((a, b) => b.members - a.members).slice(0, mostRooms);
  const isNew = filter !== "" && !/[\s,]/u.test(filter) && !app.chat.listed.some((room) => fold(room.name) === fold(name));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (filter) joinRoom(app, rooms[0] && !isNew ? rooms[0].name : name);
  };
  return html`<${Modal} title=${strings.roomList} close=${close} look="wide">
    <form onSubmit=${submit}><input type="text" aria-label=${strings.roomListFilter} placeholder=${strings.roomListFilter}
      maxlength="64" autocomplete="off" autocapitalize="none" autofocus
      onInput=${(/** @type {Event & { currentTarget: HTMLInputElement }} */ event) => setFilter(event.currentTarget.value.trim())} /></form>
    ${isNew && html`<button type="button" class="primary" onClick=${() => joinRoom(app, name)}>${strings.createRoom(name)}</button>`}
    ${rooms.length === 0 && !isNew && html`<p class="none">${strings.roomListEmpty}</p>`}
    <ul class="menu rooms">${rooms.map((room) => (
    html`<li key=${room.name}><button type="button" onClick=${() => joinRoom(app, room.name)}>
      <b>${clean(room.name)}</b> <small>${strings.memberCount(room.members)}</small>
      <span class="topic" dir="auto">${plain(room.topic)}</span></button></li>`))}</ul>
  </${Modal}>`;
}

/** @param {{ app: App, name: string, close: () => void }} props */
export function RoomDialog({ app, name, close }) {
  const conversation = app.chat.conversation(name);
  if (!conversation) return null;
  const operator = isOperator(app);
  const topic = (/** @type {string} */ text) => void sendAndTell(app, formatLine("TOPIC", [name], text), strings.saved);
  const invite = (/** @type {string} */ nick) => {
    sendAndTell(app, formatLine("INVITE", [nick, name]), strings.inviteSent(nick));
  };
  return html`<${Modal} title=${clean(name)} close=${close}>
    <${OneLine} id="topic" label=${strings.topic} button=${strings.save} value=${conversation.topic} most=${390}
      empties=${true} onSubmit=${topic} />
    <${Choice} id="notify" label=${strings.notifications} value=${conversation.notify}
      options=${{ mentions: strings.notifyMentions, all: strings.notifyAll, none: strings.notifyNone }}
      onChange=${(/** @type {import("../core/types.js").Notify} */ value) => wantNotify(app, name, value)} />
    <${OneLine} id="invite" label=${strings.invitePerson} button=${strings.invite} most=${32} onSubmit=${invite} />
    <${InviteLink} app=${app} name=${name} />
    <${RoomSettings} app=${app} name=${name} operator=${operator} />
    ${isOperator(app, true) && html`<${Bans} app=${app} name=${name} />`}
    <div class="buttons"><button type="button" class="danger" onClick=${() => leave(app, name)}>${strings.leaveRoom}</button></div>
  </${Modal}>`;
}

/** @param {{ app: App, name: string }} props */
function InviteLink({ app, name }) {
  const [link, setLink] = useState("");
  const make = async () => {
    const answer = await app.asking.ask(formatLine("INVITATION", ["ADD", "uses=10", "expires=7d", `rooms=${name}`]));
    const [code] = notesIn(answer, "ADDED")[0] ?? [];
    if (code) setLink(`${location.origin}/?invite=${encodeURIComponent(code)}`);
    else app.say(answer[0]?.params.slice(-1)[0] ?? strings.noAnswer, true);
  };
  return html`<div class="field"><span class="label">${strings.inviteLink}</span>
    ${link ? html`<input type="text" readonly value=${link} aria-label=${strings.inviteLink}
      onFocus=${(/** @type {Event & { currentTarget: HTMLInputElement }} */ event) => event.currentTarget.select()} />`
    : html`<button type="button" onClick=${make}>${strings.inviteLinkMake}</button>`}
    <p class="hint">${strings.inviteLinkHint}</p></div>`;
}

/** @param {{ app: App, name: string, operator: boolean }} props */
function RoomSettings({ app, name, operator }) {
  const [values, setValues] = useState(/** @type {Record<string, string>} */ ({}));
  const load = () => app.asking.ask(formatLine("ROOM", [name])).then((answer) => {
    setValues(Object.fromEntries(notesIn(answer, "SETTING").map(([, key = "", value = ""]) => [key, value])));
  });
  useEffect(() => void load(), []);
  const set = (/** @type {string} */ key) => async (/** @type {string | boolean} */ value) => {
    const text = typeof value === "boolean" ? (value ? "on" : "off") : value;
    await sendAndTell(app, formatLine("ROOM", [name, key], text), strings.saved);
    await load();
  };
  if (values.history === undefined) return null;
  const disabled = !operator;
  return html`<fieldset><legend>${strings.roomSettings}</legend>
    ${disabled && html`<p class="hint">${strings.roomSettingsHint}</p>`}
    ${!disabled && html`<${OneLine} key=${values.description} id="description" label=${strings.description} button=${strings.save}
      value=${values.description} empties=${true} onSubmit=${set("description")} />`}
    <${Choice} id="history" label=${strings.historySetting} value=${values.history} disabled=${disabled}
      options=${strings.historyValues} onChange=${set("history")} />
    <${Choice} id="room-invite" label=${strings.inviteSetting} value=${values.invite} disabled=${disabled}
      options=${strings.inviteValues} onChange=${set("invite")} />
    <${Choice} id="slow" label=${strings.slowSetting} value=${values.slow} disabled=${disabled}
      options=${slowOptions(values.slow ?? "off")} onChange=${set("slow")} />
    <${Toggle} id="announce" label=${strings.announceSetting} on=${values.announce === "on"} disabled=${disabled}
      onChange=${set("announce")} />
    <${Toggle} id="registered" label=${strings.registeredSetting} on=${values["registered-only"] === "on"}
      disabled=${disabled} onChange=${set("registered-only")} />
    ${!disabled && html`<div class="with-button">
      <button type="button" onClick=${() => sendAndTell(app, formatLine("MODE", [name, "+i"]), strings.saved)}>${strings.closedSetting}</button>
      <button type="button" onClick=${() => sendAndTell(app, formatLine("MODE", [name, "-i"]), strings.saved)}>${strings.openSetting}</button>
    </div>`}
  </fieldset>`;
}

/**
 * Some waits, and the one that is set if it is another.
 * @param {string} value in seconds, or `off`
 */
function slowOptions(value) {
  /** @type {Record<string, string>} */
  const options = { off: strings.slowOff };
  for (const seconds of ["5", "10", "30", "60", "300", value]) {
    if (/^\d+$/u.test(seconds)) options[seconds] = `${seconds} s`;
  }
  return options;
}

/** @param {{ app: App, name: string }} props */
function Bans({ app, name }) {
  const [entries, setEntries] = useState(/** @type {{ verb: string, mask: string, by: string, end: string, reason: string }[]} */ ([]));
  const load = async () => {
    const all = await Promise.all(["BAN", "QUIET"].map(async (verb) => {
      const answer = await app.asking.ask(formatLine(verb, [name]));
      return notesIn(answer, "ENTRY").map(([, mask = "", by = "", end = "", reason = ""]) => ({ verb, mask, by, end, reason }));
    }));
    setEntries(all.flat());
  };
  useEffect(() => void load(), []);
  const lift = async (/** @type {string} */ verb, /** @type {string} */ mask) => {
    await sendAndTell(app, formatLine(`UN${verb}`, [name, mask]), strings.saved);
    await load();
  };
  return html`<fieldset><legend>${strings.bans}</legend>
    ${entries.length === 0 && html`<p class="none">${strings.noBans}</p>`}
    <ul class="entries">${entries.map(({ verb, mask, by, end, reason }) => (
    html`<li key=${verb + mask}><span><b>${clean(mask)}</b> <small>${verb === "BAN" ? strings.ban : strings.quiet} · ${clean(by)}
      ${end !== "*" && ` · ${strings.until} ${shortTime(Date.parse(end) || 0)}`} ${plain(reason)}</small></span>
      <button type="button" onClick=${() => lift(verb, mask)}>${strings.lift}</button></li>`))}</ul>
  </fieldset>`;
}
