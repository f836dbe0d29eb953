//! Input from the person, and where it goes: to an overlay, to the focused message, or to the
//! composer.

mod composing;
mod navigation;
mod message;
mod mouse;
mod overlays;

use crate::action::Action;
use crate::complete::Completion;
use crate::composer::InputHistory;
use crate::conversation_view::Scroll;
use crate::keymap::{Act, Context, Key};
use crate::limits::LINES_UNASKED;
use crate::overlay::Overlay;
use crate::tui::{Focus, Tui};
use chat::Chat;
use termina::event::{KeyEvent, KeyEventKind, MouseEvent};

/// Input from the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// Pasted text.
    Paste(String),
    /// The window got the focus or lost it.
    Focus(bool),
    /// The window has this many columns and rows.
    Resize(u16, u16),
}

impl Input {
    /// The input that a terminal event means; none if the event is an answer nobody asked for.
    pub fn of(event: termina::Event) -> Option<Input> {
        match event {
            termina::Event::Key(key) => Some(Input::Key(key)),
            termina::Event::Mouse(mouse) => Some(Input::Mouse(mouse)),
            termina::Event::Paste(text) => Some(Input::Paste(text)),
            termina::Event::FocusIn => Some(Input::Focus(true)),
            termina::Event::FocusOut => Some(Input::Focus(false)),
            _ => None,
        }
    }
}

/// The purpose of the open question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum OpenQuestion {
    /// It was asked by the program around the screen.
    #[default]
    Owner,
    /// Whether to redact a message.
    TakeBack { target: String, msgid: String },
}

/// What is remembered between one key and the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The input history of all conversations.
    pub(crate) input_history: InputHistory,
    /// The completion in progress.
    pub(crate) completion: Option<Completion>,
    /// Where the person was before jumping to a message.
    pub(crate) return_to: Option<(String, Scroll)>,
    /// The previously open conversation.
    pub(crate) before: String,
    /// The message to react to: its conversation and msgid.
    pub(crate) reacting: Option<(String, String)>,
    /// The purpose of the open question.
    pub(crate) asking: OpenQuestion,
    /// The room being left.
    pub(crate) leaving: Option<String>,
    /// The previous key was Ctrl-C.
    pub(crate) interrupted: bool,
    /// A conversation has been opened before.
    pub(crate) opened: bool,
}

impl Tui {
    /// Handles input from the person.
    pub fn input(&mut self, input: &Input, chat: &Chat) -> Vec<Action> {
        self.conversation_view().pages = 0;
        match input {
            Input::Resize(columns, rows) => {
                self.resize(*columns, *rows);
                Vec::new()
            }
            Input::Focus(focused) => {
                self.focused = *focused;
                Vec::new()
            }
            Input::Paste(text) => self.pasted(text, chat),
            Input::Mouse(mouse) => self.mouse(*mouse, chat),
            Input::Key(event) if event.kind == KeyEventKind::Release => Vec::new(),
            Input::Key(event) => self.key(Key::from(*event), chat),
        }
    }

    fn key(&mut self, key: Key, chat: &Chat) -> Vec<Action> {
        self.status = None;
        self.selection = None;
        let contexts = self.contexts();
        let act = self.keymap.act(key, contexts);
        if !matches!(act, Some(Act::Complete | Act::CompleteBack)) {
            self.memory.completion = None;
        }
        let interrupted = std::mem::take(&mut self.memory.interrupted);
        match act {
            Some(Act::Interrupt) => self.interrupt(interrupted),
            Some(Act::Suspend) => vec![Action::Suspend],
            Some(Act::Redraw) => {
                self.resize(self.columns, self.rows);
                Vec::new()
            }
            Some(act) => self.act(act, chat),
            None => match key.typed() {
                Some(character) => self.typed(character, chat),
                None => Vec::new(),
            },
        }
    }

    /// The contexts in which a key is looked up, the most specific one first.
    fn contexts(&mut self) -> &'static [Context] {
        let is_empty = self.composer().is_empty();
        match (&self.overlay, &self.focus) {
            (Some(Overlay::Question(_)), _) => &[Context::Text, Context::Anywhere],
            (Some(Overlay::Help(_)), _) => &[Context::List, Context::Anywhere],
            (Some(_), _) => &[Context::List, Context::Text, Context::Anywhere],
            (None, Focus::Message(_)) => &[Context::Message, Context::Anywhere],
            (None, Focus::Composer) if is_empty => {
                &[Context::Empty, Context::Text, Context::Anywhere]
            }
            (None, Focus::Composer) => &[Context::Text, Context::Anywhere],
        }
    }

    fn act(&mut self, act: Act, chat: &Chat) -> Vec<Action> {
        match self.overlay.take() {
            Some(overlay) => self.act_in_overlay(overlay, act, chat),
            None => match self.focus.clone() {
                Focus::Message(id) => self.act_on_message(&id, act, chat),
                Focus::Composer => self.act_in_composer(act, chat),
            },
        }
    }

    /// Ctrl-C: discards what is there, step by step, and finally quits.
    fn interrupt(&mut self, again: bool) -> Vec<Action> {
        if self.overlay.is_some() {
            return self.close_overlay();
        }
        if self.focus != Focus::Composer {
            self.focus = Focus::Composer;
            return Vec::new();
        }
        let place = self.conversation_view();
        if !place.composer.is_empty() || place.reply_to.is_some() {
            place.composer.take();
            place.reply_to = None;
            return self.send_typing(false);
        }
        if again {
            return vec![Action::Quit];
        }
        self.memory.interrupted = true;
        self.show_status("Press it again to leave.", false);
        Vec::new()
    }

    fn typed(&mut self, character: char, chat: &Chat) -> Vec<Action> {
        let mut bytes = [0; 4];
        let text = character.encode_utf8(&mut bytes);
        match (&mut self.overlay, &self.focus) {
            (Some(_), _) => self.type_in_overlay(text, chat),
            // Letters are keys here, and most of them do nothing.
            (None, Focus::Message(_)) => Vec::new(),
            (None, Focus::Composer) => {
                if !self.composer().insert(text) {
                    self.no_room();
                }
                self.send_typing(true)
            }
        }
    }

    fn pasted(&mut self, text: &str, chat: &Chat) -> Vec<Action> {
        self.memory.completion = None;
        if self.overlay.is_some() {
            let line = text.trim_end_matches(['\r', '\n']).replace(['\r', '\n'], " ");
            return self.type_in_overlay(&line, chat);
        }
        self.focus = Focus::Composer;
        if !self.composer().paste(text) {
            self.no_room();
        } else {
            let lines = self.composer().text().lines().count();
            if lines > LINES_UNASKED {
                self.show_status(&format!("This text has {lines} lines."), false);
            }
        }
        self.send_typing(true)
    }

    pub(crate) fn no_room(&mut self) {
        let most = crate::limits::COMPOSED_BYTES / 1024;
        self.show_status(&format!("The end was left out: a text has at most {most} KiB."), true);
    }

    /// The scroll position to come back to.
    fn here(&self) -> (String, Scroll) {
        let place = self.views.get(&proto::name::fold(&self.open));
        let scroll = place.map(|view| view.scroll.clone()).unwrap_or_default();
        (self.open.clone(), scroll)
    }

    /// Whether the person is looking at something old, after a search or a jump: nothing becomes
    /// read by that.
    pub fn is_visiting(&self) -> bool {
        self.memory.return_to.is_some()
    }
}
