// A clock that goes on when it is told to.
/** @import { Clock } from "../core/socket.js" */

/** @implements {Clock} */
export class ManualClock {
  nowMs = 1_000_000;
  /** @type {Set<{ atMs: number, run: () => void }>} */
  #timers = new Set();

  now = () => this.nowMs;
  random = () => 1;

  /** @param {() => void} run @param {number} ms */
  setTimer = (run, ms) => {
    const timer = { atMs: this.nowMs + ms, run };
    this.#timers.add(timer);
    return timer;
  };

  /** @param {any} timer */
  clearTimer = (timer) => {
    this.#timers.delete(timer);
  };

  get timers() {
    return this.#timers.size;
  }

  /** @param {number} ms */
  advance(ms) {
    const endMs = this.nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      const timer = due[0];
      if (!timer) break;
      this.#timers.delete(timer);
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.run();
    }
    this.nowMs = endMs;
  }
}
