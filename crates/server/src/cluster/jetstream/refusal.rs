//! Why a node cannot use the log it was given: sentences that say what to do.

use std::path::PathBuf;
use thiserror::Error;

/// Why a node cannot use the log it was given.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The credentials cannot be read.
    #[error("cannot use the NATS credentials in {path}: {source}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// No server answers.
    #[error("cannot connect to NATS at {servers}: {reason}")]
    Unreachable {
        /// The servers, without passwords.
        servers: String,
        /// The error.
        reason: String,
    },
    /// The server refuses the user.
    #[error(
        "NATS refuses this node; check [cluster] credentials, or the user in [cluster] servers"
    )]
    NotAllowed,
    /// The server has no JetStream, or not for this account.
    #[error("NATS has no JetStream for this account; enable it there")]
    NoJetStream,
    /// JetStream does not answer: usually it has no leader.
    #[error("JetStream does not answer; check that most of its servers run")]
    Silent,
    /// There is no such stream.
    #[error("NATS has no stream {0:?}; `chatserver cluster create` makes it, once for all nodes")]
    NoStream(String),
    /// The stream to create exists already.
    #[error(
        "NATS has a stream {0:?} already; choose another [cluster] name, or start the nodes that it belongs to; \
         what an interrupted `chatserver cluster create` has left, `nats stream rm` removes"
    )]
    StreamExists(String),
    /// JetStream's error.
    #[error("JetStream refuses: {0}")]
    Refused(String),
    /// JetStream's answer is not understood.
    #[error(
        "JetStream has answered something that this version of Parlor does not understand: {0}"
    )]
    Unreadable(String),
    /// The log is on fewer than three servers.
    #[error(
        "the stream {stream:?} is on {replicas} NATS server(s) instead of 3, so the loss of one may end the cluster; \
         set its replicas to 3, or allow that with allow_single_log in [cluster]"
    )]
    TooFewCopies {
        /// The stream.
        stream: String,
        /// How many servers store it.
        replicas: usize,
    },
    /// The stream's settings were changed.
    #[error(
        "the stream {stream:?} has another {setting} than `chatserver cluster create` gave it; set it back to {wanted}"
    )]
    Changed {
        /// The stream.
        stream: String,
        /// The setting.
        setting: &'static str,
        /// What it should be.
        wanted: String,
    },
    /// The stream is not one of Parlor's logs.
    #[error(
        "the stream {0:?} was not made by `chatserver cluster create`; choose another [cluster] name"
    )]
    NotOurs(String),
    /// The cluster runs another version.
    #[error(
        "the cluster runs version {theirs} of the log's entries, and this program version {ours}; run the same release of Parlor on all nodes"
    )]
    OtherVersion {
        /// The cluster's.
        theirs: u32,
        /// This program's.
        ours: u32,
    },
    /// The key is not that of the cluster.
    #[error(
        "the key in [cluster] key_file is not the one of this cluster; copy it from another node"
    )]
    WrongKey,
    /// The data belong to another cluster.
    #[error(
        "the data folder belongs to another cluster than the stream {0:?}; name the right folder with --data, or start with an empty one"
    )]
    OtherCluster(String),
    /// The clocks differ.
    #[error(
        "the clock here differs by {0} s from that of NATS, more than the 60 s allowed; set it, preferably by NTP"
    )]
    ClockApart(i64),
    /// Nobody makes a copy.
    #[error("no node of the cluster answers, so none can give a copy of its data")]
    NoNode,
    /// A node that was asked for a copy says nothing more.
    #[error("node {0} was asked for a copy of its data and is silent")]
    NodeSilent(String),
    /// The node that answers makes a copy for another one.
    #[error("node {0} is making a copy of its data for somebody else")]
    NodeBusy(String),
    /// A node cannot make a copy.
    #[error("node {node} cannot make a copy of its data: {why}")]
    NoCopy {
        /// The node.
        node: String,
        /// Its error.
        why: String,
    },
    /// A piece of a copy is not there, or not what was put there.
    #[error("a copy that was made is incomplete")]
    CopyGone,
    /// The file of a copy.
    #[error("the copy {path} cannot be read or written: {source}")]
    CopyFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// NATS does not wait for its disk.
    #[error(
        "NATS at {0} acknowledges before the disk has it, so a power cut could take what was confirmed; \
         set `sync_interval: always` in the jetstream block of its config"
    )]
    NotSynced(String),
}
