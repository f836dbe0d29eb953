// Questions whose answers are found by their label.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Asking, refusalIn } from "../app/asking.js";
import { runComposed } from "../app/commands.js";
import { strings } from "../app/strings.js";

/** @import { App } from "../app/app.js" */

function setUp() {
  const asking = new Asking(() => {});
  /** The lines that reach the chat, too. @param {string[]} lines */
  const pass = (...lines) => lines.filter((line) => !asking.takes(line));
  return { asking, pass };
}

const inner = "@batch=1 :parlor 761 ann bob status * :busy";

test("whoever sees a batch begin sees it end", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { asking, pass } = setUp();
  const answer = asking.ask("METADATA bob LIST", true);
  const lines = ["@label=q1 :parlor BATCH +1 metadata bob", inner, ":parlor BATCH -1"];
  assert.deepEqual(pass(...lines), lines);
  assert.ok((await answer).some(({ verb }) => verb === "761"));
  // Even if nobody waits for it any longer.
  const late = asking.ask("METADATA bob LIST", true);
  const [begin = "", ...rest] = lines.map((line) => line.replace("q1", "q2"));
  assert.deepEqual(pass(begin), [begin]);
  context.mock.timers.tick(15_000);
  assert.equal((await late).length, 0);
  asking.ask("PING");
  assert.deepEqual(pass(...rest), rest);
});

test("what is not to be shown reaches the chat neither as a batch nor as lines", async () => {
  const { asking, pass } = setUp();
  const answer = asking.ask("METADATA bob LIST");
  // The end of a batch that the chat does not know means nothing to it.
  assert.deepEqual(pass("@label=q1 :parlor BATCH +1 metadata bob", inner, ":parlor BATCH -1"), [":parlor BATCH -1"]);
  assert.equal(refusalIn(await answer), "");
});

test("an answer with nothing in it is not none", async () => {
  const { asking, pass } = setUp();
  const empty = asking.ask("METADATA bob LIST", true);
  pass("@label=q1 :parlor BATCH +1 metadata bob", ":parlor BATCH -1");
  assert.equal(refusalIn(await empty), "");
  const none = asking.ask("METADATA bob LIST", true);
  asking.broken();
  assert.notEqual(refusalIn(await none), "");
});

test("a line typed by hand that is not answered is not said to have nothing to show", async () => {
  const { asking, pass } = setUp();
  /** @type {string[]} */
  const told = [];
  const app = { asking, chat: { connected: true }, say: (/** @type {string} */ text) => told.push(text) };
  const type = () => runComposed(/** @type {App} */ (/** @type {unknown} */ (app)), "/quote METADATA bob LIST");
  type();
  pass("@label=q1 :parlor BATCH +1 metadata bob", ":parlor BATCH -1");
  type();
  asking.broken();
  await new Promise(setImmediate);
  assert.deepEqual(told, [strings.nothing, strings.noAnswer]);
});
