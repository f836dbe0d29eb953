import { Places } from "./places.js";

/**
 * @typedef {object} Clock What time there is, so that tests can have their own.
 * @property {() => number} now Milliseconds since 1970 UTC.
 * @property {(run: () => void, ms: number) => unknown} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {() => number} random From 0 to 1.
 */

/** How long nothing may come before the server is pinged, and how long it may take to answer. */
const SILENCE_MS = 60_000;
const ANSWER_MS = 15_000;
/** The first wait before another try, and the longest. */
const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 60_000;
/** How long a WebSocket may take to open, and how long where there are other nodes to go to. */
const OPENING_MS = 20_000;
const NODE_OPENING_MS = 3_000;
/** The longest wait after a break where there are other nodes to go to. */
const NODE_WAIT_MS = 500;
/** Bytes that may wait to be sent before the connection is taken for dead. */
const UNSENT_BYTES = 4_000_000;

/**
 * A WebSocket that reconnects, with growing pauses, and at once when the network or the page is back.
 * A silent connection is pinged, and given up without an answer.
 */
export class Socket {
  /** @type {WebSocket | undefined} */
  #socket;
  /** @type {unknown} */
  #timer;
  #tries = 0;
  #heardMs = 0;
  #isAsked = false;
  #isWanted = false;
  /** @type {number | undefined} When it is tried again. */
  retryAtMs;

  /**
   * @param {object} options
   * @param {(place: string) => WebSocket} options.connect A new one to where the page is from (no name) or to another node
   *   (`HOST:PORT`); or one that was opened before the page was ready.
   * @param {Places} [options.places]
   * @param {Clock} options.clock
   * @param {() => void} options.onTry
   * @param {() => void} options.onOpen
   * @param {(line: string) => void} options.onLine
   * @param {(reason: string) => void} options.onBreak It broke, or did not come about; `retryAtMs` says when it is tried again.
   */
  constructor({ connect, places = new Places(() => []), clock, onTry, onOpen, onLine, onBreak }) {
    this.connect = connect;
    this.places = places;
    this.clock = clock;
    this.onTry = onTry;
    this.onOpen = onOpen;
    this.onLine = onLine;
    this.onBreak = onBreak;
  }

  /** Connects, now; a try that is under way stays. */
  open() {
    this.#isWanted = true;
    if (this.#socket) return;
    this.retryAtMs = undefined;
    const place = this.places.next(this.clock.random);
    const socket = this.connect(place);
    this.#socket = socket;
    this.#arm(this.places.hasOthers() ? NODE_OPENING_MS : OPENING_MS, () => this.#broke("The server does not answer."));
    this.onTry();
    socket.onmessage = ({ data }) => {
      this.#heardMs = this.clock.now();
      this.#isAsked = false;
      // A message is a line.
      if (typeof data === "string") this.onLine(data);
    };
    socket.onclose = ({ reason }) => this.#broke(reason || "The connection broke.");
    if (socket.readyState === 1) this.#opened(place);
    else if (socket.readyState > 1) this.#broke("The connection broke.");
    else socket.onopen = () => this.#opened(place);
  }

  /** @param {string} place */
  #opened(place) {
    this.places.connected(place);
    this.#heardMs = this.clock.now();
    this.#arm(SILENCE_MS, () => this.#watch());
    this.onOpen();
  }

  /** Sends lines, if it is open. @param {string[]} lines */
  send(lines) {
    const socket = this.#socket;
    if (!socket || socket.readyState !== 1) return;
    for (const line of lines) socket.send(line);
    if (socket.bufferedAmount > UNSENT_BYTES) this.#broke("The connection is too slow.");
  }

  /** The login went well: the next break is tried again at once. */
  succeeded() {
    this.#tries = 0;
    this.places.loggedIn();
  }

  /** Closes it for good, or until another try after a pause. @param {boolean} [again] @param {string} [reason] */
  close(again = false, reason = "") {
    this.#isWanted = again;
    if (this.#socket) this.#broke(reason);
    if (!again) {
      this.#disarm();
      this.retryAtMs = undefined;
    }
  }

  /** The network or the page is back: a wait ends, and a silent connection is pinged. */
  wake() {
    if (this.#isWanted && !this.#socket) this.open();
    else if (this.#socket?.readyState === 1) this.#ask();
  }

  /** The network is gone: browsers do not report that to a WebSocket, and some never close it. */
  lost() {
    if (this.#isWanted) this.#broke("The network is gone.");
  }

  #watch() {
    const silent = this.clock.now() - this.#heardMs;
    if (silent >= SILENCE_MS) this.#ask();
    else this.#arm(SILENCE_MS - silent, () => this.#watch());
  }

  #ask() {
    if (!this.#isAsked) this.send(["PING alive"]);
    this.#isAsked = true;
    this.#arm(ANSWER_MS, () => {
      if (this.#isAsked) this.#broke("The server does not answer.");
      else this.#watch();
    });
  }

  /** @param {string} reason */
  #broke(reason) {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#socket = undefined;
    this.#isAsked = false;
    this.#disarm();
    if (this.#isWanted) {
      const wait = this.#wait();
      this.retryAtMs = this.clock.now() + wait;
      this.#arm(wait, () => this.open());
    }
    this.onBreak(reason);
  }

  /** How long to wait before the next try. */
  #wait() {
    if (this.places.hasLeft()) return 0;
    const most = Math.min(RETRY_FIRST_MS * 2 ** this.#tries, RETRY_MOST_MS);
    const isFirst = this.#tries === 0;
    this.#tries += 1;
    // All who lose the same server are not to come back in the same moment.
    if (isFirst && this.places.hasOthers()) return NODE_WAIT_MS * this.clock.random();
    return most * (0.5 + this.clock.random() / 2);
  }

  /** @param {number} ms @param {() => void} run */
  #arm(ms, run) {
    this.#disarm();
    this.#timer = this.clock.setTimer(run, ms);
  }

  #disarm() {
    this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
