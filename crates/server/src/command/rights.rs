//! What the server's operators have in common: their rights, and what is written down of what they do.

use super::refusal::Refusal;
use crate::config::Role;
use crate::effects::News;
use crate::state::apply_context::{Reads, Responder, write_line};
use crate::state::room::{Rank, Room};
use crate::state::user::UserId;
use crate::state::{founder, permission};
use std::sync::Arc;
use store::{Audit, Write};

/// Who asks at the admin socket. No user can have such a name.
pub const CONSOLE: &str = "*console*";

impl<S: Reads> Responder<'_, S> {
    /// What the requester may do as an operator of the server.
    pub fn role(&self) -> Option<Role> {
        match self.requester.user {
            Some(user) => self.state.users[&user].role,
            None => self.requester.console.then_some(Role::Admin),
        }
    }

    /// Whether the requester may do, as an operator of the server, what others may do for themselves alone or
    /// not at all.
    pub fn has_right(&self, verb: &str, action: &str) -> bool {
        self.role().is_some_and(|role| permission::allows(role, verb, action))
    }

    /// Refuses who may not use a verb, or a subcommand of it, that is for the server's operators.
    pub fn must_have_right(&self, verb: &str, action: &str) -> Result<(), Refusal> {
        match self.role() {
            None => Err(Refusal::NotOperator),
            Some(role) if permission::allows(role, verb, action) => Ok(()),
            Some(_) => Err(Refusal::NotAdmin),
        }
    }

    /// Refuses a moderator who would act against an admin, by the right of an operator of the server.
    pub fn must_not_be_above(&self, target: UserId) -> Result<(), Refusal> {
        let theirs = match self.state.users.get(&target) {
            Some(user) => user.role.or_else(|| self.state.settings.role_of(user.account()?)),
            None => self.state.settings.role_of(&founder::name_of(&self.state, target)),
        };
        match (self.role(), theirs) {
            (Some(Role::Moderator), Some(Role::Admin)) => Err(Refusal::NotAdmin),
            _ => Ok(()),
        }
    }

    /// Whether what the requester does in a room is for the audit log: an operator of the server does it who
    /// is neither operator nor founder there.
    pub fn acts_by_role(&self, room: &Room) -> bool {
        let Some(me) = self.requester.user else { return false };
        let rank = room.members.get(&me).map_or(Rank::Plain, |member| member.rank());
        self.role().is_some() && room.founder != Some(me) && rank < Rank::Op
    }

    /// The same when it is done to a member: not even operators of a room may touch its founder.
    pub fn acts_by_role_on(&self, room: &Room, member: UserId) -> bool {
        let of_founder = room.founder == Some(member) && self.requester.user != Some(member);
        self.acts_by_role(room) || of_founder && self.role().is_some()
    }

    /// The name of the requester, whoever it is.
    pub fn requester_name(&self) -> Arc<str> {
        if self.requester.console { CONSOLE.into() } else { self.nick() }
    }

    /// Writes down that the requester did something to somebody or something. What follows does not depend
    /// on it.
    pub fn audit(&mut self, verb: &str, target: &str, reason: &str) {
        let entry = self.audit_entry(verb, target, reason);
        let when = self.out.condition();
        self.out.write(Write::Audit(entry));
        self.out.resume(when);
    }

    /// The entry of the audit log that says that.
    pub fn audit_entry(&self, verb: &str, target: &str, reason: &str) -> Audit {
        Audit {
            time: self.state.now,
            by: (&*self.requester_name()).into(),
            verb: verb.into(),
            target: target.into(),
            reason: reason.into(),
        }
    }

    /// News of what the requester does as an operator: from the server, if it is done at the admin socket.
    pub fn passing_from_requester(&mut self, verb: &str, params: &[&str], text: &str) -> u32 {
        if let Some(me) = self.requester.user {
            return self.passing(me, verb, params, Some(text));
        }
        let server = self.state.renderer.server.clone();
        let news = News { time: self.state.now, ..News::default() };
        self.out.news(news, |out| write_line(out, &server, verb, params, Some(text)))
    }
}

/// A reason, and for how long something is, for the audit log.
pub fn lasting(reason: &str, duration: Option<&str>) -> String {
    duration.map_or(reason.to_owned(), |duration| format!("{reason} (for {duration})"))
}

/// What the rest of a line says, however it was typed: `:a reason`, or the words of it.
pub fn rest_of(params: &[&str], from: usize) -> String {
    params.get(from..).unwrap_or_default().join(" ").trim().to_owned()
}
