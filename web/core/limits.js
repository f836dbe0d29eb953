/** Every bound of what the client keeps, as in `crates/chat/src/limits.rs`. Texts are in bytes of UTF-8. */
export const LIMITS = {
  /** Characters of a line from the server; longer ones are ignored. */
  LINE: 16_384,
  /** Parameters of a line; the last has the rest. */
  PARAMS: 15,
  CONVERSATIONS: 2_000,
  /** Rows of all conversations together; beyond it the longest timeline loses its oldest. */
  ENTRIES: 50_000,
  MEMBERS: 20_000,
  /** Client tags kept of a message. */
  TAGS: 16,
  /** Reactions kept of a message, and names of a reaction. */
  REACTIONS: 50,
  REACTION_BYTES: 64,
  /** Batches open at once, and lines kept of one. */
  BATCHES: 64,
  BATCH_LINES: 10_000,
  /** Requests whose answers are outstanding. */
  REQUESTS: 256,
  /** Messages on their way or failed. */
  OUTGOING: 1_000,
  /** Messages asked for on a page of history, and of search results. */
  PAGE: 50,
  RESULTS: 50,
  /** Rooms kept of a `LIST`. */
  LISTED: 5_000,
  TYPING: 20,
  /** How long somebody is shown as typing, and how often others are notified (IRCv3 typing). */
  TYPING_MS: 6_000,
  TYPING_INTERVAL_MS: 3_000,
  /** The longest wait asked of by a server before a message is sent again. */
  RETRY_MS: 600_000,
  PINS: 100,
  MOTD_LINES: 200,
  /** The tokens of `ISUPPORT`, and capabilities. */
  TOKENS: 500,
  /** The nodes of a cluster. */
  NODES: 64,
  TEXT_BYTES: 65_536,
  TEXT_LINES: 1_000,
  /** Of the line that a server relays (Modern IRC, "Message Format"). */
  LINE_BYTES: 512,
};

/** The capabilities that the core makes use of. All of them may be missing. */
export const WANTED = [
  "account-tag",
  "away-notify",
  "batch",
  "cap-notify",
  "draft/channel-rename",
  "draft/chathistory",
  "draft/event-playback",
  "draft/message-redaction",
  "draft/multiline",
  "draft/read-marker",
  "draft/search",
  "echo-message",
  "invite-notify",
  "labeled-response",
  "message-tags",
  "multi-prefix",
  "parlor/nodes",
  "parlor/unread",
  "server-time",
  "soju.im/search",
  "standard-replies",
];
