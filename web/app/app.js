// The app: what it shows and what has changed. The parts of the page draw from this object and act on it.

/** @import { Client } from "../core/client.js" */
/** @import { Change, Entry } from "../core/types.js" */
/** @import { Dialog } from "./dialogs.js" */
import { fold, same } from "../core/fold.js";
import { outgoingEntry } from "../core/outgoing.js";
import { Impossible } from "../core/send.js";
import { announce } from "./announce.js";
import { Asking } from "./asking.js";
import { notifyOf, showCounts } from "./notify.js";
import { Presence } from "./presence.js";
import { applySettings, loadSettings, markStaying, saveSettings } from "./settings.js";
import { TimelineView } from "./timeline.js";

/** How long a short remark is shown, in milliseconds. */
const toastMs = 6_000;

/** Whether there is room for one column only (as in style.css). */
function isNarrow() {
  return matchMedia("(max-width: 700px)").matches;
}

/** Whether there is room for three columns (as in style.css). */
function isWide() {
  return matchMedia("(min-width: 1001px)").matches;
}

export class App {
  settings = loadSettings();
  presence = new Presence();
  asking = new Asking((line) => this.perform({ type: "raw", line }));
  /** The name of the conversation that is shown; undefined: none. @type {string | undefined} */
  current;
  /** What a phone shows: the list, or a conversation. @type {"list" | "chat"} */
  pane = "list";
  /** What is shown beside the conversation. @type {"" | "members" | "search" | "pins"} */
  side = "";
  /** @type {Dialog | undefined} */
  dialog;
  /** Asks on a connection that has logged in by the password, while there is one. @type {Asking | undefined} */
  owner;
  /** Closes that connection, if there is one. */
  endOwner = () => {};
  /** Takes the answer to the question for the password, while it is shown. @type {((owner: Asking | undefined) => void) | undefined} */
  proved;
  /** The message that is being answered. @type {Entry | undefined} */
  answered;
  /** A short remark, and whether it is about something that failed. @type {{ text: string, failed: boolean } | undefined} */
  toast;
  /** Rooms that are being left. @type {Set<string>} */
  leaving = new Set();
  /** A room to show as soon as it is joined. @type {string | undefined} */
  joining;
  /** Puts a text into the composer; the composer sets it. @type {(text: string, replace: boolean) => void} */
  compose = () => {};
  #drawing = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #toastTimer;
  #render;

  /**
   * @param {Client} client
   * @param {(app: App) => void} render
   */
  constructor(client, render) {
    this.client = client;
    this.#render = render;
    this.side = this.settings.members && isWide() ? "members" : "";
    this.timeline = new TimelineView({
      load: (run) => {
        // Before the end of the welcome it is not known what is missing, and a new room is not there.
        if (this.chat.ready) this.perform({ type: "load", target: this.current ?? "", run }, true);
      },
      reachedEnd: () => this.#reachedEnd(),
      act: (action, item, from) => this.act(action, item, from),
      waiting: () => this.#waiting(),
      scene: () => ({
        me: this.chat.me,
        connected: this.chat.connected,
        displayName: (nick) => this.presence.displayName(nick),
      }),
    });
    applySettings(this.settings);
  }

  /** What the timeline's buttons do; `main.js` sets it. @type {(action: string, item: import("./items.js").Item | undefined, from: HTMLElement) => void} */
  act = () => {};

  get chat() {
    return this.client.chat;
  }

  /** The conversation that is shown. */
  get conversation() {
    return this.current === undefined ? undefined : this.chat.conversation(this.current);
  }

  get isLoggedIn() {
    return this.client.isLoggedIn;
  }

  /** Draws the page soon, once for all that changes meanwhile. */
  draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    this.#drawing = false;
    this.#render(this);
    this.timeline.update();
  }

  /**
   * Performs an intent; a refusal is shown.
   * @param {import("../core/types.js").Intent} intent
   * @param {boolean} [quietly] it is no person's wish, so a no need not be shown
   * @returns {boolean} whether it was done
   */
  perform(intent, quietly = false) {
    try {
      this.client.perform(intent);
      return true;
    } catch (error) {
      if (!(error instanceof Impossible)) throw error;
      if (!quietly) this.say(error.message, true);
      return false;
    }
  }

  /**
   * Shows a short remark.
   * @param {string} text
   * @param {boolean} [failed]
   */
  say(text, failed = false) {
    this.toast = text ? { text, failed } : undefined;
    clearTimeout(this.#toastTimer);
    this.#toastTimer = setTimeout(() => {
      this.toast = undefined;
      this.draw();
    }, toastMs);
    this.draw();
  }

  /** @param {Dialog | undefined} dialog */
  show(dialog) {
    this.dialog = dialog;
    // At once, so that what is typed next goes into the dialog.
    this.drawNow();
  }

  /** Ends the question for the password: with a connection that is logged in by it, or with none. @param {Asking} [owner] */
  endProof(owner) {
    const { proved } = this;
    this.proved = undefined;
    proved?.(owner);
  }

  /** @param {Partial<import("./settings.js").Settings>} change */
  set(change) {
    Object.assign(this.settings, change);
    saveSettings(this.settings);
    applySettings(this.settings);
    this.draw();
  }

  /**
   * Shows a conversation; a room that this person is not in is joined.
   * @param {string} name
   */
  open(name) {
    // The "back" of a phone leads to the list.
    if (this.pane === "list" && isNarrow()) history.pushState("chat", "");
    [this.pane, this.answered, this.dialog, this.joining] = ["chat", undefined, undefined, undefined];
    this.perform({ type: "open", target: name }, true);
    // Only now: a new conversation is reported first, while the previous one is shown.
    this.current = name;
    const conversation = this.conversation;
    if (conversation?.kind === "person") this.presence.watch(name, this.sendLine);
    this.timeline.show(conversation);
    this.draw();
  }

  /**
   * Shows something beside the conversation, or hides it.
   * @param {"members" | "search" | "pins"} side
   */
  toggleSide(side) {
    this.side = this.side === side ? "" : side;
    // On a narrow screen it covers the conversation, so it is not there to stay.
    if (isWide()) this.settings.members = this.side === "members";
    this.set({});
  }

  /** Shows the list again, where there is room for one column only. */
  toList() {
    if (history.state === "chat") history.back();
    else this.wentBack();
  }

  /** The browser's "back" has been used. */
  wentBack() {
    this.pane = history.state === "chat" && this.current !== undefined ? "chat" : "list";
    this.draw();
  }

  /** @param {string} line */
  sendLine = (line) => {
    this.perform({ type: "raw", line }, true);
  };

  /**
   * Handles changes in the core.
   * @param {Change[]} changes
   */
  changed(changes) {
    for (const change of changes) this.#take(change);
    this.#followName();
    showCounts(this);
    this.draw();
  }

  /**
   * Handles a line that is for a dialog or about presence, so that it does not reach the timeline.
   * @param {string} line
   */
  takesLine(line) {
    if (this.asking.takes(line)) {
      this.draw();
      return true;
    }
    const taken = this.presence.takes(line, this.chat.me) && !this.asking.shows;
    if (taken) this.draw();
    return taken;
  }

  /** The shown conversation stays shown when it is renamed; when it is gone, nothing is shown. */
  #followName() {
    const shown = this.timeline.conversation;
    if (!shown || this.current === undefined || this.conversation === shown) return;
    if (this.chat.conversation(shown.name) === shown) this.current = shown.name;
    else this.timeline.show(this.conversation);
  }

  /** The connection's state has changed. */
  statusChanged() {
    const { phase } = this.client.status;
    markStaying(this.client.stays);
    if (phase === "waiting" || phase === "out") this.asking.broken();
    if (phase === "out") {
      [this.current, this.dialog, this.pane] = [undefined, undefined, "list"];
      this.endProof();
      this.timeline.show(undefined);
    }
    this.choose();
    this.draw();
  }

  /** Shows the conversation of the last visit, or the first room, if none is shown. */
  choose() {
    if (this.current !== undefined || !this.isLoggedIn) return;
    const { current, conversations } = this.chat;
    const known = current ? this.chat.conversation(current) : undefined;
    const first = known ?? [...conversations.values()].find(({ kind }) => kind === "room");
    if (!first) return;
    const { pane } = this;
    this.pane = "chat";
    this.open(first.name);
    this.pane = pane;
  }

  /** @param {Change} change */
  #take(change) {
    switch (change.type) {
      case "said":
        this.#said(change.target, change.entry);
        break;
      case "page":
        if (change.refused !== undefined && this.#isShown(change.target)) this.timeline.refused();
        break;
      case "conversation":
        this.#conversationChanged(change.target);
        break;
      case "ready":
        this.#ready();
        break;
      default:
    }
  }

  #ready() {
    // Before there is a new password the server refuses everything.
    if (this.client.renewal !== undefined) return;
    this.presence.loggedIn(this.chat.server.tokens, this.sendLine);
    for (const { kind, name } of this.chat.conversations.values()) {
      if (kind === "person") this.presence.watch(name, this.sendLine);
    }
    this.choose();
    // What was shown from this device may have been left on another one; opening it again asks for what was missed.
    if (this.current !== undefined) this.perform({ type: "open", target: this.current }, true);
  }

  /** @param {string} target */
  #isShown(target) {
    return this.current !== undefined && same(target, this.current);
  }

  /**
   * @param {string} target
   * @param {Entry} entry
   */
  #said(target, entry) {
    const shown = this.#isShown(target);
    const attentive = shown && document.hasFocus();
    notifyOf(this, target, entry, attentive);
    if (!shown) return;
    if (entry.mine) {
      this.timeline.goToEnd();
      return;
    }
    if (!document.hasFocus() && this.conversation?.unread === 1) this.timeline.noticeUnread();
    this.timeline.said();
    announce(entry);
  }

  /** @param {string} target */
  #conversationChanged(target) {
    const conversation = this.chat.conversation(target);
    const key = fold(target);
    if (conversation?.kind === "person" && this.chat.ready) this.presence.watch(target, this.sendLine);
    if (this.leaving.has(key) && conversation?.joined !== true) {
      this.leaving.delete(key);
      // The room has been left; closing it a second time takes it off the list.
      if (conversation) this.perform({ type: "close", target }, true);
      if (this.#isShown(target)) {
        this.current = undefined;
        this.timeline.show(undefined);
        this.pane = "list";
      }
    }
    if (this.joining !== undefined && same(this.joining, target) && conversation?.joined) this.open(target);
  }

  /** Everything in sight has been read, if somebody is looking. */
  #reachedEnd() {
    const conversation = this.conversation;
    if (!conversation || !this.chat.ready || document.visibilityState !== "visible" || !document.hasFocus()) return;
    if (isNarrow() && this.pane !== "chat") return;
    const newest = conversation.timeline.newest();
    const isNew = newest !== undefined && newest.timeMs > (conversation.readMs ?? 0);
    if (conversation.unread > 0 || isNew) this.perform({ type: "markRead", target: conversation.name }, true);
  }

  #waiting() {
    if (this.current === undefined) return [];
    return this.chat.waiting(this.current).map((outgoing) => outgoingEntry(outgoing, this.chat.me));
  }
}
