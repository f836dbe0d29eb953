// The client against a real server, over WebSocket.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { IDBFactory } from "fake-indexeddb";
import { everybodyLeaves, openWebSocket, Person, problemOf, registered } from "./person.js";
import { ServerProcess } from "./server.js";

/** @import { Login } from "../core/types.js" */

const server = new ServerProcess();
const guestServer = new ServerProcess("guests = true\n");
before(() => Promise.all([server.start(), guestServer.start()]));
after(async () => {
  everybodyLeaves();
  await Promise.all([server.end(), guestServer.end()]);
});

test("registering, talking, private messages, and logging in again with history", async () => {
  const ann = await registered(server, "ann");
  const bob = await registered(server, "bob");
  await ann.say("#lobby", "hello all");
  await bob.sees("#lobby", "hello all");
  await bob.say("ann", "hello ann");
  await ann.sees("bob", "hello ann");
  const device = new Person(server);
  assert.equal((await device.logIn({ how: "password", name: "Ann", password: "secret" })).phase, "online");
  assert.equal(device.client.chat.me, "ann");
  await device.sees("#lobby", "hello all");
  await ann.say("#lobby", "from the other");
  await device.sees("#lobby", "from the other");
});

test("what is wrong is said so that it can be asked for", async () => {
  await registered(server, "carol");
  const person = new Person(server);
  /** @param {Login} login */
  const problem = async (login) => problemOf(await person.logIn(login));
  assert.equal(await problem({ how: "password", name: "carol", password: "wrong" }), "password");
  assert.equal(await problem({ how: "password", name: "nobody", password: "secret" }), "password");
  assert.equal(await problem({ how: "register", name: "carol", password: "secret" }), "name");
  assert.equal(await problem({ how: "register", name: "1st", password: "secret" }), "name");
  assert.equal(await problem({ how: "register", name: "dora", password: "x" }), "newPassword");
  assert.equal(await problem({ how: "guest", name: "gus" }), "account");
  assert.equal(await problem({ how: "password", name: "carol", password: "secret" }), "online");
});

test("guests come in where they may, and not under the name of an account", async () => {
  const gus = new Person(guestServer);
  assert.equal((await gus.logIn({ how: "guest", name: "gus" })).phase, "online");
  await gus.say("#lobby", "hello");
  const hal = new Person(guestServer);
  assert.equal((await hal.logIn({ how: "register", name: "hal", password: "secret" })).phase, "online");
  const other = new Person(guestServer);
  assert.equal(problemOf(await other.logIn({ how: "guest", name: "hal" })), "name");
  // Nobody comes in as a guest by what is sent along with a wrong password.
  assert.equal(problemOf(await other.logIn({ how: "password", name: "hal", password: "wrong" })), "password");
  await hal.say("#lobby", "still here");
  assert.ok(!hal.client.chat.conversation("#lobby")?.timeline.entries().some(({ kind }) => kind === "join"));
});

test("who stays logged in comes back by the keys of a token, sees at once what was kept, and leaves nothing behind", async () => {
  const eve = new Person(server);
  await registered(server, "frank");
  const login = /** @type {const} */ ({ how: "register", name: "eve", password: "sesame 42", remember: true });
  assert.equal((await eve.logIn(login)).phase, "online");
  await eve.say("#lobby", "kept");
  eve.client.perform({ type: "open", target: "#lobby" });
  eve.client.setDraft("#lobby", "unfinished");
  const hasRow = (/** @type {any} */ kept) => kept?.rows.some((/** @type {any} */ { text }) => text === "kept");
  const kept = await eve.kept((all) => all.has("login") && hasRow(all.get("rows #lobby")) && all.has("draft #lobby"));
  assert.ok(kept.get("login").secret, "the salt is not known yet");
  assert.ok(!JSON.stringify([...kept]).includes(login.password), "never the password");
  eve.leave();

  const reloaded = new Person(server, { indexedDB: eve.indexedDB, channel: eve.channelName });
  await reloaded.client.start();
  assert.ok(reloaded.texts("#lobby").includes("kept"), "before anything came from the server");
  assert.equal(reloaded.client.draft("#lobby"), "unfinished");
  await reloaded.ready();
  await reloaded.say("#lobby", "back again");
  const later = await reloaded.kept((all) => all.get("login")?.keys);
  assert.equal(later.get("login").secret, undefined, "the keys are enough");
  reloaded.leave();

  const again = new Person(server, { indexedDB: eve.indexedDB, channel: eve.channelName });
  await again.client.start();
  await again.ready();
  await again.sees("#lobby", "back again");
  assert.equal(again.texts("#lobby").filter((text) => text === "back again").length, 1);
  await again.client.logOut();
  assert.equal((await again.kept(() => true)).size, 0);
  assert.equal(again.client.status.phase, "out");
  assert.deepEqual(again.texts("#lobby"), []);

  // The token is gone at the server, too: what somebody copied from the device is worth nothing.
  const thief = new Person(server, { indexedDB: new IDBFactory() });
  await thief.client.start();
  const opening = thief.indexedDB.open("parlor", 1);
  await new Promise((done) => {
    opening.onsuccess = () => {
      const put = opening.result.transaction("kept", "readwrite").objectStore("kept").put(later.get("login"), "login");
      put.onsuccess = () => done(undefined);
    };
  });
  await thief.client.start();
  await thief.until("the token is refused", () => thief.client.status.phase === "out");
  assert.equal(problemOf(thief.client.status), "token");
  assert.equal((await thief.kept((all) => all.size === 0)).size, 0);
});

test("tabs share a login and a logout", async () => {
  const one = new Person(server);
  const two = new Person(server, { indexedDB: one.indexedDB, channel: one.channelName });
  await two.client.start();
  assert.equal(two.client.status.phase, "out");
  const login = /** @type {const} */ ({ how: "register", name: "grace", password: "secret", remember: true });
  assert.equal((await one.logIn(login)).phase, "online");
  await two.ready();
  assert.equal(two.client.chat.me, "grace");
  await two.say("#lobby", "from the second tab");
  await one.sees("#lobby", "from the second tab");
  await two.client.logOut();
  await one.until("the first tab is out", () => one.client.status.phase === "out");
});

test("what was said while the server was killed is sent once it is back, also by a page that was closed", async () => {
  const own = new ServerProcess();
  await own.start();
  try {
    const hank = new Person(own);
    await hank.logIn({ how: "register", name: "hank", password: "secret", remember: true });
    await hank.say("#lobby", "before");
    await hank.kept((all) => all.has("login"));
    const number = hank.client.perform({ type: "say", to: "#lobby", text: "in the middle" });
    await own.kill();
    await hank.until("it has noticed", () => hank.client.status.phase === "waiting");
    hank.client.perform({ type: "say", to: "#lobby", text: "while it was away" });
    await hank.kept((all) => [...all].some(([key, value]) => key.startsWith("outgoing") && value.at(-1).text === "while it was away"));
    hank.leave();

    const next = new Person(own, { indexedDB: hank.indexedDB, channel: hank.channelName });
    await next.client.start();
    assert.ok(next.client.chat.waiting("#lobby").some(({ text }) => text === "while it was away"));
    await own.start();
    next.client.retryNow();
    await next.until("all is stored", () => next.client.status.phase === "online" && !next.client.chat.outgoing.length);
    await next.sees("#lobby", "while it was away");
    const bystander = new Person(own);
    await bystander.logIn({ how: "register", name: "iris", password: "secret" });
    await bystander.sees("#lobby", "while it was away");
    const said = bystander.texts("#lobby").filter((text) => text);
    assert.deepEqual(said, ["before", "in the middle", "while it was away"], `each once, ${number}`);
    await next.kept((all) => ![...all.keys()].some((key) => key.startsWith("outgoing")));
    next.leave();
    bystander.leave();
  } finally {
    await own.end();
  }
});

/** A WebSocket that counts round trips: in each, all that was sent goes out, and all that answers it comes in. */
class RoundSocket {
  rounds = 0;
  bufferedAmount = 0;
  /** @type {any} */
  onopen;
  /** @type {any} */
  onmessage;
  /** @type {any} */
  onclose;
  /** @type {string[]} */
  #outgoing = [];
  /** @type {{ data: string }[]} */
  #incoming = [];
  #socket = openWebSocket(server);

  constructor() {
    this.#socket.onopen = () => {
      this.onopen?.();
      this.#round();
    };
    this.#socket.onmessage = ({ data }) => {
      const line = String(data);
      if (/ PONG \S+ :?round$/.test(line)) this.#answered();
      else this.#incoming.push({ data: line });
    };
  }

  get readyState() {
    return this.#socket.readyState;
  }

  /** @param {string} line */
  send(line) {
    this.#outgoing.push(line);
  }

  close() {
    this.#socket.close();
  }

  #round() {
    if (this.readyState !== 1) return;
    // It thinks about its answer, or waits for its user.
    if (!this.#outgoing.length) return void setTimeout(() => this.#round(), 5);
    this.rounds += 1;
    for (const line of [...this.#outgoing.splice(0), "PING round"]) this.#socket.send(line);
  }

  #answered() {
    for (const event of this.#incoming.splice(0)) this.onmessage?.(event);
    this.#round();
  }
}

test("the first message is here after two round trips, with a password and with a token", async () => {
  const jack = await registered(server, "jack", true);
  await jack.say("#lobby", "the newest");
  await jack.kept((all) => all.has("login"));
  for (const start of ["password", "token"]) {
    /** @type {RoundSocket | undefined} */
    let socket;
    const connect = () => (socket = new RoundSocket());
    const person = new Person(server, start === "token" ? { connect, indexedDB: jack.indexedDB } : { connect });
    if (start === "token") await person.client.start();
    else person.client.logIn({ how: "password", name: "jack", password: "secret" });
    let rounds = 0;
    await person.until("a message is here", () => {
      rounds = socket?.rounds ?? 0;
      // Not one that was kept.
      return person.changes.some((change) => change.type === "page" && change.count > 0);
    });
    assert.ok(person.texts("#lobby").includes("the newest"));
    assert.equal(rounds, 2, start);
    person.leave();
  }
});
