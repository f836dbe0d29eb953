// The timeline's rows: an item becomes an element, made by hand. Texts go in as text nodes.

/** @import { Entry } from "../core/types.js" */
/** @import { Item } from "./items.js" */
import { dayName, fullTime, timeOfDay } from "./dates.js";
import { actionButton, element, initial, nameColour } from "./dom.js";
import { strings } from "./strings.js";
import { clean, isOnlyEmoji, messageNodes, plain } from "./text.js";

/**
 * What rows need to know of the conversation around them.
 * @typedef {object} Scene
 * @property {string} me
 * @property {string} name the conversation's name
 * @property {boolean} connected
 * @property {number} loading pages of history on their way
 * @property {string} unreadText
 * @property {(msgid: string) => Entry | undefined} find
 * @property {(nick: string) => string} displayName empty if there is none
 */

/** Characters of the quoted line of an answered message. */
const quoteLength = 140;
/** Comings and goings listed of those that are folded into one row. */
const foldedLines = 100;

/**
 * What a row shows, as a value that differs if it has to be drawn again.
 * @param {Item} item
 * @param {Scene} scene
 */
export function lookOf(item, scene) {
  switch (item.type) {
    case "message": {
      const { entry, grouped } = item;
      const answered = entry.replyTo ? scene.find(entry.replyTo) : undefined;
      const reactions = entry.reactions.map(({ text, by }) => `${text}${by.join()}`).join(" ");
      const waits = entry.delivery?.state === "pending" && !scene.connected;
      const quoted = answered && (answered.redactedBy ?? "here");
      return [grouped, entry.redactedBy, entry.delivery?.state, waits, reactions, quoted,
        scene.displayName(entry.from), scene.me].join("\n");
    }
    case "fold":
      return String(item.entries.length);
    case "unread":
      return scene.unreadText;
    case "gap":
      return String(scene.loading > 0);
    case "day":
      return dayName(item.ms, Date.now());
    default:
      return "";
  }
}

/**
 * The element of an item.
 * @param {Item} item
 * @param {Scene} scene
 * @returns {HTMLElement}
 */
export function rowOf(item, scene) {
  const row = draw(item, scene);
  row.dataset.key = item.key;
  return row;
}

/**
 * @param {Item} item
 * @param {Scene} scene
 * @returns {HTMLElement}
 */
function draw(item, scene) {
  switch (item.type) {
    case "message":
      return messageRow(item.entry, item.grouped, scene);
    case "event":
      return eventRow(item.entry);
    case "fold":
      return foldRow(item.entries);
    case "day":
      return element("div", { "class": "row day", "role": "separator" },
        element("span", {}, dayName(item.ms, Date.now())));
    case "unread":
      return element("div", { "class": "row unread-line", "role": "separator" },
        element("span", {}, scene.unreadText));
    case "gap":
      return gapRow(item.index, scene);
    default:
      return element("div", { "class": "row start" }, strings.beginning(scene.name));
  }
}

/**
 * @param {number} index
 * @param {Scene} scene
 */
function gapRow(index, scene) {
  if (scene.loading > 0) {
    return element("div", { "class": "row gap", "data-gap": index }, strings.loadingHistory);
  }
  const load = actionButton(strings.gapLoad, "gap", "link");
  return element("div", { "class": "row gap", "data-gap": index }, `${strings.gap} `, load);
}

/**
 * @param {Entry} entry
 * @param {boolean} grouped
 * @param {Scene} scene
 */
function messageRow(entry, grouped, scene) {
  const state = entry.delivery?.state;
  const looks = [
    "row message", grouped && "grouped", entry.mine && "mine", entry.mentionsMe && !entry.mine && "mention",
    entry.kind !== "message" && entry.kind, state === "pending" && "pending", state === "failed" && "failed",
  ];
  const row = element("article", { "class": looks.filter(Boolean).join(" "), "tabindex": "-1" });
  const time = element("time", {
    "datetime": new Date(entry.timeMs).toISOString(), "title": fullTime(entry.timeMs),
  }, timeOfDay(entry.timeMs));
  const colour = `n${nameColour(entry.account ?? entry.from)}`;
  const gutter = element("div", { "class": "gutter" });
  const body = element("div", { "class": "body" });
  // An action says its author's name itself.
  if (grouped || entry.kind === "action") {
    gutter.append(time, element("span", { "class": "sr-only" }, clean(entry.from)));
  } else {
    gutter.append(element("span", { "class": `avatar ${colour}`, "aria-hidden": "true" }, initial(entry.from)));
    body.append(headOf(entry, colour, time, scene));
  }
  if (entry.replyTo) body.append(quoteOf(entry.replyTo, scene));
  body.append(textOf(entry, scene));
  if (entry.reactions.length > 0) body.append(reactionRow(entry, scene.me));
  if (entry.delivery) body.append(...deliveryOf(entry, scene.connected));
  row.append(gutter, body);
  return row;
}

/**
 * @param {Entry} entry
 * @param {string} colour
 * @param {HTMLElement} time
 * @param {Scene} scene
 */
function headOf(entry, colour, time, scene) {
  const head = element("div", { "class": "head" });
  head.append(element("button", { "type": "button", "class": `name ${colour}`, "data-action": "person",
    "data-nick": entry.from }, element("bdi", {}, clean(entry.from))));
  const display = clean(scene.displayName(entry.from));
  if (display) head.append(element("bdi", { "class": "display-name" }, display));
  if (entry.tags.has("bot")) head.append(element("span", { "class": "badge" }, "bot"));
  head.append(time);
  if (entry.mentionsMe && !entry.mine) {
    head.append(element("span", { "class": "sr-only" }, strings.mentionsYou));
  }
  return head;
}

/**
 * The message that another one answers, as a line to click on.
 * @param {string} msgid
 * @param {Scene} scene
 */
function quoteOf(msgid, scene) {
  const answered = scene.find(msgid);
  const quote = element("button", { "type": "button", "class": "quote", "data-action": "answered",
    "data-msgid": msgid });
  if (!answered) {
    quote.append(strings.answersUnknown);
    return quote;
  }
  const text = answered.redactedBy
    ? strings.redacted(clean(answered.redactedBy))
    : plain(answered.text.replace(/\n/gu, " ")).slice(0, quoteLength);
  quote.append(element("span", { "class": "sr-only" }, strings.answers),
    element("b", { "class": `n${nameColour(answered.account ?? answered.from)}` }, clean(answered.from)), " ",
    element("bdi", {}, text));
  return quote;
}

/**
 * @param {Entry} entry
 * @param {Scene} scene
 */
function textOf(entry, scene) {
  if (entry.redactedBy) {
    return element("div", { "class": "text redacted" }, strings.redacted(clean(entry.redactedBy)));
  }
  const emoji = isOnlyEmoji(entry.text) ? "text emoji" : "text";
  const text = element("div", { "class": emoji, "dir": "auto" });
  if (entry.kind === "action") {
    text.append(element("b", { "class": `n${nameColour(entry.account ?? entry.from)}` }, clean(entry.from)), " ");
  }
  text.append(messageNodes(entry.text, entry.mine ? "" : scene.me));
  return text;
}

/**
 * @param {Entry} entry
 * @param {string} me
 */
function reactionRow(entry, me) {
  const list = element("div", { "class": "reactions" });
  for (const { text, by } of entry.reactions) {
    const mine = by.some((name) => name.toLowerCase() === me.toLowerCase());
    const label = strings.reaction(clean(text), by.map(clean));
    list.append(element("button", { "type": "button", "data-action": "reaction", "data-text": text,
      "aria-pressed": String(mine), "title": label, "aria-label": label },
    element("span", { "class": "reaction" }, clean(text)), String(by.length)));
  }
  return list;
}

/**
 * How far one's own message has come.
 * @param {Entry} entry
 * @param {boolean} connected
 * @returns {HTMLElement[]}
 */
function deliveryOf(entry, connected) {
  const { delivery } = entry;
  if (!delivery || entry.redactedBy) return [];
  if (delivery.state === "failed") {
    return [element("div", { "class": "failure" }, element("span", {}, `${strings.failed}: ${clean(delivery.reason)}`),
      actionButton(strings.retry, "retry", "link"), actionButton(strings.edit, "edit", "link"),
      actionButton(strings.discard, "discard", "link"))];
  }
  const pending = delivery.state === "pending";
  const unsent = connected ? strings.sending : strings.waitingForConnection;
  const label = pending ? unsent : delivery.state === "stored" ? strings.stored : strings.sent;
  const mark = element("span", { "class": "delivery", "title": label, "role": "img", "aria-label": label });
  mark.append(pending ? "◌" : delivery.state === "stored" ? "✓" : "·");
  return [mark];
}

/** @param {Entry} entry */
function eventText(entry) {
  const [who, whom, text] = [clean(entry.from), clean(entry.whom), plain(entry.text)];
  switch (entry.kind) {
    case "join": return strings.joined(who);
    case "part": return strings.left(who, text);
    case "quit": return strings.wentOffline(who, text);
    case "nick": return strings.renamed(who, whom);
    case "kick": return strings.kicked(who, whom, text);
    case "topic": return strings.topicSet(who, text);
    case "mode": return strings.modeSet(who, text);
    case "invite": return strings.invited(who, whom);
    default: return text;
  }
}

/** @param {Entry} entry */
function eventRow(entry) {
  const time = element("time", { "title": fullTime(entry.timeMs) }, timeOfDay(entry.timeMs));
  return element("div", { "class": `row event ${entry.kind === "error" ? "error" : ""}` },
    element("div", { "class": "gutter" }, time),
    element("div", { "class": "body", "dir": "auto" }, eventText(entry)));
}

/** @param {Entry[]} entries */
function foldRow(entries) {
  const [first] = entries;
  if (entries.length === 1 && first) return eventRow(first);
  const came = entries.filter(({ kind }) => kind === "join").length;
  const renamed = entries.filter(({ kind }) => kind === "nick").length;
  const details = element("details", {},
    element("summary", {}, strings.folded(came, entries.length - came - renamed, renamed)));
  const unfold = () => {
    if (details.childElementCount > 1) return;
    details.append(...entries.slice(-foldedLines).map((entry) => element("div", {}, eventText(entry))));
  };
  details.addEventListener("toggle", unfold);
  return element("div", { "class": "row event" }, element("div", { "class": "gutter" }),
    element("div", { "class": "body" }, details));
}
