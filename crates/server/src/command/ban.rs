//! `BAN room [mask or name [duration] [take-back=duration] [:reason]]`: bans people from a room,
//! with a reason and an end. The entries are those of mode `b`. What it has in common with `QUIET`
//! and with the verbs that end both is here, too.

mod people;

use super::account::{bad_duration, duration, is_option, leading_duration};
use super::entry::SharedPart;
use super::kick::put_out;
use super::redact;
use super::refusal::Refusal;
use super::rights::lasting;
use crate::command::context::Context;
use crate::limits::{KICK_BYTES, LIST_ENTRIES, REASON_BYTES, TAKE_BACK_MOST};
use crate::state::apply_context::ApplyContext;
use crate::state::ban_terms::{self, BanTerms};
use crate::state::room::Rank;
use crate::state::user::UserId;
use crate::state::{membership, records};
use crate::text::shorten;
use people::{Target, may_touch, target, those_who_fit};
use proto::Message;
use proto::time::write_server_time;
use std::sync::Arc;
use store::{EventKind, ListEntry, RecordKind, RoomId};

/// A kind of entry: its mode, and its texts.
#[derive(Clone, Copy)]
pub struct ListKind {
    mode: char,
    verb: &'static str,
    /// What affected people are told.
    told: &'static str,
}

/// A ban.
pub const BAN: ListKind = ListKind { mode: 'b', verb: "BAN", told: "You are banned from" };
/// A quiet: people on it cannot speak.
pub const QUIET: ListKind = ListKind { mode: 'q', verb: "QUIET", told: "You have been quieted in" };

/// Lists bans.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    list_or_add(context, message, BAN)
}

/// Bans.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    add(context, message, BAN)
}

/// Lists entries, or leaves it to [`add`] to add one.
pub fn list_or_add<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
    kind: ListKind,
) -> Result<SharedPart<'m>, Refusal> {
    if message.param(1).is_some() {
        return Ok(SharedPart::AsSent);
    }
    let id = super::names::visible(context, message.param(0).unwrap_or_default())?;
    list(context, id, kind);
    Ok(SharedPart::None)
}

/// Replies with the entries: by whom, until when, and why.
fn list(context: &mut Context<'_>, id: RoomId, kind: ListKind) {
    let room = &context.state.rooms[&id];
    let name = room.name.clone();
    let entries = room.settings.lists.iter().filter(|entry| entry.mode == kind.mode);
    let entries: Vec<(ListEntry, BanTerms)> =
        entries.map(|entry| (entry.clone(), room.terms(entry))).collect();
    for (entry, terms) in &entries {
        let until = stamp(terms.until);
        let words = [&*name, &entry.mask, &entry.by, &until];
        context.note(kind.verb, "ENTRY", &words, &terms.reason);
    }
    let count = entries.len().to_string();
    let text = if entries.is_empty() { "Nobody is on this list" } else { "End of list" };
    context.note(kind.verb, "END", &[&name, &count], text);
}

/// An end in machine-readable form.
fn stamp(until: Option<i64>) -> String {
    let Some(until) = until else { return "*".to_owned() };
    let mut stamp = Vec::new();
    write_server_time(until, &mut stamp);
    String::from_utf8_lossy(&stamp).into_owned()
}

/// The options after the target: duration, messages to redact, and reason.
#[derive(Debug, Default, PartialEq)]
struct BanOptions<'a> {
    duration: Option<i64>,
    take_back: Option<i64>,
    reason: &'a str,
}

/// Parses them. A first word that begins with a digit is meant as a duration.
fn options<'a>(message: &Message<'a>) -> Result<BanOptions<'a>, Refusal> {
    let (mut at, mut options) = (2, BanOptions::default());
    while let Some(word) = message.param(at) {
        if let Some(back) = word.to_ascii_lowercase().strip_prefix("take-back=") {
            options.take_back = Some(duration(back).map_err(|_| bad_duration(word))?);
        } else if is_option(word) {
            let text = "The only option is take-back=, as in take-back=1h; a reason that begins like one needs another word first";
            let context = vec![word.to_owned()];
            return Err(Refusal::Invalid { code: "UNKNOWN_OPTION", context, text });
        } else if options.duration.is_none() {
            let Some(duration) = leading_duration(Some(word))? else { break };
            options.duration = Some(duration);
        } else {
            break;
        }
        at += 1;
    }
    options.reason = shorten(message.rest(at).unwrap_or_default().trim(), REASON_BYTES);
    Ok(options)
}

/// Adds an entry, and does to the people it fits what it says.
pub fn add(
    context: &mut ApplyContext<'_>,
    message: &Message<'_>,
    kind: ListKind,
) -> Result<(), Refusal> {
    let name = message.param(0).unwrap_or_default();
    let given = message.param(1).ok_or(Refusal::NeedMoreParams)?;
    let (room, rank) = context.room_as(name, Rank::HalfOp)?;
    let (id, name) = (room.id, room.name.clone());
    let (target, options) = (target(context, given)?, options(message)?);
    if options.take_back.is_some() && rank < Rank::Op {
        return Err(Refusal::NotRoomOperator(name));
    }
    let room = &context.state.rooms[&id];
    let by_role = match target.user {
        None => context.acts_by_role(room),
        Some(user) => context.acts_by_role_on(room, user),
    };
    if let Some(user) = target.user {
        may_touch(context, id, rank, user)?;
    }
    context.must_be_storable()?;
    let affected = those_who_fit(context, id, rank, &target);
    let until = options.duration.map(|duration| context.state.now.saturating_add(duration));
    let terms = BanTerms { reason: options.reason.into(), until };
    put(context, id, kind, &target, &terms)?;
    if by_role {
        let words = message.params().iter().skip(2);
        let mut words = words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let lasts = words.next().copied().filter(|_| options.duration.is_some());
        let reason = lasting(options.reason, lasts);
        context.audit(kind.verb, &format!("{name} {}", target.mask), &reason);
    }
    let taken_back = match options.take_back {
        Some(duration) => take_back(context, id, duration, &target, &affected, options.reason),
        None => 0,
    };
    tell_affected(context, (id, &name), kind, &affected, &terms);
    let counts = [affected.len().to_string(), taken_back.to_string()];
    let words = [&*name, &target.mask, &stamp(until), &counts[0], &counts[1]];
    let text = match kind.mode {
        'b' => {
            format!("Banned; members put out: {}, messages taken back: {}", counts[0], counts[1])
        }
        _ => {
            format!("Quieted; members affected: {}, messages taken back: {}", counts[0], counts[1])
        }
    };
    context.note(kind.verb, "ADDED", &words, &text);
    Ok(())
}

/// Adds an entry to the list, or gives an existing one new terms, and tells the room.
fn put(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    kind: ListKind,
    target: &Target,
    terms: &BanTerms,
) -> Result<(), Refusal> {
    let (by, time) = (context.user().nick.clone(), context.state.now);
    let room = context.state.rooms.get_mut(&id).expect("the caller has looked the room up");
    let before = room.settings.clone();
    let lists = &mut room.settings.lists;
    let same = |entry: &ListEntry| {
        entry.mode == kind.mode && entry.mask.eq_ignore_ascii_case(&target.mask)
    };
    let known = lists.iter().position(same);
    let mask = target.mask.as_str().into();
    match known {
        Some(at) => (lists[at].by, lists[at].time) = (by, time),
        None if lists.len() >= LIST_ENTRIES => {
            return Err(Refusal::ListFull(room.name.clone(), kind.mode));
        }
        None => lists.push(ListEntry { mode: kind.mode, mask, by, time }),
    }
    membership::settings_changed(context, id, before);
    let key = ban_terms::key(kind.mode, &target.mask);
    let kept = Some(terms).filter(|terms| **terms != BanTerms::default());
    records::set(context.state, context.out, (RecordKind::RoomBan, id, &key), kept);
    if let Some(user) = target.user.filter(|_| kind.mode == 'b') {
        let room = context.state.rooms.get_mut(&id).expect("the caller has looked the room up");
        room.invited.remove(&user);
        if room.roles.contains_key(&user) {
            let record = (RecordKind::Role, id, &*user.to_string());
            records::remove(context.state, context.out, record);
        }
    }
    if known.is_none() {
        let change = format!("+{} {}", kind.mode, target.mask);
        context.tell_change(id, EventKind::Mode, "", &change, kind.verb);
    }
    Ok(())
}

/// Redacts the recent messages of affected people; returns the maximum number of messages.
fn take_back(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    duration: i64,
    target: &Target,
    affected: &[UserId],
    reason: &str,
) -> usize {
    let since = context.state.now.saturating_sub(duration);
    let authors: Vec<UserId> = affected.iter().copied().chain(target.user).collect();
    let (found, looked_at) =
        context.state.recent_messages.since(id, since, &authors, TAKE_BACK_MOST);
    context.out.spend(looked_at as u64);
    for about in &found {
        redact::in_room(context, id, *about, reason);
    }
    found.len()
}

/// Removes banned people from the room, unless it is the lobby; tells everybody affected why and
/// until when.
fn tell_affected(
    context: &mut ApplyContext<'_>,
    (id, name): (RoomId, &Arc<str>),
    kind: ListKind,
    affected: &[UserId],
    terms: &BanTerms,
) {
    for user in affected {
        if kind.mode == 'b' && Some(id) != context.state.lobby {
            let who = people::named(context, *user);
            let reason = format!("Banned{}", terms.sentence());
            put_out(context, id, (*user, &who.0, who.1), shorten(&reason, KICK_BYTES), kind.verb);
        } else if context.state.users.contains_key(user) {
            let text = format!("{} {name}{}", kind.told, terms.sentence());
            context.tell_notice(*user, &text);
        }
    }
}

/// Carries out `UNBAN` or `UNQUIET`.
pub fn remove(
    context: &mut ApplyContext<'_>,
    message: &Message<'_>,
    kind: ListKind,
    verb: &'static str,
) -> Result<(), Refusal> {
    let name = message.param(0).unwrap_or_default();
    let given = message.param(1).unwrap_or_default();
    let (room, _) = context.room_as(name, Rank::HalfOp)?;
    let (id, name, by_role) = (room.id, room.name.clone(), context.acts_by_role(room));
    let target = target(context, given);
    let room = context.state.rooms.get_mut(&id).expect("just looked up");
    let before = room.settings.clone();
    let is = |mask: &str| {
        let fits = target.as_ref().is_ok_and(|target| mask.eq_ignore_ascii_case(&target.mask));
        fits || mask.eq_ignore_ascii_case(given)
    };
    let lists = &mut room.settings.lists;
    let found = lists.iter().position(|entry| entry.mode == kind.mode && is(&entry.mask));
    let Some(found) = found else {
        let text = "There is no such entry";
        let context = vec![name.to_string(), given.to_owned()];
        return Err(Refusal::Invalid { code: "NO_SUCH_ENTRY", context, text });
    };
    let entry = lists.remove(found);
    membership::settings_changed(context, id, before);
    ban_terms::forget(context.state, context.out, id, kind.mode, &entry.mask);
    let change = format!("-{} {}", kind.mode, entry.mask);
    context.tell_change(id, EventKind::Mode, "", &change, verb);
    if by_role {
        context.audit(verb, &format!("{name} {}", entry.mask), "");
    }
    context.note(verb, "REMOVED", &[&name, &entry.mask], "The entry is removed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(Option<i64>, Option<i64>, String), Refusal> {
        let message = Message::parse(line).unwrap();
        let options = options(&message)?;
        Ok((options.duration, options.take_back, options.reason.to_owned()))
    }

    #[test]
    fn ban_options_come_in_any_order_and_the_rest_is_the_reason() {
        let hour = Some(3_600_000);
        for (line, expected) in [
            ("BAN #r bob", (None, None, "")),
            ("BAN #r bob 1h", (hour, None, "")),
            ("BAN #r bob 1h take-back=60m :spam, again", (hour, hour, "spam, again")),
            ("BAN #r bob Take-Back=1H 1h spam again", (hour, hour, "spam again")),
            ("BAN #r bob :3 strikes", (None, None, "3 strikes")),
            ("BAN #r bob spam for 2h", (None, None, "spam for 2h")),
            ("BAN #r bob 1h 3 strikes", (hour, None, "3 strikes")),
            ("BAN #r bob spam?id=7 again", (None, None, "spam?id=7 again")),
            ("BAN #r bob 1h :x=1 is spam", (hour, None, "x=1 is spam")),
        ] {
            let (duration, take_back, reason) = expected;
            assert_eq!(read(line).unwrap(), (duration, take_back, reason.to_owned()), "{line}");
        }
        for line in [
            "BAN #r bob 99y",
            "BAN #r bob 0s",
            "BAN #r bob take-back=all",
            "BAN #r bob 521w :x",
            "BAN #r bob 3d takeback=1h :x",
            "BAN #r bob duration=3d",
            "BAN #r bob take-back=1h Reason=x y",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
