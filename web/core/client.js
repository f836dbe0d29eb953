/** @import { Change, Intent, Login, Problem, Status } from "./types.js" */
/** @import { KeptLogin } from "./storage.js" */
/** @import { ScramKeys } from "./scram.js" */
/** @import { Clock } from "./socket.js" */
/** @import { Step } from "./connection.js" */
import { Chat } from "./chat.js";
import { Connection } from "./connection.js";
import { fold } from "./fold.js";
import { formatLine, parseMessage } from "./message.js";
import { Places } from "./places.js";
import { prove } from "./proven.js";
import { deriveKeys, Scram, toBase64 } from "./scram.js";
import { refreshConversation } from "./send.js";
import { Socket } from "./socket.js";
import { DeviceStore } from "./storage.js";

/** How soon a shown private message is acknowledged: the server keeps it until then. */
const SEEN_MS = 1_000;
/** How long changes of conversations gather before they are kept. */
const KEEP_MS = 1_000;
/** How many messages of each conversation are kept. */
const KEPT_ROWS = 50;
/** How long a device stays logged in. */
const STAY = "90d";
/** The label of requests about this device's token. */
const TOKEN_LABEL = "token";

/** @type {Clock} */
const systemClock = {
  now: () => Date.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer),
  random: () => Math.random(),
};

/**
 * The client as the app sees it: one login, its chat, its connection and what is kept on this device.
 * The app draws `chat`, passes on intents, and is called back when something has changed.
 *
 * Only if the person stays logged in on this device is anything stored on it.
 */
export class Client {
  /** The model; each login has a new one, so read it from here each time. */
  chat;
  /** @type {Status} */
  status = { phase: "out" };
  /** The name that is logged in, or logging in. */
  name = "";
  /** This person has no account. */
  isGuest = false;
  /** @type {string | undefined} Why a new password must be chosen before anything else, in the server's words. */
  renewal;
  /** @type {string | undefined} Why nothing can be kept on this device. */
  storageProblem;

  /** @type {Login | undefined} */
  #login;
  /** @type {ScramKeys | undefined} With which it is logged in again after a break. */
  #keys;
  /** @type {KeptLogin | undefined} */
  #kept;
  /** This login has succeeded before. */
  #isKnown = false;
  /** The connection broke while an account was being made: it may exist now. */
  #isUnsure = false;
  /** The token that was asked for, for this device. */
  #token = "";
  /** @type {Connection | undefined} Until the welcome. */
  #connection;
  /** What the server said at the end. */
  #farewell = "";
  /** @type {DeviceStore | undefined} */
  #store;
  /** @type {Map<string, string>} */
  #drafts = new Map();
  /** @type {Set<string>} Conversations that have changed since they were kept. */
  #changed = new Set();
  #hasOutgoing = false;
  /** @type {Map<string, unknown>} */
  #timers = new Map();

  /**
   * The defaults are the browser's.
   * @param {object} options
   * @param {(place: string) => WebSocket} options.connect A new WebSocket (`text.ircv3.net`) to where the page is from (no name)
   *   or to another node (`HOST:PORT`); or one that was opened early.
   * @param {(changes: Change[]) => void} options.onChange The chat has changed.
   * @param {() => void} options.onStatus `status`, `name`, `renewal` or `storageProblem` has changed.
   * @param {(line: string) => boolean} [options.takesLine] Sees each line after the login before the chat does; true: the chat need not.
   * @param {string} [options.lobby] The room whose history comes first at the first login on this device.
   * @param {Clock} [options.clock]
   * @param {Crypto} [options.crypto]
   * @param {IDBFactory} [options.indexedDB]
   * @param {LockManager} [options.locks]
   * @param {BroadcastChannel} [options.channel] To the other tabs.
   * @param {string} [options.database] The name of the database.
   */
  constructor(options) {
    this.onChange = options.onChange;
    this.onStatus = options.onStatus;
    this.takesLine = options.takesLine ?? (() => false);
    this.lobby = options.lobby ?? "";
    this.clock = options.clock ?? systemClock;
    this.crypto = options.crypto ?? crypto;
    this.indexedDB = options.indexedDB ?? globalThis.indexedDB;
    this.locks = options.locks ?? globalThis.navigator?.locks;
    this.channel = options.channel ?? new BroadcastChannel("parlor");
    this.database = options.database ?? "parlor";
    this.tab = this.#random(9);
    this.chat = new Chat(`web.${this.tab}`);
    this.socket = new Socket({
      connect: options.connect,
      places: new Places(() => this.chat.server.nodes.map(({ address }) => address)),
      clock: this.clock,
      onTry: () => this.#setStatus({ phase: "connecting" }),
      onOpen: () => this.#opened(),
      onLine: (line) => this.#received(line),
      onBreak: (reason) => this.#broke(reason),
    });
    this.channel.onmessage = ({ data }) => this.#heardTab(data);
  }

  /** The server has welcomed this login, on this connection or on an earlier one. */
  get isLoggedIn() {
    return this.#isKnown && this.status.phase !== "out";
  }

  /** Who is logged in stays so on this device. */
  get stays() {
    return this.#kept !== undefined;
  }

  /** Shows what is kept on this device, and comes back online if it stays logged in. Call it first. */
  async start() {
    try {
      const [tabs, store] = await Promise.all([this.#openTabs(), this.#store ?? DeviceStore.open(this.indexedDB, this.database)]);
      this.#store = store;
      await this.#load(store, tabs);
    } catch (error) {
      this.#cannotKeep(error);
    }
    this.onStatus();
  }

  /** Watches whether the page is visible and the network is there, and stores the rest when the page is hidden. @param {Window} page */
  watchPage(page) {
    page.addEventListener("online", () => this.socket.wake());
    page.addEventListener("offline", () => this.socket.lost());
    page.addEventListener("pagehide", () => this.#keepChanged());
    page.document.addEventListener("visibilitychange", () => {
      if (page.document.visibilityState === "visible") this.socket.wake();
      else this.#keepChanged();
    });
  }

  /** Logs in, or registers; `status` has the progress. @param {Login} login */
  logIn(login) {
    this.#forget();
    this.#forgetDevice();
    this.#login = login;
    this.name = login.name;
    this.isGuest = login.how === "guest";
    this.socket.open();
  }

  /** Logs out: the server forgets this device's token, and this device forgets everything. */
  async logOut() {
    const token = this.#kept?.token || this.#token;
    const lines = token ? [formatLine("ACCOUNT", ["TOKEN", "DEL", token])] : [];
    this.socket.send([...lines, formatLine("QUIT", [], "")]);
    this.#leave({ phase: "out" });
    await this.#forgetDevice();
    this.channel.postMessage("out");
  }

  /**
   * Opens another connection, logged in by the account's password, for what a token may not do.
   * @param {string} password @param {string} code Of the second factor, if it is asked for.
   * @returns {Promise<{ socket: WebSocket } | { problem: Problem, reason: string }>}
   */
  async prove(password, code) {
    const { name } = this;
    const socket = this.socket.connect(this.socket.places.current);
    const login = { how: /** @type {const} */ ("password"), name, serverPassword: this.#login?.serverPassword };
    const scram = new Scram(this.crypto.subtle, name, this.#random(18), { password, code });
    const refusal = await prove(socket, login, scram);
    if (!refusal) return { socket };
    socket.onclose = null;
    socket.close();
    return refusal;
  }

  /** The account has this password now. @param {string} password */
  passwordChanged(password) {
    // A token stays valid.
    if (this.#login && !this.#kept) {
      this.#login = { ...this.#login, password };
      this.#keys = undefined;
    }
    if (this.renewal === undefined) return;
    this.renewal = undefined;
    // Only now does the server let this connection in.
    /** @type {string[]} */
    const out = [];
    this.#enter(this.chat.server.capabilities, out);
    this.socket.send(out);
    this.#askForToken();
    this.onStatus();
  }

  /** Tries to connect now, instead of waiting for the next try. */
  retryNow() {
    if (this.#login) this.socket.open();
  }

  /**
   * Performs an intent. Returns the number of the last message that `say` made.
   * @param {Intent} intent @returns {number | undefined} @throws {Impossible} With a sentence to show.
   */
  perform(intent) {
    /** @type {string[]} */
    const out = [];
    const number = this.chat.perform(intent, this.clock.now(), out);
    if (intent.type === "open") this.#keep((store) => store.keepCurrent(intent.target));
    // A message is stored before it is sent, so closing the page in between does not lose it.
    if (number !== undefined || /^(retry|discard|close)$/.test(intent.type)) this.#keepOutgoing();
    this.socket.send(out);
    this.#tellChanges();
    return number;
  }

  /** The draft of a conversation. @param {string} target */
  draft(target) {
    return this.#drafts.get(fold(target)) ?? "";
  }

  /** Keeps a draft over reloads. @param {string} target @param {string} text */
  setDraft(target, text) {
    const key = fold(target);
    if (text) this.#drafts.set(key, text);
    else this.#drafts.delete(key);
    this.#keep((store) => store.keepDraft(key, text));
  }

  /** @param {DeviceStore} store @param {Set<string>} tabs Those that are open. */
  async #load(store, tabs) {
    const kept = await store.load(this.tab, tabs);
    if (!kept.login || this.#login) return;
    const { name, keys, secret, serverPassword } = kept.login;
    this.#kept = kept.login;
    this.#keys = keys;
    this.#login = { how: "password", name, password: secret, serverPassword };
    this.#isKnown = true;
    this.#drafts = kept.drafts;
    this.name = this.chat.me = name;
    // The server's answer takes a while, in which the rest is shown.
    this.socket.open();
    this.chat.current = kept.current ?? "";
    for (const { name, kind, rows } of kept.conversations) this.chat.restoreConversation(name, kind, rows);
    this.chat.restoreOutgoing(kept.outgoing);
    this.#hasOutgoing = kept.outgoing.length > 0;
    this.#tellChanges();
  }

  /** Marks this tab as open, and says which others are. */
  async #openTabs() {
    if (!this.locks) return new Set();
    this.locks.request(`parlor ${this.tab}`, () => new Promise(() => {}));
    const { held = [] } = await this.locks.query();
    return new Set(held.map(({ name = "" }) => name.replace(/^parlor /, "")));
  }

  #opened() {
    const login = this.#login;
    if (!login) return this.socket.close();
    const { name, password, code } = login;
    const secret = { password, code, keys: this.#keys };
    const scram = login.how === "password" ? new Scram(this.crypto.subtle, name, this.#random(18), secret) : undefined;
    this.#connection = new Connection(login, scram, this.#kept !== undefined);
    /** @type {string[]} */
    const out = [];
    this.#connection.start(out);
    return this.socket.send(out);
  }

  /** @param {string} line */
  #received(line) {
    /** @type {string[]} */
    const out = [];
    const connection = this.#connection;
    const step = connection?.receive(line, out);
    if (step) this.#take(step, out);
    if (connection && step?.type !== "done") return this.socket.send(out);
    if (this.#takeToken(line) || this.takesLine(line)) return undefined;
    this.chat.receive(line, this.clock.now(), out);
    this.socket.send(out);
    return this.#tellChanges();
  }

  /** Continues the login. @param {Step} step @param {string[]} out */
  #take(step, out) {
    if (step.type === "prove") {
      this.#prove(step.challenge);
    } else if (step.type === "enter") {
      // From here on the account is there: after a break it is not to be registered again.
      if (this.#login?.how === "register") this.#login = { ...this.#login, how: "password" };
      this.#enter(step.capabilities, out);
    } else if (step.type === "done") {
      this.#welcomed();
    } else {
      this.#failed(step);
    }
  }

  /** The chat begins. @param {Map<string, string>} capabilities @param {string[]} out */
  #enter(capabilities, out) {
    this.chat.loggedIn(this.name, capabilities, out);
    this.chat.current ||= this.lobby;
    if (this.chat.current) this.chat.conversationOrNew(this.chat.current);
    // A room opened during a break need not be there yet.
    if (!this.chat.server.name) refreshConversation(this.chat, this.chat.current, out);
    this.#tellChanges();
  }

  /** @param {string} challenge */
  async #prove(challenge) {
    const connection = this.#connection;
    const scram = connection?.scram;
    if (!scram) return;
    try {
      const proof = await scram.respond(challenge);
      if (connection !== this.#connection) return;
      /** @type {string[]} */
      const out = [];
      this.#take(connection.answer(proof, out), out);
      this.socket.send(out);
    } catch (error) {
      const problem = this.#kept ? "token" : this.#isKnown ? "password" : "server";
      if (connection === this.#connection) this.#failed({ problem, reason: /** @type {Error} */ (error).message });
    }
  }

  #welcomed() {
    const { scram, renewal } = this.#connection ?? {};
    this.#connection = undefined;
    this.#isKnown = true;
    this.#farewell = "";
    this.socket.succeeded();
    const login = this.#login;
    if (scram?.keys) {
      this.#keys = scram.keys;
      // From here on the keys do.
      if (login) this.#login = { ...login, password: undefined, code: undefined };
      if (this.#kept?.secret) {
        this.#kept = { ...this.#kept, secret: undefined, keys: scram.keys };
        this.#keep((store) => store.keepLogin(/** @type {KeptLogin} */ (this.#kept)));
      }
    }
    this.renewal = renewal;
    this.#setStatus({ phase: "online" });
    if (!renewal) this.#askForToken();
  }

  #askForToken() {
    if (!this.#login?.remember || this.#kept) return;
    const ask = (/** @type {string[]} */ ...params) => (
      this.socket.send([formatLine("ACCOUNT", ["TOKEN", ...params], undefined, { label: TOKEN_LABEL })]));
    // One whose answer a break has taken may have been made.
    if (this.#token) ask("DEL", this.#token);
    this.#token = `web-${this.#random(6)}`;
    ask("ADD", this.#token, STAY);
  }

  /** Takes an answer about this device's token, which is not for the person. @param {string} line */
  #takeToken(line) {
    const message = line.includes(TOKEN_LABEL) ? parseMessage(line) : undefined;
    if (message?.tags.get("label") !== TOKEN_LABEL) return false;
    const { params } = message;
    const [, code, token = "", secret = ""] = params;
    if (code === "TOKEN_ADDED") this.#stay(token, secret);
    else if (message.verb === "FAIL" && code !== "NO_SUCH_TOKEN") this.#cannotKeep(new Error(params.at(-1)));
    return true;
  }

  /** Stays logged in on this device. @param {string} token @param {string} secret */
  async #stay(token, secret) {
    const { name } = this;
    const known = this.#keys;
    // All tokens of an account have the salt of its password.
    const keys = known && (await deriveKeys(this.crypto.subtle, secret, known.salt, known.iterations));
    // Logged out, or taken back, meanwhile.
    if (this.#token !== token) return;
    const { serverPassword } = this.#login ?? {};
    this.#kept = { name, token, serverPassword, ...(keys ? { keys } : { secret }) };
    this.#keys = keys;
    if (!keys && this.#login) this.#login = { ...this.#login, password: secret };
    this.#keep((store) => store.keepLogin(/** @type {KeptLogin} */ (this.#kept)));
    this.#keep((store) => store.keepCurrent(this.chat.current));
    for (const [target, text] of this.#drafts) this.#keep((store) => store.keepDraft(target, text));
    for (const key of this.chat.conversations.keys()) this.#changed.add(key);
    this.#keepChanged();
    this.#keepOutgoing();
    this.onStatus();
    this.channel.postMessage("in");
  }

  /** @param {Pick<Step & { type: "failed" }, "problem" | "reason">} failure */
  #failed({ problem, reason }) {
    if (problem === "name" && this.#isUnsure && this.#login) {
      this.#login = { ...this.#login, how: "password" };
      this.socket.close(true, reason);
      return;
    }
    if (this.#isKnown && (problem === "later" || problem === "server")) {
      this.#farewell = reason;
      this.socket.close(true, reason);
      return;
    }
    if (problem === "token") this.#forgetDevice();
    this.#leave({ phase: "out", problem, reason });
  }

  /** @param {string} reason */
  #broke(reason) {
    // Without a connection nothing has been asked for.
    this.#isUnsure ||= this.#connection !== undefined && this.#login?.how === "register";
    this.#connection = undefined;
    if (this.chat.connected) this.chat.broken();
    this.#tellChanges();
    const { retryAtMs } = this.socket;
    if (retryAtMs !== undefined) this.#setStatus({ phase: "waiting", retryAtMs, reason: this.#farewell || reason });
  }

  /** @param {unknown} data */
  #heardTab(data) {
    if (data === "in" && !this.#login) this.start();
    if (data === "out" && this.#kept) {
      this.#kept = undefined;
      this.#leave({ phase: "out" });
    }
  }

  /** Ends the connection and the login. @param {Status} status */
  #leave(status) {
    this.#forget();
    this.#setStatus(status);
  }

  /** Forgets everything. */
  #forget() {
    this.socket.close();
    for (const timer of this.#timers.values()) this.clock.clearTimer(timer);
    this.#timers.clear();
    this.#login = this.#keys = this.#kept = this.#connection = this.renewal = undefined;
    this.#isKnown = this.#isUnsure = this.#hasOutgoing = false;
    this.#farewell = this.#token = "";
    this.#drafts.clear();
    this.#changed.clear();
    this.chat = new Chat(`web.${this.tab}.${this.#random(3)}`);
  }

  async #forgetDevice() {
    try {
      await this.#store?.clear();
    } catch (error) {
      this.#cannotKeep(error);
    }
  }

  /** @param {Status} status */
  #setStatus(status) {
    this.status = status;
    this.onStatus();
  }

  /** Reports changes to the app, and reacts to them. */
  #tellChanges() {
    const changes = this.chat.takeChanges();
    const next = this.chat.nextTickMs();
    if (next !== undefined) this.#later("tick", next - this.clock.now(), () => this.#tick(), true);
    if (!changes.length) return;
    for (const change of changes) {
      if (change.type === "said" && this.#isPrivate(change.target)) {
        this.#later("seen", SEEN_MS, () => this.socket.send(["PING seen"]));
      }
      if (change.type === "closing") this.#farewell = change.reason;
      if (change.type === "settled") this.#keepOutgoing();
      if ("target" in change && change.type !== "page") this.#changed.add(fold(change.target));
    }
    if (this.#changed.size) this.#later("keep", KEEP_MS, () => this.#keepChanged());
    this.onChange(changes);
    const killed = changes.find((change) => change.type === "killed");
    if (killed) {
      this.socket.close();
      this.#setStatus({ phase: "out", problem: "killed", reason: killed.reason });
    }
  }

  /** @param {string} target */
  #isPrivate(target) {
    return this.chat.conversation(target)?.kind === "person";
  }

  #tick() {
    /** @type {string[]} */
    const out = [];
    this.chat.tick(this.clock.now(), out);
    this.socket.send(out);
    this.#tellChanges();
  }

  /** Does something once, after a delay. @param {string} what @param {number} ms @param {() => void} run @param {boolean} [anew] */
  #later(what, ms, run, anew = false) {
    if (this.#timers.has(what)) {
      if (!anew) return;
      this.clock.clearTimer(this.#timers.get(what));
    }
    const due = () => {
      this.#timers.delete(what);
      run();
    };
    this.#timers.set(what, this.clock.setTimer(due, Math.max(ms, 0)));
  }

  #keepOutgoing() {
    const { outgoing } = this.chat;
    if (!outgoing.length && !this.#hasOutgoing) return;
    this.#hasOutgoing = outgoing.length > 0;
    this.#keep((store) => store.keepOutgoing(this.tab, outgoing));
  }

  #keepChanged() {
    for (const key of this.#changed) {
      const conversation = this.chat.conversations.get(key);
      if (!conversation) this.#keep((store) => store.forgetConversation(key));
      else if (conversation.kind !== "server") {
        const { kind, name, timeline } = conversation;
        const rows = timeline.newestRun(KEPT_ROWS);
        this.#keep((store) => store.keepConversation({ name, kind, rows, atMs: rows.at(-1)?.timeMs ?? 0 }));
      }
    }
    this.#changed.clear();
  }

  /** @param {(store: DeviceStore) => Promise<unknown>} what */
  #keep(what) {
    if (!this.#store || !this.#kept) return;
    try {
      what(this.#store).catch((error) => this.#cannotKeep(error));
    } catch (error) {
      this.#cannotKeep(error);
    }
  }

  /** @param {unknown} error */
  #cannotKeep(error) {
    this.storageProblem = error instanceof Error ? error.message : String(error);
    this.onStatus();
  }

  /** Random text for ids and nonces. @param {number} bytes */
  #random(bytes) {
    const random = this.crypto.getRandomValues(new Uint8Array(bytes));
    return toBase64(random).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }
}
