//! Standard input that is not a terminal: each answer is its next line.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::limits::SCRIPT_LINE_BYTES;
use crate::link::{Event, Input, Leaving};
use crate::question::Question;
use crate::tty::end_at_once;

/// Ends the script in an orderly way on Ctrl-C and SIGTERM: unconfirmed messages are listed. The
/// second one ends it at once.
///
/// # Errors
/// If the system refuses the handler.
pub fn watch_interrupts(events: SyncSender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (before, signal) in signals.forever().enumerate() {
            let how = if signal == SIGTERM { Leaving::Terminated } else { Leaving::Interrupted };
            if before > 0 || events.send(Event::Input(Input::Left(how))).is_err() {
                end_at_once(how);
            }
        }
    })?;
    Ok(())
}

/// Answers questions from standard input until no more are asked. Prompts go to standard error.
pub fn answer(questions: &Receiver<Question>, events: &SyncSender<Event>) {
    let mut input = io::stdin().lock();
    for question in questions {
        // Without standard error nobody sees the prompt, but the answer arrives all the same.
        let _ = writeln!(io::stderr(), "{}", question.prompt().trim_end());
        let answer = next_line(&mut input).unwrap_or_else(|error| Input::Failed(error.to_string()));
        if events.send(Event::Input(answer)).is_err() {
            return;
        }
    }
}

fn next_line(input: &mut impl BufRead) -> io::Result<Input> {
    let mut line = Vec::new();
    input.by_ref().take(SCRIPT_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Input::Left(Leaving::EndOfInput));
    }
    if line.len() > SCRIPT_LINE_BYTES {
        if !line.ends_with(b"\n") {
            input.skip_until(b'\n')?;
        }
        return Ok(Input::Unusable(format!("it is longer than {SCRIPT_LINE_BYTES} bytes")));
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
    fn a_line_that_cannot_be_used_does_not_end_the_input() {
        let too_long = |bytes: usize| [vec![b'x'; bytes - 1], b"\n".to_vec()].concat();
        for line in [
            b"gr\xfc\xdfe\n".to_vec(),
            too_long(SCRIPT_LINE_BYTES + 1),
            too_long(SCRIPT_LINE_BYTES + 2),
            too_long(3 * SCRIPT_LINE_BYTES),
        ] {
            let input = [line, b"next\n".to_vec()].concat();
            let mut input = input.as_slice();
            assert!(matches!(next_line(&mut input), Ok(Input::Unusable(_))));
            assert_eq!(next_line(&mut input).unwrap(), Input::Line("next".to_owned()));
        }
        let longest = next_line(&mut too_long(SCRIPT_LINE_BYTES).as_slice());
        assert!(matches!(longest, Ok(Input::Line(_))));
    }
}
