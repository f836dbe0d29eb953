// Small parts of the page that many others use.

/** @import { Child } from "../vendor/preact-htm.js" */
/** @import { IconName } from "./dom.js" */
import { h, html, useLayoutEffect, useRef } from "../vendor/preact-htm.js";
import { iconPaths } from "./dom.js";
import { strings } from "./strings.js";

/** @param {{ name: IconName }} props */
export function Icon({ name }) {
  return h("svg", { "class": "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: iconPaths[name] }));
}

/**
 * A button with an icon only; the label is read out and shown as a tooltip.
 * @param {{ icon: IconName, label: string, onClick: (event: MouseEvent) => void, pressed?: boolean, look?: string }} props
 */
export function IconButton({ icon, label, onClick, pressed, look = "" }) {
  return html`<button type="button" class="icon-button ${look}" aria-label=${label} title=${label}
    aria-pressed=${pressed} onClick=${onClick}><${Icon} name=${icon} /></button>`;
}

/**
 * A field with its label, and a hint or what is wrong below it.
 * @param {{ id: string, label: string, hint?: string, wrong?: string, children: Child }} props
 */
export function Field({ id, label, hint, wrong, children }) {
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children}
    ${wrong ? html`<p class="wrong" id="${id}-hint" role="alert">${wrong}</p>`
    : hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

/**
 * A dialog above everything else. The browser keeps the focus in it, closes it on Escape, and gives the focus back.
 * @param {{ titleId?: string, title: string, close: () => void, look?: string, children: Child }} props
 */
export function Modal({ titleId = "dialog-title", title, close, look = "", children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const { current } = dialog;
    current?.showModal();
    return () => current?.close();
  }, []);
  const onClick = (/** @type {MouseEvent} */ event) => {
    // Only a click beside the dialog's contents has the dialog itself as its target.
    if (event.target === dialog.current) close();
  };
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${dialog} class="dialog ${look}" aria-labelledby=${titleId} onClick=${onClick}
    onCancel=${onCancel}>
    <div class="dialog-inside">
      <header><h2 id=${titleId}>${title}</h2>
        <${IconButton} icon="close" label=${strings.close} onClick=${close} /></header>
      <div class="dialog-body" tabindex="0">${children}</div>
    </div>
  </dialog>`;
}

/**
 * A choice of a few, as a labelled select.
 * @param {{ id: string, label: string, value: string, options: Record<string, string>, disabled?: boolean,
 *   onChange: (value: string) => void }} props
 */
export function Choice({ id, label, value, options, disabled, onChange }) {
  const changed = (/** @type {Event & { currentTarget: HTMLSelectElement }} */ event) => {
    onChange(event.currentTarget.value);
  };
  return html`<div class="setting"><label for=${id}>${label}</label>
    <select id=${id} value=${value} disabled=${disabled} onChange=${changed}>
      ${Object.entries(options).map(([key, text]) => (
    html`<option value=${key} selected=${key === value}>${text}</option>`))}
    </select></div>`;
}

/**
 * Something that is on or off.
 * @param {{ id: string, label: string, on: boolean, disabled?: boolean, hint?: string, onChange: (on: boolean) => void }} props
 */
export function Toggle({ id, label, on, disabled, hint, onChange }) {
  const changed = (/** @type {Event & { currentTarget: HTMLInputElement }} */ event) => {
    onChange(event.currentTarget.checked);
  };
  return html`<div class="setting"><input type="checkbox" id=${id} checked=${on} disabled=${disabled}
    onChange=${changed} aria-describedby=${hint ? `${id}-hint` : undefined} />
    <label for=${id}>${label}</label>
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`;
}

/**
 * One line to fill in, with a button.
 * @param {{ id: string, label: string, button: string, value?: string, hint?: string, most?: number,
 *   empties?: boolean, onSubmit: (text: string) => void }} props `empties`: an empty line can be sent, too
 */
export function OneLine({ id, label, button, value = "", hint, most = 300, empties = false, onSubmit }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = input.current?.value.trim() ?? "";
    if (text || empties) onSubmit(text);
  };
  return html`<form class="one-line" onSubmit=${submit}>
    <${Field} id=${id} label=${label} hint=${hint}>
      <div class="with-button"><input id=${id} ref=${input} type="text" defaultValue=${value} maxlength=${most}
        autocomplete="off" aria-describedby=${hint ? `${id}-hint` : undefined} />
        <button type="submit">${button}</button></div>
    </${Field}>
  </form>`;
}
