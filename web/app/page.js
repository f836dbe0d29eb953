// The whole page: the columns, what is above them, and what is wrong with the connection.

/** @import { App } from "./app.js" */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { ProofDialog } from "./account.js";
import { ChatView } from "./chat-view.js";
import { DialogView } from "./dialogs.js";
import { ListView } from "./list-view.js";
import { LoginView, RenewalView } from "./login-view.js";
import { widths } from "./settings.js";
import { SideView } from "./side-view.js";
import { strings } from "./strings.js";

/** How far an arrow key moves the edge of a column, in pixels. */
const keyPixels = 16;

/** @param {{ app: App }} props */
export function Page({ app }) {
  if (!app.isLoggedIn || app.client.renewal !== undefined) {
    return html`${app.client.status.phase === "waiting" && html`<${Banner} app=${app} />`}
      <${app.isLoggedIn ? RenewalView : LoginView} app=${app} /><${Toast} app=${app} />`;
  }
  const { current } = app;
  return html`
    <a class="skip" href="#composer" onClick=${(/** @type {Event} */ event) => {
    event.preventDefault();
    app.timeline.scroller.focus();
  }}>${strings.skipToMessages}</a>
    <${Banner} app=${app} />
    <main class="columns" data-pane=${current === undefined ? "list" : app.pane} data-side=${app.side}>
      <${ListView} app=${app} />
      <${Edge} app=${app} which="listWidth" />
      <${ChatView} app=${app} />
      ${app.side !== "" && html`<${Edge} app=${app} which="sideWidth" />`}
      <${SideView} app=${app} />
    </main>
    <${DialogView} app=${app} />
    ${app.proved && html`<${ProofDialog} app=${app} />`}
    <${Toast} app=${app} />`;
}

/** @param {{ app: App }} props */
function Toast({ app }) {
  const { toast } = app;
  return html`<div class="toast ${toast?.failed ? "failed" : ""}" role="status" aria-live="polite">${toast?.text}</div>`;
}

/** What is wrong with the connection, and what the person can do. @param {{ app: App }} props */
function Banner({ app }) {
  const { status } = app.client;
  const [, setNow] = useState(0);
  const waits = status.phase === "waiting";
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [waits]);
  if (status.phase === "connecting") return html`<div class="banner" role="status">${strings.connecting}</div>`;
  if (status.phase !== "waiting") return null;
  const seconds = Math.max(1, Math.ceil((status.retryAtMs - Date.now()) / 1000));
  return html`<div class="banner"><span role="status">${navigator.onLine ? strings.reconnecting : strings.offline}</span>
    ${navigator.onLine && html`<span aria-hidden="true">${strings.retryIn(seconds)}</span>
      <button type="button" onClick=${() => app.client.retryNow()}>${strings.retryNow}</button>`}</div>`;
}

/**
 * The edge of a column, which can be moved with the mouse and with arrow keys.
 * @param {{ app: App, which: "listWidth" | "sideWidth" }} props
 */
function Edge({ app, which }) {
  const width = app.settings[which];
  const sign = which === "listWidth" ? 1 : -1;
  const set = (/** @type {number} */ to) => app.set({ [which]: Math.min(Math.max(Math.round(to), widths.least), widths.most) });
  const onPointerDown = (/** @type {PointerEvent & { currentTarget: HTMLElement }} */ event) => {
    const { currentTarget, clientX: start, pointerId } = event;
    currentTarget.setPointerCapture(pointerId);
    currentTarget.onpointermove = ({ clientX }) => set(width + sign * (clientX - start));
    currentTarget.onpointerup = currentTarget.onpointercancel = () => {
      currentTarget.onpointermove = null;
    };
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowLeft: -keyPixels, ArrowRight: keyPixels }[event.key];
    if (step) set(width + sign * step);
  };
  return html`<div class="edge" role="separator" tabindex="0" aria-orientation="vertical" aria-label=${strings.resize}
    aria-valuemin=${widths.least} aria-valuemax=${widths.most} aria-valuenow=${width}
    onPointerDown=${onPointerDown} onKeyDown=${onKeyDown}></div>`;
}
