//! `chatclient send`: one message, confirmed by the server.

use std::io::{Read, Write};

use chat::intent::Saying;
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
    let reply_to = reply_to.map(str::to_owned);
    let saying = Saying { to: target.to_owned(), text, reply_to, action: false };
    let last = caller.wire.intend(Intent::Say(saying));
    let last = last.map_err(|error| Failure::Refused(error.to_string()))?;
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
                Err(reason) => {
                    super::tell(&reason);
                    refused = true;
                }
            }
            if Some(number) == last {
                return Ok(if refused { Outcome::Undone } else { Outcome::Done });
            }
        }
    }
}
