//! `ISUPPORT`: what the server supports, also before the login.
//!
//! <https://ircv3.net/specs/extensions/extended-isupport>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::welcome::isupport;
use crate::config::Config;
use crate::effects::Effects;
use crate::limits::{LINE_BYTES, PARAMS};
use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::State;
use proto::{Capability, Line, Message, numeric as n};

/// The sentence at the end of each 005.
const ARE_SUPPORTED: &str = "are supported by this server";

/// Carries out `ISUPPORT`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    if context.session().user.is_none() && !context.has(Capability::ExtendedIsupport) {
        return Err(Refusal::NotLoggedIn);
    }
    // The batch is the whole answer, so it has the label itself.
    let label = if batches(context) { context.out.take_label() } else { None };
    send(context, &isupport(&context.node.config), label.as_deref());
    Ok(())
}

/// Replies with 005.
pub fn show(context: &mut Context<'_>) {
    send(context, &isupport(&context.node.config), None);
}

/// Sends changed tokens to all sessions that were sent the old ones.
pub fn tell_changes(state: &mut State, node: &mut Node, out: &mut Effects, before: &Config) {
    let (before, after) = (isupport(before), isupport(&node.config));
    let key = |token: &String| token.split('=').next().unwrap_or_default().to_owned();
    let mut changes: Vec<String> =
        after.iter().filter(|token| !before.contains(token)).cloned().collect();
    let gone = before.iter().map(key).filter(|old| !after.iter().map(key).any(|new| new == *old));
    changes.extend(gone.map(|key| format!("-{key}")));
    if changes.is_empty() {
        return;
    }
    let welcomed =
        |(id, session): (SessionId, &crate::session::Session)| session.welcomed.then_some(id);
    let sessions: Vec<SessionId> = node.sessions.iter().filter_map(welcomed).collect();
    for session in sessions {
        send(&mut Context::new(state, node, out, session), &changes, None);
    }
}

fn batches(context: &Context<'_>) -> bool {
    context.has(Capability::Batch) && context.has(Capability::ExtendedIsupport)
}

/// Sends tokens on as many lines as needed; none is cut.
fn send(context: &mut Context<'_>, tokens: &[String], label: Option<&str>) {
    let (server, nick) = (context.state.renderer.server.clone(), context.nick());
    let reference = batches(context).then(|| format!("I{}", context.out.text.len()));
    if let Some(reference) = &reference {
        context.responder.out.reply(context.responder.requester.session, |out| {
            let line = Line::to(out);
            let line = match label {
                Some(label) => line.tag("label", label),
                None => line,
            };
            let line = line.source(&server).verb("BATCH").param(&format!("+{reference}"));
            line.param("draft/isupport").end();
        });
    }
    let tag = reference.as_ref().map(|reference| format!("batch={reference}")).unwrap_or_default();
    let frame = format!(":{server} {} {nick} :{ARE_SUPPORTED}\r\n", n::RPL_ISUPPORT);
    for line in chunks(tokens, LINE_BYTES - frame.len()) {
        context.responder.out.reply(context.responder.requester.session, |out| {
            let start = Line::to(out).raw_tags(&tag).source(&server);
            let start = start.verb(n::RPL_ISUPPORT).param(&nick);
            let line = line.iter().fold(start, |line, token| line.param(token));
            line.text(ARE_SUPPORTED).end();
        });
    }
    if let Some(reference) = &reference {
        context.from_server_only("BATCH", &[&format!("-{reference}")]);
    }
}

/// Splits the list into lines: so many bytes, counting a space before each token, and so many
/// parameters besides the name and the sentence.
fn chunks(tokens: &[String], most: usize) -> Vec<&[String]> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, token) in tokens.iter().enumerate() {
        if at > start && (bytes + 1 + token.len() > most || at - start == PARAMS - 2) {
            chunks.push(&tokens[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += 1 + token.len();
    }
    chunks.push(&tokens[start..]);
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{NAME_BYTES, SERVER_NAME_BYTES};

    /// Whatever the config says, no token is too long for a line.
    #[test]
    fn every_token_fits_on_a_line_with_the_longest_names() {
        let mut config = Config::default();
        config.server.name = "x".repeat(SERVER_NAME_BYTES);
        config.limits.rooms_per_user = usize::MAX;
        config.limits.history_page = usize::MAX;
        let frame = SERVER_NAME_BYTES + NAME_BYTES + ARE_SUPPORTED.len() + ":  005  :\r\n".len();
        let most = LINE_BYTES - frame;
        let tokens = isupport(&config);
        assert!(tokens.iter().all(|token| token.len() < most), "{tokens:?}");
        let chunks = chunks(&tokens, most);
        assert!(chunks.len() > 1);
        assert_eq!(chunks.concat(), tokens);
        for chunk in chunks {
            assert!(chunk.len() <= PARAMS - 2);
            assert!(chunk.iter().map(|token| 1 + token.len()).sum::<usize>() <= most);
        }
    }
}
