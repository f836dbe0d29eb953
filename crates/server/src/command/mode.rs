//! `MODE target [changes [parameters…]]`: shows or changes modes of a room or of oneself.
//!
//! <https://modern.ircdocs.horse/#mode-message>

use super::refusal::{Refusal, refuse};
use crate::hub::context::Context;
use crate::hub::membership;
use crate::hub::room::{Member, Settings};
use crate::limits::{KEY_BYTES, LIST_ENTRIES, MASK_BYTES, MODE_STEPS, MODES_PER_LINE};
use proto::{Message, numeric as n};
use std::sync::Arc;
use store::{EventKind, ListEntry, RoomId};

/// Modes of rooms that are on or off.
const FLAGS: &str = "imnst";

/// Carries out `MODE`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let target = message.param(0).unwrap_or_default();
    if !target.starts_with('#') {
        return of_user(context, target, message.param(1));
    }
    let room = super::names::visible(context, target)?;
    match message.param(1) {
        None => {
            show(context, room);
            Ok(())
        }
        Some(changes) => {
            let parameters = message.params().get(2..).unwrap_or_default();
            change(context, room, changes, parameters)
        }
    }
}

fn show(context: &mut Context<'_>, id: RoomId) {
    let room = &context.state.rooms[&id];
    let inside = room.member(context.me()).is_some();
    let (name, modes) = (room.name.clone(), room.modes(inside));
    let created = (room.settings.created / 1000).to_string();
    let mut params: Vec<&str> = vec![&name];
    params.extend(modes.iter().map(String::as_str));
    context.numeric_only(n::RPL_CHANNELMODEIS, &params);
    context.numeric_only(n::RPL_CREATIONTIME, &[&name, &created]);
}

/// One step of a `MODE`: a sign, a letter and its parameter.
#[derive(Clone, Copy)]
struct Step<'a> {
    add: bool,
    mode: char,
    parameter: Option<&'a str>,
}

/// What a `MODE` has come to, as it will be told.
#[derive(Default)]
struct Done {
    letters: String,
    sign: Option<bool>,
    parameters: Vec<String>,
}

impl Done {
    fn add(&mut self, add: bool, mode: char, parameter: Option<&str>) {
        if self.sign != Some(add) {
            self.letters.push(if add { '+' } else { '-' });
            self.sign = Some(add);
        }
        self.letters.push(mode);
        self.parameters.extend(parameter.map(str::to_owned));
    }
}

fn change(
    context: &mut Context<'_>,
    id: RoomId,
    changes: &str,
    parameters: &[&str],
) -> Result<(), Refusal> {
    let steps = steps(changes, parameters);
    if let [Step { mode: 'b', parameter: None, .. }] = steps[..] {
        show_bans(context, id);
        return Ok(());
    }
    let name = context.state.rooms[&id].name.clone();
    context.room_as_operator(&name)?;
    let before = context.state.rooms[&id].settings.clone();
    let mut done = Done::default();
    for step in steps {
        if let Err(refusal) = apply(context, id, step, &mut done) {
            refuse(context, "MODE", &refusal);
        }
    }
    if done.letters.is_empty() {
        return Ok(());
    }
    if context.state.rooms[&id].settings != before {
        membership::settings_changed(context, id, before);
    }
    let mut text = done.letters;
    for parameter in done.parameters {
        text.push(' ');
        text.push_str(&parameter);
    }
    context.tell_change(id, EventKind::Mode, "", &text, "MODE");
    Ok(())
}

/// Splits `+o-v` and its parameters into steps.
fn steps<'a>(changes: &str, parameters: &[&'a str]) -> Vec<Step<'a>> {
    let mut parameters = parameters.iter().copied();
    let mut with_parameter = 0;
    let mut add = true;
    let mut steps = Vec::new();
    for mode in changes.chars() {
        match mode {
            '+' => add = true,
            '-' => add = false,
            _ => {
                let takes = "bovk".contains(mode) || (mode == 'l' && add);
                let parameter = if takes { parameters.next() } else { None };
                let parameter = parameter.filter(|parameter| !parameter.is_empty());
                with_parameter += usize::from(takes);
                if with_parameter > MODES_PER_LINE || steps.len() == MODE_STEPS {
                    break;
                }
                steps.push(Step { add, mode, parameter });
            }
        }
    }
    steps
}

fn apply(
    context: &mut Context<'_>,
    id: RoomId,
    step: Step<'_>,
    done: &mut Done,
) -> Result<(), Refusal> {
    let Step { add, mode, parameter } = step;
    match mode {
        'o' | 'v' => standing(context, id, step, done),
        'b' => ban(context, id, step, done),
        'k' => key(context, id, step, done),
        'l' => limit(context, id, step, done),
        _ if FLAGS.contains(mode) => {
            let flags = &mut settings(context, id).flags;
            let changed = if add { flags.insert(mode) } else { flags.remove(&mode) };
            if changed {
                done.add(add, mode, parameter);
            }
            Ok(())
        }
        _ => Err(Refusal::UnknownMode(mode)),
    }
}

fn settings<'a>(context: &'a mut Context<'_>, id: RoomId) -> &'a mut Settings {
    &mut context.state.rooms.get_mut(&id).expect("the caller has looked the room up").settings
}

fn room_name(context: &Context<'_>, id: RoomId) -> Arc<str> {
    context.state.rooms[&id].name.clone()
}

/// `+o`, `+v` and their taking away.
fn standing(
    context: &mut Context<'_>,
    id: RoomId,
    step: Step<'_>,
    done: &mut Done,
) -> Result<(), Refusal> {
    let target = step.parameter.ok_or(Refusal::NeedMoreParams)?;
    let (user, nick, _) = super::privmsg::find(context, target)?;
    let Some(before) = context.state.rooms[&id].members.get(&user).copied() else {
        return Err(Refusal::UserNotInRoom(nick, room_name(context, id)));
    };
    let after = match step.mode {
        'o' => Member { op: step.add, ..before },
        _ => Member { voice: step.add, ..before },
    };
    if after != before {
        membership::reveal(context, id, user);
        let after = Member { hidden: false, ..after };
        membership::set_member(context.state, context.out, id, user, Some(after));
        done.add(step.add, step.mode, Some(&nick));
    }
    Ok(())
}

/// `+b mask`, `-b mask`.
fn ban(
    context: &mut Context<'_>,
    id: RoomId,
    step: Step<'_>,
    done: &mut Done,
) -> Result<(), Refusal> {
    let Some(mask) = step.parameter else {
        show_bans(context, id);
        return Ok(());
    };
    let mask = proto::mask::complete_mask(mask);
    if mask.len() > MASK_BYTES || mask.contains(' ') {
        let why = "is not a mask (nick!user@host, * and ? fit anything)";
        return Err(Refusal::BadModeParameter(room_name(context, id), 'b', mask, why));
    }
    let (name, by, time) = (room_name(context, id), context.user().nick.clone(), context.state.now);
    let lists = &mut settings(context, id).lists;
    let at = lists.iter().position(|one| one.mode == 'b' && one.mask.eq_ignore_ascii_case(&mask));
    match (step.add, at) {
        (true, None) if lists.len() >= LIST_ENTRIES => return Err(Refusal::ListFull(name, 'b')),
        (true, None) => {
            lists.push(ListEntry { mode: 'b', mask: mask.as_str().into(), by, time });
            done.add(true, 'b', Some(&mask));
        }
        (false, Some(at)) => {
            let entry = lists.remove(at);
            done.add(false, 'b', Some(&entry.mask));
        }
        _ => {}
    }
    Ok(())
}

/// `+k key`, `-k key`.
fn key(
    context: &mut Context<'_>,
    id: RoomId,
    step: Step<'_>,
    done: &mut Done,
) -> Result<(), Refusal> {
    if !step.add {
        if settings(context, id).key.take().is_some() {
            done.add(false, 'k', Some("*"));
        }
        return Ok(());
    }
    let key = step.parameter.ok_or(Refusal::NeedMoreParams)?;
    if key.is_empty() || key.len() > KEY_BYTES || key.contains([' ', ',', ':']) {
        let why = "is not a key: one word, without commas and colons";
        return Err(Refusal::BadModeParameter(room_name(context, id), 'k', key.to_owned(), why));
    }
    settings(context, id).key = Some(key.into());
    done.add(true, 'k', Some(key));
    Ok(())
}

/// `+l number`, `-l`.
fn limit(
    context: &mut Context<'_>,
    id: RoomId,
    step: Step<'_>,
    done: &mut Done,
) -> Result<(), Refusal> {
    if !step.add {
        if settings(context, id).limit.take().is_some() {
            done.add(false, 'l', None);
        }
        return Ok(());
    }
    let given = step.parameter.ok_or(Refusal::NeedMoreParams)?;
    match given.parse::<u32>() {
        Ok(limit) if limit > 0 => {
            if settings(context, id).limit.replace(limit) != Some(limit) {
                done.add(true, 'l', Some(&limit.to_string()));
            }
            Ok(())
        }
        _ => {
            let why = "is not a number of users";
            Err(Refusal::BadModeParameter(room_name(context, id), 'l', given.to_owned(), why))
        }
    }
}

fn show_bans(context: &mut Context<'_>, id: RoomId) {
    let name = room_name(context, id);
    for entry in context.state.rooms[&id].settings.lists.clone() {
        let seconds = (entry.time / 1000).to_string();
        context.numeric_only(n::RPL_BANLIST, &[&name, &entry.mask, &entry.by, &seconds]);
    }
    context.numeric(n::RPL_ENDOFBANLIST, &[&name], "End of channel ban list");
}

/// A user's own modes: `i` can be set, `o` only given up.
fn of_user(context: &mut Context<'_>, target: &str, changes: Option<&str>) -> Result<(), Refusal> {
    let nick = context.user().nick.clone();
    if !nick.eq_ignore_ascii_case(target) {
        return match super::privmsg::find(context, target) {
            Ok(_) => Err(Refusal::OtherUsersModes),
            Err(refusal) => Err(refusal),
        };
    }
    let Some(changes) = changes else {
        let user = context.user();
        let mut modes = String::from("+");
        modes.extend(user.invisible.then_some('i'));
        modes.extend(user.operator.then_some('o'));
        context.numeric_only(n::RPL_UMODEIS, &[&modes]);
        return Ok(());
    };
    let mut done = Done::default();
    let mut unknown = false;
    for Step { add, mode, .. } in steps(changes, &[]) {
        let user = context.user_mut();
        match mode {
            'i' if user.invisible != add => {
                user.invisible = add;
                done.add(add, 'i', None);
            }
            'o' if user.operator && !add => {
                user.operator = false;
                done.add(false, 'o', None);
            }
            'i' | 'o' => {}
            _ => unknown = true,
        }
    }
    if unknown {
        context.numeric(n::ERR_UMODEUNKNOWNFLAG, &[], "There is no such mode of users here");
    }
    if !done.letters.is_empty() {
        let me = context.me();
        let news = context.passing(me, "MODE", &[&nick, &done.letters], None);
        context.tell_user(me, news);
    }
    Ok(())
}
