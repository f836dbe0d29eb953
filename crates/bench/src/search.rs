//! Scenario `search`: questions of several kinds to a store with its index of words. The store is filled once, and kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use store::{
    AccountId, Conversation, Event, EventId, EventKind, Reader, RoomId, SqliteStore, Store, Words,
    Write,
};

use crate::failure::{Doing, Failure, Result};
use crate::report::{Better, Figure, figure};
use crate::server::Kind;
use crate::traffic::new_histogram;

/// Beside the store's own files, when all is in it: how many messages and rooms it has.
const NOTES: &str = "bench-search";
/// Messages in one commit while filling.
const COMMIT: u64 = 10_000;
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
    (["word of an author, p50, ms", "then p99, ms", "then cut short, %"], |random, _| {
        let from = AccountId::try_from(10 + random.below(AUTHORS)).ok();
        store::Search { from, ..words(&word(random.below(100))) }
    }),
    (["word in a room, p50, ms", "in a room, p99, ms", "in a room, cut short, %"], |random, _| {
        let room = RoomId::try_from(1 + random.below(200)).unwrap_or(1);
        store::Search { of: Some(Conversation::room(room)), ..words(&word(random.below(1000))) }
    }),
    (["word between dates, p50, ms", "dates, p99, ms", "dates, cut short, %"], |random, events| {
        let begin = random.below(events * 9 / 10);
        let (since, until) = (Some(time(begin)), Some(time(begin + events / 10)));
        store::Search { since, until, ..words(&word(random.below(1000))) }
    }),
    (["prefix, p50, ms", "prefix, p99, ms", "prefix, cut short, %"], |random, _| {
        let whole = word(random.below(20_000));
        let letters = 3 + usize::try_from(random.below(3)).unwrap_or(0);
        words(&format!("{}*", &whole[..letters.min(whole.len())]))
    }),
    (["Chinese, p50, ms", "Chinese, p99, ms", "Chinese, cut short, %"], |random, _| {
        let text = chinese(random);
        words(&text.chars().take(2).collect::<String>())
    }),
    (["word nobody uses, p50, ms", "nobody, p99, ms", "nobody, cut short, %"], |random, _| {
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
            return Err(Failure::Lacks("its store is not ours".to_owned()));
        }
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let contents = format!("{} messages in {} rooms\n", self.events, self.rooms);
        let mut figures = self.fill(until, &contents)?;
        let mut store = SqliteStore::open(&self.store, "bench").map_err(told)?;
        figures.extend(index(&mut store, until)?);
        let mut reader = store.reader().map_err(told)?;
        for (names, question) in QUESTIONS {
            figures.extend(self.ask(&mut *reader, names, question)?);
        }
        let bytes = fs::metadata(self.store.join("search.db")).doing("looking at the index")?.len();
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
            let found = reader.search(&asked, &|_| true).map_err(told)?;
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

    /// Fills the store, as far as the time lets it.
    fn fill(&self, until: Instant, contents: &str) -> Result<Vec<Figure>> {
        let notes = self.store.join(NOTES);
        let begun = fs::read_to_string(&notes).unwrap_or_else(|_| contents.to_owned());
        if begun != contents {
            let (folder, have) = (self.store.display(), contents.trim());
            return Err(Failure::Options(format!("{folder} does not have {have}: remove it")));
        }
        fs::create_dir_all(&self.store).doing("making the store's folder")?;
        fs::write(&notes, contents).doing("writing the store's notes")?;
        let mut store = SqliteStore::open(&self.store, "bench").map_err(told)?;
        let first = 1 + store.load().map_err(told)?.last_event;
        let start = Instant::now();
        for begin in (first..=self.events).step_by(COMMIT as usize) {
            if Instant::now() > until {
                return Err(unfinished(&self.store, begin * 100 / self.events));
            }
            let last = self.events.min(begin + COMMIT - 1);
            let writes: Vec<Write> = (begin..=last).map(|id| message(id, self.rooms)).collect();
            store.commit(&mut writes.iter()).map_err(told)?;
        }
        Box::new(store).close().map_err(told)?;
        let stored = (self.events + 1).saturating_sub(first);
        let cost = start.elapsed().as_secs_f64() * 1e6 / stored.max(1) as f64;
        let filled = figure("storing a message, µs", cost, Better::Neither);
        Ok(if stored > 0 { vec![filled] } else { Vec::new() })
    }
}

/// Completes the index, as far as the time lets it.
fn index(store: &mut SqliteStore, until: Instant) -> Result<Vec<Figure>> {
    let mut index = store.word_index().map_err(told)?.expect("a store on disk has one");
    let (start, mut added, mut adding) = (Instant::now(), 0, Duration::ZERO);
    loop {
        let begun = Instant::now();
        let step = index.step();
        added += step.added;
        if step.added > 0 {
            adding += begun.elapsed();
        }
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
    if added == 0 {
        return Ok(Vec::new());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / added as f64;
    Ok(vec![
        figure("indexing a message, µs", each(adding), Better::Lower),
        figure("the same with merging, µs", each(start.elapsed()), Better::Lower),
    ])
}

fn unfinished(folder: &Path, percent: u64) -> Failure {
    let folder = folder.display();
    Failure::Options(format!("{folder} is filled to {percent} %: run this again"))
}

fn words(text: &str) -> store::Search {
    store::Search { words: Words::parse(text), ..store::Search::default() }
}

fn message(id: EventId, rooms: RoomId) -> Write {
    let mut random = Random(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // Some rooms are busier than others.
    let room = 1 + random.zipf(f64::from(rooms)) % u64::from(rooms);
    let author = 10 + random.zipf(AUTHORS as f64) % AUTHORS;
    let event = Event {
        id,
        conversation: Conversation::room(RoomId::try_from(room).unwrap_or(1)),
        kind: EventKind::Message,
        account: AccountId::try_from(author).unwrap_or(1),
        guest: false,
        bot: false,
        nick: "somebody".into(),
        userhost: None,
        target: "".into(),
        time: time(id),
        text: text(&mut random).into(),
        tags: "".into(),
        about: None,
    };
    Write::Event { event: Arc::new(event), resend: None, pending_for: None, mentions: [].into() }
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

fn time(id: EventId) -> i64 {
    1_700_000_000_000 + id.cast_signed() * 10
}

fn told(failure: store::Failure) -> Failure {
    Failure::Io { what: "the store".to_owned(), source: io::Error::other(failure) }
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
