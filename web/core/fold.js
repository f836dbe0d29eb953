/** The name as a key: two names are the same if their folded forms are (`CASEMAPPING=ascii`). @param {string} name */
export function fold(name) {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Whether two names are the same. @param {string} a @param {string} b */
export function same(a, b) {
  return a === b || fold(a) === fold(b);
}

/** Whether a text mentions a name: as a word, in any case. @param {string} text @param {string} name */
export function mentions(text, name) {
  const words = text.split(/[^-\w[\]\\`^{}|\p{Alphabetic}\p{N}]+/u);
  return name !== "" && words.some((word) => same(word, name));
}

/** Whether a text mentions everybody: `@room` as a word. @param {string} text */
export function mentionsRoom(text) {
  return text.split(/[^@\p{Alphabetic}\p{N}]+/u).includes("@room");
}

/** @param {string} text @returns {number} Its length in bytes of UTF-8. */
export function byteLength(text) {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Each half of a surrogate pair is two of its four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
