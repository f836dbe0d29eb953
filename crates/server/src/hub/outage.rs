//! What happens while the log does not answer.
//!
//! New commands are refused at once, and so are those that had not been sent. Those that had been
//! sent may be in the log: they are answered when that is known; meanwhile their sessions go on
//! with what needs no log.

use super::Hub;
use crate::command::{ordered, session_end};
use crate::effects::{Effect, Effects, SentEntry};
use crate::metrics::{Count, Refused};
use crate::session::Session;
use crate::session_id::SessionId;

/// The log does not answer, and has none of these entries.
pub(super) fn begin(hub: &mut Hub, out: &mut Effects, taken: &[SentEntry]) {
    hub.node.silent = true;
    for sent in taken {
        let Some(session) = ordered::take_back(&mut hub.state, &mut hub.node, out, sent) else {
            continue; // It has ended.
        };
        out.push(Effect::Count(Count::Refused(Refused::LogUnavailable)));
        goes_on(hub, out, session);
    }
    // A session without a user can do nothing but log in.
    for session in in_flight(hub, |known| known.user.is_some() && known.waits()) {
        let known = hub.node.sessions.get_mut(&session).expect("just listed");
        for in_flight in &mut known.in_flight {
            in_flight.uncertain = true;
            in_flight.answer.get_or_insert_default();
        }
        goes_on(hub, out, session);
    }
}

/// The log answers again: uncertain commands are settled before later ones.
pub(super) fn end(hub: &mut Hub) {
    hub.node.silent = false;
    for session in in_flight(hub, Session::is_uncertain) {
        let known = hub.node.sessions.get_mut(&session).expect("just listed");
        known.in_flight.iter_mut().for_each(|in_flight| in_flight.uncertain = false);
    }
}

/// Sessions with a command in flight that satisfy a condition.
fn in_flight(hub: &Hub, are: impl Fn(&Session) -> bool) -> Vec<SessionId> {
    let sessions = hub.node.sessions.iter();
    let wanted = sessions.filter(|(_, known)| !known.in_flight.is_empty() && are(known));
    wanted.map(|(session, _)| session).collect()
}

/// A session goes on with its waiting lines.
fn goes_on(hub: &mut Hub, out: &mut Effects, session: SessionId) {
    hub.take_turn(out, session);
    if hub.node.sessions.contains_key(&session) {
        session_end::settle(&mut hub.context(out, session));
    }
}
