//! The line that is being typed. Pure: keys in, text and cursor out; how it is drawn is the screen's.

use termina::Event;
use termina::event::{KeyCode, KeyEvent, KeyEventKind, Modifiers};
use tui::motion::{self, can_be_typed};

use crate::input_history::InputHistory;
use crate::limits::TYPED_BYTES;

/// What a key leads to beyond the line itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing: the line may have changed.
    Edited,
    /// The line is done.
    Done,
    /// Ctrl-D where nothing is typed.
    EndOfInput,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-\.
    Quit,
    /// Ctrl-L.
    ClearScreen,
    /// Tab, where it completes.
    Complete,
}

/// What kind of answer is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name, a password and the like: one line.
    Word,
    /// A text, of several lines if it was pasted so. What was typed before can be recalled.
    Text,
}

/// A line and its cursor.
#[derive(Debug, Default)]
pub struct Editor {
    text: String,
    /// In bytes; between two graphemes.
    cursor: usize,
    /// What was cut out last.
    cut: String,
    /// How far back in what was typed before the line is; 0 is what is being typed.
    back: usize,
    /// What was being typed before going back.
    draft: String,
    /// Tab completes; otherwise it is a character.
    completes: bool,
}

impl Editor {
    /// An empty line, in which Tab completes, or is a character.
    pub fn new(completes: bool) -> Editor {
        Editor { completes, ..Editor::default() }
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor is, in bytes of the text.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Gives the line away and begins a new one.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        self.back = 0;
        self.draft.clear();
        std::mem::take(&mut self.text)
    }

    /// Forgets what was cut out, which may have been a password.
    pub fn forget_cut(&mut self) {
        self.cut.clear();
    }

    /// Takes in a key.
    pub fn press(&mut self, event: KeyEvent, kind: Kind, history: &InputHistory) -> Act {
        if event.kind == KeyEventKind::Release {
            return Act::Edited;
        }
        if let Some(act) = act(event) {
            return match act {
                Act::EndOfInput if !self.text.is_empty() => {
                    self.delete_to(motion::right(&self.text, self.cursor));
                    Act::Edited
                }
                act => act,
            };
        }
        let modifiers = event.modifiers & (Modifiers::CONTROL | Modifiers::ALT);
        match (event.code, modifiers) {
            (KeyCode::Enter, _) => return Act::Done,
            (KeyCode::Tab, _) if self.completes => return Act::Complete,
            (KeyCode::Tab, _) => self.insert("\t"),
            (KeyCode::Backspace, Modifiers::ALT) => {
                self.cut_to(motion::word_left(&self.text, self.cursor));
            }
            (KeyCode::Backspace, _) => self.delete_to(motion::left(&self.text, self.cursor)),
            (KeyCode::Delete, _) => self.delete_to(motion::right(&self.text, self.cursor)),
            (KeyCode::Home, _) => self.cursor = 0,
            (KeyCode::End, _) => self.cursor = self.text.len(),
            (KeyCode::Left, Modifiers::NONE) => self.cursor = motion::left(&self.text, self.cursor),
            (KeyCode::Right, Modifiers::NONE) => {
                self.cursor = motion::right(&self.text, self.cursor);
            }
            (KeyCode::Left, _) => self.cursor = motion::word_left(&self.text, self.cursor),
            (KeyCode::Right, _) => self.cursor = motion::word_right(&self.text, self.cursor),
            (KeyCode::Up, _) if kind == Kind::Text => self.recall(history, self.back + 1),
            (KeyCode::Down, _) if kind == Kind::Text => {
                self.recall(history, self.back.saturating_sub(1));
            }
            (KeyCode::Char(key), Modifiers::CONTROL) => return self.control(key, kind, history),
            (KeyCode::Char(key), Modifiers::ALT) => self.alt(key),
            (KeyCode::Char(character), Modifiers::NONE) => {
                self.insert(character.encode_utf8(&mut [0; 4]));
            }
            _ => {}
        }
        Act::Edited
    }

    /// Takes in a paste, whose last line end is not part of what was meant. False if there was no room for all of it.
    pub fn paste(&mut self, text: &str) -> bool {
        let mut text = with_plain_ends(text);
        text.retain(can_be_typed);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let room = TYPED_BYTES.saturating_sub(self.text.len());
        self.insert(text);
        text.len() <= room
    }

    /// Puts another text in place of this one, if it is still this one.
    pub fn replace(&mut self, old: &str, new: &str, cursor: usize) {
        if self.text == old {
            new.clone_into(&mut self.text);
            self.cursor = motion::at_or_after(&self.text, cursor.min(self.text.len()));
        }
    }

    fn control(&mut self, key: char, kind: Kind, history: &InputHistory) -> Act {
        match key {
            'a' => self.cursor = 0,
            'b' => self.cursor = motion::left(&self.text, self.cursor),
            'e' => self.cursor = self.text.len(),
            'f' => self.cursor = motion::right(&self.text, self.cursor),
            'h' => self.delete_to(motion::left(&self.text, self.cursor)),
            'j' | 'm' => return Act::Done,
            'k' => self.cut_to(self.text.len()),
            'n' if kind == Kind::Text => self.recall(history, self.back.saturating_sub(1)),
            'p' if kind == Kind::Text => self.recall(history, self.back + 1),
            'u' => self.cut_to(0),
            'w' => self.cut_to(motion::space_left(&self.text, self.cursor)),
            'y' => {
                let cut = std::mem::take(&mut self.cut);
                self.insert(&cut);
                self.cut = cut;
            }
            _ => {}
        }
        Act::Edited
    }

    fn alt(&mut self, key: char) {
        match key {
            'b' => self.cursor = motion::word_left(&self.text, self.cursor),
            'f' => self.cursor = motion::word_right(&self.text, self.cursor),
            'd' => self.cut_to(motion::word_right(&self.text, self.cursor)),
            _ => {}
        }
    }

    fn insert(&mut self, text: &str) {
        for character in text.chars().filter(|new| can_be_typed(*new)) {
            if self.text.len() + character.len_utf8() > TYPED_BYTES {
                break;
            }
            self.text.insert(self.cursor, character);
            self.cursor += character.len_utf8();
        }
        // It may have joined with what follows to one grapheme.
        self.cursor = motion::at_or_after(&self.text, self.cursor);
    }

    fn delete_to(&mut self, end: usize) {
        self.take_out(end);
    }

    /// Deletes what is between the cursor and `end`, and gives it.
    fn take_out(&mut self, end: usize) -> String {
        let (from, to) = (self.cursor.min(end), self.cursor.max(end));
        let taken = self.text.drain(from..to).collect();
        // What stood apart may have become one grapheme.
        self.cursor = motion::at_or_after(&self.text, from);
        taken
    }

    fn cut_to(&mut self, end: usize) {
        let cut = self.take_out(end);
        if !cut.is_empty() {
            self.cut = cut;
        }
    }

    /// Goes to what was typed `back` lines ago.
    fn recall(&mut self, history: &InputHistory, back: usize) {
        let line = match back {
            0 => Some(self.draft.clone()),
            _ => history.get(back).map(str::to_owned),
        };
        let Some(line) = line.filter(|_| back != self.back) else { return };
        if self.back == 0 {
            self.draft = std::mem::take(&mut self.text);
        }
        self.back = back;
        self.text = line;
        self.cursor = self.text.len();
    }
}

/// What a key means wherever it is pressed.
pub fn act(event: KeyEvent) -> Option<Act> {
    if event.kind == KeyEventKind::Release || !event.modifiers.contains(Modifiers::CONTROL) {
        return None;
    }
    match event.code {
        KeyCode::Char('c') => Some(Act::Interrupt),
        KeyCode::Char('d') => Some(Act::EndOfInput),
        KeyCode::Char('l') => Some(Act::ClearScreen),
        KeyCode::Char('z') => Some(Act::Suspend),
        KeyCode::Char('4' | '\\') => Some(Act::Quit),
        _ => None,
    }
}

/// A paste as keys, where each line is an answer: its last line is left to be finished by hand.
pub fn lines_as_keys(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let text = with_plain_ends(text);
    for (at, line) in text.strip_suffix('\n').unwrap_or(&text).split('\n').enumerate() {
        if at > 0 {
            events.push(Event::Key(KeyCode::Enter.into()));
        }
        events.extend(line.chars().map(|character| Event::Key(KeyCode::Char(character).into())));
    }
    events
}

/// Terminals paste line ends as they like.
fn with_plain_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
#[path = "editor_tests.rs"]
mod tests;
