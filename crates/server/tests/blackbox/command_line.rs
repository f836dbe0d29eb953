//! The program as its owner sees it: arguments, what it says when it cannot start, how it stops, what it logs.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Client, PATIENCE, Server, Start, allow_many_connections, chatserver, tls};

fn run(command: &mut Command) -> Output {
    command.output().expect("the program runs")
}

/// Not started: a code other than 0, and one line on stderr that says why, and contains `words`.
fn refused(command: &mut Command, words: &[&str]) {
    let mut child =
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let begin = Instant::now();
    while child.try_wait().expect("the child's state").is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
            panic!("it serves, and should have refused {words:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().expect("its last words");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(!output.status.success(), "it ran; {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "not one sentence:\n{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

fn serve(data: &Path) -> Command {
    let mut command = chatserver();
    command.args(["--bind", "127.0.0.1", "-p", "0", "--data"]).arg(data);
    command
}

#[test]
fn version_and_help() {
    let output = run(chatserver().arg("--version"));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains(env!("CARGO_PKG_VERSION")));
    let output = run(chatserver().arg("--help"));
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    for word in [
        "--port",
        "--bind",
        "--data",
        "--config",
        "--check-config",
        "--log-format",
        "passwd",
        "check",
        "backup",
        "restore",
        "salvage",
        "parlor-data",
    ] {
        assert!(help.contains(word), "`{word}` is not in the help:\n{help}");
    }
}

#[test]
fn the_port_may_stand_alone_as_the_first_argument() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    // That the port is taken shows that the number was understood as the port.
    refused(
        chatserver().args([&port, "--bind", "127.0.0.1", "--data"]).arg(folder.path().join("d")),
        &[&port],
    );
}

#[test]
fn the_address_to_listen_on_may_be_a_name() {
    let server = Server::start_bound_to("localhost");
    let port = server.address().port();
    let address = ("localhost", port).to_socket_addrs().expect("every machine knows localhost");
    let mut first = Client::connect("first", address.into_iter().next().expect("an address"));
    first.send("PING :by name");
    first.expect(":parlor PONG parlor :by name");
    refused(
        chatserver().args(["-p", "0", "--data", ":memory:", "--bind", "no name"]),
        &["no name"],
    );
}

/// Beside the first address; both lead to the same room.
#[test]
fn further_listen_addresses_are_announced_and_work() {
    let server = Server::start("server.guests = true\nserver.listen = [\"127.0.0.1:0\"]\n");
    let log = server.log();
    let told = log.lines().find(|line| line.contains("address=127.0.0.1:"));
    let told = told.unwrap_or_else(|| panic!("it is not in the log:\n{log}"));
    let more = told.split("address=").nth(1);
    let more: SocketAddr = more.and_then(|text| text.parse().ok()).expect("an address");
    assert_ne!(more.port(), server.address().port());
    let mut ann = server.guest("ann");
    let mut bob = Client::connect("bob", more);
    bob.be_guest("bob");
    ann.expect(":bob!~*@c-*.parlor JOIN #lobby");
    bob.send("PRIVMSG #lobby :from next door");
    ann.expect(":bob!~*@c-*.parlor PRIVMSG #lobby :from next door");
    // Each port takes every way.
    let mut eve = Client::connect_tls("eve", more, tls::any());
    eve.be_guest("eve");
    eve.send("PRIVMSG #lobby :by TLS");
    ann.until(":eve!~*@c-*.parlor PRIVMSG #lobby :by TLS");
}

#[test]
fn a_port_in_use_is_reported_and_no_folder_is_created() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let data = folder.path().join("data");
    let mut command = chatserver();
    command.args(["--bind", "127.0.0.1", "-p", &port, "--data"]).arg(&data);
    refused(&mut command, &[&port]);
    assert!(!data.join("parlor.db").exists(), "a store was made");
}

#[test]
fn a_data_folder_that_is_a_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "precious").expect("written");
    refused(&mut serve(&file), &["file"]);
    assert_eq!(fs::read_to_string(&file).expect("still there"), "precious");
    refused(&mut serve(&file.join("below")), &["below"]);
}

#[test]
fn an_unwritable_data_folder_is_refused() {
    // Not even the superuser can make a folder there.
    refused(&mut serve(Path::new("/proc/parlor-data")), &["/proc/parlor-data"]);
}

#[test]
fn a_data_folder_in_use_by_another_server_is_refused() {
    let server = Server::start("");
    let mut ann = server.log_in("ann");
    refused(&mut serve(&server.data()), &["another"]);
    ann.send("BM :still fine");
    ann.expect(":parlor NOTE BM SENT * :*");
}

#[test]
fn a_database_newer_than_the_program_is_refused_and_left_alone() {
    let mut server = Server::start("");
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
    let file = database(&server.data());
    let connection = rusqlite::Connection::open(&file).expect("the database opens");
    connection.pragma_update(None, "user_version", 9_999).expect("the version is set");
    drop(connection);
    let before = fs::read(&file).expect("the database");
    refused(&mut serve(&server.data()), &["newer"]);
    assert!(fs::read(&file).expect("the database") == before, "the database was touched");
}

#[test]
fn a_folder_with_something_else_in_place_of_the_database_is_refused_and_left_alone() {
    let mut server = Server::start("");
    server.kill();
    let file = database(&server.data());
    let noise = b"this is no database, but somebody's diary. ".repeat(500);
    fs::write(&file, &noise).expect("written");
    for name in ["-wal", "-shm"] {
        let mut path = file.clone().into_os_string();
        path.push(name);
        if Path::new(&path).exists() {
            fs::remove_file(path).expect("removed");
        }
    }
    refused(&mut serve(&server.data()), &[]);
    assert!(fs::read(&file).expect("the file") == noise, "the file was touched");
}

/// The one file of the data folder that is a database.
fn database(data: &Path) -> std::path::PathBuf {
    let files =
        fs::read_dir(data).expect("the data folder").map(|file| file.expect("a file").path());
    let mut found = files
        .filter(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3")));
    found.next().expect("there is a database")
}

#[test]
fn a_config_with_a_mistake_is_refused_with_key_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("parlor.toml");
    let data = folder.path().join("data");
    for (text, words) in [
        ("[server]\nname = \"x\"\nlobbby = \"#a\"\n", &["lobbby", "line 3"][..]),
        ("[limits]\nconnections = \"many\"\n", &["line 2", "a whole number from 0 to"]),
        ("[http]\norigins = [\"chat.example\"]\n", &["origins", "https://chat.example"]),
        (
            "[server]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n",
            &["127.0.0.1:1", "is redundant"],
        ),
        ("[server\n", &["line 1"]),
        ("[server]\nlobby = \"no room\"\n", &["lobby"]),
        ("[server]\ncapabilities_off = [\"bath\"]\n", &["capabilities_off", "bath"]),
        ("[server]\ncapabilities_off = [\"cap-notify\"]\n", &["cap-notify"]),
        ("[admin]\nemail = \"a\\nb\"\n", &["[admin]", "one line"]),
        ("[limits]\nhistory_page = 1000000\n", &["history_page", "1000000", "1000"]),
        ("[limits]\noutbox_bytes = 10\n", &["outbox_bytes", "10", "65536"]),
        ("[limits]\nreplay = 1001\n", &["replay", "1001", "1000"]),
        ("[server]\npassword_iterations = 1\n", &["password_iterations", "4096", "600000"]),
    ] {
        fs::write(&config, text).expect("written");
        refused(serve(&data).arg("--config").arg(&config), words);
        refused(chatserver().arg("--check-config").arg("--config").arg(&config), words);
    }
    refused(serve(&data).arg("--config").arg(folder.path().join("absent.toml")), &["absent.toml"]);
    assert!(!data.exists(), "the data folder was made");
}

#[test]
fn a_config_is_checked_without_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("parlor.toml");
    let check = || {
        let mut command = chatserver();
        command.current_dir(folder.path()).arg("--check-config").arg("--config").arg(&config);
        command
    };
    fs::write(&config, "[server]\nport = 0\nlisten = [\"127.0.0.1:0\"]\n").expect("written");
    let output = run(&mut check());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("is valid"));
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 1, "something was made");
    // The port of the command line counts, too.
    fs::write(&config, "[server]\nlisten = [\"127.0.0.1:7\"]\n").expect("written");
    assert!(run(&mut check()).status.success());
    refused(check().args(["-p", "7"]), &["is redundant", "127.0.0.1:7", "[::]:7"]);
    fs::write(&config, "[tls]\ncertificate = \"no.pem\"\nkey = \"no.pem\"\n").expect("written");
    refused(&mut check(), &["no.pem"]);
    assert_eq!(run(chatserver().arg("--check-config")).status.code(), Some(2));
}

/// What one needs to know of it, before it says that it waits.
#[test]
fn startup_prints_the_data_folder_the_fingerprint_and_how_to_join() {
    let server = Server::start("");
    let log = server.log();
    let data = server.data().canonicalize().expect("it is there");
    let port = server.address().port();
    for words in [
        format!("[INFO] Accounts, rooms and history are kept folder={}", data.display()),
        "[INFO] Using a self-signed certificate sha256_fingerprint=".to_owned(),
        format!("[INFO] Join with: chatclient -hn localhost -p {port}"),
    ] {
        let told = log.split("Waiting for connection").next().expect("it begins so");
        assert!(told.contains(&words), "`{words}` is not in:\n{log}");
    }
}

#[test]
fn the_command_line_overrides_port_address_and_folder_of_the_config() {
    let folder = tempfile::tempdir().expect("a folder");
    let (named, other) = (folder.path().join("named"), folder.path().join("other"));
    let config = folder.path().join("parlor.toml");
    let text = format!("[server]\nport = 0\nbind = \"127.0.0.1\"\ndata = {named:?}\n");
    fs::write(&config, text).expect("written");
    let from_file = Server::start_by("", |_| {
        let mut command = chatserver();
        command.arg("--config").arg(&config);
        command
    });
    from_file.connect("first").until_answered();
    assert!(named.join("parlor.db").exists() && !other.exists());
    drop(from_file);
    let from_both = Server::start_by("", |_| {
        let mut command = chatserver();
        command.arg("--config").arg(&config).args(["--bind", "localhost", "--data"]).arg(&other);
        command
    });
    assert!(other.join("parlor.db").exists());
    drop(from_both);
}

/// A file has the time of each line; the waiting line's words are the same.
#[test]
fn lines_in_a_file_begin_with_the_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let mut command = serve(Path::new(":memory:"));
    let mut child = command.stdout(fs::File::create(&path).expect("a file")).spawn().expect("runs");
    let begin = Instant::now();
    let log = loop {
        let log = fs::read_to_string(&path).expect("the log");
        if log.contains("...\n") || begin.elapsed() > PATIENCE {
            break log;
        }
        thread::sleep(Duration::from_millis(5));
    };
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    for line in log.lines() {
        let (time, rest) = line.split_once(' ').expect("a time");
        assert!(proto::time::parse_server_time(time).is_some(), "{line}");
        assert!(rest.starts_with("[INFO] ") || rest.starts_with("[WARN] "), "{line}");
    }
    let last = log.lines().last().expect("a line");
    assert!(last.contains("Z [INFO] Waiting for connection on port "), "{log}");
}

/// The least of what a stop takes, of three tries: others may be busy on the machine.
fn least_stop(mut server: impl FnMut() -> (Server, Vec<Client>)) -> Duration {
    let once = |_| {
        let (mut server, clients) = server();
        let (status, took) = server.terminate();
        assert!(status.success(), "{status}");
        for mut client in clients {
            client.until("ERROR :The server is stopping");
            client.expect_closed();
        }
        took
    };
    (0..3).map(once).min().expect("three")
}

/// Nobody of them reads before the server is gone, and each finds its last lines all the same.
#[test]
fn sigterm_does_not_wait_for_a_thousand_idle_clients() {
    allow_many_connections();
    let took = least_stop(|| {
        let server = Server::start_as(
            Start::InMemory,
            "server.guests = true\nlimits.connections_per_address = 0\nlimits.connects_per_minute = 0\n",
        );
        let mut clients: Vec<Client> =
            (0..1000).map(|n| server.connect(&format!("u{n}"))).collect();
        for client in &mut clients {
            client.send("PING :here");
        }
        for client in &mut clients {
            client.until(":parlor PONG parlor :here");
        }
        (server, clients)
    });
    // 100 ms are promised, for a program built for use on a machine with nothing else to do.
    assert!(took < Duration::from_millis(800), "{took:?}");
}

#[test]
fn sigterm_tells_everybody_and_keeps_everything() {
    let mut server = Server::start("");
    let mut clients = [server.log_in("ann"), server.log_in("bob")];
    clients[0].until(":bob!* JOIN #lobby");
    clients[0].send("BM :last words");
    clients[0].expect(":parlor NOTE BM SENT * :*");
    let (status, took) = server.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    for client in &mut clients {
        client.until("ERROR :*");
        client.expect_closed();
    }
    server.restart();
    let mut ann = server.log_in("ann");
    ann.send("CH");
    ann.expect(":ann!ann@parlor PRIVMSG #lobby :*last words");
}

#[test]
fn sigterm_without_clients_ends_at_once() {
    let mut server = Server::start("");
    let (status, took) = server.terminate();
    assert!(status.success(), "{status}");
    // 100 ms are promised, for a program built for use on a machine with nothing else to do.
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Even one who does not read does not hold it up.
#[test]
fn sigterm_does_not_wait_for_a_client_that_never_reads() {
    let mut server = Server::start("server.guests = true\n");
    let stuck = server.guest("stuck");
    let mut ann = server.guest("ann");
    let text = "x".repeat(400);
    for _ in 0..8 {
        let many: String = (0..1000).map(|_| format!("PRIVMSG #lobby :{text}\r\n")).collect();
        ann.send_bytes(many.as_bytes());
        ann.until_answered();
    }
    let (status, took) = server.terminate();
    assert!(status.success(), "{status}");
    // 1.2 seconds are promised, on a machine with nothing else to do.
    assert!(took < Duration::from_millis(1700), "{took:?}");
    drop(stuck);
}

#[test]
fn the_terminal_shows_logins_and_departures_and_no_secrets() {
    let server = Server::start("");
    let mut ann = server.connect("ann");
    ann.send("LOGIN ann :open sesame");
    ann.until(":parlor NOTE LOGIN ACCOUNT_CREATED *");
    server.wait_for_log(|line| line.contains("ann"));
    let mut eve = server.connect("eve");
    eve.send("LOGIN ann :guessed-wrong");
    eve.until(":parlor FAIL LOGIN WRONG_PASSWORD *");
    server.wait_for_log(|line| {
        line.contains("ann") && line.to_lowercase().contains("wrong password")
    });
    eve.send("PASS leaked-password");
    eve.send("LOGIN ann sesame:open:sesame extra");
    eve.until(":parlor FAIL LOGIN *");
    ann.send("QUIT :dinner is ready");
    ann.until("ERROR :*");
    server.wait_for_log(|line| line == "[INFO] Left user=ann address=127.0.0.1 reason=Quit");
    server.wait_for_logs(2, |line| line.contains("[INFO] Waiting for connection on port"));
    let log = server.log();
    for secret in
        ["open sesame", "guessed-wrong", "leaked-password", "sesame:open", "dinner is ready"]
    {
        assert!(!log.contains(secret), "`{secret}` is in the log:\n{log}");
    }
}

#[test]
fn the_log_may_be_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = serve(&folder.path().join("data"));
    let mut child =
        command.args(["--log-format", "json"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let output = std::io::BufReader::new(child.stdout.take().expect("piped"));
    for line in std::io::BufRead::lines(output) {
        let line = line.expect("a line");
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
        if line.contains("Waiting for connection on port") {
            child.kill().expect("it runs");
        }
    }
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(9), "it ended before it said that it waits");
}

#[test]
fn a_password_can_be_reset_while_the_server_is_not_running() {
    let mut server = Server::start("");
    server.log_in("ann");
    server.terminate();
    let output = passwd(&server.data(), "ann", "\u{feff}new one\r\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = passwd(&server.data(), "nobody", "new one\n");
    assert!(!output.status.success());
    let output = passwd(&server.data(), "ann", "\n");
    assert!(!output.status.success(), "an empty password was taken");
    server.restart();
    let mut ann = server.connect("ann");
    ann.send("LOGIN ann :secret");
    ann.expect(":parlor FAIL LOGIN WRONG_PASSWORD ann :*");
    ann.send("LOGIN ann :new one");
    ann.expect(":parlor NOTE LOGIN LOGGED_IN ann :*");
    // The folder is in use now.
    let output = passwd(&server.data(), "ann", "third\n");
    assert!(!output.status.success());
}

fn passwd(data: &Path, name: &str, input: &str) -> Output {
    let mut command = chatserver();
    command.args(["passwd", name, "--data"]).arg(data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // The program may refuse before it reads; then nobody takes the password, and that is fine.
    if let Err(error) = stdin.write_all(input.as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

#[test]
fn a_store_can_be_checked() {
    let mut server = Server::start("");
    let mut ann = server.log_in("ann");
    ann.send("BM :hello");
    ann.expect(":parlor NOTE BM SENT * :*");
    server.terminate();
    let output = run(chatserver().arg("check").arg("--data").arg(server.data()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = database(&server.data());
    let mut bytes = fs::read(&file).expect("the database");
    let length = bytes.len();
    bytes[length / 2..].fill(0x5a);
    fs::write(&file, bytes).expect("written");
    let output = run(chatserver().arg("check").arg("--data").arg(server.data()));
    assert!(!output.status.success(), "half a database was found good");
}
