// What the browser tests stand on: a chatserver of their own on a free port, browsers, a plain IRC client.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serveSources } from "../../dev.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const program = process.env.CHATSERVER ?? join(root, "target/debug/chatserver");
/** The page as the server has it built in; otherwise the sources, which are the same but not joined. */
const isBuilt = process.env.WEB_SOURCES === undefined;
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** Fewer iterations than in life: the tests are not about how slowly a password is checked. */
const quick = "[server]\npassword_iterations = 4096\n";
/** How long a test may take: not everything that a test waits for has a limit of its own. */
const testMs = 180_000;
/** How long the program may take to start, and to end. */
const programMs = 30_000;

/**
 * What a promise comes to, or an error once it has taken too long.
 * @template T
 * @param {string} what @param {number} ms @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
async function within(what, ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A server with a folder of its own. */
export class Server {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
    this.port = 0;
  }

  /** @param {string} [config] added to the config file @param {string} [address] on which it listens */
  static async start(config = "", address = "127.0.0.1") {
    const server = new Server(await mkdtemp(join(tmpdir(), "parlor-web-")));
    server.address = address;
    await writeFile(join(server.folder, "config.toml"), config.includes("[server]") ? config : quick + config);
    await server.run();
    if (!isBuilt) {
      server.sources = await serveSources(0, () => server.port);
      server.sourcesPort = server.sources.address().port;
    }
    return server;
  }

  /** Starts the program; after a `kill` on the same port again. */
  async run() {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) throw new Error("the server runs already");
    const { folder, port } = this;
    const args = ["-p", String(port), "--data", join(folder, "data"), "--config", join(folder, "config.toml"), "--bind", this.address];
    this.process = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const found = new Promise((resolve, reject) => {
      const read = (chunk) => {
        output += chunk;
        const known = /(?:127\.0\.0\.1|localhost|port)[: ](\d{2,5})/u.exec(output);
        if (known) resolve(Number(known[1]));
      };
      this.process.stdout.on("data", read);
      this.process.stderr.on("data", read);
      this.process.once("exit", (code) => reject(new Error(`chatserver ended (${code}): ${output}`)));
    });
    const late = setTimeout(() => this.process.kill("SIGKILL"), programMs);
    this.port = await found.finally(() => clearTimeout(late));
  }

  /** The address of the page. */
  get url() {
    return `http://localhost:${isBuilt ? this.port : this.sourcesPort}/`;
  }

  /** Ends the program at once, as a crash would. */
  kill() {
    return this.#end("SIGKILL");
  }

  async stop() {
    try {
      if (this.process.exitCode === null && this.process.signalCode === null) await this.#end("SIGTERM");
    } finally {
      this.process.kill("SIGKILL");
      this.sources?.closeAllConnections();
      this.sources?.close();
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  /** @param {"SIGKILL" | "SIGTERM"} signal */
  async #end(signal) {
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    await within(`the server's end by ${signal}`, programMs, ended);
  }
}

/**
 * A test with a server of its own.
 * @param {(server: Server) => Promise<void>} run
 * @param {string} [config] @param {string} [address]
 */
export function withServer(run, config, address) {
  return async () => {
    const server = await Server.start(config, address);
    try {
      await within("the test", testMs, run(server));
    } finally {
      await server.stop();
    }
  };
}

/** A plain IRC client: lines over a socket. */
export class Irc {
  #buffer = "";
  #wake = () => {};
  lines = [];

  /**
   * @param {number} port
   * @param {string} nick
   * @param {{ caps?: string, realname?: string }} [options]
   */
  static async connect(port, nick, { caps = "message-tags echo-message batch server-time", realname = nick } = {}) {
    const irc = new Irc();
    irc.nick = nick;
    irc.socket = connect(port, "127.0.0.1");
    irc.socket.on("error", () => {});
    irc.socket.on("data", (chunk) => irc.#read(String(chunk)));
    irc.send("CAP LS 302", `CAP REQ :${caps}`, `PASS secret-${nick}`, `NICK ${nick}`, `USER ${nick} 0 * :${realname}`, "CAP END");
    await irc.expect(/ 001 /u);
    return irc;
  }

  #read(chunk) {
    this.#buffer += chunk;
    const lines = this.#buffer.split("\r\n");
    this.#buffer = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("PING")) this.send(line.replace("PING", "PONG"));
      else this.lines.push(line);
    }
    this.#wake();
  }

  /** @param {...string} lines */
  send(...lines) {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(""));
  }

  /**
   * Waits for a line and takes it and all before it.
   * @param {RegExp} pattern
   */
  async expect(pattern, ms = 15_000) {
    const until = Date.now() + ms;
    for (;;) {
      const at = this.lines.findIndex((line) => pattern.test(line));
      if (at >= 0) return this.lines.splice(0, at + 1).pop();
      if (Date.now() > until) throw new Error(`no line like ${pattern}; there are: ${this.lines.slice(-20).join("\n")}`);
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 100);
      });
    }
  }

  close() {
    this.socket.destroy();
  }
}

let browser;

/** The browser of this test file, started once. */
export async function openBrowser() {
  if (!existsSync(browserPath)) throw new Error(`there is no ${browserPath}: install Debian's chromium, or name one in CHROMIUM`);
  browser ??= await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu"] });
  return browser;
}

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

/**
 * A device: a page with its own storage. Anything that goes wrong in it is kept in `errors`.
 * @param {Server} server
 * @param {import("playwright-core").BrowserContextOptions & { path?: string, origin?: string }} [options]
 */
export async function openDevice(server, { path = "", origin = server.url, ...options } = {}) {
  const context = await (await openBrowser()).newContext({ viewport: { width: 1200, height: 800 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(String(error)));
  page.on("console", (message) => {
    // A connection that the test itself broke is no mistake of the page's.
    if (message.type() === "error" && !/ERR_|WebSocket/u.test(message.text())) page.errors.push(message.text());
  });
  await page.goto(origin + path);
  return page;
}

/** @param {import("playwright-core").Page} page */
export async function register(page, name, { remember = false } = {}) {
  await page.getByRole("button", { name: "New here? Create an account" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(`secret-${name}`);
  await page.getByLabel("Password again").fill(`secret-${name}`);
  if (remember) await page.getByLabel("Stay logged in on this device").check();
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.locator(".columns").waitFor();
}

/** @param {import("playwright-core").Page} page */
export async function logIn(page, name, { remember = false, password = `secret-${name}` } = {}) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  if (remember) await page.getByLabel("Stay logged in on this device").check();
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

/** @param {import("playwright-core").Page} page */
export function composer(page) {
  return page.locator("#composer");
}

/** @param {import("playwright-core").Page} page @param {string} text */
export async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** The row of a message with this text. @param {import("playwright-core").Page} page @param {string} text */
export function message(page, text) {
  return page.locator(".message").filter({ has: page.locator(".text", { hasText: new RegExp(`^${escapePattern(text)}$`, "u") }) });
}

/** @param {string} text */
function escapePattern(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&");
}

/** The entry of a conversation in the list. @param {import("playwright-core").Page} page @param {string} name */
export function listed(page, name) {
  return page.locator(".listed").filter({ has: page.locator(".listed-name", { hasText: new RegExp(`^${escapePattern(name)}$`, "u") }) });
}

/**
 * Waits until an element has the focus, or something in it has: the page moves it when it draws, a frame later.
 * @param {import("playwright-core").Page} page @param {string} selector @param {string} [text] what is in the element
 */
export function hasFocus(page, selector, text = "") {
  return page.locator(`${selector}:focus-within`, { hasText: text }).waitFor();
}

/** Waits until this is what stands in the composer. @param {import("playwright-core").Page} page @param {string} text */
export function hasWritten(page, text) {
  return page.waitForFunction((wanted) => document.querySelector("#composer")?.value === wanted, text);
}

/** Whether a row can be seen whole. @param {import("playwright-core").Locator} locator */
export function isInSight(locator) {
  return locator.evaluate((row) => {
    const [inner, outer] = [row.getBoundingClientRect(), row.closest(".timeline").getBoundingClientRect()];
    return inner.top >= outer.top && inner.bottom <= outer.bottom;
  });
}

/** The ids that more than one element has, which labels and hints could then mistake. @param {import("playwright-core").Page} page */
export function repeatedIds(page) {
  return page.evaluate(() => {
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    return ids.filter((id, at) => ids.indexOf(id) !== at);
  });
}
