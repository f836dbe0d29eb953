// Numerics as sentences, since the meaning of their parameters depends on the order.

/**
 * Numerics that are not shown as they are. A digit is the parameter of that number, the first of which is one's own name; what
 * is in braces is left out if its parameter says nothing. Those that only end a list are empty.
 * @type {Record<string, string>}
 */
const numerics = {
  // The answers to WHOIS. With a star no person has said that they are away.
  "301": "1 is away{: 2}",
  "311": "1 is 2@3: 5",
  "312": "1 is connected to 2 (3)",
  "319": "1 is in 2",
  "330": "1 is logged in as 2",
  "314": "1 was 2@3: 5",
  "331": "1 has no topic",
  "332": "The topic of 1: 2",
  "760": "1's 2: 4",
  "761": "1's 2: 4",
  "766": "1 has no 2",
  "341": "1 is invited to 2",
  "346": "Invited to 1 without asking: 2",
  "348": "Let into 1 in spite of bans: 2",
  "367": "Banned from 1: 2",
  "728": "Quiet in 1: 3",
  "315": "",
  "318": "",
  "369": "",
};

/**
 * The sentence of a numeric, by its parameters; numerics that are in no table are shown as they are.
 * @param {string} numeric @param {readonly string[]} params @returns {string}
 */
export function sentence(numeric, params) {
  const [, first = "", second = ""] = params;
  // What a Parlor server says of somebody who is offline is no reason of theirs.
  if (numeric === "301" && second.startsWith("is offline")) return `${first} ${second}`;
  if (numeric === "271") return `You ignore ${params.at(-1)}`;
  if (numeric === "317") return `${first} has been idle for ${span(second)}`;
  if (/^76[01]$/.test(numeric) && second === "display-name") return `${first} is called ${params[4] ?? ""}`;
  const template = numerics[numeric];
  return template === undefined ? params.slice(1).join(" ") : fill(template, params);
}

/**
 * What rows of lists, and secrets, are about, by verb and code. A digit is the parameter of that number after these.
 * @type {Record<string, string>}
 */
const rows = {
  "BAN ENTRY": "Banned 1{ by 2}{ until 3}",
  "QUIET ENTRY": "Quiet 1{ by 2}{ until 3}",
  "ROOM SETTING": "1",
  "ACCOUNT SESSION": "Session 0{ from 3}",
  "ACCOUNT TOKEN": "App password 0",
  "ACCOUNT TOKEN_ADDED": "App password 0: 1",
  "ACCOUNT 2FA_SECRET": "Secret 0",
  "ACCOUNT 2FA_CODE": "Recovery code 0",
  "CERT ENTRY": "Certificate 0",
  "NOTIFY ENTRY": "Of 0",
  "INVITATION ENTRY": "Invitation 0, uses left: 1{ until 2}{ by 3}{ to 4}",
  "REPORTS ENTRY": "Report 0{ by 1}{ about 2}",
  "SERVERBAN ENTRY": "Ban 0: 1{ by 4}{ until 3}",
  "ACCOUNTS ENTRY": "Account 0, 2 3, connections: 4",
  "AUDIT ENTRY": "Entry 0 1 2 3 4",
};

/**
 * The sentence of a standard reply, whose last parameter says nothing of what a row is about.
 * @param {readonly string[]} params @returns {string}
 */
export function standardSentence(params) {
  const [verb, code] = params;
  const template = rows[`${verb} ${code}`];
  const about = template && fill(template, params.slice(2, -1));
  return [about, params.at(-1)].filter(Boolean).join(": ");
}

/** @param {string} template @param {readonly string[]} values */
function fill(template, values) {
  return template.replace(/\{(\D+)(\d)\}|\d/g, (digit, word = "", index = digit) => {
    const value = values[index] ?? "";
    return word && /^\*?$/.test(value) ? "" : word + value;
  });
}

/** A number of seconds as people say it. @param {string} text */
export function span(text) {
  if (!/^\d{1,15}$/.test(text)) return text;
  const seconds = Number(text);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
