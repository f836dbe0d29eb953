//! Labels, and families of metrics.
//!
//! The library's metric families look their members up in a hash map behind a lock, and list them
//! in any order. Ours are known beforehand: found by index, listed in order, present from the
//! start.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;
use std::sync::Arc;

/// Declares an enumeration whose values have labels.
macro_rules! words {
    ($($(#[$about:meta])* $name:ident { $($(#[$of_one:meta])* $one:ident = $word:literal,)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $name { $($(#[$of_one])* $one,)* }

            impl $name {
                /// All labels, in order.
                pub(super) const WORDS: &[&str] = &[$($word,)*];
            }
        )*
    };
}

words! {
    /// The transport of a connection.
    Kind {
        /// Not detected yet.
        Unknown = "unknown",
        /// Plain lines.
        Plain = "plain",
        /// Lines over TLS.
        Tls = "tls",
        /// WebSocket.
        WebSocket = "websocket",
        /// WebSocket over TLS.
        WebSocketTls = "websocket_tls",
        /// HTTP, over TLS or not.
        Http = "http",
    }

    /// Why somebody was refused, delayed or disconnected.
    Refused {
        /// The server has reached its limit on connections.
        Connections = "connections",
        /// The address has reached its limit on connections.
        ConnectionsOfAddress = "connections_of_address",
        /// The address has connected too often recently.
        ConnectsOfAddress = "connects_of_address",
        /// The server is stopping.
        Stopping = "stopping",
        /// A server ban.
        Banned = "banned",
        /// Too many failed logins from the address.
        FailedLogins = "failed_logins",
        /// Too many failed attempts to become an operator.
        FailedOpers = "failed_opers",
        /// No login in time.
        LoginDeadline = "login_deadline",
        /// Ping timeout.
        Silent = "silent",
        /// The account has reached its limit on connections.
        SessionsOfAccount = "sessions_of_account",
        /// The account or address used too much work, and had to wait.
        Work = "work",
        /// The account, or the guests of the address, reached the storage quota.
        StoredBytes = "stored_bytes",
        /// A write was refused while the disk's reserve was in use.
        DiskReserve = "disk_reserve",
        /// The sender has used up its share of the receiver's outbox.
        Share = "share",
        /// The sender has too many messages pending for the receiver.
        Kept = "kept",
        /// Too many lines: the connection had to wait.
        Flood = "flood",
        /// The log of the cluster did not answer.
        LogUnavailable = "log_unavailable",
        /// The outbox overflowed: the connection reads too slowly.
        OutboxOverflow = "outbox_overflow",
        /// All outboxes together were too large, and this one was the largest.
        Memory = "memory",
        /// The connection read nothing for too long.
        NotReading = "not_reading",
        /// The handshake was not completed in time: TLS, a PROXY header or an HTTP request.
        HandshakeDeadline = "handshake_deadline",
        /// The input looked like TLS, a PROXY header or a WebSocket message, but was invalid.
        BadBytes = "bad_bytes",
        /// An HTTP request for something that is not there, or a WebSocket from another site's
        /// page.
        BadRequest = "bad_request",
        /// `/metrics` from an address that may not read it.
        Forbidden = "forbidden",
    }

    /// The method of a login.
    LoginBy {
        /// `LOGIN`.
        Verb = "login",
        /// `PASS`, `NICK` and `USER`.
        Pass = "pass",
        /// `AUTHENTICATE` with a password.
        Sasl = "sasl",
        /// `AUTHENTICATE EXTERNAL`, with a certificate.
        External = "external",
        /// `REGISTER`.
        Register = "register",
        /// `NICK` and `USER`, without a password.
        Guest = "guest",
    }

    /// The outcome of a login.
    Login {
        /// The password or the proof was correct.
        Done = "done",
        /// The name was free, and now has an account.
        Registered = "registered",
        /// The password or the proof was wrong.
        Wrong = "wrong",
        /// Too many logins were waiting.
        Busy = "busy",
        /// Correct or new, but the name is not available, or too many other attempts failed.
        Refused = "refused",
        /// The new account could not be stored.
        NotStored = "not_stored",
    }

    /// The outcome of a TLS handshake.
    Handshake {
        /// The connection is encrypted.
        Done = "done",
        /// Either side rejected the other.
        Failed = "failed",
        /// It was not completed in time.
        Late = "late",
    }

    /// A queue in front of a thread.
    Queue {
        /// Batches for the hub.
        Hub = "hub",
        /// Effects for the journal.
        Journal = "journal",
        /// Items for all shards.
        Shards = "shards",
        /// History reads.
        Readers = "readers",
        /// Passwords.
        Passwords = "passwords",
    }
}

/// The labels of one metric.
type Labels = Vec<(&'static str, String)>;

/// A family of metrics, each with its labels.
pub struct Row<M> {
    metrics: Arc<[(Labels, M)]>,
}

impl<M: Default> Row<M> {
    /// One per label.
    pub fn of(key: &'static str, words: &[&str]) -> Row<M> {
        let one = |word: &&str| (vec![(key, (*word).to_owned())], M::default());
        Row { metrics: words.iter().map(one).collect() }
    }

    /// One per pair of labels, grouped by the first.
    pub fn of_pairs(keys: [&'static str; 2], words: [&[&str]; 2]) -> Row<M> {
        let mut metrics = Vec::new();
        for first in words[0] {
            for second in words[1] {
                let labels = vec![(keys[0], (*first).to_owned()), (keys[1], (*second).to_owned())];
                metrics.push((labels, M::default()));
            }
        }
        Row { metrics: metrics.into() }
    }

    /// One per number below `count`.
    pub fn numbered(key: &'static str, count: usize) -> Row<M> {
        let one = |number: usize| (vec![(key, number.to_string())], M::default());
        Row { metrics: (0..count).map(one).collect() }
    }
}

impl<M> Row<M> {
    /// The metric at an index.
    ///
    /// # Panics
    /// If there is none: indexes are values of an enumeration, or shards.
    pub fn at(&self, place: usize) -> &M {
        &self.metrics[place].1
    }
}

impl<M> Clone for Row<M> {
    fn clone(&self) -> Row<M> {
        Row { metrics: self.metrics.clone() }
    }
}

impl<M: fmt::Debug> fmt::Debug for Row<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.metrics.iter()).finish()
    }
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for Row<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        for (labels, metric) in self.metrics.iter() {
            metric.encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}
