// The ways to log in that need more than a name and a password, against a real server.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { everybodyLeaves, openWebSocket, Person, problemOf, registered } from "./person.js";
import { ServerProcess } from "./server.js";
import { totp } from "./totp.js";

/** @import { Login } from "../core/types.js" */

/** @type {ServerProcess[]} */
const servers = [];
after(async () => {
  everybodyLeaves();
  await Promise.all(servers.map((server) => server.end()));
});

/** @param {string} config */
async function started(config) {
  const server = new ServerProcess(config);
  servers.push(server);
  await server.start();
  return server;
}

/** What is told in answer to a command. @param {Person} person @param {string} line @param {RegExp} pattern */
async function answer(person, line, pattern) {
  person.client.perform({ type: "raw", line });
  /** @type {RegExpExecArray | null | undefined} */
  let found;
  await person.until(String(pattern), () => {
    const rows = [...person.client.chat.conversations.values()].flatMap(({ timeline }) => timeline.rows);
    for (const row of rows) if (row !== "gap") found ||= pattern.exec(row.text);
    return found;
  });
  return found?.[1] ?? "";
}

test("a second factor is asked for, and a token needs none", async () => {
  const server = await started("");
  const ann = await registered(server, "ann");
  const secret = await answer(ann, "ACCOUNT 2FA ON", /^Secret ([\w-]+)/);
  const step = Math.floor(Date.now() / 30_000);
  // Each code is good once: one for now, one for the login.
  await answer(ann, `ACCOUNT 2FA CONFIRM ${totp(secret, step)}`, /^From now on a code/);
  const device = new Person(server);
  /** @type {Login} */
  const login = { how: "password", name: "ann", password: "secret", remember: true };
  const status = await device.logIn(login);
  assert.equal(problemOf(status), "code");
  assert.equal(problemOf(await device.logIn({ ...login, code: "000000" })), "code");
  assert.equal(problemOf(await device.logIn({ ...login, code: totp(secret, step + 1) })), "online");
  await device.kept((all) => all.get("login")?.keys);
  device.leave();
  const later = new Person(server, { indexedDB: device.indexedDB });
  await later.client.start();
  await later.ready();
});

test("a server's password comes first", async () => {
  const server = await started('password = "everybodys"\n');
  const person = new Person(server);
  /** @type {Login} */
  const login = { how: "register", name: "ann", password: "secret" };
  assert.equal(problemOf(await person.logIn(login)), "serverPassword");
  assert.equal(problemOf(await person.logIn({ ...login, serverPassword: "wrong" })), "serverPassword");
  assert.equal(problemOf(await person.logIn({ ...login, serverPassword: "everybodys" })), "online");
  /** @type {Login} */
  const again = { how: "password", name: "ann", password: "secret" };
  assert.equal(problemOf(await person.logIn(again)), "serverPassword");
  assert.equal(problemOf(await person.logIn({ ...again, serverPassword: "everybodys", remember: true })), "online");
  await person.kept((all) => all.has("login"));
  person.leave();
  const later = new Person(server, { indexedDB: person.indexedDB });
  await later.client.start();
  await later.ready();
});

test("an invitation is asked for where it takes one, and nothing where nobody can register", async () => {
  const inviting = await started('[accounts]\nregistration = "invite"\n');
  const person = new Person(inviting);
  /** @type {Login} */
  const login = { how: "register", name: "ann", password: "secret" };
  assert.equal(problemOf(await person.logIn(login)), "invitation");
  assert.equal(problemOf(await person.logIn({ ...login, invitation: "none-such" })), "invitation");
  const closed = new Person(await started('[accounts]\nregistration = "closed"\n'));
  assert.equal(problemOf(await closed.logIn(login)), "closed");
});

test("too many wrong passwords are a matter of waiting", async () => {
  const server = await started("[limits]\nfailed_logins = 1\n");
  await registered(server, "ann");
  const person = new Person(server);
  /** @type {Login} */
  const login = { how: "password", name: "stranger", password: "wrong" };
  const problems = [];
  for (let n = 0; n < 4; n++) problems.push(problemOf(await person.logIn(login)));
  assert.deepEqual(problems, ["password", "password", "password", "later"]);
});

test("who logs out while this device's token is being made leaves none, neither here nor on the server", async () => {
  const server = await started("");
  const ann = await registered(server, "ann");
  /** @type {Login} */
  const login = { how: "password", name: "ann", password: "secret" };
  for (const moment of ["asked for", "answered"]) {
    /** @type {Person} */
    const device = new Person(server, {
      connect: () => {
        const socket = openWebSocket(server);
        socket.addEventListener("message", ({ data }) => {
          // As soon as the client has seen the answer.
          if (String(data).includes("TOKEN_ADDED")) queueMicrotask(() => device.client.logOut());
        });
        return socket;
      },
    });
    await device.logIn({ ...login, remember: true });
    if (moment === "asked for") await device.client.logOut();
    await device.until("it is logged out", () => device.client.status.phase === "out");
    // This one's keys are derived after the token's.
    await device.logIn(login);
    await device.kept((all) => !all.has("login"));
    assert.equal(device.client.stays, false, moment);
    const first = await answer(ann, "ACCOUNT TOKEN LIST", /^(App password \S+|These are)/);
    assert.equal(first, "These are", moment);
  }
});
