//! An entry: a shared command on its way to the state, with everything that it takes to apply it on
//! any node. Passwords and other secrets are never in it.

use super::Run;
use super::batch::Multiline;
use super::refusal::Refusal;
use super::{Verb, batch, bm, ending, pm, umode};
use crate::config::Role;
use crate::effects::Effects;
use crate::session::Cursor;
use crate::session::context::Context;
use crate::state::State;
use crate::state::applying::{Applying, Asker};
use crate::state::{dormant, pending, server_bans, terms};
use proto::Message;
use std::borrow::Cow;
use std::collections::BTreeSet;
use store::{AccountId, EventId};

/// A shared command.
pub struct Entry<'a> {
    /// When, in milliseconds since the epoch.
    pub now: i64,
    /// When, in milliseconds by the steady clock.
    pub steady: i64,
    /// Who asks, and what their node lets them do.
    pub asker: Asker,
    /// What is asked for.
    pub request: Request<'a>,
}

/// What is asked for. It borrows the line from the batch in which it came.
pub enum Request<'a> {
    /// A command, as it was sent.
    Command {
        /// Its verb.
        verb: &'a Verb,
        /// All of it.
        message: &'a Message<'a>,
        /// Where it goes on, if it is applied in parts.
        from: Cursor,
    },
    /// A message to everyone online.
    Broadcast {
        /// What it says.
        text: &'a str,
    },
    /// A message to a user or a room.
    PrivateMessage {
        /// To whom.
        to: Cow<'a, str>,
        /// What it says.
        text: &'a str,
    },
    /// A message of several lines, which is whole.
    Multiline(Multiline),
    /// Private messages that were kept for the asker have been taken.
    Taken {
        /// Which ones: after one event, up to another.
        ranges: [(EventId, EventId); 2],
    },
    /// Bans from the server end whose time has come.
    EndServerBans,
    /// Bans and quiets in rooms end whose time has come.
    EndRoomBans,
    /// Accounts go that have never said anything and were not here for too long.
    ExpireAccounts {
        /// Those that stay, because sessions are about to be theirs.
        entering: BTreeSet<AccountId>,
    },
    /// Somebody has set the clock: nobody's account goes for an hour.
    ClockSet,
    /// The asker, at whatever session, is an operator from here on, or is not.
    Role(Option<Role>),
    /// The session has ended.
    SessionEnded {
        /// Why.
        reason: &'a str,
    },
}

/// What follows a session's own part of a command.
pub enum Next<'a> {
    /// Nothing: the session has its answer.
    Nothing,
    /// The command becomes an entry, as it was sent.
    Command,
    /// This becomes an entry.
    Request(Request<'a>),
}

impl Context<'_> {
    /// Makes an entry of a request, and applies it. Nothing of the session's own may depend on what
    /// comes of it but its answer and what it leaves to the node: see [`super::follow_up`].
    pub fn apply(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Applying { state, out, asker } = &mut self.applying;
        let State { now, steady, .. } = **state;
        apply(state, out, Entry { now, steady, asker: asker.clone(), request })
    }
}

/// Applies an entry: the same state and the same entry give the same effects.
pub fn apply(state: &mut State, out: &mut Effects, entry: Entry<'_>) -> Result<(), Refusal> {
    (state.now, state.steady) = (entry.now, entry.steady);
    let mut applying = Applying { state, out, asker: entry.asker };
    match entry.request {
        Request::Command { verb, message, from } => {
            applying.out.go_on_from(from);
            match verb.run {
                Run::Shared(run) | Run::Split(_, run) => run(&mut applying, message),
                Run::Local(_) | Run::Makes(_) => unreachable!("none of them becomes an entry"),
            }
        }
        Request::Broadcast { text } => bm::send(&mut applying, text, None),
        Request::PrivateMessage { to, text } => pm::send(&mut applying, &to, text, None),
        Request::Multiline(message) => batch::send(&mut applying, message),
        Request::Taken { ranges } => {
            pending::taken(&mut applying, ranges);
            Ok(())
        }
        Request::SessionEnded { reason } => {
            ending::leave(&mut applying, reason);
            Ok(())
        }
        Request::EndServerBans => {
            server_bans::expire(applying.state, applying.out);
            Ok(())
        }
        Request::EndRoomBans => {
            terms::expire(applying.state, applying.out);
            Ok(())
        }
        Request::ExpireAccounts { entering } => {
            dormant::look(applying.state, applying.out, &entering);
            Ok(())
        }
        Request::ClockSet => {
            applying.state.dormant.wait(entry.steady);
            Ok(())
        }
        Request::Role(role) => {
            umode::set_role(&mut applying, role);
            Ok(())
        }
    }
}

/// Applies what no session has asked for.
pub fn apply_for_nobody(state: &mut State, out: &mut Effects, request: Request<'_>) {
    let (now, steady) = (state.now, state.steady);
    let entry = Entry { now, steady, asker: Asker::of(None), request };
    apply(state, out, entry).expect("what nobody has asked for is not refused");
}
