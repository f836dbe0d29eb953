//! The end of a session: the goodbye, or the reason, and what was not sent.

use std::time::Instant;

use super::Session;
use crate::failure::Failure;
use crate::limits::{GOODBYE_TIMEOUT, INTERRUPTED_GOODBYE_TIMEOUT};
use crate::link::Input;
use crate::outgoing::Outgoing;
use crate::pace::Patience;
use crate::state::{Answer, Verdict};

impl Session {
    /// Says goodbye, where the server will understand it as such, and takes the confirmations that still come before
    /// the server's own goodbye.
    pub fn leave(&mut self, at_once: bool) {
        self.leaving = true;
        // The goodbye tells the server as much.
        self.tell_shown_at = None;
        let timeout = if at_once { INTERRUPTED_GOODBYE_TIMEOUT } else { GOODBYE_TIMEOUT };
        let mut patience = Patience::new(Instant::now(), timeout, timeout);
        let mut line = Vec::new();
        self.state.ask_goodbye(&mut line);
        // How the connection ends changes nothing.
        if self.logged_in && self.send(&line).is_ok() {
            while let Ok(line) = self.next_line(&mut patience)
                && !matches!(self.take_in(&line), Ok(Some(Answer::Bye)) | Err(_))
            {}
        }
        self.link = None;
        for (message, verdict) in std::mem::take(&mut self.settled) {
            let operation = message.operation();
            // Nobody may be there to read it.
            let _ = self.aside(&match verdict {
                Verdict::Sent | Verdict::Stored => format!("Sent: {operation}"),
                Verdict::Refused { sentence, .. } => format!("Not sent ({sentence}): {operation}"),
            });
        }
    }

    /// Ends without a word to the server, and tells the person why.
    pub fn give_up(&mut self, failure: &Failure) {
        self.leaving = true;
        self.link = None;
        // Nobody may be there to read it.
        let _ = self.console.status(&format!("chatclient: {failure}"));
    }

    /// Names what was not sent or may not have been; false if there is nothing of that kind.
    pub fn tell_unsent(&mut self, failed: bool) -> bool {
        let unconfirmed = self.state.unconfirmed().iter();
        let mut lines: Vec<String> = unconfirmed
            .map(|message| format!("Possibly sent, but not confirmed: {}", message.operation()))
            .collect();
        let ahead = self.ahead.iter().filter_map(|input| match input {
            Input::Line(line) if !line.trim().is_empty() => Some(line.clone()),
            _ => None,
        });
        let put_off = self.state.put_off().iter().map(Outgoing::operation);
        let not_sent = put_off.chain(self.unsent.iter().cloned()).chain(ahead);
        lines.extend(not_sent.map(|operation| format!("Not sent: {operation}")));
        let unsent = !lines.is_empty();
        if failed && self.logged_in_once() && !self.console.interactive {
            lines.push(match self.inputs {
                0 => "None of the input was processed.".to_owned(),
                last => format!("Nothing after line {last} of the input was processed."),
            });
        }
        for line in lines {
            let line = self.console.look.aside(&line);
            // Nobody may be there to read it.
            let _ = self.console.status(&line);
        }
        unsent
    }

    /// Takes note of pieces of a text of which nothing was sent.
    pub fn leave_unsent(&mut self, to: Option<&str>, pieces: &[&str]) {
        let to = to.map(str::to_owned);
        let operation = |text: &&str| {
            let text = (*text).to_owned();
            Outgoing { to: to.clone(), text, resend_id: String::new() }.operation()
        };
        self.unsent.extend(pieces.iter().map(operation));
    }

    /// Whether the login succeeded, on this connection or one before.
    pub fn logged_in_once(&self) -> bool {
        self.login.is_known()
    }
}
