//! Scenario `unread`: what somebody has not read in all their rooms, asked of the store itself. The store is filled
//! once, and kept.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use store::{AccountId, Conversation, EVERYBODY, EventId, Reader, RoomId, Store, Unreads, Write};

use crate::failure::{Failure, Result};
use crate::filled::{self, Filled, store_failure, time};
use crate::report::{Better, Figure, figure};
use crate::server::Kind;
use crate::traffic::new_histogram;

/// One message in so many mentions the people who ask, one in so many others everybody.
const MENTIONS_ONE_IN: u64 = 50;
const AUTHORS: u64 = 200;
const TEXT: &str = "a message of a usual length, as people write them to each other all day long";
/// The people who ask; the authors' ids are above.
const RECENT: AccountId = 1;
const ANYWHERE: AccountId = 2;
const NEVER: AccountId = 3;

/// Which store, and how it is asked.
#[derive(Debug, Clone, Args)]
pub struct Unread {
    /// Messages in the store.
    #[arg(long, default_value_t = 10_000_000)]
    pub events: u64,
    /// Rooms that they are in, in turn.
    #[arg(long, default_value_t = 1000)]
    pub rooms: RoomId,
    /// The store's folder; filled if it does not exist, and kept.
    #[arg(long, default_value = "target/bench-unread")]
    pub store: PathBuf,
    /// Questions of each person.
    #[arg(long, default_value_t = 300)]
    pub questions: usize,
}

impl Unread {
    /// One run; the first one fills the store.
    ///
    /// # Errors
    /// Any failure of the store, and answers that are not of all rooms.
    pub fn run(&self, kind: &Kind) -> Result<Vec<Figure>> {
        if *kind != Kind::Parlor {
            return Err(Failure::Unsupported("its store is not ours".to_owned()));
        }
        let contents = format!("{} messages in {} rooms to read", self.events, self.rooms);
        let filled = Filled { folder: &self.store, contents: &contents, events: self.events };
        let forever = Instant::now() + Duration::from_secs(86_400);
        let (mut store, _) = filled.open(forever, &|id| self.message(id))?;
        let markers: Vec<Write> = (1..=self.rooms).flat_map(|room| self.markers(room)).collect();
        store.commit(&mut markers.iter()).map_err(store_failure)?;
        let mut reader = store.reader().map_err(store_failure)?;
        let [recent, anywhere, never] =
            [RECENT, ANYWHERE, NEVER].map(|of| self.ask(&mut *reader, of));
        let mut figures = Vec::new();
        figures.extend(named(
            recent?,
            ["50 unread a room, p50, ms", "the same, p99, ms", "their messages"],
        ));
        figures.extend(named(
            anywhere?,
            ["read up to anywhere, p50, ms", "then p99, ms", "then messages"],
        ));
        figures.extend(named(
            never?,
            ["never read, p50, ms", "never read, p99, ms", "never read, messages"],
        ));
        figures.push(figure("events", self.events as f64, Better::Neither));
        figures.push(figure("rooms", f64::from(self.rooms), Better::Neither));
        Ok(figures)
    }

    /// Half and 99 % of the answers' times in milliseconds, and how many messages they counted.
    fn ask(&self, reader: &mut dyn Reader, account: AccountId) -> Result<[f64; 3]> {
        let rooms = (1..=self.rooms).map(|room| (room, 0)).collect();
        let of = Unreads { account, rooms, ..Unreads::default() };
        let mut times = new_histogram();
        let mut messages = 0;
        for _ in 0..self.questions {
            let start = Instant::now();
            let unread = reader.unread(&of).map_err(store_failure)?;
            times.saturating_record(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
            messages = unread.iter().map(|one| one.messages).sum();
            if unread.len() * 10 < self.rooms as usize * 9 {
                let why = format!("unread in {} of {} rooms", unread.len(), self.rooms);
                return Err(Failure::Unexpected(why));
            }
        }
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e6;
        Ok([at(0.5), at(0.99), messages as f64])
    }

    fn message(&self, id: EventId) -> Write {
        let author = u32::try_from(10 + id * 7 / 3 % AUTHORS).unwrap_or_default();
        let room = RoomId::try_from(1 + id % u64::from(self.rooms)).unwrap_or_default();
        let mentions: Box<[AccountId]> = match id % (7 * MENTIONS_ONE_IN) {
            0 => [EVERYBODY].into(),
            other if other.is_multiple_of(MENTIONS_ONE_IN) => [RECENT, ANYWHERE, NEVER].into(),
            _ => Box::default(),
        };
        filled::message(id, room, author, TEXT, mentions)
    }

    /// Up to where a room is read: somewhere in its last hundred messages, or anywhere.
    fn markers(&self, room: RoomId) -> [Write; 2] {
        let conversation = Conversation::room(room);
        let each = self.events / u64::from(self.rooms);
        let random = u64::from(room).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let marker = |account, back: u64| {
            let event = self.events.saturating_sub((back + 1) * u64::from(self.rooms));
            Write::ReadMarker { account, conversation, time: time(event) }
        };
        [marker(RECENT, random % 100), marker(ANYWHERE, random % each.max(1))]
    }
}

fn named(values: [f64; 3], names: [&'static str; 3]) -> [Figure; 3] {
    let better = [Better::Lower, Better::Lower, Better::Neither];
    std::array::from_fn(|at| figure(names[at], values[at], better[at]))
}
