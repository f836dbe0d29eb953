/** @import { Member, Notify } from "./types.js" */
import { isSaid } from "./entry.js";
import { fold, same } from "./fold.js";
import { LIMITS } from "./limits.js";
import { Timeline } from "./timeline.js";

/** A room, a person, or the server itself (its notices, and answers that belong to no other). */
export class Conversation {
  joined = false;
  topic = "";
  /** @type {Map<string, Member>} Members of the room by folded name, in no order. */
  members = new Map();
  /** Messages of others after the last one read. */
  unread = 0;
  /** There may be more unread ones than were counted. */
  unreadMore = false;
  /** Of them, those that mention this person. */
  mentions = 0;
  /** @type {string | undefined} The first of them, if it is known. */
  firstUnread;
  /** @type {number | undefined} The time up to which this person has read. */
  readMs;
  /** @type {Notify} */
  notify = "mentions";
  /** @type {{ nick: string, until: number }[]} Who is typing, and until when that is believed. */
  typing = [];
  /** @type {string[]} Pinned messages' ids. */
  pins = [];
  timeline = new Timeline();
  /** Pages of history that were asked for and are not here. */
  loading = 0;
  /** @type {Map<string, Member> | undefined} Names of an unfinished `NAMES`. */
  names;
  /**
   * `JOIN` is sent at the next login, before anything is sent to the room; or was sent and not answered yet.
   * @type {false | "wanted" | "sent"}
   */
  joining = false;

  /** @param {string} name Empty for the server. @param {"room" | "person" | "server"} kind With whom it is. */
  constructor(name, kind) {
    this.name = name;
    this.kind = kind;
  }

  /** @param {string} nick */
  member(nick) {
    return this.members.get(fold(nick));
  }

  /** @param {string} nick @param {string} marks */
  addMember(nick, marks) {
    const member = this.member(nick);
    if (member) Object.assign(member, { nick, marks });
    else if (this.members.size < LIMITS.MEMBERS) this.members.set(fold(nick), { nick, marks, away: false });
  }

  /** Marks everything as read. */
  setRead() {
    this.unread = this.mentions = 0;
    this.unreadMore = false;
    this.firstUnread = undefined;
  }

  /** Records that somebody is typing, or has stopped. @param {string} nick @param {number} nowMs @param {boolean} active */
  setTyping(nick, nowMs, active) {
    this.typing = this.typing.filter((typing) => typing.until > nowMs && !same(typing.nick, nick));
    if (active && this.typing.length < LIMITS.TYPING) this.typing.push({ nick, until: nowMs + LIMITS.TYPING_MS });
  }

  /** @param {string} msgid @param {boolean} pinned */
  setPin(msgid, pinned) {
    this.pins = this.pins.filter((pin) => pin !== msgid);
    if (pinned && this.pins.length < LIMITS.PINS) this.pins.push(msgid);
  }

  /** Counts what is unread after the read marker, for servers that do not count. */
  countUnread() {
    const readMs = this.readMs;
    if (readMs === undefined) return;
    this.setRead();
    for (const entry of this.timeline.entries()) {
      if (!isSaid(entry) || entry.mine || entry.timeMs <= readMs) continue;
      this.unread += 1;
      if (entry.mentionsMe) this.mentions += 1;
      this.firstUnread ??= entry.msgid;
    }
  }
}
