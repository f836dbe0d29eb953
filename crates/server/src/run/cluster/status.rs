//! `chatserver cluster status`: the log, the nodes, and what is wrong with them.

use super::{ClusterError, RunError};
use crate::cluster::jetstream::{Nats, NodeStatus, StreamInfo, stream_name};
use crate::config::Config;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Shows the status of the cluster. Returns whether all is well.
pub(super) fn run(file: &Path, as_json: bool) -> Result<bool, RunError> {
    let config = Config::read(file)?;
    let cluster = config.cluster.as_ref().ok_or(ClusterError::NotConfigured)?;
    let nats = Nats::connect(cluster)?;
    let info = nats.info()?;
    let nodes = nats.node_statuses()?;
    let unhealthy = unhealthy(&info, &nodes);
    match as_json {
        true => println!("{}", to_json(&cluster.name, &info, &nodes, &unhealthy)),
        false => print(&cluster.name, &info, &nodes, &unhealthy),
    }
    Ok(unhealthy.is_empty())
}

/// What is wrong, in sentences.
fn unhealthy(info: &StreamInfo, nodes: &[NodeStatus]) -> Vec<String> {
    let mut wrong = Vec::new();
    let servers = info.cluster.clone().unwrap_or_default();
    if info.config.num_replicas > 1 && servers.leader.is_none() {
        wrong.push("The log has no leader: most of its NATS servers do not run".to_owned());
    }
    for server in &servers.replicas {
        if server.offline {
            wrong.push(format!("NATS server {} is not there", server.name));
        } else if !server.current {
            wrong.push(format!("NATS server {} is {} behind", server.name, server.lag));
        }
    }
    let room = u64::try_from(info.config.max_bytes).ok().filter(|room| *room > 0);
    if room.is_some_and(|room| info.state.bytes / 4 >= room / 5) {
        wrong.push(
            "The log is 80 % full: a node that is far behind keeps it from being purged, or it needs more max_bytes"
                .to_owned(),
        );
    }
    let answered: BTreeSet<&str> = nodes.iter().map(|node| &*node.node).collect();
    let members: BTreeSet<&str> =
        nodes.iter().flat_map(|node| &node.members).map(|it| &**it).collect();
    for silent in members.difference(&answered) {
        wrong.push(format!("Node {silent} takes part and does not answer"));
    }
    if nodes.is_empty() {
        wrong.push("No node answers".to_owned());
    }
    for node in nodes {
        if !node.joined {
            wrong.push(format!("Node {} does not take part: it reads the log", node.node));
        } else if !node.available {
            wrong.push(format!("Node {} cannot get anything into the log", node.node));
        } else if node.lag_millis > 1000 {
            let seconds = node.lag_millis / 1000;
            wrong.push(format!("Node {} is behind for {seconds} s", node.node));
        }
    }
    let releases: BTreeSet<&str> = nodes.iter().map(|node| &*node.release).collect();
    if releases.len() > 1 {
        let releases: Vec<&str> = releases.into_iter().collect();
        wrong.push(format!("The nodes run different releases: {}", releases.join(", ")));
    }
    wrong
}

fn to_json(cluster: &str, info: &StreamInfo, nodes: &[NodeStatus], unhealthy: &[String]) -> Value {
    let servers = info.cluster.clone().unwrap_or_default();
    let replicas: Vec<Value> = servers
        .replicas
        .iter()
        .map(|it| json!({ "name": it.name, "current": it.current, "offline": it.offline, "lag": it.lag }))
        .collect();
    let extent = info.extent();
    json!({
        "cluster": cluster,
        "log": {
            "stream": stream_name(cluster),
            "copies": info.config.num_replicas,
            "leader": servers.leader,
            "others": replicas,
            "first": extent.first,
            "last": extent.last,
            "messages": info.state.messages,
            "bytes": info.state.bytes,
            "max_bytes": info.config.max_bytes,
        },
        "nodes": nodes,
        "unhealthy": unhealthy,
    })
}

fn print(cluster: &str, info: &StreamInfo, nodes: &[NodeStatus], unhealthy: &[String]) {
    let servers = info.cluster.clone().unwrap_or_default();
    let (extent, state) = (info.extent(), info.state);
    println!(
        "Log {}: {} messages up to {}, {:.1} MiB, on {} NATS server(s), leader {}",
        stream_name(cluster),
        state.messages,
        extent.last,
        state.bytes as f64 / f64::from(1 << 20),
        info.config.num_replicas,
        servers.leader.as_deref().unwrap_or("none")
    );
    for node in nodes {
        println!(
            "Node {}: {}, read up to {}, behind by {} messages ({} ms), release {}",
            node.node,
            if node.joined { "takes part" } else { "reads" },
            node.applied,
            node.lag,
            node.lag_millis,
            node.release
        );
    }
    match unhealthy {
        [] => println!("All is well."),
        all => all.iter().for_each(|sentence| println!("{sentence}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(cluster: &Value) -> StreamInfo {
        let answer = json!({
            "config": { "name": "parlor_chat", "num_replicas": 3, "max_bytes": 1000 },
            "created": "",
            "state": { "messages": 5, "bytes": 100, "first_seq": 1, "last_seq": 5 },
            "cluster": cluster,
        });
        serde_json::from_value(answer).expect("it is well-formed")
    }

    fn node(name: &str, members: &[&str]) -> NodeStatus {
        let members = members.iter().map(|&name| name.to_owned()).collect();
        let (node, release) = (name.to_owned(), "1".to_owned());
        NodeStatus {
            node,
            release,
            members,
            joined: true,
            available: true,
            ..NodeStatus::default()
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let well =
            info(&json!({ "leader": "n1", "replicas": [{ "name": "n2", "current": true }] }));
        let nodes = [node("a", &["a", "b"]), node("b", &["a", "b"])];
        assert_eq!(unhealthy(&well, &nodes), [""; 0]);
        let wrong = |info: &StreamInfo, nodes: &[NodeStatus]| unhealthy(info, nodes).join("\n");
        assert!(wrong(&well, &nodes[..1]).contains("Node b takes part and does not answer"));
        assert!(wrong(&well, &[]).contains("No node answers"));
        let ill = info(&json!({ "replicas": [{ "name": "n2", "offline": true }] }));
        let told = wrong(&ill, &nodes);
        assert!(told.contains("no leader") && told.contains("n2 is not there"), "{told}");
        let mut behind = nodes.clone();
        (behind[0].lag_millis, behind[1].release) = (2500, "2".to_owned());
        let told = wrong(&well, &behind);
        assert!(told.contains("a is behind for 2 s") && told.contains("releases: 1, 2"), "{told}");
        let mut full = well.clone();
        full.state.bytes = 900;
        assert!(wrong(&full, &nodes).contains("80 % full"));
        full.state.bytes = 700;
        assert_eq!(unhealthy(&full, &nodes), [""; 0]);
    }
}
