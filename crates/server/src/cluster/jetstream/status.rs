//! The status of nodes: each answers requests over NATS.

use super::{Nats, Refusal};
use crate::limits::STATUS_MILLIS;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The status of a node.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// The version of the program.
    pub release: String,
    /// Whether it is a member.
    pub joined: bool,
    /// The sequence of the log up to which it has read.
    pub applied: u64,
    /// Messages that the log is known to have beyond that.
    pub lag: u64,
    /// Milliseconds for which it has been behind; 0 if it is not.
    pub lag_millis: u64,
    /// Whether the log is available to it.
    pub available: bool,
    /// All members, as of what it has read.
    pub members: Vec<String>,
    /// Bytes of its database, and so of a copy of it.
    #[serde(default)]
    pub store_bytes: u64,
}

/// Where all nodes are asked for their status.
pub(super) fn subject(cluster: &str) -> String {
    format!("parlor.{cluster}.ask.status")
}

impl Nats {
    /// Asks all nodes for their status. Those that do not answer within a second are left out.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn node_statuses(&self) -> Result<Vec<NodeStatus>, Refusal> {
        let asked = self.runtime.block_on(async {
            let inbox = self.client.new_inbox();
            let mut replies = self.client.subscribe(inbox.clone()).await.ok()?;
            let subject = subject(&self.cluster);
            self.client.publish_with_reply(subject, inbox, "".into()).await.ok()?;
            let mut all: Vec<NodeStatus> = Vec::new();
            let wait = tokio::time::sleep(Duration::from_millis(STATUS_MILLIS));
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    message = replies.next() => {
                        all.extend(serde_json::from_slice::<NodeStatus>(&message?.payload).ok());
                    }
                    () = &mut wait => break,
                }
            }
            all.sort_by(|one, other| one.node.cmp(&other.node));
            Some(all)
        });
        asked.ok_or(Refusal::Silent)
    }
}
