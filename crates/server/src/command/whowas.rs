//! `WHOWAS name [count]`: information about users who have recently left or changed nick.
//!
//! <https://modern.ircdocs.horse/#whowas-message>

use super::refusal::{Refusal, refuse};
use crate::command::context::Context;
use crate::state::user::FormerUser;
use proto::name::same;
use proto::{Message, numeric as n};

/// Carries out `WHOWAS`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).filter(|name| !name.is_empty()).ok_or(Refusal::NoName)?;
    let count = message.param(1).and_then(|count| count.parse().ok()).filter(|count| *count > 0);
    let left = context.state.left.iter().rev().filter(|left| same(&left.nick, name));
    let left: Vec<FormerUser> = left.take(count.unwrap_or(usize::MAX)).cloned().collect();
    if left.is_empty() {
        refuse(context, "WHOWAS", &Refusal::WasNobody(name.to_owned()));
    }
    let most = context.out.text.len() + context.node.config.limits.answer();
    for left in left {
        if context.out.text.len() > most {
            context.notice("The list is too long for one answer; limit it with a count");
            break;
        }
        show(context, &left);
    }
    context.numeric(n::RPL_ENDOFWHOWAS, &[name], "End of WHOWAS");
    Ok(())
}

fn show(context: &mut Context<'_>, left: &FormerUser) {
    let server = context.state.renderer.server.clone();
    let mut time = Vec::new();
    proto::time::write_date(left.time, &mut time);
    let time = format!("last seen {} UTC", String::from_utf8_lossy(&time));
    let author = left.author();
    let params = [&*left.nick, author.username(), author.host(&server), "*"];
    context.numeric(n::RPL_WHOWASUSER, &params, &left.realname);
    context.numeric(n::RPL_WHOISSERVER, &[&left.nick, &server], &time);
    if let Some(account) = &left.account {
        context.numeric(n::RPL_WHOISACCOUNT, &[&left.nick, account], "was logged in as");
    }
}
