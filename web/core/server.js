/** @import { ClusterNode, Message } from "./types.js" */
import { LIMITS } from "./limits.js";
import { Listing } from "./places.js";

/** What the server has said of itself: capabilities and `ISUPPORT`. */
export class Server {
  name = "";
  /** @type {Map<string, string>} Values of capabilities that are offered and not in effect yet. */
  offered = new Map();
  /** @type {Map<string, string>} Capabilities in effect, with their values. */
  capabilities = new Map();
  /** @type {Map<string, string>} The tokens of `ISUPPORT`; empty if they have no value. */
  tokens = new Map();
  /** @type {string[]} The message of the day. */
  motd = [];
  /** @type {ClusterNode[]} Where else the same server can be reached. */
  nodes = [];
  listing = new Listing();

  /** @param {string} capability */
  has(capability) {
    return this.capabilities.has(capability);
  }

  /** Takes a 005. @param {Message} message */
  isupport({ params }) {
    for (const token of params.slice(1, -1)) {
      const [key, value] = splitOnce(token, "=");
      if (value === undefined && key[0] === "-") this.tokens.delete(key.slice(1));
      else if (this.tokens.size < LIMITS.TOKENS) this.tokens.set(key, value ?? "");
    }
  }

  /** Whether a name is a room's. @param {string} name */
  isRoom(name) {
    return name !== "" && (this.tokens.get("CHANTYPES") ?? "#&").includes(name.slice(0, 1));
  }

  /** Modes and marks of the ranks that members can have, the highest first. @returns {[string, string][]} */
  ranks() {
    const parts = /^\((.*?)\)(.*)/s.exec(this.tokens.get("PREFIX") ?? "(ov)@+");
    const marks = [...(parts?.[2] ?? "")];
    const modes = [...(parts?.[1] ?? "")].slice(0, marks.length);
    return modes.map((mode, at) => [mode, marks[at] ?? ""]);
  }

  /** A name of `NAMES`, or a target such as `@#room`, as its marks and the rest. @param {string} name */
  splitMarks(name) {
    const marks = this.ranks().map(([, mark]) => mark);
    let end = 0;
    while (end < name.length && marks.includes(name.charAt(end))) end++;
    return { marks: name.slice(0, end), rest: name.slice(end) };
  }

  /** By the types of `CHANMODES`: lists, always a parameter, one when set, none. @param {string} mode @param {boolean} set */
  modeTakesParam(mode, set) {
    const types = (this.tokens.get("CHANMODES") ?? "beI,k,l,imnst").split(",");
    const type = types.findIndex((modes) => modes.includes(mode));
    return type === 0 || type === 1 || (type === 2 && set) || this.ranks().some(([rank]) => rank === mode);
  }

  /** The most bytes and lines of a message of several lines, if the server takes any. */
  multiline() {
    const value = this.capabilities.get("draft/multiline");
    if (value === undefined || !this.has("batch")) return undefined;
    /** @param {string} key @param {number} otherwise @param {number} most */
    const number = (key, otherwise, most) => {
      const part = value.split(",").find((part) => part.startsWith(`${key}=`)) ?? "";
      const digits = part.slice(key.length + 1);
      return Math.min(/^\d+$/.test(digits) ? Number(digits) : otherwise, most);
    };
    return {
      bytes: number("max-bytes", 4096, LIMITS.TEXT_BYTES),
      lines: number("max-lines", 24, LIMITS.TEXT_LINES),
    };
  }

  /** The most messages of one page of history. */
  page() {
    const most = Number(this.tokens.get("CHATHISTORY") ?? 0);
    return most > 0 ? Math.min(Math.trunc(most), LIMITS.PAGE) : LIMITS.PAGE;
  }
}

/** @param {string} text @param {string} mark @returns {[string, string | undefined]} What is before and after the first mark. */
export function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + mark.length)];
}
