// Measures the web client against a chatserver of its own on this machine: `node web/tests/browser/measure.mjs`, with
// `sizes`, `modules`, `first`, `memory` or `idle` behind it only that. What it prints is in docs/performance.md.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { gzipSync } from "node:zlib";
import { closeBrowser, composer, Irc, listed, message, openDevice, register, say, Server } from "./harness.mjs";

const conversations = 10;
const rows = 300;
const idleSeconds = 20;
const loads = 7;
const [only] = process.argv.slice(2);

const server = await Server.start("[server]\n[limits]\ncommands_per_second = 0\nstored_bytes_per_hour = 0\nwork_millis = 0\n");
try {
  for (const figure of [sizes, modules]) {
    if (!only || figure.name === only) await figure();
  }
  const figures = [firstMessage, memory, idle].filter(({ name }) => !only || name.startsWith(only));
  if (figures.length > 0) await inBrowser(figures);
} finally {
  await closeBrowser();
  await server.stop();
}

/** @param {((page: import("playwright-core").Page) => Promise<void>)[]} figures */
async function inBrowser(figures) {
  const page = await openDevice(server);
  await register(page, "ann", { remember: true });
  await composer(page).waitFor();
  await say(page, "the first message");
  await message(page, "the first message").getByLabel("Stored on the server").waitFor();
  await page.waitForTimeout(2_000);
  for (const figure of figures) await figure(page);
  if (page.errors.length > 0) throw new Error(page.errors.join("\n"));
}

/** What is sent to a browser that comes for the first time. */
async function sizes() {
  await sizesBy("br");
  await sizesBy("gzip");
}

/** How much less the script would be without each of its modules, the largest first. */
async function modules() {
  const [, path] = /src="(\/app-[^"]+)"/u.exec((await fetchFile("/", "identity")).text);
  const lines = (await fetchFile(path, "identity")).text.split("\n");
  const declared = /^(?:export )?(?:async )?(?:function\*?|class|const|let) ([\w$]+)/u;
  // Top-level names are unique, so they tell where a line is from; one that declares nothing is from where the last one is.
  const homes = new Map();
  const folder = new URL("../../", import.meta.url);
  const listed = (await readFile(new URL("modules.txt", folder), "utf8")).trim().split("\n");
  for (const module of listed) {
    for (const line of (await readFile(new URL(module, folder), "utf8")).split("\n")) {
      const [, name] = declared.exec(line) ?? [];
      if (name) homes.set(name, module);
    }
  }
  let home = listed[0];
  const owned = lines.map((line) => {
    home = homes.get(declared.exec(line)?.[1]) ?? home;
    return { home, line };
  });
  const compressed = (some) => gzipSync(some.map(({ line }) => line).join("\n"), { level: 9 }).length;
  const all = compressed(owned);
  const costs = listed.map((module) => ({ module, bytes: all - compressed(owned.filter((one) => one.home !== module)) }));
  for (const { module, bytes } of costs.sort((a, b) => b.bytes - a.bytes)) console.log(`${module}: ${bytes} bytes of ${all}`);
}

/** @param {string} coding */
async function sizesBy(coding) {
  const fetchCompressed = (path) => fetchFile(path, coding);
  const index = await fetchCompressed("/");
  const paths = [...index.text.matchAll(/(?:href|src)="(\/[^"]+\.\w+)"/gu)].map(([, path]) => path);
  let all = index.sent;
  for (const path of new Set(paths)) {
    const { sent } = await fetchCompressed(path);
    console.log(`${path.replace(/-[0-9a-f]+\./u, ".")}: ${(sent / 1000).toFixed(1)} KB`);
    all += sent;
  }
  console.log(`all: ${(all / 1000).toFixed(1)} KB compressed by ${coding}`);
}

/** @param {string} path @param {string} coding */
async function fetchFile(path, coding) {
  const read = async (headers) => {
    const [answer] = await once(get({ port: server.port, path, headers }), "response");
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return { sent: (await read({ "accept-encoding": coding })).length, text: String(await read({})) };
}

/**
 * How long from opening the page until the first message is on the screen: one that was kept on this device, and one
 * that only the server has.
 * @param {import("playwright-core").Page} page
 */
async function firstMessage(page) {
  const bob = await Irc.connect(server.port, "bob");
  await page.addInitScript(() => {
    // Not in the empty page between two loads.
    if (location.origin === "null") return;
    // From the next frame after a message has come into the page: then it is painted.
    new MutationObserver(() => {
      const rows = document.querySelectorAll(".message").length;
      if (rows > 0 && window.kept === undefined) requestAnimationFrame(() => { window.kept ??= performance.now(); });
      const text = document.querySelector(".timeline")?.textContent ?? "";
      const wanted = sessionStorage.wanted;
      if (wanted && text.includes(wanted) && !window.fresh) requestAnimationFrame(() => { window.fresh ??= performance.now(); });
    }).observe(document, { childList: true, subtree: true });
  });
  const kept = [];
  const fresh = [];
  for (let load = 0; load < loads; load += 1) {
    const wanted = `said while the page was away ${load}`;
    await page.evaluate((text) => { sessionStorage.wanted = text; }, wanted);
    await page.goto("about:blank");
    bob.send(`PRIVMSG #lobby :${wanted}`);
    await bob.expect(new RegExp(wanted, "u"));
    await page.goto(server.url);
    await page.waitForFunction(() => window.fresh);
    kept.push(await page.evaluate(() => window.kept));
    fresh.push(await page.evaluate(() => window.fresh));
    await page.waitForTimeout(1_500);
  }
  console.log(`first message painted: ${median(kept)} ms from this device, ${median(fresh)} ms from the server (medians of ${loads})`);
  bob.close();
}

/**
 * The JavaScript heap and the DOM with many long conversations.
 * @param {import("playwright-core").Page} page
 */
async function memory(page) {
  const bob = await Irc.connect(server.port, "bob", { caps: "batch" });
  const session = await page.context().newCDPSession(page);
  const before = await heap(session);
  for (let room = 0; room < conversations; room += 1) {
    const name = `#room${room}`;
    bob.send(`JOIN ${name}`);
    for (let from = 0; from < rows; from += 100) {
      for (let line = from; line < from + 100; line += 1) bob.send(`PRIVMSG ${name} :line ${line} of a talk about this and that in ${name}`);
      bob.send(`PING p${room}-${from}`);
      await bob.expect(new RegExp(`PONG .*p${room}-${from}`, "u"), 60_000);
    }
    await say(page, `/join ${name}`);
    await page.locator(".bar-title", { hasText: name }).waitFor();
    await page.locator(".message").first().waitFor();
    // Up to its beginning, so that all of it is here.
    await page.waitForFunction(() => {
      const timeline = document.querySelector(".timeline");
      timeline.scrollTop = 0;
      return timeline.querySelector(".start");
    }, undefined, { polling: 50 });
  }
  const after = await heap(session);
  console.log(`heap: ${before} MB with one conversation, ${after} MB with ${conversations} more of ${rows} messages; `
    + `${await page.locator("*").count()} elements in the page`);
  await listed(page, "lobby").click();
  bob.close();
}

/** @param {import("playwright-core").CDPSession} session */
async function heap(session) {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return (usedSize / 1e6).toFixed(1);
}

/** @param {import("playwright-core").Page} page */
async function idle(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const busy = async (name) => (await session.send("Performance.getMetrics")).metrics.find((metric) => metric.name === name).value;
  for (const cursor of ["blinking", "absent"]) {
    if (cursor === "absent") await page.evaluate(() => document.activeElement?.blur());
    await page.waitForTimeout(3_000);
    const [task, script] = [await busy("TaskDuration"), await busy("ScriptDuration")];
    await page.waitForTimeout(idleSeconds * 1_000);
    const share = (spent) => `${((spent / idleSeconds) * 100).toFixed(2)} %`;
    console.log(`idle, the cursor ${cursor}: ${share((await busy("TaskDuration")) - task)} of a core over ${idleSeconds} s, `
      + `of it JavaScript ${share((await busy("ScriptDuration")) - script)}`);
  }
}

/** @param {number[]} values */
function median(values) {
  return Math.round(values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}
