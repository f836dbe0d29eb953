//! Data folders of nodes: whose they are, and what is in them when something fails half way.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, kill_process};

use super::{Cluster, about, assert_success, create, sentence, value};
use crate::support::{Server, chatserver};

/// Sends a request to NATS, without its client, and waits for the answer.
fn ask_nats(url: &str, subject: &str, question: &str) -> String {
    let address = url.strip_prefix("nats://").expect("a URL of NATS");
    let mut connection = TcpStream::connect(address).expect("NATS answers");
    connection.set_read_timeout(Some(Duration::from_secs(20))).expect("it is open");
    let length = question.len();
    let asked = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {length}\r\n{question}\r\n"
    );
    connection.write_all(asked.as_bytes()).expect("it takes that");
    let mut lines = BufReader::new(connection).lines().map(|line| line.expect("a line"));
    lines.find(|line| line.starts_with("MSG answer ")).expect("there is an answer");
    lines.next().expect("it has contents")
}

/// Removes all of the log but the newest.
fn purge(cluster: &Cluster) {
    let url = cluster.nats.url();
    let answer = ask_nats(&url, "$JS.API.STREAM.PURGE.parlor_test", r#"{"keep":1}"#);
    assert!(answer.contains(r#""success":true"#), "{answer}");
}

/// All files of a folder, with their contents, but for the lock.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|file| {
            let file = file.expect("a file");
            let name = file.file_name().into_string().expect("a name");
            (name, fs::read(file.path()).expect("its contents"))
        })
        .filter(|(name, _)| name != "lock")
        .collect();
    all.sort();
    all
}

/// A single server's data, with something in them.
fn single(text: &str) -> Server {
    let mut single = Server::start("");
    let mut ann = single.log_in("ann");
    ann.send(&format!("BM :{text}"));
    ann.until_answered();
    single.terminate();
    single
}

#[test]
fn a_password_of_a_node_is_not_changed_beside_the_log() {
    let Some(cluster) = Cluster::new() else { return };
    let mut first = cluster.create("a");
    first.log_in("ann");
    first.terminate();
    let mut passwd = chatserver();
    let refused = passwd.args(["passwd", "ann", "--data"]).arg(first.data()).output();
    let said = sentence(&refused.expect("the program runs"));
    assert!(said.contains("`accounts reset NAME` gives somebody a new password"), "{said}");
    first.restart();
    first.log_in("ann");
}

#[test]
fn foreign_data_folders_stay_as_they_are() {
    let (Some(cluster), Some(other)) = (Cluster::new(), Cluster::new()) else { return };
    let mut stranger = other.create("b");
    stranger.log_in("ann");
    stranger.terminate();
    let mut single = single("mine");
    let first = cluster.create("a");
    first.log_in("ann");
    purge(&cluster);
    let before = [contents(&stranger.data()), contents(&single.data())];
    let config = cluster.config("b");
    let said = cluster.refused(&config, Some(&stranger.data()));
    assert!(said.contains("belongs to another cluster"), "{said}");
    let said = cluster.refused(&config, Some(&single.data()));
    assert!(said.contains("are of a single server"), "{said}");
    let place = tempfile::tempdir().expect("a folder");
    let to = place.path().join("to");
    let left = |data: &Path| {
        let (data, to) = (data.to_str().expect("a path"), to.to_str().expect("a path"));
        sentence(&about(&cluster, "leave", &["--data", data, "--to", to]))
    };
    let said = left(&stranger.data());
    assert!(said.contains("belongs to another cluster"), "{said}");
    let said = left(&single.data());
    assert!(said.contains("are of a single server"), "{said}");
    assert!(before == [contents(&stranger.data()), contents(&single.data())]);
    stranger.restart();
    stranger.log_in("ann");
    single.restart();
    single.log_in("ann");

    // A log without its database may be of one that was only moved.
    let moved = place.path().join("moved");
    fs::create_dir(&moved).expect("a folder");
    fs::set_permissions(&moved, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("ours");
    fs::write(moved.join("parlor.db-wal"), "a log").expect("it is written");
    let said = cluster.refused(&config, Some(&moved));
    assert!(said.contains("has the write-ahead log of a database, and not the database"), "{said}");
    assert_eq!(fs::read_to_string(moved.join("parlor.db-wal")).expect("it is there"), "a log");
}

#[test]
fn a_node_that_is_too_far_behind_cannot_leave_with_partial_data() {
    let Some(cluster) = Cluster::new() else { return };
    let first = cluster.create("a");
    let mut second = cluster.join("b");
    second.log_in("bob");
    second.terminate();
    let mut ann = first.log_in("ann");
    ann.send("BM :meanwhile");
    ann.until_answered();
    purge(&cluster);
    let place = tempfile::tempdir().expect("a folder");
    let data = second.data();
    let to = place.path().join("to");
    let paths = [data.to_str().expect("a path"), to.to_str().expect("a path")];
    let before = contents(&data);
    let said = sentence(&about(&cluster, "leave", &["--data", paths[0], "--to", paths[1]]));
    assert!(said.contains("no longer has all that came after"), "{said}");
    assert!(before == contents(&data));
}

#[test]
fn a_failed_create_leaves_nothing_and_is_repeated() {
    let Some(cluster) = Cluster::new() else { return };
    let single = single("from before");
    let from = single.data();
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("parlor.toml");
    for more in [&[][..], &["--from", from.to_str().expect("a path")]] {
        let data = place.path().join(format!("data-{}", more.len()));
        let mut serve = Command::new("none");
        serve.arg("--config").arg(&file).arg("--data").arg(&data);
        let config = cluster.config("a");
        // One server cannot have three copies.
        let three = config.replace("allow_single_log = true", "allow_single_log = false");
        fs::write(&file, three).expect("it is written");
        sentence(&create(&serve, more));
        assert_eq!(contents(&data), []);
        fs::write(&file, &config).expect("it is written");
        assert_success(&create(&serve, more));
        assert!(data.join("parlor.db").exists());
        let deleted = ask_nats(&cluster.nats.url(), "$JS.API.STREAM.DELETE.parlor_test", "");
        assert!(deleted.contains(r#""success":true"#), "{deleted}");
    }
}

/// Ends the process at the first write beyond so many blocks of 512 bytes of a file.
fn with_files_up_to(blocks: u32, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -c 0; ulimit -f {blocks}; exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    shell
}

/// Blocks of 512 bytes that are enough for each file of a new node.
const BLOCKS_ENOUGH: u32 = 1 << 16;

#[test]
fn a_first_start_that_is_killed_at_any_moment_can_be_repeated() {
    let Some(cluster) = Cluster::new() else { return };
    let first = cluster.create("a");
    first.log_in("ann");
    let mut kills = 0;
    let second = Server::start_by(&cluster.config("b"), |command| {
        for blocks in (0..=BLOCKS_ENOUGH).step_by(32) {
            let mut limited = with_files_up_to(blocks, &command);
            limited.stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = limited.spawn().expect("the program runs");
            let output = BufReader::new(child.stdout.take().expect("it is piped"));
            let mut lines = output.lines().map(|line| line.expect("a line"));
            let serves = lines.any(|line| line.contains("Waiting for connection"));
            if serves {
                child.kill().expect("it is ours");
            }
            let status = child.wait().expect("it ends");
            if serves {
                return command;
            }
            kills += u32::from(status.signal() == Some(Signal::XFSZ.as_raw()));
        }
        panic!("it does not serve with files of {BLOCKS_ENOUGH} blocks, either")
    });
    assert!(kills > 5, "it was killed only {kills} times");
    second.log_in("ann");
}

#[test]
fn other_files_beside_a_folder_stay() {
    let Some(cluster) = Cluster::new() else { return };
    let (single, place) = (single("from before"), tempfile::tempdir().expect("a folder"));
    let from = single.data();
    let mut first = Server::start_by(&cluster.config("a"), |command| {
        let theirs = Path::new(value(&command, "--data")).with_extension("copy");
        fs::write(&theirs, "theirs").expect("it is written");
        assert_success(&create(&command, &["--from", from.to_str().expect("a path")]));
        assert_eq!(fs::read_to_string(&theirs).expect("it is there"), "theirs");
        command
    });
    first.terminate();
    let (to, theirs) = (place.path().join("alone"), place.path().join("alone.copy"));
    fs::write(&theirs, "theirs").expect("it is written");
    let data = first.data();
    let (data, to) = (data.to_str().expect("a path"), to.to_str().expect("a path"));
    assert_success(&about(&cluster, "leave", &["--data", data, "--to", to]));
    assert_eq!(fs::read_to_string(&theirs).expect("it is there"), "theirs");
    let key = "tls-key.pem";
    let (before, after) = (fs::read(single.data().join(key)), fs::read(Path::new(to).join(key)));
    assert_eq!(before.expect("a key"), after.expect("the same"), "clients know it by that");
}

#[test]
fn a_snapshot_is_whole_or_not_there_and_comes_from_a_node_that_answers() {
    let Some(cluster) = Cluster::new() else { return };
    let (first, second) = (cluster.create("a"), cluster.join("b"));
    first.log_in("ann");
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("snapshot.db");
    let config = place.path().join("parlor.toml");
    fs::write(&config, cluster.config("c")).expect("it is written");
    let mut snapshot = chatserver();
    snapshot.args(["cluster", "snapshot", "--config"]).arg(&config).arg("--to").arg(&file);
    let mut on_small_disk = with_files_up_to(64, &snapshot);
    let output = on_small_disk.output().expect("the program runs");
    assert!(!output.status.success());
    assert!(!file.exists(), "half a snapshot");

    kill_process(second.pid(), Signal::STOP).expect("it is ours");
    let output = snapshot.output().expect("the program runs");
    kill_process(second.pid(), Signal::CONT).expect("it is ours");
    assert_success(&output);
    let mut restore = chatserver();
    restore.arg("restore").arg(&file).arg("--data").arg(place.path().join("restored"));
    assert_success(&restore.output().expect("the program runs"));
}

#[test]
fn the_service_manager_waits_for_a_node_that_fetches_a_copy() {
    let Some(cluster) = Cluster::new() else { return };
    let single = single("from before");
    let from = single.data();
    let _first = Server::start_by(&cluster.config("a"), |command| {
        assert_success(&create(&command, &["--from", from.to_str().expect("a path")]));
        command
    });
    let place = tempfile::tempdir().expect("a folder");
    let path = place.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    let second = Server::start_by(&cluster.config("b"), |mut command| {
        command.env("NOTIFY_SOCKET", &path);
        command
    });
    second.log_in("ann");
    manager.set_nonblocking(true).expect("it is open");
    let (mut told, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length) = manager.recv(&mut buffer) {
        told.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    let asks = told.iter().position(|news| news.contains("EXTEND_TIMEOUT_USEC="));
    let ready = told.iter().position(|news| news.contains("READY=1"));
    assert!(asks.is_some() && asks < ready, "{told:?}");
}

#[test]
fn a_copy_is_made_only_for_those_who_have_the_key() {
    let Some(cluster) = Cluster::new() else { return };
    let first = cluster.create("a");
    first.log_in("ann");
    let address = cluster.nats.url();
    let mut stranger = TcpStream::connect(address.strip_prefix("nats://").expect("a URL"));
    let stranger = stranger.as_mut().expect("NATS answers");
    stranger.set_read_timeout(Some(Duration::from_secs(60))).expect("it is open");
    // It answers the second when it has dealt with the first.
    let asks = "CONNECT {\"verbose\":false}\r\nSUB answer 1\r\n\
                PUB parlor.test.ask.copy.a answer 4\r\ncopy\r\nPUB parlor.test.ask.status answer 0\r\n\r\n";
    stranger.write_all(asks.as_bytes()).expect("it takes that");
    let mut lines = BufReader::new(stranger).lines().map(|line| line.expect("NATS goes on"));
    assert!(lines.any(|line| line.contains(r#""node":"a""#)));
    assert!(!first.log().contains("Making a copy"), "{}", first.log());
    let place = tempfile::tempdir().expect("a folder");
    let (config, file) = (place.path().join("parlor.toml"), place.path().join("snapshot.db"));
    fs::write(&config, cluster.config("b")).expect("it is written");
    let mut snapshot = chatserver();
    snapshot.args(["cluster", "snapshot", "--config"]).arg(&config).arg("--to").arg(&file);
    assert_success(&snapshot.output().expect("the program runs"));
    assert!(first.log().contains("Making a copy"), "for who has it: {}", first.log());
}

#[test]
fn a_node_leaves_without_the_log_only_if_told_to() {
    let Some(mut cluster) = Cluster::new() else { return };
    let mut first = cluster.create("a");
    first.log_in("ann");
    first.terminate();
    cluster.nats.kill();
    let (place, data) = (tempfile::tempdir().expect("a folder"), first.data());
    let to = place.path().join("alone");
    let paths = [data.to_str().expect("a path"), to.to_str().expect("a path")];
    let said = sentence(&about(&cluster, "leave", &["--data", paths[0], "--to", paths[1]]));
    assert!(said.contains("if the log is lost for good, --without-log takes only"), "{said}");
    assert!(!to.join("parlor.db").exists());
    let without = ["--without-log", "--data", paths[0], "--to", paths[1]];
    assert_success(&about(&cluster, "leave", &without));
    assert!(to.join("parlor.db").exists());
}

#[test]
fn what_is_salvaged_of_a_node_is_a_single_servers() {
    let Some(cluster) = Cluster::new() else { return };
    let mut first = cluster.create("a");
    first.log_in("ann");
    first.terminate();
    let alone = Server::start_by("", |command| {
        let mut salvage = chatserver();
        salvage.arg("salvage").arg(first.data()).arg(value(&command, "--data"));
        let output = salvage.output().expect("the program runs");
        assert_success(&output);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("what is salvaged are a single server's"), "{said}");
        let node = cluster.refused(&cluster.config("a"), Some(value(&command, "--data").as_ref()));
        assert!(node.contains("are of a single server"), "{node}");
        command
    });
    alone.log_in("ann");
}
