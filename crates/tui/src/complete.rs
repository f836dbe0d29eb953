//! Tab completes names, rooms, emoji names and commands. Pressed again, it offers the next match.

use chat::Chat;
use proto::name::{fold, same};

use crate::limits::COMPLETIONS;
use crate::slash;

/// A completion in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where in the text the word begins, in bytes.
    pub from: usize,
    /// Where it currently ends.
    pub to: usize,
    /// The matches, best first, and at the end the typed text.
    pub choices: Vec<String>,
    /// Which of them is in the text.
    pub at: usize,
}

impl Completion {
    /// The matches of the word before the cursor; none if there are none.
    pub fn of(text: &str, cursor: usize, here: &str, chat: &Chat) -> Option<Completion> {
        let before = &text[..cursor];
        let from = before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = &before[from..];
        let mut choices = match word.chars().next() {
            Some('/') if from == 0 => commands(&word[1..]),
            Some(':') if word.len() > 2 => {
                emoji(&word[1..]).into_iter().map(|emoji| format!("{emoji} ")).collect()
            }
            Some(first) if chat.server.is_room(&first.to_string()) => rooms(word, chat),
            Some('@') => names(&word[1..], here, chat, "@", " "),
            Some(_) => names(word, here, chat, "", if from == 0 { ": " } else { " " }),
            None => Vec::new(),
        };
        if choices.is_empty() {
            return None;
        }
        choices.truncate(COMPLETIONS);
        choices.push(word.to_owned());
        Some(Completion { from, to: cursor, choices, at: 0 })
    }

    /// The current choice.
    pub fn choice(&self) -> &str {
        &self.choices[self.at]
    }

    /// Moves on to the next match, or back to the previous one.
    pub fn turn(&mut self, back: bool) {
        let count = self.choices.len();
        self.at = if back { self.at + count - 1 } else { self.at + 1 } % count;
    }
}

fn commands(word: &str) -> Vec<String> {
    let word = word.to_ascii_lowercase();
    let fits = slash::commands().filter(|command| command.name.starts_with(&word));
    fits.map(|command| format!("/{} ", command.name)).collect()
}

/// Emoji whose names begin with the word, then those that contain it.
pub(crate) fn emoji(word: &str) -> Vec<&'static str> {
    let word = word.trim_end_matches(':').to_ascii_lowercase();
    let mut fitting: Vec<(bool, usize, &'static str)> = Vec::new();
    for emoji in emojis::iter() {
        let names = emoji.shortcodes().filter(|name| name.contains(&*word));
        let best = names.map(|name| (!name.starts_with(&*word), name.len())).min();
        fitting.extend(best.map(|(within, length)| (within, length, emoji.as_str())));
    }
    fitting.sort_by_key(|(within, length, _)| (*within, *length));
    fitting.into_iter().map(|(_, _, emoji)| emoji).collect()
}

/// An emoji by its name, with or without colons.
pub fn emoji_named(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(':').and_then(|name| name.strip_suffix(':')).unwrap_or(name);
    emojis::get_by_shortcode(&name.to_ascii_lowercase()).map(emojis::Emoji::as_str)
}

fn rooms(word: &str, chat: &Chat) -> Vec<String> {
    let word = fold(word);
    let known = chat.conversations.values().map(|conversation| &*conversation.name);
    let listed = chat.listed.iter().map(|listed| &*listed.name);
    let mut fitting: Vec<String> = Vec::new();
    for name in known.chain(listed) {
        if fold(name).starts_with(&word) && chat.server.is_room(name) {
            let name = format!("{name} ");
            if !fitting.contains(&name) {
                fitting.push(name);
            }
        }
    }
    fitting
}

/// People: the latest speakers here, then other members, then those with whom there is a
/// conversation.
fn names(word: &str, here: &str, chat: &Chat, before: &str, after: &str) -> Vec<String> {
    let word = fold(word);
    let conversation = chat.conversation(here);
    let mut fitting: Vec<&str> = Vec::new();
    let mut add = |nick| {
        if fold(nick).starts_with(&word)
            && !same(nick, &chat.me)
            && !fitting.iter().any(|known| same(known, nick))
        {
            fitting.push(nick);
        }
    };
    if let Some(conversation) = conversation {
        let is_here = |nick: &str| conversation.member(nick).is_some();
        for entry in conversation.timeline.entries().rev().filter(|entry| entry.kind.is_said()) {
            if is_here(&entry.from) {
                add(&entry.from);
            }
        }
        conversation.members.values().for_each(|member| add(&member.nick));
    }
    for other in chat.conversations.values() {
        if !other.name.is_empty() && !chat.server.is_room(&other.name) {
            add(&other.name);
        }
    }
    fitting.into_iter().map(|nick| format!("{before}{nick}{after}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> Chat {
        let mut chat = Chat::new("r");
        let mut out = Vec::new();
        chat.logged_in("ann", [], &mut out);
        for line in [
            ":s 001 ann :hi",
            ":ann!a@s JOIN #lobby",
            ":s 353 ann = #lobby :ann @bea bob Björn",
            ":s 366 ann #lobby :End",
            ":bob!b@s PRIVMSG #lobby :hello",
            ":carl!c@s PRIVMSG ann :psst",
        ] {
            chat.receive(line, 0, &mut out);
        }
        chat
    }

    fn completed(text: &str) -> Vec<String> {
        let chat = chat();
        let completion = Completion::of(text, text.len(), "#lobby", &chat);
        completion.map_or(Vec::new(), |completion| completion.choices)
    }

    #[test]
    fn nick_completion_prefers_recent_speakers_and_adds_a_colon_at_the_start() {
        assert_eq!(completed("b"), ["bob: ", "bea: ", "Björn: ", "b"]);
        assert_eq!(completed("hi B"), ["bob ", "bea ", "Björn ", "B"]);
        assert_eq!(completed("hi @ca"), ["@carl ", "@ca"]);
        assert!(completed("hi an").is_empty(), "nobody talks with oneself");
        assert!(completed("").is_empty());
        assert!(completed("hi ").is_empty());
    }

    #[test]
    fn rooms_commands_and_emoji_are_completed() {
        assert_eq!(completed("see #lo"), ["#lobby ", "#lo"]);
        assert_eq!(completed("/top"), ["/topic ", "/top"]);
        assert_eq!(completed("yes :thumbsu")[0], "👍 ");
        assert_eq!(completed("a /top"), Vec::<String>::new());
        assert_eq!(emoji_named(":tada:"), Some("🎉"));
        assert_eq!(emoji_named("no-such-thing"), None);
    }

    #[test]
    fn repeated_completion_cycles_back_to_the_typed_text() {
        let mut completion = Completion::of("b", 1, "#lobby", &chat()).unwrap();
        assert_eq!(completion.choice(), "bob: ");
        completion.turn(true);
        assert_eq!(completion.choice(), "b");
        completion.turn(false);
        completion.turn(false);
        assert_eq!(completion.choice(), "bea: ");
    }
}
