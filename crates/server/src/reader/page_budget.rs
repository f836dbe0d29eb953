//! The page budget: multi-line messages are large, and a page of history must fit the reader's
//! outbox.

use crate::limits::LINE_FRAME_BYTES;
use crate::render::lines::pieces;
use store::{Event, Point, Select};

/// Drops what exceeds `most` bytes, at the end from which the client will continue. One event
/// always stays.
pub fn fit(events: &mut Vec<Event>, select: Select, most: usize) {
    let Some(oldest) = events.first() else { return };
    match select {
        Select::Latest | Select::LatestAfter(_) | Select::Before(_) => keep_newest(events, most),
        Select::After(_) => keep_oldest(events, most),
        Select::Between(first, _) if is_before(first, oldest) => keep_oldest(events, most),
        Select::Between(..) => keep_newest(events, most),
        Select::Around(point) => {
            let middle = events.partition_point(|event| !is_at_or_before(point, event));
            let mut newer = events.split_off(middle);
            keep_oldest(&mut newer, most / 2);
            let left = most.saturating_sub(newer.iter().map(bytes).sum());
            match events.last() {
                Some(last) if newer.is_empty() || bytes(last) <= left => keep_newest(events, left),
                _ => events.clear(),
            }
            events.append(&mut newer);
        }
    }
}

/// Keeps the oldest events that fit.
pub fn keep_oldest(events: &mut Vec<Event>, most: usize) {
    let fitting = how_many(events.iter(), most);
    events.truncate(fitting);
}

/// Keeps the newest events, as many as fit.
pub fn keep_newest(events: &mut Vec<Event>, most: usize) {
    let fitting = how_many(events.iter().rev(), most);
    events.drain(..events.len() - fitting);
}

/// The number of events that fit; at least one, if there is one.
fn how_many<'a>(events: impl Iterator<Item = &'a Event>, most: usize) -> usize {
    let mut used = 0;
    let fits = |event: &&Event| {
        let first = used == 0;
        used += bytes(event);
        first || used <= most
    };
    events.take_while(fits).count()
}

/// The size of an event in bytes, at most.
fn bytes(event: &Event) -> usize {
    let lines = match pieces(&event.text).count() {
        1 => 1,
        several => several + 2, // A batch opens and closes.
    };
    event.text.len() + event.tags.len() + lines * LINE_FRAME_BYTES
}

fn is_before(point: Point, event: &Event) -> bool {
    match point {
        Point::Id(id) => id < event.id,
        Point::Time(time) => time < event.time,
    }
}

fn is_at_or_before(point: Point, event: &Event) -> bool {
    match point {
        Point::Id(id) => id <= event.id,
        Point::Time(time) => time <= event.time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{Conversation, EventKind};

    /// Events with these ids, which are also their times in milliseconds, each with one line of 100
    /// bytes.
    fn events(ids: std::ops::Range<u64>) -> Vec<Event> {
        let event = |id: u64| Event {
            id,
            conversation: Conversation::room(1),
            kind: EventKind::Message,
            account: 1,
            guest: false,
            userhost: None,
            nick: "ann".into(),
            target: "".into(),
            time: id as i64,
            text: "x".repeat(100).into(),
            tags: "".into(),
            bot: false,
            about: None,
        };
        ids.map(event).collect()
    }

    fn ids(select: Select, most_events: usize) -> Vec<u64> {
        let mut all = events(10..20);
        fit(&mut all, select, most_events * (100 + LINE_FRAME_BYTES));
        all.iter().map(|event| event.id).collect()
    }

    #[test]
    fn the_next_page_begins_where_the_last_was_cut() {
        assert_eq!(ids(Select::Latest, 3), [17, 18, 19]);
        assert_eq!(ids(Select::LatestAfter(Point::Id(9)), 3), [17, 18, 19]);
        assert_eq!(ids(Select::Before(Point::Time(20)), 3), [17, 18, 19]);
        assert_eq!(ids(Select::After(Point::Id(9)), 3), [10, 11, 12]);
        assert_eq!(ids(Select::Between(Point::Id(9), Point::Time(20)), 3), [10, 11, 12]);
        assert_eq!(ids(Select::Between(Point::Time(9), Point::Id(20)), 3), [10, 11, 12]);
        assert_eq!(ids(Select::Between(Point::Id(20), Point::Id(9)), 3), [17, 18, 19]);
        assert_eq!(ids(Select::Between(Point::Time(20), Point::Id(9)), 3), [17, 18, 19]);
        assert_eq!(ids(Select::Around(Point::Id(15)), 4), [13, 14, 15, 16]);
        assert_eq!(ids(Select::Around(Point::Time(15)), 4), [13, 14, 15, 16]);
        assert_eq!(ids(Select::Around(Point::Id(99)), 4), [16, 17, 18, 19]);
        assert_eq!(ids(Select::Around(Point::Id(1)), 4), [10, 11]);
    }

    #[test]
    fn one_item_stays_whatever_its_size_and_all_others_that_fit() {
        for select in [Select::Latest, Select::After(Point::Id(1)), Select::Around(Point::Id(15))] {
            assert_eq!(ids(select, 0).len(), 1, "{select:?}");
            assert_eq!(ids(select, 100).len(), 10, "{select:?}");
        }
        fit(&mut Vec::new(), Select::Latest, 0);
    }

    #[test]
    fn multiline_messages_count_every_line() {
        let mut pair = events(1..3);
        pair[0].text = "a\nb\rc".into();
        assert_eq!(bytes(&pair[0]), 5 + 5 * LINE_FRAME_BYTES);
        keep_oldest(&mut pair, 5 + 5 * LINE_FRAME_BYTES + 1);
        assert_eq!(pair.len(), 1);
    }
}
