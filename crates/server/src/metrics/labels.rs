//! What metrics are told apart by, and metrics in a row, one for each of those.
//!
//! A metric family of the library finds its members by a hash map behind a lock, and shows them in
//! any order. Ours are known beforehand: found by index, shown in order, there from the start.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;
use std::sync::Arc;

/// An enumeration of which each value has the word that metrics show.
macro_rules! words {
    ($($(#[$about:meta])* $name:ident { $($(#[$of_one:meta])* $one:ident = $word:literal,)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $name { $($(#[$of_one])* $one,)* }

            impl $name {
                /// The words of all, in order.
                pub(super) const WORDS: &[&str] = &[$($word,)*];
            }
        )*
    };
}

words! {
    /// What a connection speaks.
    Kind {
        /// Nothing has come yet that would tell.
        Unknown = "unknown",
        /// Lines.
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

    /// Why somebody was refused, held back or thrown out.
    Refused {
        /// The server has as many connections as it may.
        Connections = "connections",
        /// The address has.
        ConnectionsOfAddress = "connections_of_address",
        /// The address has connected too often lately.
        ConnectsOfAddress = "connects_of_address",
        /// The server stops.
        Stopping = "stopping",
        /// It is banned from the server.
        Banned = "banned",
        /// Too many logins from the address have failed.
        FailedLogins = "failed_logins",
        /// Too many tries to become an operator have failed.
        FailedOpers = "failed_opers",
        /// It did not log in in time.
        LoginDeadline = "login_deadline",
        /// It gave no sign of life.
        Silent = "silent",
        /// Its account had as many connections as it may.
        SessionsOfAccount = "sessions_of_account",
        /// Its account or address has had too much work done, and had to wait.
        Work = "work",
        /// Its account, or the guests of its address, had had too much stored.
        StoredBytes = "stored_bytes",
        /// It wanted something stored while the disk's reserve was touched.
        DiskReserve = "disk_reserve",
        /// It had filled its share of another's outbox.
        Share = "share",
        /// It had as many messages kept for somebody as it may.
        Kept = "kept",
        /// It sent more lines than it may, and had to wait.
        Flood = "flood",
        /// It read too slowly for what it was told.
        OutboxOverflow = "outbox_overflow",
        /// All outboxes together were too large, and it had read least.
        Memory = "memory",
        /// It read nothing for too long.
        NotReading = "not_reading",
        /// It did not finish in time what comes before the first line: TLS, a proxy's header, a request.
        HandshakeDeadline = "handshake_deadline",
        /// What came was no TLS, no proxy's header or no message of a WebSocket, though it began like one.
        BadBytes = "bad_bytes",
        /// It was a request of HTTP that is not answered, or a page of another site wanted a WebSocket.
        BadRequest = "bad_request",
        /// It asked for what is not for it: these metrics.
        Forbidden = "forbidden",
    }

    /// By which way somebody logs in.
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

    /// What became of a login.
    Login {
        /// The password or proof was right.
        Done = "done",
        /// The name was free, and is an account now.
        Registered = "registered",
        /// The password or proof was wrong.
        Wrong = "wrong",
        /// Too many logins waited already.
        Busy = "busy",
        /// It was right or new, but the name cannot be had, or too many others failed.
        Refused = "refused",
        /// The new account could not be stored.
        NotStored = "not_stored",
    }

    /// What became of a TLS handshake.
    Handshake {
        /// The connection is encrypted.
        Done = "done",
        /// One of the two did not want what the other said.
        Failed = "failed",
        /// It was not done in time.
        Late = "late",
    }

    /// What waits for a thread.
    Queue {
        /// Batches for the hub.
        Hub = "hub",
        /// Effects for the journal.
        Journal = "journal",
        /// Items for the shards, all of them together.
        Shards = "shards",
        /// History reads.
        Readers = "readers",
        /// Passwords.
        Passwords = "passwords",
    }
}

/// The labels of one metric.
type Labels = Vec<(&'static str, String)>;

/// Metrics in a row, each with its labels.
pub struct Row<M> {
    metrics: Arc<[(Labels, M)]>,
}

impl<M: Default> Row<M> {
    /// One for each word.
    pub fn of(key: &'static str, words: &[&str]) -> Row<M> {
        let one = |word: &&str| (vec![(key, (*word).to_owned())], M::default());
        Row { metrics: words.iter().map(one).collect() }
    }

    /// One for each pair of words, those with the same first one in a row.
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

    /// One for each number below `count`.
    pub fn numbered(key: &'static str, count: usize) -> Row<M> {
        let one = |number: usize| (vec![(key, number.to_string())], M::default());
        Row { metrics: (0..count).map(one).collect() }
    }
}

impl<M> Row<M> {
    /// The metric at a place.
    ///
    /// # Panics
    /// If there is none: the places are those of an enumeration, or of the shards.
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
