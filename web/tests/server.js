// A real server, for tests. `CHATSERVER` says where it is, if not in `target/debug`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program = process.env["CHATSERVER"] ?? fileURLToPath(new URL("../../target/debug/chatserver", import.meta.url));

export class ServerProcess {
  folder = mkdtempSync(join(tmpdir(), "parlor-web-"));
  port = 0;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #process;
  #output = "";

  /** @param {string} config Lines of the section `[server]`. */
  constructor(config = "") {
    assert.ok(existsSync(program), `no server at ${program}: cargo build -p parlor-server`);
    writeFileSync(join(this.folder, "config.toml"), `[server]\npassword_iterations = 10000\n${config}`);
  }

  /** Starts, or starts again on the same port. @returns {Promise<void>} */
  start() {
    const { folder } = this;
    const args = ["--bind", "127.0.0.1", "--port", String(this.port), "--data", join(folder, "data")];
    const child = spawn(program, [...args, "--config", join(folder, "config.toml")]);
    this.#process = child;
    this.#output = "";
    return new Promise((resolve, reject) => {
      /** @param {Buffer} chunk */
      const heard = (chunk) => {
        this.#output += chunk;
        const port = /Waiting for connection on port (\d+)/.exec(this.#output)?.[1];
        if (!port) return;
        this.port = Number(port);
        resolve();
      };
      child.stdout.on("data", heard);
      child.stderr.on("data", heard);
      child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${this.#output}`)));
    });
  }

  /** As `kill -9`. @returns {Promise<void>} */
  kill() {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.on("exit", () => resolve());
      child.kill("SIGKILL");
    });
  }

  async end() {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }
}
