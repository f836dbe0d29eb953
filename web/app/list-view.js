// The left column: rooms and people, with what is unread.

/** @import { Conversation } from "../core/conversation.js" */
/** @import { App } from "./app.js" */
import { same } from "../core/fold.js";
import { html } from "../vendor/preact-htm.js";
import { initial, nameColour } from "./dom.js";
import { Icon, IconButton } from "./parts.js";
import { strings } from "./strings.js";
import { clean } from "./text.js";

/**
 * The conversations as they are listed: rooms by name, people by name, then the server.
 * @param {App} app
 * @returns {Conversation[]}
 */
export function listedConversations(app) {
  const order = { room: 0, person: 1, server: 2 };
  const all = [...app.chat.conversations.values()].filter(isListed);
  return all.sort((a, b) => order[a.kind] - order[b.kind] || a.name.localeCompare(b.name));
}

/** The server's own conversation is listed once it has said something. @param {Conversation} conversation */
function isListed(conversation) {
  return conversation.kind !== "server" || conversation.timeline.rows.length > 0;
}

/** @param {{ app: App }} props */
export function ListView({ app }) {
  const all = listedConversations(app);
  const rooms = all.filter(({ kind }) => kind === "room");
  const people = all.filter(({ kind }) => kind === "person");
  const server = all.filter(({ kind }) => kind === "server");
  const host = clean(app.chat.server.tokens.get("NETWORK") ?? app.chat.server.name) || strings.appName;
  return html`<nav class="list" aria-label=${strings.conversations}>
    <header class="bar">
      <h1>${host}</h1>
      <${IconButton} icon="search" label=${strings.palette} onClick=${() => app.show({ type: "palette" })} />
    </header>
    <div class="list-scroll">
      <${Section} app=${app} title=${strings.rooms} add=${strings.findRooms} conversations=${rooms}
        none=${strings.noRooms} onAdd=${() => app.show({ type: "rooms" })} />
      <${Section} app=${app} title=${strings.people} add=${strings.newMessage} conversations=${people}
        none=${strings.noPeople} onAdd=${() => app.show({ type: "write" })} />
      ${server.length > 0 && html`<${Section} app=${app} title=${strings.server} conversations=${server} />`}
    </div>
    <footer class="me">
      <button type="button" class="me-button" onClick=${() => app.show({ type: "settings" })}>
        <span class="avatar n${nameColour(app.chat.me)}" aria-hidden="true">${initial(app.chat.me)}</span>
        <span class="me-name"><b>${clean(app.chat.me)}</b>
          <small>${clean(app.presence.status(app.chat.me)) || (app.client.isGuest ? strings.isGuest : strings.menu)}</small>
        </span>
        <${Icon} name="gear" />
      </button>
    </footer>
  </nav>`;
}

/**
 * @param {{ app: App, title: string, add?: string, none?: string, conversations: Conversation[], onAdd?: () => void }} props
 */
function Section({ app, title, add, none, conversations, onAdd }) {
  const id = `section-${title}`;
  return html`<section aria-labelledby=${id}>
    <header><h2 id=${id}>${title}</h2>
      ${add && onAdd && html`<${IconButton} icon="plus" label=${add} onClick=${onAdd} />`}</header>
    ${conversations.length === 0 ? html`<p class="none">${none}</p>` : html`<ul>
      ${conversations.map((conversation) => (
    html`<li key=${conversation.name}><${Listed} app=${app} conversation=${conversation} /></li>`))}
    </ul>`}
  </section>`;
}

/** @param {{ app: App, conversation: Conversation }} props */
function Listed({ app, conversation }) {
  const { name, kind, unread, unreadMore, mentions, notify } = conversation;
  const shown = app.current !== undefined && same(app.current, name);
  const urgent = kind === "person" ? unread : mentions;
  const quiet = notify === "none";
  const looks = ["listed", unread > 0 && !quiet && "unread", quiet && "muted", kind === "room" && !conversation.joined
    && app.chat.ready && "left"];
  const draft = !shown && app.client.draft(name) !== "";
  return html`<button type="button" class=${looks.filter(Boolean).join(" ")} aria-current=${shown ? "page" : undefined}
    onClick=${() => app.open(name)}>
    <${Mark} app=${app} conversation=${conversation} />
    <span class="listed-name">${nameOf(conversation)}</span>
    ${quiet && html`<span class="quiet-mark"><${Icon} name="bellOff" /><span class="sr-only">${strings.muted}</span></span>`}
    ${draft && html`<span class="draft-mark">${strings.draft}</span>`}
    ${unread > 0 && html`<span class="count ${urgent > 0 && !quiet ? "urgent" : ""}">
      <span aria-hidden="true">${urgent > 0 && kind === "room" ? `@${urgent}` : unread}${unreadMore ? "+" : ""}</span>
      <span class="sr-only">${strings.unread(unread, unreadMore)}${mentions > 0 && kind === "room"
    ? `, ${strings.mentions(mentions)}` : ""}</span></span>`}
  </button>`;
}

/** @param {Conversation} conversation */
function nameOf({ name, kind }) {
  if (kind === "server") return strings.server;
  return clean(kind === "room" ? name.slice(1) : name);
}

/** What stands before a name: `#` for a room, a dot that says whether a person is online. @param {{ app: App, conversation: Conversation }} props */
function Mark({ app, conversation: { name, kind } }) {
  if (kind !== "person") return html`<span class="mark" aria-hidden="true">${kind === "room" ? name.charAt(0) : "*"}</span>`;
  const online = app.presence.isOnline(name);
  const label = online === undefined ? "" : online ? strings.online : strings.unknownPresence;
  return html`<span class="mark presence ${online ? "online" : ""}" title=${label}><span class="sr-only">${label}</span></span>`;
}
