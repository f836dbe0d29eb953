//! Traffic in rooms with every message accounted for: the common part of the scenarios `fanout`, `stalled` and
//! `durable`.
//!
//! A text begins with 16 hexadecimal digits: which publisher of the room (4) and which of its messages (12). So each
//! member knows which message must come next, and a lost, duplicated or reordered message ends the run.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::crowd;
use crate::dialect::{Person, ServerLine};
use crate::driver::{Driver, TIMEOUT};
use crate::failure::{Failure, Result};
use crate::server::{Bench, Kind, Server};

/// Digits at the beginning of a text.
const NUMBER_BYTES: usize = 16;
const PUBLISHER_DIGITS: usize = 4;
/// Longest text: with the longest room name and source it still fits an IRC line of 512 bytes.
const TEXT_BYTES: usize = 400;
/// How often a run looks at the clock when nothing happens.
const TURN: Duration = Duration::from_millis(50);
/// A next message as near as this is waited for by polling, since the system wakes us up later than asked.
const SPIN: Duration = Duration::from_millis(2);

/// What decides that a message is no longer in flight, and what its latency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The room's last member, who does not publish, has it. The latency ends when all members have it.
    Watcher,
    /// The publisher has it back. That is its acknowledgement, and ends the latency.
    Echo,
}

/// Who talks, how much, and for how long.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// How many rooms.
    pub rooms: usize,
    /// Members of each room.
    pub members: usize,
    /// Members of each room that publish.
    pub publishers: usize,
    /// Bytes of each text, 16 to 400.
    pub bytes: usize,
    /// Messages in flight of each publisher; ignored with a rate.
    pub window: usize,
    /// Messages a second of all publishers together, sent whether answered or not; `None`: as fast as the window allows.
    pub rate: Option<f64>,
    /// Members of each room that stop reading before the talk begins.
    pub stalled: usize,
    /// Capabilities, separated by spaces.
    pub caps: String,
    /// How many members in a hundred have the capabilities.
    pub caps_share: usize,
    /// What a message in flight waits for.
    pub pace: Pace,
    /// Warm-up time.
    pub warm_up: Duration,
    /// Measured time.
    pub duration: Duration,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Measured {
    /// How long it was measured.
    pub elapsed: Duration,
    /// The server's CPU time in it; of a cluster, of all nodes.
    pub cpu: Duration,
    /// CPU time of the NATS servers of a cluster in it.
    pub log_cpu: Duration,
    /// Messages that members received in it.
    pub deliveries: u64,
    /// Bytes of lines that members received in it.
    pub bytes: u64,
    /// The same including the transport's overhead.
    pub wire_bytes: u64,
    /// The cipher, if the transport is encrypted.
    pub cipher: Option<rustls::SupportedCipherSuite>,
    /// Messages that ceased to be in flight in it: see [`Pace`].
    pub paced: u64,
    /// Nanoseconds, of the messages sent in it.
    pub latency: Histogram<u64>,
    /// Messages sent from the first to the last, warm-up included.
    pub sent_in_all: u64,
    /// Messages received from the first to the last, each one checked.
    pub delivered_in_all: u64,
    /// The server's resident anonymous memory at the end of the measured time, in bytes.
    pub anonymous_bytes: u64,
    /// How far its search index was then; only our own has one.
    pub indexing: Option<Indexing>,
}

/// How far a search index is.
#[derive(Debug, Clone, Copy)]
pub struct Indexing {
    /// The part of all messages that it has.
    pub part: f64,
    /// Seconds which 99 % of what it has did not wait longer for; infinite if more was waited.
    pub lag_p99: f64,
}

impl Indexing {
    fn ask(server: &Server, sent: u64) -> Result<Self> {
        let indexed: f64 =
            server.metric("parlor_search_indexed_total")?.iter().map(|(_, value)| value).sum();
        let mut lag_p99 = f64::INFINITY;
        let buckets = server.metric("parlor_search_lag_seconds_bucket")?;
        let all = buckets.iter().map(|(_, count)| *count).fold(0.0, f64::max);
        for (labels, count) in buckets.iter().rev() {
            let limit = labels.split('"').nth(1).and_then(|limit| limit.parse().ok());
            if *count >= 0.99 * all {
                lag_p99 = limit.unwrap_or(f64::INFINITY);
            }
        }
        Ok(Self { part: indexed / sent.max(1) as f64, lag_p99 })
    }
}

impl Traffic {
    /// Starts a server, lets the people talk, and stops it.
    ///
    /// # Errors
    /// Any [`Failure`]; [`Failure::Miscounted`] if a message was lost, duplicated or out of order.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Measured> {
        self.check()?;
        let server = Server::start(kind, bench)?;
        let mut driver = self.meet(&server)?;
        let mut talk = Talk::new(self);
        talk.run_for(&mut driver, self.warm_up)?;

        let (bytes, wire_bytes) = (driver.received_bytes(), driver.wire_bytes());
        let (cpu, log_cpu) = (server.cpu_time()?, server.log_cpu_time()?);
        let (delivered, paced) = (talk.delivered, talk.paced);
        let start = Instant::now();
        talk.measured_since = Some(start);
        talk.run_for(&mut driver, self.duration)?;
        let elapsed = start.elapsed();
        let mut measured = Measured {
            elapsed,
            cpu: server.cpu_time()?.saturating_sub(cpu),
            log_cpu: server.log_cpu_time()?.saturating_sub(log_cpu),
            deliveries: talk.delivered - delivered,
            bytes: driver.received_bytes() - bytes,
            wire_bytes: driver.wire_bytes() - wire_bytes,
            cipher: driver.cipher(),
            paced: talk.paced - paced,
            latency: talk.latency.clone(),
            sent_in_all: 0,
            delivered_in_all: 0,
            anonymous_bytes: server.anonymous_bytes()?,
            indexing: None,
        };
        if matches!(kind, Kind::Parlor | Kind::Older(_)) {
            let sent = talk.publishers.iter().map(|publisher| publisher.next).sum();
            measured.indexing = Some(Indexing::ask(&server, sent)?);
        }
        talk.finish(&mut driver)?;
        measured.latency = talk.latency;
        measured.sent_in_all = talk.publishers.iter().map(|publisher| publisher.next).sum();
        measured.delivered_in_all = talk.delivered;
        Ok(measured)
    }

    /// Lets the people say this many messages at least, ignoring the times; returns how many, and how long it took.
    ///
    /// # Errors
    /// As for [`Traffic::run`].
    pub fn say(&self, server: &Server, messages: u64) -> Result<(u64, Duration)> {
        self.check()?;
        let mut driver = self.meet(server)?;
        let (mut talk, start) = (Talk::new(self), Instant::now());
        while talk.paced < messages {
            talk.run_for(&mut driver, TURN)?;
        }
        talk.finish(&mut driver)?;
        Ok((talk.paced, start.elapsed()))
    }

    /// Logs the people in, and gets them into their rooms.
    fn meet(&self, server: &Server) -> Result<Driver> {
        let mut driver = server.driver()?;
        let people: Vec<Person> =
            (0..self.rooms * self.members).map(|client| self.person(client)).collect();
        crowd::log_in(&mut driver, &people, server.logins_at_once())?;
        crowd::join(&mut driver, people.len(), |client| [room_name(client / self.members)])?;
        crowd::settle(&mut driver, people.len())?;
        for client in (0..people.len()).filter(|&client| self.is_stalled(client)) {
            driver.stop_reading(client)?;
        }
        Ok(driver)
    }

    fn check(&self) -> Result<()> {
        let listeners = self.publishers + self.stalled + usize::from(self.pace == Pace::Watcher);
        let problem = if self.rooms == 0 || self.publishers == 0 {
            "there must be a room and a publisher"
        } else if self.members < listeners {
            "more members are needed: besides those who publish and stall, one paces them"
        } else if self.publishers >= 1 << 12 {
            "at most 4095 publishers a room"
        } else if !(NUMBER_BYTES..=TEXT_BYTES).contains(&self.bytes) {
            "a text has 16 to 400 bytes"
        } else if self.caps_share > 100 {
            "the share of members with capabilities is at most 100"
        } else if self.window == 0 || self.rate.is_some_and(|rate| rate <= 0.0 || !rate.is_normal())
        {
            "the window and the rate must not be 0"
        } else {
            return Ok(());
        };
        Err(Failure::Options(problem.to_owned()))
    }

    /// Publishers come first in a room, then the stalled, and the one who paces is the last.
    fn is_publisher(&self, client: usize) -> bool {
        client % self.members < self.publishers
    }

    fn is_stalled(&self, client: usize) -> bool {
        let behind_publishers = (client % self.members).checked_sub(self.publishers);
        behind_publishers.is_some_and(|member| member < self.stalled)
    }

    /// The share is spread evenly over the room.
    fn has_caps(&self, client: usize) -> bool {
        let member = client % self.members;
        !self.caps.is_empty()
            && (member + 1) * self.caps_share / 100 > member * self.caps_share / 100
    }

    fn person(&self, client: usize) -> Person {
        let caps = if self.has_caps(client) { self.caps.clone() } else { String::new() };
        // Only an account has an account-tag; and only the authors' accounts are seen.
        let with_account = self.is_publisher(client) && self.caps.contains("account-tag");
        let password = with_account.then(|| "bench-password".to_owned());
        Person { nick: format!("b{client}"), caps, password }
    }

    /// Deliveries that each message of a publisher makes.
    fn receivers(&self, publisher: usize) -> usize {
        let echo =
            self.has_caps(publisher) && self.caps.split(' ').any(|cap| cap == "echo-message");
        self.members - self.stalled - usize::from(!echo)
    }
}

fn room_name(room: usize) -> String {
    format!("r{room}")
}

/// The state of one run.
struct Talk<'a> {
    traffic: &'a Traffic,
    publishers: Vec<Publisher>,
    /// Publishers with room in their window, each once.
    free: Vec<usize>,
    /// For each member, for each publisher of its room: the number of the next message.
    expected: Vec<u64>,
    schedule: Option<Schedule>,
    measured_since: Option<Instant>,
    delivered: u64,
    paced: u64,
    latency: Histogram<u64>,
    text: Vec<u8>,
}

struct Publisher {
    client: usize,
    room: String,
    /// Messages that it may send now.
    credit: usize,
    /// The number of its next message.
    next: u64,
    /// Those that somebody has not got yet, oldest first, the last one numbered `next - 1`.
    in_flight: VecDeque<InFlight>,
    receivers: usize,
}

struct InFlight {
    /// When it was sent, or should have been.
    due: Instant,
    missing: usize,
}

/// An open loop: a message is due whether the last ones were answered or not.
struct Schedule {
    interval: Duration,
    next: Instant,
    publisher: usize,
}

impl<'a> Talk<'a> {
    fn new(traffic: &'a Traffic) -> Self {
        let clients = 0..traffic.rooms * traffic.members;
        let publishers: Vec<Publisher> = clients
            .filter(|&client| traffic.is_publisher(client))
            .map(|client| Publisher {
                client,
                room: room_name(client / traffic.members),
                credit: traffic.window,
                next: 0,
                in_flight: VecDeque::new(),
                receivers: traffic.receivers(client),
            })
            .collect();
        let schedule = traffic.rate.map(|rate| Schedule {
            interval: Duration::from_secs_f64(1.0 / rate),
            next: Instant::now(),
            publisher: 0,
        });
        Self {
            traffic,
            free: (0..publishers.len()).collect(),
            publishers,
            expected: vec![0; traffic.rooms * traffic.members * traffic.publishers],
            schedule,
            measured_since: None,
            delivered: 0,
            paced: 0,
            latency: new_histogram(),
            text: vec![b'x'; traffic.bytes],
        }
    }

    fn run_for(&mut self, driver: &mut Driver, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let wait = self.send_due(driver, now);
            driver
                .poll(wait.min(end - now), |client, line, now| self.receive(client, &line, now))?;
        }
    }

    /// Sends no more, and waits for what is in flight.
    fn finish(&mut self, driver: &mut Driver) -> Result<()> {
        let (mut last, mut delivered) = (Instant::now(), self.delivered);
        while self.publishers.iter().any(|publisher| !publisher.in_flight.is_empty()) {
            driver.poll(TURN, |client, line, now| self.receive(client, &line, now))?;
            if self.delivered > delivered {
                (last, delivered) = (Instant::now(), self.delivered);
            } else if last.elapsed() > TIMEOUT {
                let missing: usize =
                    self.publishers.iter().flat_map(|p| &p.in_flight).map(|f| f.missing).sum();
                let what = format!("{missing} deliveries");
                return Err(Failure::Silent { what, seconds: TIMEOUT.as_secs() });
            }
        }
        // A duplicate still on its way from the server would be detected here.
        if self.traffic.stalled == 0 {
            let clients = self.traffic.rooms * self.traffic.members;
            for client in 0..clients {
                driver.send(client, driver.dialect().ping().as_bytes());
            }
            let mut pongs = 0;
            while pongs < clients {
                driver.poll(TIMEOUT, |client, line, now| {
                    pongs += usize::from(line == ServerLine::Pong);
                    self.receive(client, &line, now)
                })?;
            }
        }
        Ok(())
    }

    /// Sends what window or schedule allow, and returns how long until the next message is due.
    fn send_due(&mut self, driver: &mut Driver, now: Instant) -> Duration {
        let Some(mut schedule) = self.schedule.take() else {
            while let Some(publisher) = self.free.pop() {
                for _ in 0..std::mem::take(&mut self.publishers[publisher].credit) {
                    self.send(driver, publisher, now);
                }
            }
            return TURN;
        };
        while schedule.next <= now {
            self.send(driver, schedule.publisher, schedule.next);
            schedule.publisher = (schedule.publisher + 1) % self.publishers.len();
            schedule.next += schedule.interval;
        }
        let wait = schedule.next - now;
        self.schedule = Some(schedule);
        if wait <= SPIN { Duration::ZERO } else { (wait - SPIN).min(TURN) }
    }

    fn send(&mut self, driver: &mut Driver, publisher: usize, due: Instant) {
        let number = (publisher % self.traffic.publishers) as u64;
        let publisher = &mut self.publishers[publisher];
        let digits = format!("{number:04x}{:012x}", publisher.next);
        self.text[..NUMBER_BYTES].copy_from_slice(digits.as_bytes());
        publisher.next += 1;
        publisher.in_flight.push_back(InFlight { due, missing: publisher.receivers });
        driver.say(publisher.client, &publisher.room, &self.text);
    }

    fn receive(&mut self, client: usize, line: &ServerLine<'_>, now: Instant) -> Result<()> {
        let &ServerLine::Message { text, .. } = line else { return Ok(()) };
        let (member, room) = (client % self.traffic.members, client / self.traffic.members);
        let not_ours = || Failure::Unexpected(String::from_utf8_lossy(text).into_owned());
        let (number, got) = parse_number(text).ok_or_else(not_ours)?;
        if number >= self.traffic.publishers {
            return Err(not_ours());
        }
        let expected = &mut self.expected[client * self.traffic.publishers + number];
        if got != *expected {
            let (publisher, expected) = (number, *expected);
            return Err(Failure::Miscounted { member: client, publisher, got, expected });
        }
        *expected += 1;
        self.delivered += 1;

        let place = room * self.traffic.publishers + number;
        let publisher = &mut self.publishers[place];
        let oldest = publisher.next - publisher.in_flight.len() as u64;
        let age = got.checked_sub(oldest).ok_or_else(not_ours)?;
        let in_flight = publisher.in_flight.get_mut(age as usize).ok_or_else(not_ours)?;
        in_flight.missing -= 1;
        let (due, everybody_has_it) = (in_flight.due, in_flight.missing == 0);
        while publisher.in_flight.front().is_some_and(|in_flight| in_flight.missing == 0) {
            publisher.in_flight.pop_front();
        }
        let (paced, ends) = match self.traffic.pace {
            Pace::Watcher => (member == self.traffic.members - 1, everybody_has_it),
            Pace::Echo => (client == publisher.client, client == publisher.client),
        };
        if paced {
            self.paced += 1;
            if publisher.credit == 0 {
                self.free.push(place);
            }
            publisher.credit += 1;
        }
        if ends && self.measured_since.is_some_and(|since| due >= since) {
            self.latency
                .saturating_record(u64::try_from((now - due).as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

/// A histogram of nanoseconds up to ten minutes, to three digits.
#[must_use]
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000_000, 3).expect("these bounds are allowed")
}

/// Which publisher, and which of its messages.
fn parse_number(text: &[u8]) -> Option<(usize, u64)> {
    let digits = text.get(..NUMBER_BYTES)?;
    let mut number = 0_u64;
    for digit in digits {
        number = number << 4 | u64::from(char::from(*digit).to_digit(16)?);
    }
    let message_bits = 4 * (NUMBER_BYTES - PUBLISHER_DIGITS);
    Some(((number >> message_bits) as usize, number & ((1 << message_bits) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_rooms_of_three() -> Traffic {
        Traffic {
            rooms: 2,
            members: 3,
            publishers: 1,
            bytes: 20,
            window: 4,
            rate: None,
            stalled: 0,
            caps: String::new(),
            caps_share: 100,
            pace: Pace::Watcher,
            warm_up: Duration::ZERO,
            duration: Duration::from_secs(1),
        }
    }

    /// The first publisher has sent three messages.
    fn three_in_flight(traffic: &Traffic) -> Talk<'_> {
        let mut talk = Talk::new(traffic);
        let due = Instant::now();
        talk.publishers[0].next = 3;
        talk.publishers[0].in_flight.extend((0..3).map(|_| InFlight { due, missing: 2 }));
        talk.publishers[0].credit = 0;
        talk.free.clear();
        talk
    }

    fn receive(talk: &mut Talk<'_>, client: usize, text: &[u8]) -> Result<()> {
        talk.receive(client, &ServerLine::Message { tags: b"", text }, Instant::now())
    }

    #[test]
    fn each_delivery_counts_and_the_last_member_paces() {
        let traffic = two_rooms_of_three();
        let mut talk = three_in_flight(&traffic);
        receive(&mut talk, 1, b"0000000000000000xxxx").unwrap();
        assert_eq!((talk.delivered, talk.paced, talk.publishers[0].in_flight.len()), (1, 0, 3));
        receive(&mut talk, 2, b"0000000000000000xxxx").unwrap();
        assert_eq!((talk.delivered, talk.paced, talk.publishers[0].in_flight.len()), (2, 1, 2));
        assert_eq!((talk.publishers[0].credit, talk.free.as_slice()), (1, [0].as_slice()));
    }

    #[test]
    fn latency_ends_at_the_last_member_and_counts_from_when_a_message_was_due() {
        let traffic = two_rooms_of_three();
        let mut talk = three_in_flight(&traffic);
        let due = talk.publishers[0].in_flight[0].due;
        talk.measured_since = Some(due);
        let mut hear_at = |client, milliseconds| {
            let line = ServerLine::Message { tags: b"", text: b"0000000000000000xxxx" };
            talk.receive(client, &line, due + Duration::from_millis(milliseconds)).unwrap();
            talk.latency.len()
        };
        assert_eq!(hear_at(2, 5), 0);
        assert_eq!(hear_at(1, 40), 1);
        assert!(talk.latency.equivalent(talk.latency.max(), 40_000_000));
    }

    #[test]
    fn lost_duplicated_and_unsent_messages_are_detected() {
        let traffic = two_rooms_of_three();
        let miscounted = |texts: &[&[u8]]| {
            let mut talk = three_in_flight(&traffic);
            let last = texts.iter().map(|text| receive(&mut talk, 1, text)).last();
            matches!(last, Some(Err(Failure::Miscounted { .. })))
        };
        assert!(miscounted(&[b"0000000000000001xxxx"]));
        assert!(miscounted(&[b"0000000000000000xxxx", b"0000000000000000xxxx"]));
        let mut talk = three_in_flight(&traffic);
        let to_another_room = receive(&mut talk, 4, b"0000000000000000xxxx");
        assert!(matches!(to_another_room, Err(Failure::Unexpected(_))));
        let of_nobody = receive(&mut talk, 1, b"0001000000000000xxxx");
        assert!(matches!(of_nobody, Err(Failure::Unexpected(_))));
    }

    #[test]
    fn capabilities_are_spread_over_the_room_and_decide_about_the_echo() {
        let mut traffic = two_rooms_of_three();
        traffic.members = 10;
        traffic.caps = "server-time echo-message".to_owned();
        traffic.caps_share = 50;
        assert_eq!((0..10).filter(|&client| traffic.has_caps(client)).count(), 5);
        assert_eq!(traffic.receivers(0), 9);
        traffic.caps_share = 100;
        assert_eq!(traffic.receivers(0), 10);
    }
}
