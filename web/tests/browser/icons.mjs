// Makes the PNG icon of web/icon.svg: `node web/tests/browser/icons.mjs`, then reduced to 8 colours by hand (1 KB instead
// of 3). The colour goes to the edge, since systems cut icons to a shape of their own.

import { readFile } from "node:fs/promises";
import { closeBrowser, openBrowser } from "./harness.mjs";

const folder = new URL("../../", import.meta.url);
const svg = (await readFile(new URL("icon.svg", folder), "utf8")).replace("rx=\"15\"", "");
const browser = await openBrowser();
for (const size of [192]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body { margin: 0 } svg { display: block; width: ${size}px }</style>${svg}`);
  await page.screenshot({ path: new URL(`icon-${size}.png`, folder).pathname });
  await page.close();
}
await closeBrowser();
