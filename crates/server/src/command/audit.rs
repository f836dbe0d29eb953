//! `AUDIT [count] [before=id]`: what operators have done, newest last.

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::{Effect, Read, ReadKind};
use crate::limits::{AUDIT_PAGE, AUDIT_PAGE_MOST};
use proto::Message;
use std::sync::Arc;

/// Carries out `AUDIT`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_have_right("AUDIT", "")?;
    let (mut limit, mut before) = (AUDIT_PAGE, u64::MAX);
    for word in message.params().iter().filter(|word| !word.is_empty()) {
        match (word.strip_prefix("before="), word.parse::<usize>()) {
            (Some(id), _) => {
                let bad = || Refusal::BadCount(id.to_owned(), usize::MAX >> 1);
                before = id.parse().map_err(|_| bad())?;
            }
            (None, Ok(count @ 1..=AUDIT_PAGE_MOST)) => limit = count,
            _ => return Err(Refusal::BadCount((*word).to_owned(), AUDIT_PAGE_MOST)),
        }
    }
    let request = Read {
        what: ReadKind::Audit { before, limit },
        capabilities: context.capabilities(),
        bytes: context.node.config.limits.page_bytes(),
        since: Vec::new(),
        rooms: Vec::new(),
        ignored: [].into(),
        me: (context.requester.user.unwrap_or_default(), context.requester_name()),
    };
    let session = context.requester.session;
    context.out.push(Effect::Read { session, request: Arc::new(request), tag: None });
    Ok(())
}
