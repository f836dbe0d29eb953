// What others write, and how they call themselves, is text: never HTML, never a script, never a link that does more.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, Irc, listed, message, openDevice, register, say, withServer } from "./harness.mjs";

after(closeBrowser);

const attempts = [
  "<script>window.hacked = 1</script>",
  "<img src=x onerror=window.hacked=1>",
  "<svg/onload=window.hacked=1>",
  "\"><svg onload=window.hacked=1>",
  "'-window.hacked=1-'",
  "</textarea><script>window.hacked=1</script>",
  "javascript:window.hacked=1",
  "JaVaScRiPt:window.hacked=1//https://ok.example",
  "java\u0000script:window.hacked=1",
  "data:text/html,<script>window.hacked=1</script>",
  "vbscript:window.hacked=1",
  "https://example.org/\"onmouseover=\"window.hacked=1",
  "https://user:pass@example.org/<b>",
  "http://[not-a-host/",
  "mailto:a@b.example?subject=<script>",
  "${window.hacked=1} {{window.hacked=1}} #{window.hacked=1}",
  "`<img src=x onerror=window.hacked=1>`",
  "\u202Eexe.fdp\u202C \u2066hidden\u2069",
  "\u0003\u0003,\u00034,99 \u0004zzzzzz \u0002\u0002\u001d\u0011\u000f",
  "&lt;b&gt; &#60;script&#62; %3Cscript%3E",
  "<a href=\"javascript:window.hacked=1\">x</a>",
  "<style>*{display:none}</style>",
  "<iframe srcdoc='<script>parent.hacked=1</script>'>",
  "#<img/src=x/onerror=window.hacked=1>",
  "@ann<b>",
  "__proto__ constructor toString",
];

/** Elements that nothing in the page makes, and links that lead elsewhere than they may. @param {import("playwright-core").Page} page */
function trespasses(page) {
  return page.evaluate(() => {
    const strange = [...document.querySelectorAll("body *")].filter((element) => (
      ["SCRIPT", "IMG", "IFRAME", "STYLE", "OBJECT", "EMBED", "LINK", "BASE", "META", "FORM"].includes(element.tagName)
      && !["composer", "one-line", "search-form", ""].includes(element.className)));
    const links = [...document.querySelectorAll("a")].filter(({ protocol, className, rel }) => (
      className !== "skip" && (!["http:", "https:", "mailto:"].includes(protocol) || rel !== "noopener noreferrer")));
    const handlers = [...document.querySelectorAll("*")].filter((element) => (
      element.getAttributeNames().some((name) => name.startsWith("on") || name === "style" && element.tagName === "SCRIPT")));
    return { hacked: window.hacked, strange: strange.map(({ outerHTML }) => outerHTML.slice(0, 200)),
      links: links.map(({ href }) => href), handlers: handlers.map(({ outerHTML }) => outerHTML.slice(0, 200)) };
  });
}

const clean = { hacked: undefined, strange: [], links: [], handlers: [] };

test("attempts in messages, topics, names, tags and metadata stay text", withServer(async (server) => {
  const ann = await openDevice(server);
  await register(ann, "ann");
  const eve = await Irc.connect(server.port, "eve", {
    caps: "message-tags echo-message batch server-time draft/metadata-2", realname: attempts[1],
  });
  eve.send("JOIN #x<b>onerror=1", "JOIN #garden");
  await eve.expect(/ 366 eve #garden/u);
  await say(ann, "/join #garden");
  await ann.locator(".bar-title", { hasText: "#garden" }).waitFor();
  for (const [at, text] of attempts.entries()) {
    const sent = text.replace(/[\0\r\n]/gu, "");
    const tag = sent.replace(/[; \\]/gu, "_").slice(0, 60);
    eve.send(
      `PRIVMSG #garden :${sent}`, `PRIVMSG #garden :\u0001ACTION ${sent}\u0001`, `NOTICE #garden :${sent}`,
      `@+draft/react=${tag};+draft/reply=${tag} TAGMSG #garden`, `@+draft/reply=${tag};+x=${tag} PRIVMSG #garden :reply ${at}`,
      `PRIVMSG ann :${sent}`, `TOPIC #garden :${sent}`, `METADATA * SET display-name :${sent}`,
      `METADATA * SET status :${sent}`, `AWAY :${sent}`,
    );
    if (at % 4 === 3) await ann.waitForTimeout(900);
  }
  eve.send("PRIVMSG #garden :the last one");
  await message(ann, "the last one").waitFor({ timeout: 60_000 });
  assert.deepEqual(await trespasses(ann), clean);
  // A message is shown as it was written.
  await message(ann, attempts[1]).first().waitFor();

  // Reacting to a real message with a strange text.
  const [id] = [...await ann.locator(".message").evaluateAll((rows) => rows.map(({ dataset }) => dataset.key.slice(1)))].slice(-1);
  eve.send(`@+draft/react=<img/src=x/onerror=window.hacked=1>;+draft/reply=${id} TAGMSG #garden`);
  await ann.locator(".reactions").last().waitFor();

  // The dialogs that show these texts.
  await ann.locator(".member", { hasText: "eve" }).click();
  await ann.getByRole("dialog").getByText("Account: eve").waitFor();
  assert.deepEqual(await trespasses(ann), clean);
  await ann.keyboard.press("Escape");
  await ann.locator(".bar-title button").click();
  await ann.getByRole("dialog").waitFor();
  assert.deepEqual(await trespasses(ann), clean);
  await ann.keyboard.press("Escape");
  await ann.keyboard.press("Control+k");
  await ann.keyboard.type("<b>");
  assert.deepEqual(await trespasses(ann), clean);
  await ann.keyboard.press("Escape");
  await ann.keyboard.press("Control+f");
  await ann.getByLabel("Words to find").fill("script");
  await ann.keyboard.press("Enter");
  await ann.locator(".result").first().waitFor();
  assert.deepEqual(await trespasses(ann), clean);
  await listed(ann, "eve").click();
  await message(ann, attempts[0]).waitFor();
  assert.deepEqual(await trespasses(ann), clean);
  assert.deepEqual(ann.errors, []);
  eve.close();
}, "[server]\npassword_iterations = 4096\nmotd = \"<script>window.hacked=1</script>\"\n[limits]\ncommands_per_second = 0\n"));

test("any lines from a server, even a mad one, leave the page standing", withServer(async (server) => {
  const ann = await openDevice(server);
  // A server of the test's own: it logs anybody in and then says anything.
  /** @type {import("playwright-core").WebSocketRoute | undefined} */
  let mad;
  await ann.routeWebSocket(/.*/u, (socket) => {
    mad = socket;
    socket.onMessage((line) => answer(socket, String(line)));
  });
  await ann.reload();
  await ann.getByRole("button", { name: "Look in as a guest" }).click();
  await ann.getByLabel("Name", { exact: true }).fill("ann");
  await ann.getByRole("button", { name: "Continue as a guest" }).click();
  await ann.locator("#composer").waitFor();
  const random = generator(20_261_129);
  for (let count = 0; count < 4_000; count += 1) mad.send(strangeLine(random));
  mad.send(":srv 001 ann :Welcome back");
  mad.send(":ann!a@h JOIN #end");
  mad.send("@time=2026-11-29T00:00:00.000Z;msgid=last :bob!b@h PRIVMSG #end :still here");
  await listed(ann, "end").click({ timeout: 60_000 });
  await message(ann, "still here").waitFor();
  assert.deepEqual(await trespasses(ann), clean);
  assert.ok(await ann.locator(".timeline .row").count() <= 300);
  // Each conversation that has come of it can be shown.
  const count = Math.min(await ann.locator(".listed").count(), 40);
  for (let at = 0; at < count; at += 1) await ann.locator(".listed").nth(at).click();
  assert.deepEqual(await trespasses(ann), clean);
  assert.deepEqual(ann.errors, []);
}));

/**
 * Just enough of a server to be let in.
 * @param {import("playwright-core").WebSocketRoute} socket
 * @param {string} line
 */
function answer(socket, line) {
  const words = line.replace(/^@\S+ /u, "").split(" ");
  if (line.startsWith("CAP LS")) socket.send(":<b>srv</b> CAP * LS :message-tags server-time batch echo-message");
  else if (line.startsWith("CAP REQ")) socket.send(`:<b>srv</b> CAP * ACK :${line.slice(line.indexOf(":") + 1)}`);
  else if (words[0] === "CAP" && words[1] === "END") {
    socket.send(":<b>srv</b> 001 ann :Welcome <script>window.hacked=1</script>");
    socket.send(":<b>srv</b> 005 ann CHANTYPES=# PREFIX=(ohv)@%+ NETWORK=<img/src=x> :are supported");
    socket.send(":<b>srv</b> 422 ann :no motd");
    socket.send(":ann!a@h JOIN #lobby");
    socket.send(":<b>srv</b> 353 ann = #lobby :@ann bob <b>eve</b>");
    socket.send(":<b>srv</b> 366 ann #lobby :End");
  } else if (words[0] === "PING") socket.send(`:<b>srv</b> PONG <b>srv</b> ${words[1]}`);
}

/** Numbers that are the same each time. @param {number} seed */
function generator(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const verbs = [
  "PRIVMSG", "NOTICE", "TAGMSG", "JOIN", "PART", "QUIT", "KICK", "NICK", "MODE", "TOPIC", "INVITE", "REDACT", "BATCH",
  "AWAY", "METADATA", "MARKREAD", "UNREAD", "NOTIFY", "RENAME", "SILENCE", "CAP", "FAIL", "NOTE", "WARN", "PIN", "001", "005",
  "311", "322", "332", "353", "366", "372", "401", "421", "433", "730", "731", "761", "900", "",
];

/** @param {(below: number) => number} random */
function strangeLine(random) {
  const pick = (/** @type {string[]} */ list) => list[random(list.length)];
  const names = ["ann", "bob", "#lobby", "#garden", "", "*", "__proto__", "<b>x</b>", "@ann", ":", "constructor", "\u202Eeve"];
  const words = Array.from({ length: random(6) }, () => (random(2) ? pick(names) : pick(attempts).replace(/[\0\r\n ]/gu, "_")));
  const tags = ["msgid", "time", "batch", "label", "+draft/reply", "+draft/react", "+draft/unreact", "+typing", "account"]
    .filter(() => random(4) === 0).map((key) => `${key}=${pick([...names, "m1", "2026-11-29T00:00:00.000Z", "q1", "9e9"])}`.replace(/ /gu, "\\s"));
  const nick = pick(names);
  // Nothing that ends the login: that is another test.
  const verb = pick(verbs);
  const first = verb === "NICK" || verb === "QUIT" || verb === "001" ? "bob" : nick;
  return `${tags.length ? `@${tags.join(";")} ` : ""}:${first || "x"}!u@h ${verb} ${words.join(" ")} :${pick(attempts).replace(/[\0\r\n]/gu, "")}`;
}
