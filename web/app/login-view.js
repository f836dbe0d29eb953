// The first page: log in, create an account, or look in as a guest.

/** @import { Login, Problem } from "../core/types.js" */
/** @import { App } from "./app.js" */
import { html, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { NewPassword } from "./account.js";
import { Field } from "./parts.js";
import { strings } from "./strings.js";

/** Names that the server takes (docs/protocol.md, "Logging in"). */
const goodName = /^[A-Za-z_[\]\\`^{}|][A-Za-z0-9\-_[\]\\`^{}|]{0,31}$/u;
const leastPassword = 4;

/** @typedef {Login["how"]} How */

/**
 * The invitation in the address of the page: `?invite=CODE`.
 * @param {string} search
 */
export function invitationIn(search) {
  return new URLSearchParams(search).get("invite")?.slice(0, 100) ?? "";
}

/** The fields that a problem asks for. @type {Partial<Record<Problem, string>>} */
const fieldOf = {
  password: "password", code: "code", name: "name", account: "name", newPassword: "password", invitation: "invitation",
  serverPassword: "server-password",
};

/** @param {{ app: App }} props */
export function LoginView({ app }) {
  const invited = invitationIn(location.search);
  const [how, setHow] = useState(/** @type {How} */ (invited ? "register" : "password"));
  const [wrong, setWrong] = useState(/** @type {{ field: string, text: string } | undefined} */ (undefined));
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const { status } = app.client;
  const problem = status.phase === "out" ? status.problem : undefined;
  const busy = status.phase === "connecting";
  const field = wrong?.field ?? (problem && fieldOf[problem]);
  const text = wrong?.text ?? (status.phase === "out" ? status.reason ?? "" : "");
  useLayoutEffect(() => {
    // What is wrong is where the focus goes.
    const input = field && form.current?.querySelector(`#${field}`);
    if (input instanceof HTMLInputElement) input.focus();
  }, [field, text]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!form.current || busy) return;
    const given = new FormData(form.current);
    const mistake = mistakeIn(given, how);
    setWrong(mistake);
    if (!mistake) app.client.logIn(loginOf(given, how));
    app.draw();
  };
  const change = (/** @type {How} */ to) => () => {
    setWrong(undefined);
    setHow(to);
  };
  const wrongIn = (/** @type {string} */ name) => (field === name ? text : undefined);
  return html`<main class="login">
    <form ref=${form} onSubmit=${submit} novalidate>
      <div class="logo" aria-hidden="true"></div>
      <h1>${strings.welcomeTo} ${location.hostname}</h1>
      <p class="hint">${invited ? strings.invitedHint
    : { password: strings.loginHint, register: strings.registerHint, guest: strings.guestHint }[how]}</p>
      ${text && !field && html`<p class="wrong" role="alert">${text}</p>`}
      <${LoginFields} how=${how} problem=${problem} invited=${invited} wrongIn=${wrongIn} name=${app.client.name} />
      <button type="submit" class="primary" aria-disabled=${busy}>${busy ? strings.loggingIn
    : { password: strings.logIn, register: strings.register, guest: strings.guest }[how]}</button>
      <div class="others">
        ${how !== "register" && html`<button type="button" class="link" onClick=${change("register")}>${strings.toRegister}</button>`}
        ${how !== "password" && html`<button type="button" class="link" onClick=${change("password")}>${strings.toLogin}</button>`}
        ${how !== "guest" && html`<button type="button" class="link" onClick=${change("guest")}>${strings.toGuest}</button>`}
      </div>
    </form>
  </main>`;
}

/** Who has logged in by a one-time code has to choose a password before anything else. @param {{ app: App }} props */
export function RenewalView({ app }) {
  return html`<main class="login"><div>
    <div class="logo" aria-hidden="true"></div>
    <h1>${strings.welcomeTo} ${location.hostname}</h1>
    <p class="hint">${strings.renewalHint}</p>
    <${NewPassword} app=${app} />
    <div class="others"><button type="button" class="link" onClick=${() => app.client.logOut()}>${strings.logOut}</button></div>
  </div></main>`;
}

/**
 * @param {{ how: How, problem?: Problem, invited: string, name: string, wrongIn: (name: string) => string | undefined }} props
 */
function LoginFields({ how, problem, invited, name, wrongIn }) {
  const [shown, setShown] = useState(false);
  const register = how === "register";
  const type = shown ? "text" : "password";
  const text = (/** @type {string} */ id, /** @type {string} */ label, /** @type {string} */ hint) => (
    html`<${Field} id=${id} label=${label} hint=${hint} wrong=${wrongIn(id)}>
      <input id=${id} name=${id} autocomplete="off" autocapitalize="none" spellcheck=${false} aria-describedby="${id}-hint" />
    </${Field}>`);
  return html`
    <${Field} id="name" label=${strings.name} hint=${how === "password" ? "" : strings.nameRules} wrong=${wrongIn("name")}>
      <input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck=${false} maxlength="32"
        defaultValue=${name} aria-invalid=${Boolean(wrongIn("name"))} aria-describedby="name-hint" autofocus />
    </${Field}>
    ${how !== "guest" && html`<${Field} id="password" label=${strings.password} hint=${register ? strings.passwordRules : ""}
      wrong=${wrongIn("password")}>
      <input id="password" name="password" type=${type} autocomplete=${register ? "new-password" : "current-password"}
        aria-invalid=${Boolean(wrongIn("password"))} aria-describedby="password-hint" />
    </${Field}>`}
    ${register && html`<${Field} id="again" label=${strings.passwordAgain} wrong=${wrongIn("again")}>
      <input id="again" name="again" type=${type} autocomplete="new-password" aria-describedby="again-hint" />
    </${Field}>`}
    ${problem === "code" && text("code", strings.code, strings.codeHint)}
    ${register && (problem === "invitation" || invited) && html`<${Field} id="invitation" label=${strings.invitation}
      hint=${invited ? "" : strings.invitationHint} wrong=${wrongIn("invitation")}>
      <input id="invitation" name="invitation" defaultValue=${invited} autocomplete="off" autocapitalize="none" />
    </${Field}>`}
    ${problem === "serverPassword" && html`<${Field} id="server-password" label=${strings.serverPassword}
      hint=${strings.serverPasswordHint} wrong=${wrongIn("server-password")}>
      <input id="server-password" name="server-password" type=${type} autocomplete="off" /></${Field}>`}
    ${how !== "guest" && html`<div class="setting"><input type="checkbox" id="shown" checked=${shown}
      onChange=${() => setShown(!shown)} /><label for="shown">${strings.showPassword}</label></div>
    <div class="setting"><input type="checkbox" id="remember" name="remember" aria-describedby="remember-hint" />
      <label for="remember">${strings.stayLoggedIn}</label><p class="hint" id="remember-hint">${strings.stayHint}</p></div>`}`;
}

/**
 * What the person has to mend before anything is sent.
 * @param {FormData} given
 * @param {How} how
 * @returns {{ field: string, text: string } | undefined}
 */
export function mistakeIn(given, how) {
  const value = (/** @type {string} */ name) => String(given.get(name) ?? "");
  if (value("name").trim() === "") return { field: "name", text: strings.nameMissing };
  if (!goodName.test(value("name").trim())) return { field: "name", text: `${strings.nameBad} ${strings.nameRules}` };
  if (how === "guest") return undefined;
  if (value("password") === "") return { field: "password", text: strings.passwordMissing };
  if (how === "password") return undefined;
  if (value("password").length < leastPassword) return { field: "password", text: strings.passwordShort };
  if (value("password") !== value("again")) return { field: "again", text: strings.passwordsDiffer };
  return undefined;
}

/**
 * @param {FormData} given
 * @param {How} how
 * @returns {Login}
 */
function loginOf(given, how) {
  const value = (/** @type {string} */ name) => String(given.get(name) ?? "");
  /** @type {Login} */
  const login = { how, name: value("name").trim() };
  if (how !== "guest") login.password = value("password");
  for (const [field, key] of /** @type {const} */ ([
    ["code", "code"], ["invitation", "invitation"], ["server-password", "serverPassword"],
  ])) {
    if (value(field).trim()) login[key] = value(field).trim();
  }
  if (given.get("remember")) login.remember = true;
  return login;
}
