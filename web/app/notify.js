// Attracting attention: notifications, the title, the badge of an installed page.

/** @import { Entry } from "../core/types.js" */
/** @import { App } from "./app.js" */
import { strings } from "./strings.js";
import { plain } from "./text.js";

/** Characters of a message in a notification. */
const shownLength = 200;

/** Whether this browser can show notifications, and may. @returns {"unsupported" | NotificationPermission} */
export function notificationState() {
  return "Notification" in window ? Notification.permission : "unsupported";
}

/**
 * Notifies of a message, if the person wants that and is not looking at it.
 * @param {App} app
 * @param {string} target
 * @param {Entry} entry
 * @param {boolean} attentive the person is looking at it
 */
export function notifyOf(app, target, entry, attentive) {
  const conversation = app.chat.conversation(target);
  if (!conversation || entry.mine || attentive || !app.settings.notifications) return;
  if (notificationState() !== "granted" || conversation.notify === "none") return;
  const isPrivate = conversation.kind === "person" && entry.kind !== "notice";
  if (!isPrivate && !entry.mentionsMe && conversation.notify !== "all") return;
  const from = plain(entry.from);
  const title = conversation.kind === "room" ? `${from} ${strings.notificationIn(plain(target))}` : from;
  try {
    const notification = new Notification(title, { body: plain(entry.text).slice(0, shownLength), tag: target });
    notification.onclick = () => {
      window.focus();
      app.open(target);
      notification.close();
    };
  } catch (error) {
    // Chrome on Android has the class but allows service workers only to use it.
    if (!(error instanceof TypeError)) throw error;
  }
}

/**
 * Shows in the title and on the badge how much is unread.
 * @param {App} app
 */
export function showCounts(app) {
  const { unread, mentions } = unreadOf(app);
  const name = app.current || strings.appName;
  const count = mentions > 0 ? `(${mentions}!) ` : unread > 0 ? `(${unread}) ` : "";
  const title = `${count}${plain(name)}${app.current ? ` · ${strings.appName}` : ""}`;
  if (document.title !== title) document.title = title;
  // Not every browser has badges, and none needs one.
  const { setAppBadge } = /** @type {{ setAppBadge?: (count: number) => Promise<void> }} */ (navigator);
  setAppBadge?.call(navigator, mentions).catch(() => {});
}

/**
 * The unread counts of all conversations that are not muted.
 * @param {App} app
 */
export function unreadOf(app) {
  let [unread, mentions] = [0, 0];
  for (const conversation of app.chat.conversations.values()) {
    if (conversation.notify === "none" || conversation.kind === "server") continue;
    unread += conversation.unread;
    mentions += conversation.kind === "person" ? conversation.unread : conversation.mentions;
  }
  return { unread, mentions };
}
