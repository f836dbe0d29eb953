//! The subcommands that scripts call, against our own server.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

#[cfg(unix)]
use crate::process::signal;
use crate::process::{Client, Computer, Outcome};
use crate::together::Chatserver;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A server, and a computer with a password file for each of its people.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    server: Option<Chatserver>,
    pub(crate) port: u16,
    pub(crate) computer: Computer,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place::with("")
    }

    /// The same with these lines in the server's configuration.
    pub(crate) fn with(config: &str) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("config.toml"), config).expect("the folder takes files");
        let server = Chatserver::start(folder.path());
        let (port, computer) = (server.port, Computer::new());
        Place { folder, server: Some(server), port, computer }
    }

    fn command(&self, user: &str, args: &[&str]) -> Command {
        let password = self.computer.state().join(format!("{user}.password"));
        write_private(&password, user);
        let mut command = self.computer.chatclient();
        command.args(args).args(["-hn", "127.0.0.1", "-p", &self.port.to_string(), "-u", user]);
        command.arg("--register").env("PARLOR_PASSWORD_FILE", &password);
        command
    }

    pub(crate) fn call(&self, user: &str, args: &[&str], input: &str) -> Outcome {
        Client::run(self.command(user, args), input).finish()
    }

    /// A call that does what is asked; its standard output.
    pub(crate) fn done(&self, user: &str, args: &[&str]) -> String {
        let outcome = self.call(user, args, "");
        assert_eq!(outcome.code, Some(0), "{args:?}: {outcome:?}");
        outcome.stdout
    }

    /// Ends the server as a failing machine would.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    pub(crate) fn restart(&mut self) {
        self.server = Some(Chatserver::start_at(self.port, self.folder.path()));
    }
}

pub(crate) fn write_private(path: &Path, user: &str) {
    std::fs::write(path, format!("{user}'s secret\n")).expect("the folder takes files");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, private).expect("it is our file");
    }
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// A client that runs on, and its lines as they come.
pub(crate) struct Running {
    child: Child,
    pub(crate) lines: Receiver<String>,
}

impl Running {
    /// Starts the client. Its standard input stays open, and empty.
    pub(crate) fn start(mut command: Command) -> Running {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pipes.spawn().expect("the client starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Running { child, lines }
    }

    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(TIMEOUT).expect("a line comes")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is our child");
    }
}

#[test]
fn who_tells_of_rooms_one_is_not_in_and_of_people() {
    let place = Place::new();
    let facts = "JOIN #garden\n/display-name Bob the Builder\n/status among roses\n";
    let set = place.call("bob", &["--plain"], facts);
    assert_eq!(set.code, Some(0), "{set:?}");
    let bob = Running::start(place.command("bob", &["tail", "--follow"]));
    place.done("ann", &["send", "#lobby", "are you there?"]);
    assert!(bob.line().contains("are you there?"));

    let garden = place.done("ann", &["who", "#garden"]);
    assert!(garden.starts_with("@bob"), "{garden}");
    assert!(garden.contains(", called Bob the Builder, status: among roses"), "{garden}");
    let lobby = json_lines(&place.done("ann", &["who", "--json"]));
    let bob = lobby.iter().find(|member| member["nick"] == "bob").expect("he is there");
    assert_eq!(bob["display_name"], "Bob the Builder");
    let person = json_lines(&place.done("ann", &["who", "bob", "--json"]));
    for (field, value) in [("nick", "bob"), ("account", "bob"), ("status", "among roses")] {
        assert_eq!(person[0][field], value, "{person:?}");
    }
    assert!(place.done("ann", &["who", "bob"]).contains("bob is called Bob the Builder\n"));
    for nowhere in ["#nowhere", "nobody"] {
        let refused = place.call("ann", &["who", nowhere], "");
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    }
    let refused = place.call("ann", &["--plain"], "JOIN #tea,#garden\n");
    assert!(refused.stderr.contains("* Unknown operation JOIN #tea,#garden"), "{refused:?}");
    let refused = place.call("ann", &["--plain"], "WHO #nowhere\n");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("* There is no room #nowhere that"), "{refused:?}");
}

#[test]
fn what_the_server_gives_out_is_shown() {
    let place = Place::new();
    let asked = "/account token add phone\n/account sessions\n/room #lobby\n";
    let told = place.call("ann", &["--plain"], asked);
    assert_eq!(told.code, Some(0), "{told:?}");
    for row in ["* Session ", " from 127.0.0.1: TLS", "* Slow: off"] {
        assert!(told.stderr.contains(row), "{row}: {told:?}");
    }
    let (_, token) = told.stderr.split_once("* App password phone: ").expect(&told.stderr);
    let (token, _) = token.split_once(": Give this to one program").expect(&told.stderr);
    let password = place.computer.state().join("token");
    std::fs::write(&password, token).expect("the folder takes files");
    let mut phone = place.command("ann", &["rooms"]);
    phone.env("PARLOR_PASSWORD_FILE", password);
    assert_eq!(Client::run(phone, "").finish().code, Some(0));
}

#[test]
fn send_prints_the_msgid_under_which_history_has_the_message() {
    let place = Place::new();
    let msgid = place.done("ann", &["send", "#lobby", "hello world"]);
    let history = json_lines(&place.done("bob", &["history", "#lobby", "--json"]));
    assert_eq!(history.len(), 1, "{history:?}");
    assert_eq!(history[0]["msgid"], msgid.trim_end());
    for (field, value) in
        [("from", "ann"), ("account", "ann"), ("target", "#lobby"), ("kind", "message")]
    {
        assert_eq!(history[0][field], value, "{history:?}");
    }
    let answer = ["send", "#lobby", "-", "--reply-to", msgid.trim_end()];
    let sent = place.call("bob", &answer, "several\nlines\n");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let history = json_lines(&place.done("ann", &["history", "#lobby", "--json", "--limit", "1"]));
    assert_eq!(history[0]["text"], "several\nlines");
    assert_eq!(history[0]["reply_to"], msgid.trim_end());
    let before = ["history", "#lobby", "--before", sent.stdout.trim_end()];
    let text = place.done("ann", &before);
    assert!(text.ends_with(" #lobby <ann> hello world\n") && text.lines().count() == 1, "{text}");
}

#[test]
fn send_joins_a_room_but_does_not_create_one() {
    let place = Place::new();
    let typo = place.call("ann", &["send", "#gardne", "hello"], "");
    assert_eq!((typo.code, &*typo.stdout), (Some(1), ""), "{typo:?}");
    assert!(typo.stderr.contains("there is no room #gardne that you may see;"), "{typo:?}");
    let created = place.call("bob", &["--plain"], "JOIN #garden\n");
    assert_eq!(created.code, Some(0), "{created:?}");
    place.done("ann", &["send", "#garden", "hello"]);
    place.done("ann", &["send", "#GARDEN", "hello again"]);
    let rooms = json_lines(&place.done("ann", &["rooms", "--json"]));
    let names: Vec<_> = rooms.iter().filter_map(|room| room["room"].as_str()).collect();
    assert_eq!(names, ["#garden", "#lobby"]);
}

#[test]
fn what_is_refused_is_said_by_words_and_exit_code() {
    let place = Place::new();
    let refused = place.call("ann", &["send", "nobody", "hello"], "");
    assert_eq!((refused.code, &*refused.stdout), (Some(1), ""), "{refused:?}");
    assert!(refused.stderr.contains("There is no user nobody."), "{refused:?}");
    let nothing = place.call("ann", &["send", "#lobby", " "], "");
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    let unknown = place.call("ann", &["history", "#nowhere"], "");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let unknown = place.call("ann", &["history", "#lobby", "--before", "x-9"], "");
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    write_private(&place.computer.state().join("other"), "eve");
    let mut wrong = place.command("ann", &["send", "#lobby", "hello"]);
    wrong.env("PARLOR_PASSWORD_FILE", place.computer.state().join("other"));
    let wrong = Client::run(wrong, "").finish();
    assert_eq!(wrong.code, Some(5), "{wrong:?}");
    let usage = place.call("ann", &["send"], "");
    assert_eq!(usage.code, Some(2), "{usage:?}");
    for target in ["", "#a b", "#a,#b", "#a\r\nQUIT"] {
        let usage = place.call("ann", &["send", target, "hello"], "");
        assert_eq!(usage.code, Some(2), "{target:?}: {usage:?}");
    }
    let mut nobody_there = place.command("ann", &["send", "#lobby", "hello"]);
    drop(place.server);
    nobody_there.args(["--timeout", "30"]);
    let nobody_there = Client::run(nobody_there, "").finish();
    assert_eq!(nobody_there.code, Some(4), "{nobody_there:?}");
}

#[test]
fn lists_are_for_people_and_for_programs() {
    let place = Place::new();
    place.done("bob", &["send", "#lobby", "lunch, ann?"]);
    assert_eq!(place.done("ann", &["who"]), "ann\n");
    assert_eq!(place.done("ann", &["rooms"]), "#lobby 1 \n");
    let rooms = json_lines(&place.done("ann", &["rooms", "--json"]));
    assert_eq!((&rooms[0]["room"], &rooms[0]["joined"]), (&"#lobby".into(), &true.into()));
    place.done("bob", &["send", "ann", "psst"]);
    let status = place.done("ann", &["status"]);
    assert!(status.contains("bob 1 unread"), "{status}");
    // A script takes nothing that is kept for the person: it is still unread.
    assert_eq!(place.done("ann", &["status"]), status);
    let status = json_lines(&place.done("ann", &["status", "--json"]));
    assert!(status.iter().any(|line| line["target"] == "bob" && line["unread"] == 1), "{status:?}");
}

#[test]
fn an_export_has_everything_once_and_nothing_in_it_is_html() {
    let place = Place::new();
    // More than two pages.
    for number in 0..4 {
        let lines: Vec<String> = (0..30).map(|line| format!("BM {number}-{line} <b>")).collect();
        let mut command = place.computer.chatclient();
        command.args([
            "-hn",
            "127.0.0.1",
            "-p",
            &place.port.to_string(),
            "-u",
            "ann",
            "--register",
        ]);
        let outcome =
            Client::run(command, &format!("ann's secret\n{}\n", lines.join("\n"))).finish();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    let expected: Vec<String> =
        (0..4).flat_map(|n| (0..30).map(move |line| format!("{n}-{line} <b>"))).collect();
    let texts: Vec<String> =
        json_lines(&place.done("ann", &["export", "#lobby", "--format", "json"]))
            .iter()
            .map(|line| line["text"].as_str().expect("a text").to_owned())
            .collect();
    assert_eq!(texts, expected);
    assert_eq!(place.done("ann", &["export", "#lobby"]).lines().count(), expected.len());
    let page = place.done("ann", &["export", "#lobby", "--format", "html"]);
    assert!(page.contains("3-29 &lt;b&gt;") && !page.contains("<b>\n"), "{page}");
    let all = place.done("ann", &["history", "#lobby", "--limit", "110"]);
    assert_eq!(all.lines().count(), 110);
}

#[test]
fn tail_follows_through_a_killed_server_and_has_each_message_once() {
    let mut place = Place::new();
    place.done("bob", &["send", "#lobby", "before"]);
    let tail = Running::start(place.command("ann", &["tail", "--follow", "--json", "#lobby"]));
    let text = |line: &str| {
        let line: Value = serde_json::from_str(line).expect(line);
        line["text"].as_str().expect("a text").to_owned()
    };
    assert_eq!(text(&tail.line()), "before");
    place.done("bob", &["send", "#lobby", "live"]);
    assert_eq!(text(&tail.line()), "live");
    for round in 0..3 {
        place.kill();
        place.restart();
        // Some of these are missed, others come live: whether the tail is back does not matter.
        for number in 0..5 {
            place.done("bob", &["send", "#lobby", &format!("{round}-{number}")]);
        }
        for number in 0..5 {
            assert_eq!(text(&tail.line()), format!("{round}-{number}"));
        }
    }
    let more = tail.lines.recv_timeout(Duration::from_millis(300));
    assert_eq!(more, Err(RecvTimeoutError::Timeout), "nothing comes twice");
}

#[test]
#[cfg(unix)]
fn tail_has_once_what_somebody_new_has_said_during_a_break() {
    let mut place = Place::new();
    place.done("bob", &["send", "#lobby", "before"]);
    let tail = Running::start(place.command("ann", &["tail", "--follow", "--json"]));
    let next = || {
        let line: Value = serde_json::from_str(&tail.line()).expect("a line of JSON");
        ["from", "text"].map(|field| line[field].as_str().expect(field).to_owned())
    };
    assert_eq!(next(), ["bob", "before"]);
    place.done("bob", &["send", "#lobby", "live"]);
    assert_eq!(next(), ["bob", "live"]);
    for user in ["eve", "kim"] {
        // It cannot come back before they have spoken.
        signal(&tail.child, "STOP");
        place.kill();
        place.restart();
        place.done(user, &["send", "ann", "one"]);
        place.done(user, &["send", "ann", "two"]);
        signal(&tail.child, "CONT");
        assert_eq!(next(), [user, "one"]);
        assert_eq!(next(), [user, "two"]);
    }
    place.done("eve", &["send", "ann", "three"]);
    assert_eq!(next(), ["eve", "three"], "and nothing twice before it");
}

#[test]
fn tail_begins_where_it_is_told_to() {
    let place = Place::new();
    let msgids: Vec<String> = (0..12)
        .map(|number| {
            place.done("bob", &["send", "#lobby", &number.to_string()]).trim_end().to_owned()
        })
        .collect();
    let last_words = |args: &[&str]| -> Vec<String> {
        let text = place.done("ann", &[&["tail", "#lobby"], args].concat());
        text.lines().filter_map(|line| line.rsplit(' ').next().map(str::to_owned)).collect()
    };
    let numbers = |from: usize| (from..12).map(|number| number.to_string()).collect::<Vec<_>>();
    assert_eq!(last_words(&[]), numbers(2));
    assert_eq!(last_words(&["-n", "3"]), numbers(9));
    assert_eq!(last_words(&["--since", "1h"]), numbers(0));
    assert_eq!(last_words(&["--since", &msgids[4]]), numbers(5));
    let nothing = place.call("ann", &["tail", "#lobby", "--since", "yesterday"], "");
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.stderr.contains("--since yesterday is no time such as 2h: "), "{nothing:?}");
}

#[test]
fn a_remembered_login_needs_no_password_until_it_is_forgotten() {
    let place = Place::new();
    let without_password = |args: &[&str]| {
        let mut command = place.computer.chatclient();
        command.args(args).args(["-hn", "127.0.0.1", "-p", &place.port.to_string()]);
        Client::run(command, "").finish()
    };
    let unknown = without_password(&["send", "#lobby", "hello"]);
    assert_eq!(unknown.code, Some(5), "{unknown:?}");
    let told = place.done("ann", &["login"]);
    let path = told.trim_end().trim_end_matches('.').rsplit(' ').next().expect("a path");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).expect("the file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{told}");
    }
    let sent = without_password(&["send", "#lobby", "hello"]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let history = place.done("bob", &["history", "#lobby"]);
    assert!(history.ends_with(" #lobby <ann> hello\n"), "{history}");
    let other = without_password(&["send", "#lobby", "hello", "-u", "bob"]);
    assert_eq!(other.code, Some(5), "it is ann's: {other:?}");
    let out = without_password(&["logout"]);
    assert_eq!(out.code, Some(0), "{out:?}");
    assert!(!Path::new(path).exists());
    assert_eq!(without_password(&["send", "#lobby", "hello"]).code, Some(5));
}

#[test]
fn a_login_that_is_refused_leaves_the_remembered_one_and_a_new_one_replaces_it() {
    let place = Place::new();
    let told = place.done("ann", &["login"]);
    let path = told.trim_end().trim_end_matches('.').rsplit(' ').next().expect("a path");
    let before = std::fs::read(path).expect("the login is saved");
    // An account takes ten certificates.
    let others: String = (1..10).map(|number| format!("/cert add {number:064x}\n")).collect();
    let added = place.call("ann", &[], &others);
    assert_eq!(added.code, Some(0), "{added:?}");
    let refused = place.call("ann", &["login"], "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("maximum number of certificates"), "{refused:?}");
    assert_eq!(std::fs::read(path).expect("it is still there"), before);
    let folder = Path::new(path).parent().expect("a folder");
    assert_eq!(std::fs::read_dir(folder).expect("it is there").count(), 1, "nothing is left over");
    let mut remembered = place.computer.chatclient();
    remembered.args(["send", "#lobby", "hello", "-hn", "127.0.0.1"]);
    remembered.args(["-p", &place.port.to_string()]);
    let sent = Client::run(remembered, "").finish();
    assert_eq!(sent.code, Some(0), "the login works: {sent:?}");

    let removed = place.call("ann", &[], &format!("/cert del {:064x}\n", 1));
    assert_eq!(removed.code, Some(0), "{removed:?}");
    place.done("ann", &["login"]);
    assert_ne!(std::fs::read(path).expect("it is there"), before);
    // Eight others, and the new one instead of that before.
    let listed = place.call("ann", &[], "/cert list\n");
    assert_eq!(listed.stderr.matches(": Logs in to your account").count(), 9, "{listed:?}");
}

/// Changes ann's password by the plain prompts, with what is typed there.
fn passwd(command: Command, typed: &str) -> Outcome {
    Client::run(command, &format!("/passwd\n{typed}")).finish()
}

/// Whether ann's password is this one.
fn password_is(place: &Place, password: &str) -> bool {
    let file = place.computer.state().join("tried");
    std::fs::write(&file, format!("{password}\n")).expect("the folder takes files");
    let mut command = place.command("ann", &["status"]);
    command.env("PARLOR_PASSWORD_FILE", &file);
    Client::run(command, "").finish().code == Some(0)
}

#[test]
fn a_session_that_has_proved_its_password_is_asked_only_for_the_new_one() {
    let place = Place::new();
    place.done("ann", &["status"]);
    let changed = passwd(place.command("ann", &[]), "better one\nBM hello\n");
    assert_eq!(changed.code, Some(0), "{changed:?}");
    assert!(changed.stderr.contains("Enter your new password:\n"), "{changed:?}");
    assert!(!changed.stderr.contains("Enter your current password:"), "{changed:?}");
    for told in ["* You have a new password.\n", "* Sent to everyone.\n"] {
        assert!(changed.stderr.contains(told), "{changed:?}");
    }
    assert!(!format!("{changed:?}").contains("better one"), "it is not echoed: {changed:?}");
    assert!(password_is(&place, "better one"));
}

#[test]
fn a_session_with_a_certificate_is_asked_for_the_old_password_too() {
    let place = Place::new();
    place.done("ann", &["login"]);
    let by_certificate = || {
        let mut command = place.computer.chatclient();
        command.args(["-hn", "127.0.0.1", "-p", &place.port.to_string()]);
        command
    };
    let wrong = passwd(by_certificate(), "wrong secret\nbetter one\n");
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.stderr.to_lowercase().contains("wrong password"), "{wrong:?}");
    assert!(password_is(&place, "ann's secret"));
    // A space, which a parameter in the middle of a line cannot have.
    let changed = passwd(by_certificate(), "ann's secret\nbetter one\nBM hello\n");
    assert_eq!(changed.code, Some(0), "{changed:?}");
    let asked = "Enter your current password:\nEnter your new password:\n";
    assert!(changed.stderr.contains(asked), "{changed:?}");
    let said = format!("{wrong:?}{changed:?}");
    for secret in ["wrong secret", "better one", "ann's secret", "Cancelled", "Unknown"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
    assert!(password_is(&place, "better one"));
    let empty = passwd(by_certificate(), "\n");
    assert_eq!(empty.code, Some(1), "{empty:?}");
    let ended = passwd(by_certificate(), "better one\n");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("* The password was not changed: the input ended"), "{ended:?}");
    assert!(password_is(&place, "better one"));
}
