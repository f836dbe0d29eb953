//! `chatclient send`: one message, confirmed by the server.

use std::io::{Read, Write};

use chat::entry::Kind;
use chat::intent::NewMessage;
use chat::{Change, Intent};

use super::Caller;
use crate::Outcome;
use crate::failure::Failure;
use crate::limits::SENT_BYTES;

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
    // A server that confirms nothing would not tell which message it has refused either.
    let mut may_join = is_elsewhere(caller, target);
    if may_join && !caller.chat().server.has("echo-message") {
        join(caller, target)?;
        may_join = false;
    }
    let reply_to = reply_to.map(str::to_owned);
    let saying = NewMessage { to: target.to_owned(), text, reply_to, action: false };
    let last = caller.wire.intend(Intent::Say(saying));
    let numbers = last.map_err(|error| Failure::Refused(error.to_string()))?;
    let mut last = numbers.map(|numbers| *numbers.end());
    let mut refused = false;
    loop {
        let changes = match caller.next(None) {
            Ok(changes) => changes,
            Err(Failure::TimedOut) => return Err(Failure::TimedOut),
            Err(failure) => {
                super::tell(&failure.to_string());
                return Ok(Outcome::Unconfirmed);
            }
        };
        for change in changes {
            let Change::Settled { number, outcome } = change else { continue };
            match outcome {
                Ok(msgid) => {
                    if let Some(msgid) = msgid {
                        writeln!(std::io::stdout(), "{msgid}")?;
                    }
                }
                Err(_) if may_join => {}
                Err(reason) => {
                    super::tell(&reason);
                    refused = true;
                }
            }
            if Some(number) == last {
                if may_join && caller.chat().waiting(target).next().is_some() {
                    may_join = false;
                    join(caller, target)?;
                    last = send_again(caller, target)?;
                    continue;
                }
                return Ok(if refused { Outcome::Undone } else { Outcome::Done });
            }
        }
    }
}

/// Whether the target is a room that this person is not in.
fn is_elsewhere(caller: &Caller, target: &str) -> bool {
    let chat = caller.chat();
    chat.server.is_room(target) && !chat.conversation(target).is_some_and(|room| room.joined)
}

/// Joins a room, or gives the server's reason against it.
fn join(caller: &mut Caller, room: &str) -> Result<(), Failure> {
    let asked = caller.wire.intend(Intent::Open(room.to_owned()));
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

/// Sends what was refused once more; the number of the last of them.
fn send_again(caller: &mut Caller, target: &str) -> Result<Option<u64>, Failure> {
    let numbers: Vec<u64> = caller.chat().waiting(target).map(|waiting| waiting.number).collect();
    for number in numbers {
        let sent = caller.wire.intend(Intent::Retry(number));
        sent.map_err(|error| Failure::Refused(error.to_string()))?;
    }
    Ok(caller.chat().outgoing.back().map(|outgoing| outgoing.number))
}
