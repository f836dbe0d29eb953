// What the server's build needs: it joins the modules of `modules.txt` into one scope, in that order.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const web = new URL("../", import.meta.url);
const listed = readFileSync(new URL("modules.txt", web), "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
const existing = ["core", "app"].flatMap((folder) => {
  try {
    return readdirSync(new URL(folder, web)).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
});

/** @param {string} path */
const read = (path) => readFileSync(new URL(path, web), "utf8");

test("every module is listed, and each once", () => {
  // The shapes are comments alone.
  const modules = existing.filter((path) => path.endsWith(".js") && path !== "core/types.js");
  assert.deepEqual([...listed].filter((path) => /^(core|app)\//.test(path)).sort(), modules.sort());
});

test("a module imports only what stands before it", () => {
  for (const [at, path] of listed.entries()) {
    for (const [, from = ""] of read(path).matchAll(/^import [^;]*?"(\.[^"]+)";/gm)) {
      const imported = new URL(from, new URL(path, web)).href.slice(web.href.length);
      const home = listed.indexOf(imported);
      assert.ok(home >= 0 && home < at, `${path} imports ${imported}, which modules.txt must name before it`);
    }
  }
});

test("top-level names are unique in all modules", () => {
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const path of listed) {
    const declared = read(path).matchAll(/^(?:export )?(?:async )?(?:function\*?|class|const|let|var) ([\w$]+)/gm);
    for (const [, name = ""] of declared) {
      assert.equal(names.get(name), undefined, `${name} of ${path} is in ${names.get(name)}, too`);
      names.set(name, path);
    }
  }
  assert.ok(names.size > 0);
});

test("the core joined in that order runs", async () => {
  const core = listed.filter((path) => path.startsWith("core/"));
  const joined = core.map((path) => read(path).replace(/^import [^;]*;/gm, "").replace(/^export /gm, "")).join("\n");
  const source = `${joined}\nexport { Chat };`;
  const { Chat } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  /** @type {string[]} */
  const out = [];
  new Chat("r").receive("PING :here", 0, out);
  assert.deepEqual(out, ["PONG :here"]);
});
