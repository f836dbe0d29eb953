// The person's own things: profile, appearance, notifications, account, whom they ignore.

/** @import { App } from "./app.js" */
import { formatLine } from "../core/message.js";
import { html, useState } from "../vendor/preact-htm.js";
import { Account } from "./account.js";
import { sendAndTell } from "./actions.js";
import { logOut } from "./leaving.js";
import { notificationState } from "./notify.js";
import { Choice, Modal, OneLine, Toggle } from "./parts.js";
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
