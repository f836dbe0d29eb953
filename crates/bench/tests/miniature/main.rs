//! Every scenario in miniature: they count right. Never a time.

mod attack;
mod floor;
mod faulty;
mod parlor;

use std::path::PathBuf;
use std::process::Command;

use parlor_bench::fanout::{Fanout, Times};
use parlor_bench::report::Figure;
use parlor_bench::server::Bench;
use parlor_bench::transport::Transport;

const TIMES: Times = Times { seconds: 0.2, warm_up: 0.05 };

/// Nothing is pinned: other tests run on the same cores.
fn bench(chatserver: PathBuf) -> Bench {
    Bench {
        chatserver,
        bench: env!("CARGO_BIN_EXE_bench").into(),
        cores: None,
        transport: Transport::Plain,
    }
}

/// Three rooms of five, two of whom talk.
fn small_fanout() -> Fanout {
    Fanout {
        rooms: 3,
        members: 5,
        publishers: 2,
        bytes: 40,
        window: 4,
        rate: None,
        caps: String::new(),
        caps_share: 100,
        times: TIMES,
    }
}

/// One room of six, one of whom talks.
fn one_room() -> Fanout {
    Fanout { rooms: 1, members: 6, publishers: 1, ..small_fanout() }
}

fn value(figures: &[Figure], name: &str) -> f64 {
    figures.iter().find(|figure| figure.name == name).expect(name).value
}

fn each_message_reaches(figures: &[Figure], receivers: f64) {
    let sent = value(figures, "messages sent in all");
    assert!(sent > 0.0);
    assert_eq!(value(figures, "deliveries in all"), receivers * sent);
}

/// The welcome and the JOIN line are more than this for each of them.
fn each_received_its_join(figures: &[Figure]) {
    assert!(value(figures, "bytes sent") > value(figures, "users") * 60.0);
}

#[test]
fn a_cluster_without_nodes_is_a_mistake_in_the_call() {
    for nodes in ["0", "256", "many"] {
        let kind = format!("cluster:{nodes}");
        let bench =
            Command::new(env!("CARGO_BIN_EXE_bench")).args(["fanout", "--server", &kind]).output();
        let output = bench.expect("bench can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("cluster:NODES takes 1 to 255 nodes"), "{said}");
    }
}
