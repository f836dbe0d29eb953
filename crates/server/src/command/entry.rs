//! An entry: a shared command on its way to the state, with everything that it takes to apply it on
//! any node. Passwords and other secrets are never in it.

use super::Run;
use super::Verb;
use super::refusal::Refusal;
use crate::effects::Effects;
use crate::state::State;
use crate::state::applying::{Applying, Asker};
use proto::Message;

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
    },
}

/// Applies an entry: the same state and the same entry give the same effects.
pub fn apply(state: &mut State, out: &mut Effects, entry: Entry<'_>) -> Result<(), Refusal> {
    (state.now, state.steady) = (entry.now, entry.steady);
    let mut applying = Applying { state, out, asker: entry.asker };
    match entry.request {
        Request::Command { verb, message } => match verb.run {
            Run::Shared(run) | Run::Checked(_, run) => run(&mut applying, message),
            Run::Local(_) => unreachable!("only shared commands become entries"),
        },
    }
}
