//! `LIST [room[,room…]] [condition[,condition…]]`: lists rooms.
//!
//! <https://modern.ircdocs.horse/#list-message>, <https://modern.ircdocs.horse/#elist-parameter>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::Cursor;
use crate::limits::{LIST_CONDITIONS, ROW_WORK};
use crate::state::room::Room;
use proto::mask::matches_counted;
use proto::{Message, numeric as n};
use std::cmp::Ordering;
use std::ops::Bound;
use store::RoomId;

/// Milliseconds of the unit in which LIST measures age.
const MINUTE: i64 = 60_000;

/// Carries out `LIST`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let filters: Vec<Filter> =
        message.params().iter().take(2).map(|text| Filter::of(text)).collect();
    let mut cursor = context.out.take_cursor();
    if cursor == Cursor::Start {
        context.numeric(n::RPL_LISTSTART, &["Channel"], "Users  Name");
    }
    while let Some((name, id)) = next(context, &cursor) {
        if context.turn_is_over() {
            context.go_on_at(cursor);
            return Ok(());
        }
        if context.out.answered() > context.node.config.limits.answer() {
            context.notice("The list is too long for one answer; narrow it down");
            break;
        }
        show_if_asked_for(context, id, &filters);
        cursor = Cursor::Room(name.into());
    }
    context.numeric(n::RPL_LISTEND, &[], "End of /LIST");
    Ok(())
}

/// The next room by its folded name.
fn next(context: &Context<'_>, cursor: &Cursor) -> Option<(String, RoomId)> {
    let after = match cursor {
        Cursor::Room(name) => Bound::Excluded(&**name),
        _ => Bound::Unbounded,
    };
    let mut rooms = context.state.room_names.range::<str, _>((after, Bound::Unbounded));
    rooms.next().map(|(name, id)| (name.clone(), *id))
}

fn show_if_asked_for(context: &mut Context<'_>, id: RoomId, filters: &[Filter<'_>]) {
    let (room, now) = (&context.state.rooms[&id], context.state.now);
    let mut work = ROW_WORK;
    let admitted = filters.iter().all(|filter| filter.admits(room, now, &mut work));
    if admitted && context.may_see(room) {
        let (name, online) = (room.name.clone(), room.online.to_string());
        let topic = room.settings.topic.as_ref().map(|topic| topic.text.clone());
        context.numeric(n::RPL_LIST, &[&name, &online], &topic.unwrap_or_default());
    }
    context.out.spend(work);
}

/// One parameter of `LIST`: a room must meet all its conditions and match one of its masks, if it
/// has any.
#[derive(Default)]
struct Filter<'a> {
    masks: Vec<&'a str>,
    conditions: Vec<Condition<'a>>,
}

/// A condition for a room.
enum Condition<'a> {
    /// `!mask`: a name that does not match.
    Not(&'a str),
    /// `<n` and `>n`: fewer or more members.
    Users(Ordering, usize),
    /// `C<n` and `C>n`: created less or more than so many minutes ago.
    Made(Ordering, i64),
    /// `T<n` and `T>n`: topic set less or more than so many minutes ago.
    Topic(Ordering, i64),
}

impl<'a> Filter<'a> {
    fn of(parameter: &'a str) -> Filter<'a> {
        let mut filter = Filter::default();
        let parts = parameter.split(',').filter(|part| !part.is_empty());
        for part in parts.take(LIST_CONDITIONS) {
            match Condition::of(part) {
                Some(condition) => filter.conditions.push(condition),
                // A room's name is a mask for that room.
                None => filter.masks.push(part),
            }
        }
        filter
    }

    /// Adds the work done to `work`.
    fn admits(&self, room: &Room, now: i64, work: &mut u64) -> bool {
        let named = self.masks.is_empty()
            || self.masks.iter().any(|mask| matches_counted(mask, &room.name, work));
        named && self.conditions.iter().all(|condition| condition.holds(room, now, work))
    }
}

impl<'a> Condition<'a> {
    fn of(text: &'a str) -> Option<Condition<'a>> {
        if let Some(mask) = text.strip_prefix('!') {
            return Some(Condition::Not(mask));
        }
        let (kind, rest) = match text.as_bytes()[0] {
            kind @ (b'C' | b'c' | b'T' | b't') => (kind.to_ascii_uppercase(), &text[1..]),
            _ => (b'U', text),
        };
        let order = match rest.as_bytes().first()? {
            b'<' => Ordering::Less,
            b'>' => Ordering::Greater,
            _ => return None,
        };
        let number: u32 = rest[1..].parse().ok()?;
        Some(match kind {
            b'C' => Condition::Made(order, number.into()),
            b'T' => Condition::Topic(order, number.into()),
            _ => Condition::Users(order, number as usize),
        })
    }

    fn holds(&self, room: &Room, now: i64, work: &mut u64) -> bool {
        match *self {
            Condition::Not(mask) => !matches_counted(mask, &room.name, work),
            Condition::Users(order, number) => room.online.cmp(&number) == order,
            Condition::Made(order, minutes) => {
                (now - room.settings.created).cmp(&(minutes * MINUTE)) == order
            }
            Condition::Topic(order, minutes) => room
                .settings
                .topic
                .as_ref()
                .is_some_and(|topic| (now - topic.time).cmp(&(minutes * MINUTE)) == order),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use store::Topic;

    /// A room created an hour ago, with a half-hour-old topic and three people.
    fn room(name: &str) -> Room {
        let mut room = Room::new(1, name.into(), 0);
        room.online = 3;
        room.settings.flags = BTreeSet::new();
        room.settings.topic =
            Some(Topic { text: "roses".into(), by: "ann".into(), time: 30 * MINUTE });
        room
    }

    fn admits(parameter: &str, room: &Room) -> bool {
        Filter::of(parameter).admits(room, 60 * MINUTE, &mut 0)
    }

    #[test]
    fn less_than_an_age_means_younger() {
        let room = room("#garden");
        for held in ["C<61", "C>59", "c>59", "T<31", "T>29", "t<31", "C>59,T<31", "<4", ">2"] {
            assert!(admits(held, &room), "{held}");
        }
        for not_held in ["C<60", "C>60", "T<30", "T>30", "<3", ">3", "C>59,T>31", "<4,C<5"] {
            assert!(!admits(not_held, &room), "{not_held}");
        }
    }

    #[test]
    fn conditions_on_the_topics_age_exclude_rooms_without_a_topic() {
        let mut room = room("#garden");
        room.settings.topic = None;
        assert!(!admits("T<1000", &room) && !admits("T>0", &room));
    }

    #[test]
    fn one_mask_and_all_conditions_must_match() {
        let room = room("#garden");
        for held in ["", "#garden", "#GARDEN", "#x,*den", "*", "!*x*", "*den,!#x*", "!a,!b", ","] {
            assert!(admits(held, &room), "{held}");
        }
        for not_held in ["#x", "!*den", "*,!#g*", "*den,>3", "garden", ">x", "<-1", "C>", "T"] {
            assert!(!admits(not_held, &room), "{not_held}");
        }
    }
}
