//! The end of a session: `QUIT`, or the reason for the end, and what was not sent.

use std::time::Instant;

use super::session::Session;
use crate::failure::Failure;
use crate::limits::{GOODBYE_TIMEOUT, INTERRUPTED_GOODBYE_TIMEOUT};
use crate::link::Input;
use crate::question::Question;
use crate::show::{harmless_lines, not_confirmed};
use crate::timing::Timeout;

impl Session {
    /// Sends `QUIT`, if logged in, and receives confirmations until the server closes the connection.
    pub fn leave(&mut self, at_once: bool) {
        self.leaving = true;
        // `QUIT` acknowledges them, too.
        self.acknowledge_at = None;
        let timeout = if at_once { INTERRUPTED_GOODBYE_TIMEOUT } else { GOODBYE_TIMEOUT };
        let mut timeout = Timeout::new(Instant::now(), timeout, timeout);
        if self.wire.is_online() {
            self.wire.leave();
            // How the connection ends changes nothing.
            while self.wire.is_online() && self.wait(&mut timeout).is_ok() {}
        }
        self.report_settled();
    }

    /// Reports the outcome of messages that nothing waits for any more.
    fn report_settled(&mut self) {
        for settled in std::mem::take(&mut self.settled) {
            let operation = settled.operation;
            // Nobody may be there to read it.
            let _ = self.show_status(&match settled.refused {
                None => format!("Sent: {operation}"),
                Some(sentence) => format!("Not sent ({sentence}): {operation}"),
            });
        }
    }

    /// Ends without `QUIT`, and reports why.
    pub fn give_up(&mut self, failure: &Failure) {
        self.leaving = true;
        // Nobody may be there to read it.
        let _ =
            self.console.status(&format!("chatclient: {}", harmless_lines(&failure.to_string())));
        self.report_settled();
    }

    /// Names what was not sent or may not have been; false if there is nothing of that kind.
    pub fn report_unsent(&mut self, failed: bool) -> bool {
        let mut lines = Vec::new();
        for (number, operation) in &self.sending {
            let mut outgoing = self.wire.chat.outgoing.iter();
            let meant = outgoing.find(|outgoing| outgoing.number == *number);
            if let Some(how) = meant.and_then(not_confirmed) {
                lines.push(format!("{how}: {operation}"));
            }
        }
        let is_secret = |asked: &Option<Question>| asked.is_some_and(Question::is_secret);
        let ahead = self.ahead.iter().filter_map(|(asked, input)| match input {
            Input::Line(line) if !line.trim().is_empty() && !is_secret(asked) => {
                Some(format!("Not sent: {line}"))
            }
            _ => None,
        });
        lines.extend(ahead);
        let unsent = !lines.is_empty();
        if failed && self.wire.is_established() && !self.console.interactive {
            lines.push(match self.inputs {
                0 => "None of the input was processed.".to_owned(),
                last => format!("Nothing after line {last} of the input was processed."),
            });
        }
        for line in lines {
            let line = self.console.look.status_line(&line);
            // Nobody may be there to read it.
            let _ = self.console.status(&line);
        }
        unsent
    }
}
