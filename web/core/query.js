import { escapeTag, formatTime } from "./message.js";

/**
 * A search as a person types it, in the attributes of `SEARCH`: `from:ann in:#dev before:2026-10-01 words` as
 * `from=ann;in=#dev;…;text=words;limit=n`. What is no filter is looked for as it is typed.
 * @param {string} words @param {number | undefined} beforeMs @param {number} limit
 */
export function searchAttributes(words, beforeMs, limit) {
  const attributes = [];
  const text = [];
  let before;
  for (const word of splitQuoted(words)) {
    const [, key = "", value = ""] = /^(from|in|before|after):(.+)/s.exec(word) ?? [];
    const isDate = /^\d{4}-\d\d-\d\d$/.test(value);
    if (key === "from" || key === "in") attributes.push(`${key}=${escapeTag(value)}`);
    else if (key === "before" && isDate) before = `${value}T00:00:00.000Z`;
    else if (key === "after" && isDate) attributes.push(`after=${value}T00:00:00.000Z`);
    else text.push(word);
  }
  if (beforeMs !== undefined) before = formatTime(beforeMs);
  if (before) attributes.push(`before=${before}`);
  if (text.length) attributes.push(`text=${escapeTag(text.join(" "))}`);
  return [...attributes, `limit=${limit}`].join(";");
}

/** Words, and what stands in quotes with its quotes. @param {string} words */
function splitQuoted(words) {
  return words.match(/(?:"[^"]*(?:"|$)|[^\s"])+/g) ?? [];
}
