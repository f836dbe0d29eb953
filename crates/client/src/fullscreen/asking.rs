//! The login in the full screen: questions, notices about the connection, and a greeting for new users.

use tui::overlay::{Answer, Question as Overlay};
use tui::tui::Link;

use super::FullScreen;
use crate::Outcome;
use crate::password_change::PasswordChange;
use crate::question::Question;
use crate::show::sentence;
use crate::system::now_ms;
use crate::wire::WireEvent;

/// The state of the login's questions.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The question that is open.
    question: Option<Question>,
    /// The password is being changed.
    pub(super) changing: Option<PasswordChange>,
    /// Notices before the login was done: they are shown above the questions.
    notices: Vec<String>,
    /// When the connection is tried again, in milliseconds since 1970 UTC.
    retry_at_ms: Option<i64>,
    connected: bool,
    /// It was, and broke.
    broke: bool,
}

impl FullScreen {
    pub(super) fn handle_wire_event(&mut self, event: WireEvent) {
        match event {
            WireEvent::Ask(question, because) => self.ask(question, because.as_deref()),
            WireEvent::Sentence(text) if self.wire.is_online() => {
                self.remark(&sentence(&text), false);
            }
            WireEvent::Sentence(text) => self.asked.notices.push(sentence(&text)),
            WireEvent::Broken(reason) => {
                self.asked.retry_at_ms = self.wire.retry_in_ms().map(|pause| now_ms() + pause);
                if self.asked.question.take().is_some() {
                    // It is asked again on the next connection.
                    self.tui.overlay = None;
                }
                self.abort_password_change();
                if std::mem::take(&mut self.asked.connected) {
                    let text = format!("The connection broke ({reason}). Reconnecting …");
                    self.remark(&text, true);
                    self.asked.broke = true;
                }
                self.tui.show_status(&format!("Not connected: {reason}"), true);
            }
            WireEvent::LoggedIn => self.logged_in(),
            WireEvent::Failed(failure) => self.result = Some(Err(failure)),
            WireEvent::Changed(_) => {}
        }
    }

    /// The state of the connection, for the screen.
    pub(super) fn link(&self) -> Link {
        match (self.asked.connected, self.asked.retry_at_ms) {
            (true, _) => Link::Connected { tls: !self.wire.is_plaintext() },
            (false, Some(until)) => Link::Waiting(until),
            (false, None) => Link::Connecting,
        }
    }

    pub(super) fn ask(&mut self, question: Question, because: Option<&str>) {
        self.asked.question = Some(question);
        let text = self.asked.notices.iter().map(String::as_str).chain(because);
        let answer = if question.is_secret() { Answer::Secret } else { Answer::Text };
        let title = match &self.asked.changing {
            Some(_) => "Change your password".to_owned(),
            None => format!("Log in at {}", self.wire.server()),
        };
        self.tui.ask(Overlay {
            title,
            text: text.collect::<Vec<_>>().join("\n"),
            prompt: question.prompt().trim_end().to_owned(),
            answer,
            input: Default::default(),
        });
    }

    /// The person has answered, or gives up.
    pub(super) fn answered(&mut self, answer: Option<String>) {
        let Some(question) = self.asked.question.take() else { return };
        let Some(answer) = answer else {
            if !self.cancel_password_change() {
                self.result = Some(Ok(Outcome::Undone));
            }
            return;
        };
        if question.is_secret() {
            self.input_history.hide(&answer);
        }
        if let Some(change) = &mut self.asked.changing {
            let next = change.answer(question, &answer);
            self.continue_password_change(next);
            return;
        }
        let events = self.wire.answer(question, &answer);
        self.handle_wire_events(events);
    }

    fn logged_in(&mut self) {
        self.asked.connected = true;
        self.asked.retry_at_ms = None;
        for sentence in std::mem::take(&mut self.asked.notices) {
            self.wire.chat.remark("", false, now_ms(), &sentence);
        }
        if std::mem::take(&mut self.asked.broke) {
            self.tui.show_status("Connected again.", false);
        } else {
            self.tui.status = None;
        }
        if let Some(why) = self.wire.renewal() {
            self.renew_password(why);
        }
    }

    /// Shows a new user what they can do.
    pub(super) fn greet(&mut self) {
        if !self.drafts.is_new() {
            return;
        }
        use tui::keymap::Act;
        // A key may have been taken away in the configuration.
        let key = |act, instead: &str| match self.tui.keymap.key(act) {
            key if key.is_empty() => instead.to_owned(),
            key => key,
        };
        let lines = [
            "Type something and press Enter: everybody here can read it.".to_owned(),
            format!(
                "{} finds rooms, people and commands by a few letters; /join #name opens a room.",
                key(Act::Palette, "PM")
            ),
            format!("{} shows all keys, /help a command, /quit leaves.", key(Act::Help, "/help")),
        ];
        self.drafts.greeted();
        for line in lines {
            let home = self.wire.chat.home().unwrap_or_default().to_owned();
            self.wire.chat.remark(&home, false, now_ms(), &line);
        }
    }
}
