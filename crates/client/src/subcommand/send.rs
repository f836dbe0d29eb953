//! `chatclient send`: one message, confirmed by the server.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::Instant;

use chat::entry::Kind;
use chat::intent::NewMessage;
use chat::outgoing::{HELD_BACK, Outgoing};
use chat::{Change, Intent};
use proto::name::same;

use super::Caller;
use crate::Outcome;
use crate::failure::Failure;
use crate::limits::{ANSWER_TIMEOUT, SENT_BYTES};
use crate::show::not_confirmed;
use crate::wire::refusal;

pub(super) fn run(
    caller: &mut Caller,
    target: &str,
    text: Option<&str>,
    reply_to: Option<&str>,
) -> Result<Outcome, Failure> {
    let text = match text {
        Some(text) if text != "-" => text.to_owned(),
        _ => {
            let mut text = String::new();
            let input = std::io::stdin().take(SENT_BYTES + 1).read_to_string(&mut text);
            input.map_err(|error| Failure::Input(error.to_string()))?;
            if text.len() as u64 > SENT_BYTES {
                return Err(Failure::Input(format!("it has more than {SENT_BYTES} bytes")));
            }
            text
        }
    };
    // A server that confirms nothing does not report refusals by message either.
    let mut may_join = is_outside(caller, target);
    if may_join && !caller.chat().server.has("echo-message") {
        join(caller, target)?;
        may_join = false;
    }
    let reply_to = reply_to.map(str::to_owned);
    let saying = NewMessage { to: target.to_owned(), text, reply_to, action: false };
    let numbers = caller.wire.perform(Intent::Say(saying));
    let numbers = numbers.map_err(|error| Failure::Refused(error.to_string()))?;
    let mut unsettled: BTreeSet<u64> = numbers.into_iter().flatten().collect();
    let pieces = unsettled.len();
    let mut last = unsettled.last().copied().unwrap_or_default();
    let give_up_at = Instant::now() + ANSWER_TIMEOUT;
    let mut refused = false;
    // A server that confirms nothing has settled it already.
    let mut changes = caller.wire.chat.take_changes();
    loop {
        for change in changes {
            let Change::Settled { number, outcome } = change else { continue };
            match outcome {
                Ok(msgid) => {
                    if let Some(msgid) = msgid {
                        writeln!(std::io::stdout(), "{msgid}")?;
                    }
                }
                Err(_) if may_join => {}
                // Reported with the piece before it.
                Err(reason) if reason == HELD_BACK => {}
                Err(reason) => {
                    super::report(&match pieces {
                        1 => reason,
                        _ => {
                            let piece = u64::try_from(pieces).unwrap_or(0) - (last - number);
                            format!("piece {piece} of {pieces} was not sent: {reason}")
                        }
                    });
                    if caller.chat().outgoing.iter().any(Outgoing::is_held_back) {
                        super::report("the pieces after it were not sent either");
                    }
                    refused = true;
                }
            }
            unsettled.remove(&number);
        }
        if unsettled.is_empty() {
            if !may_join || caller.chat().waiting(target).next().is_none() {
                return Ok(if refused { Outcome::Undone } else { Outcome::Done });
            }
            may_join = false;
            // Other servers may hide or delay their lists.
            if caller.chat().server.has("parlor/unread") {
                must_exist(caller, target)?;
            }
            join(caller, target)?;
            unsettled = send_again(caller, target)?;
            last = unsettled.last().copied().unwrap_or_default();
        }
        changes = match caller.next(Some(give_up_at)) {
            Ok(_) if Instant::now() >= give_up_at => {
                return Ok(unconfirmed(caller, "the server does not answer", Outcome::Unconfirmed));
            }
            Ok(changes) => changes,
            Err(Failure::TimedOut) => {
                let why = Failure::TimedOut.to_string();
                return Ok(unconfirmed(caller, &why, Outcome::TimedOut));
            }
            Err(failure) => {
                return Ok(unconfirmed(caller, &failure.to_string(), Outcome::Unconfirmed));
            }
        };
    }
}

/// Reports why it ended, and lists the messages that were neither confirmed nor refused.
fn unconfirmed(caller: &Caller, why: &str, outcome: Outcome) -> Outcome {
    super::report(why);
    for outgoing in &caller.chat().outgoing {
        if let Some(how) = not_confirmed(outgoing) {
            super::report(&format!("{how}: {}", outgoing.text));
        }
    }
    outcome
}

/// Whether the target is a room that this person is not in.
fn is_outside(caller: &Caller, target: &str) -> bool {
    let chat = caller.chat();
    chat.server.is_room(target) && !chat.conversation(target).is_some_and(|room| room.joined)
}

/// Refuses a room that does not exist, as far as one may know: joining would create it, and nobody would read the message.
fn must_exist(caller: &mut Caller, room: &str) -> Result<(), Failure> {
    loop {
        let listed = caller.ask(&format!("LIST {room}"), |chat, change| match change {
            Change::Listed => {
                Some(Ok(Some(chat.listed.iter().any(|listed| same(&listed.name, room)))))
            }
            // The connection broke, and the question with it.
            Change::Ready => Some(Ok(None)),
            change => refusal(change).map(Err),
        })?;
        match listed {
            Some(true) => return Ok(()),
            Some(false) => {
                return Err(Failure::Refused(format!(
                    "there is no room {room} that you may see; type JOIN {room} in chatclient to create or enter it"
                )));
            }
            None => {}
        }
    }
}

/// Joins a room, or gives the server's reason against it.
pub(super) fn join(caller: &mut Caller, room: &str) -> Result<(), Failure> {
    let asked = caller.wire.perform(Intent::Open(room.to_owned()));
    asked.map_err(|error| Failure::Refused(error.to_string()))?;
    let mut refused = None;
    caller.wait(|chat, _| {
        let Some(conversation) = chat.conversation(room) else { return false };
        // Without labels the answer stands where the person is, which is here.
        let last = conversation.timeline.entries().next_back();
        refused = last.filter(|entry| entry.kind == Kind::Error).map(|entry| entry.text.clone());
        conversation.joined || refused.is_some()
    })?;
    refused.map_or(Ok(()), |reason| Err(Failure::Refused(reason)))
}

/// Sends what was refused once more; the numbers of these messages.
fn send_again(caller: &mut Caller, target: &str) -> Result<BTreeSet<u64>, Failure> {
    let before: Vec<u64> = caller.chat().waiting(target).map(|waiting| waiting.number).collect();
    for number in before {
        let sent = caller.wire.perform(Intent::Retry(number));
        sent.map_err(|error| Failure::Refused(error.to_string()))?;
    }
    Ok(caller.chat().waiting(target).map(|waiting| waiting.number).collect())
}
