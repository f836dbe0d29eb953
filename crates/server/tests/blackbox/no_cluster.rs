//! A program that was built without the feature `cluster`.

use crate::support::{chatserver, with_open_doors};
use std::fs;

const WHY: &str = "this chatserver was built without the cargo feature `cluster`, which is on by default; \
    build it with `cargo build --release -p parlor-server`";

#[test]
fn a_cluster_is_refused_with_how_to_build_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("parlor.toml");
    fs::write(&file, with_open_doors("cluster.name = \"test\"\n")).expect("it is written");
    let mut serve = chatserver();
    let served = serve.arg("--config").arg(&file).output().expect("the program runs");
    let said = String::from_utf8_lossy(&served.stderr);
    assert_eq!(served.status.code(), Some(1), "{said}");
    assert!(said.contains(WHY) && said.contains("[cluster]"), "{said}");

    let key = folder.path().join("cluster.key");
    let mut command = chatserver();
    let run = command.args(["cluster", "key"]).arg(&key).output().expect("the program runs");
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&run.stderr), format!("chatserver: {WHY}\n"));
    assert!(!key.exists());
}
