// Which part of a timeline is in the DOM. Pure: rows and wishes in, indexes out.

/** @import { Entry, Row } from "../core/types.js" */
import { isComingOrGoing } from "../core/entry.js";

/** The most rows of the DOM for one conversation, day lines and all. */
export const domRows = 300;
/** Rows of the timeline in the DOM at most; the rest of `domRows` is for day lines and one's own messages on their way. */
export const windowRows = 240;
/** Rows shown of a conversation at first. */
export const firstRows = 100;
/** By how many rows the window moves. */
export const stepRows = 60;

/**
 * Goes up or down from an index by so many rows as they are shown: those folded into one count once.
 * @param {readonly Row[]} rows
 * @param {number} start
 * @param {number} count negative to go up
 */
export function walk(rows, start, count) {
  let [at, left] = [start, Math.abs(count)];
  const isFolded = (/** @type {number} */ index) => {
    const [row, before] = [rows[index], rows[index - 1]];
    return row !== undefined && before !== undefined && row !== "gap" && before !== "gap"
      && isComingOrGoing(row) && isComingOrGoing(before);
  };
  while (count < 0 ? at > 0 : at < rows.length) {
    const next = count < 0 ? at - 1 : at;
    if (!isFolded(next)) left -= 1;
    if (left < 0) break;
    at += count < 0 ? -1 : 1;
  }
  return at;
}

/**
 * A part of a timeline. It is held by entries, since indexes change when history arrives.
 */
export class TimelineWindow {
  /** @type {Entry | undefined} */
  #first;
  /** @type {Entry | undefined} */
  #last;
  /** The window ends with the timeline, and what is added belongs to it. */
  atEnd = true;

  /** Shows the newest rows. */
  toEnd() {
    this.#first = undefined;
    this.atEnd = true;
  }

  /**
   * Shows what surrounds a row.
   * @param {readonly Row[]} rows
   * @param {number} index
   */
  around(rows, index) {
    this.#hold(rows, walk(rows, index, -windowRows / 2), walk(rows, index, windowRows / 2));
  }

  /**
   * The part as indexes, after the rows have changed.
   * @param {readonly Row[]} rows
   * @param {boolean} fromEnd what is too much is left out at the top
   * @returns {[number, number]}
   */
  range(rows, fromEnd) {
    const last = this.#last ? rows.lastIndexOf(this.#last) : -1;
    let to = this.atEnd || last < 0 ? rows.length : last + 1;
    const first = this.#first ? rows.indexOf(this.#first) : -1;
    let from = first < 0 ? walk(rows, to, -firstRows) : first;
    // A gap beside the window is shown, so that it fills when it comes into sight.
    if (rows[from - 1] === "gap") from -= 1;
    if (rows[to] === "gap") to += 1;
    if (fromEnd) from = Math.max(from, walk(rows, to, -windowRows));
    else to = Math.min(to, walk(rows, from, windowRows));
    this.#hold(rows, from, to);
    return [from, to];
  }

  /**
   * Moves the upper end up, or the lower end down; what is too much then goes at the other end.
   * @param {readonly Row[]} rows
   * @param {"up" | "down"} direction
   * @param {boolean} keepEnd the lower end has to stay
   * @returns {boolean} whether there is anything more
   */
  grow(rows, direction, keepEnd) {
    const [from, to] = this.range(rows, direction === "down" || keepEnd);
    if (direction === "up") {
      const most = keepEnd ? walk(rows, to, -windowRows) : 0;
      const above = Math.max(walk(rows, from, -stepRows), most);
      if (above >= from) return false;
      this.#hold(rows, above, Math.min(to, walk(rows, above, windowRows)));
    } else {
      if (to >= rows.length) return false;
      const below = walk(rows, to, stepRows);
      this.#hold(rows, Math.max(from, walk(rows, below, -windowRows)), below);
    }
    return true;
  }

  /**
   * Leaves rows out at one end.
   * @param {readonly Row[]} rows
   * @param {number} count
   * @param {boolean} atTop
   */
  shrink(rows, count, atTop) {
    const [from, to] = this.range(rows, atTop);
    if (atTop) this.#hold(rows, Math.min(from + count, to - 1), to);
    else this.#hold(rows, from, Math.max(to - count, from + 1));
  }

  /**
   * @param {readonly Row[]} rows
   * @param {number} from
   * @param {number} to
   */
  #hold(rows, from, to) {
    const inside = rows.slice(from, to).filter((row) => row !== "gap");
    this.#first = inside[0];
    this.#last = inside[inside.length - 1];
    this.atEnd = to >= rows.length;
  }
}
