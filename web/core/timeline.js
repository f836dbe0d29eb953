/** @import { Entry, Row, Run } from "./types.js" */

/**
 * What is known of one conversation's history, in the server's order, with a gap wherever something may be missing.
 *
 * Msgids have no order that a client could see, and clocks can be set back, so the order is that of the server's
 * answers: live lines follow each other, and a page of history is a run without holes. Pages are joined to what is
 * there at the messages that both have.
 */
export class Timeline {
  /** @type {Row[]} Oldest first. */
  rows = [];
  /** Nothing is older than the first row. */
  isFromStart = false;
  /** @type {Map<string, Entry>} */
  #byMsgid = new Map();

  /** The entries, oldest first. */
  entries() {
    return this.rows.filter((row) => row !== "gap");
  }

  /** A message by its msgid. @param {string} msgid */
  find(msgid) {
    return this.#byMsgid.get(msgid);
  }

  /** The newest message or event that has a msgid. */
  newest() {
    return this.rows.findLast(hasMsgid);
  }

  /** The newest messages and events that follow each other without a gap. @param {number} most */
  newestRun(most) {
    /** @type {Entry[]} */
    const run = [];
    for (let at = this.rows.length - 1; at >= 0 && run.length < most; at--) {
      const row = this.rows[at];
      if (row === undefined || (row === "gap" && run.length)) break;
      if (hasMsgid(row)) run.unshift(row);
    }
    return run;
  }

  /** Adds what came live; false if it was here already. It `follows` what came before it unless something may be missing in between. @param {Entry} entry @param {boolean} follows */
  push(entry, follows) {
    if (entry.msgid !== undefined) {
      if (this.#byMsgid.has(entry.msgid)) return false;
      this.#byMsgid.set(entry.msgid, entry);
    }
    if (!follows) this.breakOff();
    this.rows.push(entry);
    return true;
  }

  /** The connection broke: what comes next may not follow directly. */
  breakOff() {
    if (!this.rows.length) this.isFromStart = false;
    else if (this.rows.at(-1) !== "gap") this.rows.push("gap");
  }

  /** What to ask for to fill the gap at this row, or above the first row. @param {number} [gap] @returns {Run} */
  filler(gap) {
    for (let at = gap === undefined ? 0 : gap + 1; at < this.rows.length; at++) {
      const row = this.rows[at];
      if (row !== "gap" && row?.msgid !== undefined) return { before: row.msgid };
    }
    return "latest";
  }

  /** Takes a page of history, oldest first. A page that does not fit anywhere any more is left out. @param {Run} run @param {Entry[]} all */
  addPage(run, all) {
    /** @type {Map<string, Entry>} */
    const page = new Map();
    for (const entry of all) {
      if (entry.msgid !== undefined && !page.has(entry.msgid)) page.set(entry.msgid, entry);
    }
    if (!page.size) return this.#nothingThere(run);
    const common = this.#common(page);
    const span = this.#span(run, [...page.values()], common);
    if (!span) return undefined;
    const [from, to] = span;
    const merged = mergeRows(this.rows.slice(from, to), page);
    for (const entry of merged) {
      if (entry.msgid !== undefined) this.#byMsgid.set(entry.msgid, entry);
    }
    const tail = this.rows.slice(to);
    this.rows = this.rows.slice(0, from).concat(merged, tail);
    const end = from + merged.length;
    if (run === "latest") this.#removeGaps(end);
    else if (("around" in run || "since" in run) && !common) this.#fence(from, end);
    return undefined;
  }

  /** The rows from the page's first message that is here to its last. @param {Map<string, Entry>} page @returns {[number, number] | undefined} */
  #common(page) {
    /** @param {Row} row */
    const isKnown = (row) => hasMsgid(row) && page.has(row.msgid ?? "");
    const first = this.rows.findIndex(isKnown);
    return first < 0 ? undefined : [first, this.rows.findLastIndex(isKnown) + 1];
  }

  /**
   * The rows that a page replaces: those that it has in common with what is here, and those up to the message that it
   * is adjacent to. None if that message is gone.
   * @param {Run} run @param {Entry[]} page @param {[number, number] | undefined} common
   * @returns {[number, number] | undefined}
   */
  #span(run, page, common) {
    if (run === "latest") {
      const at = this.rows.lastIndexOf("gap") + 1;
      return common ?? [at, at];
    }
    if ("around" in run || "since" in run) {
      const newest = page.at(-1)?.timeMs ?? 0;
      const younger = this.rows.findIndex((row) => row !== "gap" && row.timeMs > newest);
      const at = younger < 0 ? this.rows.length : younger;
      return common ?? [at, at];
    }
    const known = this.#position("before" in run ? run.before : run.after);
    if (known < 0) return undefined;
    const at = "before" in run ? known : known + 1;
    return [Math.min(at, common?.[0] ?? at), Math.max(at, common?.[1] ?? at)];
  }

  /** Adds gaps around a page from the middle of history, whose neighbours are unknown. @param {number} from @param {number} end */
  #fence(from, end) {
    if (this.rows[end] !== "gap") this.rows.splice(end, 0, "gap");
    if (from > 0 && this.rows[from - 1] !== "gap") this.rows.splice(from, 0, "gap");
  }

  /** Handles an empty page: it closes the gap where it was requested. @param {Run} run */
  #nothingThere(run) {
    if (run === "latest") {
      // What has come since the server looked is no part of the answer.
      if (this.#byMsgid.size) return;
      this.#removeGaps(0);
      this.isFromStart = true;
    } else if ("before" in run) {
      const at = this.#position(run.before);
      if (at < 0) return;
      const before = this.rows.slice(0, at);
      const neighbour = before.findLastIndex((row) => row === "gap" || hasMsgid(row));
      if (before[neighbour] === "gap") this.rows.splice(neighbour, 1);
      else if (neighbour < 0) this.isFromStart = true;
    } else if ("after" in run) {
      const at = this.#position(run.after);
      if (at < 0) return;
      const next = this.rows.findIndex((row, index) => index > at && hasMsgid(row));
      this.#removeGaps(at + 1, next < 0 ? this.rows.length : next);
    }
  }

  /** @param {number} from @param {number} to */
  #removeGaps(from, to = this.rows.length) {
    this.rows = this.rows.filter((row, at) => at < from || at >= to || row !== "gap");
  }

  /** @param {string} msgid */
  #position(msgid) {
    const entry = this.#byMsgid.get(msgid);
    return entry ? this.rows.lastIndexOf(entry) : -1;
  }

  /** Forgets the oldest entries; they can be fetched again. Not while a page is on its way, which may belong directly before one of them. @param {number} count */
  forgetOldest(count) {
    for (const row of this.rows.splice(0, count)) {
      if (row !== "gap" && row.msgid !== undefined) this.#byMsgid.delete(row.msgid);
    }
    if (this.rows[0] === "gap") this.rows.shift();
    this.isFromStart = false;
  }
}

/** Whether a row is a message or event that the server knows by an id. @param {Row} row @returns {row is Entry} */
function hasMsgid(row) {
  return row !== "gap" && row.msgid !== undefined;
}

/**
 * Joins the rows that a page replaces with the page. Rows that only this client knows stay behind the message that
 * they followed; what is newer in the page about a message that is here does not replace it.
 * @param {Row[]} old @param {Map<string, Entry>} page @returns {Entry[]}
 */
function mergeRows(old, page) {
  const entries = [...page.values()];
  const order = new Map([...page.keys()].map((msgid, at) => [msgid, at]));
  const merged = [];
  let next = 0;
  for (const row of old) {
    if (row === "gap") continue;
    const at = row.msgid === undefined ? undefined : order.get(row.msgid);
    if (at === undefined) {
      merged.push(row);
    } else if (at >= next) {
      merged.push(...entries.slice(next, at), row);
      next = at + 1;
    }
    // Otherwise the server has it further up than it came: the page's order counts.
  }
  return merged.concat(entries.slice(next));
}
