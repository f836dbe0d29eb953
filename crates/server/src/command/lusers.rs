//! `LUSERS`: how many users, rooms and connections there are.
//!
//! <https://modern.ircdocs.horse/#lusers-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::{Message, numeric as n};

/// Carries out `LUSERS`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    show(context);
    Ok(())
}

/// Replies with the counts.
pub fn show(context: &mut Context<'_>) {
    let users = context.state.users.values();
    let (all, invisible) = (users.len(), users.clone().filter(|user| user.invisible).count());
    let visible = all - invisible;
    let operators = users.filter(|user| user.is_operator()).count();
    let registration = context.node.sessions.iter().filter(|(_, one)| one.user.is_none()).count();
    let rooms = context.state.rooms.len();
    let most = context.state.users_most;
    let text = format!("There are {visible} users and {invisible} invisible on 1 servers");
    context.numeric(n::RPL_LUSERCLIENT, &[], &text);
    context.numeric(n::RPL_LUSEROP, &[&operators.to_string()], "operator(s) online");
    context.numeric(
        n::RPL_LUSERUNKNOWN,
        &[&registration.to_string()],
        "connection(s) not logged in",
    );
    context.numeric(n::RPL_LUSERCHANNELS, &[&rooms.to_string()], "channels formed");
    // A user counts once, however many devices they have, so all these numbers agree.
    context.numeric(n::RPL_LUSERME, &[], &format!("I have {all} clients and 0 servers"));
    let (all, most) = (all.to_string(), most.to_string());
    let text = format!("Current local users {all}, max {most}");
    context.numeric(n::RPL_LOCALUSERS, &[&all, &most], &text);
    let text = format!("Current global users {all}, max {most}");
    context.numeric(n::RPL_GLOBALUSERS, &[&all, &most], &text);
}
