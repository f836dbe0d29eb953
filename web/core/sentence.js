// Numerics as sentences: what they say is in their order of parameters, which a person cannot know.

/**
 * The sentence of a numeric, by its parameters, the first of which is one's own name. Numerics that are in no table are
 * told as they came; empty for those that only say that something is over.
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
      return second.startsWith("is offline") ? `${first} ${second}` : `${first} is away: ${second}`;
    case "314":
      return `${first} was ${second}@${third}: ${fifth}`;
    case "760":
    case "761":
      if (second === "display-name") return `${first} is called ${params[4] ?? ""}`;
      if (second === "status") return `${first}'s status: ${params[4] ?? ""}`;
      return `${first}'s ${second}: ${params[4] ?? ""}`;
    case "766":
      return `${first} has no ${second}`;
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

/** A number of seconds as people say it. @param {string} text */
function span(text) {
  if (!/^\d{1,15}$/.test(text)) return text;
  const seconds = Number(text);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
