//! Answers to `UNREAD`: as a batch for programs, as sentences for people.

use super::Page;
use crate::limits::UNREAD_CONVERSATIONS;
use proto::time::write_server_time;
use proto::{Capability, Line};
use std::cmp::Reverse;
use std::sync::Arc;
use store::{Conversation, Failure, Reader, RoomId, Unread, Unreads};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// What is unread in one conversation, and what the asker calls it.
type Named = (Arc<str>, Unread);

impl Page<'_> {
    /// What the asker has not read: in one conversation, or in all of them, beginning with those in
    /// which somebody mentions the asker.
    pub(super) fn unread(
        &mut self,
        store: &mut dyn Reader,
        of: Option<&(Conversation, Arc<str>)>,
        now: i64,
    ) -> Result<(), Failure> {
        let mut all = store.unread(&self.asked(of))?;
        all.retain(|unread| of.is_none_or(|(of, _)| *of == unread.conversation));
        all.sort_by_key(|unread| (Reverse(unread.mentions), unread.conversation));
        all.truncate(UNREAD_CONVERSATIONS);
        let mut found = Vec::new();
        for unread in all {
            let name = match of {
                Some((_, name)) => Some(name.clone()),
                None => self.name(store, unread.conversation)?,
            };
            found.extend(name.map(|name| (name, unread)));
        }
        if self.capabilities().contains(Capability::Unread) {
            self.unread_batch(&found, of.map(|(_, name)| name));
            return Ok(());
        }
        self.unread_sentences(store, &found, now)
    }

    /// The question to the store.
    fn asked(&self, of: Option<&(Conversation, Arc<str>)>) -> Unreads {
        let request = &self.job.request;
        let wanted = |room: RoomId| of.is_none_or(|(of, _)| *of == Conversation::room(room));
        let since = |room: RoomId| {
            let since = request.since.iter().find(|(of, _)| *of == room);
            since.map_or(0, |(_, since)| *since)
        };
        let rooms = request.rooms.iter().map(|(room, _)| *room).filter(|room| wanted(*room));
        let rooms = rooms.map(|room| (room, since(room))).collect();
        Unreads { account: request.me.0, rooms, ..Unreads::default() }
    }

    /// For programs. A single conversation has its line also if nothing in it is unread.
    fn unread_batch(&mut self, found: &[Named], one: Option<&Arc<str>>) {
        self.batch("parlor/unread", None, |page, tag| {
            let mut line = |name: &str, messages: &str, mentions: usize, first: &str| {
                let line = Line::to(&mut page.out).raw_tags(tag).source(&page.renderer.server);
                let line = line.verb("UNREAD").param(name).param(messages);
                line.param(&mentions.to_string()).param(first).end();
            };
            for (name, unread) in found {
                let first = page.renderer.msgid(unread.first);
                line(name, &count(unread), unread.mentions, &first);
            }
            if let (Some(name), []) = (one, found) {
                line(name, "0", 0, "*");
            }
        });
    }

    /// For people.
    fn unread_sentences(
        &mut self,
        store: &mut dyn Reader,
        found: &[Named],
        now: i64,
    ) -> Result<(), Failure> {
        for (name, unread) in found {
            let since = store.event_time(unread.first)?.map(|(_, time)| time);
            let text = sentence(name, unread, since, now);
            let first = self.renderer.msgid(unread.first);
            let (messages, mentions) = (count(unread), unread.mentions.to_string());
            self.note(&["COUNT", name, &messages, &mentions, &first], &text);
        }
        let text = if found.is_empty() { "Nothing is unread" } else { "End of unread" };
        self.note(&["END", &found.len().to_string()], text);
        Ok(())
    }

    fn note(&mut self, params: &[&str], text: &str) {
        let line = Line::to(&mut self.out).raw_tags(&self.tag).source(&self.renderer.server);
        let line = line.verb("NOTE").param("UNREAD");
        params.iter().fold(line, |line, param| line.param(param)).text(text).end();
    }
}

/// How many messages are unread; a `+` behind it says that there may be more.
fn count(unread: &Unread) -> String {
    format!("{}{}", unread.messages, if unread.more { "+" } else { "" })
}

/// `12 new in #lobby since yesterday 14:02 UTC (2 mention you)`
fn sentence(name: &str, unread: &Unread, since: Option<i64>, now: i64) -> String {
    let place = if unread.conversation.as_room().is_some() { "in" } else { "from" };
    let mut text = format!("{} new {place} {name}", count(unread));
    if let Some(time) = since {
        text.push_str(&format!(" since {}", moment(time, now)));
    }
    match unread.mentions {
        0 => {}
        1 => text.push_str(" (1 mentions you)"),
        mentions => text.push_str(&format!(" ({mentions} mention you)")),
    }
    text
}

/// A time as people say it: without the date today, and with a word for it yesterday.
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
    fn people_are_told_how_much_is_unread_since_when_and_whether_it_is_about_them() {
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
    }
}
