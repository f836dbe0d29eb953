// SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side, without channel binding: the password never leaves.

/**
 * @typedef {object} ScramKeys What a password comes to with an account's salt: enough to log in, and to know the
 *   server. Derived once, so that coming back costs neither side the iterations.
 * @property {string} salt In base64.
 * @property {number} iterations
 * @property {Uint8Array<ArrayBuffer>} clientKey
 * @property {Uint8Array<ArrayBuffer>} serverKey
 */

const SCRAM_ITERATIONS_MIN = 4096;
const SCRAM_ITERATIONS_MAX = 10_000_000;
const GS2_HEADER = "n,,";

/** One exchange. */
export class Scram {
  /** @type {ScramKeys | undefined} Known once the server has asked. */
  keys;
  /** @type {string | undefined} */
  #expected;

  /**
   * @param {SubtleCrypto} subtle @param {string} name
   * @param {string} nonce Fresh random printable ASCII without commas.
   * @param {{ password?: string, keys?: ScramKeys, code?: string }} secret Keys, if they fit, are taken first.
   */
  constructor(subtle, name, nonce, { password, keys, code }) {
    this.subtle = subtle;
    this.nonce = nonce;
    this.password = password;
    this.keys = keys;
    this.code = code?.replace(/[^a-z0-9]/gi, "");
    this.firstBare = `n=${name.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  }

  /** The client's first message. */
  first() {
    return GS2_HEADER + this.firstBare;
  }

  /** The client's final message. @param {string} serverFirst @returns {Promise<string>} */
  async respond(serverFirst) {
    const [, nonce = "", salt = "", count = ""] = /^r=([!-+\--~]+),s=([^,]+),i=(\d+)/.exec(serverFirst) ?? [];
    const iterations = Number(count);
    if (!nonce.startsWith(this.nonce) || nonce === this.nonce) throw new Error("The nonce is not of this exchange.");
    if (iterations < SCRAM_ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX) {
      throw new Error("The server asks for an unreasonable number of iterations.");
    }
    const keys = await this.#keysFor(salt, iterations);
    const withoutProof = `c=${btoa(GS2_HEADER)},r=${nonce}${this.code ? `,o=${this.code}` : ""}`;
    const message = utf8([this.firstBare, serverFirst, withoutProof].join(","));
    const storedKey = new Uint8Array(await this.subtle.digest("SHA-256", keys.clientKey));
    const signature = await hmac(this.subtle, storedKey, message);
    const proof = keys.clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
    this.#expected = toBase64(await hmac(this.subtle, keys.serverKey, message));
    return `${withoutProof},p=${toBase64(proof)}`;
  }

  /** Whether the server has proved that it knows the account. @param {string} serverFinal */
  verify(serverFinal) {
    return this.#expected !== undefined && serverFinal.split(",")[0] === `v=${this.#expected}`;
  }

  /** @param {string} salt @param {number} iterations */
  async #keysFor(salt, iterations) {
    const known = this.keys;
    if (known && known.salt === salt && known.iterations === iterations) return known;
    if (this.password === undefined) throw new Error("The password was changed.");
    this.keys = await deriveKeys(this.subtle, this.password, salt, iterations);
    return this.keys;
  }
}

/** Deliberately slow, in proportion to `iterations`. @param {SubtleCrypto} subtle @param {string} password @param {string} salt @param {number} iterations @returns {Promise<ScramKeys>} */
export async function deriveKeys(subtle, password, salt, iterations) {
  const key = await subtle.importKey("raw", utf8(preparePassword(password)), "PBKDF2", false, ["deriveBits"]);
  const params = { name: "PBKDF2", hash: "SHA-256", salt: fromBase64(salt), iterations };
  const salted = new Uint8Array(await subtle.deriveBits(params, key, 256));
  const clientKey = await hmac(subtle, salted, utf8("Client Key"));
  const serverKey = await hmac(subtle, salted, utf8("Server Key"));
  return { salt, iterations, clientKey, serverKey };
}

/**
 * The form of a password from which both sides derive keys (SASLprep, RFC 4013), as `crates/proto/src/saslprep.rs`:
 * what that rejects stays as it is. Of characters newer than Unicode 3.2, which it rejects, those beyond the basic
 * plane are known here; of the others hardly any changes.
 * @param {string} password
 */
export function preparePassword(password) {
  if (/^[ -~]*$/.test(password)) return password;
  const prepared = password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, " ")
    .replace(/[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/g, "")
    .normalize("NFKC");
  const isProhibited = /[\p{C}\p{Zl}\p{Zp}\u0340\u0341\u2ff0-\u2ffb\ufffd]/u.test(prepared);
  const isNewer = /[\u{10500}-\u{1cfff}\u{1e000}-\u{1ffff}\u{30000}-\u{dffff}]/u.test(password);
  const rightToLeft = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc]/;
  const isMixed = rightToLeft.test(prepared) && !isRightToLeft(prepared, rightToLeft);
  return !prepared || isProhibited || isNewer || isMixed ? password : prepared;
}

/** Whether a text that has letters from right to left has no others, and begins and ends with one. @param {string} text @param {RegExp} rightToLeft */
function isRightToLeft(text, rightToLeft) {
  const letters = [...text].filter((c) => /\p{L}/u.test(c));
  return letters.every((c) => rightToLeft.test(c)) && rightToLeft.test(text[0] ?? "") && rightToLeft.test(text.at(-1) ?? "");
}

/** @param {SubtleCrypto} subtle @param {Uint8Array<ArrayBuffer>} key @param {Uint8Array<ArrayBuffer>} data */
async function hmac(subtle, key, data) {
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, data));
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function utf8(text) {
  return new TextEncoder().encode(text);
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** @param {string} text */
function fromBase64(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
