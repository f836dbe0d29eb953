//! From what the journal released to the outboxes of this shard's connections.

use crate::connection::Stage;
use crate::hub::Did;
use crate::hub::effects::{Effects, News, Rooms, What, When};
use crate::journal::{Released, Settled};
use crate::password::Job;
use crate::reader::ReadJob;
use crate::render::Tagging;
use crate::shard::Shard;
use proto::Capabilities;
use std::ops::Range;
use store::Outcome;

impl Shard {
    /// Carries out what was released, as far as it concerns this shard's connections. Returns whether it answers this
    /// shard's batch.
    pub(crate) fn release(&mut self, released: &Released) -> bool {
        let mut answered = false;
        for settled in &released.settled {
            for effect in &settled.effects.list {
                if settled.happens(effect.when) {
                    self.carry_out(settled, effect.when, &effect.what);
                }
            }
            answered |= settled.effects.answers == Some(self.parts.id);
            self.stopping |= settled.effects.last;
        }
        answered
    }

    fn carry_out(&mut self, settled: &Settled, when: When, what: &What) {
        let effects = &settled.effects;
        match what {
            What::Reply { to, text } => {
                if let Some(connection) = self.connection(*to) {
                    connection.outbox.push(slice(effects, text));
                    self.touch(to.slot as usize);
                }
            }
            What::Tell { rooms, except, news } => {
                let slots = self.members(rooms);
                let except = except.and_then(|id| self.connection(id).map(|_| id.slot as usize));
                let slots = slots.into_iter().filter(|slot| Some(*slot) != except);
                self.tell(effects, *news, slots);
            }
            What::TellOne { to, news } => {
                if self.connection(*to).is_some() {
                    self.tell(effects, *news, std::iter::once(to.slot as usize));
                }
            }
            What::Confirm { to, form, news, tag } => {
                let news = &effects.news[*news as usize];
                let stored = settled.stored_as(when).unwrap_or((news.id, news.time));
                self.append(*to, tag.as_deref(), |renderer, out, tagging| {
                    let body = slice(effects, &news.body);
                    renderer.confirm(out, form, stored, (news, body), tagging);
                });
            }
            What::NotStored { to, verb, tag } => {
                self.append(*to, tag.as_deref(), |renderer, out, tagging| {
                    renderer.not_stored(out, verb, tagging.tag);
                });
            }
            What::Enter { session, room } => {
                if let Some(connection) = self.connection(*session)
                    && connection.stage != Stage::Closing
                    && !connection.rooms.contains(room)
                {
                    connection.rooms.push(*room);
                    self.rooms.entry(*room).or_default().push(session.slot as usize);
                }
            }
            What::Leave { session, room } => {
                if let Some(connection) = self.connection(*session) {
                    connection.rooms.retain(|entered| entered != room);
                    self.leave_room(session.slot as usize, *room);
                }
            }
            What::Capabilities { session, capabilities } => {
                if let Some(connection) = self.connection(*session) {
                    connection.capabilities = *capabilities;
                }
            }
            What::Ready { session } => {
                if let Some(connection) = self.connection(*session)
                    && connection.stage == Stage::Entering
                {
                    connection.stage = Stage::Ready;
                }
            }
            What::Read { session, request, tag } => {
                let Some(connection) = self.connection(*session) else { return };
                let place = connection.outbox.keep_place();
                let job = ReadJob {
                    session: *session,
                    place,
                    request: request.clone(),
                    tag: tag.clone(),
                };
                if let Err(lines) = self.parts.readers.ask(job, &self.parts.renderer) {
                    let connection = self.connection(*session).expect("just there");
                    connection.outbox.fill_place(place, lines);
                    self.touch(session.slot as usize);
                }
            }
            What::Derive { session, job } => {
                if self.connection(*session).is_some() {
                    let job = Job { session: *session, derive: job.clone() };
                    if !self.parts.passwords.derive(job) {
                        self.gather(*session, Did::PasswordBusy);
                    }
                }
            }
            What::Close { session } => {
                if self.connection(*session).is_some() {
                    self.close(session.slot as usize);
                }
            }
            What::Log(fact) => {
                if self.logs(effects) {
                    self.log(fact);
                }
            }
        }
    }

    /// The connections of this shard in some rooms, each once.
    fn members(&self, rooms: &Rooms) -> Vec<usize> {
        match rooms {
            Rooms::One(room) => self.rooms.get(room).cloned().unwrap_or_default(),
            Rooms::Several(rooms) => {
                let mut slots: Vec<usize> = rooms
                    .iter()
                    .filter_map(|room| self.rooms.get(room))
                    .flatten()
                    .copied()
                    .collect();
                slots.sort_unstable();
                slots.dedup();
                slots
            }
        }
    }

    /// Appends news to outboxes: rendered once for each set of capabilities.
    fn tell(&mut self, effects: &Effects, news: u32, slots: impl Iterator<Item = usize>) {
        let news: &News = &effects.news[news as usize];
        let body = slice(effects, &news.body);
        let mut rendered = Vec::new();
        let mut sets: Vec<(Capabilities, Range<usize>)> = Vec::new();
        for slot in slots {
            let connection = &mut self.connections[slot];
            let capabilities = connection.capabilities;
            if news.needs.bits() & !capabilities.bits() != 0 {
                continue;
            }
            let range = match sets.iter().find(|(set, _)| *set == capabilities) {
                Some((_, range)) => range.clone(),
                None => {
                    let start = rendered.len();
                    let tagging = Tagging { capabilities, tag: "" };
                    self.parts.renderer.news(&mut rendered, news, body, tagging);
                    sets.push((capabilities, start..rendered.len()));
                    start..rendered.len()
                }
            };
            connection.outbox.push(&rendered[range]);
            self.touch(slot);
        }
    }

    fn append(
        &mut self,
        to: crate::session::SessionId,
        tag: Option<&str>,
        write: impl FnOnce(&crate::render::Renderer, &mut Vec<u8>, Tagging<'_>),
    ) {
        let renderer = self.parts.renderer.clone();
        if let Some(connection) = self.connection(to) {
            let tagging =
                Tagging { capabilities: connection.capabilities, tag: tag.unwrap_or_default() };
            let mut line = Vec::new();
            write(&renderer, &mut line, tagging);
            connection.outbox.push(&line);
            self.touch(to.slot as usize);
        }
    }

    /// One shard speaks for all: the one whose batch it was, or the first.
    fn logs(&self, effects: &Effects) -> bool {
        effects.answers.unwrap_or(0) == self.parts.id
    }
}

impl Settled {
    /// Whether an effect that waits for `when` happens.
    pub fn happens(&self, when: When) -> bool {
        match (when, &self.outcomes) {
            (When::Always, _) => true,
            (When::Stored(write), Some(outcomes)) => outcomes[write as usize] == Outcome::Stored,
            (When::Settled(_), outcomes) => outcomes.is_some(),
            (When::Failed(_), outcomes) => outcomes.is_none(),
            (When::Stored(_), None) => false,
        }
    }

    /// The event that was stored before, if the write of `when` was sent again.
    fn stored_as(&self, when: When) -> Option<(store::EventId, i64)> {
        match (when, &self.outcomes) {
            (When::Settled(write), Some(outcomes)) => match outcomes[write as usize] {
                Outcome::Duplicate { id, time } => Some((id, time)),
                Outcome::Stored => None,
            },
            _ => None,
        }
    }
}

fn slice<'a>(effects: &'a Effects, range: &Range<u32>) -> &'a [u8] {
    &effects.text[range.start as usize..range.end as usize]
}
