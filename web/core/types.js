// The shapes that the modules share; nothing here runs, so `modules.txt` leaves it out.

/**
 * @typedef {"message" | "notice" | "action" | "join" | "part" | "quit" | "kick" | "nick" | "topic"
 *   | "mode" | "invite" | "info" | "error"} Kind
 *   What kind of row it is. `action` is `/me`; `info` and `error` are the server's or this client's words.
 */

/**
 * @typedef {{ state: "pending" } | { state: "stored" } | { state: "sent" }
 *   | { state: "failed", reason: string }} Delivery
 *   How far one's own message has come: on its way, on the server's disk, sent to a server that
 *   confirms nothing, refused.
 */

/** @typedef {{ address: string, fingerprint?: string }} ClusterNode A node of a cluster: `HOST:PORT`, and its certificate's if that is self-signed. */

/** @typedef {{ text: string, by: string[] }} Reaction One reaction, and who reacted so. */

/**
 * @typedef {object} Entry One row of a timeline.
 * @property {string} [msgid] The server's id; none for what it gives none to.
 * @property {number} timeMs When the server took it, or when it came; milliseconds since 1970 UTC.
 * @property {Kind} kind
 * @property {string} from The nick, or the server's name.
 * @property {string} [account] The author's account, where the server says so.
 * @property {boolean} mine This person's own, from this or another device.
 * @property {boolean} mentionsMe
 * @property {string} whom To whom it happened: who was kicked or invited, the new name of `nick`.
 * @property {string} text What was said, as it came: never HTML. Lines are separated by `\n`.
 * @property {string} [replyTo] The msgid of the message it answers.
 * @property {Map<string, string>} tags The other client tags, without their `+`.
 * @property {Reaction[]} reactions
 * @property {string} [redactedBy] Who took it back; its text is empty then.
 * @property {Delivery} [delivery] If it is this person's own.
 * @property {number} [outgoing] The number under which it was sent from here.
 */

/** @typedef {Entry | "gap"} Row A gap: there may be something here that is not known yet. */

/**
 * @typedef {"latest" | { before: string } | { after: string } | { since: number }
 *   | { around: string }} Run
 *   Which run of history a page is: the newest, next to a msgid, from a time on, around a msgid.
 */

/** @typedef {"mentions" | "all" | "none"} Notify Which messages this person is notified of. */

/** @typedef {{ nick: string, marks: string, away: boolean }} Member `marks`: the highest rank first, such as `@+`. */

/**
 * @typedef {object} Outgoing A message on its way to the server, or refused.
 * @property {number} number Its number on this client, which is also the label of its line.
 * @property {number} textId Which text it is a piece of: the number that the text's first piece had when this tab took it up.
 * @property {string} resendId The id that makes sending it again harmless (`+parlor/resend`).
 * @property {string} to
 * @property {string} text
 * @property {boolean} action
 * @property {string} [replyTo]
 * @property {number} timeMs When it was written.
 * @property {Delivery} delivery
 * @property {boolean} sent It has been sent on this connection.
 * @property {boolean} resent It was sent on an earlier connection, too.
 * @property {number} [retryAtMs] When to send it again, if the server has said to wait.
 */

/** @typedef {{ name: string, members: number, topic: string }} Listed A room in the answer to `list`. */

/**
 * @typedef {object} Search The newest search.
 * @property {string} words
 * @property {boolean} loading The answer is outstanding.
 * @property {{ target: string, entry: Entry }[]} found Newest first.
 * @property {string} note How far back the server looked, or why it did not, in its words.
 */

/**
 * @typedef {{ type: "say", to: string, text: string, action?: boolean, replyTo?: string }
 *   | { type: "retry", number: number }
 *   | { type: "discard", number: number }
 *   | { type: "react", target: string, msgid: string, text: string, undo: boolean }
 *   | { type: "redact", target: string, msgid: string, reason: string }
 *   | { type: "typing", target: string, active: boolean }
 *   | { type: "open", target: string }
 *   | { type: "close", target: string }
 *   | { type: "load", target: string, run: Run }
 *   | { type: "markRead", target: string }
 *   | { type: "notify", target: string, notify: Notify }
 *   | { type: "search", words: string, beforeMs?: number }
 *   | { type: "list" }
 *   | { type: "raw", line: string }
 *   | { type: "quit", reason: string }} Intent
 *   What a person wants. `open` joins a room that this person is not in and asks for the newest page;
 *   `close` leaves it, and what was never sent in a closed one is dropped. `search` takes the words of `FIND`.
 */

/**
 * @typedef {{ type: "said", target: string, entry: Entry }
 *   | { type: "timeline", target: string }
 *   | { type: "conversation", target: string }
 *   | { type: "page", target: string, count: number, refused?: string }
 *   | { type: "settled", number: number, msgid?: string, refused?: string }
 *   | { type: "found" }
 *   | { type: "listed" }
 *   | { type: "closing", reason: string }
 *   | { type: "killed", reason: string }
 *   | { type: "ready" }} Change
 *   What has changed. `said`: a message came live. `timeline`: rows, or what is on its way there.
 *   `conversation`: which there are, and what their lists show (unread, members, topic, typing).
 *   `page`: history that was asked for is here or will not come. `settled`: one's own message is on the
 *   server's disk, or was refused.
 *   `killed`: an operator ended the connections; do not come back unasked. `ready`: the welcome is over.
 */

/** @typedef {{ tags: Map<string, string>, source: string, verb: string, params: string[] }} Message A parsed line. */

/**
 * @typedef {object} Login How to log in.
 * @property {"password" | "register" | "guest"} how
 * @property {string} name
 * @property {string} [password] For `password` and `register`.
 * @property {string} [code] Of the second factor.
 * @property {string} [invitation] With `register`.
 * @property {string} [serverPassword] What the server asks of everybody, if it does.
 * @property {boolean} [remember] Stay logged in on this device, by a token of its own.
 */

/**
 * @typedef {"password" | "code" | "name" | "newPassword" | "invitation" | "serverPassword" | "closed"
 *   | "account" | "encryption" | "token" | "later" | "killed" | "server"} Problem
 *   Why a login failed, so what to ask for: the password was wrong; the code of the second
 *   factor is missing or wrong; the name cannot be had; the new password cannot be one; an invitation is
 *   needed; the server's password is; nobody can register; guests cannot come in; the page must come by
 *   https; the token of this device is no longer good; not now; an operator ended the connections; the
 *   server does something it should not.
 */

/**
 * @typedef {{ phase: "out", problem?: Problem, reason?: string }
 *   | { phase: "connecting" }
 *   | { phase: "online" }
 *   | { phase: "waiting", retryAtMs: number, reason: string }} Status
 *   Logged out (why, in the server's words, if it was not wanted); on the way to the server; online;
 *   disconnected, and when it is tried again.
 */

export {};
