//! Runs the conversations in `tests/transcripts` against the server, once with each store.
//!
//! A file is about one verb; each `# …` line begins a scenario with a fresh server. Its lines:
//!
//! ```text
//! config: limits.history_page = 3     a setting of this scenario's server
//! config> limits.history_page = 5     the same, written while it runs; without a value, the key is taken out
//! ann: connects                       opens a connection
//! ann: logs in                        connects, LOGIN ann :secret, and reads what follows
//! phone: logs in as ann with batch    the same person elsewhere, with capabilities
//! bob: is a guest with message-tags   connects, NICK and USER
//! ann> BM :hello                      is sent
//! bob< :ann!* PRIVMSG #lobby :hello   the very next line; `*` is anything, `{id}` a word kept from then on, `\*` a star
//! bob<~ :* 366 *                      the next line that matches; others before it are skipped
//! ann: is quiet                       has nothing unread
//! ann: is closed                      the server ends the connection now
//! ann: leaves                         ends the connection itself
//!   an indented line is a remark
//! ```
//!
//! Whoever comes by `logs in` or `is a guest` has read all that greets them, and the others here have read that they joined.

use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use crate::support::{Captures, Client, Server, Start};

#[test]
fn each_transcript_holds_with_the_store_on_disk() {
    run_all(Start::OnDisk);
}

#[test]
fn each_transcript_holds_with_the_store_in_memory() {
    run_all(Start::InMemory);
}

/// Some scenarios run side by side: they mostly wait for one another's server.
const WORKERS: usize = 4;

fn run_all(start: Start) {
    let scenarios = Mutex::new(read_all());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(scenario) = scenarios.lock().expect("no worker panics").pop() else {
                        return;
                    };
                    if catch_unwind(AssertUnwindSafe(|| run(&scenario, start))).is_err() {
                        failed.lock().expect("no worker panics").push(scenario.name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no worker panics");
    assert!(failed.is_empty(), "with the store {start:?}, failed:\n{}", failed.join("\n"));
}

struct Scenario {
    /// File and title.
    name: String,
    config: String,
    /// Line number and line.
    steps: Vec<(usize, String)>,
}

/// All scenarios, or those whose file or title contains `PARLOR_TRANSCRIPT`.
fn read_all() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut all = Vec::new();
    for entry in fs::read_dir(&folder).expect("the transcripts are there") {
        let path = entry.expect("the folder can be read").path();
        let file = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        all.extend(read(&file, &fs::read_to_string(&path).expect("a transcript is text")));
    }
    assert!(all.len() > 30, "only {} scenarios were found", all.len());
    if let Ok(wanted) = std::env::var("PARLOR_TRANSCRIPT") {
        all.retain(|scenario| scenario.name.contains(&wanted));
    }
    all
}

fn read(file: &str, text: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("# ") {
            let name = format!("{file}:{}: {title}", index + 1);
            scenarios.push(Scenario { name, config: String::new(), steps: Vec::new() });
        } else if !line.is_empty() && !line.starts_with(' ') {
            let scenario = scenarios.last_mut().expect("a transcript begins with a # title");
            match line.strip_prefix("config: ") {
                Some(setting) => scenario.config.push_str(&format!("{setting}\n")),
                None => scenario.steps.push((index + 1, line.to_owned())),
            }
        }
    }
    scenarios
}

/// Plays one scenario; panics at the first line that does not hold.
fn run(scenario: &Scenario, start: Start) {
    let server = Server::start_as(start, &scenario.config);
    let lobby = !scenario.config.contains("server.lobby = \"\"");
    let (clients, captures, config) = (HashMap::new(), Captures::new(), scenario.config.clone());
    let mut stage = Stage { server, lobby, clients, captures, config };
    for (number, step) in &scenario.steps {
        let played = catch_unwind(AssertUnwindSafe(|| stage.play(step)));
        if played.is_err() {
            panic!("{}: line {number}: {step}", scenario.name);
        }
    }
}

/// Who is here while a scenario is played.
struct Stage {
    server: Server,
    lobby: bool,
    clients: HashMap<String, Participant>,
    captures: Captures,
    /// What the config file says at the moment.
    config: String,
}

struct Participant {
    client: Client,
    /// The name of one who came by `logs in` or `is a guest`.
    settled: Option<String>,
}

impl Stage {
    fn play(&mut self, step: &str) {
        let end = step.find(['>', '<', ':']).unwrap_or_else(|| panic!("not a step: {step}"));
        let (who, rest) = step.split_at(end);
        if who == "config" {
            self.configure(rest[1..].trim());
        } else if let Some(line) = rest.strip_prefix('>') {
            let line = self.fill_in(line.strip_prefix(' ').unwrap_or(line));
            self.client(who).send(&line);
        } else if let Some(pattern) = rest.strip_prefix("<~ ") {
            let client = &mut self.clients.get_mut(who).expect("is connected").client;
            client.until_with(pattern, &mut self.captures);
        } else if let Some(pattern) = rest.strip_prefix("< ") {
            let client = &mut self.clients.get_mut(who).expect("is connected").client;
            client.expect_with(pattern, &mut self.captures);
        } else {
            self.act(who, rest[1..].trim());
        }
    }

    /// Writes the config file anew with one setting more, in place of another of its key.
    fn configure(&mut self, setting: &str) {
        let (key, value) = setting.split_once('=').expect("a setting has a =");
        let other =
            |line: &&str| line.split('=').next().is_some_and(|one| one.trim() != key.trim());
        let mut config: String =
            self.config.lines().filter(other).map(|line| format!("{line}\n")).collect();
        if !value.trim().is_empty() {
            config.push_str(&format!("{setting}\n"));
        }
        self.server.write_config(&config);
        self.config = config;
    }

    fn client(&mut self, who: &str) -> &mut Client {
        match self.clients.get_mut(who) {
            Some(participant) => &mut participant.client,
            None => panic!("{who} is not connected"),
        }
    }

    /// Sent lines may contain captured `{names}`.
    fn fill_in(&self, line: &str) -> String {
        let filled = self.captures.iter();
        filled.fold(line.to_owned(), |line, (name, value)| {
            line.replace(&format!("{{{name}}}"), value)
        })
    }

    fn act(&mut self, who: &str, action: &str) {
        let (action, capabilities) = match action.split_once(" with ") {
            Some((action, capabilities)) => (action, Some(capabilities)),
            None => (action, None),
        };
        match action {
            "connects" => {
                let client = self.server.connect(who);
                self.clients.insert(who.to_owned(), Participant { client, settled: None });
            }
            "is quiet" => self.client(who).expect_quiet(),
            "is closed" => self.clients.remove(who).expect("is connected").client.expect_closed(),
            "leaves" => drop(self.clients.remove(who).expect("is connected")),
            "logs in" => self.settle(who, who, capabilities, Client::log_in),
            "is a guest" => self.settle(who, who, capabilities, Client::be_guest),
            _ => match action.strip_prefix("logs in as ") {
                Some(name) => self.settle(who, name, capabilities, Client::log_in),
                None => panic!("not an action: {action}"),
            },
        }
    }

    fn settle(&mut self, who: &str, name: &str, caps: Option<&str>, enter: fn(&mut Client, &str)) {
        let mut client = self.server.connect(who);
        if let Some(capabilities) = caps {
            client.request(capabilities);
        }
        enter(&mut client, name);
        let known = self.clients.values().any(|other| other.settled.as_deref() == Some(name));
        if self.lobby && !known {
            let join = format!("*:{name}!* JOIN #lobby*");
            for other in self.clients.values_mut().filter(|other| other.settled.is_some()) {
                other.client.until(&join);
            }
        }
        self.clients.insert(who.to_owned(), Participant { client, settled: Some(name.to_owned()) });
    }
}
