//! Counts unread messages in the index, which has the authors of events, without reading events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::params;

use crate::batch::sql_id;
use crate::flags::MESSAGES;
use crate::row::Rows;
use crate::sum::{self, Checksummer};
use crate::tail::{Entry, Tail};
use crate::time_search::TimeSearch;
use crate::{
    AccountId, Conversation, EVERYBODY, EventId, REDACTED_PASSED, Scope, UNREAD_FEW, UNREAD_MOST,
    UNREAD_TOTAL, Unread, Unreads, history, index,
};

/// What is unread by `of.account` in one snapshot.
pub(crate) fn unread(rows: Rows<'_>, tail: &Tail, of: &Unreads) -> rusqlite::Result<Vec<Unread>> {
    let mut places = markers(rows, of)?;
    let from = |place: Option<i64>, floor| place.unwrap_or(sql_id(of.unmarked)).max(floor);
    let mut read: BTreeMap<Conversation, i64> =
        directs(rows, of)?.into_iter().map(|talk| (talk, from(places.remove(&talk), 0))).collect();
    for &(room, since) in &of.rooms {
        let room = Conversation::room(room);
        if of.asks(room) {
            read.insert(room, from(places.remove(&room), sql_id(since)));
        }
    }
    let mut silent: Vec<AccountId> = rows.departed.silenced().chain([of.account]).collect();
    silent.sort_unstable();
    let newest = newest(tail, &read);
    let counting = UnreadCounter { rows, account: of.account, silent, indexed: tail.indexed };
    let (mut found, mut total) = (Vec::new(), 0);
    for (conversation, after) in read {
        let fresh = newest.get(&conversation).map_or(&[][..], Vec::as_slice);
        let unread = counting.count(conversation, after, fresh, most(total))?;
        total += unread.map_or(0, |unread| unread.messages);
        found.extend(unread);
    }
    Ok(found)
}

/// How many messages to count in the next conversation, after `total` so far.
pub(crate) fn most(total: usize) -> usize {
    if total < UNREAD_TOTAL { UNREAD_MOST } else { UNREAD_FEW }
}

/// The direct conversations of the query.
fn directs(rows: Rows<'_>, of: &Unreads) -> rusqlite::Result<BTreeSet<Conversation>> {
    let scope = match of.only {
        Some(one) => Scope::One(one),
        None => Scope::Everything { account: of.account, room: None },
    };
    let mut found = history::conversations(rows, scope)?;
    found.retain(|talk| talk.other(of.account).is_some_and(|other| !of.ignored.contains(&other)));
    Ok(found)
}

/// Up to which event the account has read each conversation of the query.
fn markers(rows: Rows<'_>, of: &Unreads) -> rusqlite::Result<HashMap<Conversation, i64>> {
    let find = "SELECT account, conversation, time, event, sum FROM read_markers
        WHERE account = ?1 AND conversation BETWEEN ?2 AND ?3";
    let account = of.account;
    let (first, last) =
        of.only.map_or((Conversation::FIRST, Conversation::LAST), |only| (only, only));
    let mut find = rows.connection.prepare_cached(find)?;
    let mut all = find.query(params![account, first.key(), last.key()])?;
    let (mut found, mut checksummer) = (HashMap::new(), Checksummer::default());
    let mut places = None;
    while let Some(row) = all.next()? {
        let key = row.get(1)?;
        if !sum::is_right("read_markers", row, &mut checksummer)? {
            let sentence = format!("a read marker of account {account} is damaged");
            rows.damage.note("read_markers", &format!("{account}, {key}"), sentence);
            continue;
        }
        let event = match row.get(3)? {
            Some(event) => event,
            // It is from before this was stored.
            None => {
                if places.is_none() {
                    places = Some(TimeSearch::read(rows, i64::MAX)?);
                }
                places.as_ref().map_or(Ok(0), |places| places.up_to(row.get(2)?))?
            }
        };
        found.insert(Conversation::from_key(key), event);
    }
    Ok(found)
}

/// The messages that are not indexed yet, per conversation: ascending ids with authors.
fn newest(
    tail: &Tail,
    read: &BTreeMap<Conversation, i64>,
) -> HashMap<Conversation, Vec<(i64, AccountId)>> {
    let mut found = HashMap::<_, Vec<_>>::new();
    let mut add = |entry: &Entry| {
        found.entry(entry.conversation).or_default().push((entry.id, entry.author));
    };
    for (&conversation, &after) in read.iter().filter(|_| !tail.run.is_empty()) {
        let [start, end] = [after.saturating_add(1), i64::MAX]
            .map(|id| Entry::place(conversation, MESSAGES, id))
            .map(|at| tail.run.partition_point(|entry| *entry < at));
        tail.run[start..end.max(start)].iter().for_each(&mut add);
    }
    let first = read.values().min().copied().unwrap_or(i64::MAX);
    let fresh = &tail.fresh[tail.fresh.partition_point(|entry| entry.id <= first)..];
    for entry in fresh.iter().filter(|entry| entry.class == MESSAGES) {
        if read.get(&entry.conversation).is_some_and(|read| entry.id > *read) {
            add(entry);
        }
    }
    found
}

struct UnreadCounter<'c> {
    rows: Rows<'c>,
    account: AccountId,
    /// Authors whose messages do not count, ascending.
    silent: Vec<AccountId>,
    /// Up to where the index is complete.
    indexed: i64,
}

impl UnreadCounter<'_> {
    /// What is unread in one conversation after an event, if anything. `fresh` is what follows the
    /// indexed part; at most `most` messages are counted.
    fn count(
        &self,
        conversation: Conversation,
        after: i64,
        fresh: &[(i64, AccountId)],
        most: usize,
    ) -> rusqlite::Result<Option<Unread>> {
        let (mut messages, mut first, mut taken_back) = (0, None, None);
        let mut take = |id: i64, author: AccountId| {
            if self.is_silent(author) {
                return Ok(true);
            }
            let taken_back = match &taken_back {
                Some(ids) => ids,
                None => taken_back.insert(self.taken_back(conversation, after)?),
            };
            if !taken_back.contains(&id) {
                first.get_or_insert(id);
                messages += 1;
            }
            Ok(messages < most)
        };
        index::messages_after(self.rows, conversation, after, self.indexed, &mut take)?;
        for &(id, author) in fresh {
            if !take(id, author)? {
                break;
            }
        }
        let Some(first) = first else { return Ok(None) };
        let messages = messages.min(most);
        let mentions = self.mentions(conversation, after, messages)?;
        let more = messages == most;
        Ok(Some(Unread { conversation, messages, more, mentions, first: first as EventId }))
    }

    fn is_silent(&self, author: AccountId) -> bool {
        self.silent.binary_search(&author).is_ok()
    }

    /// The redacted messages after an event.
    fn taken_back(&self, of: Conversation, after: i64) -> rusqlite::Result<BTreeSet<i64>> {
        let find = "SELECT conversation, event, author, sum FROM taken_back
            WHERE conversation = ?1 AND event > ?2 ORDER BY event LIMIT ?3";
        let mut find = self.rows.connection.prepare_cached(find)?;
        let mut all = find.query(params![of.key(), after, REDACTED_PASSED as i64])?;
        let (mut found, mut checksummer) = (BTreeSet::new(), Checksummer::default());
        while let Some(row) = all.next()? {
            let id = row.get(1)?;
            if sum::is_right("taken_back", row, &mut checksummer)? {
                found.insert(id);
            } else {
                let sentence = format!("the note that event {id} was taken back is damaged");
                self.rows.damage.note("taken_back", &id, sentence);
            }
        }
        Ok(found)
    }

    /// The number of messages after an event that mention the account, `most` at most.
    fn mentions(&self, of: Conversation, after: i64, most: usize) -> rusqlite::Result<usize> {
        let find = "SELECT account, conversation, event, author, sum FROM mentions
            WHERE account = ?1 AND conversation = ?2 AND event > ?3 ORDER BY event";
        let mut find = self.rows.connection.prepare_cached(find)?;
        let (mut found, mut checksummer) = (BTreeSet::new(), Checksummer::default());
        for account in [self.account, EVERYBODY] {
            let mut all = find.query(params![account, of.key(), after])?;
            while found.len() < most
                && let Some(row) = all.next()?
            {
                let id: i64 = row.get(2)?;
                if !sum::is_right("mentions", row, &mut checksummer)? {
                    let sentence = format!("a mention in event {id} is damaged");
                    self.rows.damage.note("mentions", &id, sentence);
                } else if !self.is_silent(row.get(3)?) {
                    found.insert(id);
                }
            }
        }
        Ok(found.len())
    }
}
