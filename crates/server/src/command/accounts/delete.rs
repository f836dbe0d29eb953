//! `ACCOUNTS DELETE name [:reason]`: removes an account with everything it owns.

use super::{VERB, account, must_not_be_operator, refused};
use crate::command::account::remove;
use crate::command::refusal::Refusal;
use crate::command::rights::rest_of;
use crate::command::serverban::not_stored;
use crate::limits::KICK_BYTES;
use crate::state::apply_context::ApplyContext;
use crate::text::shorten;
use proto::Message;

/// Carries it out.
pub(super) fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context, message)?;
    let reason = rest_of(message.params(), 2);
    let reason = shorten(&reason, KICK_BYTES);
    must_not_be_operator(context, &account)?;
    if context.requester.user == Some(account.id) {
        let text = "This is your own account; ACCOUNT DELETE and its name deletes it";
        return Err(refused("NOT_YOURSELF", &account.name, text));
    }
    let told = match reason {
        "" => "This account was deleted by an operator of this server".to_owned(),
        reason => format!("This account was deleted by an operator of this server: {reason}"),
    };
    remove(context, &account, &told);
    not_stored(context, VERB);
    context.audit("ACCOUNTS DELETE", &account.name, reason);
    let text = format!("{} is deleted; nobody can register this name", account.name);
    context.note(VERB, "DELETED", &[&account.name], &text);
    Ok(())
}
