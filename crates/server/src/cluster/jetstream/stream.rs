//! The stream that is the log: its name, how it is created, and what must hold for it.

use super::refusal::Refusal;
use crate::cluster::identity::Identity;
use crate::cluster::log::{Extent, Message};
use crate::cluster::publication::VERSION;
use crate::limits::{CLOCKS_APART_MILLIS, LOG_BYTES, PUBLICATION_BYTES_MOST};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use proto::time::parse_server_time;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many servers store the log.
pub(super) const REPLICAS: usize = 3;

/// The name of a cluster's stream.
pub fn name(cluster: &str) -> String {
    format!("parlor_{cluster}")
}

/// Where publications go.
pub(super) fn log_subject(cluster: &str) -> String {
    format!("parlor.{cluster}.log")
}

/// Where nodes announce to each other what the log has stored.
pub(super) fn announcement_subject(cluster: &str) -> String {
    format!("parlor.{cluster}.told")
}

/// Where to ask for the stream's state.
pub(super) fn info_subject(cluster: &str) -> String {
    format!("$JS.API.STREAM.INFO.{}", name(cluster))
}

/// Where to request messages from any server that stores the stream.
pub(super) fn get_subject(cluster: &str) -> String {
    format!("$JS.API.DIRECT.GET.{}", name(cluster))
}

/// Where to request one message from the leader.
pub(super) fn leader_get_subject(cluster: &str) -> String {
    format!("$JS.API.STREAM.MSG.GET.{}", name(cluster))
}

/// Where to request a purge.
pub(super) fn purge_subject(cluster: &str) -> String {
    format!("$JS.API.STREAM.PURGE.{}", name(cluster))
}

/// The settings for a new stream. `key` identifies the cluster's key.
pub(super) fn config(cluster: &str, id: &str, key: &str, copies: usize) -> Value {
    json!({
        "name": name(cluster),
        "description": "The log of a Parlor cluster",
        "subjects": [log_subject(cluster)],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_bytes": LOG_BYTES,
        "max_age": 0,
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": PUBLICATION_BYTES_MOST,
        "max_consumers": -1,
        "num_replicas": copies,
        "deny_delete": true,
        "deny_purge": false,
        "allow_direct": true,
        "metadata": {
            ID: id,
            KEY: key,
            VERSION_OF_ENTRIES: VERSION.to_string(),
        },
    })
}

const ID: &str = "parlor-cluster";
const KEY: &str = "parlor-key";
const VERSION_OF_ENTRIES: &str = "parlor-version";

/// The state of the stream, as reported by JetStream.
#[derive(Clone, Debug, Deserialize)]
pub struct StreamInfo {
    /// Its settings.
    pub config: Settings,
    /// When it was created, which distinguishes it from a later one of the same name.
    pub created: String,
    /// What it has.
    pub state: StreamState,
    /// The servers that store it; none if there is only one.
    #[serde(default)]
    pub cluster: Option<Servers>,
    /// The server's clock.
    #[serde(default)]
    ts: Option<String>,
}

/// The settings of a stream that matter here.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    name: String,
    subjects: Vec<String>,
    retention: String,
    storage: String,
    discard: String,
    max_age: i64,
    max_msgs: i64,
    /// The maximum size in bytes; -1 for unlimited.
    pub max_bytes: i64,
    /// How many servers store it.
    pub num_replicas: usize,
    deny_delete: bool,
    allow_direct: bool,
    metadata: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: String::new(),
            subjects: Vec::new(),
            retention: "limits".into(),
            storage: "file".into(),
            discard: "old".into(),
            max_age: 0,
            max_msgs: -1,
            max_bytes: -1,
            num_replicas: 1,
            deny_delete: false,
            allow_direct: false,
            metadata: BTreeMap::new(),
        }
    }
}

/// The contents of a stream.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StreamState {
    /// The number of messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    first_seq: u64,
    last_seq: u64,
}

/// The servers that store a stream.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Servers {
    /// The leader.
    pub leader: Option<String>,
    /// The others.
    pub replicas: Vec<Replica>,
}

/// A server that stores a stream and does not lead.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Replica {
    /// Its name.
    pub name: String,
    /// It is up to date with the leader.
    pub current: bool,
    /// It is not reachable.
    pub offline: bool,
    /// How many operations it lags behind.
    pub lag: u64,
}

impl StreamInfo {
    /// What the log has now.
    pub fn extent(&self) -> Extent {
        let StreamState { first_seq, last_seq, .. } = self.state;
        Extent { first: first_seq.max(1), last: last_seq }
    }

    /// The identity of the log.
    ///
    /// # Errors
    /// When it is none of Parlor's.
    pub fn identity(&self) -> Result<Identity, Refusal> {
        let id = self.config.metadata.get(ID).ok_or_else(|| self.not_ours())?;
        Ok(Identity { id: id.as_str().into(), created: self.created.as_str().into() })
    }

    fn not_ours(&self) -> Refusal {
        Refusal::NotOurs(self.config.name.clone())
    }

    /// Checks that a node may use it. `key` identifies the node's key.
    ///
    /// # Errors
    /// When it may not: which is the first reason.
    pub fn check(&self, cluster: &str, key: &str, allow_single_log: bool) -> Result<(), Refusal> {
        let config = &self.config;
        let version = config.metadata.get(VERSION_OF_ENTRIES).and_then(|it| it.parse().ok());
        let theirs: u32 = version.ok_or_else(|| self.not_ours())?;
        if theirs != VERSION {
            return Err(Refusal::OtherVersion { theirs, ours: VERSION });
        }
        if config.metadata.get(KEY).map(String::as_str) != Some(key) {
            return Err(Refusal::WrongKey);
        }
        let stream = config.name.clone();
        if config.num_replicas < REPLICAS && !allow_single_log {
            return Err(Refusal::TooFewCopies { stream, replicas: config.num_replicas });
        }
        let subject = log_subject(cluster);
        let wanted = [
            ("subjects", config.subjects == [&*subject], subject),
            ("retention", config.retention == "limits", "limits".to_owned()),
            ("storage", config.storage == "file", "file".into()),
            ("discard", config.discard == "new", "new".into()),
            ("max_age", config.max_age == 0, "unlimited".into()),
            ("max_msgs", config.max_msgs <= 0, "unlimited".into()),
            ("deny_delete", config.deny_delete, "true".into()),
            ("allow_direct", config.allow_direct, "true".into()),
        ];
        match wanted.into_iter().find(|(_, good, _)| !good) {
            Some((setting, _, wanted)) => Err(Refusal::Changed { stream, setting, wanted }),
            None => Ok(()),
        }
    }

    /// Checks that the local clock (milliseconds since the epoch) is close to the server's.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_clock(&self, here: i64) -> Result<(), Refusal> {
        let Some(there) = self.ts.as_deref().and_then(millis) else { return Ok(()) };
        match here.saturating_sub(there) {
            apart if apart.abs() > CLOCKS_APART_MILLIS => Err(Refusal::ClockApart(apart / 1000)),
            _ => Ok(()),
        }
    }
}

/// A time in NATS' format, in milliseconds since the epoch.
fn millis(time: &str) -> Option<i64> {
    let time = time.strip_suffix('Z')?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    parse_server_time(&format!("{whole}.{digits}Z"))
}

/// A stored message, returned by the stream.
pub(super) fn stored_message(message: &async_nats::Message) -> Option<Message> {
    let sequence = number(message, "Nats-Sequence")?;
    Some(Message { sequence, bytes: message.payload[..].into() })
}

/// The leader's answer to a request for a message: none if it does not have it.
#[derive(Deserialize)]
struct LeaderAnswer {
    message: Option<StoredMessage>,
}

#[derive(Deserialize)]
struct StoredMessage {
    seq: u64,
    /// In Base64.
    data: String,
}

/// The message that the leader has returned.
pub(super) fn leader_message(message: &async_nats::Message) -> Option<Message> {
    let answer: LeaderAnswer = serde_json::from_slice(&message.payload).ok()?;
    let StoredMessage { seq: sequence, data } = answer.message?;
    Some(Message { sequence, bytes: BASE64_STANDARD.decode(data).ok()?.into() })
}

/// A numeric header.
pub(super) fn number(message: &async_nats::Message, header: &str) -> Option<u64> {
    message.headers.as_ref()?.get(header)?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JetStream's answer about a stream with these settings, some of them changed.
    fn info(changes: &[(&str, Value)]) -> StreamInfo {
        let mut config = config("chat", "some-id", "some-key", REPLICAS);
        for (key, value) in changes {
            config[*key] = value.clone();
        }
        let answer = json!({
            "type": "io.nats.jetstream.api.v1.stream_info_response",
            "config": config,
            "created": "2026-11-29T07:00:00.123456789Z",
            "state": { "messages": 3, "bytes": 90, "first_seq": 4, "last_seq": 6 },
            "cluster": { "leader": "n1", "replicas": [{ "name": "n2", "current": true, "lag": 2 }] },
            "ts": "2026-11-29T07:00:01.5Z",
        });
        serde_json::from_value(answer).expect("it is well-formed")
    }

    #[test]
    fn a_new_stream_is_accepted_and_each_changed_setting_is_named() {
        let made = info(&[]);
        made.check("chat", "some-key", false).expect("as it was made");
        assert_eq!(made.extent(), Extent { first: 4, last: 6 });
        assert_eq!(&*made.identity().expect("it is ours").id, "some-id");
        let error = made.check("chat", "other-key", false).expect_err("another key");
        assert!(matches!(error, Refusal::WrongKey));
        for (setting, value) in [
            ("subjects", json!(["parlor.chat.>"])),
            ("retention", json!("workqueue")),
            ("storage", json!("memory")),
            ("discard", json!("old")),
            ("max_age", json!(1_000_000_000)),
            ("max_msgs", json!(100)),
            ("deny_delete", json!(false)),
            ("allow_direct", json!(false)),
        ] {
            let error = info(&[(setting, value)]).check("chat", "some-key", false);
            let error = error.expect_err(setting);
            let named =
                matches!(error, Refusal::Changed { setting: named, .. } if named == setting);
            assert!(named, "{setting}: {error}");
        }
    }

    #[test]
    fn a_log_on_fewer_than_three_servers_must_be_allowed() {
        let single = info(&[("num_replicas", json!(1))]);
        let error = single.check("chat", "some-key", false).expect_err("one is too few");
        assert!(matches!(error, Refusal::TooFewCopies { replicas: 1, .. }));
        single.check("chat", "some-key", true).expect("it is allowed");
    }

    #[test]
    fn foreign_streams_and_other_versions_are_refused() {
        let others = info(&[("metadata", json!({}))]);
        assert!(matches!(others.check("chat", "", true), Err(Refusal::NotOurs(_))));
        assert!(matches!(others.identity(), Err(Refusal::NotOurs(_))));
        let theirs = (VERSION + 1).to_string();
        let later = info(&[("metadata", json!({ VERSION_OF_ENTRIES: theirs }))]);
        assert!(matches!(later.check("chat", "", true), Err(Refusal::OtherVersion { .. })));
    }

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let there = parse_server_time("2026-11-29T07:00:01.500Z").expect("a time");
        let info = info(&[]);
        for apart in [-60_000, 0, 60_000] {
            info.check_clock(there + apart).expect("it is near");
        }
        for apart in [-61_000, 61_000] {
            let error = info.check_clock(there + apart).expect_err("it is far");
            assert!(matches!(error, Refusal::ClockApart(seconds) if seconds == apart / 1000));
        }
        assert_eq!(millis("2026-11-29T07:00:01Z"), Some(there - 500));
    }
}
