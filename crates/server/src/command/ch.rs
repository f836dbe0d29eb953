//! `CH [target] [count] [before]`: history for people; the same read as `CHATHISTORY`.

use super::chathistory::{conversation, read};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::ReadKind;
use proto::Message;
use store::{Kinds, Point, Query, Scope, Select};

/// Carries out `CH`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let mut params = message.params().iter().copied().peekable();
    // Neither nicks nor rooms begin with a digit, so a number alone is a count.
    let is_count = |param: &str| param.starts_with(|first: char| first.is_ascii_digit());
    let target = params.next_if(|param| !is_count(param)).unwrap_or("*");
    let most = context.node.config.limits.page();
    let limit = match params.next() {
        None => most,
        Some(count) => match count.parse() {
            Ok(limit) if (1..=most).contains(&limit) => limit,
            _ => return Err(Refusal::BadCount(count.to_owned(), most)),
        },
    };
    let select = match params.next() {
        None => Select::Latest,
        Some(msgid) => match store::parse_msgid(&context.state.renderer.instance, msgid) {
            Some(id) => Select::Before(Point::Id(id)),
            None => return Err(Refusal::BadMsgid(msgid.to_owned())),
        },
    };
    let (of, target) = if target == "*" {
        (Scope::Everything { account: context.me(), room: context.state.lobby }, "*".into())
    } else {
        let (conversation, name) = conversation(context, target)?;
        (Scope::One(conversation), name)
    };
    let up_to = context.state.last_event();
    let query = Query { of, select, limit, up_to, kinds: Kinds::MESSAGES };
    read(context, ReadKind::Ch { query, target });
    Ok(())
}
