// Where the page begins: the only module that does something by being loaded.

import { Client } from "../core/client.js";
import { html, render } from "../vendor/preact-htm.js";
import { actOn, replyTo } from "./actions.js";
import { announcer } from "./announce.js";
import { App } from "./app.js";
import { listenToFingers } from "./gestures.js";
import { onKey } from "./keys.js";
import { Page } from "./page.js";
import { strings } from "./strings.js";
import { addToolbar } from "./toolbar.js";

/**
 * @param {Element} root
 */
async function startApp(root) {
  /** @type {App} */
  let app;
  const client = new Client({
    connect,
    onChange: (changes) => app.changed(changes),
    onStatus: () => app.statusChanged(),
    takesLine: (line) => app.takesLine(line),
    lobby: "#lobby",
  });
  client.watchPage(window);
  app = new App(client, (drawn) => render(html`<${Page} app=${drawn} />`, root));
  app.act = (action, item, from) => actOn(app, action, item, from);
  document.documentElement.lang = strings.language;
  document.body.append(announcer());
  listen(app);
  await client.start();
  // One that early.js has opened for somebody who is not logged in after all.
  takeEarly()?.close();
  app.choose();
  app.drawNow();
}

/** The connection that early.js has opened, if nobody has taken it yet. */
function takeEarly() {
  const page = /** @type {{ early?: WebSocket }} */ (globalThis);
  const { early } = page;
  delete page.early;
  return early;
}

/**
 * A new connection to this server, or the one that early.js has opened; or to another node of it.
 * @param {string} [place] such as `b.chat.example:9999`
 */
function connect(place) {
  const early = place ? undefined : takeEarly();
  if (early && early.readyState <= WebSocket.OPEN) return early;
  const origin = place ? `${location.protocol}//${place}` : location.origin;
  return new WebSocket(origin.replace("http", "ws"), "text.ircv3.net");
}

/** @param {App} app */
function listen(app) {
  const { list } = app.timeline;
  const showToolbar = addToolbar(list);
  const entryOf = (/** @type {HTMLElement} */ row) => {
    const item = app.timeline.itemAt(row);
    return item?.type === "message" ? item.entry : undefined;
  };
  listenToFingers(list, {
    reply: (row) => {
      const entry = entryOf(row);
      if (entry) replyTo(app, entry);
    },
    menu: (row) => actOn(app, "more", app.timeline.itemAt(row)),
    tap: showToolbar,
  });
  document.addEventListener("keydown", (event) => onKey(app, event));
  // Who comes back has read what is in sight.
  window.addEventListener("focus", () => app.draw());
  document.addEventListener("visibilitychange", () => app.draw());
  window.addEventListener("popstate", () => app.wentBack());
  window.addEventListener("online", () => app.draw());
  window.addEventListener("offline", () => app.draw());
  fitKeyboard();
}

/** Keeps the composer above a keyboard on the screen, where the browser does not do so by itself. */
function fitKeyboard() {
  const { visualViewport } = window;
  if (!visualViewport) return;
  const fit = () => {
    // While the person zooms, the page stays as it is.
    if (visualViewport.scale !== 1) return;
    document.documentElement.style.setProperty("--height", `${visualViewport.height}px`);
    if (visualViewport.offsetTop > 0) scrollTo(0, 0);
  };
  visualViewport.addEventListener("resize", fit);
  fit();
}

const root = document.getElementById("app");
if (root) startApp(root);
