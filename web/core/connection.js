/** @import { Login, Problem } from "./types.js" */
/** @import { Scram } from "./scram.js" */
import { LIMITS, WANTED } from "./limits.js";
import { formatLine, parseMessage } from "./message.js";
import { splitOnce } from "./server.js";

/**
 * @typedef {{ type: "prove", challenge: string }
 *   | { type: "enter", capabilities: Map<string, string> }
 *   | { type: "done" }
 *   | { type: "failed", problem: Problem, reason: string }} Step
 *   What comes next: the password is to be proved (`answer` takes the proof); what follows the login may be sent along;
 *   the server has sent the welcome, and from that line on everything is for the chat; the login failed.
 */

/**
 * From a fresh connection to a welcome, as a machine: lines in, lines and steps out. It takes two round trips, since
 * everything is sent that does not need an answer first: with the name and the start of SASL in the first, with
 * `CAP END` whatever the chat has to say at once in the second. A wrong password cannot let anybody in as a guest
 * by that: the names of accounts are no guests'.
 */
export class Connection {
  /** @type {"greeting" | "proving" | "entering" | "done"} */
  #stage = "greeting";
  /** @type {Map<string, string>} The server's capabilities, with their values. */
  offered = new Map();
  #isOfferComplete = false;
  #chunks = "";
  /** @type {string | undefined} Why a new password must be chosen before anything else, in the server's words. */
  renewal;
  #isCodeWanted = false;
  #isServerProved = false;

  /**
   * @param {Login} login @param {Scram} [scram] For who logs in with a password, or a token.
   * @param {boolean} [isToken] It is a token's.
   */
  constructor(login, scram, isToken = false) {
    this.login = login;
    this.scram = scram;
    this.isToken = isToken;
  }

  /** Begins on a new connection. @param {string[]} out */
  start(out) {
    const { how, name, password = "", invitation, serverPassword } = this.login;
    out.push(formatLine("CAP", ["LS", "302"]), formatLine("CAP", ["REQ"], "sasl standard-replies"));
    if (serverPassword) out.push(formatLine("PASS", [], serverPassword));
    out.push(formatLine("NICK", [name]), formatLine("USER", [name, "0", "*"], name));
    if (this.scram) {
      out.push(formatLine("AUTHENTICATE", ["SCRAM-SHA-256"]));
      out.push(formatLine("AUTHENTICATE", [btoa(this.scram.first())]));
    } else if (how === "register") {
      const invited = invitation ? `invite:${invitation.trim()}` : "*";
      out.push(formatLine("REGISTER", ["*", invited], password));
    }
  }

  /** Handles a line from the server. @param {string} line @param {string[]} out @returns {Step | undefined} */
  receive(line, out) {
    const message = parseMessage(line);
    if (!message || this.#stage === "done") return undefined;
    const { verb, params } = message;
    const sentence = params.at(-1) ?? "";
    switch (verb) {
      case "PING":
        out.push(formatLine("PONG", [], params[0] ?? ""));
        return undefined;
      case "ERROR":
        return this.#failed("later", sentence);
      case "CAP":
        return this.#capabilities(params, out);
      case "AUTHENTICATE":
        return this.#authenticate(params[0] ?? "");
      case "REGISTER":
        return params[0] === "SUCCESS" ? this.#enter(out) : undefined;
      case "WARN":
        if (params[1] === "NEW_PASSWORD_REQUIRED") this.renewal = sentence;
        return undefined;
      case "FAIL":
        return this.#fail(params, sentence);
      case "001":
        if (this.scram && !this.#isServerProved) return this.#failed("server", "The server did not prove who it is.");
        this.#stage = "done";
        return { type: "done" };
      default:
        return this.#numeric(verb, sentence);
    }
  }

  /** Sends the proof of the password. @param {string} proof @param {string[]} out */
  answer(proof, out) {
    return this.#enter(out, btoa(proof));
  }

  /** @param {string[]} params @param {string[]} out @returns {Step | undefined} */
  #capabilities(params, out) {
    const [, subcommand] = params;
    if (subcommand === "NAK") return this.#failed("server", "The server refused capabilities that it had offered.");
    if (subcommand !== "LS") return undefined;
    for (const offer of (params.at(-1) ?? "").split(" ").filter(Boolean)) {
      const [name, value = ""] = splitOnce(offer, "=");
      if (this.offered.size < LIMITS.TOKENS) this.offered.set(name, value);
    }
    this.#isOfferComplete = params[2] !== "*";
    return this.#isOfferComplete && this.login.how === "guest" ? this.#enter(out) : undefined;
  }

  /** Ends the negotiation: the person is identified, or will be by the lines that are sent now. @param {string[]} out @param {string} [proof] @returns {Step} */
  #enter(out, proof) {
    if (!this.#isOfferComplete) return this.#failed("server", "The server did not say what it can.");
    const wanted = WANTED.filter((name) => this.offered.has(name));
    out.push(formatLine("CAP", ["REQ"], wanted.join(" ")));
    // The empty one takes the server's proof.
    if (proof !== undefined) out.push(formatLine("AUTHENTICATE", [proof]), formatLine("AUTHENTICATE", ["+"]));
    out.push(formatLine("CAP", ["END"]));
    this.#stage = "entering";
    const capabilities = wanted.map((name) => /** @type {const} */ ([name, this.offered.get(name) ?? ""]));
    return { type: "enter", capabilities: new Map(capabilities) };
  }

  /** @param {string} chunk @returns {Step | undefined} */
  #authenticate(chunk) {
    if (!this.scram) return undefined;
    this.#chunks += chunk === "+" ? "" : chunk;
    if (chunk.length === 400 && this.#chunks.length < LIMITS.LINE) return undefined;
    const text = decodeBase64(this.#chunks);
    this.#chunks = "";
    if (!text) return undefined;
    if (this.#stage === "greeting") {
      this.#stage = "proving";
      return { type: "prove", challenge: text };
    }
    this.#isServerProved = this.scram.verify(text);
    // The numeric that follows an error says the same.
    if (this.#isServerProved || text.startsWith("e=")) return undefined;
    return this.#failed("server", "The server did not prove who it is.");
  }

  /** @param {string[]} params @param {string} sentence @returns {Step | undefined} */
  #fail(params, sentence) {
    const [verb = "", code = ""] = params;
    if (code === "CODE_REQUIRED") {
      // The numeric that follows ends the attempt.
      this.#isCodeWanted = true;
      return undefined;
    }
    const problem = problemsOfFail[code];
    if (problem) return this.#failed(problem, sentence);
    return verb === "REGISTER" || verb === "*" ? this.#failed("server", sentence) : undefined;
  }

  /** @param {string} numeric @param {string} sentence @returns {Step | undefined} */
  #numeric(numeric, sentence) {
    if (numeric === "432" || numeric === "433") return this.#failed("name", sentence);
    if (numeric === "464") return this.#failed("serverPassword", sentence);
    if (/^[45]\d\d$/.test(numeric)) return this.#failed("server", sentence);
    if (!/^90[24-7]$/.test(numeric)) return undefined;
    // "SASL authentication failed: wrong password": only the end is for people.
    const reason = sentence.replace(/^SASL[^:]*: /, "");
    return this.#failed(this.#problemOf(reason), reason);
  }

  /** @param {string} reason @returns {Problem} */
  #problemOf(reason) {
    if (this.#isCodeWanted || (this.login.code && /\bcode\b/.test(reason))) return "code";
    if (/server password/.test(reason)) return "serverPassword";
    if (/wait|too many/.test(reason)) return "later";
    // Whoever is suspended, for example, has the right password all the same.
    if (!/wrong password/.test(reason)) return "server";
    return this.isToken ? "token" : "password";
  }

  /** @param {Problem} problem @param {string} reason @returns {Step} */
  #failed(problem, reason) {
    this.#stage = "done";
    return { type: "failed", problem, reason };
  }
}

/** @type {Record<string, Problem>} */
const problemsOfFail = {
  ACCOUNT_EXISTS: "name",
  BAD_ACCOUNT_NAME: "name",
  ACCOUNT_NAME_MUST_BE_NICK: "name",
  BAD_NAME: "name",
  NAME_IN_USE: "name",
  UNACCEPTABLE_PASSWORD: "newPassword",
  WEAK_PASSWORD: "newPassword",
  INVITATION_REQUIRED: "invitation",
  NO_SUCH_INVITATION: "invitation",
  REGISTRATION_CLOSED: "closed",
  SERVER_PASSWORD_REQUIRED: "serverPassword",
  ENCRYPTION_REQUIRED: "encryption",
  ACCOUNT_REQUIRED: "account",
  TEMPORARILY_UNAVAILABLE: "later",
  TOO_MANY_ATTEMPTS: "later",
  TOO_MANY_SESSIONS: "later",
  BUSY: "later",
  STORE_FAILED: "later",
  LOG_UNAVAILABLE: "later",
  DISK_FULL: "later",
};

/** The decoded text; undefined if it is not Base64. @param {string} text */
function decodeBase64(text) {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0 ? atob(text) : "";
}
