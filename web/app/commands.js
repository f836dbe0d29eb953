// Commands that begin with a slash: one table.

/** @import { App } from "./app.js" */
import { formatLine } from "../core/message.js";
import { joinRoom, leave, openPerson, say, sendAndTell, wantNotify } from "./actions.js";
import { logOut } from "./leaving.js";
import { strings } from "./strings.js";
import { plain } from "./text.js";

/**
 * @typedef {object} Command
 * @property {string} usage its parameters: `<needed>`, `[optional]`
 * @property {boolean} [inRoom] it works in rooms only
 * @property {(app: App, words: string[], rest: string) => void} run `rest` is all that follows the command
 */

/**
 * A command that sends a line about the room that is shown.
 * @param {string} verb
 * @returns {Command["run"]}
 */
function inRoom(verb) {
  return (app, [nick = ""], rest) => {
    const reason = rest.slice(nick.length).trim();
    sendAndTell(app, formatLine(verb, [app.current ?? "", nick], reason || undefined));
  };
}

/**
 * A command that changes the rank of a member.
 * @param {string} mode
 * @returns {Command}
 */
function rank(mode) {
  return {
    usage: "<name>", inRoom: true,
    run: (app, [nick = ""]) => void sendAndTell(app, formatLine("MODE", [app.current ?? "", mode, nick])),
  };
}

/**
 * @param {import("../core/types.js").Notify} notify
 * @returns {Command}
 */
function notifies(notify) {
  return { usage: "", run: (app) => wantNotify(app, app.current ?? "", notify) };
}

/**
 * @param {string} sign
 * @returns {Command}
 */
function silence(sign) {
  return {
    usage: "<name>",
    run: (app, [nick = ""]) => void sendAndTell(app, formatLine("SILENCE", [sign + nick]), strings.saved),
  };
}

/**
 * A command that sets something about this person.
 * @param {string} key
 * @returns {Command}
 */
function profile(key) {
  return {
    usage: "[text]",
    run: (app, _, rest) => (
      void sendAndTell(app, formatLine("METADATA", ["*", "SET", key], rest || undefined), strings.saved)),
  };
}

/**
 * Sends a line as it is, and says so if the answer has nothing in it to see.
 * @param {App} app
 * @param {string} line
 */
async function quote(app, line) {
  if (line.startsWith("@") || !app.chat.connected) return void app.perform({ type: "raw", line });
  const answer = await app.asking.ask(line, true);
  if (answer.every(({ verb }) => /^(ACK|BATCH|31[58]|369)$/.test(verb))) app.say(answer.length ? strings.nothing : strings.noAnswer);
}

/** @type {Record<string, Command>} */
export const commandTable = {
  me: { usage: "<text>", run: (app, _, rest) => void say(app, rest, true) },
  msg: {
    usage: "<name> [text]",
    run: (app, [nick = ""], rest) => {
      app.open(nick);
      const text = rest.slice(nick.length).trim();
      if (text) say(app, text);
    },
  },
  join: {
    usage: "<room>",
    run: (app, [rooms = ""]) => {
      for (const room of rooms.split(",")) if (room) joinRoom(app, room);
    },
  },
  part: { usage: "", run: (app) => leave(app, app.current ?? "") },
  topic: {
    usage: "[text]", inRoom: true,
    run: (app, _, rest) => {
      if (rest) sendAndTell(app, formatLine("TOPIC", [app.current ?? ""], rest));
      else app.say(plain(app.conversation?.topic ?? "") || strings.topicNone);
    },
  },
  invite: {
    usage: "<name>", inRoom: true,
    run: (app, [nick = ""]) => (
      void sendAndTell(app, formatLine("INVITE", [nick, app.current ?? ""]), strings.inviteSent(nick))),
  },
  kick: { usage: "<name> [reason]", inRoom: true, run: inRoom("KICK") },
  ban: { usage: "<name> [reason]", inRoom: true, run: inRoom("BAN") },
  unban: { usage: "<name>", inRoom: true, run: inRoom("UNBAN") },
  quiet: { usage: "<name> [reason]", inRoom: true, run: inRoom("QUIET") },
  unquiet: { usage: "<name>", inRoom: true, run: inRoom("UNQUIET") },
  op: rank("+o"),
  deop: rank("-o"),
  voice: rank("+v"),
  devoice: rank("-v"),
  mode: {
    usage: "<modes>", inRoom: true,
    run: (app, words) => void sendAndTell(app, formatLine("MODE", [app.current ?? "", ...words])),
  },
  away: { usage: "[reason]", run: (app, _, rest) => void sendAndTell(app, formatLine("AWAY", [], rest || strings.away), strings.saved) },
  back: { usage: "", run: (app) => void sendAndTell(app, "AWAY", strings.saved) },
  nick: { usage: "<name>", run: (app, [nick = ""]) => void sendAndTell(app, formatLine("NICK", [nick])) },
  whois: { usage: "<name>", run: (app, [nick = ""]) => openPerson(app, nick) },
  list: { usage: "", run: (app) => app.show({ type: "rooms" }) },
  search: {
    usage: "<words>",
    run: (app, _, rest) => {
      app.side = "search";
      app.perform({ type: "search", words: rest });
      app.draw();
    },
  },
  ignore: silence("+"),
  unignore: silence("-"),
  mute: notifies("none"),
  unmute: notifies("mentions"),
  follow: notifies("all"),
  status: profile("status"),
  name: profile("display-name"),
  quote: { usage: "<line>", run: (app, _, rest) => void quote(app, rest) },
  help: { usage: "", run: (app) => app.show({ type: "help" }) },
  quit: { usage: "", run: (app) => void logOut(app) },
};

/**
 * Runs what stands in the composer: a command if it begins with one slash, a message otherwise.
 * @param {App} app
 * @param {string} text
 * @returns {boolean} whether the composer can be emptied
 */
export function runComposed(app, text) {
  if (!text.startsWith("/") || text.startsWith("//")) {
    return say(app, text.startsWith("//") ? text.slice(1) : text);
  }
  const [, name = "", rest = ""] = /^\/(\S*)\s*([^]*)$/u.exec(text) ?? [];
  const command = Object.hasOwn(commandTable, name.toLowerCase()) ? commandTable[name.toLowerCase()] : undefined;
  if (!command) {
    app.say(strings.unknownCommand(name), true);
    return false;
  }
  const words = rest.split(/\s+/u).filter(Boolean);
  if (words.length < (command.usage.match(/</gu)?.length ?? 0)) {
    app.say(strings.usage(`/${name} ${command.usage}`), true);
    return false;
  }
  if (command.inRoom && app.conversation?.kind !== "room") {
    app.say(strings.onlyInRooms, true);
    return false;
  }
  command.run(app, words, rest.trim());
  return true;
}
