// The middle column: header, timeline, who is typing, composer.

/** @import { Conversation } from "../core/conversation.js" */
/** @import { App } from "./app.js" */
import { html, useLayoutEffect, useRef } from "../vendor/preact-htm.js";
import { joinRoom } from "./actions.js";
import { Composer } from "./composer.js";
import { IconButton } from "./parts.js";
import { unreadOf } from "./notify.js";
import { strings } from "./strings.js";
import { clean, plain } from "./text.js";

/** @param {{ app: App }} props */
export function ChatView({ app }) {
  const { conversation } = app;
  if (!conversation) {
    return html`<section class="chat"><${Mount} app=${app} hidden=${true} />
      <p class="choose">${strings.choose}</p></section>`;
  }
  return html`<section class="chat">
    <${Header} app=${app} conversation=${conversation} />
    <${Mount} app=${app} hidden=${false} />
    <${Typing} app=${app} conversation=${conversation} />
    ${conversation.kind === "room" && !conversation.joined && app.chat.ready
    ? html`<div class="not-joined"><span>${strings.notJoined}</span>
      <button type="button" class="primary" onClick=${() => joinRoom(app, conversation.name)}>${strings.joinRoom}</button></div>`
    : html`<${Composer} app=${app} key=${conversation.name} name=${conversation.name} />`}
  </section>`;
}

/** The timeline draws itself; it only has its place here. @param {{ app: App, hidden: boolean }} props */
function Mount({ app, hidden }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    place.current?.append(app.timeline.root);
    app.timeline.update();
  }, []);
  return html`<div class="timeline-place" ref=${place} hidden=${hidden}></div>`;
}

/** @param {{ app: App, conversation: Conversation }} props */
function Header({ app, conversation }) {
  const { name, kind, topic, pins, notify } = conversation;
  const room = kind === "room";
  const { unread } = unreadOf(app);
  const status = kind === "person" ? plain(app.presence.status(name)) : plain(topic);
  const info = () => app.show(room ? { type: "room", name } : { type: "person", nick: name });
  const toggle = (/** @type {"members" | "search" | "pins"} */ side) => app.toggleSide(side);
  return html`<header class="bar">
    <span class="back"><${IconButton} icon="back" look=${unread > 0 ? "dotted" : ""}
      label=${unread > 0 ? `${strings.back}: ${strings.unread(unread, false)}` : strings.back}
      onClick=${() => app.toList()} /></span>
    <div class="bar-title">
      ${kind === "server" ? html`<h1>${strings.server}</h1>`
    : html`<h1><button type="button" onClick=${info}><bdi>${clean(name)}</bdi></button></h1>`}
      <span class="topic" dir="auto" title=${status}>${status || (room ? strings.topicNone : "")}</span>
    </div>
    <span class="bar-buttons">
      ${notify === "none" && html`<span class="badge">${strings.muted}</span>`}
      ${pins.length > 0 && html`<${IconButton} icon="pin" label=${strings.pinned} pressed=${app.side === "pins"}
        onClick=${() => toggle("pins")} />`}
      <${IconButton} icon="search" label=${strings.search} pressed=${app.side === "search"} onClick=${() => toggle("search")} />
      ${room && html`<${IconButton} icon="people" label=${strings.members} pressed=${app.side === "members"}
        onClick=${() => toggle("members")} />`}
      ${kind !== "server" && html`<${IconButton} icon="more" label=${room ? strings.roomInfo : strings.profile} onClick=${info} />`}
    </span>
  </header>`;
}

/** @param {{ app: App, conversation: Conversation }} props */
function Typing({ app, conversation }) {
  const names = conversation.typing.map(({ nick }) => clean(nick)).filter((nick) => !app.presence.isIgnored(nick));
  return html`<div class="typing">${names.length > 0 && strings.typing(names)}</div>`;
}
