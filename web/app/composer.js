// Where a message is written: it grows, completes words, keeps a draft for each conversation.

/** @import { Suggestion } from "./completion.js" */
/** @import { App } from "./app.js" */
import { html, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { runComposed } from "./commands.js";
import { suggestionsFor } from "./completion.js";
import { Icon, IconButton } from "./parts.js";
import { strings } from "./strings.js";
import { clean, plain } from "./text.js";

/** Characters that can be written at once; the core cuts what is too long for one message. */
const mostCharacters = 60_000;

/** @typedef {{ from: number, suggestions: Suggestion[], chosen: number }} Open */

/** @param {{ app: App, name: string }} props */
export function Composer({ app, name }) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const [open, setOpen] = useState(/** @type {Open | undefined} */ (undefined));
  useLayoutEffect(() => {
    const { current } = area;
    if (!current) return;
    current.value = app.client.draft(name);
    fit(current);
    app.compose = (text, replace) => {
      if (replace) current.value = text;
      else if (text) current.setRangeText(text, current.selectionStart, current.selectionEnd, "end");
      current.focus();
      fit(current);
      app.client.setDraft(name, current.value);
    };
    // A keyboard that is drawn on the screen should not come up by itself.
    if (!matchMedia("(pointer: coarse)").matches && !app.dialog) current.focus({ preventScroll: true });
  }, []);

  const suggest = (/** @type {boolean} */ asked) => {
    const { current } = area;
    if (!current) return 0;
    const before = current.value.slice(0, current.selectionStart);
    const found = suggestionsFor(before, app.chat.conversations.values(), app.conversation, app.chat.me, asked);
    setOpen(found.suggestions.length > 0 ? { ...found, chosen: 0 } : undefined);
    return found.suggestions.length;
  };
  const insert = (/** @type {Suggestion | undefined} */ suggestion, /** @type {number} */ from) => {
    const { current } = area;
    if (!current || !suggestion) return;
    current.setRangeText(suggestion.insert, from, current.selectionStart, "end");
    setOpen(undefined);
    changed();
    current.focus();
  };
  const changed = () => {
    const { current } = area;
    if (!current) return;
    fit(current);
    app.client.setDraft(name, current.value);
    const writes = current.value !== "" && !/^\/[^/]/u.test(current.value);
    app.perform({ type: "typing", target: name, active: writes }, true);
  };
  const send = () => {
    const { current } = area;
    if (!current || !runComposed(app, current.value)) return;
    current.value = "";
    setOpen(undefined);
    changed();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const { current } = area;
    if (!current || event.isComposing) return;
    const word = current.value.slice(open?.from, current.selectionStart);
    const isWhole = event.key === "Enter" && open?.suggestions.some(({ insert: text }) => text.trim() === word);
    const handled = open && !isWhole
      ? suggestionKey(event, open, setOpen, (suggestion) => insert(suggestion, open.from)) : false;
    if (handled || plainKey(event, app, current, send, suggest)) event.preventDefault();
  };
  return html`<form class="composer" onSubmit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    send();
  }}>
    ${app.answered && html`<${Replying} app=${app} />`}
    ${open && html`<${Suggestions} open=${open} choose=${(/** @type {Suggestion} */ one) => insert(one, open.from)} />`}
    <div class="composer-row">
      <${IconButton} icon="smile" label=${strings.emoji} onClick=${() => app.show({ type: "emoji" })} />
      <textarea ref=${area} rows="1" maxlength=${mostCharacters} enterkeyhint="send" id="composer"
        aria-label=${strings.messageTo(clean(name) || strings.server)} placeholder=${strings.messageTo(clean(name) || strings.server)}
        aria-autocomplete="list" aria-controls=${open ? "suggestions" : undefined}
        aria-activedescendant=${open ? `suggestion-${open.chosen}` : undefined}
        onInput=${() => {
    changed();
    suggest(false);
  }} onKeyDown=${onKeyDown} onFocus=${() => area.current && fit(area.current)} onBlur=${() => setOpen(undefined)}></textarea>
      <button type="submit" class="icon-button send" aria-label=${strings.send} title=${strings.send}>
        <${Icon} name="send" /></button>
    </div>
  </form>`;
}

/**
 * Makes the field as high as its text, up to a third of the window (the style sheet's `max-height`).
 * @param {HTMLTextAreaElement} area
 */
function fit(area) {
  // Newer browsers do so by themselves; a field that is not shown has no height to measure.
  if (CSS.supports("field-sizing", "content") || area.scrollHeight === 0) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

/**
 * A key while suggestions are open.
 * @param {KeyboardEvent} event
 * @param {Open} open
 * @param {(open: Open | undefined) => void} setOpen
 * @param {(suggestion: Suggestion | undefined) => void} insert
 */
function suggestionKey(event, open, setOpen, insert) {
  const { suggestions, chosen } = open;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) setOpen({ ...open, chosen: (chosen + step + suggestions.length) % suggestions.length });
  else if ((event.key === "Tab" || event.key === "Enter") && !event.shiftKey) insert(suggestions[chosen]);
  else if (event.key === "Escape") setOpen(undefined);
  else return false;
  event.stopPropagation();
  return true;
}

/**
 * A key without suggestions.
 * @param {KeyboardEvent} event
 * @param {App} app
 * @param {HTMLTextAreaElement} area
 * @param {() => void} send
 * @param {(asked: boolean) => number} suggest
 */
function plainKey(event, app, area, send, suggest) {
  const { key, shiftKey, altKey, ctrlKey, metaKey } = event;
  if (key === "Enter" && !shiftKey && !ctrlKey && !metaKey) {
    if (altKey) app.compose("\n", false);
    else send();
    return true;
  }
  if (altKey || ctrlKey || metaKey) return false;
  // Tab completes a word; in an empty field, and where there is nothing to complete, it moves on as everywhere.
  if (key === "Tab" && !shiftKey && area.value !== "") return suggest(true) > 0;
  if (key === "ArrowUp" && area.value === "") return app.timeline.moveFocus(-1);
  if (key === "PageUp" || key === "PageDown") {
    app.timeline.scroll(key);
    return true;
  }
  if ((key === "Home" || key === "End") && area.value === "") {
    app.timeline.scroll(key);
    return true;
  }
  if (key === "Escape" && app.answered) {
    app.answered = undefined;
    app.draw();
    return true;
  }
  if (key === "?" && area.value === "") {
    app.show({ type: "help" });
    return true;
  }
  return false;
}

/** @param {{ app: App }} props */
function Replying({ app }) {
  const { answered } = app;
  if (!answered) return null;
  const cancel = () => {
    app.answered = undefined;
    app.compose("", false);
    app.draw();
  };
  return html`<div class="replying"><span><b>${strings.replyingTo(clean(answered.from))}</b> <bdi>${plain(answered.text)}</bdi></span>
    <${IconButton} icon="close" label=${strings.cancelReply} onClick=${cancel} /></div>`;
}

/** @param {{ open: Open, choose: (suggestion: Suggestion) => void }} props */
function Suggestions({ open, choose }) {
  // The field keeps the focus, so a click must not take it.
  const hold = (/** @type {Event} */ event) => event.preventDefault();
  return html`<ul class="suggestions" id="suggestions" role="listbox" aria-label=${strings.suggestions} onMouseDown=${hold}>
    ${open.suggestions.map((suggestion, at) => (
    html`<li role="option" id="suggestion-${at}" aria-selected=${at === open.chosen} onClick=${() => choose(suggestion)}>
      <b>${clean(suggestion.label)}</b> <small>${plain(suggestion.detail)}</small></li>`))}
  </ul>`;
}
