// Keys that work everywhere; `keyNames` in strings.js has them for the help.

/** @import { App } from "./app.js" */
import { same } from "../core/fold.js";
import { actOn } from "./actions.js";
import { listedConversations } from "./list-view.js";

/** What a letter does to the message that has the focus. @type {Record<string, string>} */
const messageKeys = {
  r: "reply", e: "react", c: "copy", o: "answered", Delete: "takeBack", Enter: "more", m: "more",
};

/**
 * @param {App} app
 * @param {KeyboardEvent} event
 */
export function onKey(app, event) {
  // A dialog has its own keys, and the page before login has none.
  if (!app.isLoggedIn || app.dialog || event.isComposing || event.defaultPrevented) return;
  const { key, code, altKey, ctrlKey, metaKey } = event;
  const command = ctrlKey || metaKey;
  let done = true;
  if (command && !altKey && code === "KeyK") app.show({ type: "palette" });
  else if (command && !altKey && code === "KeyF") openSearch(app);
  else if (altKey && !command) done = altKeys(app, code);
  else if (key === "F1") app.show({ type: "help" });
  else if (key === "Escape") toComposer(app);
  else if (!command) done = focusedMessageKeys(app, key);
  else done = false;
  if (done) event.preventDefault();
}

/** @param {App} app */
function openSearch(app) {
  app.side = "search";
  app.pane = "chat";
  app.drawNow();
  const input = document.querySelector(".search-form input");
  if (input instanceof HTMLElement) input.focus();
}

/** @param {App} app */
function toComposer(app) {
  if (document.activeElement?.closest(".side") && app.side !== "members") app.side = "";
  app.draw();
  document.getElementById("composer")?.focus();
}

/**
 * @param {App} app
 * @param {string} code
 */
function altKeys(app, code) {
  const all = listedConversations(app);
  const at = all.findIndex(({ name }) => app.current !== undefined && same(name, app.current));
  const digit = /^Digit([1-9])$/u.exec(code)?.[1];
  let next;
  if (code === "ArrowUp") next = all[at <= 0 ? all.length - 1 : at - 1];
  else if (code === "ArrowDown") next = all[(at + 1) % all.length];
  else if (digit) next = all[Number(digit) - 1];
  else if (code === "KeyA") next = nextUnread(app);
  else if (code === "KeyM") {
    app.toggleSide("members");
    return true;
  } else if (code === "KeyR") {
    actOn(app, "react", app.timeline.itemAt(document.activeElement) ?? app.timeline.newestItem());
    return true;
  } else return false;
  if (next) app.open(next.name);
  return true;
}

/** Where this person is mentioned comes first. @param {App} app */
function nextUnread(app) {
  const unread = listedConversations(app).filter(({ unread: count, notify }) => count > 0 && notify !== "none");
  return unread.find(({ mentions, kind }) => mentions > 0 || kind === "person") ?? unread[0];
}

/**
 * @param {App} app
 * @param {string} key
 */
function focusedMessageKeys(app, key) {
  const row = document.activeElement;
  const isMessage = row?.classList.contains("message") ?? false;
  if (!row?.closest(".timeline")) return false;
  if (key === "ArrowUp" || key === "ArrowDown") {
    const moved = app.timeline.moveFocus(key === "ArrowUp" ? -1 : 1);
    if (!moved && key === "ArrowDown") document.getElementById("composer")?.focus();
    return true;
  }
  const action = messageKeys[key] ?? messageKeys[key.toLowerCase()];
  if (!isMessage || !action) return key === "?" && (app.show({ type: "help" }), true);
  actOn(app, action, app.timeline.itemAt(row));
  return true;
}
