//! Deadlines: at intervals, each shard checks all its connections.

use crate::limits::{HANDSHAKE_SECONDS, HTTP_IDLE_SECONDS, LINGER_MILLIS, SWEEP_MILLIS};
use crate::metrics::{ConnectionTotals, Count, Handshake, Kind, Refused};
use crate::shard::Shard;
use crate::shard::connection::Stage;
use crate::transport::http::Incoming;
use proto::Line;
use std::time::{Duration, Instant};

impl Shard {
    /// Closes connections that exceed a deadline, and sends a `PING` to silent ones.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let limits = self.parts.config.limits.clone();
        let ping = Duration::from_secs(u64::from(limits.ping_seconds));
        let mut census = ConnectionTotals::default();
        for slot in 0..self.connections.capacity() {
            let Some(connection) = self.connections.get_mut(slot) else { continue };
            let kind = connection.transport.kind();
            census.add(kind, connection.waiting());
            let silent = now.saturating_duration_since(connection.heard);
            let since = now.saturating_duration_since(connection.since);
            let half = connection.half_since.map(|half| now.saturating_duration_since(half));
            let half = half.unwrap_or_default();
            match connection.stage {
                Stage::Closing
                    if connection.has_sent_nothing()
                        && since >= Duration::from_millis(SWEEP_MILLIS / 2) =>
                {
                    connection.refuse(&[]);
                    connection.since = now;
                    self.touch(slot);
                }
                Stage::Closing if since >= Duration::from_millis(LINGER_MILLIS) => {
                    self.remove(slot);
                }
                Stage::LoggingIn
                    if connection.transport.requests().is_some_and(Incoming::is_idle)
                        && (half >= Duration::from_secs(HTTP_IDLE_SECONDS)
                            || connection.login_patience(&limits).is_some_and(|m| since >= m)) =>
                {
                    self.served(slot);
                }
                Stage::LoggingIn if half >= Duration::from_secs(HANDSHAKE_SECONDS) => {
                    self.parts.metrics.count(Count::Refused(Refused::HandshakeDeadline));
                    if kind == Kind::Tls && connection.transport.may_be_handshaking() {
                        self.parts.metrics.handshake(Handshake::Late);
                    }
                    self.end(slot, "Too slow: the handshake was not completed in time");
                }
                Stage::LoggingIn
                    if connection.login_patience(&limits).is_some_and(|most| since >= most) =>
                {
                    self.parts.metrics.count(Count::Refused(Refused::LoginDeadline));
                    self.end(slot, "No login in time");
                }
                Stage::LoggingIn | Stage::Ready if connection.does_not_read(now) => {
                    self.end_unread(slot);
                }
                Stage::Ready if !ping.is_zero() && silent >= ping * 2 && connection.pinged => {
                    self.parts.metrics.count(Count::Refused(Refused::Silent));
                    self.end(slot, "Ping timeout");
                }
                Stage::Ready if !ping.is_zero() && silent >= ping && !connection.pinged => {
                    connection.pinged = true;
                    let mut line = Vec::new();
                    Line::to(&mut line).verb("PING").text(&self.parts.renderer.server).end();
                    connection.push(&line);
                    self.touch(slot);
                }
                _ => {}
            }
        }
        self.parts.metrics.found(self.parts.id, &mut self.census, census);
        self.health_overdue(now);
    }
}
