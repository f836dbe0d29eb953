//! `ACCOUNT DELETE name`: removes the account with everything it owns. Its name stays reserved.

use super::refused;
use crate::command::refusal::Refusal;
use crate::command::session_end;
use crate::effects::write_error;
use crate::effects::{Condition, Effect, FollowUp, SessionEnd};
use crate::state::apply_context::ApplyContext;
use crate::state::{dormant, former_names};
use proto::Line;
use proto::name::same;
use std::sync::Arc;
use store::{Account, Write};

/// Why the connections of a deleted account end.
const DELETED: &str = "This account was deleted";

/// Carries it out.
pub(super) fn run(
    context: &mut ApplyContext<'_>,
    account: &Arc<Account>,
    name: &str,
) -> Result<(), Refusal> {
    if !same(name, &account.name) {
        let text = "To delete your account, say ACCOUNT DELETE and its name; nothing was done";
        return Err(refused("NOT_YOUR_NAME", name, text));
    }
    let (session, server) = (context.requester.session, context.state.renderer.server.clone());
    remove(context, account, DELETED);
    let out = &mut *context.out;
    let Condition::Stored(write) = out.condition() else { return Ok(()) };
    out.reply(session, |out| {
        let line = Line::to(out).source(&server).verb("NOTE").param("ACCOUNT").param("DELETED");
        line.param(&account.name)
            .text("Your account is deleted; nobody can register its name")
            .end();
        write_error(out, DELETED);
    });
    out.push_when(
        Condition::Failed(write),
        Effect::NotStored { to: session, verb: "ACCOUNT", tag: None },
    );
    out.end_session(SessionEnd { session, told: None, reason: DELETED.into() });
    Ok(())
}

/// Ends all sessions of an account except the requester's, which the caller ends, and removes the
/// account; further effects depend on that write.
pub(in crate::command) fn remove(
    context: &mut ApplyContext<'_>,
    account: &Arc<Account>,
    why: &str,
) {
    let messages = context.state.settings.delete_messages;
    let (requester, id) = (context.requester.session, account.id);
    let sessions = context.state.users.get(&id).map_or(Vec::new(), |user| user.sessions.clone());
    for session in sessions.iter().copied().filter(|session| *session != requester) {
        session_end::leave(&mut context.to(id, session), why, None);
        let (told, reason) = (Some(why.into()), why.into());
        context.out.end_session(SessionEnd { session, told, reason });
    }
    context.out.follow_up(FollowUp::EndPendingLogins { account: id, why: DELETED });
    if sessions.contains(&requester) {
        session_end::leave(context, why, None);
    }
    let ApplyContext { state, out, .. } = context;
    out.resume(Condition::Always);
    former_names::deleted(state, out, &account.name);
    dormant::remove(state, out, account, Write::DeleteAccount { id, messages });
}
