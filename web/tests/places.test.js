import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNode, Places } from "../core/places.js";
import { Socket } from "../core/socket.js";
import { ManualClock } from "./clock.js";
import { asWebSocket, FakeWebSocket } from "./websocket.js";

test("the last place comes first, all others in any order, and one that lets nobody in last", () => {
  const places = new Places(() => ["a:1", "b:1", "c:1"]);
  places.connected("");
  places.loggedIn();
  /** @param {() => number} random */
  const order = (random) => {
    const all = [places.next(random)];
    while (places.hasLeft()) all.push(places.next(random));
    return all;
  };
  const orders = new Set();
  for (let n = 0; n < 9; n++) {
    const draws = [Math.floor(n / 3) / 3, (n % 3) / 3];
    const one = order(() => draws.shift() ?? 0);
    assert.equal(one[0], "");
    assert.deepEqual([...one].sort(), ["", "a:1", "b:1", "c:1"]);
    orders.add(one.join(" "));
  }
  assert.equal(orders.size, 6);
  places.connected("b:1");
  assert.equal(order(() => 0).at(-1), "b:1");
});

test("who loses a node goes on to the others at once, and only then waits", () => {
  const clock = new ManualClock();
  /** @type {{ place: string, socket: FakeWebSocket }[]} */
  const tried = [];
  const newest = () => tried.at(-1) ?? assert.fail("no socket");
  /** @type {string[]} */
  let nodes = [];
  const socket = new Socket({
    connect: (place) => {
      tried.push({ place, socket: new FakeWebSocket() });
      return asWebSocket(newest().socket);
    },
    places: new Places(() => nodes),
    clock,
    onTry: () => {},
    onOpen: () => {},
    onLine: () => {},
    onBreak: () => {},
  });
  socket.open();
  newest().socket.accept();
  socket.succeeded();
  nodes = ["a:1", "b:1"];
  newest().socket.breakOff();
  clock.advance(500);
  for (let n = 0; n < 2; n++) {
    newest().socket.breakOff();
    clock.advance(0);
  }
  assert.deepEqual(tried.map(({ place }) => place).sort(), ["", "", "a:1", "b:1"]);
  newest().socket.breakOff();
  clock.advance(999);
  assert.equal(tried.length, 4, "all have failed");
  clock.advance(1);
  // One that says nothing is not waited for long.
  clock.advance(3000);
  assert.equal(tried.length, 6);
  const { place } = newest();
  newest().socket.accept();
  socket.succeeded();
  newest().socket.breakOff();
  clock.advance(500);
  assert.equal(newest().place, place, "the last place comes first");
});

test("a node is taken only if a browser can connect to it", () => {
  assert.deepEqual(parseNode("B.chat.example:9999"), { address: "b.chat.example:9999" });
  assert.deepEqual(parseNode("[2001:db8::1]:80"), { address: "[2001:db8::1]:80" });
  for (const word of ["999.1.1.1:80", "1.2.3.4.5:80", "[1:2]:80", "[::::]:80", "xn--a:80", "a:0", "a:65536", "*"]) {
    assert.equal(parseNode(word), undefined, word);
  }
});
