// The timeline: rows of the DOM by hand, keyed, at most `domRows` of them, and nothing jumps when they change.

/** @import { Conversation } from "../core/conversation.js" */
/** @import { Entry, Run } from "../core/types.js" */
/** @import { Item } from "./items.js" */
/** @import { Scene } from "./rows.js" */
import { shortTime } from "./dates.js";
import { element, iconElement } from "./dom.js";
import { itemsOf } from "./items.js";
import { lookOf, rowOf } from "./rows.js";
import { strings } from "./strings.js";
import { domRows, TimelineWindow } from "./timeline-window.js";

/**
 * What the timeline asks of the app.
 * @typedef {object} TimelineHost
 * @property {(run: Run) => void} load
 * @property {() => void} reachedEnd the newest message is in sight
 * @property {(action: string, item: Item | undefined, from: HTMLElement) => void} act
 * @property {() => readonly Entry[]} waiting one's own messages on their way
 * @property {() => Omit<Scene, "name" | "loading" | "unreadText" | "find">} scene
 */

/** A row, and how far it is below the top. @typedef {{ key: string, top: number }} Place */

/** So close to the end, in pixels, the timeline follows what comes. */
const followPixels = 48;
/** How long nothing more is asked for by itself after the server refused a page. */
const refusedMs = 10_000;

export class TimelineView {
  /** @type {TimelineHost} */
  #host;
  /** @type {Conversation | undefined} */
  #conversation;
  #window = new TimelineWindow();
  /** @type {Map<string, { row: HTMLElement, look: string, item: Item }>} */
  #drawn = new Map();
  #following = true;
  /** @type {{ from?: string, count: number, more: boolean, since?: number, seen?: boolean }} What was unread when it was opened. */
  #unread = { count: 0, more: false };
  /** @type {string | undefined} A msgid to go to as soon as it is here. */
  #goal;
  #goalIsUnread = false;
  #newBelow = 0;
  #refusedUntil = 0;
  /** @type {Map<string, Place>} Where conversations were left. */
  #places = new Map();

  /** @param {TimelineHost} host */
  constructor(host) {
    this.#host = host;
    this.list = element("div", { "class": "rows" });
    this.scroller = element("div", {
      "class": "timeline", "role": "log", "aria-live": "off", "tabindex": "0",
    }, this.list);
    this.toUnread = element("button", { "type": "button", "class": "jump up", "hidden": true });
    this.toEnd = element("button", { "type": "button", "class": "jump down", "hidden": true });
    this.busy = element("div", { "class": "busy", "hidden": true, "role": "status" });
    this.root = element("div", { "class": "timeline-frame" }, this.toUnread, this.scroller, this.busy, this.toEnd);
    this.toUnread.addEventListener("click", () => this.goToUnread());
    this.toEnd.addEventListener("click", () => this.goToEnd());
    this.scroller.addEventListener("scroll", () => this.#settle(), { passive: true });
    this.list.addEventListener("click", (event) => this.#clicked(event));
    new ResizeObserver(() => this.#resized()).observe(this.scroller);
  }

  /**
   * Shows a conversation, at its unread line if it has one, or where it was left.
   * @param {Conversation | undefined} conversation
   */
  show(conversation) {
    this.#leave();
    this.#conversation = conversation;
    this.#drawn.clear();
    this.list.replaceChildren();
    this.#window.toEnd();
    [this.#following, this.#newBelow, this.#goal, this.#refusedUntil] = [true, 0, undefined, 0];
    this.#unread = { count: 0, more: false };
    if (!conversation) return;
    this.scroller.setAttribute("aria-label", strings.messagesIn(conversation.name || strings.server));
    if (conversation.unread > 0) {
      this.noticeUnread();
      [this.#goal, this.#goalIsUnread] = [conversation.firstUnread, true];
    } else {
      this.#return(conversation);
    }
    this.update();
  }

  /** The conversation that is shown. */
  get conversation() {
    return this.#conversation;
  }

  /** Something is unread from now on: the line stands above it. */
  noticeUnread() {
    const conversation = this.#conversation;
    if (!conversation || conversation.unread === 0) return;
    const { firstUnread, unread, unreadMore, readMs } = conversation;
    const first = firstUnread ? conversation.timeline.find(firstUnread) : undefined;
    this.#unread = { count: unread, more: unreadMore };
    if (firstUnread) this.#unread.from = firstUnread;
    const since = first?.timeMs ?? readMs;
    if (since !== undefined) this.#unread.since = since;
  }

  /** Draws what has changed; what is in sight stays where it is. */
  update() {
    const conversation = this.#conversation;
    if (!conversation) return;
    let anchor = this.#following ? undefined : this.#anchor();
    this.#draw(conversation);
    if (this.#goal && this.#reach(conversation, this.#goal)) {
      this.#goal = anchor = undefined;
    } else if (this.#following) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
    } else if (anchor) {
      this.#restore(anchor);
    }
    this.#settle(anchor);
  }

  /** Somebody said something here; while the end is not in sight it is counted. */
  said() {
    if (!this.#following) this.#newBelow += 1;
  }

  /** The server refused a page of history. */
  refused() {
    this.#refusedUntil = Date.now() + refusedMs;
  }

  goToEnd() {
    this.#window.toEnd();
    [this.#following, this.#goal] = [true, undefined];
    this.update();
  }

  goToUnread() {
    if (this.#unread.from) this.goTo(this.#unread.from, true);
  }

  /**
   * Shows a message, which is fetched if it is not here.
   * @param {string} msgid
   * @param {boolean} [unread] it is the first unread one
   */
  goTo(msgid, unread = false) {
    const conversation = this.#conversation;
    if (!conversation) return;
    [this.#goal, this.#goalIsUnread] = [msgid, unread];
    this.#following = false;
    if (!conversation.timeline.find(msgid)) this.#host.load({ around: msgid });
    this.update();
  }

  /**
   * The item of the row that has, or is around, an element.
   * @param {Element | null} inside
   */
  itemAt(inside) {
    const row = inside?.closest(".row");
    return row instanceof HTMLElement ? this.#drawn.get(row.dataset.key ?? "")?.item : undefined;
  }

  /** The newest message that somebody said. */
  newestItem() {
    return [...this.#drawn.values()].findLast(({ item }) => item.type === "message")?.item;
  }

  /**
   * Moves the focus from message to message.
   * @param {-1 | 1} step
   * @returns {boolean} whether there is one
   */
  moveFocus(step) {
    const rows = [...this.list.querySelectorAll(".message")];
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[at < 0 ? rows.length - 1 : at + step];
    if (!(next instanceof HTMLElement)) return false;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  /**
   * Scrolls by pages, or to an end of what is here.
   * @param {"PageUp" | "PageDown" | "Home" | "End"} key
   */
  scroll(key) {
    const page = this.scroller.clientHeight * 0.9;
    if (key === "End") this.goToEnd();
    else if (key === "Home") this.scroller.scrollTop = 0;
    else this.scroller.scrollBy({ top: key === "PageUp" ? -page : page });
  }

  /** @param {Conversation} conversation */
  #draw(conversation) {
    const { rows, isFromStart } = conversation.timeline;
    const scene = this.#scene(conversation);
    let items = this.#items(rows, isFromStart);
    // Many day lines, or many messages on their way, may be more than the window leaves room for.
    while (items.length > domRows) {
      this.#window.shrink(rows, items.length - domRows, this.#following);
      const fewer = this.#items(rows, isFromStart);
      if (fewer.length >= items.length) break;
      items = fewer;
    }
    this.#reconcile(items.slice(-domRows), scene);
    this.list.classList.toggle("empty", items.length === 0 && isFromStart);
    this.list.dataset.empty = conversation.kind === "person" ? strings.emptyPerson(conversation.name) : strings.empty;
    this.busy.hidden = conversation.loading === 0;
    this.busy.textContent = this.busy.hidden ? "" : strings.loadingHistory;
  }

  /**
   * @param {import("../core/types.js").Row[]} rows
   * @param {boolean} isFromStart
   */
  #items(rows, isFromStart) {
    const [from, to] = this.#window.range(rows, this.#following);
    const shown = rows.slice(from, to);
    if (this.#window.atEnd) shown.push(...this.#host.waiting());
    const start = from === 0 && isFromStart && shown.length > 0;
    return itemsOf(shown, from, { unreadFrom: this.#unread.from, start, before: rows[from - 1] });
  }

  /**
   * @param {Conversation} conversation
   * @returns {Scene}
   */
  #scene(conversation) {
    const { count, more, since } = this.#unread;
    return {
      ...this.#host.scene(),
      name: conversation.name || strings.server,
      loading: conversation.loading,
      unreadText: since ? strings.unreadLine(count, more, shortTime(since)) : strings.unreadLineShort,
      find: (msgid) => conversation.timeline.find(msgid),
    };
  }

  /**
   * Brings the DOM in line with the items, touching only what differs.
   * @param {Item[]} items
   * @param {Scene} scene
   */
  #reconcile(items, scene) {
    const old = this.#drawn;
    this.#drawn = new Map();
    const focused = document.activeElement;
    /** @type {HTMLElement | undefined} */
    let focus;
    for (const item of items) {
      const look = lookOf(item, scene);
      const known = old.get(item.key);
      if (known && known.look === look) {
        known.item = item;
        this.#drawn.set(item.key, known);
        old.delete(item.key);
        continue;
      }
      const row = rowOf(item, scene);
      if (known?.row.contains(focused)) focus = row;
      if (known?.row.querySelector("details")?.open) row.querySelector("details")?.setAttribute("open", "");
      this.#drawn.set(item.key, { row, look, item });
    }
    for (const { row, item } of old.values()) {
      if (row.contains(focused)) focus = this.#successor(item);
      row.remove();
    }
    let next = this.list.firstElementChild;
    for (const { row } of this.#drawn.values()) {
      if (row === next) next = next.nextElementSibling;
      else this.list.insertBefore(row, next);
    }
    focus?.focus({ preventScroll: true });
  }

  /**
   * The row that takes the place of one of this person's own messages when the server has stored it: it has another key.
   * @param {Item} item
   */
  #successor(item) {
    if (item.type !== "message") return undefined;
    const isIt = (/** @type {Item} */ other) => (
      other.type === "message" && other.entry.mine && other.entry.text === item.entry.text);
    return [...this.#drawn.values()].findLast(({ item: other }) => isIt(other))?.row;
  }

  /**
   * A row in sight, and where. It is one in the middle: the uppermost can become lower when a page arrives above it,
   * since then it may go on with a group.
   */
  #anchor() {
    const { top, height } = this.scroller.getBoundingClientRect();
    const rows = this.list.children;
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = rows[middle];
      if (row && row.getBoundingClientRect().bottom <= top + height / 2) low = middle + 1;
      else high = middle;
    }
    // A row that stays: day lines and the like come and go at the window's ends.
    for (let at = low; at < rows.length; at += 1) {
      const row = rows[at];
      if (row instanceof HTMLElement && /^[moe]/u.test(row.dataset.key ?? "")) {
        return { key: row.dataset.key ?? "", top: this.#topOf(row) };
      }
    }
    return undefined;
  }

  /** @param {Place} anchor */
  #restore({ key, top }) {
    const row = this.#drawn.get(key)?.row;
    if (!row) return;
    const now = this.#topOf(row);
    if (now !== top) this.scroller.scrollTop += now - top;
  }

  /** How far a row is below the top. @param {Element} row */
  #topOf(row) {
    return row.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
  }

  /**
   * Brings a message into sight, if it is here.
   * @param {Conversation} conversation
   * @param {string} msgid
   */
  #reach(conversation, msgid) {
    const { timeline } = conversation;
    const entry = timeline.find(msgid);
    const index = entry ? timeline.rows.lastIndexOf(entry) : -1;
    if (index < 0) return false;
    if (!this.#drawn.has(`m${msgid}`)) {
      this.#window.around(timeline.rows, index);
      this.#following = false;
      this.#draw(conversation);
    }
    const row = this.#drawn.get(this.#goalIsUnread ? "unread" : `m${msgid}`)?.row;
    if (!row) return true;
    const { clientHeight, scrollTop } = this.scroller;
    this.scroller.scrollTop = scrollTop + this.#topOf(row) - clientHeight * (this.#goalIsUnread ? 0.15 : 0.4);
    if (!this.#goalIsUnread) {
      row.classList.remove("found");
      requestAnimationFrame(() => row.classList.add("found"));
    }
    this.#goalIsUnread = false;
    return true;
  }

  /**
   * After each change and each scrolling: what is in sight, what is needed next.
   * @param {Place} [anchor]
   */
  #settle(anchor) {
    const conversation = this.#conversation;
    if (!conversation || this.scroller.clientHeight === 0) return;
    const nearTop = this.#grow(conversation, anchor);
    this.#following = this.#isAtEnd();
    if (this.#following) this.#newBelow = 0;
    this.#showJumps();
    if (this.#following) this.#host.reachedEnd();
    this.#fill(conversation, nearTop);
  }

  /** How much of the rows is below what is in sight, in pixels. */
  #below() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #isAtEnd() {
    return this.#window.atEnd && this.#below() < followPixels && this.#goal === undefined;
  }

  /**
   * Moves the window as long as one of its ends is near, but never to and fro.
   * @param {Conversation} conversation
   * @param {Place} [anchor] what has to stay; at the very top it can get back there only when there is more above
   * @returns {boolean} whether its upper end is near
   */
  #grow(conversation, anchor) {
    const { rows } = conversation.timeline;
    /** @type {"up" | "down" | undefined} */
    let went;
    for (;;) {
      const { scrollTop, clientHeight } = this.scroller;
      const near = clientHeight * 1.5;
      const direction = scrollTop < near && went !== "down" ? "up"
        : this.#below() < near && went !== "up" ? "down" : undefined;
      const following = this.#isAtEnd();
      if (!direction || !this.#window.grow(rows, direction, following)) return scrollTop < near;
      anchor ??= this.#anchor();
      this.#draw(conversation);
      if (following) this.scroller.scrollTop = this.scroller.scrollHeight;
      else if (anchor) this.#restore(anchor);
      went = direction;
    }
  }

  /**
   * Asks for history where it is missing and in sight, or soon will be.
   * @param {Conversation} conversation
   * @param {boolean} nearTop
   */
  #fill(conversation, nearTop) {
    if (conversation.loading > 0 || Date.now() < this.#refusedUntil || conversation.kind === "server") return;
    const { timeline } = conversation;
    const sight = this.scroller.getBoundingClientRect();
    for (const gap of this.list.querySelectorAll(".gap")) {
      const { top, bottom } = gap.getBoundingClientRect();
      const isNear = bottom > sight.top - sight.height && top < sight.bottom + sight.height;
      if (!isNear || !(gap instanceof HTMLElement)) continue;
      this.#host.load(timeline.filler(Number(gap.dataset.gap)));
      return;
    }
    const [from] = this.#window.range(timeline.rows, this.#following);
    if (nearTop && from === 0 && !timeline.isFromStart && timeline.rows[0] !== "gap") {
      this.#host.load(timeline.filler());
    }
  }

  #showJumps() {
    const { from, count, more } = this.#unread;
    const line = this.#drawn.get("unread")?.row;
    const top = this.scroller.getBoundingClientRect().top;
    // Once the line has been in sight, there is nothing to jump to any more.
    if (line && line.getBoundingClientRect().bottom > top) this.#unread.seen = true;
    const isAbove = from !== undefined && !this.#unread.seen;
    this.#label(this.toUnread, "up", isAbove, count > 0 ? strings.jumpToUnread(count, more) : strings.jumpToUnreadPlain);
    const below = this.#newBelow > 0 ? strings.newBelow(this.#newBelow) : strings.jumpToPresent;
    this.#label(this.toEnd, "down", !this.#following, below);
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {"up" | "down"} icon
   * @param {boolean} shown
   * @param {string} text
   */
  #label(button, icon, shown, text) {
    button.hidden = !shown;
    if (shown && button.textContent !== text) button.replaceChildren(iconElement(icon), text);
  }

  #resized() {
    if (this.#following) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#settle();
  }

  /** Remembers where a conversation is left. */
  #leave() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const anchor = this.#following ? undefined : this.#anchor();
    if (anchor) this.#places.set(conversation.name, anchor);
    else this.#places.delete(conversation.name);
  }

  /** @param {Conversation} conversation */
  #return(conversation) {
    const place = this.#places.get(conversation.name);
    const entry = place?.key.startsWith("m") ? conversation.timeline.find(place.key.slice(1)) : undefined;
    if (!place || !entry) return;
    this.#window.around(conversation.timeline.rows, conversation.timeline.rows.lastIndexOf(entry));
    this.#following = false;
    this.#draw(conversation);
    this.#restore(place);
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("[data-action], .room-link");
    if (!(button instanceof HTMLElement)) return;
    const action = button.dataset.action ?? "room";
    if (action === "gap") {
      const index = Number(button.closest(".gap")?.getAttribute("data-gap"));
      this.#refusedUntil = 0;
      if (this.#conversation) this.#host.load(this.#conversation.timeline.filler(index));
      return;
    }
    this.#host.act(action, this.itemAt(button), button);
  }
}
