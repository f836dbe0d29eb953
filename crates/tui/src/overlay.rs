//! Overlays: help, the palette, lists, questions.

use crate::composer::Composer;
use crate::limits::REACTIONS as OFFERED;
use crate::palette::Palette;
use chat::Chat;
use chat::chat::Listed;

/// What covers the timeline.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// The keys and commands; how many rows are scrolled off.
    Help(usize),
    /// Finds rooms, people and commands by a few letters.
    Palette(Palette),
    /// A search and its results (`chat.search`).
    Search(List),
    /// The server's rooms (`chat.listed`) that contain the typed letters.
    Rooms(List),
    /// Reactions for the focused message.
    Reactions(List),
    /// A question to the person.
    Question(Question),
}

/// A list to choose from, with an input line.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// What is typed.
    pub input: Composer,
    /// The selected item, among those shown.
    pub selected: usize,
}

impl List {
    /// The rooms with the typed letters in their names or topics, largest first.
    pub fn rooms<'a>(&self, chat: &'a Chat) -> Vec<&'a Listed> {
        let typed = self.input.text().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&typed);
        let mut rooms: Vec<&Listed> =
            chat.listed.iter().filter(|room| has(&room.name) || has(&room.topic)).collect();
        rooms.sort_by_key(|room| std::cmp::Reverse(room.members));
        rooms
    }

    /// The reactions with the typed letters in their names: the usual ones, then all other emoji.
    pub fn reactions(&self) -> Vec<(&'static str, &'static str)> {
        let typed = self.input.text().trim().trim_matches(':').to_lowercase();
        let usual = REACTIONS.into_iter().filter(|(_, name)| name.contains(&typed));
        let mut reactions: Vec<_> = usual.collect();
        if !typed.is_empty() {
            let is_new = |emoji: &&str| !REACTIONS.iter().any(|(usual, _)| usual == emoji);
            let others = crate::complete::emoji(&typed).into_iter().filter(is_new);
            let name = |emoji| emojis::get(emoji).map_or("", emojis::Emoji::name);
            reactions.extend(others.map(|emoji| (emoji, name(emoji))));
            reactions.truncate(OFFERED);
        }
        reactions
    }
}

/// The usual reactions, with their names.
const REACTIONS: [(&str, &str); 12] = [
    ("👍", "thumbs up"),
    ("❤️", "heart"),
    ("😂", "laughing"),
    ("🎉", "party"),
    ("😮", "surprised"),
    ("😢", "sad"),
    ("🙏", "thanks"),
    ("👀", "eyes"),
    ("✅", "done"),
    ("🚀", "rocket"),
    ("🤔", "thinking"),
    ("👎", "thumbs down"),
];

/// What kind of answer a question expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A line.
    Text,
    /// A line that is not shown.
    Secret,
}

/// A question to the person.
#[derive(Clone, Debug)]
pub struct Question {
    /// The title line.
    pub title: String,
    /// Text before the question, such as a fingerprint; lines are separated by `\n`.
    pub text: String,
    /// The question itself.
    pub prompt: String,
    /// What kind of answer it expects.
    pub answer: Answer,
    /// What is typed.
    pub input: Composer,
}
