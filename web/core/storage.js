/** @import { Entry, Outgoing } from "./types.js" */
/** @import { ScramKeys } from "./scram.js" */

import { fold } from "./fold.js";

/** How many conversations are kept. */
const KEPT_CONVERSATIONS = 200;

/**
 * @typedef {{ name: string, token: string, keys?: ScramKeys, secret?: string, serverPassword?: string }} KeptLogin
 *   The token's name at the server, and what logs in with it: keys, or the token until the account's salt is known;
 *   and what the server asks of everybody. The account's password is never kept.
 * @typedef {{ name: string, kind: "room" | "person", rows: Entry[], atMs: number }} KeptConversation
 */

/**
 * What stays on this device over reloads, in IndexedDB: the login, drafts, what is on its way, the newest messages.
 * One table of keys and values, so that it is read at once and emptied at once.
 */
export class DeviceStore {
  /** @param {IDBDatabase} database */
  constructor(database) {
    this.database = database;
  }

  /** @param {IDBFactory} factory @param {string} name @returns {Promise<DeviceStore>} */
  static async open(factory, name) {
    const opening = factory.open(name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
    const database = await settled(opening);
    // A newer page may want another version.
    database.onversionchange = () => database.close();
    return new DeviceStore(database);
  }

  /**
   * All that is kept. Messages on their way that belong to no tab any more become this tab's.
   * @param {string} tab @param {Set<string>} tabs Those that are open.
   */
  async load(tab, tabs) {
    const table = this.#table("readwrite");
    const [keys, values] = await Promise.all([settled(table.getAllKeys()), settled(table.getAll())]);
    /** @type {{ login?: KeptLogin, current?: string, drafts: Map<string, string>, conversations: KeptConversation[], outgoing: Outgoing[] }} */
    const kept = { drafts: new Map(), conversations: [], outgoing: [] };
    for (const [at, key] of keys.entries()) {
      const [kind, of = ""] = String(key).split(" ");
      const value = values[at];
      if (kind === "login") kept.login = value;
      else if (kind === "current") kept.current = value;
      else if (kind === "draft") kept.drafts.set(of, value);
      else if (kind === "rows") kept.conversations.push(value);
      else if (kind === "outgoing" && (of === tab || !tabs.has(of))) {
        kept.outgoing.push(...value);
        table.delete(key);
      }
    }
    kept.outgoing.sort((a, b) => a.timeMs - b.timeMs || a.number - b.number);
    if (kept.outgoing.length) table.put(kept.outgoing, `outgoing ${tab}`);
    kept.conversations.sort((a, b) => b.atMs - a.atMs);
    for (const { name } of kept.conversations.splice(KEPT_CONVERSATIONS)) table.delete(`rows ${fold(name)}`);
    return kept;
  }

  /** @param {KeptLogin} login */
  keepLogin(login) {
    return this.#keep("login", login);
  }

  /** The conversation opened last. @param {string} target */
  keepCurrent(target) {
    return this.#keep("current", target);
  }

  /** @param {string} target Folded. @param {string} text */
  keepDraft(target, text) {
    return this.#keep(`draft ${target}`, text || undefined);
  }

  /** @param {string} tab @param {Outgoing[]} outgoing */
  keepOutgoing(tab, outgoing) {
    return this.#keep(`outgoing ${tab}`, outgoing.length ? outgoing : undefined);
  }

  /** @param {KeptConversation} conversation */
  keepConversation(conversation) {
    return this.#keep(`rows ${fold(conversation.name)}`, conversation);
  }

  /** @param {string} target Folded. */
  forgetConversation(target) {
    return this.#keep(`rows ${target}`, undefined);
  }

  /** Forgets everything. */
  clear() {
    return settled(this.#table("readwrite").clear());
  }

  /** @param {string} key @param {unknown} value None to forget it. */
  async #keep(key, value) {
    const table = this.#table("readwrite");
    await (value === undefined ? settled(table.delete(key)) : settled(table.put(value, key)));
  }

  /** @param {IDBTransactionMode} mode */
  #table(mode) {
    return this.database.transaction("kept", mode).objectStore("kept");
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
