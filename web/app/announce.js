// What a screen reader says: one sentence for each message that comes, apart from the timeline, which changes for
// other reasons too.

/** @import { Entry } from "../core/types.js" */
import { element } from "./dom.js";
import { plain } from "./text.js";

/** Sentences kept; a screen reader has read older ones. */
const keptSentences = 20;
/** Characters read out of one message. */
const readLength = 500;

/** The place of the sentences; it has to be in the page before the first comes. */
export function announcer() {
  return element("div", { "id": "announcer", "class": "sr-only", "aria-live": "polite" });
}

/**
 * Has a message read out.
 * @param {Entry} entry
 */
export function announce(entry) {
  const place = document.getElementById("announcer");
  if (!place) return;
  place.append(element("p", {}, `${plain(entry.from)}: ${plain(entry.text).slice(0, readLength)}`));
  while (place.childElementCount > keptSentences) place.firstElementChild?.remove();
}
