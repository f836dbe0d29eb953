//! The modes of a room: showing them, and changing them step by step.

use super::lists::{LISTS, show_list};
use super::{AppliedModes, ModeStep, steps};
use crate::command::context::Context;
use crate::command::kick::may_touch_founder;
use crate::command::refusal::{Refusal, refuse};
use crate::limits::KEY_BYTES;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::founder::Role;
use crate::state::membership;
use crate::state::records;
use crate::state::room::{Member, Rank, Settings};
use crate::state::user::UserId;
use proto::numeric as n;
use std::sync::Arc;
use store::{EventKind, RecordKind, RoomId};

/// Flags: modes without a parameter.
const FLAGS: &str = "CRimnst";

/// Replies with a room's modes, if no changes are given, or with its lists, if these are only
/// questions, which anybody may ask. Returns whether that was all.
pub(super) fn ask(
    context: &mut Context<'_>,
    id: RoomId,
    changes: &str,
    parameters: &[&str],
) -> bool {
    if changes.is_empty() {
        show(context, id);
        return true;
    }
    let steps = steps(changes, parameters);
    let only_asks = steps.iter().all(ModeStep::is_question);
    if only_asks {
        show_lists(context, id, &steps);
    }
    only_asks
}

fn show_lists(context: &mut Responder<'_, impl Reads>, id: RoomId, asked: &[ModeStep<'_>]) {
    for mode in LISTS.chars().filter(|mode| asked.iter().any(|step| step.mode == *mode)) {
        show_list(context, id, mode);
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

/// Carries out changes of a room's modes, and the questions for its lists among them.
pub(super) fn change(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    changes: &str,
    parameters: &[&str],
) -> Result<(), Refusal> {
    let (asked, mut steps): (Vec<ModeStep<'_>>, Vec<_>) =
        steps(changes, parameters).into_iter().partition(ModeStep::is_question);
    show_lists(context, id, &asked);
    let name = context.state.rooms[&id].name.clone();
    let (room, rank) = context.room_as(&name, Rank::HalfOp)?;
    // As elsewhere, a mode without its required parameter is ignored.
    steps.retain(|step| !step.lacks_parameter());
    let by_role = context.acts_by_role(room);
    context.must_be_storable()?;
    let before = context.state.rooms[&id].settings.clone();
    let mut change = ModeChange { context, id, name, rank, by_role, done: AppliedModes::default() };
    for step in steps {
        if let Err(refusal) = change.step(step) {
            refuse(change.context, "MODE", &refusal);
        }
    }
    change.tell(before);
    Ok(())
}

impl ModeStep<'_> {
    /// Whether it asks for a list rather than changing it.
    fn is_question(&self) -> bool {
        self.parameter.is_none_or(str::is_empty) && LISTS.contains(self.mode)
    }

    /// Whether it needs a parameter and has none; an empty one counts.
    fn lacks_parameter(&self) -> bool {
        let needs = "ohv".contains(self.mode) || (self.add && "kl".contains(self.mode));
        needs && self.parameter.is_none()
    }
}

/// A change of a room's modes in progress.
pub(super) struct ModeChange<'c, 'a> {
    pub(super) context: &'c mut ApplyContext<'a>,
    pub(super) id: RoomId,
    pub(super) name: Arc<str>,
    /// The requester's rank.
    pub(super) rank: Rank,
    /// Whether it goes to the audit log, because an operator of the server does it by that right.
    pub(super) by_role: bool,
    pub(super) done: AppliedModes,
}

impl ModeChange<'_, '_> {
    fn step(&mut self, step: ModeStep<'_>) -> Result<(), Refusal> {
        match step.mode {
            'o' | 'h' | 'v' => self.rank(step),
            'k' => self.key(step),
            'l' => self.limit(step),
            mode if LISTS.contains(mode) => self.list(step),
            mode if FLAGS.contains(mode) => {
                self.flag(step);
                Ok(())
            }
            mode => Err(Refusal::UnknownMode(mode)),
        }
    }

    /// The settings of the room.
    pub(super) fn settings(&mut self) -> &mut Settings {
        let rooms = &mut self.context.state.rooms;
        &mut rooms.get_mut(&self.id).expect("the caller has looked the room up").settings
    }

    /// The refusal of a parameter.
    pub(super) fn bad(&self, step: ModeStep<'_>, why: &'static str) -> Refusal {
        let parameter = step.parameter.unwrap_or_default().to_owned();
        Refusal::BadModeParameter(self.name.clone(), step.mode, parameter, why.into())
    }

    /// A member's rank: `+o`, `+h`, `+v` and their removal. A half-operator cannot make operators, and can change
    /// only lower ranks; but anybody can give up their own.
    fn rank(&mut self, step: ModeStep<'_>) -> Result<(), Refusal> {
        let target = step.parameter.ok_or(Refusal::NeedMoreParams)?;
        if target.is_empty() {
            return Err(self.bad(step, "This mode needs the name of a member"));
        }
        let (user, nick, _) = crate::command::privmsg::find(self.context, target)?;
        let room = &self.context.state.rooms[&self.id];
        let Some(before) = room.members.get(&user).copied() else {
            return self.role(step, user, nick);
        };
        let steps_down = !step.add && user == self.context.me();
        if self.rank < Rank::Op && !steps_down {
            if step.mode != 'v' {
                return Err(Refusal::NotRoomOperator(self.name.clone()));
            }
            if before.rank() >= Rank::HalfOp && user != self.context.me() {
                return Err(Refusal::NotBelow(self.name.clone()));
            }
        }
        if !step.add && room.founder != Some(self.context.me()) {
            self.context.must_not_be_above(user)?;
        }
        if step.mode == 'o' && !step.add && room.founder == Some(user) {
            let room = &self.context.state.rooms[&self.id];
            if !may_touch_founder(self.context, room) {
                return Err(Refusal::FounderStays(self.name.clone()));
            }
            self.by_role |= self.context.acts_by_role_on(room, user);
        }
        let after = match step.mode {
            'o' => Member { op: step.add, ..before },
            'h' => Member { halfop: step.add, ..before },
            _ => Member { voice: step.add, ..before },
        };
        if after != before {
            membership::reveal(self.context, self.id, user);
            let after = Member { hidden: false, ..after };
            let (state, out) = (&mut *self.context.state, &mut *self.context.out);
            membership::set_member(state, out, self.id, user, Some(after));
            self.done.add(step.add, step.mode, Some(&nick));
        }
        Ok(())
    }

    /// Removes the role of somebody who is not in the room and would have it again. Only operators
    /// may.
    fn role(&mut self, step: ModeStep<'_>, user: UserId, nick: Arc<str>) -> Result<(), Refusal> {
        let Some(role) = self.context.state.rooms[&self.id].roles.get(&user).copied() else {
            return Err(Refusal::UserNotInRoom(nick, self.name.clone()));
        };
        if step.add {
            return Err(Refusal::UserNotInRoom(nick, self.name.clone()));
        }
        if self.rank < Rank::Op {
            return Err(Refusal::NotRoomOperator(self.name.clone()));
        }
        let after = match step.mode {
            'o' => Role { op: false, ..role },
            'h' => Role { halfop: false, ..role },
            _ => Role { voice: false, ..role },
        };
        if after != role {
            let record = (RecordKind::Role, self.id, &*user.to_string());
            let kept = Some(&after).filter(|after| **after != Role::default());
            let context = &mut *self.context;
            records::set(context.state, context.out, record, kept);
            self.done.add(false, step.mode, Some(&nick));
        }
        Ok(())
    }

    fn flag(&mut self, step: ModeStep<'_>) {
        let flags = &mut self.settings().flags;
        let changed = if step.add { flags.insert(step.mode) } else { flags.remove(&step.mode) };
        if changed {
            self.done.add(step.add, step.mode, None);
        }
    }

    /// `+k key`, `-k key`.
    fn key(&mut self, step: ModeStep<'_>) -> Result<(), Refusal> {
        if !step.add {
            if self.settings().key.take().is_some() {
                self.done.add(false, 'k', Some("*"));
            }
            return Ok(());
        }
        let key = step.parameter.ok_or(Refusal::NeedMoreParams)?;
        let one_word = !key.is_empty() && !key.contains([' ', ',', ':']);
        if !one_word || key.len() > KEY_BYTES {
            // The key is not repeated: it may not be a valid parameter, and is a secret.
            let why =
                format!("A key is one word of 1 to {KEY_BYTES} bytes without commas or colons");
            let secret = "*".to_owned();
            return Err(Refusal::BadModeParameter(self.name.clone(), 'k', secret, why.into()));
        }
        self.settings().key = Some(key.into());
        self.done.add(true, 'k', Some(key));
        Ok(())
    }

    /// `+l number`, `-l`.
    fn limit(&mut self, step: ModeStep<'_>) -> Result<(), Refusal> {
        if !step.add {
            if self.settings().limit.take().is_some() {
                self.done.add(false, 'l', None);
            }
            return Ok(());
        }
        let given = step.parameter.ok_or(Refusal::NeedMoreParams)?;
        let Some(limit) = given.parse::<u32>().ok().filter(|limit| *limit > 0) else {
            return Err(self.bad(step, "A limit is a number of users, 1 or more"));
        };
        if self.settings().limit.replace(limit) != Some(limit) {
            self.done.add(true, 'l', Some(&limit.to_string()));
        }
        Ok(())
    }

    /// Stores what has changed and tells the room; `before` is how the settings were.
    fn tell(self, before: Settings) {
        let ModeChange { context, id, name, by_role, done, .. } = self;
        if done.letters.is_empty() {
            return;
        }
        if context.state.rooms[&id].settings != before {
            membership::settings_changed(context, id, before);
        }
        let has_key = done.letters.contains('k');
        let mut text = done.letters.clone();
        for parameter in done.parameters {
            text.push(' ');
            text.push_str(&parameter);
        }
        context.tell_change(id, EventKind::Mode, "", &text, "MODE");
        if by_role {
            // Keys of rooms stay out of the audit log.
            context.audit("MODE", &name, if has_key { &done.letters } else { &text });
        }
    }
}
