// Times and days as people read them, in the browser's language and time zone.

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {string} name
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(name, options) {
  let made = formats.get(name);
  if (!made) {
    made = new Intl.DateTimeFormat(undefined, options);
    formats.set(name, made);
  }
  return made;
}

/**
 * The time of day: `14:02`.
 * @param {number} ms
 */
export function timeOfDay(ms) {
  return format("time", { hour: "2-digit", minute: "2-digit" }).format(ms);
}

/**
 * Day and time in full, for tooltips.
 * @param {number} ms
 */
export function fullTime(ms) {
  return format("full", { dateStyle: "full", timeStyle: "medium" }).format(ms);
}

/**
 * Day and time, short: `3 Oct, 14:02`; of today only the time.
 * @param {number} ms
 */
export function shortTime(ms) {
  if (dayNumber(ms) === dayNumber(Date.now())) return timeOfDay(ms);
  return format("short", {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  }).format(ms);
}

/**
 * A value that is the same for all times of one day.
 * @param {number} ms
 */
export function dayNumber(ms) {
  const date = new Date(ms);
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate();
}

/**
 * A day as a heading: today, yesterday, or its date; with the year if it is another.
 * @param {number} ms
 * @param {number} nowMs
 */
export function dayName(ms, nowMs) {
  const yesterday = new Date(nowMs);
  yesterday.setDate(yesterday.getDate() - 1);
  const days = dayNumber(ms) === dayNumber(nowMs) ? 0 : -1;
  if (days === 0 || dayNumber(ms) === dayNumber(yesterday.getTime())) {
    const name = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(days, "day");
    return name.charAt(0).toLocaleUpperCase() + name.slice(1);
  }
  if (new Date(ms).getFullYear() === new Date(nowMs).getFullYear()) {
    return format("day", { weekday: "long", day: "numeric", month: "long" }).format(ms);
  }
  return format("year", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(ms);
}
