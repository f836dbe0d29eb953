// Somebody with a browser, in tests against a real server.
import { IDBFactory } from "fake-indexeddb";
import WebSocket from "ws";
import { Client } from "../core/client.js";

/** @import { Change, Login, Status } from "../core/types.js" */
/** @import { ServerProcess } from "./server.js" */

const WAIT_MS = 20_000;
/** @type {Set<Person>} */
const people = new Set();
let channels = 0;

/** Closes all pages. */
export function everybodyLeaves() {
  for (const person of people) person.leave();
}

/** @param {ServerProcess} server */
export function openWebSocket(server) {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/`, "text.ircv3.net");
  // As in a browser, what went wrong is told by the end of the connection.
  socket.on("error", () => {});
  return socket;
}

/** Somebody with a browser: a client, and all that it has told. */
export class Person {
  /** @type {Change[]} */
  changes = [];
  /** @type {Set<() => void>} */
  #watchers = new Set();

  /**
   * @param {ServerProcess} server
   * @param {{ indexedDB?: IDBFactory, channel?: string, connect?: () => unknown }} [options] `connect`: a WebSocket.
   */
  constructor(server, { indexedDB = new IDBFactory(), channel = `test ${channels++}`, connect } = {}) {
    people.add(this);
    this.indexedDB = indexedDB;
    this.channelName = channel;
    this.channel = new BroadcastChannel(channel);
    const open = connect ?? (() => openWebSocket(server));
    this.client = new Client({
      connect: () => /** @type {any} */ (open()),
      onChange: (changes) => {
        this.changes.push(...changes);
        this.#look();
      },
      onStatus: () => this.#look(),
      indexedDB,
      channel: /** @type {any} */ (this.channel),
      lobby: "#lobby",
    });
  }

  #look() {
    for (const watcher of this.#watchers) watcher();
  }

  /** Waits until something is so. @param {string} what @param {() => unknown} condition @returns {Promise<void>} */
  until(what, condition) {
    return new Promise((resolve, reject) => {
      const watcher = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve();
      };
      const told = () => reject(new Error(`not in time: ${what}; ${JSON.stringify(this.client.status)}`));
      const timer = setTimeout(told, WAIT_MS);
      this.#watchers.add(watcher);
      watcher();
    });
  }

  /** @param {Login} login */
  async logIn(login) {
    await this.client.start();
    this.client.logIn(login);
    await this.until("it is logged in, or not", () => this.#isOver());
    return this.client.status;
  }

  #isOver() {
    const { phase } = this.client.status;
    return phase === "out" || (phase === "online" && this.changes.some(({ type }) => type === "ready"));
  }

  ready() {
    return this.until("it is ready", () => this.changes.some(({ type }) => type === "ready"));
  }

  /** @param {string} to @param {string} text */
  async say(to, text) {
    const number = this.client.perform({ type: "say", to, text });
    await this.until(`"${text}" is stored`, () =>
      this.changes.some((change) => change.type === "settled" && change.number === number),
    );
    return this.changes.find((change) => change.type === "settled" && change.number === number);
  }

  /** @param {string} name */
  texts(name) {
    return this.client.chat.conversation(name)?.timeline.entries().map(({ text }) => text) ?? [];
  }

  /** @param {string} name @param {string} text */
  async sees(name, text) {
    await this.until(`"${text}" in ${name}`, () => this.texts(name).includes(text));
  }

  /** What is kept on the device, as soon as it is so. @param {(kept: Map<string, any>) => boolean} condition */
  async kept(condition) {
    for (const end = Date.now() + WAIT_MS; ; ) {
      const kept = await this.#read();
      if (condition(kept)) return kept;
      if (Date.now() > end) throw new Error(`not kept in time: ${[...kept.keys()]}`);
      await new Promise((next) => setTimeout(next, 10));
    }
  }

  /** @returns {Promise<Map<string, any>>} */
  #read() {
    return new Promise((resolve, reject) => {
      const opening = this.indexedDB.open("parlor", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const table = opening.result.transaction("kept").objectStore("kept");
        const [keys, values] = [table.getAllKeys(), table.getAll()];
        values.onsuccess = () => {
          resolve(new Map(keys.result.map((key, at) => [String(key), values.result[at]])));
          opening.result.close();
        };
      };
    });
  }

  /** Closes the page. */
  leave() {
    this.client.socket.close();
    this.channel.close();
    people.delete(this);
  }
}

/** @param {Status} status */
export const problemOf = (status) => (status.phase === "out" ? status.problem : status.phase);

/** Somebody who is registered, and online. @param {ServerProcess} server @param {string} name @param {boolean} [remember] */
export async function registered(server, name, remember = false) {
  const person = new Person(server);
  const status = await person.logIn({ how: "register", name, password: "secret", remember });
  if (status.phase !== "online") throw new Error(JSON.stringify(status));
  return person;
}
