//! Finds rooms, people and commands by a few letters. The matcher is our own: there are few
//! candidates.

use chat::Chat;
use chat::conversation::With;
use proto::name::same;
use std::collections::BTreeMap;

use crate::composer::Composer;
use crate::limits::HITS;
use crate::slash;

/// The typed letters and their matches.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub input: Composer,
    /// The matches, best first.
    pub hits: Vec<Hit>,
    /// The selected one.
    pub selected: usize,
}

/// The kind of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A conversation or a person.
    Conversation,
    /// A command; whether words may follow it.
    Command(bool),
}

/// A match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What is chosen: the name of a room or person, or a command with its slash.
    pub text: String,
    /// Its description.
    pub about: String,
    /// What it is.
    pub kind: Kind,
    /// The indexes of the characters that were typed.
    pub marked: Vec<usize>,
}

impl Palette {
    /// The palette after typing these letters.
    pub fn new(typed: &str, chat: &Chat) -> Palette {
        let mut palette = Palette::default();
        palette.input.set(typed);
        palette.look(chat);
        palette
    }

    /// Searches for what is typed now.
    pub fn look(&mut self, chat: &Chat) {
        self.hits = hits(self.input.text(), chat);
        self.selected = 0;
    }
}

/// How well a name matches the typed letters, and which of its characters they are; none if they do
/// not occur in order. Beginnings of words and adjacent letters count most.
pub fn fits(typed: &str, name: &str) -> Option<(i32, Vec<usize>)> {
    let name: Vec<char> = name.chars().collect();
    let lower: Vec<char> = name.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let typed: Vec<char> = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let typed: Vec<char> = typed.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    if typed.is_empty() {
        return Some((0, Vec::new()));
    }
    // Tries each occurrence of the first character; the rest follows as early as possible.
    let starts = (0..lower.len()).filter(|at| lower[*at] == typed[0]);
    let mut best: Option<(i32, Vec<usize>)> = None;
    for start in starts {
        let Some((score, marked)) = from(start, &typed, &name, &lower) else { continue };
        if best.as_ref().is_none_or(|(most, _)| score > *most) {
            best = Some((score, marked));
        }
    }
    best
}

fn from(start: usize, typed: &[char], name: &[char], lower: &[char]) -> Option<(i32, Vec<usize>)> {
    let mut marked = Vec::with_capacity(typed.len());
    let mut at = start;
    let mut score = 0;
    for wanted in typed {
        let found = at + lower.get(at..)?.iter().position(|c| c == wanted)?;
        let begins_word = found == 0
            || !name[found - 1].is_alphanumeric()
            || (name[found].is_uppercase() && name[found - 1].is_lowercase());
        score += match marked.last() {
            Some(last) if found == last + 1 => 8,
            None if found == 0 => 12,
            // The prefix of a room is not typed.
            None if found == 1 && !name[0].is_alphanumeric() => 12,
            _ if begins_word => 6,
            _ => 1,
        };
        marked.push(found);
        at = found + 1;
    }
    // The shorter name is more likely.
    Some((score * 16 - i32::try_from(name.len().min(64)).unwrap_or(64), marked))
}

/// The matches, best first: own rooms and conversations, other people, commands.
fn hits(typed: &str, chat: &Chat) -> Vec<Hit> {
    let typed = typed.trim();
    let (commands_only, typed) = match typed.strip_prefix('/') {
        Some(rest) => (true, rest),
        None => (false, typed),
    };
    let mut scored: Vec<(i32, Hit)> = Vec::new();
    let mut add = |kind: Kind, text: &str, about: &str, boost: i32| {
        if let Some((score, marked)) = fits(typed, text) {
            let hit = Hit { text: text.to_owned(), about: about.to_owned(), kind, marked };
            scored.push((score + boost, hit));
        }
    };
    if !commands_only {
        for conversation in chat.conversations.values() {
            let name = &conversation.name;
            if conversation.with == With::Server {
                continue;
            }
            let unread = i32::try_from(conversation.unread.min(20)).unwrap_or(20);
            let about = match conversation.unread {
                0 => conversation.topic.clone(),
                count => format!("{count} new"),
            };
            let boost = 40 + unread + if conversation.mentions > 0 { 40 } else { 0 };
            add(Kind::Conversation, name, &about, boost);
        }
        for (nick, rooms) in people(chat) {
            add(Kind::Conversation, nick, &format!("in {}", rooms.join(", ")), 0);
        }
        // Without a typed word, these would only be in the way.
        for listed in chat.listed.iter().filter(|_| !typed.is_empty()) {
            if chat.conversation(&listed.name).is_none() {
                let about = format!("{} there: {}", listed.members, listed.topic);
                add(Kind::Conversation, &listed.name, &about, -10);
            }
        }
    }
    if commands_only || !typed.is_empty() {
        for command in slash::commands() {
            let kind = Kind::Command(!command.usage.is_empty());
            add(kind, &format!("/{}", command.name), command.help, -20);
        }
    }
    scored.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.text.cmp(&b.text)));
    scored.truncate(HITS);
    scored.into_iter().map(|(_, hit)| hit).collect()
}

/// People in this person's rooms without a conversation yet, and their rooms.
fn people(chat: &Chat) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let mut people: BTreeMap<&str, (&str, Vec<&str>)> = BTreeMap::new();
    for room in chat.conversations.values() {
        for (key, member) in &room.members {
            let place = people.entry(key).or_insert((&member.nick, Vec::new()));
            if place.1.len() < 3 {
                place.1.push(&room.name);
            }
        }
    }
    let is_new = |nick: &str| !same(nick, &chat.me) && chat.conversation(nick).is_none();
    people.into_values().filter(move |(nick, _)| is_new(nick))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(typed: &str, names: &[&'a str]) -> Vec<&'a str> {
        let mut scored: Vec<_> = names
            .iter()
            .filter_map(|name| fits(typed, name).map(|(score, _)| (score, *name)))
            .collect();
        scored.sort_by_key(|(score, _)| -score);
        scored.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn matches_at_word_starts_and_consecutive_ones_rank_first() {
        assert_eq!(best("dev", &["#web-dev", "#dev", "#dxexv"]), ["#dev", "#web-dev", "#dxexv"]);
        assert_eq!(best("gc", &["#magic", "#garden-club"]), ["#garden-club", "#magic"]);
        assert_eq!(best("ANN", &["joanna", "ann"]), ["ann", "joanna"]);
        assert_eq!(best("xyz", &["ann"]), Vec::<&str>::new());
        assert_eq!(fits("lb", "#lobby"), Some((12 * 16 + 16 - 6, vec![1, 3])));
    }

    #[test]
    fn a_slash_finds_commands_and_without_one_rooms_rank_first() {
        let mut chat = Chat::new("r");
        let mut out = Vec::new();
        chat.logged_in("ann", [], &mut out);
        for line in [
            ":s 001 ann :hi",
            ":ann!a@s JOIN #topics",
            ":s 353 ann = #topics :ann @tom",
            ":s 366 ann #topics :End",
        ] {
            chat.receive(line, 0, &mut out);
        }
        let names = |typed: &str| -> Vec<String> {
            hits(typed, &chat).into_iter().map(|hit| hit.text).collect()
        };
        assert_eq!(names(""), ["#topics", "tom"]);
        assert_eq!(names("top")[..2], ["#topics", "/topic"]);
        assert_eq!(names("/topic"), ["/topic"]);
        assert_eq!(names("to")[..2], ["#topics", "tom"]);
    }
}
