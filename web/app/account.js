// The person's account: password, second factor, sessions, devices. Who has logged in by this device's token is asked for
// the password when the server wants it, and goes on.

/** @import { Problem } from "../core/types.js" */
/** @import { App } from "./app.js" */
/** @import { Asking } from "./asking.js" */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { notesIn, refusalIn } from "./asking.js";
import { shortTime } from "./dates.js";
import { change, ownerOn } from "./owner.js";
import { Field, Modal, OneLine } from "./parts.js";
import { strings } from "./strings.js";
import { clean } from "./text.js";
import { Deletion, Export, Strict, useSummary } from "./whole-account.js";

/** Asks for the password, above the dialog in which it is needed. @param {{ app: App }} props */
export function ProofDialog({ app }) {
  const [refusal, setRefusal] = useState(/** @type {{ problem?: Problem, reason: string }} */ ({ reason: "" }));
  const [busy, setBusy] = useState(false);
  const end = (/** @type {Asking | undefined} */ owner) => {
    app.endProof(owner);
    app.drawNow();
  };
  const submit = async (/** @type {Event & { currentTarget: HTMLFormElement }} */ event) => {
    event.preventDefault();
    if (busy) return;
    const given = new FormData(event.currentTarget);
    setBusy(true);
    const proven = await app.client.prove(String(given.get("proof")), String(given.get("proof-code") ?? ""));
    setBusy(false);
    if ("reason" in proven) setRefusal(proven);
    // Who has closed the dialog meanwhile does not want it any more.
    else if (app.proved) end(ownerOn(app, proven.socket));
    else proven.socket.close();
  };
  const codeIsAsked = refusal.problem === "code";
  return html`<${Modal} titleId="proof-title" title=${strings.password} close=${() => end(undefined)} look="small"><form onSubmit=${submit}>
    <${Field} id="proof" label=${strings.passwordOf(app.chat.me)} hint=${strings.proofHint} wrong=${codeIsAsked ? "" : refusal.reason}>
      <input type="password" id="proof" name="proof" autocomplete="current-password" aria-describedby="proof-hint" required autofocus />
    </${Field}>
    ${codeIsAsked && html`<${Field} id="proof-code" label=${strings.code} wrong=${refusal.reason}>
      <input id="proof-code" name="proof-code" autocomplete="one-time-code" aria-describedby="proof-code-hint" /></${Field}>`}
    <button type="submit" class="primary" aria-disabled=${busy}>${busy ? strings.loggingIn : strings.goOn}</button>
  </form></${Modal}>`;
}

/** @param {{ app: App }} props */
export function Account({ app }) {
  useEffect(() => () => app.endOwner(), []);
  return html`<fieldset><legend>${strings.account}</legend>
    <details><summary>${strings.changePassword}</summary><${NewPassword} app=${app} /></details>
    <details><summary>${strings.secondFactor}</summary><${SecondFactor} app=${app} /></details>
    <${Sessions} app=${app} />
    <${Devices} app=${app} />
    <${Strict} app=${app} />
    <details><summary>${strings.exportAll}</summary><${Export} app=${app} /></details>
    <details><summary>${strings.deleteAccount}</summary><${Deletion} app=${app} /></details>
  </fieldset>`;
}

/** Takes a new password, twice. @param {{ app: App }} props */
export function NewPassword({ app }) {
  const [wrong, setWrong] = useState("");
  const submit = async (/** @type {Event & { currentTarget: HTMLFormElement }} */ event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const [fresh, again] = ["new", "new-again"].map((name) => String(new FormData(form).get(name)));
    if (fresh === undefined || fresh !== again) return setWrong(strings.passwordsDiffer);
    const refusal = refusalIn(await change(app, ["PASSWORD", fresh], strings.passwordChanged));
    setWrong(refusal);
    if (refusal) return undefined;
    form.reset();
    return app.client.passwordChanged(fresh);
  };
  const field = (/** @type {string} */ id, /** @type {string} */ label, /** @type {string} */ hint) => (
    html`<${Field} id=${id} label=${label} hint=${hint}><input type="password" id=${id} name=${id}
      autocomplete="new-password" aria-describedby="${id}-hint" required /></${Field}>`);
  return html`<form onSubmit=${submit}>
    ${field("new", strings.newPassword, strings.passwordRules)}
    ${field("new-again", strings.newPasswordAgain, "")}
    ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
    <button type="submit" class="primary">${strings.changePassword}</button>
  </form>`;
}

/** What is shown once. @typedef {{ picture: string[], secret: string, codes: string[] }} Secrets */

/** @param {{ app: App }} props */
function SecondFactor({ app }) {
  const { on, load } = useSummary(app, 5);
  const [{ picture, secret, codes }, setSecrets] = useState(/** @type {Secrets} */ ({ picture: [], secret: "", codes: [] }));
  const ask = (/** @type {string[]} */ ...params) => async () => {
    const answer = await change(app, ["2FA", ...params]);
    if (refusalIn(answer)) return;
    const firsts = (/** @type {string} */ code) => notesIn(answer, code).map(([first = ""]) => first);
    setSecrets({ picture: firsts("2FA_QR"), secret: firsts("2FA_SECRET").join(""), codes: firsts("2FA_CODE") });
    await load();
  };
  const submit = (/** @type {string} */ subcommand) => (/** @type {string} */ code) => ask(subcommand, code)();
  return html`<p class="hint">${strings.secondFactorHint}</p>
    ${codes.length > 0 && html`<p>${strings.recoveryCodes}</p><pre class="codes">${codes.join("\n")}</pre>`}
    ${on && html`<${OneLine} id="factor-off" label=${strings.factorOff} button=${strings.turnOff} onSubmit=${submit("OFF")} />
      <${OneLine} id="factor-codes" label=${strings.factorCodes} button=${strings.newCodes} onSubmit=${submit("CODES")} />`}
    ${on === false && !secret && html`<button type="button" onClick=${ask("ON")}>${strings.turnOn}</button>`}
    ${on === false && secret && html`<${Picture} lines=${picture} /><p>${strings.secretHint} <code>${secret}</code></p>
      <${OneLine} id="factor-on" label=${strings.code} button=${strings.turnOn} onSubmit=${submit("CONFIRM")} />`}`;
}

/** A QR code, which the server sends as light half blocks: two squares one above the other in each character. @param {{ lines: string[] }} props */
function Picture({ lines }) {
  let path = "";
  const width = lines[0]?.length ?? 0;
  for (const [y, line] of lines.entries()) {
    for (const [x, block] of [...line].entries()) {
      if (" ▄".includes(block)) path += `M${x} ${2 * y}h1v1h-1z`;
      if (" ▀".includes(block)) path += `M${x} ${2 * y + 1}h1v1h-1z`;
    }
  }
  return html`<svg class="qr" viewBox="0 0 ${width} ${width}" role="img" aria-label=${strings.secondFactor}>
    <path d=${path} /></svg>`;
}

/** @param {{ app: App }} props */
function Sessions({ app }) {
  const [{ all, own }, setSessions] = useState(/** @type {{ all: string[][], own?: string }} */ ({ all: [] }));
  const list = async (/** @type {Asking | undefined} */ asking) => {
    const answer = await asking?.ask("ACCOUNT SESSIONS") ?? [];
    const [, own] = notesIn(answer, "SESSIONS_END")[0] ?? [];
    return { all: notesIn(answer, "SESSION"), own };
  };
  const load = async () => {
    // The connection that asks for the person is no session to them.
    const owner = await list(app.owner);
    const { all, own } = await list(app.asking);
    setSessions({ all: all.filter(([id]) => id !== owner.own), own });
  };
  useEffect(() => void load(), []);
  const others = all.filter(([id]) => id !== own);
  const end = async (/** @type {string[][]} */ which) => {
    for (const [id = ""] of which) {
      if (refusalIn(await change(app, ["END", id], strings.saved))) break;
    }
    await load();
  };
  return html`<h3>${strings.sessions}</h3><ul class="entries">${all.map((session) => {
    const [id = "", since = "", , address = "", , , , text = ""] = session;
    return html`<li key=${id}><span>${clean(address)} <small>${since === "*" ? "" : `${strings.sessionSince(shortTime(Date.parse(since) || 0))}. `}${clean(text)}</small></span>
      ${id !== own && html`<button type="button" onClick=${() => end([session])}
        aria-label="${strings.sessionEnd} ${address}">${strings.sessionEnd}</button>`}</li>`;
  })}</ul>
    ${others.length > 0 && html`<button type="button" onClick=${() => end(others)}>${strings.sessionsEndOthers}</button>`}`;
}

/** Devices that stay logged in, by an app password each. @param {{ app: App }} props */
function Devices({ app }) {
  const [devices, setDevices] = useState(/** @type {string[][]} */ ([]));
  const load = () => app.asking.ask("ACCOUNT TOKEN LIST").then((answer) => setDevices(notesIn(answer, "TOKEN")));
  useEffect(() => void load(), []);
  const forget = async (/** @type {string} */ name) => {
    await change(app, ["TOKEN", "DEL", name], strings.saved);
    await load();
  };
  return html`<h3>${strings.devices}</h3><p class="hint">${devices.length > 0 ? strings.devicesHint : strings.noDevices}</p>
    <ul class="entries">${devices.map(([name = "", created = "", , , browser = "*"]) => (
    html`<li key=${name}><span>${clean(browser === "*" ? name : browser.replace("/", ", "))} <small>${strings.sessionSince(shortTime(Date.parse(created) || 0))}</small></span>
      <button type="button" onClick=${() => forget(name)} aria-label="${strings.deviceForget} ${name}">${strings.deviceForget}</button></li>`))}</ul>`;
}
