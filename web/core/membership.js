// Who is in which room, with which ranks, under which name, and what the room is about.
/** @import { Chat } from "./chat.js" */
/** @import { Received } from "./received.js" */
import { fold, same } from "./fold.js";
import { LIMITS } from "./limits.js";
import { nickOf } from "./message.js";
import { readEntry } from "./said.js";
import { refreshConversation } from "./send.js";

/** Adds the row of an event, and reports the change. @param {Chat} chat @param {Received} received */
function happened(chat, received) {
  const placed = readEntry(chat, received);
  if (!placed) return;
  chat.add(placed.place, placed.entry);
  chat.touch("conversation", placed.place);
}

/** @param {Chat} chat @param {Received} received @param {string[]} out */
export function receiveJoin(chat, received, out) {
  const [room, who] = [received.param(0), received.from()];
  if (!room) return;
  const mine = same(who, chat.me);
  const conversation = chat.conversationOrNew(room);
  if (mine) {
    conversation.name = room;
    conversation.joined = true;
    conversation.joining = false;
    conversation.members.clear();
  }
  conversation.addMember(who, "");
  // Joining a room again by logging in is not an event there.
  if (chat.ready || !mine) happened(chat, received);
  if (mine && same(chat.current, room) && chat.ready) refreshConversation(chat, room, out);
}

/** @param {Chat} chat @param {Received} received */
export function receivePart(chat, received) {
  happened(chat, received);
  leftRoom(chat, received.param(0), received.from());
}

/** @param {Chat} chat @param {Received} received */
export function receiveKick(chat, received) {
  happened(chat, received);
  leftRoom(chat, received.param(0), received.param(1));
}

/** Somebody is no longer in a room. @param {Chat} chat @param {string} room @param {string} who */
function leftRoom(chat, room, who) {
  const conversation = chat.conversation(room);
  if (!conversation) return;
  conversation.members.delete(fold(who));
  if (same(who, chat.me)) {
    conversation.joined = false;
    conversation.members.clear();
  }
}

/** Adds a row to every room in which somebody is. @param {Chat} chat @param {Received} received @param {string} who */
function happenedEverywhere(chat, received, who) {
  const rooms = [...chat.conversations.values()].filter(({ members }) => members.has(fold(who)));
  const entry = readEntry(chat, received)?.entry;
  for (const { name } of entry ? rooms : []) {
    // It is one event with one msgid at most, but a row in each room.
    if (entry) chat.add(name, { ...entry, msgid: undefined });
    chat.touch("conversation", name);
  }
  return rooms;
}

/** @param {Chat} chat @param {Received} received */
export function receiveQuit(chat, received) {
  const who = received.from();
  for (const { members } of happenedEverywhere(chat, received, who)) members.delete(fold(who));
}

/** @param {Chat} chat @param {Received} received */
export function receiveNick(chat, received) {
  const [before, after] = [received.from(), received.param(0)];
  if (!before || !after) return;
  for (const { members } of happenedEverywhere(chat, received, before)) {
    const member = members.get(fold(before));
    members.delete(fold(before));
    if (member) members.set(fold(after), { ...member, nick: after });
  }
  const conversation = chat.conversation(before);
  if (same(before, chat.me)) {
    chat.me = after;
  } else if (conversation) {
    chat.conversations.delete(fold(before));
    conversation.name = after;
    if (!chat.conversation(after)) chat.conversations.set(fold(after), conversation);
  }
  chat.touch("conversation", after);
}

/** @param {Chat} chat @param {Received} received */
export function receiveAway(chat, received) {
  for (const conversation of chat.conversations.values()) {
    const member = conversation.member(received.from());
    if (!member) continue;
    member.away = received.param(0) !== "";
    chat.touch("conversation", conversation.name);
  }
}

/** @param {Chat} chat @param {Received} received */
export function receiveMode(chat, received) {
  const room = received.param(0);
  if (!chat.server.isRoom(room)) return;
  happened(chat, received);
  const ranks = chat.server.ranks();
  const marks = ranks.map(([, mark]) => mark);
  let at = 2;
  let set = true;
  for (const mode of received.param(1)) {
    if (mode === "+" || mode === "-") {
      set = mode === "+";
      continue;
    }
    if (!chat.server.modeTakesParam(mode, set)) continue;
    const member = chat.conversation(room)?.member(received.param(at++));
    const mark = ranks.find(([rank]) => rank === mode)?.[1];
    if (!member || mark === undefined) continue;
    const held = [...member.marks].filter((one) => one !== mark);
    if (set) held.push(mark);
    member.marks = held.sort((a, b) => marks.indexOf(a) - marks.indexOf(b)).join("");
  }
}

/** @param {Chat} chat @param {Received} received */
export function receiveTopic(chat, received) {
  happened(chat, received);
  setTopic(chat, received.param(0), received.param(1));
}

/** @param {Chat} chat @param {string} room @param {string} topic */
export function setTopic(chat, room, topic) {
  const conversation = chat.conversation(room);
  if (!conversation) return;
  conversation.topic = topic;
  chat.touch("conversation", conversation.name);
}

/** @param {Chat} chat @param {Received} received */
export function receiveInvite(chat, received) {
  const [whom, room] = [received.param(0), received.param(1)];
  if (!same(whom, chat.me) || chat.conversation(room)) return happened(chat, received);
  const text = `${received.from()} invites you to ${room}. To join: /join ${room}`;
  return chat.inform(chat.current, "info", received.nowMs, text);
}

/** @param {Chat} chat @param {Received} received */
export function receiveRename(chat, received) {
  const [before, after] = [received.param(0), received.param(1)];
  if (!before || !after) return;
  const conversation = chat.conversation(before);
  if (!conversation) return;
  chat.conversations.delete(fold(before));
  conversation.name = after;
  chat.conversations.set(fold(after), conversation);
  if (same(chat.current, before)) chat.current = after;
  const text = `${received.from()} renamed the room ${before} to ${after}`;
  chat.inform(after, "info", received.nowMs, text);
  chat.touch("conversation", after);
}

/** A line of `NAMES`. @param {Chat} chat @param {Received} received */
export function receiveNames(chat, received) {
  const conversation = chat.conversation(received.param(2));
  if (conversation?.kind !== "room") return;
  conversation.names ??= new Map();
  for (const name of received.last().split(" ").filter(Boolean)) {
    const { marks, rest } = chat.server.splitMarks(name);
    const nick = nickOf(rest);
    const away = conversation.member(nick)?.away ?? false;
    if (conversation.names.size < LIMITS.MEMBERS) conversation.names.set(fold(nick), { nick, marks, away });
  }
}

/** The end of `NAMES`. @param {Chat} chat @param {string} room */
export function endNames(chat, room) {
  const conversation = chat.conversation(room);
  const names = conversation?.names;
  if (!conversation || !names) return;
  conversation.names = undefined;
  if (!conversation.joined) return;
  conversation.members = names;
  chat.touch("conversation", conversation.name);
}
