// Making elements by hand, for what changes too often to go through Preact.

/**
 * An element with attributes and children. Texts become text nodes; an attribute that is `false` or missing is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | undefined>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/**
 * A button with a text.
 * @param {string} text
 * @param {string} action what it does, for the timeline's one listener
 * @param {string} [look]
 */
export function actionButton(text, action, look) {
  return element("button", { "type": "button", "class": look, "data-action": action }, text);
}

/**
 * Which of twelve colours belongs to a name; the same everywhere and always.
 * @param {string} name
 */
export function nameColour(name) {
  let hash = 2166136261;
  for (const character of name.toLowerCase()) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  }
  return (hash >>> 8) % 12;
}

/**
 * The letter that stands for a name.
 * @param {string} name
 */
export function initial(name) {
  const first = /[\p{L}\p{N}]/u.exec(name)?.[0] ?? name.charAt(0);
  return first.toLocaleUpperCase();
}

const svgNamespace = "http://www.w3.org/2000/svg";

/** The icons' outlines in a box of 24 × 24. */
export const iconPaths = {
  back: "M15 5l-7 7 7 7",
  bellOff: "M6 16V11a6 6 0 0 1 9-5.2M18 11v5l1.5 2h-15M10 21h4M4 4l16 16",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  gear: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  more: "M4.5 12a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0zM11.4 12a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0zM18.3 12a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0z",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.4a6.5 6.5 0 0 1 3.5 5.6",
  pin: "M9 4h6l-.5 6 3 3.5H6.5l3-3.5zM12 13.5V21",
  plus: "M12 5v14M5 12h14",
  reply: "M10 7L4 12l6 5M4 12h9a7 7 0 0 1 7 7",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L21 21",
  send: "M4 12l16-8-5 16-3.5-6.5zM20 4l-8.5 9.5",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5h.01M15 9.5h.01",
  up: "M12 19V5M6 11l6-6 6 6",
};

/** @typedef {keyof typeof iconPaths} IconName */

/**
 * An icon; what it means is said by the button around it.
 * @param {IconName} name
 */
export function iconElement(name) {
  const svg = document.createElementNS(svgNamespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svgNamespace, "path");
  path.setAttribute("d", iconPaths[name]);
  svg.append(path);
  return svg;
}
