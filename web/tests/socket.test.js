import assert from "node:assert/strict";
import { test } from "node:test";
import { Socket } from "../core/socket.js";
import { ManualClock } from "./clock.js";
import { asWebSocket, FakeWebSocket } from "./websocket.js";

function setUp() {
  const clock = new ManualClock();
  /** @type {FakeWebSocket[]} */
  const sockets = [];
  /** @type {string[]} */
  const events = [];
  const socket = new Socket({
    connect: () => asWebSocket(sockets[sockets.push(new FakeWebSocket()) - 1] ?? assert.fail()),
    clock,
    onTry: () => events.push("try"),
    onOpen: () => events.push("open"),
    onLine: (line) => events.push(line),
    onBreak: (reason) => events.push(`broke: ${reason}`),
  });
  return { clock, socket, events, sockets, newest: () => sockets.at(-1) ?? assert.fail("no socket") };
}

test("it comes back after longer and longer waits, up to a minute, and at once after a success", () => {
  const { clock, socket, sockets, newest } = setUp();
  socket.open();
  const waits = [];
  for (let n = 0; n < 10; n++) {
    newest().breakOff();
    waits.push((socket.retryAtMs ?? 0) - clock.now());
    clock.advance(waits.at(-1) ?? 0);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
  assert.equal(sockets.length, 11);
  newest().accept();
  socket.succeeded();
  newest().breakOff();
  assert.equal((socket.retryAtMs ?? 0) - clock.now(), 500);
});

test("a page or a network that is back ends the wait", () => {
  const { clock, socket, sockets, newest } = setUp();
  socket.open();
  for (let n = 0; n < 5; n++) {
    newest().breakOff();
    clock.advance(8000);
  }
  newest().breakOff();
  const before = sockets.length;
  socket.wake();
  assert.equal(sockets.length, before + 1);
  assert.equal(socket.retryAtMs, undefined);
  socket.wake();
  assert.equal(sockets.length, before + 1, "a try that is under way stays");
});

test("without a network a connection is given up at once, and tried again", () => {
  const { clock, socket, events, sockets, newest } = setUp();
  socket.lost();
  assert.deepEqual(events, [], "nothing was to be open");
  socket.open();
  newest().accept();
  socket.lost();
  assert.equal(events.at(-1), "broke: The network is gone.");
  socket.lost();
  clock.advance(500);
  assert.equal(sockets.length, 2);
  socket.close();
  const before = events.length;
  socket.lost();
  assert.equal(events.length, before, "it was closed for good");
});

test("a silent connection is asked for a sign of life, and given up without one", () => {
  const { clock, socket, events, newest } = setUp();
  socket.open();
  newest().accept();
  clock.advance(59_000);
  newest().say("PING :x");
  clock.advance(59_999);
  assert.deepEqual(newest().take(), []);
  clock.advance(1);
  assert.deepEqual(newest().take(), ["PING alive"]);
  newest().say(":parlor PONG parlor alive");
  clock.advance(74_999);
  assert.deepEqual(newest().take(), ["PING alive"]);
  const old = newest();
  clock.advance(1);
  assert.equal(events.at(-1), "broke: The server does not answer.");
  assert.equal(old.readyState, 3);
  clock.advance(500);
  assert.notEqual(newest(), old);
});

test("after a sleep the page asks at once, and does not wait long", () => {
  const { clock, socket, events, newest } = setUp();
  socket.open();
  newest().accept();
  clock.advance(10_000);
  socket.wake();
  assert.deepEqual(newest().take(), ["PING alive"]);
  socket.wake();
  assert.deepEqual(newest().take(), [], "once is enough");
  clock.advance(15_000);
  assert.match(events.at(-1) ?? "", /^broke/);
});

test("what does not open is given up, and one that is open already is taken", () => {
  const { clock, socket, events, sockets, newest } = setUp();
  socket.open();
  clock.advance(20_000);
  assert.deepEqual(events, ["try", "broke: The server does not answer."]);
  assert.equal(newest().readyState, 3);
  socket.close();
  const early = new FakeWebSocket();
  early.readyState = 1;
  socket.connect = () => asWebSocket(early);
  socket.open();
  assert.equal(events.at(-1), "open");
  assert.equal(sockets.length, 1);
});

test("a socket that was closed says nothing more and does not come back", () => {
  const { clock, socket, events, sockets, newest } = setUp();
  socket.open();
  newest().accept();
  socket.close();
  assert.deepEqual(events, ["try", "open", "broke: "]);
  newest().say("late");
  newest().breakOff();
  clock.advance(1_000_000);
  assert.deepEqual(events, ["try", "open", "broke: "]);
  assert.equal(sockets.length, 1);
  assert.equal(clock.timers, 0);
});

test("a connection that takes nothing is given up", () => {
  const { socket, events, newest } = setUp();
  socket.open();
  newest().accept();
  newest().bufferedAmount = 5_000_000;
  socket.send(["PING x"]);
  assert.equal(events.at(-1), "broke: The connection is too slow.");
});
