/** @import { Change, Intent, Login, Status } from "./types.js" */
import { Chat } from "./chat.js";

/**
 * The client as the app sees it: one login, its chat, its connection and what is kept on this device.
 * The app draws `chat`, tells what the person wants, and is called back when something has changed.
 *
 * Under construction: the shapes stand, the connection follows.
 */
export class Client {
  /** What is known; one for each login, so draw from `client.chat` each time. */
  chat = new Chat("r");
  /** @type {Status} */
  status = { phase: "out" };
  /** The name that is logged in, or logging in. */
  name = "";
  /** This person has no account. */
  isGuest = false;
  /** @type {string | undefined} Why a new password must be chosen before anything else, in the server's words. */
  renewal;

  /**
   * @param {object} options
   * @param {string} options.url Where the WebSocket is, such as `wss://host:9999/`.
   * @param {(changes: Change[]) => void} options.onChange The chat has changed.
   * @param {() => void} options.onStatus `status`, `name` or `renewal` has changed.
   */
  constructor({ url, onChange, onStatus }) {
    this.url = url;
    this.onChange = onChange;
    this.onStatus = onStatus;
  }

  /** Shows what is kept on this device, and comes back online if it stays logged in. Call it first. @returns {Promise<void>} */
  async start() {}

  /** Logs in, or registers; how it goes, `status` says. @param {Login} login */
  logIn(login) {
    this.name = login.name;
  }

  /** Logs out: the server forgets this device's token, and this device forgets everything. @returns {Promise<void>} */
  async logOut() {}

  /** Tries to connect now, instead of waiting for the next try. */
  retryNow() {}

  /**
   * Does what the person wants. Returns the number of the last message that `say` made.
   * @param {Intent} intent @returns {number | undefined} @throws {Impossible} With a sentence to show.
   */
  intend(intent) {
    return this.chat.intend(intent, Date.now(), []);
  }

  /** What was begun to be written in a conversation, on this device. @param {string} target */
  draft(target) {
    return this.drafts.get(target) ?? "";
  }

  /** Keeps a draft over reloads. @param {string} target @param {string} text */
  setDraft(target, text) {
    this.drafts.set(target, text);
  }

  /** @type {Map<string, string>} */
  drafts = new Map();
}
