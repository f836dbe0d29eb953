//! The config file is read again while the server runs: by SIGHUP, and as `rehash.txt` has it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Server, chatserver};

const BEGIN: &str = "server.guests = true\n";

#[test]
fn sighup_reloads_the_config_and_logs_it() {
    let server = Server::start(BEGIN);
    let mut ann = server.guest("ann");
    server.write_config(&format!("{BEGIN}server.motd = \"Cake\"\nserver.name = \"other\"\n"));
    server.hang_up();
    server.wait_for_log(|line| line.contains("[INFO] The config has been reloaded"));
    server.wait_for_log(|line| line.contains("need a restart: server.name"));
    ann.expect_quiet();
    ann.send("MOTD");
    ann.until(":parlor 372 ann :Cake");
}

#[test]
fn the_config_file_may_begin_with_a_byte_order_mark() {
    let server = Server::start("");
    let config = server.data().with_file_name("parlor.toml");
    let marked = format!("\u{feff}{}", std::fs::read_to_string(&config).expect("it is there"));
    std::fs::write(&config, marked).expect("it can be written");
    server.hang_up();
    server.wait_for_log(|line| line.contains("The config has been reloaded"));
}

#[test]
fn on_sighup_a_config_error_is_logged_and_changes_nothing() {
    let server = Server::start(&format!("{BEGIN}server.motd = \"Cake\"\n"));
    let mut ann = server.guest("ann");
    server.write_config("server.motd = 7\n");
    server.hang_up();
    server.wait_for_log(|line| {
        line.contains("[WARN] Nothing has changed") && line.contains("error in line 8")
    });
    ann.send("MOTD");
    ann.until(":parlor 372 ann :Cake");
    // The next one is good.
    server.write_config(&format!("{BEGIN}server.motd = \"Tea\"\n"));
    server.hang_up();
    server.wait_for_log(|line| line.contains("[INFO] The config has been reloaded"));
    ann.send("MOTD");
    ann.until(":parlor 372 ann :Tea");
}

/// Nobody writes to such a pipe, and nobody waits for it.
#[test]
fn a_pipe_in_the_place_of_the_config_or_a_key_is_refused_at_once() {
    let mut server = Server::start(BEGIN);
    let config = server.data().with_file_name("parlor.toml");
    let pipe = config.with_file_name("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    let own = server.data().join("tls-certificate.pem");
    for (nth, (certificate, key)) in (1..).zip([(&pipe, &own), (&own, &pipe)]) {
        let [certificate, key] = [certificate, key].map(|path| path.display());
        server.write_config(&format!(
            "{BEGIN}tls.certificate = \"{certificate}\"\ntls.key = \"{key}\"\n"
        ));
        server.hang_up();
        server.wait_for_logs(nth, |line| {
            line.contains("[WARN] Nothing has changed") && line.contains("not a regular file")
        });
    }
    std::fs::remove_file(&config).expect("it is there");
    std::fs::rename(&pipe, &config).expect("it is there");
    server.hang_up();
    server.wait_for_log(|line| line.contains("cannot read the config file"));
    let (status, took) = server.terminate();
    assert!(status.success() && took < Duration::from_secs(5), "{status} after {took:?}");
}

#[test]
fn a_reload_in_progress_is_not_started_twice() {
    let server = Server::start("operator = [{ name = \"boss\", password = \"open up\" }]\n");
    let mut boss = server.log_in("boss");
    boss.send("OPER boss :open up");
    boss.until_answered();
    boss.send_bytes(b"REHASH\r\nREHASH\r\n");
    boss.expect(":parlor 382 boss parlor.toml :Rehashing");
    boss.expect(":parlor 400 boss REHASH :The config is already being reloaded");
    boss.expect(":parlor NOTICE boss :The config has been reloaded");
    boss.send("REHASH");
    boss.expect(":parlor 382 boss parlor.toml :Rehashing");
    boss.expect(":parlor NOTICE boss :The config has been reloaded");
}

#[test]
fn sighup_without_a_config_file_does_not_end_the_server() {
    let mut command = chatserver();
    command.args(["--bind", "127.0.0.1", "-p", "0", "--data", ":memory:"]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut log = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut until = |words: &str| {
        assert!(log.any(|line| line.expect("text").contains(words)), "no line has {words:?}");
    };
    until("Waiting for connection");
    for _ in 0..2 {
        kill_process(Pid::from_child(&child), Signal::HUP).expect("our own child");
        until("Nothing has changed: the server was started without a config file");
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

/// The shards keep limits, too: those of connections that are open and of new ones.
#[test]
fn changed_limits_apply_to_open_connections() {
    let server = Server::start(BEGIN);
    let (mut ann, mut stuck) = (server.guest("ann"), server.connect("stuck"));
    server.write_config(&format!(
        "{BEGIN}limits.login_seconds = 1\nlimits.commands_per_second = 50\nlimits.command_burst = 5\n"
    ));
    server.hang_up();
    server.wait_for_log(|line| line.contains("[INFO] The config has been reloaded"));
    stuck.until("ERROR :No login in time");
    ann.until_answered();
    let begin = std::time::Instant::now();
    ann.send_bytes("PING :x\r\n".repeat(45).as_bytes());
    for _ in 0..45 {
        ann.expect(":parlor PONG parlor :x");
    }
    let took = begin.elapsed();
    assert!(took >= std::time::Duration::from_millis(700), "{took:?}");
}
