// What the client does about breaks, with a server that is the test.
import assert from "node:assert/strict";
import { test } from "node:test";
import { IDBFactory } from "fake-indexeddb";
import { Client } from "../core/client.js";
import { prove } from "../core/proven.js";
import { Scram } from "../core/scram.js";
import { ManualClock } from "./clock.js";
import { asWebSocket, FakeWebSocket } from "./websocket.js";

const CAPABILITIES = "batch draft/chathistory echo-message labeled-response message-tags parlor/unread server-time";

function setUp() {
  const clock = new ManualClock();
  /** @type {FakeWebSocket[]} */
  const sockets = [];
  /** @type {string[]} */
  const phases = [];
  const client = new Client({
    connect: () => asWebSocket(sockets[sockets.push(new FakeWebSocket()) - 1] ?? assert.fail()),
    onChange: () => {},
    onStatus: () => phases.push(client.status.phase),
    clock,
    indexedDB: new IDBFactory(),
    channel: /** @type {any} */ ({ postMessage() {} }),
    lobby: "#lobby",
  });
  const newest = () => sockets.at(-1) ?? assert.fail("no socket");
  /** The server says all that leads to the welcome, and returns what was sent for it. */
  const welcome = () => {
    const socket = newest();
    socket.accept();
    socket.say(":parlor CAP * LS * :sasl", `:parlor CAP * LS :${CAPABILITIES}`, ":parlor CAP * ACK :sasl");
    const sent = socket.take();
    socket.say(`:parlor CAP gus ACK :${CAPABILITIES}`, ":parlor 001 gus :Welcome", ":gus!gus@c-1.parlor JOIN #lobby");
    socket.say(":parlor PONG parlor welcomed");
    return sent;
  };
  /** @param {{ how?: "guest" | "register" }} [login] */
  const logIn = ({ how = "guest" } = {}) => client.logIn({ how, name: "gus", password: "secret" });
  return { clock, client, sockets, phases, newest, welcome, logIn };
}

/** @param {readonly string[]} lines */
const said = (lines) => lines.filter((line) => line.includes("PRIVMSG"));

test("a guest is welcome, and what is needed first is asked for along with the end of the negotiation", () => {
  const { client, welcome, logIn, phases } = setUp();
  logIn();
  assert.deepEqual(welcome(), [
    "CAP LS 302",
    "CAP REQ :sasl standard-replies",
    "NICK gus",
    "USER gus 0 * :gus",
    `CAP REQ :${CAPABILITIES}`,
    "CAP END",
    "PING welcomed",
    "@label=1 CHATHISTORY LATEST #lobby * 50",
  ]);
  assert.deepEqual(phases, ["connecting", "online"]);
  assert.equal(client.isGuest, true);
});

test("after a break it says why, waits, comes back, and says again what was not confirmed", () => {
  const { clock, client, newest, welcome, logIn, phases } = setUp();
  logIn();
  welcome();
  newest().take();
  client.perform({ type: "say", to: "#lobby", text: "hello" });
  const [first = ""] = said(newest().take());
  newest().say("ERROR :The server is going down");
  newest().breakOff("1001");
  assert.deepEqual(client.status, { phase: "waiting", retryAtMs: clock.now() + 500, reason: "The server is going down" });
  client.perform({ type: "say", to: "#lobby", text: "and this" });
  clock.advance(500);
  const again = said(welcome());
  assert.equal(again[0], first, "under the same id");
  assert.equal(again.length, 2);
  assert.deepEqual(phases, ["connecting", "online", "waiting", "connecting", "online"]);
});

test("who is known waits where the server says later, others are told", () => {
  const { clock, client, newest, welcome, logIn } = setUp();
  logIn();
  newest().accept();
  newest().say("ERROR :Too many connections");
  assert.deepEqual(client.status, { phase: "out", problem: "later", reason: "Too many connections" });
  logIn();
  welcome();
  newest().breakOff();
  clock.advance(500);
  newest().accept();
  newest().say("ERROR :Too many connections");
  assert.equal(client.status.phase, "waiting");
  assert.match(JSON.stringify(client.status), /Too many connections/);
});

test("somebody whose connections an operator ended does not come back unasked", () => {
  const { clock, client, sockets, newest, welcome, logIn } = setUp();
  logIn();
  welcome();
  newest().say(":oscar!o@parlor KILL gus :Enough");
  assert.deepEqual(client.status, { phase: "out", problem: "killed", reason: "oscar ended your connections: Enough" });
  assert.equal(client.chat.connected, false);
  clock.advance(1_000_000);
  assert.equal(sockets.length, 1);
  client.retryNow();
  assert.equal(sockets.length, 2);
});

test("private messages are acknowledged by a sign of life, others need none", () => {
  const { clock, newest, welcome, logIn } = setUp();
  logIn();
  welcome();
  newest().take();
  newest().say("@msgid=m1 :bob!bob@parlor PRIVMSG #lobby :to all");
  clock.advance(2_000);
  assert.deepEqual(newest().take(), []);
  newest().say("@msgid=m2 :bob!bob@parlor PRIVMSG gus :to you", "@msgid=m3 :bob!bob@parlor PRIVMSG gus :and this");
  clock.advance(1_000);
  assert.deepEqual(newest().take(), ["PING seen"]);
});

test("what the server puts off is sent when it is time", () => {
  const { clock, client, newest, welcome, logIn } = setUp();
  logIn();
  welcome();
  newest().take();
  client.perform({ type: "say", to: "#lobby", text: "too fast" });
  const [line = ""] = said(newest().take());
  const label = /label=(\d+)/.exec(line)?.[1];
  newest().say(`@label=${label} :parlor FAIL PRIVMSG RATE_LIMITED 3 :Wait 3 seconds`);
  clock.advance(2_999);
  assert.deepEqual(said(newest().take()), []);
  clock.advance(1);
  assert.deepEqual(said(newest().take()), [line]);
});

test("an account that was made when the connection broke is logged in to, not made again", () => {
  const { clock, client, newest, logIn } = setUp();
  const verbs = () => newest().take().map((line) => line.split(" ")[0]);
  // The server's yes came.
  logIn({ how: "register" });
  newest().accept();
  assert.ok(verbs().includes("REGISTER"));
  newest().say(`:parlor CAP * LS :${CAPABILITIES} sasl=SCRAM-SHA-256`, ":parlor REGISTER SUCCESS gus :Welcome, gus");
  newest().breakOff();
  assert.equal(client.status.phase, "waiting");
  assert.equal(client.isLoggedIn, false);
  clock.advance(5_000);
  newest().accept();
  assert.ok(verbs().includes("AUTHENTICATE"));

  // It did not, so the second try shows whether the account is there.
  logIn({ how: "register" });
  newest().accept();
  newest().breakOff();
  clock.advance(5_000);
  newest().accept();
  assert.ok(verbs().includes("REGISTER"));
  newest().say(":parlor FAIL REGISTER ACCOUNT_EXISTS gus :There is an account of this name");
  assert.equal(client.status.phase, "waiting");
  clock.advance(5_000);
  newest().accept();
  assert.ok(verbs().includes("AUTHENTICATE"));
  newest().say(":parlor 904 gus :SASL authentication failed: wrong password");
  assert.deepEqual(client.status, { phase: "out", problem: "password", reason: "wrong password" });
});

test("a name that was taken before anything was sent is somebody else's, and one break after a request does not change that it was made", () => {
  const { clock, client, newest, logIn } = setUp();
  const exists = () => newest().say(":parlor FAIL REGISTER ACCOUNT_EXISTS gus :There is an account of this name");
  logIn({ how: "register" });
  newest().breakOff();
  clock.advance(5_000);
  newest().accept();
  exists();
  assert.deepEqual(client.status, { phase: "out", problem: "name", reason: "There is an account of this name" });

  logIn({ how: "register" });
  newest().accept();
  newest().breakOff();
  clock.advance(5_000);
  newest().breakOff();
  clock.advance(5_000);
  newest().accept();
  exists();
  assert.equal(client.status.phase, "waiting");
});

test("a login that is refused has its reason, whole, and what to ask for", () => {
  const { client, newest } = setUp();
  /** @type {[string, string, string][]} */
  const refusals = [
    ["wrong password", "wrong password", "password"],
    ["too many failed logins; wait 4 seconds", "too many failed logins; wait 4 seconds", "later"],
    ["too many concurrent logins; try again", "too many concurrent logins; try again", "later"],
    ["send the server password with PASS first", "send the server password with PASS first", "serverPassword"],
    ["suspended until tomorrow: spam", "suspended until tomorrow: spam", "server"],
  ];
  for (const [sentence, reason, problem] of refusals) {
    client.logIn({ how: "password", name: "ann", password: "secret" });
    newest().accept();
    newest().say(`:parlor 904 ann :SASL authentication failed: ${sentence}`);
    assert.deepEqual(client.status, { phase: "out", problem, reason });
  }
});

test("a server that welcomes without having proved itself is not believed", () => {
  const { client, newest } = setUp();
  client.logIn({ how: "password", name: "ann", password: "secret" });
  newest().accept();
  assert.deepEqual(newest().take().map((line) => line.split(" ")[0]), ["CAP", "CAP", "NICK", "USER", "AUTHENTICATE", "AUTHENTICATE"]);
  newest().say(`:parlor CAP * LS :${CAPABILITIES} sasl=SCRAM-SHA-256`, "AUTHENTICATE +", ":parlor 001 ann :Welcome");
  assert.deepEqual(client.status, { phase: "out", problem: "server", reason: "The server did not prove who it is." });
  assert.equal(newest().readyState, 3);
});

test("a logout, and another login, leave nothing of the one before", async () => {
  const { client, clock, newest, welcome, logIn } = setUp();
  logIn();
  welcome();
  client.perform({ type: "say", to: "#lobby", text: "hello" });
  client.setDraft("#lobby", "unfinished");
  const before = client.chat;
  newest().take();
  await client.logOut();
  assert.deepEqual(newest().take(), ["QUIT :"]);
  assert.notEqual(client.chat, before);
  assert.equal(client.draft("#lobby"), "");
  assert.equal(clock.timers, 0);
  logIn();
  assert.deepEqual(said(welcome()), []);
});

test("who logs out takes back the token of this device, also one whose answer is not there yet", async () => {
  for (const answered of [false, true]) {
    const { client, newest, welcome } = setUp();
    client.logIn({ how: "guest", name: "gus", remember: true });
    welcome();
    const asked = newest().take().find((line) => line.includes("TOKEN ADD")) ?? assert.fail("no token was asked for");
    const [, name = ""] = /TOKEN ADD (\S+)/.exec(asked) ?? [];
    if (answered) newest().say(`@label=token :parlor NOTE ACCOUNT TOKEN_ADDED ${name} secret * :Give this to one program`);
    await client.logOut();
    assert.deepEqual(newest().take(), [`ACCOUNT TOKEN DEL ${name}`, "QUIT :"]);
    assert.equal(client.stays, false);
  }
});

test("a token whose answer was lost with the connection is taken back before the next one is asked for", () => {
  const { client, clock, newest, welcome } = setUp();
  client.logIn({ how: "guest", name: "gus", remember: true });
  welcome();
  const tokens = () => newest().take().filter((line) => line.includes("TOKEN"));
  const [, lost = ""] = /TOKEN ADD (\S+)/.exec(tokens()[0] ?? "") ?? assert.fail("no token was asked for");
  newest().breakOff();
  clock.advance(60_000);
  welcome();
  const [first, second, third] = tokens();
  assert.equal(first, `@label=token ACCOUNT TOKEN DEL ${lost}`);
  assert.match(second ?? "", /^@label=token ACCOUNT TOKEN ADD web-/);
  assert.equal(third, undefined);
  // That it was never made is nothing to tell anybody.
  newest().say(`@label=token :parlor FAIL ACCOUNT NO_SUCH_TOKEN ${lost} :You have no app password of this name`);
  assert.equal(client.storageProblem, undefined);
});

/** All that is sent to prove a password once the server has said what it can. @param {string} offer */
async function proving(offer) {
  const socket = new FakeWebSocket();
  const scram = new Scram(crypto.subtle, "ann", "nonce", { password: "secret" });
  scram.respond = async () => "proof";
  prove(asWebSocket(socket), { how: "password", name: "ann" }, scram);
  socket.accept();
  socket.say(`:parlor CAP * LS :${offer}`, `AUTHENTICATE ${btoa("challenge")}`);
  await new Promise(setImmediate);
  return socket.take();
}

test("a connection that only proves the password is nobody's presence", async () => {
  const sent = (await proving("sasl draft/pre-away")).filter((line) => /AWAY|pre-away|CAP END/.test(line));
  assert.deepEqual(sent, ["CAP REQ :draft/pre-away", "AWAY *", "CAP END"]);
});

test("such a connection asks only for what the server offers", async () => {
  assert.deepEqual((await proving("sasl")).filter((line) => /pre-away|AWAY/.test(line)), []);
});
