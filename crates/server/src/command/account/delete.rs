//! `ACCOUNT DELETE name`: one's account goes, and with it all that is its own. The name stays nobody's.

use super::refused;
use crate::command::ending;
use crate::command::refusal::Refusal;
use crate::effects::write_error;
use crate::effects::{Condition, Effect, Ending, FollowUp};
use crate::state::applying::Applying;
use crate::state::{dormant, standing};
use proto::Line;
use proto::name::same;
use std::sync::Arc;
use store::{Account, Write};

/// Why the connections of a deleted account end.
const DELETED: &str = "This account was deleted";

/// Carries it out.
pub(super) fn run(
    context: &mut Applying<'_>,
    account: &Arc<Account>,
    name: &str,
) -> Result<(), Refusal> {
    if !same(name, &account.name) {
        let text = "To delete your account, say ACCOUNT DELETE and its name; nothing was done";
        return Err(refused("NOT_YOUR_NAME", name, text));
    }
    let messages = context.state.config.accounts.delete_messages;
    let (session, me) = (context.asker.session, account.id);
    let server = context.state.renderer.server.clone();
    let all = context.user().sessions.clone();
    for other in all.into_iter().filter(|id| *id != session) {
        ending::leave(&mut context.device(other), DELETED);
        let (told, reason) = (Some(DELETED.into()), DELETED.into());
        context.out.end_session(Ending { session: other, told, reason });
    }
    context.out.follow_up(FollowUp::EndEntering { account: me, why: DELETED });
    ending::leave(context, DELETED);
    let Applying { state, out, .. } = context;
    out.resume(Condition::Always);
    standing::give_up(state, out, &account.name);
    dormant::remove(state, out, account, Write::DeleteAccount { id: me, messages });
    let Condition::Stored(write) = out.condition() else { return Ok(()) };
    out.reply(session, |out| {
        let line = Line::to(out).source(&server).verb("NOTE").param("ACCOUNT").param("DELETED");
        line.param(&account.name).text("Your account is deleted; nobody can have its name").end();
        write_error(out, DELETED);
    });
    out.push_when(
        Condition::Failed(write),
        Effect::NotStored { to: session, verb: "ACCOUNT", tag: None },
    );
    out.end_session(Ending { session, told: None, reason: DELETED.into() });
    Ok(())
}
