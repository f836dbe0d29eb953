//! `ACCOUNT DELETE name`: one's account goes, and with it all that is its own. The name stays nobody's.

use super::{must_be_proven, refused};
use crate::command::ending;
use crate::command::refusal::Refusal;
use crate::effects::write_error;
use crate::effects::{Condition, Effect};
use crate::session::context::Context;
use crate::state::{dormant, standing};
use proto::Line;
use proto::name::same;
use std::sync::Arc;
use store::{Account, Write};

/// Why the connections of a deleted account end.
const DELETED: &str = "This account was deleted";

/// Carries it out.
pub(super) fn run(
    context: &mut Context<'_>,
    account: &Arc<Account>,
    name: &str,
) -> Result<(), Refusal> {
    must_be_proven(context)?;
    if !same(name, &account.name) {
        let text = "To delete your account, say ACCOUNT DELETE and its name; nothing was done";
        return Err(refused("NOT_YOUR_NAME", name, text));
    }
    let messages = context.state.config.accounts.delete_messages;
    let (session, me) = (context.asker.session, account.id);
    let others: Vec<_> =
        context.user().sessions.iter().copied().filter(|id| *id != session).collect();
    let server = context.state.renderer.server.clone();
    // What follows ends the asker, too, and is nobody's command.
    context.out.end(&server);
    let Context { applying, node } = context;
    let (state, out) = (&mut *applying.state, &mut *applying.out);
    for other in others.into_iter().chain(node.sessions.entering_as(me)) {
        ending::end_session(state, node, out, other, DELETED);
    }
    ending::session_ended(state, node, out, session, DELETED);
    out.begin(session, None, false);
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
    out.push_when(Condition::Always, Effect::Close { session });
    Ok(())
}
