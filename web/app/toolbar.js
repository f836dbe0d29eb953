// The buttons of the message under the mouse, or with the focus: one element that moves from row to row.

/** @import { IconName } from "./dom.js" */
import { element, iconElement } from "./dom.js";
import { strings } from "./strings.js";

/**
 * @param {HTMLElement} list
 * @returns {(row: HTMLElement) => void} shows the buttons at a row
 */
export function addToolbar(list) {
  const button = (/** @type {IconName} */ icon, /** @type {string} */ action, /** @type {string} */ label) => {
    const made = element("button", { "type": "button", "class": "icon-button", "data-action": action,
      "aria-label": label, "title": label });
    made.append(iconElement(icon));
    return made;
  };
  const toolbar = element("div", { "class": "toolbar" },
    button("smile", "react", strings.react), button("reply", "reply", strings.reply),
    button("more", "more", strings.moreActions));
  const show = (/** @type {HTMLElement} */ row) => {
    if (toolbar.parentElement !== row) row.append(toolbar);
  };
  const showAt = (/** @type {Event} */ event) => {
    const row = event.target instanceof Element ? event.target.closest(".message") : null;
    if (row instanceof HTMLElement) show(row);
  };
  list.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse") showAt(event);
  });
  list.addEventListener("focusin", (event) => {
    // The focus that a finger or the mouse leaves behind is no wish to see them.
    if (event.target instanceof Element && event.target.matches(":focus-visible")) showAt(event);
  });
  list.addEventListener("pointerleave", (event) => {
    // A finger leaves whenever it is lifted.
    if (event.pointerType === "mouse" && !toolbar.parentElement?.contains(document.activeElement)) toolbar.remove();
  });
  return show;
}
