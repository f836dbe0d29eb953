// Over HTTPS with the server's self-signed certificate, and from another machine without.

import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { after, test } from "node:test";
import { closeBrowser, composer, logIn, message, openDevice, register, say, withServer } from "./harness.mjs";

after(closeBrowser);

/** An address of this machine that is not its own alone. */
const outside = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === "IPv4" && !internal)?.address;

test("plain HTTP from elsewhere leads to HTTPS, where people talk, come back and change their password", {
  skip: outside ? false : "this machine has no other address",
}, withServer(async (server) => {
  const ann = await openDevice(server, { ignoreHTTPSErrors: true, origin: `http://${outside}:${server.port}/` });
  const link = ann.getByRole("link", { name: `https://${outside}:${server.port}/` });
  assert.equal(await ann.locator("#app").count(), 0);
  await ann.getByText(/certificate/u).first().waitFor();
  // Chromium notes that over plain HTTP one header of the page has no effect.
  assert.deepEqual(ann.errors.splice(0).filter((text) => !text.includes("Cross-Origin-Opener-Policy")), []);
  const script = ann.waitForResponse(/app-.*\.js/u);
  await link.click();
  assert.equal((await script).headers()["content-encoding"], "br");
  await register(ann, "ann", { remember: true });
  await say(ann, "hello over TLS");
  await message(ann, "hello over TLS").getByLabel("Stored on the server").waitFor();
  await ann.waitForFunction(() => localStorage.getItem("parlor.stays"));
  await ann.reload();
  await composer(ann).waitFor();
  await ann.locator(".banner").waitFor({ state: "detached" });
  await ann.locator(".me-button").click();
  const dialog = ann.getByRole("dialog").first();
  await dialog.getByText("Change password").first().click();
  await dialog.getByLabel("New password", { exact: true }).fill("another one");
  await dialog.getByLabel("New password again").fill("another one");
  await dialog.getByRole("button", { name: "Change password" }).click();
  await ann.getByLabel("Password of ann").fill("secret-ann");
  await ann.keyboard.press("Enter");
  await ann.getByText("The password is changed.").waitFor();

  const bob = await openDevice(server, { ignoreHTTPSErrors: true, origin: `https://${outside}:${server.port}/` });
  await logIn(bob, "ann", { password: "another one" });
  await message(bob, "hello over TLS").waitFor();
  assert.deepEqual([...ann.errors, ...bob.errors], []);
}, "", "0.0.0.0"));
