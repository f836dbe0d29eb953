/** @import { ClusterNode } from "./types.js" */
import { LIMITS } from "./limits.js";

/** `HOST:PORT`, or `HOST:PORT=FINGERPRINT`. */
const NODE = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]+):(\d{1,5})(?:=([0-9a-f]{64}))?$/;
/** The longest `HOST:PORT`. */
const ADDRESS_LENGTH = 128;

/** A node of a cluster, as `NODES` names it. @param {string} word @returns {ClusterNode | undefined} */
export function parseNode(word) {
  const [, host = "", port = "", fingerprint] = NODE.exec(word.toLowerCase()) ?? [];
  const number = Number(port);
  const address = `${host}:${number}`;
  if (number < 1 || number > 65_535 || `${host}:${port}`.length > ADDRESS_LENGTH) return undefined;
  // As 999.1.1.1: the browser would throw.
  if (!URL.canParse(`ws://${address}`)) return undefined;
  return fingerprint ? { address, fingerprint } : { address };
}

/** A list of nodes that comes on several lines: all but the last begin with a `*`. */
export class Listing {
  /** @type {ClusterNode[]} */
  #nodes = [];

  /** Takes the parameters of a `NODES` line. Returns the list when it is complete. @param {string[]} params */
  take(params) {
    const nodes = params.flatMap((param) => parseNode(param) ?? []);
    this.#nodes = [...this.#nodes, ...nodes].slice(0, LIMITS.NODES);
    if (params[0] === "*") return undefined;
    const all = this.#nodes;
    this.#nodes = [];
    return all;
  }
}

/**
 * Where the server can be reached: where the page is from (the empty name), and, if it is a cluster, at its other nodes.
 * The rules are those of the terminal client (`crates/client/src/endpoints.rs`).
 */
export class Places {
  /** The place of the last connection. */
  current = "";
  /** That connection was logged in. */
  #isProven = false;
  /** @type {string[]} What is left to try before a pause. */
  #left = [];

  /** @param {() => string[]} known The addresses of all nodes, as last announced. */
  constructor(known) {
    this.known = known;
  }

  /** Whether there is somewhere else to go. */
  hasOthers() {
    return this.#others().length > 0;
  }

  /** Whether something is left to try before a pause. */
  hasLeft() {
    return this.#left.length > 0;
  }

  /** The next place to try. @param {() => number} random From 0 to 1. */
  next(random) {
    if (this.#left.length === 0) {
      const others = this.#others();
      for (let left = others.length - 1; left > 0; left--) {
        const at = Math.min(Math.floor(random() * (left + 1)), left);
        const [one = "", other = ""] = [others[at], others[left]];
        [others[left], others[at]] = [one, other];
      }
      this.#left = this.#isProven ? [this.current, ...others] : [...others, this.current];
    }
    return this.#left.shift() ?? "";
  }

  /** A connection to this place is open. @param {string} place */
  connected(place) {
    this.current = place;
    this.#isProven = false;
    this.#left = [];
  }

  /** It is logged in. */
  loggedIn() {
    this.#isProven = true;
  }

  #others() {
    const all = new Set(["", ...this.known()]);
    all.delete(this.current);
    return [...all];
  }
}
