//! The login in the screen: questions, what is told of the connection, the first words to a new person.

use tui::overlay::{Answer, Question as Overlay};
use tui::tui::Link;

use super::FullScreen;
use crate::Outcome;
use crate::password_change::PasswordChange;
use crate::question::Question;
use crate::show::sentence;
use crate::system::now_ms;
use crate::wire::WireEvent;

/// What the person is being asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The question that is open.
    question: Option<Question>,
    /// The password is being changed.
    pub(super) changing: Option<PasswordChange>,
    /// What was told before the login was done: it stands above the questions.
    told: Vec<String>,
    /// When the connection is tried again, in milliseconds since 1970 UTC.
    pause_until_ms: Option<i64>,
    connected: bool,
    /// It was, and broke.
    broke: bool,
}

impl FullScreen {
    pub(super) fn hear_one(&mut self, told: WireEvent) {
        match told {
            WireEvent::Ask(question, because) => self.ask(question, because.as_deref()),
            WireEvent::Sentence(text) if self.wire.is_online() => {
                self.remark(&sentence(&text), false);
            }
            WireEvent::Sentence(text) => self.asked.told.push(sentence(&text)),
            WireEvent::Broken(reason) => {
                self.asked.pause_until_ms = self.wire.pause_ms().map(|pause| now_ms() + pause);
                if self.asked.question.take().is_some() {
                    // It is asked again on the next connection.
                    self.tui.overlay = None;
                }
                self.stop_changing();
                if std::mem::take(&mut self.asked.connected) {
                    let text = format!("The connection broke ({reason}). Reconnecting …");
                    self.remark(&text, true);
                    self.asked.broke = true;
                }
                self.tui.say(&format!("Not connected: {reason}"), true);
            }
            WireEvent::LoggedIn => self.logged_in(),
            WireEvent::Failed(failure) => self.over = Some(Err(failure)),
            WireEvent::Changed(_) => {}
        }
    }

    /// The connection as the screen shows it.
    pub(super) fn link(&self) -> Link {
        match (self.asked.connected, self.asked.pause_until_ms) {
            (true, _) => Link::Connected { tls: !self.wire.is_plaintext() },
            (false, Some(until)) => Link::Waiting(until),
            (false, None) => Link::Connecting,
        }
    }

    pub(super) fn ask(&mut self, question: Question, because: Option<&str>) {
        self.asked.question = Some(question);
        let told = self.asked.told.iter().map(String::as_str).chain(because);
        let answer = if question.is_secret() { Answer::Secret } else { Answer::Text };
        let title = match &self.asked.changing {
            Some(_) => "Change your password".to_owned(),
            None => format!("Log in at {}", self.wire.server()),
        };
        self.tui.ask(Overlay {
            title,
            text: told.collect::<Vec<_>>().join("\n"),
            prompt: question.prompt().trim_end().to_owned(),
            answer,
            input: Default::default(),
        });
    }

    /// The person has answered, or gives up.
    pub(super) fn answered(&mut self, answer: Option<String>) {
        let Some(question) = self.asked.question.take() else { return };
        let Some(answer) = answer else {
            if !self.gives_up_changing() {
                self.over = Some(Ok(Outcome::Undone));
            }
            return;
        };
        if question.is_secret() {
            self.recall.hide(&answer);
        }
        if let Some(change) = &mut self.asked.changing {
            let next = change.answer(question, &answer);
            self.go_on_changing(next);
            return;
        }
        let told = self.wire.answer(question, &answer);
        self.hear(told);
    }

    fn logged_in(&mut self) {
        self.asked.connected = true;
        self.asked.pause_until_ms = None;
        for sentence in std::mem::take(&mut self.asked.told) {
            self.wire.chat.remark("", false, now_ms(), &sentence);
        }
        if std::mem::take(&mut self.asked.broke) {
            self.tui.say("Connected again.", false);
        } else {
            self.tui.status = None;
        }
        if let Some(why) = self.wire.renewal() {
            self.renew_password(why);
        }
    }

    /// Tells a person who is here for the first time what there is to do.
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
