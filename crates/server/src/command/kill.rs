//! `KILL nick :reason`: an operator of the server ends all connections of a user.
//!
//! <https://modern.ircdocs.horse/#kill-message>

use super::refusal::Refusal;
use crate::effects::{Effect, SessionEnd};
use crate::limits::KICK_BYTES;
use crate::state::apply_context::ApplyContext;
use crate::text::shorten;
use proto::Message;
use proto::name::same;

/// Carries out `KILL`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_have_right("KILL", "")?;
    let name = message.param(0).unwrap_or_default();
    let reason = message.param(1).filter(|reason| !reason.is_empty());
    let reason = shorten(reason.ok_or(Refusal::NeedMoreParams)?, KICK_BYTES);
    let server = context.state.renderer.server.clone();
    if same(name, &server) {
        return Err(Refusal::CannotKillServer);
    }
    let killed = context.state.online(name).ok_or(Refusal::NotOnline(name.to_owned()))?;
    context.must_not_be_above(killed.id)?;
    let (id, nick, sessions) = (killed.id, killed.nick.clone(), killed.sessions.clone());
    let killer = context.requester_name();
    context.audit("KILL", &nick, reason);
    let quit = format!("Killed ({killer} ({reason}))");
    context.notice(&format!("{nick} has been disconnected (connections: {})", sessions.len()));
    let news = [
        context.passing_from_requester("KILL", &[&nick], reason),
        context.passing(id, "QUIT", &[], Some(&quit)),
    ];
    for to in &sessions {
        news.iter().for_each(|news| {
            context.out.push(Effect::TellOne { to: *to, news: *news, pending: false });
        });
    }
    let told: Box<str> = format!("Closing Link: {server} ({quit})").into();
    for session in sessions {
        let ending = SessionEnd { session, told: Some(told.clone()), reason: quit.as_str().into() };
        context.out.end_session(ending);
    }
    Ok(())
}
