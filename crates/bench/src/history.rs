//! Scenario `history`: pages at random places of a large store. The store is filled over the wire once, and kept.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::crowd;
use crate::dialect::{Person, ServerLine};
use crate::driver::{Driver, TIMEOUT};
use crate::failure::{Context, Failure, Result};
use crate::report::{Better, Figure, figure, latency_figures};
use crate::server::{Bench, Kind, Server};
use crate::traffic::new_histogram;

const CONFIG: &str = include_str!("../history.toml");
const CAPS: &str = "batch server-time message-tags echo-message draft/chathistory";
/// Beside the store's own files: how many events it has, then one line for each noted event: its room and msgid.
const NOTES: &str = "bench-places";
/// Of each room's events, one in so many is noted.
const NOTED_ONE_IN: usize = 100;
const ROOMS_AT_MOST: usize = 100;
/// Messages not acknowledged yet while filling.
const FILL_WINDOW: usize = 4096;
const TEXT: &[u8] = &[b'x'; 100];
/// How long the server may take to finish what filling the store has left to do.
const REST_AT_MOST: Duration = Duration::from_secs(300);

/// Which store, and how it is read.
#[derive(Debug, Clone, Args)]
pub struct History {
    /// Events in the store.
    #[arg(long, default_value_t = 10_000_000)]
    pub events: usize,
    /// The store's folder; filled if it does not exist, and kept.
    #[arg(long, default_value = "target/bench-history")]
    pub store: PathBuf,
    /// Messages on a page.
    #[arg(long, default_value_t = 100)]
    pub page: usize,
    /// Connections that read at the same time, one page after the other.
    #[arg(long, default_value_t = 4)]
    pub readers: usize,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds of reading before that.
    #[arg(long, default_value_t = 1.0)]
    pub warm_up: f64,
}

/// A message before which a whole page lies.
struct Place {
    room: String,
    msgid: String,
}

impl History {
    /// One run; the first one fills the store.
    ///
    /// # Errors
    /// Any failure of the server, and a page with fewer messages than asked for.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        if *kind != Kind::Parlor {
            return Err(Failure::Unsupported("it keeps no history".to_owned()));
        }
        if self.page == 0 || self.readers == 0 || self.events < 2 * self.page {
            let needs = "a page and a reader, and events for two pages";
            return Err(Failure::Options(format!("the history needs {needs}")));
        }
        if !self.store.exists() {
            self.fill(bench)?;
        }
        let places = self.places()?;
        let start = Instant::now();
        let server = Server::start_parlor(bench, &self.store, CONFIG)?;
        let mut driver = server.driver()?;
        crowd::log_in(&mut driver, &[person()], 1)?;
        let first_login = start.elapsed();
        // Other devices of the same person: they are in the rooms already.
        let others = vec![person(); self.readers - 1];
        crowd::log_in(&mut driver, &others, server.logins_at_once())?;
        crowd::settle(&mut driver, self.readers)?;
        rest(&server)?;
        let mut reading = Reading::new(self, &places)?;
        reading.run_for(&mut driver, Duration::from_secs_f64(self.warm_up))?;
        reading.pages = 0;
        reading.latency.reset();
        let (cpu, start) = (server.cpu_time()?, Instant::now());
        reading.run_for(&mut driver, Duration::from_secs_f64(self.seconds))?;
        let (elapsed, cpu) = (start.elapsed(), server.cpu_time()?.saturating_sub(cpu));
        let (pages, cpu) = (reading.pages as f64, cpu.as_secs_f64());
        let mut figures = vec![
            figure("pages per second", pages / elapsed.as_secs_f64(), Better::Higher),
            figure("pages per second of CPU", pages / cpu, Better::Higher),
        ];
        figures.extend(latency_figures(&reading.latency));
        figures.extend([
            figure("start to first login, ms", first_login.as_secs_f64() * 1e3, Better::Lower),
            figure("events", self.events as f64, Better::Neither),
            figure("pages read", pages, Better::Neither),
        ]);
        Ok(figures)
    }

    fn rooms(&self) -> usize {
        (self.events / (100 * self.page)).clamp(1, ROOMS_AT_MOST)
    }

    /// Sends the events over the wire, round the rooms, and notes some of their msgids.
    fn fill(&self, bench: &Bench) -> Result<()> {
        let server = Server::start_parlor(bench, &self.store, CONFIG)?;
        let mut driver = server.driver()?;
        crowd::log_in(&mut driver, &[person()], 1)?;
        let rooms: Vec<String> = (0..self.rooms()).map(|room| format!("h{room}")).collect();
        for room in &rooms {
            crowd::join(&mut driver, 1, |_| [room.clone()])?;
        }
        let (mut sent, mut stored) = (0, 0);
        let mut notes = format!("{}\n", self.events);
        let mut last = Instant::now();
        while stored < self.events {
            while sent < self.events && sent - stored < FILL_WINDOW {
                driver.say(0, &rooms[sent % rooms.len()], TEXT);
                sent += 1;
            }
            driver.poll(Duration::from_secs(1), |_, line, now| {
                let ServerLine::Message { tags, .. } = line else { return Ok(()) };
                last = now;
                let (room, place) = (stored % rooms.len(), stored / rooms.len());
                stored += 1;
                if place >= self.page && place.is_multiple_of(NOTED_ONE_IN.min(self.page)) {
                    let msgid = msgid(tags).ok_or_else(|| lacks_msgid(tags))?;
                    notes += &format!("{} {msgid}\n", rooms[room]);
                }
                Ok(())
            })?;
            if last.elapsed() > TIMEOUT {
                let what = format!("event {stored} of {}", self.events);
                return Err(Failure::Silent { what, seconds: TIMEOUT.as_secs() });
            }
        }
        rest(&server)?;
        fs::write(self.store.join(NOTES), notes).context("writing the store's notes")
    }

    fn places(&self) -> Result<Vec<Place>> {
        let path = self.store.join(NOTES);
        let text = fs::read_to_string(&path).context(not_filled(&path))?;
        let mut lines = text.lines();
        let events = lines.next().and_then(|line| line.parse::<usize>().ok());
        if events != Some(self.events) {
            let folder = self.store.display();
            let why = format!("{folder} does not have {} events: give another", self.events);
            return Err(Failure::Options(why));
        }
        let place = |line: &str| {
            let (room, msgid) = line.split_once(' ')?;
            Some(Place { room: room.to_owned(), msgid: msgid.to_owned() })
        };
        let places: Option<Vec<Place>> = lines.map(place).collect();
        places.ok_or_else(|| Failure::Unexpected(path.display().to_string()))
    }
}

/// Waits until the server does nothing by itself: after many messages, its search index catches up.
///
/// # Errors
/// When it still works after [`REST_AT_MOST`].
fn rest(server: &Server) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < REST_AT_MOST {
        let cpu = server.cpu_time()?;
        thread::sleep(Duration::from_secs(1));
        if server.cpu_time()?.saturating_sub(cpu) < Duration::from_millis(20) {
            return Ok(());
        }
    }
    let seconds = REST_AT_MOST.as_secs();
    Err(Failure::Silent { what: "a moment without work".to_owned(), seconds })
}

/// Readers that ask for one page after the other.
struct Reading<'a> {
    page: usize,
    places: &'a [Place],
    /// For each reader, when it asked, and the messages that have come since.
    asked: Vec<Option<(Instant, usize)>>,
    random: Random,
    pages: u64,
    latency: hdrhistogram::Histogram<u64>,
}

impl<'a> Reading<'a> {
    fn new(history: &History, places: &'a [Place]) -> Result<Self> {
        if places.is_empty() {
            return Err(Failure::Options("too few events for a whole page".to_owned()));
        }
        let asked = vec![None; history.readers];
        let (random, latency) = (Random(0x9e37_79b9_7f4a_7c15), new_histogram());
        Ok(Self { page: history.page, places, asked, random, pages: 0, latency })
    }

    /// Reads until the time is over and all that was asked has been answered.
    fn run_for(&mut self, driver: &mut Driver, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        let mut idle: VecDeque<usize> = (0..self.asked.len()).collect();
        let mut last = Instant::now();
        loop {
            while let Some(reader) = idle.pop_front().filter(|_| Instant::now() < end) {
                let place = &self.places[self.random.below(self.places.len())];
                let Place { room, msgid } = place;
                let ask = format!("CHATHISTORY BEFORE #{room} msgid={msgid} {}\r\n", self.page);
                driver.send(reader, ask.as_bytes());
                self.asked[reader] = Some((Instant::now(), 0));
            }
            if self.asked.iter().all(Option::is_none) {
                return Ok(());
            }
            driver.poll(Duration::from_secs(1), |reader, line, now| {
                last = now;
                if self.receive(reader, &line, now)? {
                    idle.push_back(reader);
                }
                Ok(())
            })?;
            if last.elapsed() > TIMEOUT {
                let what = "a page".to_owned();
                return Err(Failure::Silent { what, seconds: TIMEOUT.as_secs() });
            }
        }
    }

    /// Counts a page's messages; true at its end.
    fn receive(&mut self, reader: usize, line: &ServerLine<'_>, now: Instant) -> Result<bool> {
        let Some((since, messages)) = &mut self.asked[reader] else { return Ok(false) };
        match line {
            ServerLine::Message { .. } => *messages += 1,
            ServerLine::Other(line) if is_end_of_batch(line) => {
                if *messages != self.page {
                    let why = format!("a page with {messages} of {} messages", self.page);
                    return Err(Failure::Unexpected(why));
                }
                self.pages += 1;
                let nanoseconds = u64::try_from((now - *since).as_nanos()).unwrap_or(u64::MAX);
                self.latency.saturating_record(nanoseconds);
                self.asked[reader] = None;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }
}

/// A small generator (xorshift64) with a fixed seed: the same places in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// An account, so that its rooms outlive the server.
fn person() -> Person {
    let password = Some("bench-password".to_owned());
    Person { nick: "bench".to_owned(), caps: CAPS.to_owned(), password }
}

fn is_end_of_batch(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"BATCH -").is_some()
}

fn msgid(tags: &[u8]) -> Option<&str> {
    let tag = tags.split(|&byte| byte == b';').find_map(|tag| tag.strip_prefix(b"msgid="))?;
    std::str::from_utf8(tag).ok()
}

fn lacks_msgid(tags: &[u8]) -> Failure {
    Failure::Unexpected(format!("tags without msgid: {}", String::from_utf8_lossy(tags)))
}

fn not_filled(path: &Path) -> String {
    format!("reading {} (the folder was not filled to the end; remove it)", path.display())
}
