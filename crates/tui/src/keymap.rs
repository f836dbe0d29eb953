//! Which key does what. Every key can be configured; the help is made from the same table.

use std::collections::BTreeMap;
use termina::event::{KeyCode, KeyEvent, Modifiers};

/// Where a key is pressed. More specific contexts are checked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Everywhere.
    Anywhere,
    /// Where text is typed.
    Text,
    /// In the composer while it is empty.
    Empty,
    /// On a message selected with the arrow keys.
    Message,
    /// In a list: the palette, search results, rooms.
    List,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum Act {
    Help,
    Palette,
    Search,
    Rooms,
    NextUnread,
    RoomAbove,
    RoomBelow,
    Room(u8),
    LastRoom,
    PageUp,
    PageDown,
    Back,
    React,
    Members,
    Redraw,
    Suspend,
    Interrupt,
    Send,
    NewLine,
    Complete,
    CompleteBack,
    Editor,
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    DeleteLeft,
    DeleteRight,
    CutWordLeft,
    CutWordRight,
    CutToStart,
    CutToEnd,
    Yank,
    Older,
    Newer,
    FocusMessage,
    Oldest,
    Newest,
    Leave,
    MessageAbove,
    MessageBelow,
    Reply,
    Copy,
    TakeBack,
    Jump,
    Retry,
    Edit,
    Discard,
    Pin,
    ItemAbove,
    ItemBelow,
    Choose,
}

/// A row of the table.
struct Binding {
    act: Act,
    context: Context,
    /// Its name in the configuration.
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
}

const fn row(
    act: Act,
    context: Context,
    name: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
) -> Binding {
    Binding { act, context, name, keys, help }
}

use Act as A;
use Context as P;

#[rustfmt::skip]
const BINDINGS: &[Binding] = &[
    row(A::Help,         P::Anywhere, "help",           &["F1"],                  "Show this help"),
    row(A::Palette,      P::Anywhere, "palette",        &["Ctrl-K"],              "Find a room, person or command"),
    row(A::Search,       P::Anywhere, "search",         &["Ctrl-F"],              "Search all messages"),
    row(A::Rooms,        P::Anywhere, "rooms",          &["F3"],                  "Show the rooms of the server"),
    row(A::NextUnread,   P::Anywhere, "next-unread",    &["Alt-A"],               "Go to the next unread room; mentions first"),
    row(A::RoomAbove,    P::Anywhere, "room-above",     &["Alt-Up"],              "Go to the room above"),
    row(A::RoomBelow,    P::Anywhere, "room-below",     &["Alt-Down"],            "Go to the room below"),
    row(A::LastRoom,     P::Anywhere, "last-room",      &["Alt-0"],               "Go back to the previous room"),
    row(A::Room(1),      P::Anywhere, "room-1",         &["Alt-1"],               "Go to the first room"),
    row(A::Room(2),      P::Anywhere, "room-2",         &["Alt-2"],               "Go to the second room, and so on"),
    row(A::Room(3),      P::Anywhere, "room-3",         &["Alt-3"],               ""),
    row(A::Room(4),      P::Anywhere, "room-4",         &["Alt-4"],               ""),
    row(A::Room(5),      P::Anywhere, "room-5",         &["Alt-5"],               ""),
    row(A::Room(6),      P::Anywhere, "room-6",         &["Alt-6"],               ""),
    row(A::Room(7),      P::Anywhere, "room-7",         &["Alt-7"],               ""),
    row(A::Room(8),      P::Anywhere, "room-8",         &["Alt-8"],               ""),
    row(A::Room(9),      P::Anywhere, "room-9",         &["Alt-9"],               ""),
    row(A::PageUp,       P::Anywhere, "page-up",        &["PgUp"],                "Scroll up a page; history loads by itself"),
    row(A::PageDown,     P::Anywhere, "page-down",      &["PgDn"],                "Scroll down a page"),
    row(A::Back,         P::Anywhere, "back",           &["Esc"],                 "Back to the composer and the newest messages"),
    row(A::React,        P::Anywhere, "react",          &["Ctrl-R"],              "React to the selected or newest message"),
    row(A::Members,      P::Anywhere, "members",        &["F2"],                  "Show or hide the members"),
    row(A::Redraw,       P::Anywhere, "redraw",         &["Ctrl-L"],              "Redraw the screen"),
    row(A::Suspend,      P::Anywhere, "suspend",        &["Ctrl-Z"],              "Suspend to the shell; fg returns"),
    row(A::Interrupt,    P::Anywhere, "interrupt",      &["Ctrl-C"],              "Discard what you typed; quit if there is nothing"),
    row(A::Send,         P::Text,     "send",           &["Enter"],               "Send"),
    row(A::NewLine,      P::Text,     "new-line",       &["Alt-Enter", "Ctrl-J"], "Start a new line"),
    row(A::Complete,     P::Text,     "complete",       &["Tab"],                 "Complete a name, room, :emoji: or /command"),
    row(A::CompleteBack, P::Text,     "complete-back",  &["Shift-Tab"],           "The previous completion"),
    row(A::Editor,       P::Text,     "editor",         &["Ctrl-E"],              "Write in $VISUAL or $EDITOR"),
    row(A::Left,         P::Text,     "left",           &["Left", "Ctrl-B"],      ""),
    row(A::Right,        P::Text,     "right",          &["Right"],               ""),
    row(A::Up,           P::Text,     "up",             &["Up"],                  "Up a line; from the first, to what you sent before"),
    row(A::Down,         P::Text,     "down",           &["Down"],                "Down a line"),
    row(A::WordLeft,     P::Text,     "word-left",      &["Ctrl-Left", "Alt-B"],  "Left by a word"),
    row(A::WordRight,    P::Text,     "word-right",     &["Ctrl-Right", "Alt-F"], "Right by a word"),
    row(A::LineStart,    P::Text,     "line-start",     &["Home", "Ctrl-A"],      "To the start of the line"),
    row(A::LineEnd,      P::Text,     "line-end",       &["End"],                 "To the end of the line"),
    row(A::DeleteLeft,   P::Text,     "delete-left",    &["Backspace", "Ctrl-H"], ""),
    row(A::DeleteRight,  P::Text,     "delete-right",   &["Delete"],              ""),
    row(A::CutWordLeft,  P::Text,     "cut-word-left",  &["Ctrl-W", "Alt-Backspace"], "Cut the word to the left"),
    row(A::CutWordRight, P::Text,     "cut-word-right", &["Alt-D"],               "Cut the word to the right"),
    row(A::CutToStart,   P::Text,     "cut-to-start",   &["Ctrl-U"],              "Cut to the start of the line"),
    row(A::CutToEnd,     P::Text,     "cut-to-end",     &["Alt-K"],               "Cut to the end of the line"),
    row(A::Yank,         P::Text,     "yank",           &["Ctrl-Y"],              "Insert what was cut"),
    row(A::Older,        P::Text,     "older",          &["Ctrl-P"],              "The message you sent before"),
    row(A::Newer,        P::Text,     "newer",          &["Ctrl-N"],              "The message you sent after that"),
    row(A::Help,         P::Empty,    "help-empty",     &["?"],                   "Show this help"),
    row(A::FocusMessage, P::Empty,    "message",        &["Up"],                  "Select a message, to reply, react, copy …"),
    row(A::Oldest,       P::Empty,    "oldest",         &["Home"],                "Scroll to the oldest loaded message"),
    row(A::Newest,       P::Empty,    "newest",         &["End"],                 "Scroll to the newest message"),
    row(A::Leave,        P::Empty,    "leave",          &["Ctrl-D"],              "Leave"),
    row(A::MessageAbove, P::Message,  "message-above",  &["Up", "k"],             "The message above"),
    row(A::MessageBelow, P::Message,  "message-below",  &["Down", "j"],           "The message below"),
    row(A::Reply,        P::Message,  "reply",          &["Enter", "r"],          "Reply"),
    row(A::React,        P::Message,  "react-message",  &["+"],                   "React"),
    row(A::Copy,         P::Message,  "copy",           &["y", "c"],              "Copy the text"),
    row(A::TakeBack,     P::Message,  "take-back",      &["Delete", "d"],         "Take it back"),
    row(A::Jump,         P::Message,  "jump",           &["g", "Left"],           "Go to the message it answers"),
    row(A::Pin,          P::Message,  "pin",            &["p"],                   "Pin or unpin it"),
    row(A::Retry,        P::Message,  "retry",          &["t"],                   "Send it again, if it failed"),
    row(A::Edit,         P::Message,  "edit",           &["e"],                   "Edit it, if it failed"),
    row(A::Discard,      P::Message,  "discard",        &["x"],                   "Discard it, if it failed"),
    row(A::ItemAbove,    P::List,     "item-above",     &["Up"],                  "The entry above"),
    row(A::ItemBelow,    P::List,     "item-below",     &["Down"],                "The entry below"),
    row(A::Choose,       P::List,     "choose",         &["Enter"],               "Choose the entry"),
];

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    code: KeyCode,
    control: bool,
    alt: bool,
    shift: bool,
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Key {
        let has = |modifier| event.modifiers.contains(modifier);
        Key::new(event.code, has(Modifiers::CONTROL), has(Modifiers::ALT), has(Modifiers::SHIFT))
    }
}

impl Key {
    /// Terminals report the same key in several ways: here each has one form.
    fn new(code: KeyCode, control: bool, alt: bool, shift: bool) -> Key {
        match code {
            KeyCode::BackTab => Key { code: KeyCode::Tab, control, alt, shift: true },
            // Without other modifiers the character itself shows whether it is shifted.
            KeyCode::Char(_) if !control && !alt => Key { code, control, alt, shift: false },
            KeyCode::Char(letter) => {
                let shift = shift || letter.is_uppercase();
                let lower = letter.to_lowercase().next().unwrap_or(letter);
                // Terminals do not distinguish Ctrl-Shift-A from Ctrl-A.
                Key { code: KeyCode::Char(lower), control, alt, shift: shift && !control }
            }
            _ => Key { code, control, alt, shift },
        }
    }

    /// The character that it types, if any.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(character) if !self.control && !self.alt => Some(character),
            _ => None,
        }
    }

    /// Reads a key such as `Ctrl-K`, `Alt-Shift-Up`, `F1` or `?`.
    pub fn parse(text: &str) -> Option<Key> {
        let (mut control, mut alt, mut shift) = (false, false, false);
        let mut rest = text.trim();
        while let Some((modifier, after)) = rest.split_once(['-', '+']) {
            match modifier.to_ascii_lowercase().as_str() {
                "ctrl" | "control" | "c" if !after.is_empty() => control = true,
                "alt" | "meta" | "a" | "m" if !after.is_empty() => alt = true,
                "shift" | "s" if !after.is_empty() => shift = true,
                _ => break,
            }
            rest = after;
        }
        let code = match rest.to_ascii_lowercase().as_str() {
            "enter" | "return" => KeyCode::Enter,
            "tab" => KeyCode::Tab,
            "esc" | "escape" => KeyCode::Escape,
            "space" => KeyCode::Char(' '),
            "backspace" => KeyCode::Backspace,
            "delete" | "del" => KeyCode::Delete,
            "insert" | "ins" => KeyCode::Insert,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            "pgup" | "pageup" => KeyCode::PageUp,
            "pgdn" | "pagedown" => KeyCode::PageDown,
            name => match name.strip_prefix('f').and_then(|number| number.parse().ok()) {
                Some(number @ 1..=12) => KeyCode::Function(number),
                _ => {
                    let mut characters = rest.chars();
                    let (first, None) = (characters.next()?, characters.next()) else {
                        return None;
                    };
                    // `Ctrl-K` means the key, not the capital letter.
                    let plain = !control && !alt;
                    let key = first.to_lowercase().next().unwrap_or(first);
                    KeyCode::Char(if plain { first } else { key })
                }
            },
        };
        Some(Key::new(code, control, alt, shift))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (held, name) in [(self.control, "Ctrl-"), (self.alt, "Alt-"), (self.shift, "Shift-")] {
            f.write_str(if held { name } else { "" })?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(letter) if self.control || self.alt => {
                write!(f, "{}", letter.to_uppercase())
            }
            KeyCode::Char(letter) => write!(f, "{letter}"),
            KeyCode::Function(number) => write!(f, "F{number}"),
            KeyCode::Escape => f.write_str("Esc"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            code => write!(f, "{code:?}"),
        }
    }
}

/// A person's key bindings.
#[derive(Clone, Debug)]
pub struct Keymap {
    acts: Vec<(Context, Key, Act)>,
    /// The keys of each row of the table.
    keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Keymap {
        Keymap::new(&BTreeMap::new()).0
    }
}

impl Keymap {
    /// The default keys, replaced by those that the configuration gives by name. Also returns what
    /// is wrong with the configuration: unknown names, invalid keys, and keys with two meanings.
    pub fn new(configured: &BTreeMap<String, Vec<String>>) -> (Keymap, Vec<String>) {
        let mut wrong = Vec::new();
        for name in configured.keys() {
            if !BINDINGS.iter().any(|binding| binding.name == name) {
                wrong.push(format!("There is nothing called {name:?} that a key could do."));
            }
        }
        let mut map = Keymap { acts: Vec::new(), keys: vec![Vec::new(); BINDINGS.len()] };
        // Configured keys come first: they may replace default ones.
        for own in [true, false] {
            for (at, binding) in BINDINGS.iter().enumerate() {
                let chosen = configured.get(binding.name);
                // Where nothing that was chosen is a key, the default stays.
                let is_key = |name: &String| Key::parse(name).is_some();
                let has_own =
                    chosen.is_some_and(|names| names.is_empty() || names.iter().any(is_key));
                let names: Vec<&str> = match chosen {
                    Some(names) if own => names.iter().map(String::as_str).collect(),
                    _ if !own && !has_own => binding.keys.to_vec(),
                    _ => continue,
                };
                for name in names {
                    match Key::parse(name) {
                        Some(key) => wrong.extend(map.bind(at, key, own)),
                        None => wrong.push(format!(
                            "{name:?} for {} is no key: write Ctrl-K, Alt-Up, F5 or a character.",
                            binding.name
                        )),
                    }
                }
            }
        }
        (map, wrong)
    }

    /// Binds a key; returns what is wrong with that, if the key is bound already.
    fn bind(&mut self, at: usize, key: Key, own: bool) -> Option<String> {
        let binding = &BINDINGS[at];
        let holds = |(other, keys): &(usize, &Vec<Key>)| {
            *other != at
                && keys.contains(&key)
                && overlap(BINDINGS[*other].context, binding.context)
        };
        if let Some((other, _)) = self.keys.iter().enumerate().find(holds) {
            let (first, second) = (BINDINGS[other].name, binding.name);
            return Some(match own {
                true => format!("{key} has two meanings, {first} and {second}: it is {first} now."),
                false => format!("{key} is {first} now, so it is {second} no longer."),
            });
        }
        self.acts.push((binding.context, key, binding.act));
        self.keys[at].push(key);
        None
    }

    /// What a key does, given the contexts in the order in which to check them.
    pub fn act(&self, key: Key, contexts: &[Context]) -> Option<Act> {
        contexts.iter().find_map(|context| {
            let is_it = |(of, held, _): &&(Context, Key, Act)| of == context && *held == key;
            self.acts.iter().find(is_it).map(|(_, _, act)| *act)
        })
    }

    /// The first key of an act as text; empty if it has none.
    pub fn key(&self, act: Act) -> String {
        let row = BINDINGS.iter().position(|binding| binding.act == act);
        row.and_then(|row| self.keys[row].first()).map(Key::to_string).unwrap_or_default()
    }

    /// The help: headings, and below each the keys and what they do.
    pub fn help(&self) -> Vec<(String, Vec<(String, String)>)> {
        let sections = [
            (Context::Anywhere, "Everywhere"),
            (Context::Text, "Where you type"),
            (Context::Empty, "In an empty composer"),
            (Context::Message, "On a chosen message"),
            (Context::List, "In lists"),
        ];
        let rows = |context: Context| {
            let of_context = BINDINGS.iter().zip(&self.keys).filter(move |(row, keys)| {
                row.context == context && !row.help.is_empty() && !keys.is_empty()
            });
            let written =
                |keys: &Vec<Key>| keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" or ");
            of_context.map(|(row, keys)| (written(keys), row.help.to_owned())).collect()
        };
        let section = |(context, heading): (Context, &str)| (heading.to_owned(), rows(context));
        sections.into_iter().map(section).collect()
    }

    /// The actions for a message, and their keys.
    pub fn menu(&self, message: MessageTraits) -> String {
        let items = [
            (Act::Retry, message.failed, "send again"),
            (Act::Edit, message.failed, "edit"),
            (Act::Discard, message.failed, "give up"),
            (Act::Reply, message.msgid, "reply"),
            (Act::React, message.msgid, "react"),
            (Act::Jump, message.reply, "what it answers"),
            (Act::Copy, true, "copy"),
            (Act::TakeBack, message.msgid && message.mine, "take back"),
            (Act::Pin, message.msgid && !message.mine, "pin"),
            (Act::Back, true, "back"),
        ];
        let shown = items.iter().filter(|(_, fits, _)| *fits);
        let with_key = |(act, _, word): &(Act, bool, &str)| {
            let of_act = |(_, binding): &(usize, &Binding)| {
                binding.act == *act
                    && matches!(binding.context, Context::Message | Context::Anywhere)
            };
            // The shorter key is the one of the message context.
            let rows = BINDINGS.iter().enumerate().filter(of_act);
            let row = rows.max_by_key(|(_, binding)| binding.context == Context::Message)?.0;
            Some(format!("{} {word}", self.keys[row].last()?))
        };
        shown.filter_map(with_key).collect::<Vec<_>>().join("  ")
    }

    /// The configuration's names with their default keys, for the documentation.
    pub fn names() -> impl Iterator<Item = (&'static str, &'static [&'static str], &'static str)> {
        BINDINGS.iter().map(|binding| (binding.name, binding.keys, binding.help))
    }
}

/// What decides which actions a message's menu lists.
#[derive(Clone, Copy, Debug)]
pub struct MessageTraits {
    /// It was refused: it can be resent, edited, discarded.
    pub failed: bool,
    /// The server knows it: it can be replied and reacted to.
    pub msgid: bool,
    /// It is this person's own.
    pub mine: bool,
    /// It replies to another.
    pub reply: bool,
}

/// Whether a key would be ambiguous in both. An empty composer, messages and lists take precedence
/// over text, on purpose.
fn overlap(one: Context, other: Context) -> bool {
    one == other || one == Context::Anywhere || other == Context::Anywhere
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(keys: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        keys.iter().map(|(name, keys)| ((*name).to_owned(), owned(keys))).collect()
    }

    fn key(text: &str) -> Key {
        Key::parse(text).expect(text)
    }

    #[test]
    fn default_keys_are_unambiguous_and_parse() {
        assert_eq!(Keymap::new(&BTreeMap::new()).1, Vec::<String>::new());
        let mut names: Vec<_> = BINDINGS.iter().map(|binding| binding.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn keys_are_parsed_as_they_are_written() {
        let pressed = |code, modifiers| Key::from(KeyEvent::new(code, modifiers));
        assert_eq!(pressed(KeyCode::Char('k'), Modifiers::CONTROL), key("Ctrl-K"));
        assert_eq!(pressed(KeyCode::Char('a'), Modifiers::ALT), key("alt-a"));
        assert_eq!(pressed(KeyCode::Char('A'), Modifiers::ALT), key("Alt-Shift-A"));
        assert_eq!(pressed(KeyCode::BackTab, Modifiers::NONE), key("Shift-Tab"));
        assert_eq!(pressed(KeyCode::Char('?'), Modifiers::SHIFT), key("?"));
        assert_eq!(pressed(KeyCode::Char('-'), Modifiers::ALT), key("Alt--"));
        assert_eq!(pressed(KeyCode::Char('+'), Modifiers::NONE), key("+"));
        for name in ["Ctrl-K", "Alt-Shift-A", "F12", "PgUp", "Shift-Tab", "Space", "x", "Alt--"] {
            assert_eq!(key(name).to_string(), name);
        }
        for name in ["", "Ctrl-", "F13", "ab", "Hyper-K"] {
            assert_eq!(Key::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_configured_key_replaces_a_default_and_says_so() {
        let (map, wrong) = Keymap::new(&configured(&[("palette", &["Ctrl-F"])]));
        assert_eq!(map.act(key("Ctrl-F"), &[Context::Text, Context::Anywhere]), Some(Act::Palette));
        assert_eq!(map.act(key("Ctrl-K"), &[Context::Anywhere]), None);
        assert_eq!(wrong, ["Ctrl-F is palette now, so it is search no longer."]);
    }

    #[test]
    fn clashes_unknown_names_and_unknown_keys_are_reported() {
        let (map, wrong) = Keymap::new(&configured(&[
            ("palette", &["F5"]),
            ("search", &["F5", "F6"]),
            ("fly", &["F7"]),
            ("redraw", &["Hyper-L"]),
            ("yank", &[]),
        ]));
        assert_eq!(
            wrong,
            [
                "There is nothing called \"fly\" that a key could do.",
                "F5 has two meanings, palette and search: it is palette now.",
                "\"Hyper-L\" for redraw is no key: write Ctrl-K, Alt-Up, F5 or a character.",
            ]
        );
        assert_eq!(map.act(key("F6"), &[Context::Anywhere]), Some(Act::Search));
        assert_eq!(map.act(key("Ctrl-L"), &[Context::Anywhere]), Some(Act::Redraw), "the default");
        assert_eq!(map.act(key("Ctrl-Y"), &[Context::Text]), None);
    }

    #[test]
    fn the_most_specific_context_is_checked_first() {
        let map = Keymap::default();
        let up = key("Up");
        assert_eq!(map.act(up, &[Context::Empty, Context::Text]), Some(Act::FocusMessage));
        assert_eq!(map.act(up, &[Context::Text, Context::Anywhere]), Some(Act::Up));
        assert_eq!(map.act(up, &[Context::List, Context::Text]), Some(Act::ItemAbove));
        assert_eq!(map.key(Act::Palette), "Ctrl-K");
    }

    #[test]
    fn a_messages_menu_lists_its_actions() {
        let map = Keymap::default();
        let mine = MessageTraits { failed: false, msgid: true, mine: true, reply: false };
        assert_eq!(map.menu(mine), "r reply  + react  c copy  d take back  Esc back");
        let failed = MessageTraits { failed: true, msgid: false, mine: true, reply: false };
        assert_eq!(map.menu(failed), "t send again  e edit  x give up  c copy  Esc back");
    }

    #[test]
    fn the_help_shows_the_configured_keys() {
        let (map, _) = Keymap::new(&configured(&[("palette", &["F9"])]));
        let help = map.help();
        let row = ("F9".to_owned(), "Find a room, person or command".to_owned());
        assert!(help[0].1.contains(&row));
        assert!(help.iter().all(|(_, rows)| !rows.is_empty()));
    }
}
