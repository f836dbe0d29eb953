//! Reading from the reference implementation.

use super::{Contents, lock};
use crate::query::counted_targets;
use crate::{
    AccountId, Audit, Conversation, Event, EventId, EventKind, Exported, Failure, Found, Point,
    Query, Reached, Reader, RoomId, Scope, Search, Select, Unread, Unreads, export, unread,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(super) struct MemoryReader {
    pub(super) contents: Arc<Mutex<Contents>>,
}

impl Reader for MemoryReader {
    // Its work is short.
    fn set_progress_handler(&mut self, _on_progress: Box<dyn FnMut() + Send>) {}

    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure> {
        let contents = lock(&self.contents);
        let end = query.up_to.saturating_add(1);
        let of = |of| in_scope(of, query.of);
        let times = TimeSearch { events: &contents.events, end, of: &of };
        let asked: Vec<&Event> = contents
            .events
            .iter()
            .filter(|event| event.id <= query.up_to && in_scope(event.conversation, query.of))
            .filter(|event| event.id > query.of.after())
            .filter(|event| event.kind != EventKind::Redacted)
            .filter(|event| query.kinds.contains(event.kind))
            .collect();
        Ok(select(&asked, &times, query.select, query.limit).into_iter().cloned().collect())
    }

    fn pending(
        &mut self,
        account: AccountId,
        up_to: EventId,
        limit: usize,
    ) -> Result<Vec<Event>, Failure> {
        let contents = lock(&self.contents);
        let waiting = |event: &&Event| {
            event.conversation.other(account).is_some()
                && contents.pending.contains(&(account, event.id))
        };
        let events = contents.events.iter().filter(|event| event.id <= up_to).filter(waiting);
        Ok(events.take(limit).cloned().collect())
    }

    fn targets(
        &mut self,
        account: AccountId,
        rooms: &[RoomId],
        first: i64,
        second: i64,
        limit: usize,
    ) -> Result<Vec<(Conversation, i64)>, Failure> {
        let contents = lock(&self.contents);
        let of = |talk: Conversation| {
            talk.other(account).is_some() || talk.as_room().is_some_and(|r| rooms.contains(&r))
        };
        let times = TimeSearch { events: &contents.events, end: EventId::MAX, of: &of };
        let within = times.after(Point::Time(first.min(second)))
            ..times.before(Point::Time(first.max(second)));
        let mut latest = BTreeMap::new();
        for event in contents.events.iter().filter(|event| event.kind.is_message()) {
            if of(event.conversation) {
                latest.insert(event.conversation, (event.id, event.time));
            }
        }
        let mut targets: Vec<_> =
            latest.into_iter().map(|(talk, (id, time))| (id, talk, time)).collect();
        targets.retain(|(id, ..)| within.contains(id));
        Ok(counted_targets(targets, first <= second, limit))
    }

    fn unread(&mut self, of: &Unreads) -> Result<Vec<Unread>, Failure> {
        let contents = lock(&self.contents);
        let events = contents.events.iter().map(|event| event.conversation);
        let directs = events.filter(|talk| {
            talk.other(of.account).is_some_and(|other| !of.ignored.contains(&other))
        });
        let mut from: BTreeMap<Conversation, EventId> = directs.map(|talk| (talk, 0)).collect();
        from.extend(of.rooms.iter().map(|(room, since)| (Conversation::room(*room), *since)));
        from.retain(|talk, _| of.asks(*talk));
        let (mut found, mut total) = (Vec::new(), 0);
        for (talk, since) in from {
            let marker = contents.read_markers.get(&(of.account, talk));
            let read = marker.map_or(of.unmarked, |(_, event)| *event).max(since);
            let unread = contents.unread(of, talk, read, unread::most(total));
            total += unread.map_or(0, |unread| unread.messages);
            found.extend(unread);
        }
        Ok(found)
    }

    fn audit(&mut self, before: u64, limit: usize) -> Result<Vec<(u64, Audit)>, Failure> {
        let contents = lock(&self.contents);
        let newest = contents.audit.range(..before).rev().take(limit);
        let mut found: Vec<_> = newest.map(|(id, entry)| (*id, entry.clone())).collect();
        found.reverse();
        Ok(found)
    }

    fn export(&mut self, account: AccountId, after: EventId) -> Result<Exported, Failure> {
        let contents = lock(&self.contents);
        let own = |event: &&Event| {
            event.id > after && event.kind != EventKind::Redacted && export::is_of(event, account)
        };
        Ok(Exported { events: contents.events.iter().filter(own).cloned().collect(), next: None })
    }

    fn search(
        &mut self,
        search: &Search,
        may_read: &dyn Fn(&Event) -> bool,
    ) -> Result<Found, Failure> {
        let contents = lock(&self.contents);
        let wanted = |event: &&Event| search.wants(event) && may_read(event);
        let found = contents.events.iter().filter(wanted).collect();
        let found = match search.oldest_first {
            true => oldest(found, search.limit),
            false => newest(found, search.limit),
        };
        let last = if search.oldest_first { found.last() } else { found.first() };
        let reached = |event: &&Event| Reached { id: event.id, time: event.time, late: false };
        let reached = last.filter(|_| found.len() == search.limit).map(reached);
        Ok(Found { reached, events: found.into_iter().cloned().collect() })
    }

    fn event_time(&mut self, id: EventId) -> Result<Option<(Conversation, i64)>, Failure> {
        let contents = lock(&self.contents);
        let found = contents.events.iter().find(|event| event.id == id);
        Ok(found.map(|event| (event.conversation, event.time)))
    }
}

fn in_scope(conversation: Conversation, scope: Scope) -> bool {
    match scope {
        Scope::One(one) => conversation == one,
        Scope::Since { room, .. } => conversation == Conversation::room(room),
        Scope::Everything { account, room } => {
            conversation.other(account).is_some()
                || room.is_some_and(|room| conversation == Conversation::room(room))
        }
    }
}

/// Finds points among all events below `end`, for a query of the conversations `of`; see
/// [`Point::Time`].
pub(super) struct TimeSearch<'e> {
    pub(super) events: &'e [Event],
    pub(super) end: EventId,
    pub(super) of: &'e dyn Fn(Conversation) -> bool,
}

impl TimeSearch<'_> {
    /// Stretches of events with increasing times, each with the id at which it ends.
    fn stretches(&self) -> Vec<(&[Event], EventId)> {
        let below = self.events.partition_point(|event| event.id < self.end);
        let stretches = self.events[..below].chunk_by(|one, next| one.time <= next.time);
        stretches.map(|stretch| (stretch, stretch[stretch.len() - 1].id + 1)).collect()
    }

    fn has(&self, stretch: &[Event], time: i64) -> bool {
        stretch.iter().any(|event| event.time == time && (self.of)(event.conversation))
    }

    /// The first id at or after a point.
    pub(super) fn before(&self, point: Point) -> EventId {
        let time = match point {
            Point::Id(id) => return id,
            Point::Time(time) => time,
        };
        let stretches = self.stretches();
        let exact = stretches.iter().rfind(|(stretch, _)| self.has(stretch, time));
        let older = || stretches.iter().rfind(|(stretch, _)| stretch[0].time < time);
        let Some((stretch, end)) = exact.or_else(older) else { return 0 };
        stretch.iter().find(|event| event.time >= time).map_or(*end, |event| event.id)
    }

    /// The first id after a point.
    fn after(&self, point: Point) -> EventId {
        let time = match point {
            Point::Id(id) => return id.saturating_add(1),
            Point::Time(time) => time,
        };
        let stretches = self.stretches();
        let exact = stretches.iter().find(|(stretch, _)| self.has(stretch, time));
        let newer = |(stretch, _): &&(&[Event], _)| stretch.iter().any(|event| event.time > time);
        let Some((stretch, end)) = exact.or_else(|| stretches.iter().find(newer)) else {
            return self.end;
        };
        stretch.iter().find(|event| event.time > time).map_or(*end, |event| event.id)
    }

    fn is_forwards(&self, first: Point, second: Point) -> bool {
        match (first, second) {
            (Point::Time(first), Point::Time(second)) => first <= second,
            _ => self.after(first) < self.before(second),
        }
    }
}

fn select<'e>(
    events: &[&'e Event],
    times: &TimeSearch<'_>,
    select: Select,
    limit: usize,
) -> Vec<&'e Event> {
    let within = |start: EventId, end: EventId| -> Vec<&'e Event> {
        events.iter().copied().filter(|event| event.id >= start && event.id < end).collect()
    };
    match select {
        Select::Latest => newest(events.to_vec(), limit),
        Select::LatestAfter(point) => newest(within(times.after(point), EventId::MAX), limit),
        Select::Before(point) => newest(within(0, times.before(point)), limit),
        Select::After(point) => oldest(within(times.after(point), EventId::MAX), limit),
        Select::Between(first, second) if times.is_forwards(first, second) => {
            oldest(within(times.after(first), times.before(second)), limit)
        }
        Select::Between(first, second) => {
            newest(within(times.after(second), times.before(first)), limit)
        }
        Select::Around(point) => {
            let middle = times.before(point);
            let mut page = newest(within(0, middle), limit / 2);
            page.extend(oldest(within(middle, EventId::MAX), limit - limit / 2));
            page
        }
    }
}

fn newest(mut events: Vec<&Event>, limit: usize) -> Vec<&Event> {
    events.split_off(events.len().saturating_sub(limit))
}

fn oldest(mut events: Vec<&Event>, limit: usize) -> Vec<&Event> {
    events.truncate(limit);
    events
}
