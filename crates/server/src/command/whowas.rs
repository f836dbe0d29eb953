//! `WHOWAS name [count]`: about users who left lately.
//!
//! <https://modern.ircdocs.horse/#whowas-message>

use super::refusal::{Refusal, refuse};
use crate::hub::context::Context;
use proto::name::same;
use proto::{Message, numeric as n};

/// Carries out `WHOWAS`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).filter(|name| !name.is_empty()).ok_or(Refusal::NoName)?;
    let count = message.param(1).and_then(|count| count.parse().ok()).filter(|count| *count > 0);
    let server = context.state.renderer.server.clone();
    let left = context.state.left.iter().rev().filter(|left| same(&left.nick, name));
    let left: Vec<_> = left.take(count.unwrap_or(usize::MAX)).cloned().collect();
    if left.is_empty() {
        refuse(context, "WHOWAS", &Refusal::WasNobody(name.to_owned()));
    }
    for left in left {
        let mut time = Vec::new();
        proto::time::write_date(left.time, &mut time);
        let time = format!("left {} UTC", String::from_utf8_lossy(&time));
        let params = [&*left.nick, &left.username, &server, "*"];
        context.numeric(n::RPL_WHOWASUSER, &params, &left.realname);
        context.numeric(n::RPL_WHOISSERVER, &[&left.nick, &server], &time);
    }
    context.numeric(n::RPL_ENDOFWHOWAS, &[name], "End of WHOWAS");
    Ok(())
}
