// What this browser remembers of how the page looks; nothing of it is secret.

/**
 * @typedef {object} Settings
 * @property {"system" | "light" | "dark"} theme
 * @property {boolean} notifications
 * @property {boolean} members whether the list of members is shown on wide screens
 * @property {number} listWidth in pixels
 * @property {number} sideWidth in pixels
 */

const settingsKey = "parlor.settings";
export const widths = { least: 160, most: 480 };

/** @type {Settings} */
const defaults = {
  theme: "system", notifications: false, members: true, listWidth: 250, sideWidth: 230,
};

/** @returns {Settings} */
export function loadSettings() {
  try {
    const stored = JSON.parse(localStorage.getItem(settingsKey) ?? "{}");
    const known = Object.entries(defaults).map(([name, value]) => (
      [name, typeof stored[name] === typeof value ? stored[name] : value]));
    return Object.fromEntries(known);
  } catch {
    // Storage that is switched off, or was written by something else: the settings last as long as the page.
    return { ...defaults };
  }
}

/** @param {Settings} settings */
export function saveSettings(settings) {
  try {
    localStorage.setItem(settingsKey, JSON.stringify(settings));
  } catch {
    // The same.
  }
}

/** Records for early.js whether somebody stays logged in on this device. @param {boolean} stays */
export function markStaying(stays) {
  try {
    if (stays) localStorage.setItem("parlor.stays", "1");
    else localStorage.removeItem("parlor.stays");
  } catch {
    // The same.
  }
}

/**
 * Makes the page look as it is set.
 * @param {Settings} settings
 */
export function applySettings(settings) {
  const { style, dataset } = document.documentElement;
  dataset.theme = settings.theme;
  const bounded = (/** @type {number} */ width) => Math.min(Math.max(width, widths.least), widths.most);
  style.setProperty("--list-width", `${bounded(settings.listWidth)}px`);
  style.setProperty("--side-width", `${bounded(settings.sideWidth)}px`);
}
