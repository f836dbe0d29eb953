// All about one person, and what can be done: write, ignore, moderate.

/** @import { Message } from "../core/types.js" */
/** @import { App } from "./app.js" */
import { same } from "../core/fold.js";
import { formatLine } from "../core/message.js";
import { span } from "../core/sentence.js";
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { isOperator, leave, sendAndTell } from "./actions.js";
import { shortTime } from "./dates.js";
import { initial, nameColour } from "./dom.js";
import { Choice, Modal } from "./parts.js";
import { strings } from "./strings.js";
import { clean, plain } from "./text.js";

/** @param {{ app: App, nick: string, close: () => void }} props */
export function PersonDialog({ app, nick, close }) {
  const [facts, setFacts] = useState(/** @type {string[]} */ ([]));
  const [, setDraw] = useState(0);
  useEffect(() => {
    app.asking.ask(formatLine("WHOIS", [nick])).then((answer) => setFacts(factsIn(answer)));
    app.asking.ask(formatLine("METADATA", [nick, "GET", "display-name", "status"])).then((answer) => {
      for (const { params } of answer) app.presence.learn(params.slice(1));
      setDraw(1);
    });
  }, []);
  const mine = same(nick, app.chat.me);
  const status = plain(app.presence.status(nick));
  const display = clean(app.presence.displayName(nick));
  const ignored = app.presence.isIgnored(nick);
  const ignore = async () => {
    await sendAndTell(app, formatLine("SILENCE", [`${ignored ? "-" : "+"}${nick}`]), strings.saved);
    setDraw(Date.now());
  };
  const mention = () => {
    close();
    app.compose(`${nick}: `, false);
  };
  const isOpen = app.conversation?.kind === "person" && same(app.conversation.name, nick);
  return html`<${Modal} title=${clean(nick)} close=${close}>
    <div class="person"><span class="avatar large n${nameColour(nick)}" aria-hidden="true">${initial(nick)}</span>
      <div>${display && html`<p><bdi>${display}</bdi></p>`}${status && html`<p class="status" dir="auto">${status}</p>`}
        ${facts.map((fact) => html`<p class="hint">${fact}</p>`)}</div></div>
    ${!mine && html`<div class="buttons">
      ${!isOpen && html`<button type="button" class="primary" onClick=${() => app.open(nick)}>${strings.writeTo(clean(nick))}</button>`}
      ${app.conversation?.kind === "room" && html`<button type="button" onClick=${mention}>${strings.mentionName(clean(nick))}</button>`}
      <button type="button" onClick=${ignore} aria-describedby="ignore-hint">${ignored ? strings.unignore : strings.ignore}</button>
      ${isOpen && html`<button type="button" onClick=${() => leave(app, nick)}>${strings.closeConversation}</button>`}
    </div>
    <p class="hint" id="ignore-hint">${!ignored && strings.ignoreHint}</p>
    <${Notify} app=${app} nick=${nick} />`}
    ${!mine && isOperator(app, true) && app.conversation?.member(nick) && html`<${Moderation} app=${app} nick=${nick} close=${close} />`}
  </${Modal}>`;
}

/** @param {{ app: App, nick: string }} props */
function Notify({ app, nick }) {
  const conversation = app.chat.conversation(nick);
  if (!conversation) return null;
  const options = { mentions: strings.notifyAll, none: strings.notifyNone };
  return html`<${Choice} id="person-notify" label=${strings.notifications} options=${options}
    value=${conversation.notify === "none" ? "none" : "mentions"}
    onChange=${(/** @type {"mentions" | "none"} */ notify) => app.perform({ type: "notify", target: nick, notify })} />`;
}

/** @param {{ app: App, nick: string, close: () => void }} props */
function Moderation({ app, nick, close }) {
  const room = app.current ?? "";
  const [duration, setDuration] = useState("");
  const [reason, setReason] = useState("");
  const marks = app.conversation?.member(nick)?.marks ?? "";
  const does = (/** @type {string} */ line) => () => {
    close();
    sendAndTell(app, line, strings.done);
  };
  const timed = (/** @type {string} */ verb) => (
    does(formatLine(verb, duration ? [room, nick, duration] : [room, nick], reason || undefined)));
  const mode = (/** @type {string} */ letter, /** @type {string} */ mark) => (
    does(formatLine("MODE", [room, `${marks.includes(mark) ? "-" : "+"}${letter}`, nick])));
  return html`<fieldset><legend>${strings.moderation}</legend>
    <div class="field"><label for="reason">${strings.reason}</label><input id="reason" type="text" maxlength="200"
      onInput=${(/** @type {Event & { currentTarget: HTMLInputElement }} */ event) => setReason(event.currentTarget.value)} /></div>
    <${Choice} id="ban-for" label=${strings.banFor} value=${duration} options=${strings.banDurations} onChange=${setDuration} />
    <div class="buttons">
      <button type="button" class="danger" onClick=${does(formatLine("KICK", [room, nick], reason || undefined))}>${strings.kick}</button>
      <button type="button" class="danger" onClick=${timed("QUIET")}>${strings.quiet}</button>
      <button type="button" class="danger" onClick=${timed("BAN")}>${strings.ban}</button>
      ${isOperator(app) && html`<button type="button" onClick=${mode("o", "@")}>${marks.includes("@") ? strings.takeOperator : strings.makeOperator}</button>`}
      <button type="button" onClick=${mode("v", "+")}>${marks.includes("+") ? strings.takeVoice : strings.giveVoice}</button>
    </div>
  </fieldset>`;
}

/**
 * The answer to WHOIS, as lines to read.
 * @param {readonly Message[]} answer
 */
function factsIn(answer) {
  return answer.flatMap(({ verb, params }) => {
    const [, , first = "", second = ""] = params;
    const text = plain(params[params.length - 1] ?? "");
    switch (verb) {
      case "311": return [`${clean(first)}@${clean(second)} · ${text}`];
      case "319": return [strings.roomsOf(clean(text))];
      // A star is no reason.
      case "301": return [strings.away + (text === "*" ? "" : `: ${text}`)];
      case "317": return [strings.idleSince(span(first), shortTime(Number(second) * 1000))];
      case "330": return [strings.accountIs(clean(first))];
      case "313": case "335": case "401": case "671": return [text];
      default: return [];
    }
  });
}
