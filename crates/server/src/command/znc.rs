//! `ZNC *playback command…`: missed messages, requested in the form of the bouncer ZNC; also by
//! `PRIVMSG *playback :command…`.
//!
//! <https://wiki.znc.in/Playback>

use super::chathistory::{conversation, read};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::ReadKind;
use crate::limits::TARGETS;
use crate::render::PLAYBACK;
use proto::{Capability, Message};
use std::sync::Arc;
use store::Conversation;

/// Carries out `ZNC *playback command…`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let module = message.param(0).unwrap_or_default();
    if !context.has(Capability::ZncPlayback) || !module.eq_ignore_ascii_case(PLAYBACK) {
        return Err(Refusal::UnknownCommand(message.verb.to_owned()));
    }
    ask(context, message.rest(1).unwrap_or_default());
    Ok(())
}

/// Carries out a command for ZNC's module: `PLAY buffers [from] [to]` with seconds since the epoch,
/// or `LIST`. `CLEAR` does nothing: reading history does not remove it.
pub fn ask(context: &mut Context<'_>, command: &str) {
    let mut words = command.split(' ').filter(|word| !word.is_empty());
    match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
        "PLAY" => {
            let buffers = words.next().unwrap_or("*");
            let after = words.next().and_then(milliseconds).unwrap_or(i64::MIN);
            let before = words.next().and_then(milliseconds).unwrap_or(i64::MAX);
            let of = match buffers {
                "*" => None,
                names => Some(readable(context, names)),
            };
            let limit = context.node.config.limits.page();
            let batch = "znc.in/playback";
            let up_to = context.state.last_event();
            if after < before {
                read(context, ReadKind::Playback { of, after, before, limit, up_to, batch });
            }
        }
        "LIST" => read(context, ReadKind::Buffers),
        "CLEAR" => {}
        _ => {
            let source = format!("{PLAYBACK}!{PLAYBACK}@{}", context.state.renderer.server);
            let nick = context.nick();
            let to = context.requester.session;
            context.out.reply(to, |out| {
                let line = proto::Line::to(out).source(&source).verb("PRIVMSG").param(&nick);
                line.text("Commands: PLAY <* or names> [from] [to], LIST").end();
            });
        }
    }
}

/// The conversations of these names that the requester may read.
fn readable(context: &Context<'_>, names: &str) -> Vec<(Conversation, Arc<str>)> {
    let names = super::once(names.split(',').filter(|name| !name.is_empty()).collect());
    let names = names.into_iter().take(TARGETS);
    names.filter_map(|name| conversation(context, name).ok()).collect()
}

/// Seconds since the epoch, possibly with a fraction, in milliseconds.
fn milliseconds(seconds: &str) -> Option<i64> {
    let seconds: f64 = seconds.parse().ok()?;
    // Values out of range are clamped.
    seconds.is_finite().then_some((seconds * 1000.0).round() as i64)
}
