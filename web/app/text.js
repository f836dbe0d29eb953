// What people wrote, as DOM nodes: formatting, code and links. Only text nodes are made of it, never HTML.

/**
 * A stretch of text that looks the same.
 * @typedef {object} Piece
 * @property {string} text
 * @property {string} look class names, separated by spaces; empty for plain text
 * @property {"text" | "link" | "room" | "name"} kind
 * @property {string} to where a link leads, or which room it is
 */

const linkPattern = /\b(?:https?:\/\/|mailto:)[^\s<>"'`\u0000-\u001f\u007f]+/giu;
const roomPattern = /(?<![\p{L}\p{N}_#&/])#[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,62}/gu;
const linkSchemes = new Set(["http:", "https:", "mailto:"]);
/** Switches of mIRC formatting that are on or off. */
const switches = new Map([
  ["\x02", "bold"], ["\x1d", "italic"], ["\x1f", "underline"], ["\x1e", "strike"],
  ["\x11", "mono"], ["\x16", "reverse"],
]);
const formatCodes = /[\x02\x1d\x1f\x1e\x11\x16\x0f]|\x03(?:(\d{1,2})(?:,(\d{1,2}))?)?|\x04(?:[0-9a-f]{6}(?:,[0-9a-f]{6})?)?/giu;

/**
 * A text from the network without what could disturb the text around it: control characters and overrides of the
 * writing direction.
 * @param {string} text
 */
export function clean(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu, "");
}

/**
 * The same without formatting, for places that have none.
 * @param {string} text
 */
export function plain(text) {
  return clean(text.replace(formatCodes, ""));
}

/**
 * Splits one line at its formatting codes.
 * @param {string} line
 * @returns {{text: string, look: string}[]}
 */
export function formatted(line) {
  /** @type {{text: string, look: string}[]} */
  const runs = [];
  const on = new Set();
  let [front, back, from] = ["", "", 0];
  const add = (/** @type {string} */ text) => {
    const look = [...on, front && `front-${front}`, back && `back-${back}`];
    if (text) runs.push({ text: clean(text), look: look.filter(Boolean).join(" ") });
  };
  for (const code of line.matchAll(formatCodes)) {
    add(line.slice(from, code.index));
    from = code.index + code[0].length;
    const kind = code[0].charAt(0);
    const name = switches.get(kind);
    if (name) {
      if (!on.delete(name)) on.add(name);
    } else if (kind === "\x0f") {
      on.clear();
      [front, back] = ["", ""];
    } else {
      front = shade(code[1]);
      // A background of its own stays until the colours end.
      back = code[1] === undefined ? "" : shade(code[2]) || back;
    }
  }
  add(line.slice(from));
  return runs;
}

/**
 * The number of a colour that has a class.
 * @param {string | undefined} digits
 */
function shade(digits) {
  const number = Number(digits ?? 99);
  return number < 16 ? String(number) : "";
}

/**
 * Where a link leads, if it may lead there.
 * @param {string} text
 */
export function linkTarget(text) {
  try {
    const url = new URL(text);
    return linkSchemes.has(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

/**
 * A link without the punctuation of the sentence around it.
 * @param {string} link
 */
function trimLink(link) {
  let text = link;
  for (;;) {
    const last = text.charAt(text.length - 1);
    const closes = last === ")" && text.split(")").length > text.split("(").length;
    if (!closes && !/[.,;:!?*_~\]}]/u.test(last)) return text;
    text = text.slice(0, -1);
  }
}

/**
 * Finds links, rooms and this person's name in text that looks the same.
 * @param {string} text
 * @param {string} look
 * @param {string} me
 * @returns {Piece[]}
 */
function linked(text, look, me) {
  /** @type {{at: number, piece: Piece}[]} */
  const found = [];
  for (const match of text.matchAll(linkPattern)) {
    const link = trimLink(match[0]);
    const to = linkTarget(link);
    if (to) found.push({ at: match.index, piece: { text: link, look, kind: "link", to } });
  }
  for (const match of text.matchAll(roomPattern)) {
    const room = match[0].replace(/[.-]+$/u, "");
    if (/^#\d+$/u.test(room)) continue;
    found.push({ at: match.index, piece: { text: room, look, kind: "room", to: room } });
  }
  for (const at of placesOf(text, me)) {
    const name = text.slice(at, at + me.length);
    found.push({ at, piece: { text: name, look, kind: "name", to: "" } });
  }
  found.sort((a, b) => a.at - b.at || b.piece.text.length - a.piece.text.length);
  /** @type {Piece[]} */
  const pieces = [];
  let from = 0;
  for (const { at, piece } of found) {
    if (at < from) continue;
    if (at > from) pieces.push({ text: text.slice(from, at), look, kind: "text", to: "" });
    pieces.push(piece);
    from = at + piece.text.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), look, kind: "text", to: "" });
  return pieces;
}

/**
 * Where a name stands as a word, in any case.
 * @param {string} text
 * @param {string} name
 */
function placesOf(text, name) {
  /** @type {number[]} */
  const places = [];
  if (!name) return places;
  const [inText, wanted] = [text.toLowerCase(), name.toLowerCase()];
  // Where folding changes lengths, places would be wrong; a name is ASCII, so it is just not found.
  if (inText.length !== text.length) return places;
  const inName = /[\p{L}\p{N}\-_[\]\\`^{}|]/u;
  for (let at = inText.indexOf(wanted); at >= 0; at = inText.indexOf(wanted, at + 1)) {
    const after = at + wanted.length;
    const alone = !inName.test(text.charAt(at - 1)) && !inName.test(text.charAt(after));
    if (alone) places.push(at);
  }
  return places;
}

/**
 * One line outside of code blocks, in pieces.
 * @param {string} line
 * @param {string} me
 * @returns {Piece[]}
 */
export function lineParts(line, me) {
  return line.split(/(`[^`]+`)/u).flatMap((part) => {
    if (part.length > 2 && part.startsWith("`")) {
      const text = plain(part.slice(1, -1));
      return [/** @type {Piece} */ ({ text, look: "code", kind: "text", to: "" })];
    }
    return formatted(part).flatMap(({ text, look }) => linked(text, look, me));
  });
}

/**
 * @param {Piece} piece
 * @returns {Node}
 */
function nodeOf({ text, look, kind, to }) {
  if (kind === "text" && !look) return document.createTextNode(text);
  const tag = { link: "a", room: "button", name: "mark", text: look === "code" ? "code" : "span" }[kind];
  const element = document.createElement(tag);
  element.textContent = text;
  if (look && look !== "code") element.className = look;
  if (element instanceof HTMLAnchorElement) {
    element.href = to;
    element.rel = "noopener noreferrer";
    element.target = "_blank";
  } else if (kind === "room") {
    element.classList.add("room-link");
    element.setAttribute("type", "button");
    element.dataset.room = to;
  }
  return element;
}

/**
 * A whole message; lines between three backticks are code.
 * @param {string} text
 * @param {string} me
 */
export function messageNodes(text, me) {
  const nodes = document.createDocumentFragment();
  /** @type {string[] | null} */
  let code = null;
  let begun = false;
  const close = () => {
    if (!code) return;
    const block = document.createElement("pre");
    block.tabIndex = 0;
    block.append(plain(code.join("\n")));
    nodes.append(block);
    [code, begun] = [null, false];
  };
  for (const line of text.split("\n")) {
    if (/^```/u.test(line)) {
      if (code) close();
      else code = [];
      continue;
    }
    if (code) {
      code.push(line);
      continue;
    }
    if (begun) nodes.append(document.createElement("br"));
    nodes.append(...lineParts(line, me).map(nodeOf));
    begun = true;
  }
  close();
  return nodes;
}

/**
 * Whether a text is a few emoji and nothing else.
 * @param {string} text
 */
export function isOnlyEmoji(text) {
  return text.length <= 24 && /\p{Extended_Pictographic}/u.test(text)
    && /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s)+$/u.test(text);
}
