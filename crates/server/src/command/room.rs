//! `ROOM room [setting [value]]`: shows and changes the settings of a room. Some are modes or
//! metadata as well; each has one value, whichever way it is changed.

use super::entry::SharedPart;
use super::names::visible;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::{Effect, News, Rooms};
use crate::limits::{
    KEEP_MOST, METADATA_KEYS, METADATA_VALUE_BYTES, REASON_BYTES, SLOW_SECONDS_MOST,
};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::room_rules::{self, parse_slow, parse_switch};
use crate::state::{founder, history, membership, metadata, records};
use crate::text::shorten;
use proto::{Capabilities, Capability, Line, Message};
use serde::Serialize;
use std::sync::Arc;
use store::{EventKind, KEEP_DAYS, KEEP_MESSAGES, RecordKind, RoomId, Subject};

/// The metadata key for a room's description.
const DESCRIPTION: &str = "description";

/// A setting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    Founder,
    Description,
    History,
    KeepDays,
    KeepMessages,
    SlowMode,
    RegisteredOnly,
    Invite,
    Announce,
}

/// All settings by name, with their possible values.
const SETTINGS: [(&str, Setting, &str); 9] = [
    ("founder", Setting::Founder, "the name of an account, or * for nobody"),
    ("description", Setting::Description, "a text, or nothing"),
    ("history", Setting::History, "all, since-join, none, or default"),
    ("keep-days", Setting::KeepDays, "a number of days, or default"),
    ("keep-messages", Setting::KeepMessages, "a number of messages, or default"),
    (
        "slow",
        Setting::SlowMode,
        "seconds between two messages of one person, up to 6 hours, or off",
    ),
    ("registered-only", Setting::RegisteredOnly, "on or off"),
    ("invite", Setting::Invite, "operators or members"),
    ("announce", Setting::Announce, "on or off"),
];

impl Setting {
    fn name(self) -> &'static str {
        let found = SETTINGS.iter().find(|(_, setting, _)| *setting == self);
        found.expect("the table has every setting").0
    }

    fn values(self) -> &'static str {
        let found = SETTINGS.iter().find(|(_, setting, _)| *setting == self);
        found.expect("the table has every setting").2
    }
}

/// Shows settings.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let id = readable(context, message.param(0).unwrap_or_default())?;
    let Some(word) = message.param(1) else {
        for (_, setting, _) in SETTINGS {
            show(context, id, setting);
        }
        let name = context.state.rooms[&id].name.clone();
        context.note("ROOM", "END", &[&name], "These are the settings of the room");
        return Ok(SharedPart::None);
    };
    let setting = setting(word)?;
    if message.rest(2).is_some() {
        return Ok(SharedPart::AsSent);
    }
    show(context, id, setting);
    Ok(SharedPart::None)
}

/// Changes a setting.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let id = readable(context, message.param(0).unwrap_or_default())?;
    let setting = setting(message.param(1).ok_or(Refusal::NeedMoreParams)?)?;
    let value = message.rest(2).ok_or(Refusal::NeedMoreParams)?;
    let room = &context.state.rooms[&id];
    let (name, by_role) = (room.name.clone(), context.acts_by_role(room));
    context.room_as_operator(&name)?;
    context.must_be_storable()?;
    change(context, id, setting, value)?;
    // Another command of the same operator writes the founder's entry itself.
    if by_role && setting != Setting::Founder {
        let verb = format!("ROOM {}", setting.name());
        context.audit(&verb, &name, shorten(value, REASON_BYTES));
    }
    Ok(())
}

/// The setting of this name.
fn setting(word: &str) -> Result<Setting, Refusal> {
    let found = SETTINGS.iter().find(|(name, ..)| word.eq_ignore_ascii_case(name));
    found.map(|(_, setting, _)| *setting).ok_or_else(|| {
        let known: Vec<&str> = SETTINGS.iter().map(|(name, ..)| *name).collect();
        let text = format!("There is no such setting; the settings are {}", known.join(", "));
        Refusal::Wrong { code: "UNKNOWN_SETTING", context: vec![word.to_owned()], text }
    })
}

/// A room whose settings the requester may see: those of a closed room are for its members.
pub fn readable(context: &Responder<'_, impl Reads>, name: &str) -> Result<RoomId, Refusal> {
    let id = visible(context, name)?;
    let room = &context.state.rooms[&id];
    let closed = room.is('i') || room.is('s');
    let inside = room.member(context.me()).is_some() || room.founder == Some(context.me());
    match closed && !inside && !context.user().is_operator() {
        true => Err(Refusal::NotInRoom(room.name.clone())),
        false => Ok(id),
    }
}

/// The value of a setting in the form in which it can be set.
fn value(context: &Responder<'_, impl Reads>, id: RoomId, setting: Setting) -> String {
    let state = &context.state;
    let room = &state.rooms[&id];
    let key = |key: &str| room.metadata.get(key).map(ToString::to_string);
    let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
    let default = || "default".to_owned();
    match setting {
        Setting::Founder => match room.founder {
            Some(founder) => founder::name_of(state, founder).to_string(),
            None => "*".to_owned(),
        },
        Setting::Description => key(DESCRIPTION).unwrap_or_default(),
        Setting::History => match key(history::KEY).as_deref() {
            Some(history::MEMBERS) => "all".to_owned(),
            Some(other) => other.to_owned(),
            None => default(),
        },
        Setting::KeepDays => key(KEEP_DAYS).unwrap_or_else(default),
        Setting::KeepMessages => key(KEEP_MESSAGES).unwrap_or_else(default),
        Setting::SlowMode if room.rules.slow == 0 => switch(false),
        Setting::SlowMode => room.rules.slow.to_string(),
        Setting::RegisteredOnly => switch(room.is('R')),
        Setting::Invite if room.rules.members_invite => "members".to_owned(),
        Setting::Invite => "operators".to_owned(),
        Setting::Announce => switch(room.rules.announce),
    }
}

fn show(context: &mut Responder<'_, impl Reads>, id: RoomId, setting: Setting) {
    let (name, value) = (context.state.rooms[&id].name.clone(), value(context, id, setting));
    context.note("ROOM", "SETTING", &[&name, setting.name()], &value);
}

fn wrong(setting: Setting, value: &str) -> Refusal {
    let text = format!("This setting is {}", setting.values());
    let context = vec![setting.name().to_owned(), middle(value).to_owned()];
    Refusal::Wrong { code: "INVALID_VALUE", context, text }
}

/// A word that is safe in the middle of a line.
fn middle(word: &str) -> &str {
    let fits = !word.is_empty() && !word.starts_with(':') && !word.contains(' ');
    if fits { word } else { "*" }
}

fn change(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    setting: Setting,
    given: &str,
) -> Result<(), Refusal> {
    let bad = || wrong(setting, given);
    match setting {
        Setting::Founder => transfer(context, id, given)?,
        Setting::Description => describe(context, id, given)?,
        Setting::History => {
            if Some(id) == context.state.lobby {
                let text = "Everyone is in the lobby, and may read all of its history".to_owned();
                let context = vec![setting.name().to_owned(), middle(given).to_owned()];
                return Err(Refusal::Wrong { code: "INVALID_VALUE", context, text });
            }
            let value = match given.to_ascii_lowercase().as_str() {
                "all" => Some(history::MEMBERS),
                "since-join" => Some(history::SINCE_JOIN),
                "none" => Some(history::NONE),
                "default" => None,
                _ => return Err(bad()),
            };
            set_key(context, id, history::KEY, value)?;
        }
        Setting::KeepDays => {
            let most = context.state.settings.keep_days;
            let value = kept(given, most, setting)?;
            set_key(context, id, KEEP_DAYS, value.as_deref())?;
        }
        Setting::KeepMessages => {
            let most = context.state.settings.keep_per_room;
            let value = kept(given, most, setting)?;
            set_key(context, id, KEEP_MESSAGES, value.as_deref())?;
        }
        Setting::SlowMode => {
            let seconds = parse_slow(given).ok_or_else(bad)?;
            debug_assert!(seconds <= SLOW_SECONDS_MOST, "the parser keeps the bound");
            set_setting(context, id, room_rules::SLOW, seconds, seconds == 0);
        }
        Setting::RegisteredOnly => {
            let on = parse_switch(given).ok_or_else(bad)?;
            return set_registered_only(context, id, on);
        }
        Setting::Invite => {
            let members = match given.to_ascii_lowercase().as_str() {
                "members" => true,
                "operators" => false,
                _ => return Err(bad()),
            };
            set_setting(context, id, room_rules::INVITE, members, !members);
        }
        Setting::Announce => {
            let on = parse_switch(given).ok_or_else(bad)?;
            set_setting(context, id, room_rules::ANNOUNCE, on, !on);
        }
    }
    tell(context, id, setting);
    Ok(())
}

/// A number of days or messages to keep, or none for as many as the server keeps: `most`, or all.
fn kept(given: &str, most: u32, setting: Setting) -> Result<Option<String>, Refusal> {
    if given.eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    let bound = if most == 0 { KEEP_MOST } else { most };
    let number = given.parse::<u32>().ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| wrong(setting, given))?;
    if number > bound {
        let text = format!("This server keeps no more than {bound}");
        let context = vec![setting.name().to_owned(), given.to_owned()];
        return Err(Refusal::Wrong { code: "INVALID_VALUE", context, text });
    }
    Ok(Some(number.to_string()))
}

fn set_setting<T: Serialize>(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    key: &str,
    to: T,
    usual: bool,
) {
    let record = (RecordKind::RoomSetting, id, key);
    records::set(context.state, context.out, record, Some(&to).filter(|_| !usual));
}

fn set_key(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    key: &str,
    value: Option<&str>,
) -> Result<(), Refusal> {
    let room = &context.state.rooms[&id];
    let (name, full) = (room.name.clone(), room.metadata.len() >= METADATA_KEYS);
    if value.is_some() && full && !room.metadata.contains_key(key) {
        let text = "The room has as much metadata as it can have; remove a key first";
        let context = vec![name.to_string()];
        return Err(Refusal::Invalid { code: "LIMIT_REACHED", context, text });
    }
    let value = value.map(Into::into);
    metadata::change(context, Subject::Room(id), &name, &[(key.into(), value)]);
    Ok(())
}

fn describe(context: &mut ApplyContext<'_>, id: RoomId, text: &str) -> Result<(), Refusal> {
    let text = shorten(text, METADATA_VALUE_BYTES);
    set_key(context, id, DESCRIPTION, Some(text).filter(|text| !text.is_empty()))
}

/// This mode is announced as a mode.
fn set_registered_only(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    on: bool,
) -> Result<(), Refusal> {
    let room = context.state.rooms.get_mut(&id).expect("the caller has looked it up");
    let before = room.settings.clone();
    let flags = &mut room.settings.flags;
    let changed = if on { flags.insert('R') } else { flags.remove(&'R') };
    if changed {
        membership::settings_changed(context, id, before);
        let change = if on { "+R" } else { "-R" };
        context.tell_change(id, EventKind::Mode, "", change, "ROOM");
    }
    show(context, id, Setting::RegisteredOnly);
    Ok(())
}

/// Gives the room to another account or to nobody: only for its founder, and operators of the
/// server.
fn transfer(context: &mut ApplyContext<'_>, id: RoomId, to: &str) -> Result<(), Refusal> {
    let room = &context.state.rooms[&id];
    let (name, before) = (room.name.clone(), room.founder);
    if Some(id) == context.state.lobby {
        let text = "The lobby belongs to the server";
        return Err(Refusal::Invalid {
            code: "LOBBY_STAYS",
            context: vec![name.to_string()],
            text,
        });
    }
    if !context.user().is_operator() && before != Some(context.me()) {
        return Err(Refusal::FounderStays(name));
    }
    if let Some(before) = before {
        context.must_not_be_above(before)?;
    }
    let given = to;
    let to = match to {
        "*" => None,
        _ => {
            let account = context.state.account(to);
            let account = account.ok_or_else(|| Refusal::NoSuchUser(to.to_owned()))?;
            Some(account.id)
        }
    };
    if let Some(to) = to.filter(|to| Some(*to) != before)
        && !founder::may_have_another(context.state, to)
    {
        let text = "They have founded as many rooms as they can";
        let context = vec![founder::name_of(context.state, to).to_string()];
        return Err(Refusal::Invalid { code: "LIMIT_REACHED", context, text });
    }
    if before != Some(context.me()) {
        context.audit("ROOM founder", &name, given);
    }
    founder::set(context.state, context.out, id, to);
    if let Some(to) = to {
        founder::make_operator(context, id, to);
    }
    Ok(())
}

/// Answers the requester and tells the members the new value. A room without a founder ends when it
/// is empty.
fn tell(context: &mut ApplyContext<'_>, id: RoomId, setting: Setting) {
    show(context, id, setting);
    let value = value(context, id, setting);
    let (by, name) = (context.nick(), context.state.rooms[&id].name.clone());
    let sentence = match value.is_empty() || value == "*" {
        true => format!("{by} has removed the {} of this room", setting.name()),
        false => format!("{by} has set {} to {value}", setting.name()),
    };
    let words = [&*name, setting.name()];
    tell_members(context, id, ("ROOM", "SETTING", &words), &value, &sentence);
    membership::end_if_empty(context.state, context.out, id);
}

/// Tells all members of a room except for the requester: as a standard reply, or as a notice to
/// clients without them.
pub fn tell_members(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    (verb, code, words): (&str, &str, &[&str]),
    text: &str,
    sentence: &str,
) {
    let server: Arc<str> = context.state.renderer.server.clone();
    let (name, time) = (context.state.rooms[&id].name.clone(), context.state.now);
    let knows = Capabilities::only(Capability::StandardReplies);
    let news = News { time, needs: knows, ..News::default() };
    let note = context.out.news(news, |out| {
        let line = Line::to(out).source(&server).verb("NOTE").param(verb).param(code);
        words.iter().fold(line, |line, word| line.param(word)).text(text).end();
    });
    let news = News { time, lacks: knows, ..News::default() };
    let notice = context.out.news(news, |out| {
        let line = Line::to(out).source(&server).verb("NOTICE");
        line.param(&name).text(shorten(sentence, METADATA_VALUE_BYTES)).end();
    });
    for news in [note, notice] {
        let except = vec![context.requester.session];
        context.out.push(Effect::Tell { rooms: Rooms::One(id), except, news });
    }
}
