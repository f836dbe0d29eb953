//! `NODES`: where clients may go when this node is gone, sent to sessions with the capability
//! `parlor/nodes`, after their welcome and whenever it changes.

use crate::command::context::Context;
use crate::effects::Effects;
use crate::limits::LINE_BYTES;
use crate::session::{Node, Session};
use crate::session_id::SessionId;
use crate::state::State;
use proto::{Capability, Line};

/// The log has delivered another list.
pub fn set(state: &mut State, node: &mut Node, out: &mut Effects, nodes: Box<[Box<str>]>) {
    if node.nodes == nodes {
        return;
    }
    node.nodes = nodes;
    let knows = |session: &Session| {
        session.user.is_some() && session.capabilities.contains(Capability::Nodes)
    };
    let sessions = node.sessions.iter().filter(|(_, session)| knows(session));
    let sessions: Vec<SessionId> = sessions.map(|(id, _)| id).collect();
    for session in sessions {
        send(&mut Context::new(state, node, out, session));
    }
}

/// Tells a session after its welcome, if it wants to know.
pub fn show(context: &mut Context<'_>) {
    if context.has(Capability::Nodes) {
        send(context);
    }
}

fn send(context: &mut Context<'_>) {
    let nodes = context.node.nodes.clone();
    let (server, session) = (context.state.renderer.server.clone(), context.requester.session);
    let frame = format!(":{server} NODES * \r\n");
    let lines = lines(&nodes, LINE_BYTES - frame.len());
    let last = lines.len() - 1;
    for (at, words) in lines.iter().enumerate() {
        let star = if at < last { &["*"][..] } else { &[] };
        context.out.reply(session, |out| {
            let line = Line::to(out).source(&server).verb("NODES");
            star.iter().chain(words).copied().fold(line, Line::param).end();
        });
    }
}

/// Splits words into lines, as many on each as fit; at least one line, which may be empty.
fn lines(words: &[Box<str>], bytes: usize) -> Vec<Vec<&str>> {
    let mut lines = vec![Vec::new()];
    let mut left = bytes;
    for word in words {
        if left <= word.len() || lines.last().is_some_and(|line| line.len() == PARAMS) {
            lines.push(Vec::new());
            left = bytes;
        }
        left = left.saturating_sub(word.len() + 1);
        lines.last_mut().expect("there is one").push(&**word);
    }
    lines
}

/// Nodes in one line; it has 15 parameters at most, and one may be the `*`.
const PARAMS: usize = proto::limits::PARAMS - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_on_as_many_lines_as_it_takes() {
        let words: Vec<Box<str>> = (0..40).map(|at| format!("{at:03}").into()).collect();
        let count = |words: &[Box<str>], bytes| {
            lines(words, bytes).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(count(&[], 10), [0]);
        assert_eq!(count(&words[..3], 12), [3]);
        assert_eq!(count(&words[..3], 11), [2, 1]);
        assert_eq!(count(&words, 400), [14, 14, 12]);
    }
}
