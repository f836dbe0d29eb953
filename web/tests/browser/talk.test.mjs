// Two people in browsers and one with an IRC client in one room.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  closeBrowser, composer, Irc, isInSight, listed, logIn, message, openDevice, register, say, withServer,
} from "./harness.mjs";

after(closeBrowser);

test("people talk, answer, react and take back, and an IRC client sees it all", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  const bob = await openDevice(server);
  await register(bob, "bob");
  const cem = await Irc.connect(server.port, "cem");

  await say(ann, "Hello everybody");
  await message(bob, "Hello everybody").waitFor();
  await message(ann, "Hello everybody").getByLabel("Stored on the server").waitFor();
  const line = await cem.expect(/PRIVMSG #lobby :Hello everybody/u);
  const msgid = /msgid=([^; ]+)/u.exec(line)[1];

  // A reply shows what it answers, and leads there.
  await message(bob, "Hello everybody").hover();
  await message(bob, "Hello everybody").getByRole("button", { name: "Reply", exact: true }).click();
  await say(bob, "Hello ann, how are you?");
  const answer = message(ann, "Hello ann, how are you?");
  await answer.locator(".quote", { hasText: "Hello everybody" }).waitFor();
  assert.match(await answer.getAttribute("class"), /mention/u);
  await cem.expect(/\+draft\/reply=.*PRIVMSG #lobby :Hello ann/u);

  // Reactions are counted, and a second click takes one's own back.
  cem.send(`@+draft/reply=${msgid};+draft/react=👍 TAGMSG #lobby`);
  const thumbs = message(ann, "Hello everybody").locator(".reactions button", { hasText: "👍" });
  await thumbs.filter({ hasText: "1" }).waitFor();
  await thumbs.click();
  await message(bob, "Hello everybody").locator(".reactions button", { hasText: "2" }).waitFor();
  await thumbs.click();
  await message(bob, "Hello everybody").locator(".reactions button", { hasText: "1" }).waitFor();

  // What was taken back is gone for everybody.
  await message(bob, "Hello ann, how are you?").hover();
  await message(bob, "Hello ann, how are you?").getByRole("button", { name: "More", exact: true }).click();
  await bob.getByRole("button", { name: "Take back" }).click();
  await bob.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
  await ann.locator(".redacted", { hasText: "Taken back by bob" }).waitFor();
  assert.equal(await message(ann, "Hello ann, how are you?").count(), 0);

  // An action, several lines, formatting, links.
  await say(ann, "/me waves");
  await cem.expect(/:\u0001ACTION waves\u0001/u);
  await bob.locator(".message.action", { hasText: "ann waves" }).waitFor();
  cem.send("PRIVMSG #lobby :see https://example.org/a_(b), \u0002bold\u0002 and `code`");
  const link = ann.getByRole("link", { name: "https://example.org/a_(b)" });
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
  assert.equal(await ann.locator(".text .bold").innerText(), "bold");
  assert.equal(await ann.locator(".text code").innerText(), "code");
  await composer(ann).fill("one");
  await composer(ann).press("Shift+Enter");
  await composer(ann).pressSequentially("two");
  await composer(ann).press("Enter");
  const lines = bob.locator(".message .text", { hasText: /^one\s*two$/u });
  await lines.waitFor();
  assert.equal(await lines.innerText(), "one\ntwo");

  // Who types is shown, and then not any more.
  await composer(bob).pressSequentially("I am");
  await ann.getByText("bob is typing…").waitFor();
  await composer(bob).fill("");
  await ann.getByText("bob is typing…").waitFor({ state: "detached" });
  assert.deepEqual([...ann.errors, ...bob.errors], []);
  cem.close();
}));

test("private messages, unread counts and read markers are the same on all devices", withServer(async (server) => {
  const desk = await openDevice(server);
  await register(desk, "ann");
  const bob = await Irc.connect(server.port, "bob");
  bob.send("JOIN #garden");
  await bob.expect(/ 366 /u);
  await say(desk, "/join #garden");
  await desk.locator(".bar-title", { hasText: "#garden" }).waitFor();
  await listed(desk, "lobby").click();
  const laptop = await openDevice(server);
  await logIn(laptop, "ann");
  await listed(laptop, "lobby").click();

  bob.send("PRIVMSG #garden :one", "PRIVMSG #garden :two, ann", "PRIVMSG ann :psst");
  for (const page of [desk, laptop]) {
    await listed(page, "garden").locator(".count", { hasText: "@1" }).waitFor();
    await listed(page, "garden").getByText("2 unread, 1 mention").waitFor({ state: "attached" });
    await listed(page, "bob").locator(".count", { hasText: "1" }).waitFor();
    await page.waitForFunction(() => document.title.startsWith("(2!)"));
  }

  // Opened on one, read on both; the line says since when.
  await listed(desk, "garden").click();
  await desk.locator(".unread-line", { hasText: "2 new since" }).waitFor();
  await listed(laptop, "garden").locator(".count").waitFor({ state: "detached" });
  await listed(laptop, "bob").locator(".count").waitFor();

  // Written on one, seen on both, and by the other person.
  await listed(desk, "bob").click();
  await say(desk, "hush");
  await bob.expect(/PRIVMSG ann? ?:?|PRIVMSG bob :hush/u);
  await listed(laptop, "bob").click();
  await message(laptop, "hush").waitFor();
  await message(laptop, "psst").waitFor();

  // Muted on one, muted on both.
  await say(desk, "/mute");
  await listed(laptop, "bob").getByText("muted").waitFor({ state: "attached" });
  assert.deepEqual([...desk.errors, ...laptop.errors], []);
  bob.close();
}));

test("a room is made, described, looked after and left", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  await ann.getByRole("button", { name: "Find or create a room" }).click();
  await ann.getByLabel("Filter or name a new room").fill("garden");
  await ann.getByRole("button", { name: "Create #garden" }).click();
  await ann.locator(".bar-title", { hasText: "#garden" }).waitFor();
  await ann.getByText("Nobody has said anything here yet", { exact: false }).or(ann.locator(".row.event")).first().waitFor();

  await ann.locator(".bar-title button").click();
  const dialog = ann.getByRole("dialog");
  await dialog.getByLabel("Topic").fill("Seeds and sun");
  await dialog.getByRole("button", { name: "Save" }).first().click();
  await ann.locator(".topic", { hasText: "Seeds and sun" }).waitFor();
  // It is shown as the server has it, so not at once.
  await dialog.getByLabel("Only operators speak").click();
  await dialog.locator("#announce:checked").waitFor();
  await ann.getByRole("status").getByText("Saved.").waitFor();
  await ann.keyboard.press("Escape");

  const bob = await Irc.connect(server.port, "bob");
  bob.send("JOIN #garden");
  await bob.expect(/ 332 bob #garden :Seeds and sun/u);
  await bob.expect(/ 366 /u);
  bob.send("PRIVMSG #garden :hi");
  await bob.expect(/ 404 /u);

  // A member is put out, and may not come back for an hour.
  await ann.locator(".member", { hasText: "bob" }).click();
  await dialog.getByText("Account: bob").waitFor();
  await dialog.getByLabel("For how long").selectOption("an hour");
  await dialog.getByLabel("Reason").fill("too loud");
  await dialog.getByRole("button", { name: "Ban" }).click();
  await bob.expect(/KICK #garden bob :.*too loud/u);
  await ann.locator(".member", { hasText: "bob" }).waitFor({ state: "detached" });
  await ann.locator(".bar-title button").click();
  await dialog.getByText("$a:bob").waitFor();
  await dialog.getByRole("button", { name: "Lift" }).click();
  await dialog.getByText("Nobody is banned or quieted.").waitFor();
  bob.send("JOIN #garden");
  await bob.expect(/ 366 /u);

  await dialog.getByRole("button", { name: "Leave the room" }).click();
  await listed(ann, "garden").waitFor({ state: "detached" });
  await bob.expect(/ann!.* PART #garden/u);
  assert.deepEqual(ann.errors, []);
  bob.close();
}));

test("search finds, and leads to the message", withServer(async (server) => {
  const bob = await Irc.connect(server.port, "bob", { caps: "batch" });
  bob.send("PRIVMSG #lobby :the treasure is under the oak");
  for (let count = 0; count < 20; count += 1) bob.send(`PRIVMSG #lobby :filler ${count}`);
  bob.send("PING filled");
  await bob.expect(/PONG .*filled/u);
  const ann = await openDevice(server, { viewport: { width: 1200, height: 400 } });
  await register(ann, "ann");
  await message(ann, "filler 19").waitFor();
  await ann.keyboard.press("Control+f");
  await ann.getByLabel("Words to find").fill("treasure from:bob");
  await ann.keyboard.press("Enter");
  await ann.locator(".result", { hasText: "under the oak" }).click();
  await message(ann, "the treasure is under the oak").and(ann.locator(".found")).waitFor();
  assert.ok(await isInSight(message(ann, "the treasure is under the oak")));
  await ann.getByRole("button", { name: "Jump to the newest" }).click();
  await ann.getByRole("button", { name: "Jump to the newest" }).waitFor({ state: "hidden" });
  assert.ok(await isInSight(message(ann, "filler 19")));
  assert.deepEqual(ann.errors, []);
  bob.close();
}));

test("a wrong password is told, and where to mend it", withServer(async (server) => {
  const first = await openDevice(server);
  await register(first, "ann");
  const page = await openDevice(server);
  // The focus goes where the sentence is, in the same moment: what is typed next belongs there.
  const focus = page.evaluate(() => new Promise((resolve) => {
    new MutationObserver(() => {
      if (document.querySelector(".wrong")) resolve(document.activeElement?.id);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  }));
  await logIn(page, "ann", { password: "wrong" });
  await page.locator(".wrong", { hasText: "assword" }).waitFor();
  assert.equal(await focus, "password");
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "ann");
  await logIn(page, "ann");
  await composer(page).waitFor();

  // What the page can know by itself, it says before anything is sent.
  const fresh = await openDevice(server);
  await fresh.getByRole("button", { name: "New here? Create an account" }).click();
  const submit = fresh.getByRole("button", { name: "Create an account" });
  await fresh.getByLabel("Name", { exact: true }).fill("1eve");
  await submit.click();
  await fresh.getByText("This name has characters that are not allowed.").waitFor();
  await fresh.getByLabel("Name", { exact: true }).fill("ann");
  await fresh.getByLabel("Password", { exact: true }).fill("abcd");
  await fresh.getByLabel("Password again").fill("abce");
  await submit.click();
  await fresh.getByText("The two passwords are not the same.").waitFor();
  await fresh.getByLabel("Password again").fill("abcd");
  await submit.click();
  await fresh.locator("#name-hint.wrong").waitFor();
  assert.deepEqual([...page.errors, ...fresh.errors], []);
}));

test("guests come in where they may, and an invitation brings somebody in", withServer(async (server) => {
  const guest = await openDevice(server);
  await guest.getByRole("button", { name: "Look in as a guest" }).click();
  await guest.getByLabel("Name", { exact: true }).fill("gus");
  await guest.getByRole("button", { name: "Continue as a guest" }).click();
  await composer(guest).waitFor();
  await say(guest, "hello from outside");
  await message(guest, "hello from outside").waitFor();

  const late = await openDevice(server, { path: "?invite=no-such-code" });
  await late.getByText("You are invited.").waitFor();
  assert.equal(await late.getByLabel("Invitation code").inputValue(), "no-such-code");
  await late.getByLabel("Name", { exact: true }).fill("eve");
  await late.getByLabel("Password", { exact: true }).fill("secret-eve");
  await late.getByLabel("Password again").fill("secret-eve");
  await late.getByRole("button", { name: "Create an account" }).click();
  await late.locator("#invitation-hint.wrong").waitFor();
  assert.deepEqual([...guest.errors, ...late.errors], []);
}, "[server]\npassword_iterations = 4096\nguests = true\n[accounts]\nregistration = \"invite\"\n"));

test("profile, status, ignoring, password and sessions are the person's own", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  const bob = await openDevice(server);
  await register(bob, "bob");
  await ann.locator(".me-button").click();
  const dialog = ann.getByRole("dialog");
  await dialog.getByLabel("Display name").fill("Ann Lee");
  await dialog.getByRole("button", { name: "Save" }).first().click();
  await bob.locator(".member", { hasText: "Ann Lee" }).waitFor();
  await dialog.getByText("Change password").first().click();
  await dialog.getByLabel("New password", { exact: true }).fill("a new one with spaces");
  await dialog.getByLabel("New password again").fill("a new one with spaces");
  await dialog.getByRole("button", { name: "Change password" }).click();
  await ann.getByText("The password is changed.").waitFor();
  assert.equal(await dialog.locator(".entries li", { hasText: "127.0.0.1" }).count(), 1);
  await ann.keyboard.press("Escape");

  await ann.locator(".member", { hasText: "bob" }).click();
  await dialog.getByRole("button", { name: "Ignore" }).click();
  await dialog.getByRole("button", { name: "Stop ignoring" }).waitFor();
  await ann.keyboard.press("Escape");
  await say(bob, "/msg ann can you hear me?");
  await message(bob, "can you hear me?").getByLabel("Stored on the server").waitFor();
  await say(ann, "no");
  assert.equal(await listed(ann, "bob").count(), 0);

  await ann.locator(".me-button").click();
  await dialog.getByRole("button", { name: "Log out" }).last().click();
  await ann.getByRole("button", { name: "Log in", exact: true }).waitFor();
  await logIn(ann, "ann", { password: "a new one with spaces" });
  await composer(ann).waitFor();
  assert.deepEqual([...ann.errors, ...bob.errors], []);
}));
