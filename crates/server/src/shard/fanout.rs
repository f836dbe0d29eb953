//! Fan-out: from released effects to the outboxes of this shard's connections.

use crate::effects::released::{Released, SettledBatch};
use crate::effects::{self, Condition, Derive, Effect, Effects, News, Read};
use crate::password::Job;
use crate::reader::ReadJob;
use crate::render::Tagging;
use crate::session::delivery::Watermarks;
use crate::session_id::SessionId;
use crate::shard::connection::{Connection, Stage};
use crate::shard::{Scheduled, Shard};
use crate::transport::SharedLines;
use crate::wake::Wake;
use proto::Capabilities;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::RoomId;

/// The rooms of this shard's connections.
pub(crate) type Rooms = HashMap<RoomId, Members, BuildHasherDefault<IdHasher>>;

/// Hashes room ids. They are assigned by the server, so nobody can choose colliding ones.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, id: u32) {
        // Fibonacci hashing: combines both halves of the product, whose low bits are weak.
        let product = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The connections of this shard in one room, and what they share during a release.
#[derive(Debug, Default)]
pub(crate) struct Members {
    slots: Vec<usize>,
    /// The members' lines of this release, per set of capabilities; only while the room shares.
    shared: Vec<(Capabilities, SharedLines)>,
    /// Members that receive more than this room's lines, and so get them in order through their
    /// outboxes.
    mixed: Vec<usize>,
    /// Whether members share lines in this release.
    shares: bool,
}

/// Where a connection's lines in one release come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sources {
    /// None so far.
    #[default]
    None,
    /// A single room.
    OneRoom,
    /// Several: they are appended to its outbox.
    Mixed,
}

impl Members {
    /// Adds a connection that is not a member yet.
    pub(crate) fn add(&mut self, slot: usize) {
        self.slots.push(slot);
    }

    /// Removes a connection; true if none is left.
    pub(crate) fn remove(&mut self, slot: usize) -> bool {
        if let Some(at) = self.slots.iter().position(|member| *member == slot) {
            self.slots.remove(at);
        }
        self.slots.is_empty()
    }
}

impl Shard {
    /// Carries out released effects for this shard's connections. Returns whether they answer this
    /// shard's batch.
    ///
    /// Most members of a busy room receive only that room's lines. They are written to directly
    /// from one buffer, instead of copying each line into each outbox.
    pub(crate) fn release(&mut self, released: &Released) -> bool {
        let mut mixed = Vec::new();
        let rooms = self.find_sharing(released, &mut mixed);
        self.part_members(&rooms, &mixed);
        let mut answered = false;
        for settled in &released.settled {
            self.stopping |= settled.effects.last;
            for effect in &settled.effects.list {
                if settled.happens(effect.condition) {
                    self.carry_out(settled, effect.condition, &effect.effect);
                }
            }
            answered |= settled.effects.answers == Some(self.parts.id);
        }
        for slot in mixed {
            self.connections[slot].sources = Sources::None;
        }
        for room in rooms {
            self.write_shared(room);
        }
        answered
    }

    /// The rooms with news, if their members can share lines; and in `mixed`, the connections that
    /// receive something else.
    fn find_sharing(&mut self, released: &Released, mixed: &mut Vec<usize>) -> Vec<RoomId> {
        let mut rooms = Vec::new();
        for settled in &released.settled {
            for effect in &settled.effects.list {
                let by_itself = match &effect.effect {
                    _ if !settled.happens(effect.condition) => None,
                    Effect::Tell { rooms: effects::Rooms::One(room), except, .. } => {
                        if let Some(members) = self.rooms.get_mut(room)
                            && !std::mem::replace(&mut members.shares, true)
                        {
                            rooms.push(*room);
                        }
                        for session in except {
                            if self.connection(*session).is_some() {
                                mixed.push(session.slot as usize);
                            }
                        }
                        None
                    }
                    Effect::Reply { to, .. }
                    | Effect::TellOne { to, .. }
                    | Effect::Confirm { to, .. }
                    | Effect::NotStored { to, .. }
                    | Effect::Refused { to, .. }
                    | Effect::Read { session: to, .. } => Some(*to),
                    Effect::Ready { .. }
                    | Effect::MustLogIn { .. }
                    | Effect::MustSetPassword { .. }
                    | Effect::Derive { .. }
                    | Effect::Reload { .. }
                    | Effect::Probed { .. }
                    | Effect::Hold { .. }
                    | Effect::Log(_)
                    | Effect::Count(_) => None,
                    // On another shard, or already closed: nothing changes here.
                    Effect::Enter { session, .. }
                    | Effect::Leave { session, .. }
                    | Effect::Capabilities { session, .. }
                    | Effect::Close { session }
                        if self.connection(*session).is_none() =>
                    {
                        None
                    }
                    // Membership or capabilities change along the way: rare, and not worth sharing.
                    Effect::Tell { rooms: effects::Rooms::Several(_), .. }
                    | Effect::Enter { .. }
                    | Effect::Leave { .. }
                    | Effect::Capabilities { .. }
                    | Effect::Close { .. } => {
                        for room in rooms {
                            self.rooms.entry(room).and_modify(|members| members.shares = false);
                        }
                        mixed.clear();
                        return Vec::new();
                    }
                };
                if let Some(session) = by_itself
                    && self.connection(session).is_some()
                {
                    mixed.push(session.slot as usize);
                }
            }
        }
        rooms
    }

    /// Divides the members of the rooms into those that share a buffer and those that do not.
    fn part_members(&mut self, rooms: &[RoomId], mixed: &[usize]) {
        for slot in mixed {
            self.connections[*slot].sources = Sources::Mixed;
        }
        for room in rooms {
            for slot in &self.rooms[room].slots {
                let connection = &mut self.connections[*slot];
                connection.sources = match connection.sources {
                    Sources::None => Sources::OneRoom,
                    _ => Sources::Mixed,
                };
            }
        }
        for room in rooms {
            let members = self.rooms.get_mut(room).expect("just looked at");
            for slot in &members.slots {
                let connection = &self.connections[*slot];
                let capabilities = connection.capabilities;
                if connection.sources == Sources::Mixed {
                    members.mixed.push(*slot);
                } else if !members.shared.iter().any(|(set, _)| *set == capabilities) {
                    members.shared.push((capabilities, SharedLines::default()));
                }
            }
        }
    }

    /// Writes a room's shared lines to its members, each from the buffer for its capabilities.
    fn write_shared(&mut self, room: RoomId) {
        let Some(members) = self.rooms.get_mut(&room) else { return };
        let slots = std::mem::take(&mut members.slots);
        let mut shared = std::mem::take(&mut members.shared);
        members.mixed = Vec::new();
        members.shares = false;
        for slot in &slots {
            let connection = &mut self.connections[*slot];
            if std::mem::take(&mut connection.sources) == Sources::OneRoom {
                let set = shared.iter_mut().find(|(set, _)| *set == connection.capabilities);
                let (_, lines) = set.expect("each set of capabilities was found before");
                self.tally.deliveries += lines.news;
                let before = connection.outbox.len() + lines.bytes.len();
                let written = connection.write_shared(lines, &mut self.scratch);
                if !connection.overflown {
                    self.tally.sent += (before - connection.outbox.len()) as u64;
                }
                if !written {
                    self.touch(*slot);
                }
            }
        }
        if let Some(members) = self.rooms.get_mut(&room) {
            members.slots = slots;
        }
    }

    fn carry_out(&mut self, settled: &SettledBatch, when: Condition, what: &Effect) {
        let effects = &settled.effects;
        match what {
            Effect::Reply { to, text } => self.reply(*to, slice(effects, text)),
            Effect::Tell { rooms, except, news } => match rooms {
                effects::Rooms::One(room) => self.tell_room(effects, *news, *room, except),
                effects::Rooms::Several(rooms) => {
                    let slots = self.members(rooms);
                    self.tell(effects, *news, &slots, except);
                }
            },
            Effect::TellOne { to, news, pending } => self.tell_one(effects, *to, *news, *pending),
            Effect::Confirm { to, form, news, tag } => {
                let news = &effects.news[*news as usize];
                let stored = settled.stored_as(when).unwrap_or((news.id, news.time));
                self.append(*to, tag.as_deref(), |renderer, out, tagging| {
                    renderer.confirm(out, form, stored, (news, &effects.text), tagging);
                });
            }
            Effect::NotStored { to, verb, tag } => {
                self.append(*to, tag.as_deref(), |renderer, out, tagging| {
                    renderer.not_stored(out, verb, tagging.tag);
                });
            }
            Effect::Refused { to, text, tag } => {
                let line = slice(effects, text);
                self.append(*to, tag.as_deref(), |_, out, tagging| {
                    if !tagging.tag.is_empty() {
                        out.extend_from_slice(format!("@{} ", tagging.tag).as_bytes());
                    }
                    out.extend_from_slice(line);
                });
            }
            Effect::Enter { session, room } => self.enter_room(*session, *room),
            Effect::Leave { session, room } => self.depart(*session, *room),
            Effect::Capabilities { session, capabilities } => {
                self.change(*session, |connection| connection.capabilities = *capabilities);
            }
            Effect::Ready { session } => self.change(*session, Connection::logged_in),
            Effect::MustLogIn { session } => {
                self.change(*session, |connection| connection.must_log_in(Instant::now()));
            }
            Effect::MustSetPassword { session } => {
                self.change(*session, |connection| connection.must_set_password(Instant::now()));
            }
            Effect::Read { session, request, tag } => self.read_history(*session, request, tag),
            Effect::Derive { session, job } => self.derive_now_or_later(*session, job),
            Effect::Hold { session, held } => self.hold(*session, *held),
            Effect::Close { session } => {
                if self.connection(*session).is_some() {
                    self.close(session.slot as usize);
                }
            }
            Effect::Probed { to, ok } if to.shard == self.parts.id => self.probed(*ok),
            Effect::Reload { by } if self.logs(effects) => {
                // The receiver is gone only when the server is stopping.
                let _ = self.parts.wake.send(Wake::Reload(Some(*by)));
            }
            Effect::Log(fact) if self.logs(effects) => self.log(fact),
            Effect::Count(what) if self.logs(effects) => self.parts.metrics.count(*what),
            // For another shard.
            Effect::Probed { .. } | Effect::Reload { .. } | Effect::Log(_) | Effect::Count(_) => {}
        }
    }

    fn reply(&mut self, to: SessionId, lines: &[u8]) {
        if let Some(connection) = self.connection(to) {
            connection.push(lines);
            self.touch(to.slot as usize);
        }
    }

    /// Changes a session's connection, if it is on this shard.
    fn change(&mut self, session: SessionId, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.connection(session) {
            change(connection);
        }
    }

    /// Delivers a message to one session. It may be pending until one of the receiver's connections
    /// acknowledges it.
    fn tell_one(&mut self, effects: &Effects, to: SessionId, news: u32, pending: bool) {
        let Some(connection) = self.connection(to) else { return };
        if pending {
            let live = effects.news[news as usize].id;
            connection.receipts.send(Watermarks { pending: 0, live });
        }
        self.tell(effects, news, &[to.slot as usize], &[]);
    }

    fn enter_room(&mut self, session: SessionId, room: RoomId) {
        if let Some(connection) = self.connection(session)
            && connection.stage != Stage::Closing
            && !connection.rooms.contains(&room)
        {
            connection.rooms.push(room);
            self.rooms.entry(room).or_default().add(session.slot as usize);
        }
    }

    fn depart(&mut self, session: SessionId, room: RoomId) {
        if let Some(connection) = self.connection(session) {
            connection.rooms.retain(|entered| *entered != room);
            self.leave_room(session.slot as usize, room);
        }
    }

    fn derive_now_or_later(&mut self, session: SessionId, derive: &Arc<Derive>) {
        if self.connection(session).is_none() {
            return;
        }
        let job = Job { session, derive: derive.clone() };
        match Duration::from_millis(job.derive.hold_millis) {
            Duration::ZERO => self.derive(job),
            pause => self.schedule(pause, Scheduled::Derive(job)),
        }
    }

    /// Reserves a place among the session's lines, and has a reader fill it.
    fn read_history(&mut self, session: SessionId, request: &Arc<Read>, tag: &Option<Box<str>>) {
        let Some(connection) = self.connection(session) else { return };
        let placeholder = connection.outbox.reserve();
        let (request, tag) = (request.clone(), tag.clone());
        let job = ReadJob { session, placeholder, request, tag, partial: None };
        if let Err(lines) = self.parts.readers.submit(job, &self.parts.renderer) {
            let connection = self.connection(session).expect("just there");
            connection.fill(placeholder, lines);
            self.touch(session.slot as usize);
        }
    }

    fn hold(&mut self, session: SessionId, held: bool) {
        let Some(connection) = self.connection(session) else { return };
        connection.held = held;
        if !held {
            self.make_ready(session.slot as usize);
        }
    }

    /// Sends news to a room: renders it for the members that share lines, and appends it to the
    /// outboxes of the others.
    fn tell_room(&mut self, effects: &Effects, news: u32, room: RoomId, except: &[SessionId]) {
        let Some(members) = self.rooms.get_mut(&room) else { return };
        if !members.shares {
            let slots = std::mem::take(&mut members.slots);
            self.tell(effects, news, &slots, except);
            self.rooms.entry(room).and_modify(|members| members.slots = slots);
            return;
        }
        let shown = &effects.news[news as usize];
        for (capabilities, lines) in &mut members.shared {
            if shown.is_for(*capabilities) {
                let tagging = Tagging { capabilities: *capabilities, tag: "" };
                self.parts.renderer.news(&mut lines.bytes, shown, &effects.text, tagging);
                lines.news += 1;
            }
        }
        let mixed = std::mem::take(&mut members.mixed);
        self.tell(effects, news, &mixed, except);
        self.rooms.entry(room).and_modify(|members| members.mixed = mixed);
    }

    /// The connections of this shard in some rooms, without duplicates.
    fn members(&self, rooms: &[RoomId]) -> Vec<usize> {
        let members = rooms.iter().filter_map(|room| self.rooms.get(room));
        let mut slots: Vec<usize> = members.flat_map(|members| &members.slots).copied().collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Appends news to outboxes, except those of some sessions. Renders it once per set of
    /// capabilities.
    fn tell(&mut self, effects: &Effects, news: u32, slots: &[usize], except: &[SessionId]) {
        let news: &News = &effects.news[news as usize];
        let mut rendered = Vec::new();
        let mut sets: Vec<(Capabilities, Range<usize>)> = Vec::new();
        for &slot in slots {
            // A session of another node may have the same place there.
            let is_left_out = !except.is_empty() && except.contains(&self.session(slot));
            let connection = &mut self.connections[slot];
            let capabilities = connection.capabilities;
            if !news.is_for(capabilities) || is_left_out {
                continue;
            }
            let range = match sets.iter().find(|(set, _)| *set == capabilities) {
                Some((_, range)) => range.clone(),
                None => {
                    let start = rendered.len();
                    let tagging = Tagging { capabilities, tag: "" };
                    self.parts.renderer.news(&mut rendered, news, &effects.text, tagging);
                    sets.push((capabilities, start..rendered.len()));
                    start..rendered.len()
                }
            };
            connection.push(&rendered[range]);
            self.tally.deliveries += 1;
            self.touch(slot);
        }
    }

    fn append(
        &mut self,
        to: SessionId,
        tag: Option<&str>,
        write: impl FnOnce(&crate::render::Renderer, &mut Vec<u8>, Tagging<'_>),
    ) {
        let renderer = self.parts.renderer.clone();
        if let Some(connection) = self.connection(to) {
            let tagging =
                Tagging { capabilities: connection.capabilities, tag: tag.unwrap_or_default() };
            let mut line = Vec::new();
            write(&renderer, &mut line, tagging);
            connection.push(&line);
            self.touch(to.slot as usize);
        }
    }

    /// Whether this shard handles what only one shard may: the one whose batch it was, or else the
    /// first.
    fn logs(&self, effects: &Effects) -> bool {
        effects.answers.unwrap_or(0) == self.parts.id
    }
}

fn slice<'a>(effects: &'a Effects, range: &Range<u32>) -> &'a [u8] {
    &effects.text[range.start as usize..range.end as usize]
}

#[cfg(test)]
mod tests {
    use super::Members;

    /// Nobody comes earlier or later because somebody else has left.
    #[test]
    fn members_are_told_in_the_order_in_which_they_joined() {
        let mut members = Members::default();
        (1..=4).for_each(|slot| members.add(slot));
        assert!(!members.remove(2));
        assert_eq!(members.slots, [1, 3, 4]);
        assert!(!members.remove(2), "who is not a member changes nothing");
        assert_eq!(members.slots, [1, 3, 4]);
    }
}
