// Commands behind a slash: each does what it says, and tells it.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, Irc, listed, logIn, message, openDevice, register, say, withServer } from "./harness.mjs";

after(closeBrowser);

test("what is written to somebody new goes to them, and nowhere else", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  const bob = await Irc.connect(server.port, "bob");
  await listed(ann, "lobby").click();
  await say(ann, "/msg bob for you alone");
  assert.match(await bob.expect(/for you alone/u), / PRIVMSG bob /u);
  await ann.locator(".bar-title", { hasText: "bob" }).waitFor();

  // And while the connection is broken; the room is made as soon as it is back, before anything is asked of it or sent to it.
  await server.kill();
  await ann.getByText("The connection broke.", { exact: false }).first().waitFor();
  await say(ann, "/msg #new the first");
  await ann.locator(".bar-title", { hasText: "#new" }).waitFor();
  await message(ann, "the first").getByLabel("Waiting for the connection").waitFor();
  await server.run();
  await message(ann, "the first").getByLabel("Stored on the server").waitFor({ timeout: 30_000 });
  assert.equal(await ann.getByText("you may not read its history").count(), 0);
  await say(ann, "the second");
  await message(ann, "the second").getByLabel("Stored on the server").waitFor();
  const eve = await openDevice(server);
  await logIn(eve, "ann");
  await listed(eve, "new").click();
  await message(eve, "the second").waitFor();
  assert.deepEqual(await eve.locator(".message .text").allInnerTexts(), ["the first", "the second"]);
  assert.deepEqual([...ann.errors, ...eve.errors], []);
  bob.close();
}));

test("commands tell what they have done", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  const toast = (/** @type {string} */ text) => ann.locator(".toast", { hasText: text }).waitFor();
  // Several rooms are all joined, and the last one is shown.
  await say(ann, "/join #garden,#kitchen");
  await ann.locator(".bar-title", { hasText: "#kitchen" }).waitFor();
  await listed(ann, "garden").waitFor();

  // Who asks for the topic is told it, and changes nothing.
  await say(ann, "/topic");
  await toast("No topic");
  await say(ann, "/topic Soup");
  await ann.getByText("ann set the topic: Soup").waitFor();
  await say(ann, "/topic");
  await toast("Soup");

  const bob = await Irc.connect(server.port, "bob");
  await say(ann, "/ignore bob");
  await toast("Saved.");
  // Away without a reason is no reason to show.
  bob.send("AWAY :*");
  await bob.expect(/ 306 /u);
  await say(ann, "/whois bob");
  await ann.getByRole("dialog").getByText("away", { exact: true }).waitFor();
  await ann.keyboard.press("Escape");

  // What is asked for by hand is shown, and so is that there is nothing.
  await say(ann, "/quote METADATA bob LIST");
  await toast("Nothing to show");
  await say(ann, "/quote METADATA bob GET status");
  await ann.getByText("bob has no status").waitFor();
  await say(ann, "/quote SILENCE");
  await ann.getByText("You ignore bob").waitFor();
  await ann.getByText("End of SILENCE list").waitFor();
  // Who is offline, with an account or without, is not online.
  bob.send("QUIT");
  await bob.expect(/^ERROR /u);
  await say(ann, "/whois bob");
  await ann.getByRole("dialog").getByText("bob is not online").waitFor();
  await ann.keyboard.press("Escape");
  await say(ann, "/quote WHOIS bob");
  await ann.getByText("bob is not online", { exact: true }).waitFor();
  assert.deepEqual(ann.errors, []);
  bob.close();
}));
