//! `chatclient search`: prints the results of a search.

use chat::{Change, Intent};

use super::Caller;
use super::print::Printer;
use crate::Outcome;
use crate::failure::Failure;

pub(super) fn run(
    caller: &mut Caller,
    words: &str,
    limit: usize,
    json: bool,
) -> Result<Outcome, Failure> {
    let mut printer = Printer::new(json);
    let (mut before_ms, mut printed) = (None, 0);
    while printed < limit {
        let intent = Intent::Search { words: words.to_owned(), before_ms };
        caller.wire.perform(intent).map_err(|error| Failure::Refused(error.to_string()))?;
        caller.wait(|chat, change| *change == Change::Found && !chat.search.loading)?;
        let search = &caller.chat().search;
        let found = &search.found;
        if found.len() == printed {
            if printed == 0 && !search.note.is_empty() {
                return Err(Failure::Refused(search.note.clone()));
            }
            break;
        }
        for (target, entry) in found.iter().skip(printed).take(limit - printed) {
            printer.message(target, entry)?;
        }
        before_ms = found.last().map(|(_, entry)| entry.time_ms);
        printed = found.len();
    }
    Ok(Outcome::Done)
}
