// Every sentence and word that the page shows: the one table to translate.

/**
 * One or several of something.
 * @param {number} count
 * @param {string} one
 * @param {string} many
 */
function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

/**
 * Names as a list: `ann, bob and eve`.
 * @param {readonly string[]} names
 */
function listed(names) {
  return new Intl.ListFormat("en", { type: "conjunction" }).format(names);
}

export const strings = {
  language: "en",
  appName: "Parlor",

  // Logging in.
  logIn: "Log in",
  register: "Create an account",
  guest: "Continue as a guest",
  loginHint: "Log in with your name and password, or create an account.",
  registerHint: "Pick a name and a password. There is no e-mail address to give, so keep the password safe.",
  guestHint: "Pick a name. Guests have no account: when you leave, nothing is kept for you.",
  invitedHint: "You are invited. Pick a name and a password to come in.",
  name: "Name",
  nameRules: "1 to 32 letters, digits and - _ [ ] \\ ` ^ { } |, not beginning with a digit or a hyphen.",
  password: "Password",
  passwordAgain: "Password again",
  passwordRules: "4 to 600 bytes. A few words in a row are good and easy to remember.",
  passwordsDiffer: "The two passwords are not the same.",
  nameMissing: "Enter your name.",
  nameBad: "This name has characters that are not allowed.",
  passwordMissing: "Enter your password.",
  passwordShort: "The password needs at least 4 characters.",
  code: "Code of your second factor",
  codeHint: "This account has a second factor: enter the code that your app shows now, or a recovery code.",
  invitation: "Invitation code",
  invitationHint: "This server takes new people by invitation.",
  serverPassword: "Password of this server",
  serverPasswordHint: "This server asks everybody for a password first.",
  showPassword: "Show password",
  stayLoggedIn: "Stay logged in on this device",
  stayHint: "Keeps a key for this device for 90 days, never your password. Log out to end it.",
  connecting: "Connecting…",
  loggingIn: "Logging in…",
  toRegister: "New here? Create an account",
  toLogin: "I have an account",
  toGuest: "Look in as a guest",

  // Connection.
  offline: "You are offline. What you write is sent when you are back.",
  reconnecting: "The connection broke. Connecting again…",
  /** @param {number} seconds */
  retryIn: (seconds) => `The connection broke. Trying again in ${plural(seconds, "second", "seconds")}.`,
  retryNow: "Try now",

  // Lists.
  skipToMessages: "Skip to the messages",
  conversations: "Conversations",
  rooms: "Rooms",
  people: "People",
  server: "Server",
  findRooms: "Find or create a room",
  newMessage: "Write to somebody",
  noRooms: "You are in no room yet.",
  noPeople: "No private messages yet.",
  /** @param {number} count @param {boolean} more */
  unread: (count, more) => `${count}${more ? "+" : ""} unread`,
  /** @param {number} count */
  mentions: (count) => plural(count, "mention", "mentions"),
  muted: "muted",
  draft: "draft",
  menu: "Settings",
  isGuest: "guest",
  back: "Back to the conversations",

  // A conversation.
  choose: "Choose a conversation, or press Ctrl+K to find one.",
  /** @param {string} name */
  messagesIn: (name) => `Messages in ${name}`,
  empty: "Nobody has said anything here yet.",
  /** @param {string} name */
  emptyPerson: (name) => `You and ${name} have not written to each other yet.`,
  /** @param {string} name */
  beginning: (name) => `This is the beginning of ${name}.`,
  loadingHistory: "Loading older messages…",
  gap: "Some messages are not here yet.",
  gapLoad: "Load them",
  /** @param {number} count @param {boolean} more @param {string} since */
  unreadLine: (count, more, since) => `${count}${more ? "+" : ""} new since ${since}`,
  unreadLineShort: "New",
  /** @param {number} count @param {boolean} more */
  jumpToUnread: (count, more) => `${count}${more ? "+" : ""} unread`,
  jumpToUnreadPlain: "Jump to unread",
  jumpToPresent: "Jump to the newest",
  /** @param {number} count */
  newBelow: (count) => plural(count, "new message", "new messages"),
  topicNone: "No topic",
  members: "People here",
  /** @param {number} count */
  memberCount: (count) => plural(count, "person", "people"),
  away: "away",
  online: "online",
  unknownPresence: "offline",
  roomInfo: "About this room",
  /** @param {readonly string[]} names */
  typing: (names) => {
    if (names.length > 3) return "Several people are typing…";
    return `${listed(names)} ${names.length === 1 ? "is" : "are"} typing…`;
  },
  notJoined: "You are not in this room.",
  joinRoom: "Join",
  moreUsers: "more",

  // Messages.
  sending: "Sending…",
  stored: "Stored on the server",
  sent: "Sent",
  failed: "Not sent",
  waitingForConnection: "Waiting for the connection",
  retry: "Try again",
  edit: "Edit",
  discard: "Discard",
  reply: "Reply",
  react: "React",
  moreActions: "More",
  copyText: "Copy text",
  takeBack: "Take back",
  takeBackAsk: "Take this message back? It is removed for everybody, and from the server's disk.",
  pin: "Pin",
  unpin: "Unpin",
  report: "Report to the operators",
  reportAsk: "What is wrong with this message?",
  /** @param {string} name */
  writeTo: (name) => `Write to ${name}`,
  /** @param {string} name */
  mentionName: (name) => `Mention ${name}`,
  /** @param {string} by */
  redacted: (by) => `Taken back by ${by}`,
  answers: "In answer to",
  answersUnknown: "In answer to an older message",
  /** @param {string} text @param {readonly string[]} by */
  reaction: (text, by) => `${text} by ${listed(by)}`,
  mentionsYou: "mentions you",
  copied: "Copied.",
  reported: "The operators are told.",

  // What happened.
  /** @param {string} who @param {string} whom @param {string} reason */
  kicked: (who, whom, reason) => `${who} removed ${whom}${reason ? `: ${reason}` : ""}`,
  /** @param {string} who @param {string} topic */
  topicSet: (who, topic) => (topic ? `${who} set the topic: ${topic}` : `${who} cleared the topic`),
  /** @param {string} who @param {string} modes */
  modeSet: (who, modes) => `${who} set mode ${modes}`,
  /** @param {string} who @param {string} whom */
  invited: (who, whom) => `${who} invited ${whom}`,
  /** @param {string} who */
  joined: (who) => `${who} joined`,
  /** @param {string} who @param {string} reason */
  left: (who, reason) => `${who} left${reason ? `: ${reason}` : ""}`,
  /** @param {string} who @param {string} reason */
  wentOffline: (who, reason) => `${who} went offline${reason ? `: ${reason}` : ""}`,
  /** @param {string} who @param {string} now */
  renamed: (who, now) => `${who} is now called ${now}`,
  /** @param {number} came @param {number} left @param {number} renamed */
  folded: (came, left, renamed) => [
    came > 0 && `${came} came`, left > 0 && `${left} left`,
    renamed > 0 && plural(renamed, "new name", "new names"),
  ].filter(Boolean).join(", "),

  // Composer.
  /** @param {string} name */
  messageTo: (name) => `Message ${name}`,
  send: "Send",
  emoji: "Insert an emoji",
  /** @param {string} name */
  replyingTo: (name) => `Replying to ${name}`,
  cancelReply: "Do not reply",
  suggestions: "Suggestions",
  /** @param {string} command */
  unknownCommand: (command) => `There is no command /${command}. /help shows all; // begins a message with a slash.`,
  /** @param {string} usage */
  usage: (usage) => `Use it like this: ${usage}`,
  onlyInRooms: "This works in rooms only.",

  // Reactions.
  pickReaction: "Pick a reaction",
  pickEmoji: "Pick an emoji",
  ownReaction: "Another emoji or word",

  // Panels and dialogs.
  close: "Close",
  cancel: "Cancel",
  save: "Save",
  saved: "Saved.",
  done: "Done",
  nothing: "Nothing to show",
  search: "Search",
  searchWords: "Words to find",
  searchHint: "from:ann, in:#dev, before:2026-10-01, after:…, has:link, \"exact words\" and -word narrow it down.",
  searching: "Searching…",
  searchNone: "Nothing found.",
  searchMore: "Older results",
  /** @param {number} count */
  searchFound: (count) => plural(count, "result", "results"),
  pinned: "Pinned messages",
  pinElsewhere: "An older message: show it",
  noPins: "Nothing is pinned.",
  palette: "Go to…",
  paletteHint: "A room, a person or a command",
  paletteNone: "Nothing matches.",
  roomList: "Rooms on this server",
  roomListFilter: "Filter or name a new room",
  /** @param {string} name */
  createRoom: (name) => `Create ${name}`,
  roomListEmpty: "There is no other room yet.",
  writeToWhom: "To whom do you want to write?",
  write: "Write",
  topic: "Topic",
  description: "What it is for",
  notifications: "Notifications",
  notifyMentions: "Mentions and private messages",
  notifyAll: "Every message",
  notifyNone: "Nothing (mute)",
  leaveRoom: "Leave the room",
  closeConversation: "Close the conversation",
  invitePerson: "Invite somebody",
  invite: "Invite",
  /** @param {string} name */
  inviteSent: (name) => `${name} is invited.`,
  inviteLink: "Invitation link",
  inviteLinkMake: "Make a link",
  inviteLinkHint: "Whoever has the link can create an account and comes into this room.",
  roomSettings: "Settings",
  roomSettingsHint: "For operators of the room.",
  historySetting: "Members can read",
  historyValues: {
    "default": "what suits the room", "all": "everything", "since-join": "since they joined",
    "none": "nothing older",
  },
  slowSetting: "Slow mode: wait between messages",
  slowOff: "off",
  announceSetting: "Only operators speak",
  registeredSetting: "Only people with an account",
  inviteSetting: "Invitations by",
  inviteValues: { operators: "operators", members: "all members" },
  closedSetting: "Close: only invited people can join",
  openSetting: "Open to everybody",
  bans: "Bans and quiets",
  noBans: "Nobody is banned or quieted.",
  lift: "Lift",
  until: "until",
  ban: "Ban",
  quiet: "Quiet",
  kick: "Remove from the room",
  banFor: "For how long",
  banDurations: { "": "until lifted", "10m": "10 minutes", "1h": "an hour", "1d": "a day", "1w": "a week" },
  reason: "Reason",
  makeOperator: "Make operator",
  takeOperator: "Take operator away",
  giveVoice: "Give a voice",
  takeVoice: "Take the voice away",
  moderation: "Moderate",
  ignore: "Ignore",
  unignore: "Stop ignoring",
  ignoreHint: "Their private messages and invitations do not reach you any more.",
  /** @param {string} rooms */
  roomsOf: (rooms) => `In ${rooms}`,
  /** @param {string} idle @param {string} since */
  idleSince: (idle, since) => `Quiet for ${idle}, online since ${since}`,
  /** @param {string} account */
  accountIs: (account) => `Account: ${account}`,
  profile: "Profile",
  yourProfile: "Your profile",
  displayName: "Display name",
  displayNameHint: "Shown beside your name.",
  status: "Status",
  statusHint: "What you are up to.",
  awayHint: "Tell others that you are away",
  roles: { "~": "founder", "&": "admin", "@": "operator", "%": "half-operator", "+": "voiced" },
  settings: "Settings",
  theme: "Appearance",
  themes: { system: "As the system", light: "Light", dark: "Dark" },
  desktopNotifications: "Notifications on this device",
  notificationsDenied: "The browser does not allow them: change that beside the address.",
  notificationsUnsupported: "This browser has none.",
  account: "Account",
  changePassword: "Change password",
  newPassword: "New password",
  newPasswordAgain: "New password again",
  passwordChanged: "The password is changed.",
  /** @param {string} name */
  passwordOf: (name) => `Password of ${name}`,
  proofHint: "For this, the server wants to see your password.",
  goOn: "Go on",
  renewalHint: "An admin has given you this code to log in. Choose a password of your own to go on.",
  secondFactor: "Second factor",
  secondFactorHint: "Logging in then takes a code from an app on your phone as well as the password.",
  turnOn: "Turn on",
  turnOff: "Turn off",
  secretHint: "Scan the picture with the app, or type this in, and enter the code that it shows:",
  recoveryCodes: "Keep these codes apart from your phone. Each logs you in once, in place of a code.",
  factorOff: "A code, to turn it off",
  factorCodes: "A code, for new recovery codes",
  newCodes: "New codes",
  sessions: "Where you are logged in",
  sessionEnd: "End",
  sessionsEndOthers: "End all others",
  /** @param {string} since */
  sessionSince: (since) => `since ${since}`,
  devices: "Your devices",
  devicesHint: "Each stays logged in by a key of its own.",
  noDevices: "No device stays logged in.",
  deviceForget: "Log out",
  strict: "Strict login",
  strictHint: "Programs that would show the server your password need an app password instead.",
  exportAll: "Export my data",
  exportHint: "A file with what the server keeps about your account, what you said, and the private messages you got.",
  exporting: "Exporting…",
  exportLong: "There is too much for a browser: use `chatclient account export`.",
  deleteAccount: "Delete the account",
  deletionHint: "This cannot be undone, and nobody can register the name again.",
  /** @param {string} name */
  deletionName: (name) => `To delete it, enter its name: ${name}`,
  accountDeleted: "Your account is deleted.",
  ignored: "Whom you ignore",
  logOut: "Log out",
  logOutHint: "Removes messages, drafts and the key from this device.",
  loggedOut: "You are logged out.",
  logOutUnsent: "Some messages are not sent yet and will be lost.",
  guestRegister: "You are a guest. Create an account to keep your name.",
  help: "Keys and commands",
  keys: "Keys",
  commands: "Commands",
  welcomeTo: "Welcome to",
  // What each key does; where there are several, a space is between them.
  keyNames: {
    "Ctrl+K": "Go to a room or person, or run a command",
    "Ctrl+F": "Search",
    "Alt+A": "Next conversation with something unread",
    "Alt+↑": "Conversation above",
    "Alt+↓": "Conversation below",
    "Alt+1…9": "First to ninth conversation",
    "↑ ↓": "Choose a message (in an empty composer)",
    "R": "Reply to the chosen message",
    "E Alt+R": "React to the chosen message, or the newest",
    "C": "Copy the chosen message",
    "Delete": "Take the chosen message back",
    "O": "Go to what the chosen message answers",
    "PgUp PgDn": "Scroll",
    "Home End": "To the oldest here, to the newest",
    "Shift+Enter Alt+Enter": "New line",
    "Tab": "Complete a name, room, command or :emoji:",
    "Alt+M": "Show or hide who is here",
    "Esc": "Back to the composer",
    "F1 ?": "This help",
  },
  commandHelp: /** @type {Record<string, string>} */ ({
    me: "say what you do", msg: "write to somebody", join: "join or create a room", part: "leave the room",
    topic: "show or set the topic", invite: "invite somebody to the room", kick: "remove somebody from the room",
    ban: "ban somebody from the room", unban: "lift a ban", quiet: "keep somebody from speaking",
    unquiet: "let somebody speak again", op: "make somebody operator", deop: "take operator away",
    voice: "give a voice", devoice: "take the voice away", mode: "change modes", away: "say that you are away",
    back: "say that you are back", nick: "change your name (guests)", whois: "show who somebody is",
    list: "show the rooms", search: "search messages", ignore: "ignore somebody", unignore: "end that",
    mute: "no notifications from here", unmute: "notifications as usual", follow: "notifications of everything here",
    status: "set your status", name: "set your display name", quote: "send a line as it is", help: "show this help",
    quit: "log out",
  }),
  noAnswer: "The server did not answer. Try again in a moment.",
  /** @param {string} name */
  notificationIn: (name) => `in ${name}`,
  resize: "Width of this column",
};
