//! `/healthz`: whether messages can be stored.
//!
//! A health check starts a probe: a small write that takes the path of every message, through hub
//! and journal to the disk and back. Its result answers all requests that arrive meanwhile, and is
//! cached for a while, so that nobody can load the disk with health checks.

use crate::hub::ClientEvent;
use crate::limits::{
    DISK_FREE_LEAST, HEALTH_MILLIS, HEALTH_PATIENCE_MILLIS, LOG_BYTES_MOST, LOG_WAITS_SECONDS,
};
use crate::metrics::DiskState;
use crate::session_id::SessionId;
use crate::shard::Shard;
use crate::shard::connection::Stage;
use crate::transport::http::{self, Status};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The status and the body, which is JSON.
pub type HealthResponse = (Status, String);

/// A request for `/healthz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRequest {
    /// The connection.
    pub session: SessionId,
    /// It is a `HEAD` request: the response has no body.
    pub head_only: bool,
    /// Another request may follow.
    pub keep: bool,
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// It was committed.
    Writable,
    /// It could not be stored.
    NotWritable,
    /// Nothing came back in time.
    NoAnswer,
}

/// What a shard has to do for a request.
#[derive(Debug, PartialEq, Eq)]
pub enum HealthCheck {
    /// Respond at once.
    Response(HealthResponse),
    /// Start a probe; the response follows its result.
    Probe,
    /// Wait for the probe that is running.
    Wait,
}

/// What a shard knows of the server's health, and the requests waiting for a result.
#[derive(Debug, Default)]
pub struct Health {
    /// When the running probe was started.
    probe: Option<Instant>,
    /// The last result, and when it came.
    last: Option<(Instant, ProbeResult)>,
    /// Waiting requests, oldest first: at most one per connection, as each has one request at a time.
    waiting: VecDeque<(Instant, HealthRequest)>,
}

impl Health {
    /// Handles a request.
    pub fn check(&mut self, request: HealthRequest, now: Instant, disk: DiskState) -> HealthCheck {
        if let Some((at, found)) = self.last
            && now.saturating_duration_since(at) < Duration::from_millis(HEALTH_MILLIS)
        {
            return HealthCheck::Response(health(found, disk));
        }
        match self.probe {
            Some(since) if is_late(since, now) => {
                HealthCheck::Response(health(ProbeResult::NoAnswer, disk))
            }
            Some(_) => {
                self.waiting.push_back((now, request));
                HealthCheck::Wait
            }
            None => {
                self.probe = Some(now);
                self.waiting.push_back((now, request));
                HealthCheck::Probe
            }
        }
    }

    /// The probe has ended: returns the response, and the requests it answers.
    pub fn probed(
        &mut self,
        stored: bool,
        now: Instant,
        disk: DiskState,
    ) -> (HealthResponse, Vec<HealthRequest>) {
        let found = if stored { ProbeResult::Writable } else { ProbeResult::NotWritable };
        self.probe = None;
        self.last = Some((now, found));
        let all = std::mem::take(&mut self.waiting);
        (health(found, disk), all.into_iter().map(|(_, request)| request).collect())
    }

    /// The response to requests that have waited too long, and these requests.
    pub fn overdue(
        &mut self,
        now: Instant,
        disk: DiskState,
    ) -> Option<(HealthResponse, Vec<HealthRequest>)> {
        let late = self.waiting.iter().take_while(|(since, _)| is_late(*since, now)).count();
        let late = self.waiting.drain(..late).map(|(_, request)| request).collect::<Vec<_>>();
        (!late.is_empty()).then(|| (health(ProbeResult::NoAnswer, disk), late))
    }
}

impl Shard {
    /// Responds to a health check, now or when the result is known.
    pub(crate) fn check_health(&mut self, request: HealthRequest) {
        let disk = self.parts.metrics.seen();
        match self.health.check(request, Instant::now(), disk) {
            HealthCheck::Response(answer) => self.send_health(&answer, &[request]),
            HealthCheck::Probe => self.gather(request.session, ClientEvent::Probe),
            HealthCheck::Wait => {}
        }
    }

    /// The probe has ended.
    pub(crate) fn probed(&mut self, stored: bool) {
        let disk = self.parts.metrics.seen();
        let (answer, all) = self.health.probed(stored, Instant::now(), disk);
        self.send_health(&answer, &all);
    }

    /// Responds to health checks that have waited too long.
    pub(crate) fn health_overdue(&mut self, now: Instant) {
        let disk = self.parts.metrics.seen();
        if let Some((answer, late)) = self.health.overdue(now, disk) {
            self.send_health(&answer, &late);
        }
    }

    /// Responds to those requests whose connections are still open.
    fn send_health(&mut self, (status, body): &HealthResponse, all: &[HealthRequest]) {
        for request in all {
            let known = self.connection(request.session);
            if known.is_some_and(|connection| connection.stage != Stage::Closing) {
                let answer = http::Response::new(*status, http::Kind::Json, body.as_bytes());
                let (head_only, last) = (request.head_only, !request.keep);
                let answer = http::Response { head_only, last, ..answer };
                self.answer(request.session.slot as usize, &answer.write(), request.keep);
            }
        }
    }
}

fn is_late(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) >= Duration::from_millis(HEALTH_PATIENCE_MILLIS)
}

/// The response to a probe's result: 200 if people can talk, even if there are warnings, or else 503;
/// and what is wrong.
pub fn health(found: ProbeResult, disk: DiskState) -> HealthResponse {
    let (store, problem) = match found {
        ProbeResult::Writable => ("writable", None),
        ProbeResult::NotWritable => {
            ("not_writable", Some("nothing can be stored; see the server's log"))
        }
        ProbeResult::NoAnswer => ("no_answer", Some("the store did not respond in time")),
    };
    let full = disk.free.is_some_and(|bytes| bytes < DISK_FREE_LEAST);
    let gone = "a file of the database was moved or deleted; see the server's log";
    let scarce = "free disk space is below the reserve, so only operators can store anything";
    let silent =
        "this node cannot reach the cluster's log: people can read, but nothing new is stored";
    let grave = [
        problem,
        disk.gone.then_some(gone),
        full.then_some("the disk with the data directory is almost full"),
        disk.scarce.then_some(scarce),
        (disk.log == Some(false)).then_some(silent),
    ];
    let large = "the write-ahead log is large: perhaps another program is reading the database";
    let late = "the write-ahead log is not being checkpointed; see the server's log";
    let light = [
        (disk.log_bytes > LOG_BYTES_MOST).then_some(large),
        (disk.log_waits >= LOG_WAITS_SECONDS).then_some(late),
        (disk.damaged > 0).then_some("stored data is damaged; see the server's log"),
    ];
    let failing = grave.iter().any(Option::is_some);
    let problems = grave.into_iter().chain(light).flatten();
    let problems: Vec<String> = problems.map(|text| format!("\"{text}\"")).collect();
    let (status, word) = match (failing, problems.is_empty()) {
        (true, _) => (Status::Unavailable, "failing"),
        (false, false) => (Status::Ok, "degraded"),
        (false, true) => (Status::Ok, "ok"),
    };
    let mut body = format!("{{\"status\":\"{word}\",\"store\":\"{store}\"");
    if let Some(bytes) = disk.free {
        body += &format!(",\"disk_free_bytes\":{bytes}");
    }
    if let Some(answers) = disk.log {
        body += if answers { ",\"log\":\"answers\"" } else { ",\"log\":\"no_answer\"" };
    }
    if !problems.is_empty() {
        body += &format!(",\"problems\":[{}]", problems.join(","));
    }
    body += "}\n";
    (status, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: DiskState = DiskState {
        free: Some(1 << 40),
        log_bytes: 0,
        log_waits: 0,
        scarce: false,
        gone: false,
        damaged: 0,
        log: None,
    };

    fn free(bytes: u64) -> DiskState {
        DiskState { free: Some(bytes), ..PLENTY }
    }

    fn request(slot: u32) -> HealthRequest {
        let session = SessionId { node: 0, shard: 0, slot, generation: 1 };
        HealthRequest { session, head_only: false, keep: true }
    }

    fn after(begin: Instant, millis: u64) -> Instant {
        begin + Duration::from_millis(millis)
    }

    #[test]
    fn the_health_answer_says_what_is_wrong() {
        let cases = [
            (
                (ProbeResult::Writable, PLENTY),
                (
                    Status::Ok,
                    r#"{"status":"ok","store":"writable","disk_free_bytes":1099511627776}"#,
                ),
            ),
            (
                (ProbeResult::Writable, DiskState::default()),
                (Status::Ok, r#"{"status":"ok","store":"writable"}"#),
            ),
            (
                (ProbeResult::Writable, free(DISK_FREE_LEAST)),
                (Status::Ok, r#"{"status":"ok","store":"writable","disk_free_bytes":67108864}"#),
            ),
            (
                (ProbeResult::Writable, free(DISK_FREE_LEAST - 1)),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"writable","disk_free_bytes":67108863,"problems":["the disk with the data directory is almost full"]}"#,
                ),
            ),
            (
                (ProbeResult::NotWritable, free(0)),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"not_writable","disk_free_bytes":0,"problems":["nothing can be stored; see the server's log","the disk with the data directory is almost full"]}"#,
                ),
            ),
            (
                (ProbeResult::NoAnswer, DiskState::default()),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"no_answer","problems":["the store did not respond in time"]}"#,
                ),
            ),
            (
                (ProbeResult::Writable, DiskState { scarce: true, ..DiskState::default() }),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"writable","problems":["free disk space is below the reserve, so only operators can store anything"]}"#,
                ),
            ),
            (
                (ProbeResult::Writable, DiskState { log: Some(true), ..DiskState::default() }),
                (Status::Ok, r#"{"status":"ok","store":"writable","log":"answers"}"#),
            ),
            (
                (ProbeResult::Writable, DiskState { log: Some(false), ..DiskState::default() }),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"writable","log":"no_answer","problems":["this node cannot reach the cluster's log: people can read, but nothing new is stored"]}"#,
                ),
            ),
            (
                (ProbeResult::NotWritable, DiskState { gone: true, ..DiskState::default() }),
                (
                    Status::Unavailable,
                    r#"{"status":"failing","store":"not_writable","problems":["nothing can be stored; see the server's log","a file of the database was moved or deleted; see the server's log"]}"#,
                ),
            ),
            (
                (
                    ProbeResult::Writable,
                    DiskState {
                        log_bytes: LOG_BYTES_MOST,
                        log_waits: LOG_WAITS_SECONDS - 1,
                        ..DiskState::default()
                    },
                ),
                (Status::Ok, r#"{"status":"ok","store":"writable"}"#),
            ),
            (
                (
                    ProbeResult::Writable,
                    DiskState { log_bytes: LOG_BYTES_MOST + 1, ..DiskState::default() },
                ),
                (
                    Status::Ok,
                    r#"{"status":"degraded","store":"writable","problems":["the write-ahead log is large: perhaps another program is reading the database"]}"#,
                ),
            ),
            (
                (
                    ProbeResult::Writable,
                    DiskState { log_waits: LOG_WAITS_SECONDS, ..DiskState::default() },
                ),
                (
                    Status::Ok,
                    r#"{"status":"degraded","store":"writable","problems":["the write-ahead log is not being checkpointed; see the server's log"]}"#,
                ),
            ),
        ];
        for ((found, disk), (status, body)) in cases {
            assert_eq!(health(found, disk), (status, format!("{body}\n")), "{found:?} {disk:?}");
        }
    }

    #[test]
    fn one_probe_answers_everybody_who_asks_meanwhile_and_shortly_after() {
        let (mut state, begin) = (Health::default(), Instant::now());
        assert_eq!(state.check(request(1), begin, PLENTY), HealthCheck::Probe);
        assert_eq!(state.check(request(2), after(begin, 3), PLENTY), HealthCheck::Wait);
        let well = health(ProbeResult::Writable, PLENTY);
        let told = state.probed(true, after(begin, 10), PLENTY);
        assert_eq!(told, (well.clone(), vec![request(1), request(2)]));
        let soon = after(begin, 10 + HEALTH_MILLIS - 1);
        assert_eq!(state.check(request(3), soon, PLENTY), HealthCheck::Response(well));
        // What the disk has left is as new as it can be.
        let full = health(ProbeResult::Writable, free(1));
        assert_eq!(state.check(request(3), soon, free(1)), HealthCheck::Response(full));
        let later = after(begin, 10 + HEALTH_MILLIS);
        assert_eq!(state.check(request(4), later, PLENTY), HealthCheck::Probe);
        let bad = health(ProbeResult::NotWritable, PLENTY);
        assert_eq!(state.probed(false, later, PLENTY), (bad.clone(), vec![request(4)]));
        assert_eq!(state.check(request(5), later, PLENTY), HealthCheck::Response(bad));
    }

    #[test]
    fn an_unresponsive_store_is_probed_once_and_waited_for_briefly() {
        let (mut state, begin) = (Health::default(), Instant::now());
        let late = health(ProbeResult::NoAnswer, PLENTY);
        assert_eq!(state.check(request(1), begin, PLENTY), HealthCheck::Probe);
        assert_eq!(state.check(request(2), after(begin, 1000), PLENTY), HealthCheck::Wait);
        let almost = after(begin, HEALTH_PATIENCE_MILLIS - 1);
        assert_eq!(state.overdue(almost, PLENTY), None);
        let over = after(begin, HEALTH_PATIENCE_MILLIS);
        assert_eq!(state.overdue(over, PLENTY), Some((late.clone(), vec![request(1)])));
        assert_eq!(state.overdue(over, PLENTY), None);
        // It is known by now; nobody has to wait for it again.
        assert_eq!(state.check(request(3), over, PLENTY), HealthCheck::Response(late));
        // It answers after all.
        let well = health(ProbeResult::Writable, PLENTY);
        assert_eq!(state.probed(true, over, PLENTY), (well.clone(), vec![request(2)]));
        assert_eq!(state.check(request(4), over, PLENTY), HealthCheck::Response(well));
    }
}
