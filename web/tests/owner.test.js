// Questions on a connection of their own, logged in by the password.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ownerOn } from "../app/owner.js";
import { asWebSocket, FakeWebSocket } from "./websocket.js";

/** @import { Owning } from "../app/owner.js" */

function setUp() {
  /** @type {Owning} */
  const app = { owner: undefined, endOwner: () => {} };
  const socket = new FakeWebSocket();
  const owner = ownerOn(app, asWebSocket(socket));
  return { app, socket, owner };
}

test("such a connection answers a PING, and questions", async () => {
  const { socket, owner } = setUp();
  const answer = owner.ask("ACCOUNT SESSIONS");
  socket.say("PING :still there?", "@label=q1 :parlor NOTE ACCOUNT SESSIONS_END 0 :None");
  assert.deepEqual(socket.take(), ["@label=q1 ACCOUNT SESSIONS", "PONG :still there?"]);
  assert.equal((await answer).length, 1);
});

test("such a connection ends at once, when it is no longer needed and when there is another one", async () => {
  const { app, socket, owner } = setUp();
  const answer = owner.ask("ACCOUNT SESSIONS");
  const second = new FakeWebSocket();
  const next = ownerOn(app, asWebSocket(second));
  assert.deepEqual([socket.readyState, second.readyState], [3, 0]);
  assert.deepEqual(await answer, []);
  // What the first one still has to say changes nothing.
  socket.breakOff();
  assert.equal(app.owner, next);
  app.endOwner();
  assert.equal(app.owner, undefined);
  assert.equal(second.readyState, 3);
});
