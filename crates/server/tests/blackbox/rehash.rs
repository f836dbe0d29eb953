//! The config file is read again while the server runs: by SIGHUP, and as `rehash.txt` has it.

use crate::support::Server;

const BEGIN: &str = "server.guests = true\n";

#[test]
fn by_sighup_the_config_is_read_again_and_the_log_says_so() {
    let server = Server::start(BEGIN);
    let mut ann = server.guest("ann");
    server.write_config(&format!("{BEGIN}server.motd = \"Cake\"\nserver.name = \"other\"\n"));
    server.hang_up();
    server.wait_for_log(|line| line.contains("[INFO] The config file is in effect"));
    server.wait_for_log(|line| line.contains("needs a restart: server.name"));
    ann.expect_quiet();
    ann.send("MOTD");
    ann.until(":parlor 372 ann :Cake");
}

#[test]
fn by_sighup_a_mistake_in_the_config_is_logged_and_changes_nothing() {
    let server = Server::start(&format!("{BEGIN}server.motd = \"Cake\"\n"));
    let mut ann = server.guest("ann");
    server.write_config("server.motd = 7\n");
    server.hang_up();
    server.wait_for_log(|line| {
        line.contains("[WARN] Nothing was changed") && line.contains("mistake in line 6")
    });
    ann.send("MOTD");
    ann.until(":parlor 372 ann :Cake");
    // The next one is good.
    server.write_config(&format!("{BEGIN}server.motd = \"Tea\"\n"));
    server.hang_up();
    server.wait_for_log(|line| line.contains("[INFO] The config file is in effect"));
    ann.send("MOTD");
    ann.until(":parlor 372 ann :Tea");
}

/// The shards keep limits, too: those of connections that are open and of new ones.
#[test]
fn limits_that_change_hold_for_open_connections() {
    let server = Server::start(BEGIN);
    let (mut ann, mut stuck) = (server.guest("ann"), server.connect("stuck"));
    server.write_config(&format!(
        "{BEGIN}limits.login_seconds = 1\nlimits.commands_per_second = 50\nlimits.command_burst = 5\n"
    ));
    server.hang_up();
    server.wait_for_log(|line| line.contains("[INFO] The config file is in effect"));
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
