//! What commands of server operators have in common: rights, and the audit log.

use super::refusal::Refusal;
use crate::config::Role;
use crate::effects::News;
use crate::state::apply_context::{Reads, Responder};
use crate::state::news::write_line;
use crate::state::room::{Rank, Room};
use crate::state::user::UserId;
use crate::state::{founder, permission};
use std::sync::Arc;
use store::{Audit, Write};

/// The requester's name at the admin socket. No user can have it.
pub const CONSOLE: &str = "*console*";

impl<S: Reads> Responder<'_, S> {
    /// The requester's role as an operator of the server.
    pub fn role(&self) -> Option<Role> {
        match self.requester.user {
            Some(user) => self.state.users[&user].role,
            None => self.requester.console.then_some(Role::Admin),
        }
    }

    /// Whether the requester may, as an operator of the server, do what others may only do for
    /// themselves or not at all.
    pub fn has_right(&self, verb: &str, action: &str) -> bool {
        self.role().is_some_and(|role| permission::allows(role, verb, action))
    }

    /// Refuses requesters without the right to use a verb, or a subcommand of it, of the server's
    /// operators.
    pub fn must_have_right(&self, verb: &str, action: &str) -> Result<(), Refusal> {
        match self.role() {
            None => Err(Refusal::NotOperator),
            Some(role) if permission::allows(role, verb, action) => Ok(()),
            Some(_) => Err(Refusal::NotAdmin),
        }
    }

    /// Refuses a moderator who acts against an admin by their right as an operator.
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

    /// Whether something the requester does in a room goes to the audit log: they are an operator
    /// of the server, and neither operator nor founder of the room.
    pub fn acts_by_role(&self, room: &Room) -> bool {
        let Some(me) = self.requester.user else { return false };
        let rank = room.members.get(&me).map_or(Rank::Plain, |member| member.rank());
        self.role().is_some() && room.founder != Some(me) && rank < Rank::Op
    }

    /// The same for acts on a member: not even operators of a room may act on its founder.
    pub fn acts_by_role_on(&self, room: &Room, member: UserId) -> bool {
        let of_founder = room.founder == Some(member) && self.requester.user != Some(member);
        self.acts_by_role(room) || of_founder && self.role().is_some()
    }

    /// The requester's name, at the admin socket as well.
    pub fn requester_name(&self) -> Arc<str> {
        if self.requester.console { CONSOLE.into() } else { self.nick() }
    }

    /// Adds an entry to the audit log. Further effects do not depend on it.
    pub fn audit(&mut self, verb: &str, target: &str, reason: &str) {
        let entry = self.audit_entry(verb, target, reason);
        let when = self.out.condition();
        self.out.write(Write::Audit(entry));
        self.out.resume(when);
    }

    /// The audit log entry for an act of the requester.
    pub fn audit_entry(&self, verb: &str, target: &str, reason: &str) -> Audit {
        Audit {
            time: self.state.now,
            by: (&*self.requester_name()).into(),
            verb: verb.into(),
            target: target.into(),
            reason: reason.into(),
        }
    }

    /// News about an act of an operator: from the server, if it came through the admin socket.
    pub fn passing_from_requester(&mut self, verb: &str, params: &[&str], text: &str) -> u32 {
        if let Some(me) = self.requester.user {
            return self.passing(me, verb, params, Some(text));
        }
        let server = self.state.renderer.server.clone();
        let news = News { time: self.state.now, ..News::default() };
        self.out.news(news, |out| write_line(out, &server, verb, params, Some(text)))
    }
}

/// A reason and a duration, for the audit log.
pub fn lasting(reason: &str, duration: Option<&str>) -> String {
    duration.map_or(reason.to_owned(), |duration| format!("{reason} (for {duration})"))
}

/// The rest of a line, however it was typed: `:a reason`, or single words.
pub fn rest_of(params: &[&str], from: usize) -> String {
    params.get(from..).unwrap_or_default().join(" ").trim().to_owned()
}
