//! `ACCOUNTS RENAME name new-name [:reason]`: renames an account. The former name still leads to
//! it, and nobody else can register it.

use super::{VERB, account, must_not_be_operator, refused};
use crate::command::refusal::Refusal;
use crate::command::rights::rest_of;
use crate::command::serverban::not_stored;
use crate::effects::FollowUp;
use crate::limits::KICK_BYTES;
use crate::state::account_name;
use crate::state::apply_context::ApplyContext;
use crate::state::former_names;
use crate::state::lookalikes::is_reserved;
use crate::text::shorten;
use proto::Message;
use proto::name::{NameError, check_name, same};
use store::{Account, AccountId};

/// What sessions are told that are in the middle of logging in.
const LOG_IN_AGAIN: &str = "Your account has just been renamed; log in again";

/// Carries it out.
pub(super) fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context, message)?;
    let new = message.param(2).filter(|new| !new.is_empty()).ok_or(Refusal::NeedMoreParams)?;
    let reason = rest_of(message.params(), 3);
    must_not_be_operator(context, &account)?;
    may_be_named(context, &account, new)?;
    let (id, old) = (account.id, account.name.clone());
    account_name::rename(context, &account, new);
    not_stored(context, VERB);
    let text = if reason.is_empty() { format!("to {new}") } else { format!("to {new}: {reason}") };
    context.audit("ACCOUNTS RENAME", &old, shorten(&text, KICK_BYTES));
    let former = match same(&old, new) {
        true => String::new(),
        false => format!("; the name {old} still leads to this account"),
    };
    let told = format!("{old} is now called {new}{former}");
    context.note(VERB, "RENAMED", &[&old, new], &told);
    if context.state.users.contains_key(&id) {
        let text = format!(
            "An operator of this server has renamed your account: log in as {new} from now on"
        );
        context.tell_notice(id, &text);
        if !same(&old, new) {
            context.out.follow_up(FollowUp::TellOffline { name: old.clone() });
            context.out.follow_up(FollowUp::TellOnline { user: id });
            context.out.follow_up(FollowUp::SyncWatchers { user: id });
        }
    }
    context.out.follow_up(FollowUp::EndPendingLogins { account: id, why: LOG_IN_AGAIN });
    Ok(())
}

/// Refuses a name that is not free for this account, or that would give it more than a name.
fn may_be_named(context: &ApplyContext<'_>, account: &Account, new: &str) -> Result<(), Refusal> {
    let state = &context.state;
    let bad = |error| Refusal::BadName(new.to_owned(), error);
    check_name(new).map_err(bad)?;
    if *account.name == *new {
        return Err(refused("SAME_NAME", new, "The account has this name already"));
    }
    let others = |id: AccountId| id != account.id;
    let known = state.account(new).map(|account| account.id);
    let online = state.online(new).map(|user| user.id);
    if known.or(online).is_some_and(others) {
        let text = "Somebody else has this name, or had it before";
        return Err(refused("NAME_IN_USE", new, text));
    }
    let given_up = known.is_none() && former_names::is_reserved(state, new);
    if given_up || is_reserved(new, &state.renderer.server) {
        return Err(bad(NameError::Reserved));
    }
    if state.settings.role_of(new).is_some() {
        let text = "The config makes an operator of whoever has this name; take it out there first";
        return Err(refused("IS_OPERATOR", new, text));
    }
    match state.account_skeletons.find(new, Some(account.id)) {
        None if !former_names::has_lookalike(state, new, Some(&account.name)) => Ok(()),
        _ => Err(Refusal::LooksLikeAccount(new.to_owned())),
    }
}
