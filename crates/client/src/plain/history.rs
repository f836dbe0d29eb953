//! Pages of history, searches, unread messages.

use chat::entry::Entry;
use chat::timeline::{Row, Run};
use chat::{Change, Intent};
use proto::name::same;

use super::Plain;
use super::choice::Choice;
use super::report::unread;
use super::session::End;
use crate::pages::{ENDLESS, Pages};
use crate::question::Question;
use crate::show::{Place, harmless};

/// Where the next older page ends.
pub(super) enum Older {
    /// Of a conversation, before this message.
    Page { target: String, count: usize, before: String },
    /// Of everything together.
    Everything { count: usize, before: String },
    /// Of what was found, before this time in milliseconds since 1970 UTC.
    Found { words: String, before_ms: i64 },
}

impl Plain<'_> {
    /// Shows a page of history, of everything (`*`) or of a conversation.
    pub(super) fn history(
        &mut self,
        target: &str,
        count: usize,
        before: Option<&str>,
    ) -> Result<(), End> {
        let page = match target {
            "*" => self.page_of_everything(count, before)?,
            _ => self.page(target, count, before)?,
        };
        let (entries, more) = match page {
            Ok(page) => page,
            Err(sentence) => return self.fail(&sentence),
        };
        self.print(&entries)?;
        let oldest = entries.iter().find_map(|(_, entry)| entry.msgid.clone());
        self.older = oldest.filter(|_| more).map(|before| match target {
            "*" => Older::Everything { count, before },
            _ => Older::Page { target: target.to_owned(), count, before },
        });
        let sentence = match (&self.older, entries.is_empty(), before) {
            (Some(_), ..) => "Type more for earlier messages.",
            (None, true, None) => "There are no messages yet.",
            (None, ..) => "There are no older messages.",
        };
        self.session.show_status(sentence)?;
        if target != "*" {
            self.mark_read(target);
        }
        Ok(())
    }

    /// The newest messages of a conversation, or those before one of them, and whether there may be more.
    fn page(&mut self, target: &str, count: usize, before: Option<&str>) -> Result<Page, End> {
        let mut run = before.is_none().then_some(Run::Latest);
        let mut pages = Pages::default();
        loop {
            let (mut ends, mut endless) = (false, false);
            if let Some(run) = run {
                endless = !pages.allow(&run);
                if endless {
                    self.session.show_status(&format!("Not all can be shown: {ENDLESS}"))?;
                } else {
                    match self.session.load(target, &run)? {
                        Ok(loaded) => ends = loaded == 0,
                        Err(sentence) => return Ok(Err(sentence)),
                    }
                }
            }
            let known = self.known(target, count, before);
            ends |= known.from_start;
            let oldest = known.oldest.or_else(|| before.map(str::to_owned));
            let mut entries = known.entries;
            match oldest {
                Some(oldest) if entries.len() < count && !ends && !endless => {
                    run = Some(Run::Before(oldest));
                }
                _ => {
                    let more = entries.len() > count || !ends;
                    entries.drain(..entries.len().saturating_sub(count));
                    return Ok(Ok((entries, more)));
                }
            }
        }
    }

    /// What is here without a gap of the newest messages of a conversation, or of those before one of them, up to
    /// one more than so many.
    fn known(&self, target: &str, count: usize, before: Option<&str>) -> Known {
        let mut known = Known { entries: Vec::new(), oldest: None, from_start: false };
        let Some(conversation) = self.session.chat().conversation(target) else { return known };
        let rows = conversation.timeline.rows();
        let is_it = |row: &Row| match row {
            Row::Entry(entry) => before.is_some() && entry.msgid.as_deref() == before,
            Row::Gap => false,
        };
        let end = rows.iter().rposition(is_it).unwrap_or(rows.len());
        known.from_start = conversation.timeline.is_from_start();
        for row in rows.range(..end).rev() {
            let Row::Entry(entry) = row else {
                known.from_start = false;
                break;
            };
            known.oldest = entry.msgid.clone().or(known.oldest);
            if entry.kind.is_said() {
                known.entries.push((conversation.name.clone(), (**entry).clone()));
            }
            if known.entries.len() > count {
                break;
            }
        }
        known.entries.reverse();
        known
    }

    fn page_of_everything(&mut self, count: usize, before: Option<&str>) -> Result<Page, End> {
        let intent = Intent::Everything { count, before: before.map(str::to_owned) };
        let page = self.session.request("CH", &intent, |_, change| match change {
            Change::Everything(page) => Some(page.clone()),
            _ => None,
        })?;
        Ok(page.map(|entries| {
            let more = entries.len() >= count;
            (entries, more)
        }))
    }

    fn print(&mut self, entries: &[(String, Entry)]) -> Result<(), End> {
        for (target, entry) in entries {
            if let Some(msgid) = &entry.msgid {
                self.session.seen.insert(msgid);
            }
            let place = Place::of(&self.session.wire.chat, target);
            for line in self.session.console.look.record(place, entry) {
                self.session.console.message(&line)?;
            }
        }
        Ok(())
    }

    /// A conversation has been read, if all that was unread there has been shown.
    pub(super) fn mark_read(&mut self, target: &str) {
        let known = self.session.chat().conversation(target);
        let is_read = known.is_some_and(|known| known.unread > 0 && self.session.has_shown(known));
        if self.session.console.interactive && is_read {
            // Without a connection nothing is sent, and the messages stay unread.
            let _ = self.session.wire.perform(Intent::MarkRead(target.to_owned()));
        }
    }

    pub(super) fn find(&mut self, words: &str) -> Result<(), End> {
        let words = match words.is_empty() {
            true => self.detail(Question::Words)?,
            false => words.to_owned(),
        };
        self.show_found(words.trim(), None)
    }

    /// Shows what a search finds, or what it finds before a time.
    fn show_found(&mut self, words: &str, before_ms: Option<i64>) -> Result<(), End> {
        let intent = Intent::Search { words: words.to_owned(), before_ms };
        let mut known = 0;
        if before_ms.is_some() {
            known = self.session.chat().search.found.len();
        }
        let refused = self.session.request("SEARCH", &intent, |chat, change| match change {
            Change::Answered { verb, text, refused: true, .. } if verb == "SEARCH" => {
                Some(Err(text.clone()))
            }
            Change::Found if !chat.search.loading => Some(Ok(())),
            _ => None,
        })?;
        if let Err(sentence) = refused {
            return self.fail(&sentence);
        }
        let search = &self.session.chat().search;
        let (before, new) = search.found.split_at(known.min(search.found.len()));
        // Where a search that was cut short goes on, the last second comes again.
        let is_new = |(_, entry): &&(String, Entry)| {
            !before.iter().any(|(_, known)| known.msgid == entry.msgid)
        };
        let mut found: Vec<(String, Entry)> = new.iter().filter(is_new).cloned().collect();
        let late = search.note.clone();
        found.reverse();
        let look = &self.session.console.look;
        let lines = found.iter().map(|(target, entry)| {
            look.hit(Place::of(&self.session.wire.chat, target), entry, words)
        });
        let lines: Vec<Vec<String>> = lines.collect();
        let choice = |(target, entry): &(String, Entry)| {
            Choice::Message(target.clone(), entry.msgid.clone().unwrap_or_default())
        };
        self.show_messages(found.iter().map(choice).collect(), &lines)?;
        let is_full = found.len() >= chat::limits::RESULTS;
        let oldest = found.first().map(|(_, entry)| entry.time_ms).filter(|_| is_full);
        let next = searched_back_to(&late).map(|time_ms| time_ms + 1_000).or(oldest);
        self.older = next
            .filter(|next| before_ms.is_none_or(|before_ms| *next < before_ms))
            .map(|before_ms| Older::Found { words: words.to_owned(), before_ms });
        let text = match (&self.older, found.is_empty(), before_ms) {
            (Some(_), ..) if !late.is_empty() => format!("{late}; type more to go on."),
            (Some(_), ..) => "Type more for earlier messages.".to_owned(),
            (None, true, None) => "Nothing was found.".to_owned(),
            (None, ..) => "That is all.".to_owned(),
        };
        Ok(self.session.show_status(&text)?)
    }

    pub(super) fn more(&mut self) -> Result<(), End> {
        match self.older.take() {
            Some(Older::Page { target, count, before }) => {
                self.history(&target, count, Some(&before))
            }
            Some(Older::Everything { count, before }) => self.history("*", count, Some(&before)),
            Some(Older::Found { words, before_ms }) => self.show_found(&words, Some(before_ms)),
            None => {
                Ok(self.session.show_status("There are no older messages; CH shows the newest.")?)
            }
        }
    }

    /// Lists the unread conversations.
    pub(super) fn unread(&mut self) -> Result<(), End> {
        self.session.until_ready()?;
        let sentences = unread(self.session.chat());
        if sentences.is_empty() {
            return Ok(self.session.show_status("Nothing is unread.")?);
        }
        let (names, sentences) = sentences.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        for line in self.offer(names.into_iter().map(Choice::Unread).collect(), sentences) {
            if self.numbered {
                self.session.console.status(&harmless(&line))?;
            } else {
                self.session.show_status(&line)?;
            }
        }
        let how = if self.numbered { "A number" } else { "READ #room, or READ user," };
        Ok(self.session.show_status(&format!("{how} shows the messages."))?)
    }

    /// Shows what is unread in a conversation; without a name, in the first that has something.
    pub(super) fn read(&mut self, target: &str) -> Result<(), End> {
        self.session.until_ready()?;
        let mut unread = self.session.chat().conversations.values().filter(|c| c.unread > 0);
        let found = unread.find(|c| target.is_empty() || same(&c.name, target));
        let Some((name, count)) = found.map(|c| (c.name.clone(), c.unread)) else {
            let place = if target.is_empty() { String::new() } else { format!(" in {target}") };
            return Ok(self.session.show_status(&format!("Nothing is unread{place}."))?);
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(READ_AT_ONCE);
        self.history(&name, count, None)
    }
}

/// How far a search came that was cut short, in milliseconds since 1970 UTC, from the server's sentence:
/// `Searched back to 2026-03-01 12:00:00 UTC`.
fn searched_back_to(sentence: &str) -> Option<i64> {
    let time = sentence.strip_prefix("Searched back to ")?.strip_suffix(" UTC")?;
    proto::time::parse_server_time(&format!("{}.000Z", time.replace(' ', "T")))
}

/// A run of messages that are here.
struct Known {
    /// Oldest first, each with its conversation.
    entries: Vec<(String, Entry)>,
    /// The msgid of the oldest message or event looked at.
    oldest: Option<String>,
    /// The server has nothing older than what was looked at, if all of it was.
    from_start: bool,
}

/// The most messages that `READ` shows at once; `more` shows those before.
const READ_AT_ONCE: usize = 100;

/// Messages with their conversations, and whether there may be older ones; or the server's sentence.
type Page = Result<(Vec<(String, Entry)>, bool), String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_was_cut_short_goes_on_where_it_ended() {
        assert_eq!(searched_back_to("Searched back to 1970-01-01 00:00:05 UTC"), Some(5_000));
        assert_eq!(searched_back_to("End of results"), None);
    }
}
