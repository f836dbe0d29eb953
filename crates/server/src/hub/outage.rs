//! What happens while the log is unavailable.
//!
//! New commands are refused at once, and so are those that were not sent yet. Those that were sent
//! may be in the log: they are answered when that is known; meanwhile their sessions continue with
//! what needs no log.

use super::Hub;
use crate::command::{ordered, session_end};
use crate::effects::{Effect, Effects, SentEntry};
use crate::metrics::{Count, Refused};
use crate::session::Session;
use crate::session_id::SessionId;

/// The log is unavailable. It has none of these entries.
pub(super) fn begin(hub: &mut Hub, out: &mut Effects, unsent: &[SentEntry]) {
    hub.node.log_unavailable = true;
    for sent in unsent {
        let Some(session) = ordered::refuse_unsent(&mut hub.state, &mut hub.node, out, sent) else {
            continue; // It has ended.
        };
        out.push(Effect::Count(Count::Refused(Refused::LogUnavailable)));
        resume(hub, out, session);
    }
    // A session without a user can do nothing but log in.
    for session in sessions_in_flight(hub, |known| known.user.is_some() && known.waits()) {
        let known = hub.node.sessions.get_mut(&session).expect("just listed");
        for in_flight in &mut known.extras_mut().in_flight {
            in_flight.uncertain = true;
            in_flight.answer.get_or_insert_default();
        }
        resume(hub, out, session);
    }
}

/// The log is available again: uncertain commands are settled before later ones.
pub(super) fn end(hub: &mut Hub) {
    hub.node.log_unavailable = false;
    for session in sessions_in_flight(hub, Session::is_uncertain) {
        let known = hub.node.sessions.get_mut(&session).expect("just listed");
        let in_flight = &mut known.extras_mut().in_flight;
        in_flight.iter_mut().for_each(|in_flight| in_flight.uncertain = false);
    }
}

/// Sessions with a command in flight that satisfy a condition.
fn sessions_in_flight(hub: &Hub, matches: impl Fn(&Session) -> bool) -> Vec<SessionId> {
    let sessions = hub.node.sessions.iter();
    let wanted =
        sessions.filter(|(_, known)| !known.extras().in_flight.is_empty() && matches(known));
    wanted.map(|(session, _)| session).collect()
}

/// A session continues with its waiting lines.
fn resume(hub: &mut Hub, out: &mut Effects, session: SessionId) {
    hub.take_turn(out, session);
    if hub.node.sessions.contains_key(&session) {
        session_end::settle(&mut hub.context(out, session));
    }
}
