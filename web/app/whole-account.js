// What concerns the account as a whole: strict login, a copy of everything, and its end.

/** @import { App } from "./app.js" */
import { same } from "../core/fold.js";
import { formatLine } from "../core/message.js";
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { notesIn, refusalIn } from "./asking.js";
import { askAsOwner, change, proofOf } from "./owner.js";
import { OneLine, Toggle } from "./parts.js";
import { strings } from "./strings.js";

/** Pages of an export that a browser can hold; each has about 64 KiB. */
const exportPages = 4_000;

/**
 * Whether something is on, as a parameter of the account's summary says; undefined until there is an answer.
 * @param {App} app @param {number} at
 */
export function useSummary(app, at) {
  const [on, setOn] = useState(/** @type {boolean | undefined} */ (undefined));
  const load = async () => {
    const [summary] = notesIn(await app.asking.ask("ACCOUNT"), "SUMMARY");
    setOn(summary && summary[at] === "on");
  };
  useEffect(() => void load(), []);
  return { on, setOn, load };
}

/** @param {{ app: App }} props */
export function Strict({ app }) {
  const { on, setOn, load } = useSummary(app, 6);
  const changed = async (/** @type {boolean} */ wanted) => {
    // Show the click until the server answers.
    setOn(wanted);
    await change(app, ["STRICT", wanted ? "ON" : "OFF"], strings.saved);
    await load();
  };
  return on !== undefined && html`<${Toggle} id="strict" label=${strings.strict} hint=${strings.strictHint} on=${on} onChange=${changed} />`;
}

/** Saves everything that the server keeps of the account as a file. @param {{ app: App }} props */
export function Export({ app }) {
  const [busy, setBusy] = useState(false);
  const isShown = useRef(true);
  useEffect(() => () => {
    isShown.current = false;
  }, []);
  const run = async () => {
    if (busy) return;
    setBusy(true);
    const parts = await exported(app, () => isShown.current);
    if (parts) save(new Blob(parts, { type: "application/x-ndjson" }), `${app.chat.me}.jsonl`);
    setBusy(false);
  };
  return html`<p class="hint">${strings.exportHint}</p>
    <button type="button" aria-disabled=${busy} onClick=${run}>${busy ? strings.exporting : strings.exportAll}</button>`;
}

/**
 * Lines of JSON, in pieces; nothing if they do not come.
 * @param {App} app
 * @param {() => boolean} isWanted
 */
async function exported(app, isWanted) {
  /** @type {string[]} */
  const parts = [];
  /** @type {string | undefined} */
  let position = "";
  for (let pages = 0; position !== undefined && isWanted(); pages += 1) {
    const answer = await askAsOwner(app, position ? ["EXPORT", position] : ["EXPORT"]);
    const [limited] = notesIn(answer, "RATE_LIMITED");
    if (limited) {
      // The server says after how many seconds it goes on.
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(limited[0])));
      continue;
    }
    const refusal = pages === exportPages ? strings.exportLong : refusalIn(answer);
    if (refusal) return void app.say(refusal, true);
    for (const [mark, text = ""] of notesIn(answer, "EXPORT")) parts.push(text, mark === "." ? "\n" : "");
    [position] = notesIn(answer, "EXPORT_NEXT")[0] ?? [];
  }
  return position === undefined ? parts : undefined;
}

/** @param {Blob} file @param {string} name */
function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Takes the account's name, and the password, and deletes it. @param {{ app: App }} props */
export function Deletion({ app }) {
  const remove = async (/** @type {string} */ name) => {
    if (!same(name, app.chat.me)) return app.say(strings.deletionName(app.chat.me), true);
    // Also where the server would not ask for the password: somebody else may sit at this device. Once given, it counts
    // as long as the settings are open.
    const answer = await (await proofOf(app))?.ask(formatLine("ACCOUNT", ["DELETE"], name));
    if (!answer) return undefined;
    const refusal = refusalIn(answer);
    app.say(refusal || strings.accountDeleted, refusal !== "");
    return refusal ? undefined : app.client.logOut();
  };
  return html`<p class="hint">${strings.deletionHint}</p>
    <${OneLine} id="delete-account" label=${strings.deletionName(app.chat.me)} button=${strings.deleteAccount} onSubmit=${remove} />`;
}
