//! Scenario `search`: questions of several kinds to a store with its index of words. The store is filled once, and kept.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use store::{AccountId, Conversation, EventId, Reader, RoomId, SqliteStore, Store, Words, Write};

use crate::failure::{Context, Failure, Result};
use crate::filled::{self, Filled, cpu_time, store_failure, time};
use crate::report::{Better, Figure, figure};
use crate::server::Kind;
use crate::traffic::new_histogram;

const AUTHORS: u64 = 1000;
/// Different words; how often each is used falls with its number (Zipf).
const VOCABULARY: f64 = 200_000.0;
/// Words of a message, at most.
const WORDS: u64 = 18;
/// One message in so many is Chinese, one in so many others has a link.
const CHINESE_ONE_IN: u64 = 20;
const LINK_ONE_IN: u64 = 30;
/// As the server has it.
const PATIENCE: Duration = Duration::from_millis(25);
const LIMIT: usize = 50;
/// Who asks.
const ASKER: AccountId = 1;

/// Which store, and how it is asked.
#[derive(Debug, Clone, Args)]
pub struct Search {
    /// Messages in the store.
    #[arg(long, default_value_t = 10_000_000)]
    pub events: u64,
    /// Rooms that they are in.
    #[arg(long, default_value_t = 200)]
    pub rooms: RoomId,
    /// The store's folder; filled if it does not exist, and kept.
    #[arg(long, default_value = "target/bench-search")]
    pub store: PathBuf,
    /// Questions of each kind.
    #[arg(long, default_value_t = 200)]
    pub questions: usize,
    /// Seconds for which to fill the store and its index; then another run goes on.
    #[arg(long, default_value_t = 86_400)]
    pub seconds: u64,
}

/// Asks for something else each time.
type Question = fn(&mut Random, u64) -> store::Search;

/// The kinds of questions, with the names of their figures.
const QUESTIONS: [([&str; 3], Question); 12] = [
    (["rare word, p50, ms", "rare word, p99, ms", "rare word, cut short, %"], |random, _| {
        words(&word(50_000 + random.below(100_000)))
    }),
    (["medium word, p50, ms", "medium word, p99, ms", "medium word, cut short, %"], |random, _| {
        words(&word(500 + random.below(2000)))
    }),
    (["common word, p50, ms", "common word, p99, ms", "common word, cut short, %"], |random, _| {
        words(&word(random.below(20)))
    }),
    (["two words, p50, ms", "two words, p99, ms", "two words, cut short, %"], |random, _| {
        words(&format!("{} {}", word(random.below(100)), word(100 + random.below(2000))))
    }),
    (["three words, p50, ms", "three words, p99, ms", "three words, cut short, %"], |random, _| {
        let [one, two, three] = [random.below(20), random.below(100), random.below(500)].map(word);
        words(&format!("{one} {two} {three}"))
    }),
    (["phrase, p50, ms", "phrase, p99, ms", "phrase, cut short, %"], |random, _| {
        words(&format!("\"{} {}\"", word(random.below(20)), word(random.below(200))))
    }),
    (
        ["of an author, p50, ms", "of an author, p99, ms", "of an author, cut short, %"],
        |random, _| {
            let from = AccountId::try_from(10 + random.below(AUTHORS)).ok();
            store::Search { from, ..words(&word(random.below(100))) }
        },
    ),
    (["in a room, p50, ms", "in a room, p99, ms", "in a room, cut short, %"], |random, _| {
        let room = RoomId::try_from(1 + random.below(200)).unwrap_or(1);
        store::Search { of: Some(Conversation::room(room)), ..words(&word(random.below(1000))) }
    }),
    (
        ["between dates, p50, ms", "between dates, p99, ms", "between dates, cut short, %"],
        |random, events| {
            let begin = random.below(events * 9 / 10);
            let (since, until) = (Some(time(begin)), Some(time(begin + events / 10)));
            store::Search { since, until, ..words(&word(random.below(1000))) }
        },
    ),
    (["prefix, p50, ms", "prefix, p99, ms", "prefix, cut short, %"], |random, _| {
        let whole = word(random.below(20_000));
        let letters = 3 + usize::try_from(random.below(3)).unwrap_or(0);
        words(&format!("{}*", &whole[..letters.min(whole.len())]))
    }),
    (["Chinese, p50, ms", "Chinese, p99, ms", "Chinese, cut short, %"], |random, _| {
        let text = chinese(random);
        words(&text.chars().take(2).collect::<String>())
    }),
    (["never used, p50, ms", "never used, p99, ms", "never used, cut short, %"], |random, _| {
        words(&format!("never{}", random.below(1_000_000)))
    }),
];

impl Search {
    /// One run; the first one fills the store and its index.
    ///
    /// # Errors
    /// Any failure of the store, or an index that is not complete.
    pub fn run(&self, kind: &Kind) -> Result<Vec<Figure>> {
        if *kind != Kind::Parlor {
            return Err(Failure::Unsupported("its store is not ours".to_owned()));
        }
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let contents = format!("{} messages in {} rooms to search", self.events, self.rooms);
        let filled = Filled { folder: &self.store, contents: &contents, events: self.events };
        let mut figures = Vec::new();
        let message = |id| message(id, self.rooms);
        let (mut store, cost) = filled.open(until, &message)?;
        figures.extend(cost.map(|cost| figure("storing a message, µs", cost, Better::Lower)));
        figures.extend(index(&mut store, until)?);
        let mut reader = store.reader().map_err(store_failure)?;
        for (names, question) in QUESTIONS {
            figures.extend(self.ask(&mut *reader, names, question)?);
        }
        let bytes =
            fs::metadata(self.store.join("search.db")).context("looking at the index")?.len();
        let events = self.events as f64;
        figures.extend([
            figure("index, bytes per message", bytes as f64 / events, Better::Lower),
            figure("messages", events, Better::Neither),
            figure("rooms", f64::from(self.rooms), Better::Neither),
        ]);
        Ok(figures)
    }

    /// Half and 99 % of the answers' times in milliseconds, and how many answers ended before their end.
    fn ask(
        &self,
        reader: &mut dyn Reader,
        names: [&'static str; 3],
        question: Question,
    ) -> Result<[Figure; 3]> {
        let (mut times, mut late) = (new_histogram(), 0.0);
        let mut random = Random(7);
        let rooms: Vec<_> = (1..=self.rooms).map(|room| (room, 0)).collect();
        for _ in 0..self.questions {
            let asked = question(&mut random, self.events);
            let asked = store::Search {
                account: ASKER,
                rooms: rooms.clone(),
                up_to: EventId::MAX >> 1,
                limit: LIMIT,
                patience: PATIENCE,
                ..asked
            };
            let start = Instant::now();
            let found = reader.search(&asked, &|_| true).map_err(store_failure)?;
            times.saturating_record(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
            late += f64::from(u8::from(found.reached.is_some_and(|reached| reached.late)));
        }
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e6;
        Ok([
            figure(names[0], at(0.5), Better::Lower),
            figure(names[1], at(0.99), Better::Lower),
            figure(names[2], 100.0 * late / self.questions as f64, Better::Lower),
        ])
    }
}

/// Completes the index, as far as the time lets it.
fn index(store: &mut SqliteStore, until: Instant) -> Result<Option<Figure>> {
    let mut index = store.word_index().map_err(store_failure)?.expect("a store on disk has one");
    let (mut added, mut cost) = (0, Duration::ZERO);
    loop {
        let begun = cpu_time();
        let step = index.step();
        cost += cpu_time().saturating_sub(begun);
        added += step.added;
        if !step.more {
            break;
        }
        if Instant::now() > until {
            index.close();
            return Err(Failure::Options(
                "the index is not complete yet: run this again".to_owned(),
            ));
        }
    }
    index.close();
    let each = cost.as_secs_f64() * 1e6 / added as f64;
    Ok((added > 0).then(|| figure("indexing a message, µs", each, Better::Lower)))
}

fn words(text: &str) -> store::Search {
    store::Search { words: Words::parse(text), ..store::Search::default() }
}

fn message(id: EventId, rooms: RoomId) -> Write {
    let mut random = Random(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // Some rooms are busier than others.
    let room = 1 + random.zipf(f64::from(rooms)) % u64::from(rooms);
    let author = 10 + random.zipf(AUTHORS as f64) % AUTHORS;
    let room = RoomId::try_from(room).unwrap_or(1);
    let author = AccountId::try_from(author).unwrap_or(1);
    filled::message(id, room, author, &text(&mut random), [].into())
}

fn text(random: &mut Random) -> String {
    if random.below(CHINESE_ONE_IN) == 0 {
        return chinese(random);
    }
    let count = 1 + random.below(WORDS);
    let mut words: Vec<String> = (0..count).map(|_| word(random.zipf(VOCABULARY))).collect();
    if random.below(LINK_ONE_IN) == 0 {
        words.push(format!("https://example.org/{}", word(random.zipf(VOCABULARY))));
    }
    words.join(" ")
}

/// The word of a number: syllables, so that many begin alike.
fn word(number: u64) -> String {
    const SYLLABLES: [&str; 32] = [
        "ka", "to", "mi", "re", "sol", "van", "der", "ing", "pa", "lo", "ne", "qui", "stra", "fe",
        "gu", "ber", "ent", "con", "pro", "dis", "al", "or", "um", "ti", "sche", "ra", "bel", "no",
        "wi", "xa", "zo", "ju",
    ];
    let mut word = String::new();
    let mut rest = number + 32;
    while rest > 0 {
        word.push_str(SYLLABLES[(rest % 32) as usize]);
        rest /= 32;
    }
    word
}

fn chinese(random: &mut Random) -> String {
    let count = 4 + random.below(20);
    let common = |random: &mut Random| 0x4e00 + u32::try_from(random.zipf(3000.0)).unwrap_or(0);
    (0..count).filter_map(|_| char::from_u32(common(random))).collect()
}

/// Numbers that look random and are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end.max(1)
    }

    /// Numbers from 0 on, each about as often as one over it.
    fn zipf(&mut self, count: f64) -> u64 {
        let part = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (count.powf(part) - 1.0) as u64
    }
}
