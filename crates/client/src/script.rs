//! Standard input that is not a terminal: each answer is its next line.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::limits::{INTERRUPTED, SCRIPT_LINE_BYTES};
use crate::link::{Event, Input, Leaving};
use crate::question::Question;

/// Ends the script in good order at Ctrl-C: what was not confirmed is named. At a second one it ends at once.
///
/// # Errors
/// If the system refuses the handler.
pub fn watch_interrupts(events: SyncSender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (before, _) in signals.forever().enumerate() {
            let interrupted = Event::Input(Input::Left(Leaving::Interrupted));
            if before > 0 || events.send(interrupted).is_err() {
                std::process::exit(INTERRUPTED.into());
            }
        }
    })?;
    Ok(())
}

/// Answers questions from standard input until nobody asks any more. Prompts go to standard error.
pub fn answer(questions: &Receiver<Question>, events: &SyncSender<Event>) {
    let mut input = io::stdin().lock();
    for question in questions {
        // Without standard error there is nobody to see the prompt, and the answer comes all the same.
        let _ = writeln!(io::stderr(), "{}", question.prompt().trim_end());
        let answer = next_line(&mut input).unwrap_or_else(|error| Input::Failed(error.to_string()));
        if events.send(Event::Input(answer)).is_err() {
            return;
        }
    }
}

fn next_line(input: &mut impl BufRead) -> io::Result<Input> {
    let mut line = Vec::new();
    input.take(SCRIPT_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Input::Left(Leaving::EndOfInput));
    }
    if line.len() > SCRIPT_LINE_BYTES {
        return Err(io::Error::other(format!("a line is longer than {SCRIPT_LINE_BYTES} bytes")));
    }
    let Ok(line) = String::from_utf8(line) else {
        return Ok(Input::Unusable("it is not UTF-8".to_owned()));
    };
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(Input::Line(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_and_the_last_needs_none() {
        let mut input = &b"one\r\n two \n\nlast"[..];
        for expected in ["one", " two ", "", "last"] {
            assert_eq!(next_line(&mut input).unwrap(), Input::Line(expected.to_owned()));
        }
        assert_eq!(next_line(&mut input).unwrap(), Input::Left(Leaving::EndOfInput));
    }

    #[test]
    fn lines_that_cannot_be_taken_are_said_to_be_so() {
        let long = vec![b'x'; 70_000];
        assert!(next_line(&mut &long[..]).is_err());
    }

    #[test]
    fn a_line_that_is_not_utf_8_does_not_end_the_input() {
        let mut input = &b"gr\xfc\xdfe\nnext\n"[..];
        assert!(matches!(next_line(&mut input), Ok(Input::Unusable(_))));
        assert_eq!(next_line(&mut input).unwrap(), Input::Line("next".to_owned()));
    }
}
