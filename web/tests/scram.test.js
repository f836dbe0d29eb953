import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveKeys, preparePassword, Scram } from "../core/scram.js";

const { subtle } = globalThis.crypto;
const nonce = "rOprNGfwEbeRWgbNEkqO";
const serverFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const clientFinal =
  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

test("the exchange of RFC 7677", async () => {
  const scram = new Scram(subtle, "user", nonce, { password: "pencil" });
  assert.equal(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  assert.equal(scram.verify(serverFinal), false, "not before the proof");
  assert.equal(await scram.respond(serverFirst), clientFinal);
  assert.equal(scram.verify(serverFinal), true);
  assert.equal(scram.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="), false);
  assert.equal(scram.verify("e=invalid-proof"), false);
});

test("keys that are known do without the password, and only with their salt", async () => {
  const keys = await deriveKeys(subtle, "pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096);
  const scram = new Scram(subtle, "user", nonce, { keys });
  assert.equal(await scram.respond(serverFirst), clientFinal);
  const other = new Scram(subtle, "user", nonce, { keys });
  await assert.rejects(other.respond(serverFirst.replace("4096", "5000")), /password was changed/);
});

test("a code is part of what is proved, and names are escaped", async () => {
  const scram = new Scram(subtle, "a=b,c", nonce, { password: "pencil", code: "123 456" });
  assert.equal(scram.first(), `n,,n=a=3Db=2Cc,r=${nonce}`);
  assert.match(await scram.respond(serverFirst), /,o=123456,p=/);
});

test("a server that is none is refused", async () => {
  for (const [answer, why] of /** @type {[string, RegExp][]} */ ([
    [serverFirst.replace("rOpr", "xxxx"), /nonce/],
    [`r=${nonce},s=W22Z,i=4096`, /nonce/],
    [serverFirst.replace("i=4096", "i=4095"), /iterations/],
    [serverFirst.replace("i=4096", "i=10000001"), /iterations/],
    ["nonsense", /nonce/],
    ["", /nonce/],
  ])) {
    const scram = new Scram(subtle, "user", nonce, { password: "pencil" });
    await assert.rejects(scram.respond(answer), why, answer);
  }
});

// The same examples as in `crates/proto/src/saslprep.rs`.
test("passwords are prepared as the server does", () => {
  for (const [typed, prepared] of /** @type {[string, string][]} */ ([
    ["I\u00adX", "IX"],
    ["user", "user"],
    ["\u00aa", "a"],
    ["\u2168", "IX"],
    ["passwort\u00b2", "passwort2"],
    ["e\u0301t\u00e9", "\u00e9t\u00e9"],
    ["two\u00a0words\u3000here", "two words here"],
    ["\ufb01n", "fin"],
  ])) {
    assert.equal(preparePassword(typed), prepared);
  }
  for (const asItIs of ["\u0007bell", "\u06271", "\u{1f600}e\u0301", "\ue000", "\u00ad", ""]) {
    assert.equal(preparePassword(asItIs), asItIs);
  }
});
