// The right column: who is here, search results, pinned messages.

/** @import { Entry, Member } from "../core/types.js" */
/** @import { App } from "./app.js" */
import { same } from "../core/fold.js";
import { formatLine } from "../core/message.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { openPerson } from "./actions.js";
import { notesIn } from "./asking.js";
import { shortTime } from "./dates.js";
import { initial, nameColour } from "./dom.js";
import { IconButton } from "./parts.js";
import { strings } from "./strings.js";
import { clean, plain } from "./text.js";

/** Members listed at once; more are a button away. */
const membersAtOnce = 200;
/** Results of one page; with fewer there is no other. */
const pageOfResults = 50;

/** @param {{ app: App }} props */
export function SideView({ app }) {
  const { conversation, side } = app;
  if (!conversation || side === "" || (side === "members" && conversation.kind !== "room")) return null;
  const titles = { members: strings.members, search: strings.search, pins: strings.pinned };
  const close = () => app.toggleSide(side);
  return html`<section class="side ${side}" aria-label=${titles[side]}>
    <header class="bar"><h2>${titles[side]}</h2>
      <${IconButton} icon="close" label=${strings.close} onClick=${close} /></header>
    ${side === "members" && html`<${Members} app=${app} />`}
    ${side === "search" && html`<${SearchPanel} app=${app} />`}
    ${side === "pins" && html`<${Pins} app=${app} key=${conversation.name} />`}
  </section>`;
}

/** @param {{ app: App }} props */
function Members({ app }) {
  const [most, setMost] = useState(membersAtOnce);
  const members = [...(app.conversation?.members.values() ?? [])];
  const order = app.chat.server.ranks().map(([, mark]) => mark).join("");
  const rank = (/** @type {Member} */ { marks }) => {
    const at = order.indexOf(marks.charAt(0) || " ");
    return at < 0 ? order.length : at;
  };
  members.sort((a, b) => rank(a) - rank(b) || Number(a.away) - Number(b.away) || a.nick.localeCompare(b.nick));
  return html`<div class="side-scroll">
    <p class="none">${strings.memberCount(members.length)}</p>
    <ul class="members">${members.slice(0, most).map((member) => (
    html`<li key=${member.nick}><${MemberButton} app=${app} member=${member} /></li>`))}</ul>
    ${members.length > most && html`<button type="button" class="link" onClick=${() => setMost(most + membersAtOnce)}>
      ${members.length - most} ${strings.moreUsers}</button>`}
  </div>`;
}

/** @param {{ app: App, member: Member }} props */
function MemberButton({ app, member: { nick, marks, away } }) {
  /** @type {Record<string, string>} */
  const roles = strings.roles;
  const status = plain(app.presence.status(nick));
  const display = clean(app.presence.displayName(nick));
  return html`<button type="button" class="member ${away ? "away" : ""}" onClick=${() => openPerson(app, nick)}>
    <span class="avatar small n${nameColour(nick)}" aria-hidden="true">${initial(nick)}</span>
    <span class="member-name"><bdi>${clean(nick)}</bdi>${display && html` <small><bdi>${display}</bdi></small>`}
      ${(status || away) && html`<small class="status">${away ? strings.away : ""}${away && status ? " · " : ""}${status}</small>`}
    </span>
    ${marks && html`<span class="badge">${roles[marks.charAt(0)] ?? marks.charAt(0)}</span>`}
  </button>`;
}

/** @param {{ app: App }} props */
function SearchPanel({ app }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const { search } = app.chat;
  useLayoutEffect(() => input.current?.focus(), []);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const words = input.current?.value.trim() ?? "";
    if (words) app.perform({ type: "search", words });
    app.draw();
  };
  const oldest = search.found[search.found.length - 1];
  const more = () => app.perform({ type: "search", words: search.words, ...(oldest ? { beforeMs: oldest.entry.timeMs } : {}) });
  return html`<form class="search-form" role="search" onSubmit=${submit}>
      <input ref=${input} type="search" aria-label=${strings.searchWords} placeholder=${strings.searchWords}
        defaultValue=${search.words} autocomplete="off" enterkeyhint="search" aria-describedby="search-hint" />
    </form>
    <div class="side-scroll" tabindex="0" aria-label=${strings.search}>
      <p class="none" role="status">${searchState(search)}</p>
      ${search.found.length === 0 && !search.loading && html`<p class="hint" id="search-hint">${strings.searchHint}</p>`}
      <ul class="results">${search.found.map(({ target, entry }) => (
    html`<li key=${entry.msgid}><${Result} app=${app} target=${target} entry=${entry} /></li>`))}</ul>
      ${search.found.length >= pageOfResults && !search.loading && html`<button type="button" class="link" onClick=${more}>
        ${strings.searchMore}</button>`}
    </div>`;
}

/** @param {import("../core/types.js").Search} search */
function searchState({ loading, words, found, note }) {
  if (loading) return strings.searching;
  if (note) return plain(note);
  if (!words) return "";
  return found.length > 0 ? strings.searchFound(found.length) : strings.searchNone;
}

/** @param {{ app: App, target: string, entry: Entry }} props */
function Result({ app, target, entry }) {
  const go = () => {
    if (app.current === undefined || !same(app.current, target)) app.open(target);
    if (matchMedia("(max-width: 1000px)").matches) app.side = "";
    app.draw();
    if (entry.msgid) app.timeline.goTo(entry.msgid);
  };
  return html`<button type="button" class="result" onClick=${go}>
    <span><b class="n${nameColour(entry.account ?? entry.from)}">${clean(entry.from)}</b>
      <small> ${strings.notificationIn(clean(target))} · ${shortTime(entry.timeMs)}</small></span>
    <span class="result-text" dir="auto">${plain(entry.text)}</span></button>`;
}

/** @param {{ app: App }} props */
function Pins({ app }) {
  const { conversation } = app;
  const [pins, setPins] = useState(/** @type {string[]} */ (conversation?.pins ?? []));
  useEffect(() => {
    if (!conversation) return;
    app.asking.ask(formatLine("PIN", [conversation.name])).then((answer) => {
      const entries = notesIn(answer, "ENTRY").map(([, msgid = ""]) => msgid);
      if (entries.length > 0) setPins(entries);
    });
  }, []);
  if (!conversation) return null;
  return html`<div class="side-scroll">
    ${pins.length === 0 && html`<p class="none">${strings.noPins}</p>`}
    <ul class="results">${pins.map((msgid) => {
    const entry = conversation.timeline.find(msgid);
    return html`<li key=${msgid}>${entry ? html`<${Result} app=${app} target=${conversation.name} entry=${entry} />`
      : html`<button type="button" class="result" onClick=${() => app.timeline.goTo(msgid)}>${strings.pinElsewhere}</button>`}</li>`;
  })}</ul></div>`;
}
