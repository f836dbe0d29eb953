// Makes the pictures of the README: `node web/tests/browser/screenshots.mjs`. Needs a font with emoji, such as Debian's
// fonts-noto-color-emoji.

import { fileURLToPath } from "node:url";
import { closeBrowser, composer, Irc, listed, logIn, message, openDevice, register, say, Server } from "./harness.mjs";

const folder = fileURLToPath(new URL("../../../docs/", import.meta.url));
const server = await Server.start();
try {
  const mia = await openDevice(server, { viewport: { width: 1180, height: 720 }, deviceScaleFactor: 1 });
  await register(mia, "mia");
  await talk(mia);
  await picture(mia, "web-light");
  await mia.emulateMedia({ colorScheme: "dark" });
  await picture(mia, "web-dark");
  const phone = await openDevice(server, {
    viewport: { width: 390, height: 720 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1, colorScheme: "dark",
  });
  await logIn(phone, "mia");
  await listed(phone, "lobby").tap();
  await message(phone, "Wonderful. Thank you all!").waitFor();
  await picture(phone, "web-phone");
  await phone.getByRole("button", { name: "Back to the conversations" }).tap();
  await listed(phone, "lobby").waitFor();
  await picture(phone, "web-phone-list");
} finally {
  await closeBrowser();
  await server.stop();
}

/** @param {import("playwright-core").Page} page @param {string} name */
async function picture(page, name) {
  await page.mouse.move(1, 1);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${folder}${name}.png` });
}

/** @param {import("playwright-core").Page} page */
async function talk(page) {
  const caps = "message-tags echo-message draft/metadata-2";
  const [tom, ravi, lena] = await Promise.all(["tom", "ravi", "lena"].map((name) => Irc.connect(server.port, name, { caps })));
  tom.send("METADATA * SET display-name :Tom Weber", "METADATA * SET status :in the lab until five", "JOIN #garden", "JOIN #papers");
  await tom.expect(/ 366 tom #papers/u);
  tom.send("TOPIC #garden :What grows, and who waters it", "TOPIC #papers :Drafts and deadlines");
  ravi.send("AWAY :lunch");
  for (const room of ["#garden", "#papers"]) {
    await say(page, `/join ${room}`);
    await page.locator(".bar-title", { hasText: room }).waitFor();
  }
  await listed(page, "lobby").click();
  tom.send("PRIVMSG #lobby :Good morning! The draft is at https://example.org/draft-3 and needs one more pair of eyes.");
  const [, msgid] = /msgid=([^; ]+)/u.exec(await tom.expect(/Good morning/u));
  await message(page, "Good morning! The draft is at https://example.org/draft-3 and needs one more pair of eyes.").waitFor();
  lena.send(`@+draft/reply=${msgid};+draft/react=👍 TAGMSG #lobby`);
  ravi.send(`@+draft/reply=${msgid};+draft/react=👍 TAGMSG #lobby`, `@+draft/reply=${msgid};+draft/react=🎉 TAGMSG #lobby`,
    `@+draft/reply=${msgid} PRIVMSG #lobby :Reading it now. mia, are the figures of section 4 the new ones?`);
  await page.locator(".quote").waitFor();
  await say(page, "They are:\n```\nbefore   41 ms\nafter    12 ms\n```");
  await page.locator("pre").waitFor();
  lena.send("PRIVMSG #lobby :\u0001ACTION raises an eyebrow\u0001", "PRIVMSG #lobby :That is \u0002three times\u0002 faster. What did you do?");
  await page.locator(".bold").waitFor();
  await say(page, "Took the copying out. `memmove` was half of it.");
  ravi.send("PRIVMSG #lobby :🚀");
  await page.locator(".text.emoji").waitFor();
  await say(page, "Wonderful. Thank you all!");
  await message(page, "Wonderful. Thank you all!").getByLabel("Stored on the server").waitFor();
  tom.send("PRIVMSG mia :Lunch at one?", "PRIVMSG #garden :The tomatoes are ripe", "PRIVMSG #garden :mia, yours too");
  lena.send("@+typing=active TAGMSG #lobby");
  await page.locator(".count.urgent").nth(1).waitFor();
  await page.getByText("lena is typing…").waitFor();
  await composer(page).focus();
}
