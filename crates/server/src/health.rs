//! `/healthz`: whether the server does what it is there for, which is to store.
//!
//! Who asks makes the hub write something small, which goes the way of every message: through the
//! hub and the journal to the disk and back. What came of it is told to all who asked meanwhile, and
//! for a while to those who ask later, so that nobody can make the disk work by asking.

use crate::connection::Stage;
use crate::hub::Did;
use crate::limits::{DISK_FREE_LEAST, HEALTH_MILLIS, HEALTH_PATIENCE_MILLIS};
use crate::session::SessionId;
use crate::shard::Shard;
use crate::transport::http::{self, Status};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a request is answered: the status and the body, which is JSON.
pub type Answer = (Status, String);

/// One who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The connection.
    pub session: SessionId,
    /// The body is not wanted.
    pub head_only: bool,
}

/// What came of writing something small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is on disk.
    Writable,
    /// It could not be stored.
    NotWritable,
    /// Nothing came back in time.
    NoAnswer,
}

/// What a shard is to do for one who asks.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// To answer at once.
    Answer(Answer),
    /// To have something written; the answer comes later.
    Probe,
    /// Nothing; the answer comes later.
    Wait,
}

/// What a shard knows of the server's health, and who waits to hear of it.
#[derive(Debug, Default)]
pub struct Health {
    /// When what is being written was asked for.
    probe: Option<Instant>,
    /// What came of the last one, and when.
    last: Option<(Instant, Found)>,
    /// Who waits, longest first: at most one entry a connection, as each has one request at a time.
    waiting: VecDeque<(Instant, Asker)>,
}

impl Health {
    /// Somebody asks. `disk_free`: bytes, if there is a disk.
    pub fn ask(&mut self, who: Asker, now: Instant, disk_free: Option<u64>) -> Asked {
        if let Some((at, found)) = self.last
            && now.saturating_duration_since(at) < Duration::from_millis(HEALTH_MILLIS)
        {
            return Asked::Answer(health(found, disk_free));
        }
        match self.probe {
            Some(since) if is_late(since, now) => Asked::Answer(health(Found::NoAnswer, disk_free)),
            Some(_) => {
                self.waiting.push_back((now, who));
                Asked::Wait
            }
            None => {
                self.probe = Some(now);
                self.waiting.push_back((now, who));
                Asked::Probe
            }
        }
    }

    /// What was to be written is stored, or is not: the answer, and for whom.
    pub fn probed(
        &mut self,
        stored: bool,
        now: Instant,
        disk_free: Option<u64>,
    ) -> (Answer, Vec<Asker>) {
        let found = if stored { Found::Writable } else { Found::NotWritable };
        self.probe = None;
        self.last = Some((now, found));
        let all = std::mem::take(&mut self.waiting);
        (health(found, disk_free), all.into_iter().map(|(_, who)| who).collect())
    }

    /// The answer for those who have waited too long, and who they are.
    pub fn overdue(
        &mut self,
        now: Instant,
        disk_free: Option<u64>,
    ) -> Option<(Answer, Vec<Asker>)> {
        let late = self.waiting.iter().take_while(|(since, _)| is_late(*since, now)).count();
        let late = self.waiting.drain(..late).map(|(_, who)| who).collect::<Vec<_>>();
        (!late.is_empty()).then(|| (health(Found::NoAnswer, disk_free), late))
    }
}

impl Shard {
    /// Answers a request for the server's health, now or when it is known.
    pub(crate) fn ask_health(&mut self, who: Asker) {
        let disk_free = self.parts.metrics.disk().free();
        match self.health.ask(who, Instant::now(), disk_free) {
            Asked::Answer(answer) => self.health_is(&answer, &[who]),
            Asked::Probe => self.gather(who.session, Did::Probe),
            Asked::Wait => {}
        }
    }

    /// What was to be written is stored, or is not.
    pub(crate) fn health_found(&mut self, stored: bool) {
        let disk_free = self.parts.metrics.disk().free();
        let (answer, all) = self.health.probed(stored, Instant::now(), disk_free);
        self.health_is(&answer, &all);
    }

    /// Answers those who have waited too long.
    pub(crate) fn health_overdue(&mut self, now: Instant) {
        let disk_free = self.parts.metrics.disk().free();
        if let Some((answer, late)) = self.health.overdue(now, disk_free) {
            self.health_is(&answer, &late);
        }
    }

    /// Answers those who asked, as far as they are still there.
    fn health_is(&mut self, (status, body): &Answer, all: &[Asker]) {
        for who in all {
            let known = self.connection(who.session);
            if known.is_some_and(|connection| connection.stage != Stage::Closing) {
                let answer = http::Answer::new(*status, http::Kind::Json, body);
                let answer = http::Answer { head_only: who.head_only, ..answer };
                self.answer(who.session.slot as usize, &answer.write());
            }
        }
    }
}

fn is_late(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) >= Duration::from_millis(HEALTH_PATIENCE_MILLIS)
}

/// The answer to what was found: 200 if all is well, or 503 and what is wrong.
pub fn health(found: Found, disk_free: Option<u64>) -> Answer {
    let (store, problem) = match found {
        Found::Writable => ("writable", None),
        Found::NotWritable => ("not_writable", Some("nothing can be stored; see the server's log")),
        Found::NoAnswer => ("no_answer", Some("the store did not answer in time")),
    };
    let full = disk_free.is_some_and(|bytes| bytes < DISK_FREE_LEAST);
    let problems = [problem, full.then_some("the disk of the data folder is almost full")];
    let problems: Vec<String> =
        problems.into_iter().flatten().map(|text| format!("\"{text}\"")).collect();
    let healthy = problems.is_empty();
    let status = if healthy { "ok" } else { "failing" };
    let mut body = format!("{{\"status\":\"{status}\",\"store\":\"{store}\"");
    if let Some(bytes) = disk_free {
        body += &format!(",\"disk_free_bytes\":{bytes}");
    }
    if !healthy {
        body += &format!(",\"problems\":[{}]", problems.join(","));
    }
    body += "}\n";
    (if healthy { Status::Ok } else { Status::Unavailable }, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Option<u64> = Some(1 << 40);

    fn asker(slot: u32) -> Asker {
        let session = SessionId { shard: 0, slot, generation: 1 };
        Asker { session, head_only: false }
    }

    fn after(begin: Instant, millis: u64) -> Instant {
        begin + Duration::from_millis(millis)
    }

    #[test]
    fn the_answer_says_what_is_wrong() {
        let cases = [
            (
                (Found::Writable, PLENTY),
                (
                    Status::Ok,
                    r#"{"status":"ok","store":"writable","disk_free_bytes":1099511627776}"#,
                ),
            ),
            ((Found::Writable, None), (Status::Ok, r#"{"status":"ok","store":"writable"}"#)),
            (
                (Found::Writable, Some(DISK_FREE_LEAST)),
                (Status::Ok, r#"{"status":"ok","store":"writable","disk_free_bytes":67108864}"#),
            ),
            (
                (Found::Writable, Some(DISK_FREE_LEAST - 1)),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"writable","disk_free_bytes":67108863,"problems":["the disk of the data folder is almost full"]}"#,
                ),
            ),
            (
                (Found::NotWritable, Some(0)),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"not_writable","disk_free_bytes":0,"problems":["nothing can be stored; see the server's log","the disk of the data folder is almost full"]}"#,
                ),
            ),
            (
                (Found::NoAnswer, None),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"no_answer","problems":["the store did not answer in time"]}"#,
                ),
            ),
        ];
        for ((found, free), (status, body)) in cases {
            assert_eq!(health(found, free), (status, format!("{body}\n")), "{found:?} {free:?}");
        }
    }

    #[test]
    fn one_write_answers_all_who_ask_while_it_is_under_way_and_shortly_after() {
        let (mut state, begin) = (Health::default(), Instant::now());
        assert_eq!(state.ask(asker(1), begin, PLENTY), Asked::Probe);
        assert_eq!(state.ask(asker(2), after(begin, 3), PLENTY), Asked::Wait);
        let well = health(Found::Writable, PLENTY);
        let told = state.probed(true, after(begin, 10), PLENTY);
        assert_eq!(told, (well.clone(), vec![asker(1), asker(2)]));
        let soon = after(begin, 10 + HEALTH_MILLIS - 1);
        assert_eq!(state.ask(asker(3), soon, PLENTY), Asked::Answer(well));
        // What the disk has left is as new as it can be.
        let full = health(Found::Writable, Some(1));
        assert_eq!(state.ask(asker(3), soon, Some(1)), Asked::Answer(full));
        let later = after(begin, 10 + HEALTH_MILLIS);
        assert_eq!(state.ask(asker(4), later, PLENTY), Asked::Probe);
        let bad = health(Found::NotWritable, PLENTY);
        assert_eq!(state.probed(false, later, PLENTY), (bad.clone(), vec![asker(4)]));
        assert_eq!(state.ask(asker(5), later, PLENTY), Asked::Answer(bad));
    }

    #[test]
    fn a_store_that_does_not_answer_is_waited_for_only_so_long_and_written_to_only_once() {
        let (mut state, begin) = (Health::default(), Instant::now());
        let late = health(Found::NoAnswer, PLENTY);
        assert_eq!(state.ask(asker(1), begin, PLENTY), Asked::Probe);
        assert_eq!(state.ask(asker(2), after(begin, 1000), PLENTY), Asked::Wait);
        let almost = after(begin, HEALTH_PATIENCE_MILLIS - 1);
        assert_eq!(state.overdue(almost, PLENTY), None);
        let over = after(begin, HEALTH_PATIENCE_MILLIS);
        assert_eq!(state.overdue(over, PLENTY), Some((late.clone(), vec![asker(1)])));
        assert_eq!(state.overdue(over, PLENTY), None);
        // It is known by now; nobody has to wait for it again.
        assert_eq!(state.ask(asker(3), over, PLENTY), Asked::Answer(late));
        // It answers after all.
        let well = health(Found::Writable, PLENTY);
        assert_eq!(state.probed(true, over, PLENTY), (well.clone(), vec![asker(2)]));
        assert_eq!(state.ask(asker(4), over, PLENTY), Asked::Answer(well));
    }
}
