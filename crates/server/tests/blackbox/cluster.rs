//! Several nodes as one server, with one NATS server beneath. Without a `nats-server` (see
//! [`NatsServer`]) these tests say so and do nothing.

mod folders;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::nats_server::NatsServer;
use crate::support::{Client, Server, chatserver, with_open_doors};

/// A NATS server, and the key of a cluster on it.
struct Cluster {
    nats: NatsServer,
    place: tempfile::TempDir,
}

impl Cluster {
    fn new() -> Option<Cluster> {
        let nats = NatsServer::start()?;
        let place = tempfile::tempdir().expect("a folder");
        let cluster = Cluster { nats, place };
        let mut command = chatserver();
        let made = command.args(["cluster", "key"]).arg(cluster.key()).output();
        assert_success(&made.expect("the program runs"));
        Some(cluster)
    }

    fn key(&self) -> PathBuf {
        self.place.path().join("cluster.key")
    }

    /// The config of a node.
    fn config(&self, node: &str) -> String {
        format!(
            "cluster.name = \"test\"\ncluster.node = \"{node}\"\ncluster.servers = [\"{}\"]\n\
             cluster.key_file = {:?}\ncluster.allow_single_log = true\n",
            self.nats.url(),
            self.key()
        )
    }

    /// The first node, which makes the cluster.
    fn create(&self, node: &str) -> Server {
        Server::start_by(&self.config(node), |command| {
            assert_success(&create(&command, &[]));
            command
        })
    }

    /// Another node, which begins with nothing.
    fn join(&self, node: &str) -> Server {
        Server::start(&self.config(node))
    }

    /// The error of a node that refuses to start, with its own folder unless one is given.
    fn refused(&self, config: &str, data: Option<&Path>) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("parlor.toml");
        fs::write(&file, with_open_doors(config)).expect("it is written");
        let own = folder.path().join("data");
        let mut command = chatserver();
        command.args(["--bind", "127.0.0.1", "-p", "0", "--config"]).arg(&file);
        command.arg("--data").arg(data.unwrap_or(&own));
        sentence(&command.output().expect("the program runs"))
    }
}

/// `chatserver cluster create` with the config and data folder of a server's command line.
fn create(serve: &Command, more: &[&str]) -> Output {
    let mut command = chatserver();
    command.args(["cluster", "create", "--config"]).arg(value(serve, "--config"));
    command.arg("--data").arg(value(serve, "--data")).args(more);
    command.output().expect("the program runs")
}

/// What a command line gives for a key.
fn value<'a>(command: &'a Command, key: &str) -> &'a OsStr {
    command.get_args().skip_while(|arg| *arg != key).nth(1).expect("it is there")
}

fn assert_success(output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// The error of a program that has failed.
fn sentence(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default();
    last.strip_prefix("chatserver: ").unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn people_on_two_nodes_talk_as_on_one() {
    let Some(cluster) = Cluster::new() else { return };
    let mut first = cluster.create("a");
    let mut ann = first.log_in("ann");
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    ann.send("PRIVMSG #garden :before anybody else came");
    ann.until_answered();

    let mut second = cluster.join("b");
    let mut bob = second.log_in("bob");
    bob.send("JOIN #garden");
    bob.until(":parlor 366 bob #garden :*");
    ann.until(":bob!bob@parlor JOIN *#garden");
    bob.send("PRIVMSG #garden :hello from the other side");
    ann.until(":bob!bob@parlor PRIVMSG #garden :hello from the other side");
    ann.send("PRIVMSG bob :only for you");
    bob.until(":ann!ann@parlor PRIVMSG bob :only for you");
    bob.send("CH #garden");
    bob.until(":ann!ann@parlor PRIVMSG #garden :*before anybody else came");
    bob.until_answered();
    ann.until_answered();

    // The password is known at the other node, and what was said is there.
    let (status, _) = first.terminate();
    assert!(status.success(), "{}", first.log());
    bob.until(":ann!ann@parlor QUIT *");
    let mut ann = second.log_in("ann");
    ann.send("CH #garden");
    ann.until(":bob!bob@parlor PRIVMSG #garden :*hello from the other side");
    ann.until_answered();

    // One that was shut down comes back, and has what was said meanwhile.
    first.restart();
    ann.send("PRIVMSG #garden :meanwhile");
    ann.until_answered();
    let mut cid = first.log_in("cid");
    cid.send("JOIN #garden");
    cid.until(":parlor 366 cid #garden :*");
    cid.send("CH #garden");
    cid.until(":ann!ann@parlor PRIVMSG #garden :*meanwhile");
    second.kill();
    cid.until(":ann!ann@parlor QUIT *");
}

#[test]
fn messages_sent_while_nats_is_down_are_delivered_once_when_it_is_back() {
    let Some(mut cluster) = Cluster::new() else { return };
    let (first, second) = (cluster.create("a"), cluster.join("b"));
    let (mut ann, mut bob) = (first.log_in("ann"), second.log_in("bob"));
    ann.send("BM :before");
    bob.until(":ann!ann@parlor PRIVMSG #lobby :before");
    cluster.nats.kill();
    ann.send("BM :meanwhile");
    ann.send("BM :and more");
    cluster.nats.restart();
    bob.expect(":ann!ann@parlor PRIVMSG #lobby :meanwhile");
    bob.expect(":ann!ann@parlor PRIVMSG #lobby :and more");
    ann.send("BM :after");
    bob.expect(":ann!ann@parlor PRIVMSG #lobby :after");
}

#[test]
fn a_single_server_becomes_the_first_node_with_all_its_history() {
    let Some(cluster) = Cluster::new() else { return };
    let mut single = Server::start("");
    let mut ann = single.log_in("ann");
    ann.send("BM :as it was");
    ann.until_answered();
    let (status, _) = single.terminate();
    assert!(status.success(), "{}", single.log());
    let from = single.data();
    let from = from.to_str().expect("a path");
    let first = Server::start_by(&cluster.config("a"), |command| {
        assert_success(&create(&command, &["--from", from]));
        command
    });
    let mut ann = first.log_in("ann");
    ann.send("CH");
    ann.until("*as it was");

    // Its data are no single server's any more, those that it began with still are.
    assert!(single.data().exists());
    single.restart();
    let mut ann = single.log_in("ann");
    ann.send("CH");
    ann.until("*as it was");
}

/// Logs in as somebody who has an account, and returns the lines of the welcome.
fn log_in_again(server: &Server, name: &str) -> (Client, Vec<String>) {
    let mut client = server.connect(name);
    client.log_in_only(name);
    let welcome = client.until_answered();
    (client, welcome)
}

/// Leaves, and has left as far as somebody else sees it.
fn leaves(mut client: Client, other: &mut Client) {
    let name = client.name().to_owned();
    client.send("EX");
    client.until_closed();
    other.until(&format!(":{name}!{name}@parlor QUIT *"));
}

#[test]
fn private_messages_stored_at_one_node_are_delivered_once_at_another() {
    let Some(cluster) = Cluster::new() else { return };
    let (first, second) = (cluster.create("a"), cluster.join("b"));
    let (mut ann, bob) = (first.log_in("ann"), second.log_in("bob"));
    leaves(bob, &mut ann);
    ann.send("PM bob :while you were away");
    ann.until(":parlor NOTE PM STORED bob *");
    let kept = |lines: &[String]| lines.iter().filter(|line| line.contains("were away")).count();
    // Whatever comes from him shows that he has received it.
    let (bob, lines) = log_in_again(&second, "bob");
    assert_eq!(kept(&lines), 1, "{lines:#?}");
    leaves(bob, &mut ann);
    for node in [&first, &second] {
        let (bob, lines) = log_in_again(node, "bob");
        assert_eq!(kept(&lines), 0, "{lines:#?}");
        leaves(bob, &mut ann);
    }
}

#[test]
fn what_is_unread_is_the_same_at_every_node() {
    let Some(cluster) = Cluster::new() else { return };
    let (first, second) = (cluster.create("a"), cluster.join("b"));
    let (ann, mut bob) = (first.log_in("ann"), second.log_in("bob"));
    leaves(ann, &mut bob);
    bob.send("BM :one");
    bob.send("BM :ann, two");
    bob.until_answered();

    // Since she was last there, at the other node; and each of her devices counts for itself.
    let (mut ann, lines) = log_in_again(&second, "ann");
    let said = |lines: &[String], words: &str| lines.iter().any(|line| line.contains(words));
    assert!(said(&lines, "NOTE LOGIN UNREAD ann 2 1 :2 new in #lobby"), "{lines:#?}");
    let mut phone = first.connect("phone");
    phone.request_only("batch parlor/unread draft/read-marker");
    phone.send("CAP END");
    phone.log_in_only("ann");
    phone.until("* UNREAD #lobby 2 1 *");
    phone.until_answered();

    // What is read with one is read with the other.
    bob.send("BM :three");
    bob.until_answered();
    phone.until(":bob!bob@parlor PRIVMSG #lobby :three");
    ann.send("MARKREAD #lobby timestamp=2519-01-01T00:00:00.000Z");
    ann.until(":parlor MARKREAD #lobby timestamp=*");
    let marker = phone.until(":parlor MARKREAD #lobby timestamp=*");
    phone.until("* UNREAD #lobby 0 0 *");
    phone.send("MARKREAD #lobby");
    assert_eq!(phone.until(":parlor MARKREAD #lobby *"), marker);
    for client in [&mut ann, &mut phone] {
        client.send("UNREAD");
        let lines = client.until_answered();
        assert!(!said(&lines, "#lobby"), "{lines:#?}");
    }
    bob.send("BM :four");
    bob.until_answered();
    ann.until(":bob!bob@parlor PRIVMSG #lobby :four");
    ann.send("UNREAD");
    ann.until(":parlor NOTE UNREAD COUNT #lobby 1 0 *");
}

/// Each node charges what comes from its own connections: what `docs/cluster.md` says.
#[test]
fn each_node_has_a_budget_of_its_own_for_what_an_account_stores() {
    let Some(cluster) = Cluster::new() else { return };
    let quota = "limits.stored_bytes_per_hour = 36000\n";
    let first = Server::start_by(&format!("{}{quota}", cluster.config("a")), |command| {
        assert_success(&create(&command, &[]));
        command
    });
    let second = Server::start(&format!("{}{quota}", cluster.config("b")));
    let text = "x".repeat(300);
    let stored: Vec<usize> = [&first, &second]
        .map(|node| {
            let mut ann = node.log_in("ann");
            let mut says = || {
                ann.send(&format!("BM :{text}"));
                ann.until(":parlor * BM *").contains(" NOTE BM SENT ")
            };
            (0..200).take_while(|_| says()).count()
        })
        .into();
    assert!(stored.iter().all(|stored| (60..120).contains(stored)), "{stored:?}");
}

/// A command about the cluster, with a config file of its own.
fn about(cluster: &Cluster, command: &str, more: &[&str]) -> Output {
    let file = cluster.place.path().join("about.toml");
    fs::write(&file, with_open_doors(&cluster.config("a"))).expect("it is written");
    let mut about = chatserver();
    about.args(["cluster", command, "--config"]).arg(&file).args(more);
    about.output().expect("the program runs")
}

#[test]
fn nodes_join_by_a_copy_and_leave_as_single_servers() {
    let Some(cluster) = Cluster::new() else { return };
    let mut single = Server::start("");
    let mut ann = single.log_in("ann");
    ann.send("BM :from before");
    ann.until_answered();
    single.terminate();
    let (from, place) = (single.data(), tempfile::tempdir().expect("a folder"));
    let path = |name: &str| place.path().join(name).to_str().expect("a path").to_owned();
    let mut first = Server::start_by(&cluster.config("a"), |command| {
        assert_success(&create(&command, &["--from", from.to_str().expect("a path")]));
        command
    });

    // Another node can only begin with a copy.
    let mut second = cluster.join("b");
    let mut bob = second.log_in("bob");
    bob.send("CH");
    bob.until(":ann!ann@parlor PRIVMSG #lobby :*from before");
    bob.until_answered();

    let status = about(&cluster, "status", &["--json"]);
    assert_success(&status);
    let output = String::from_utf8_lossy(&status.stdout);
    assert!(
        output.contains(r#""node":"a""#) && output.contains(r#""members":["a","b"]"#),
        "{output}"
    );
    assert_success(&about(&cluster, "status", &[]));

    // A backup, by any node, is data of a node.
    let file = path("backup.db");
    assert_success(&about(&cluster, "snapshot", &["--to", &file]));
    let mut restore = chatserver();
    let restored = restore.args(["restore", &file, "--data", &path("restored")]).output();
    assert_success(&restored.expect("the program runs"));

    second.kill();
    let ill = about(&cluster, "status", &[]);
    assert_eq!(ill.status.code(), Some(1));
    let output = String::from_utf8_lossy(&ill.stdout);
    assert!(output.contains("Node b takes part and does not answer."), "{output}");

    // The restored data include what was sent after the copy.
    let mut ann = first.log_in("ann");
    ann.send("BM :and from after");
    ann.until_answered();
    first.terminate();
    let alone = Server::start_by("", |command| {
        let to = value(&command, "--data").to_str().expect("a path");
        assert_success(&about(&cluster, "leave", &["--data", &path("restored"), "--to", to]));
        command
    });
    let mut ann = alone.log_in("ann");
    ann.send("CH");
    ann.until(":ann!ann@parlor PRIVMSG #lobby :*from before");
    ann.until(":ann!ann@parlor PRIVMSG #lobby :*and from after");
}

#[test]
fn a_node_that_does_not_fit_refuses_to_start_in_one_sentence() {
    let Some(cluster) = Cluster::new() else { return };
    let config = cluster.config("b");
    let none = cluster.refused(&config, None);
    assert!(none.starts_with("NATS has no stream \"parlor_test\""), "{none}");
    let plain = NatsServer::start_without_jetstream().expect("there is a program");
    let none = cluster.refused(&config.replace(&cluster.nats.url(), &plain.url()), None);
    assert!(none.starts_with("NATS has no JetStream"), "{none}");
    let mut first = cluster.create("a");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("parlor.toml");
    fs::write(&file, &config).expect("it is written");
    let mut command = chatserver();
    command.args(["--config"]).arg(&file).arg("--data").arg(folder.path().join("data"));
    let twice = sentence(&create(&command, &[]));
    assert!(twice.starts_with("NATS has a stream \"parlor_test\" already"), "{twice}");

    let r1 = cluster
        .refused(&config.replace("allow_single_log = true", "allow_single_log = false"), None);
    assert!(r1.contains("is on 1 NATS server(s) instead of 3"), "{r1}");
    let other_key = folder.path().join("other.key");
    let mut command = chatserver();
    assert_success(&command.args(["cluster", "key"]).arg(&other_key).output().expect("it runs"));
    let key = cluster.key();
    let (ours, theirs) = (key.to_str().expect("a path"), other_key.to_str().expect("a path"));
    let wrong = cluster.refused(&config.replace(ours, theirs), None);
    assert!(wrong.starts_with("the key in [cluster] key_file is not the one"), "{wrong}");
    let memory = cluster.refused(&config, Some(Path::new(":memory:")));
    assert!(memory.starts_with("a node of a cluster needs a data folder"), "{memory}");
    let settings = cluster.refused(&format!("{config}limits.rooms_per_user = 7\n"), None);
    assert!(
        settings.starts_with("[limits] rooms_per_user in the config file is not"),
        "{settings}"
    );

    // Data of a single server in a cluster, and the other way round.
    let mut single = Server::start("");
    single.terminate();
    let single = cluster.refused(&config, Some(&single.data()));
    assert!(single.contains("are of a single server"), "{single}");
    first.terminate();
    let of_a_cluster = cluster.refused("", Some(&first.data()));
    assert!(of_a_cluster.contains("are of a node of a cluster"), "{of_a_cluster}");
}
