//! The reasons and ends of bans and quiets. The entries themselves are in the rooms' lists, whoever
//! made them; those made with `MODE` have no terms.

use crate::effects::{Effect, Effects, News, Rooms};
use crate::limits::EXPIRED_AT_ONCE;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::records;
use crate::state::undo::Undo;
use proto::Line;
use proto::time::write_date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::{RecordKind, RoomId, Write};

/// The reason and the end of a list entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BanTerms {
    /// Why.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: Box<str>,
    /// When it ends, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl BanTerms {
    /// What is said after "You are banned": ` until 2026-11-22 14:02:05 UTC: spam`.
    pub fn sentence(&self) -> String {
        let until = self.until.map(|until| format!(" until {}", date(until))).unwrap_or_default();
        if self.reason.is_empty() { until } else { format!("{until}: {}", self.reason) }
    }
}

/// A time in human-readable form.
pub fn date(time: i64) -> String {
    let mut date = Vec::new();
    write_date(time, &mut date);
    format!("{} UTC", String::from_utf8_lossy(&date))
}

/// The record key of an entry.
pub fn key(mode: char, mask: &str) -> String {
    format!("{mode} {}", mask.to_ascii_lowercase())
}

/// When entries end: time, room and record key.
pub type BanExpiries = BTreeSet<(i64, RoomId, Box<str>)>;

/// The terms of an entry have changed or are gone.
pub fn changed(state: &mut State, room: RoomId, key: &str) {
    let terms: Option<BanTerms> = state.records.get(RecordKind::RoomBan, room, key);
    let until = terms.as_ref().and_then(|terms| terms.until);
    let Some(known) = state.rooms.get_mut(&room) else { return };
    let before = match terms {
        Some(terms) => known.terms.insert(key.into(), terms),
        None => known.terms.remove(key),
    };
    if let Some(before) = before.and_then(|before| before.until) {
        state.ban_expiries.remove(&(before, room, key.into()));
    }
    if let Some(until) = until {
        state.ban_expiries.insert((until, room, key.into()));
    }
}

/// An entry was removed from a list: its terms go with it.
pub fn forget(state: &mut State, out: &mut Effects, room: RoomId, mode: char, mask: &str) {
    let key = key(mode, mask);
    if state.rooms[&room].terms.contains_key(&*key) {
        records::remove(state, out, (RecordKind::RoomBan, room, &key));
    }
}

/// Whether something is due to end.
pub fn any_expired(state: &State) -> bool {
    state.ban_expiries.first().is_some_and(|(until, ..)| *until <= state.now)
}

/// Removes entries that have ended, and tells the rooms.
pub fn expire(state: &mut State, out: &mut Effects) {
    let now = state.now;
    let ended = state.ban_expiries.iter().take_while(|(until, ..)| *until <= now);
    let ended: Vec<_> = ended.take(EXPIRED_AT_ONCE).cloned().collect();
    for (_, room, key) in ended {
        out.begin(SessionId::NOBODY, None, false);
        end(state, out, room, &key);
        out.end(&state.renderer.server);
    }
}

fn end(state: &mut State, out: &mut Effects, id: RoomId, record: &str) {
    let room = state.rooms.get_mut(&id).expect("the terms of a room go with it");
    let before = room.settings.clone();
    let same = |mode, mask: &str| key(mode, mask) == record;
    let at = room.settings.lists.iter().position(|entry| same(entry.mode, &entry.mask));
    let entry = at.map(|at| room.settings.lists.remove(at));
    let name = room.name.clone();
    if let Some(entry) = entry {
        let record = room.record();
        state.undo.note(out, Undo::Settings(id, Box::new(before)));
        out.write(Write::Room(record));
        let server = state.renderer.server.clone();
        let news = News { time: state.now, ..News::default() };
        let news = out.news(news, |out| {
            let line = Line::to(out).source(&server).verb("MODE").param(&name);
            line.param(&format!("-{}", entry.mode)).param(&entry.mask).end();
        });
        out.push(Effect::Tell { rooms: Rooms::One(id), except: Vec::new(), news });
    }
    records::remove(state, out, (RecordKind::RoomBan, id, record));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_stored_as_json_and_shown_as_a_sentence() {
        let terms = BanTerms { reason: "spam".into(), until: Some(1_795_356_125_123) };
        let json = serde_json::to_string(&terms).unwrap();
        assert_eq!(json, r#"{"reason":"spam","until":1795356125123}"#);
        assert_eq!(records::parse::<BanTerms>(&json), Some(terms.clone()));
        assert_eq!(records::parse::<BanTerms>("{}"), Some(BanTerms::default()));
        assert_eq!(terms.sentence(), " until 2026-11-22 14:02:05 UTC: spam");
        assert_eq!(BanTerms { until: None, ..terms.clone() }.sentence(), ": spam");
        let no_reason = BanTerms { reason: "".into(), ..terms };
        assert_eq!(no_reason.sentence(), " until 2026-11-22 14:02:05 UTC");
        assert_eq!(BanTerms::default().sentence(), "");
        assert_eq!(key('b', "Bob!*@*"), "b bob!*@*");
    }
}
