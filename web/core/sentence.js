// Numerics as sentences, since the meaning of their parameters depends on the order.

/**
 * The sentence of a numeric, by its parameters, the first of which is one's own name. Numerics that are in no table are
 * shown as they are; empty for those that only end a list.
 * @param {string} numeric @param {readonly string[]} params @returns {string}
 */
export function sentence(numeric, params) {
  const [, first = "", second = "", third = "", , fifth = ""] = params;
  switch (numeric) {
    // The answers to WHOIS.
    case "311":
      return `${first} is ${second}@${third}: ${fifth}`;
    case "312":
      return `${first} is connected to ${second} (${third})`;
    case "317":
      return `${first} has been idle for ${span(second)}`;
    case "319":
      return `${first} is in ${second}`;
    case "330":
      return `${first} is logged in as ${second}`;
    case "301":
      // What a Parlor server says of somebody who is offline is no reason of theirs.
      if (second.startsWith("is offline")) return `${first} ${second}`;
      // With a star no person has said so.
      return `${first} is away${second === "*" ? "" : `: ${second}`}`;
    case "314":
      return `${first} was ${second}@${third}: ${fifth}`;
    case "760":
    case "761":
      if (second === "display-name") return `${first} is called ${params[4] ?? ""}`;
      if (second === "status") return `${first}'s status: ${params[4] ?? ""}`;
      return `${first}'s ${second}: ${params[4] ?? ""}`;
    case "766":
      return `${first} has no ${second}`;
    case "271":
      return `You ignore ${params.at(-1)}`;
    case "341":
      return `${first} is invited to ${second}`;
    case "346":
      return `Invited to ${first} without asking: ${second}`;
    case "348":
      return `Let into ${first} in spite of bans: ${second}`;
    case "367":
      return `Banned from ${first}: ${second}`;
    case "728":
      return `Quiet in ${first}: ${third}`;
    case "315":
    case "318":
    case "369":
      return "";
    default:
      return params.slice(1).join(" ");
  }
}

/**
 * What rows of lists, and secrets, are about, by verb and code. A digit is the parameter of that number after these; what
 * is in braces is left out if its parameter says nothing.
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
  const values = params.slice(2, -1);
  const about = rows[`${verb} ${code}`]?.replace(/\{(\D+)(\d)\}|\d/g, (digit, word = "", index = digit) => {
    const value = values[index] ?? "";
    return word && /^\*?$/.test(value) ? "" : word + value;
  });
  return [about, params.at(-1)].filter(Boolean).join(": ");
}

/** A number of seconds as people say it. @param {string} text */
function span(text) {
  if (!/^\d{1,15}$/.test(text)) return text;
  const seconds = Number(text);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
