//! `chatclient history`: the newest messages of a conversation.

use chat::entry::Entry;
use chat::timeline::Run;

use super::Caller;
use super::print::Printer;
use crate::Outcome;
use crate::failure::Failure;
use crate::pages::{ENDLESS, Pages};

pub(super) fn run(
    caller: &mut Caller,
    target: &str,
    before: Option<&str>,
    limit: usize,
    json: bool,
) -> Result<Outcome, Failure> {
    if let Some(msgid) = before {
        // The message's position must be known before what precedes it can be.
        caller.load(target, Run::Around(msgid.to_owned()))?;
        if caller.chat().find_message(target, msgid).is_none() {
            return Err(Failure::Refused(format!("there is no message {msgid} in {target}")));
        }
    }
    let mut next = before.map_or(Run::Latest, |msgid| Run::Before(msgid.to_owned()));
    let mut pages = Pages::default();
    loop {
        if !pages.allow(&next) {
            super::report(&format!("not all can be printed: {ENDLESS}"));
            break;
        }
        let count = caller.load(target, next.clone())?;
        let found = messages(caller, target, before);
        if count == 0 || found.len() >= limit {
            break;
        }
        let Some(oldest) = first(caller, target, before) else { break };
        next = Run::Before(oldest);
    }
    let mut printer = Printer::new(json);
    let found: Vec<Entry> = messages(caller, target, before).into_iter().cloned().collect();
    for entry in &found[found.len().saturating_sub(limit)..] {
        printer.message(target, entry)?;
    }
    Ok(Outcome::Done)
}

/// The known messages, only those before `before` if given.
fn messages<'a>(caller: &'a Caller, target: &str, before: Option<&str>) -> Vec<&'a Entry> {
    let Some(conversation) = caller.chat().conversation(target) else { return Vec::new() };
    let entries = conversation.timeline.entries();
    let older = entries.take_while(|entry| before.is_none() || entry.msgid.as_deref() != before);
    older.filter(|entry| entry.kind.is_said()).collect()
}

/// The msgid of the oldest known message.
fn first(caller: &Caller, target: &str, before: Option<&str>) -> Option<String> {
    let entries = caller.chat().conversation(target)?.timeline.entries();
    let mut older =
        entries.take_while(|entry| before.is_none() || entry.msgid.as_deref() != before);
    older.find_map(|entry| entry.msgid.clone())
}
