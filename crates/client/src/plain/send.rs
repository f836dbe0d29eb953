//! Sends messages, and reports their delivery.

use std::time::Instant;

use chat::Intent;
use chat::intent::NewMessage;
use proto::name::same;

use super::Plain;
use super::session::{End, Settled};
use crate::limits::{ANSWER_IDLE_TIMEOUT, ANSWER_TIMEOUT, LINES_UNASKED};
use crate::question::Question;
use crate::timing::Timeout;

impl Plain<'_> {
    pub(super) fn broadcast(&mut self, text: &str) -> Result<(), End> {
        let text = self.text(text)?;
        self.session.until_ready()?;
        match self.session.chat().lobby().map(str::to_owned) {
            Some(lobby) => self.deliver(&lobby, &text, None),
            None => self.fail("Nothing sent: this server has no room that everybody is in."),
        }
    }

    pub(super) fn private(&mut self, user: &str, text: &str) -> Result<(), End> {
        let user = match user {
            "" => match self.recipient()? {
                Some(user) => user,
                None => return Ok(()),
            },
            user => user.to_owned(),
        };
        if user.is_empty() || user.contains(char::is_whitespace) || user.starts_with(':') {
            return self.fail("Nothing sent: that is not a user name.");
        }
        let text = self.text(text)?;
        self.deliver(&user, &text, None)
    }

    /// The text, asked for if there is none.
    pub(super) fn text(&mut self, text: &str) -> Result<String, End> {
        if text.is_empty() { self.detail(Question::Text) } else { Ok(text.to_owned()) }
    }

    /// Sends a text, waits until the server has confirmed or refused it, across breaks, and reports which.
    pub(super) fn deliver(
        &mut self,
        to: &str,
        text: &str,
        reply_to: Option<String>,
    ) -> Result<(), End> {
        self.say(NewMessage { to: to.to_owned(), text: text.to_owned(), action: false, reply_to })
    }

    pub(super) fn say(&mut self, saying: NewMessage) -> Result<(), End> {
        if !saying.text.trim().is_empty() && !self.confirm_long_text(&saying.text)? {
            return self.fail("Nothing sent.");
        }
        let to = saying.to.clone();
        match self.send(saying) {
            Ok(Ok(settled)) => self.report_delivery(&to, settled),
            Ok(Err(sentence)) => self.fail(&format!("Nothing sent: {sentence}")),
            Err(end) => {
                self.succeeded = false;
                Err(end)
            }
        }
    }

    /// Sends a text, in several messages if necessary, and waits for the outcome of each.
    fn send(&mut self, saying: NewMessage) -> Result<Result<Vec<Settled>, String>, End> {
        let session = &mut *self.session;
        let lobby = session.chat().lobby();
        let verb = match lobby.is_some_and(|lobby| same(lobby, &saying.to)) {
            true => "BM".to_owned(),
            false => format!("PM {}", saying.to),
        };
        let numbers = match session.wire.perform(Intent::Say(saying)) {
            Ok(Some(numbers)) => numbers,
            Ok(None) => return Ok(Ok(Vec::new())),
            Err(chat::SendError::NoText) => {
                return Ok(Err("the message is empty.".to_owned()));
            }
            Err(impossible) => return Ok(Err(impossible.to_string())),
        };
        for number in numbers.clone() {
            let mut outgoing = session.wire.chat.outgoing.iter();
            let text = outgoing.find(|outgoing| outgoing.number == number);
            let text = text.map(|outgoing| outgoing.text.clone()).unwrap_or_default();
            session.sending.insert(number, format!("{verb} {text}"));
        }
        for change in session.wire.chat.take_changes() {
            session.report(&change)?;
        }
        let mut timeout = Timeout::new(Instant::now(), ANSWER_IDLE_TIMEOUT, ANSWER_TIMEOUT);
        while numbers.clone().any(|number| session.sending.contains_key(&number)) {
            session.wait(&mut timeout)?;
        }
        // What was missed if the connection broke meanwhile comes first.
        session.until_ready()?;
        Ok(Ok(std::mem::take(&mut session.settled)))
    }

    fn report_delivery(&mut self, to: &str, settled: Vec<Settled>) -> Result<(), End> {
        let count = settled.len();
        let mut away = None;
        let mut refused: Vec<(usize, String)> = Vec::new();
        for (at, settled) in settled.into_iter().enumerate() {
            away = self.session.away.remove(&settled.number).or(away);
            if let Some(reason) = settled.refused {
                // The refusal is reported, and the message is not retried.
                let discarded = self.session.wire.perform(Intent::Discard(settled.number));
                debug_assert!(discarded.is_ok(), "nothing is needed for that");
                refused.push((at + 1, reason));
            }
        }
        if !refused.is_empty() {
            return self.fail(&not_sent(&refused, count));
        }
        let parts = if count > 1 { format!(" in {count} pieces") } else { String::new() };
        let lobby = self.session.chat().lobby();
        let sentence = match (lobby.is_some_and(|lobby| same(lobby, to)), away) {
            (true, _) => format!("Sent to everyone{parts}."),
            (false, None) => format!("Sent to {to}{parts}."),
            (false, Some(text)) if text.starts_with("is offline") => {
                format!("Kept for {to}{parts}, who is offline and gets it at the next login.")
            }
            // No person has said so.
            (false, Some(text)) if text == "*" => format!("Sent to {to}{parts}, who is away."),
            (false, Some(text)) => format!("Sent to {to}{parts}, who is away: {text}"),
        };
        Ok(self.session.show_status(&sentence)?)
    }

    /// Asks before sending a long text: it may have been pasted by mistake.
    fn confirm_long_text(&mut self, text: &str) -> Result<bool, End> {
        let lines = text.lines().count();
        if !self.session.console.interactive || lines <= LINES_UNASKED {
            return Ok(true);
        }
        self.session.show_status(&format!("This text has {lines} lines."))?;
        let answer = self.session.ask(Question::SendLines)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

/// The report on a text of `count` pieces of which these were refused, each with the reason.
fn not_sent(refused: &[(usize, String)], count: usize) -> String {
    match refused {
        [(1, reason), ..] if refused.len() == count => format!("Not sent: {reason}"),
        [(first, reason), ..] if refused.len() == count + 1 - first => {
            format!("Not sent from piece {first} of {count} on: {reason}")
        }
        _ => {
            let pieces = refused.iter().map(|(piece, reason)| format!("piece {piece} ({reason})"));
            let pieces = pieces.collect::<Vec<_>>().join(", ");
            format!("Of {count} pieces all were sent but {pieces}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_pieces_are_reported() {
        let reported = |pieces: &[usize], count| {
            let refused = pieces.iter().map(|piece| (*piece, format!("no{piece}")));
            not_sent(&refused.collect::<Vec<_>>(), count)
        };
        assert_eq!(reported(&[1], 1), "Not sent: no1");
        assert_eq!(reported(&[1, 2, 3], 3), "Not sent: no1");
        assert_eq!(reported(&[2, 3], 3), "Not sent from piece 2 of 3 on: no2");
        assert_eq!(
            reported(&[1, 3], 4),
            "Of 4 pieces all were sent but piece 1 (no1), piece 3 (no3)"
        );
    }
}
