//! What sessions receive, as shards would send it: for tests that compare it.

use crate::effects::released::SettledBatch;
use crate::effects::{ConditionalEffect, Effect, Effects, News, Rooms};
use crate::render::{Renderer, Tagging};
use crate::session_id::SessionId;
use proto::Capabilities;
use std::collections::{BTreeMap, BTreeSet};
use store::{Outcome, RoomId, Store};

/// A store to which everything is committed, and the lines released after that.
pub(crate) struct TestShards {
    pub(crate) store: Box<dyn Store>,
    /// The lines sent to each session.
    pub(crate) lines: BTreeMap<SessionId, Vec<String>>,
    gone: BTreeSet<SessionId>,
    rooms: BTreeMap<RoomId, BTreeSet<SessionId>>,
    capabilities: BTreeMap<SessionId, Capabilities>,
}

impl TestShards {
    pub(crate) fn new(store: Box<dyn Store>) -> TestShards {
        TestShards {
            store,
            lines: BTreeMap::new(),
            gone: BTreeSet::new(),
            rooms: BTreeMap::new(),
            capabilities: BTreeMap::new(),
        }
    }

    /// A session opens.
    pub(crate) fn open(&mut self, session: SessionId) {
        self.lines.insert(session, Vec::new());
    }

    /// A session's connection is gone.
    pub(crate) fn close(&mut self, session: SessionId) {
        self.gone.insert(session);
    }

    /// Whether a session's connection is gone.
    pub(crate) fn is_gone(&self, session: SessionId) -> bool {
        self.gone.contains(&session)
    }

    /// Commits the writes, and delivers what was released. Returns the outcomes.
    pub(crate) fn carry_out(&mut self, renderer: &Renderer, effects: Effects) -> Vec<Outcome> {
        let outcomes = self.store.commit(&mut effects.writes.iter()).expect("there is room");
        let settled = SettledBatch { effects, outcomes: Some(outcomes) };
        for effect in &settled.effects.list {
            if settled.happens(effect.condition) {
                self.happens(renderer, &settled, effect);
            }
        }
        settled.outcomes.unwrap_or_default()
    }

    fn happens(&mut self, renderer: &Renderer, settled: &SettledBatch, effect: &ConditionalEffect) {
        let effects = &settled.effects;
        let text = |range: &std::ops::Range<u32>| {
            effects.text[range.start as usize..range.end as usize].to_vec()
        };
        match &effect.effect {
            Effect::Reply { to, text: range } => self.receive(*to, &text(range)),
            Effect::Refused { to, text: range, tag } => {
                let tag = tag.as_deref().map(|tag| format!("@{tag} ")).unwrap_or_default();
                self.receive(*to, &[tag.as_bytes(), &text(range)].concat());
            }
            Effect::Tell { rooms, except, news } => {
                let rooms = match rooms {
                    Rooms::One(room) => std::slice::from_ref(room),
                    Rooms::Several(rooms) => rooms,
                };
                let told = rooms.iter().filter_map(|room| self.rooms.get(room)).flatten();
                let told: BTreeSet<_> = told.filter(|to| !except.contains(to)).copied().collect();
                for to in told {
                    self.receive_news(renderer, effects, to, &effects.news[*news as usize]);
                }
            }
            Effect::TellOne { to, news, .. } => {
                self.receive_news(renderer, effects, *to, &effects.news[*news as usize]);
            }
            Effect::Confirm { to, form, news, tag } => {
                let (news, mut line) = (&effects.news[*news as usize], Vec::new());
                let stored = settled.stored_as(effect.condition).unwrap_or((news.id, news.time));
                let tag = tag.as_deref().unwrap_or_default();
                let tagging = Tagging { capabilities: self.capabilities_of(*to), tag };
                renderer.confirm(&mut line, form, stored, (news, &effects.text), tagging);
                self.receive(*to, &line);
            }
            Effect::Read { session, request, tag } => {
                self.receive(*session, format!("{tag:?} {request:?}").as_bytes());
            }
            Effect::Enter { session, room } => {
                self.rooms.entry(*room).or_default().insert(*session);
            }
            Effect::Leave { session, room } => {
                self.rooms.entry(*room).or_default().remove(session);
            }
            Effect::Capabilities { session, capabilities } => {
                self.capabilities.insert(*session, *capabilities);
            }
            Effect::Close { session } => self.close(*session),
            _ => {}
        }
    }

    fn capabilities_of(&self, session: SessionId) -> Capabilities {
        self.capabilities.get(&session).copied().unwrap_or_default()
    }

    fn receive_news(&mut self, renderer: &Renderer, effects: &Effects, to: SessionId, news: &News) {
        let capabilities = self.capabilities_of(to);
        if news.is_for(capabilities) {
            let mut line = Vec::new();
            let tagging = Tagging { capabilities, tag: "" };
            renderer.news(&mut line, news, &effects.text, tagging);
            self.receive(to, &line);
        }
    }

    /// Lines for sessions that do not exist here are dropped.
    fn receive(&mut self, to: SessionId, text: &[u8]) {
        let here = self.lines.get_mut(&to).filter(|_| !self.gone.contains(&to));
        if let Some(lines) = here {
            lines.extend(String::from_utf8_lossy(text).lines().map(str::to_owned));
        }
    }
}
