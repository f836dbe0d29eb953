//! `ACCOUNT SESSIONS`, `ACCOUNT END id|ALL`: one's own connections.

use super::{refused, time};
use crate::command::context::Context;
use crate::command::refusal::Refusal;
use crate::effects::SessionEnd;
use crate::session::{Client, Credential, Session};
use crate::session_id::SessionId;
use crate::state::apply_context::ApplyContext;

/// Why a session ends that its user has ended.
const ENDED: &str = "Ended by another of your sessions";

/// How a session is identified to its user.
pub(super) fn name(id: SessionId) -> String {
    let SessionId { node, shard, slot, generation } = id;
    match node {
        0 => format!("{shard}.{slot}.{generation}"),
        // Nodes number their connections independently.
        _ => format!("{node}.{shard}.{slot}.{generation}"),
    }
}

/// How a session has logged in.
pub(super) fn credential(session: &Session) -> (&'static str, String) {
    match &session.credential {
        Credential::Password => ("password", "by the password".into()),
        Credential::AppPassword(name) => ("token", format!("by the app password {name}")),
        Credential::Certificate => ("certificate", "by a certificate".into()),
        Credential::None => ("*", "as a guest".into()),
    }
}

/// The program, as one word and as the beginning of a sentence.
pub(super) fn client(session: &Session) -> (String, String) {
    let (word, sentence) = match session.client {
        Client::Browser(browser) => return (browser.to_string(), browser.sentence()),
        Client::WebSocket => ("websocket", "WebSocket"),
        Client::Lines if session.encrypted => ("tls", "TLS"),
        Client::Lines => ("plain", "Plain connection"),
    };
    (word.into(), sentence.into())
}

/// Lists all.
pub(super) fn list(context: &mut Context<'_>) {
    let (sessions, me) = (context.user().sessions.clone(), context.requester.session);
    for id in &sessions {
        let Some(session) = context.node.sessions.get(id) else {
            // Only its own node knows more about it.
            if let Some(node) = context.node.other_node_name(*id) {
                let text = format!("Connected to the node {node}, which shows more about it");
                let params = [&*name(*id), "*", "*", "*", "*", "*", "*"];
                context.note("ACCOUNT", "SESSION", &params, &text);
            }
            continue;
        };
        let idle = (context.state.steady - session.seen).max(0) / 1000;
        let ((word, by), (client, with)) = (credential(session), client(session));
        let app = match &session.credential {
            Credential::AppPassword(name) => name.clone(),
            _ => "*".into(),
        };
        let address = session.address.to_canonical().to_string();
        // An address that begins with a colon is not a valid parameter.
        let address = if address.starts_with(':') { format!("0{address}") } else { address };
        let here = if *id == me { " (this one)" } else { "" };
        let text = format!("{with}, logged in {by}; last heard of {idle} seconds ago{here}");
        let since = time(session.since);
        let idle = idle.to_string();
        let params: &[&str] = &[&name(*id), &since, &idle, &address, word, &client, &app];
        context.note("ACCOUNT", "SESSION", params, &text);
    }
    let text = "These are your sessions; ACCOUNT END and the first word ends one";
    context.note("ACCOUNT", "SESSIONS_END", &[&sessions.len().to_string(), &name(me)], text);
}

/// Ends one, or all except the requester's.
pub(super) fn end(context: &mut ApplyContext<'_>, which: &str) -> Result<(), Refusal> {
    let me = context.requester.session;
    let all = context.user().sessions.clone();
    let ended: Vec<SessionId> = match which.eq_ignore_ascii_case("ALL") {
        true => all.into_iter().filter(|id| *id != me).collect(),
        false => all.into_iter().filter(|id| name(*id) == which).collect(),
    };
    if ended.is_empty() && !which.eq_ignore_ascii_case("ALL") {
        let text = "You have no such session; ACCOUNT SESSIONS shows them";
        return Err(refused("NO_SUCH_SESSION", which, text));
    }
    let text = format!("Sessions ended: {}", ended.len());
    context.note("ACCOUNT", "ENDED", &[&ended.len().to_string()], &text);
    for session in ended {
        context.out.end_session(SessionEnd {
            session,
            told: Some(ENDED.into()),
            reason: ENDED.into(),
        });
    }
    Ok(())
}
