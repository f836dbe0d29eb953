// The person's own things: profile, appearance, notifications, password, sessions, devices, whom they ignore.

/** @import { App } from "./app.js" */
import { formatLine } from "../core/message.js";
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { sendAndTell } from "./actions.js";
import { notesIn, refusalIn } from "./asking.js";
import { shortTime } from "./dates.js";
import { logOut } from "./leaving.js";
import { notificationState } from "./notify.js";
import { Choice, Field, Modal, OneLine, Toggle } from "./parts.js";
import { strings } from "./strings.js";
import { clean } from "./text.js";

/** @param {{ app: App, close: () => void }} props */
export function SettingsDialog({ app, close }) {
  const { me } = app.chat;
  const metadata = (/** @type {string} */ key) => (/** @type {string} */ value) => (
    void sendAndTell(app, formatLine("METADATA", ["*", "SET", key], value || undefined), strings.saved));
  return html`<${Modal} title=${clean(me)} close=${close}>
    <fieldset><legend>${strings.yourProfile}</legend>
      <${OneLine} id="display-name" label=${strings.displayName} hint=${strings.displayNameHint} button=${strings.save} most=${60}
        value=${app.presence.displayName(me)} empties=${true} onSubmit=${metadata("display-name")} />
      <${OneLine} id="status" label=${strings.status} hint=${strings.statusHint} button=${strings.save} most=${120}
        value=${app.presence.status(me)} empties=${true} onSubmit=${metadata("status")} />
      <${Away} app=${app} />
    </fieldset>
    <fieldset><legend>${strings.settings}</legend>
      <${Choice} id="theme" label=${strings.theme} value=${app.settings.theme} options=${strings.themes}
        onChange=${(/** @type {"system" | "light" | "dark"} */ theme) => app.set({ theme })} />
      <${Notifications} app=${app} />
      <div class="buttons"><button type="button" onClick=${() => app.show({ type: "help" })}>${strings.help}</button></div>
    </fieldset>
    ${app.client.isGuest ? html`<p class="hint">${strings.guestRegister}</p>` : html`<${Account} app=${app} />`}
    <${Ignored} app=${app} />
    <div class="buttons"><button type="button" class="danger" aria-describedby="log-out-hint"
      onClick=${() => logOut(app)}>${strings.logOut}</button></div>
    <p class="hint" id="log-out-hint">${strings.logOutHint}</p>
  </${Modal}>`;
}

/** @param {{ app: App }} props */
function Away({ app }) {
  const rooms = [...app.chat.conversations.values()];
  const away = rooms.some((room) => room.member(app.chat.me)?.away);
  return html`<${Toggle} id="away" label=${strings.awayHint} on=${away}
    onChange=${(/** @type {boolean} */ on) => sendAndTell(app, formatLine("AWAY", [], on ? strings.away : undefined))} />`;
}

/** @param {{ app: App }} props */
function Notifications({ app }) {
  const state = notificationState();
  const on = app.settings.notifications && state === "granted";
  const change = async (/** @type {boolean} */ wanted) => {
    if (wanted && state === "default") await Notification.requestPermission();
    app.set({ notifications: wanted && notificationState() === "granted" });
  };
  const hint = state === "denied" ? strings.notificationsDenied : state === "unsupported" ? strings.notificationsUnsupported : "";
  return html`<${Toggle} id="notifications" label=${strings.desktopNotifications} on=${on} hint=${hint}
    disabled=${state === "denied" || state === "unsupported"} onChange=${change} />`;
}

/** @param {{ app: App }} props */
function Account({ app }) {
  return html`<fieldset><legend>${strings.account}</legend>
    <details><summary>${strings.changePassword}</summary><${Password} app=${app} /></details>
    <${Sessions} app=${app} />
    <${Devices} app=${app} />
  </fieldset>`;
}

/** @param {{ app: App }} props */
function Password({ app }) {
  const [wrong, setWrong] = useState("");
  const submit = async (/** @type {Event & { currentTarget: HTMLFormElement }} */ event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const [old, fresh, again] = ["old", "new", "new-again"].map((name) => String(given.get(name) ?? ""));
    if (fresh !== again) return setWrong(strings.passwordsDiffer);
    const refusal = await changePassword(app, old ?? "", fresh ?? "");
    setWrong(refusal);
    if (refusal) return undefined;
    form.reset();
    return app.say(strings.passwordChanged);
  };
  const field = (/** @type {string} */ id, /** @type {string} */ label, /** @type {string} */ autocomplete) => (
    html`<${Field} id=${id} label=${label}><input type="password" id=${id} name=${id} autocomplete=${autocomplete} required /></${Field}>`);
  return html`<form onSubmit=${submit}>
    ${field("old", strings.oldPassword, "current-password")}
    ${field("new", strings.newPassword, "new-password")}
    ${field("new-again", strings.newPasswordAgain, "new-password")}
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    <button type="submit">${strings.changePassword}</button>
  </form>`;
}

/**
 * Changes the password by the server's prompts, which take passwords with spaces, too.
 * @param {App} app
 * @param {string} old
 * @param {string} fresh
 * @returns {Promise<string>} why not; empty if it is changed
 */
async function changePassword(app, old, fresh) {
  let answer = await app.asking.ask("ACCOUNT PASSWORD");
  if (notesIn(answer, "OLD_PASSWORD_REQUIRED").length > 0) answer = await app.asking.answerPrompt("ACCOUNT", old);
  if (notesIn(answer, "NEW_PASSWORD_REQUIRED").length > 0) answer = await app.asking.answerPrompt("ACCOUNT", fresh);
  return refusalIn(answer);
}

/** @param {{ app: App }} props */
function Sessions({ app }) {
  const [sessions, setSessions] = useState(/** @type {string[][]} */ ([]));
  const load = () => app.asking.ask("ACCOUNT SESSIONS").then((answer) => setSessions(notesIn(answer, "SESSION")));
  useEffect(() => void load(), []);
  const end = async (/** @type {string} */ id) => {
    await sendAndTell(app, formatLine("ACCOUNT", ["END", id]), strings.saved);
    await load();
  };
  return html`<h3>${strings.sessions}</h3><ul class="entries">${sessions.map(([id = "", since = "", , address = "", , , , text = ""]) => (
    html`<li key=${id}><span>${clean(address)} <small>${strings.sessionSince(shortTime(Date.parse(since) || 0))}. ${clean(text)}</small></span>
      <button type="button" onClick=${() => end(id)} aria-label="${strings.sessionEnd} ${address}">${strings.sessionEnd}</button></li>`))}</ul>
    ${sessions.length > 1 && html`<button type="button" onClick=${() => end("ALL")}>${strings.sessionsEndOthers}</button>`}`;
}

/** Devices that stay logged in, by an app password each. @param {{ app: App }} props */
function Devices({ app }) {
  const [devices, setDevices] = useState(/** @type {string[][]} */ ([]));
  const load = () => app.asking.ask("ACCOUNT TOKEN LIST").then((answer) => setDevices(notesIn(answer, "TOKEN")));
  useEffect(() => void load(), []);
  const forget = async (/** @type {string} */ name) => {
    await sendAndTell(app, formatLine("ACCOUNT", ["TOKEN", "DEL", name]), strings.saved);
    await load();
  };
  return html`<h3>${strings.devices}</h3><p class="hint">${devices.length > 0 ? strings.devicesHint : strings.noDevices}</p>
    <ul class="entries">${devices.map(([name = "", created = "", , , browser = "*"]) => (
    html`<li key=${name}><span>${clean(browser === "*" ? name : browser.replace("/", ", "))} <small>${strings.sessionSince(shortTime(Date.parse(created) || 0))}</small></span>
      <button type="button" onClick=${() => forget(name)} aria-label="${strings.deviceForget} ${name}">${strings.deviceForget}</button></li>`))}</ul>`;
}

/** @param {{ app: App }} props */
function Ignored({ app }) {
  const ignored = [...app.presence.ignored];
  const [, setDraw] = useState(0);
  if (ignored.length === 0) return null;
  const end = async (/** @type {string} */ name) => {
    await sendAndTell(app, formatLine("SILENCE", [`-${name}`]), strings.saved);
    setDraw(Date.now());
  };
  return html`<fieldset><legend>${strings.ignored}</legend><ul class="entries">${ignored.map((name) => (
    html`<li key=${name}><span>${clean(name)}</span>
      <button type="button" onClick=${() => end(name)} aria-label="${strings.unignore}: ${name}">${strings.unignore}</button></li>`))}</ul></fieldset>`;
}
