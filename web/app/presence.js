// What is known of people besides messages: display names and status (METADATA), who is online (MONITOR).

/** @import { Message } from "../core/types.js" */
import { fold } from "../core/fold.js";
import { formatLine, nickOf, parseMessage } from "../core/message.js";

/** The keys that the page shows. */
const shownKeys = ["display-name", "status"];
/** People of whom something is kept. */
const mostPeople = 20_000;
/** Names watched with MONITOR. */
const mostWatched = 100;

export class Presence {
  /** @type {Map<string, Map<string, string>>} By folded name. */
  #metadata = new Map();
  /** @type {Map<string, boolean>} Those watched, and whether they are online, by folded name. */
  #online = new Map();
  #canMonitor = false;
  /** @type {Set<string>} Whom this person ignores, folded. */
  ignored = new Set();

  /**
   * After a login: subscribes to metadata and presence.
   * @param {ReadonlyMap<string, string>} tokens
   * @param {(line: string) => void} send
   */
  loggedIn(tokens, send) {
    this.#online.clear();
    this.ignored.clear();
    this.#canMonitor = tokens.has("MONITOR");
    send("CAP REQ :draft/metadata-2");
    send(`METADATA * SUB ${shownKeys.join(" ")}`);
    if (tokens.has("SILENCE")) send("SILENCE");
  }

  /**
   * Watches whether somebody is online.
   * @param {string} nick
   * @param {(line: string) => void} send
   */
  watch(nick, send) {
    const key = fold(nick);
    if (!this.#canMonitor || !nick || this.#online.has(key) || this.#online.size >= mostWatched) return;
    this.#online.set(key, false);
    send(formatLine("MONITOR", ["+", nick]));
  }

  /**
   * Whether somebody who is watched is online; undefined if it is not known.
   * @param {string} nick
   */
  isOnline(nick) {
    return this.#online.get(fold(nick));
  }

  /** @param {string} nick */
  displayName(nick) {
    const name = this.#metadata.get(fold(nick))?.get("display-name") ?? "";
    return name === nick ? "" : name;
  }

  /** @param {string} nick */
  status(nick) {
    return this.#metadata.get(fold(nick))?.get("status") ?? "";
  }

  /** @param {string} nick */
  isIgnored(nick) {
    return this.ignored.has(fold(nick));
  }

  /**
   * Handles a line if it is about metadata or presence.
   * @param {string} line
   * @param {string} me
   * @returns {boolean} whether it need not be shown
   */
  takes(line, me) {
    if (!/(?:^| )(?:METADATA|SILENCE|LAST_LOGIN|7[367]\d|27[12]) /u.test(line.slice(0, 700))) return false;
    const message = parseMessage(line);
    if (!message) return false;
    const [, target = ""] = message.params;
    switch (message.verb) {
      case "METADATA":
        this.learn(message.params);
        return true;
      case "761":
        this.learn(message.params.slice(1));
        return true;
      case "766": case "770": case "771": case "772": case "774": case "775": case "732": case "733": case "272":
        return true;
      case "730":
      case "731":
        for (const source of target.split(",")) this.#online.set(fold(nickOf(source)), message.verb === "730");
        return true;
      case "271":
        this.ignored.add(fold(target));
        return true;
      case "SILENCE":
        this.#silenced(message, me);
        return true;
      default:
        return this.#isNothing(message);
    }
  }

  /**
   * Whether it is nothing to show: a server without metadata says so; a last login without failed ones after it.
   * @param {Message} message
   */
  #isNothing({ verb, params }) {
    return verb === "421" && params[1] === "METADATA"
      || verb === "NOTE" && params[1] === "LAST_LOGIN" && params[5] === "0"
      || verb === "FAIL" && params[0] === "METADATA" && params[1] === "SUBCOMMAND_INVALID";
  }

  /** @param {readonly string[]} params target, key, visibility, value */
  learn([target = "", key = "", , value]) {
    const name = fold(target);
    if (!shownKeys.includes(key)) return;
    let known = this.#metadata.get(name);
    if (!known) {
      if (this.#metadata.size >= mostPeople) return;
      known = new Map();
      this.#metadata.set(name, known);
    }
    if (value) known.set(key, value);
    else known.delete(key);
  }

  /**
   * @param {Message} message
   * @param {string} me
   */
  #silenced({ source, params: [entry = ""] }, me) {
    if (fold(nickOf(source)) !== fold(me)) return;
    const name = fold(entry.replace(/^[+-]/u, ""));
    if (entry.startsWith("-")) this.ignored.delete(name);
    else this.ignored.add(name);
  }
}
