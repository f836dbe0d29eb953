//! Answers to `UNREAD`: as a batch for programs, as sentences for people; and the summary at login.

use super::{ANY_EVENT, Page};
use crate::effects::Silence;
use crate::limits::{GREETING_BYTES, GREETING_CONVERSATIONS, UNREAD_CONVERSATIONS};
use proto::Line;
use proto::time::write_server_time;
use std::cmp::Reverse;
use std::sync::Arc;
use store::{
    Conversation, DELETED_USER, Failure, Kinds, Point, Query, Reader, RoomId, Scope, Select,
    Unread, Unreads,
};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// One conversation, and what the requester calls it.
type NamedConversation = (Conversation, Arc<str>);

impl Page<'_> {
    /// The requester's unread messages: in one conversation, or in all of them, those with mentions
    /// first. Private conversations with people whom the requester ignores are left out; as in
    /// history, their messages in rooms are not.
    pub(super) fn unread(
        &self,
        store: &mut dyn Reader,
        of: Option<&NamedConversation>,
        unmarked: u64,
    ) -> Result<Vec<Unread>, Failure> {
        let request = &self.job.request;
        let since = |room: RoomId| {
            let since = request.since.iter().find(|(of, _)| *of == room);
            since.map_or(0, |(_, since)| *since)
        };
        let accounts = request.ignored.iter().filter_map(|entry| match entry {
            Silence::Account(id) => Some(*id),
            Silence::Mask(_) => None,
        });
        let mut all = store.unread(&Unreads {
            account: request.me.0,
            only: of.map(|(of, _)| *of),
            ignored: accounts.collect(),
            rooms: request.rooms.iter().map(|(room, _)| (*room, since(*room))).collect(),
            unmarked,
        })?;
        all.sort_by_key(|unread| (Reverse(unread.mentions), unread.conversation));
        if of.is_none() {
            all = self.nameable(store, all)?;
        }
        if request.ignored.iter().any(|entry| matches!(entry, Silence::Mask(_))) {
            let mut kept = Vec::new();
            for unread in all {
                if !self.begins_ignored(store, &unread)? {
                    kept.push(unread);
                }
            }
            all = kept;
        }
        Ok(all)
    }

    /// The first of these conversations, without private ones with deleted accounts: they have no name by
    /// which to read them.
    fn nameable(&self, store: &mut dyn Reader, all: Vec<Unread>) -> Result<Vec<Unread>, Failure> {
        let mut found = Vec::new();
        for unread in all {
            if found.len() == UNREAD_CONVERSATIONS {
                break;
            }
            let of = unread.conversation;
            if of.as_room().is_some() || self.name(store, of)?.as_deref() != Some(DELETED_USER) {
                found.push(unread);
            }
        }
        Ok(found)
    }

    /// Whether the first unread message of a private conversation is from somebody whom the requester
    /// ignores: masks are matched against the source at that time, which only the message has.
    fn begins_ignored(&self, store: &mut dyn Reader, unread: &Unread) -> Result<bool, Failure> {
        if unread.conversation.as_room().is_some() {
            return Ok(false);
        }
        let before = Point::Id(unread.first.saturating_sub(1));
        let first = store.page(&Query {
            of: Scope::One(unread.conversation),
            select: Select::After(before),
            limit: 1,
            up_to: ANY_EVENT,
            kinds: Kinds::MESSAGES,
        })?;
        Ok(first.iter().any(|event| self.is_ignored(event)))
    }

    /// For programs. A single conversation has a line even if nothing in it is unread.
    pub(super) fn unread_batch(
        &mut self,
        store: &mut dyn Reader,
        of: Option<&NamedConversation>,
        unread: Vec<Unread>,
    ) -> Result<(), Failure> {
        let mut found = Vec::new();
        for unread in unread {
            let name = self.name_of(store, of, &unread)?;
            found.extend(name.map(|name| (name, unread)));
        }
        self.batch("parlor/unread", None, |page, tag| {
            let mut line = |name: &str, messages: &str, mentions: usize, first: &str| {
                let line = Line::to(&mut page.out).raw_tags(tag).source(&page.renderer.server);
                let line = line.verb("UNREAD").param(name).param(messages);
                line.param(&mentions.to_string()).param(first).end();
            };
            for (name, unread) in &found {
                let first = page.renderer.msgid(unread.first);
                line(name, &count(unread), unread.mentions, &first);
            }
            if let (Some((_, name)), []) = (of, &found[..]) {
                line(name, "0", 0, "*");
            }
        });
        Ok(())
    }

    /// For people: a sentence for each conversation, those that are muted last.
    pub(super) fn unread_sentences(
        &mut self,
        store: &mut dyn Reader,
        of: Option<&NamedConversation>,
        mut unread: Vec<Unread>,
        muted: &[Conversation],
        now: i64,
    ) -> Result<(), Failure> {
        unread.sort_by_key(|unread| muted.contains(&unread.conversation));
        let mut found = 0;
        for unread in &unread {
            let Some(name) = self.name_of(store, of, unread)? else { continue };
            let since = store.event_time(unread.first)?.map(|(_, time)| time);
            let mut text = sentence(&name, unread, since, now);
            if muted.contains(&unread.conversation) {
                text.push_str(", muted");
            }
            let first = self.renderer.msgid(unread.first);
            let (messages, mentions) = (count(unread), unread.mentions.to_string());
            self.note("UNREAD", &["COUNT", &name, &messages, &mentions, &first], &text);
            found += 1;
        }
        let text = if found == 0 { "Nothing is unread" } else { "End of unread" };
        self.note("UNREAD", &["END", &found.to_string()], text);
        Ok(())
    }

    /// For people who have just logged in: one sentence about the conversations that are not muted, if
    /// anything is unread in them.
    pub(super) fn greeting(
        &mut self,
        store: &mut dyn Reader,
        mut unread: Vec<Unread>,
        muted: &[Conversation],
        now: i64,
        notice: bool,
    ) -> Result<(), Failure> {
        unread.retain(|unread| !muted.contains(&unread.conversation));
        if unread.is_empty() {
            return Ok(());
        }
        let mut said: Vec<String> = Vec::new();
        for unread in unread.iter().take(GREETING_CONVERSATIONS) {
            let Some(name) = self.name_of(store, None, unread)? else { break };
            let part = match said.is_empty() {
                true => {
                    let since = store.event_time(unread.first)?.map(|(_, time)| time);
                    sentence(&name, unread, since, now)
                }
                false => clause(&name, unread),
            };
            if said.iter().map(String::len).sum::<usize>() + part.len() > GREETING_BYTES {
                break;
            }
            said.push(part);
        }
        let text = with_rest(&said, &unread[said.len()..]);
        let nick = self.job.request.me.1.clone();
        if notice {
            let line = Line::to(&mut self.out).raw_tags(&self.tag).source(&self.renderer.server);
            line.verb("NOTICE").param(&nick).text(&text).end();
        } else {
            let messages = unread.iter().map(|unread| unread.messages).sum::<usize>();
            let more = if unread.iter().any(|unread| unread.more) { "+" } else { "" };
            let mentions = unread.iter().map(|unread| unread.mentions).sum::<usize>();
            let numbers = [format!("{messages}{more}"), mentions.to_string()];
            self.note("LOGIN", &["UNREAD", &nick, &numbers[0], &numbers[1]], &text);
        }
        Ok(())
    }

    fn name_of(
        &self,
        store: &mut dyn Reader,
        of: Option<&NamedConversation>,
        unread: &Unread,
    ) -> Result<Option<Arc<str>>, Failure> {
        match of {
            Some((_, name)) => Ok(Some(name.clone())),
            None => self.name(store, unread.conversation),
        }
    }

    fn note(&mut self, verb: &str, params: &[&str], text: &str) {
        let line = Line::to(&mut self.out).raw_tags(&self.tag).source(&self.renderer.server);
        let line = line.verb("NOTE").param(verb);
        params.iter().fold(line, |line, param| line.param(param)).text(text).end();
    }
}

/// The number of unread messages; with a `+` if there may be more.
fn count(unread: &Unread) -> String {
    format!("{}{}", unread.messages, if unread.more { "+" } else { "" })
}

/// `12 new in #lobby since yesterday 14:02 UTC (2 mention you)`
fn sentence(name: &str, unread: &Unread, since: Option<i64>, now: i64) -> String {
    let since = since.map_or_else(String::new, |time| format!(" since {}", moment(time, now)));
    format!("{} new {}{since}{}", count(unread), place(name, unread), mentions(unread))
}

/// The same of a further conversation: `3 from bob`.
fn clause(name: &str, unread: &Unread) -> String {
    format!("{} {}{}", count(unread), place(name, unread), mentions(unread))
}

fn place(name: &str, unread: &Unread) -> String {
    let word = if unread.conversation.as_room().is_some() { "in" } else { "from" };
    format!("{word} {name}")
}

fn mentions(unread: &Unread) -> String {
    match unread.mentions {
        0 => String::new(),
        1 => " (1 mentions you)".to_owned(),
        mentions => format!(" ({mentions} mention you)"),
    }
}

/// The clauses about the first conversations, and totals of the others.
fn with_rest(said: &[String], rest: &[Unread]) -> String {
    let mut text = said.join(", ");
    if rest.is_empty() {
        return text;
    }
    let messages = rest.iter().map(|unread| unread.messages).sum::<usize>();
    let more = if rest.iter().any(|unread| unread.more) { "+" } else { "" };
    let places = match (rest.len(), text.is_empty()) {
        (1, _) => "1 other conversation".to_owned(),
        (number, true) => format!("{number} conversations"),
        (number, false) => format!("{number} other conversations"),
    };
    if !text.is_empty() {
        text.push_str(", ");
    }
    text.push_str(&format!("{messages}{more} in {places}"));
    text
}

/// A time for people: without the date if today, and with a word if yesterday.
fn moment(time: i64, now: i64) -> String {
    let mut stamp = Vec::new();
    write_server_time(time, &mut stamp);
    let stamp = String::from_utf8_lossy(&stamp);
    let (date, clock) =
        (stamp.get(..10).unwrap_or_default(), stamp.get(11..16).unwrap_or_default());
    match now.div_euclid(DAY_MILLIS) - time.div_euclid(DAY_MILLIS) {
        0 => format!("{clock} UTC"),
        1 => format!("yesterday {clock} UTC"),
        _ => format!("{date} {clock} UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unread_sentence_gives_counts_dates_and_mentions() {
        let unread = |conversation, messages, mentions| Unread {
            conversation,
            messages,
            more: messages == 1000,
            mentions,
            first: 1,
        };
        let (room, talk) = (Conversation::room(1), Conversation::direct(1, 2));
        let (first, day) = (1_577_973_720_000, DAY_MILLIS); // 2020-01-02T14:02
        let say = |name, unread, now| sentence(name, &unread, Some(first), now);
        assert_eq!(say("bob", unread(talk, 3, 0), first), "3 new from bob since 14:02 UTC");
        assert_eq!(
            say("#lobby", unread(room, 12, 2), first + day),
            "12 new in #lobby since yesterday 14:02 UTC (2 mention you)"
        );
        assert_eq!(
            say("#lobby", unread(room, 1000, 1), first + 2 * day),
            "1000+ new in #lobby since 2020-01-02 14:02 UTC (1 mentions you)"
        );
        assert_eq!(sentence("bob", &unread(talk, 1, 0), None, first), "1 new from bob");
        let said = [say("#lobby", unread(room, 2, 0), first), clause("bob", &unread(talk, 3, 1))];
        let both = "2 new in #lobby since 14:02 UTC, 3 from bob (1 mentions you)";
        assert_eq!(with_rest(&said, &[]), both);
        let more = with_rest(&said, &[unread(room, 1000, 0), unread(room, 7, 0)]);
        assert_eq!(more, format!("{both}, 1007+ in 2 other conversations"));
    }
}
