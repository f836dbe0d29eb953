//! Each verb that stores something, under SIGKILL while it is carried out: what was acknowledged is there
//! afterwards, and nothing is half done.
//!
//! One script goes through all of them. In each round a server carries it out up to some line, is killed while it carries
//! out that one, and is started again: all that can be seen is as it was before the line, or as it is after it, and in the
//! latter case only if the line was not acknowledged before.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use crate::support::{Captures, Client, Random, Server, matches};

/// Who sends what, and what acknowledges it.
const SCRIPT: &[(&str, &str, &str)] = &[
    ("ann", "ROOM #garden slow 10", ":parlor NOTE ROOM SETTING #garden slow *"),
    ("ann", "ROOM #garden description :plants", ":parlor NOTE ROOM SETTING #garden description *"),
    (
        "ann",
        "ROOM #garden registered-only on",
        ":parlor NOTE ROOM SETTING #garden registered-only *",
    ),
    ("ann", "PIN #garden {one}", ":parlor NOTE PIN PINNED #garden *"),
    ("bob", "NOTIFY #garden mute", ":parlor NOTE NOTIFY SET #garden mute *"),
    ("bob", "NOTIFY ann follow", ":parlor NOTE NOTIFY SET ann follow *"),
    ("bob", "MARKREAD #garden timestamp=2020-01-01T00:00:00.000Z", ":parlor MARKREAD #garden *"),
    ("bob", "SILENCE +eve", ":bob!* SILENCE +eve"),
    ("bob", "REPORT eve :rude", ":parlor NOTE REPORT REPORTED *"),
    ("ann", "QUIET #garden bob 1h :shh", ":parlor NOTE QUIET ADDED *"),
    ("ann", "BAN #garden mallory 1d take-back=1h :out", ":parlor NOTE BAN ADDED *"),
    ("root", "SERVERBAN ADD 192.0.2.0/24 1d :spam", ":parlor NOTE SERVERBAN ADDED *"),
    ("root", "INVITATION ADD uses=2 :a class", ":parlor NOTE INVITATION ADDED {code} *"),
    ("root", "REPORTS CLOSE 1 :done", ":parlor NOTE REPORTS CLOSED *"),
    ("root", "ACCOUNTS SUSPEND eve 1d :rest", ":parlor NOTE ACCOUNTS SUSPENDED *"),
    ("root", "ACCOUNTS RESUME eve", ":parlor NOTE ACCOUNTS RESUMED *"),
    ("ann", "ROOM #garden founder bob", ":parlor NOTE ROOM SETTING #garden founder *"),
    ("bob", "UNPIN #garden {one}", ":parlor NOTE UNPIN UNPINNED *"),
    ("bob", "UNBAN #garden mallory", ":parlor NOTE UNBAN *"),
    ("bob", "UNQUIET #garden bob", ":parlor NOTE UNQUIET *"),
    ("bob", "SILENCE -eve", ":bob!* SILENCE -eve"),
    ("bob", "NOTIFY #garden default", ":parlor NOTE NOTIFY SET #garden default *"),
    ("root", "INVITATION DEL {code}", ":parlor NOTE INVITATION DELETED *"),
    ("root", "SERVERBAN DEL 1", ":parlor NOTE SERVERBAN DELETED *"),
];

/// By whom, and by which lines, the effects are seen; and what the last line of the answer is.
const LOOKS: &[(&str, &str, &str)] = &[
    ("ann", "ROOM #garden", ":parlor NOTE ROOM END #garden *"),
    ("ann", "MODE #garden", ":parlor 329 *"),
    ("ann", "NAMES #garden", ":parlor 366 *"),
    ("ann", "PIN #garden", ":parlor NOTE PIN END *"),
    ("ann", "BAN #garden", ":parlor NOTE BAN END *"),
    ("ann", "QUIET #garden", ":parlor NOTE QUIET END *"),
    ("ann", "CH #garden 100", ":parlor NOTE CH END *"),
    ("bob", "SILENCE", ":parlor 272 *"),
    ("bob", "NOTIFY", ":parlor NOTE NOTIFY END *"),
    ("bob", "MARKREAD #garden", ":parlor MARKREAD *"),
    ("root", "REPORTS ALL", ":parlor NOTE REPORTS END *"),
    ("root", "SERVERBAN LIST", ":parlor NOTE SERVERBAN END *"),
    ("root", "INVITATION LIST", ":parlor NOTE INVITATION END *"),
    ("root", "ACCOUNTS LIST eve", ":parlor NOTE ACCOUNTS END *"),
    ("root", "AUDIT", ":parlor NOTE AUDIT END *"),
];

const PEOPLE: [&str; 4] = ["ann", "bob", "mallory", "root"];

#[test]
fn verbs_are_all_or_nothing_across_a_kill_and_done_if_acknowledged() {
    crash(2);
}

#[test]
#[ignore = "takes some minutes"]
fn verbs_are_all_or_nothing_at_every_kill() {
    crash(40);
}

fn crash(rounds: usize) {
    let mut random = Random::seeded();
    let states = World::new().all_states();
    for (number, step) in SCRIPT.iter().enumerate() {
        for _ in 0..rounds {
            let mut world = World::new();
            SCRIPT[..number].iter().for_each(|step| world.carry_out(step));
            let acknowledged = world.kill_during(step, Duration::from_micros(random.below(3_000)));
            let found = world.look();
            let (before, after) = (&states[number], &states[number + 1]);
            assert!(before != after, "nothing shows {step:?}");
            if acknowledged || found != *before {
                let (missing, more) = (without(after, &found), without(&found, after));
                assert!(
                    found == *after,
                    "{step:?}, acknowledged: {acknowledged}\nmissing: {missing:#?}\nnot expected: {more:#?}"
                );
            }
        }
    }
}

/// The lines of one that are not in the other.
fn without<'a>(one: &'a [String], other: &[String]) -> Vec<&'a String> {
    one.iter().filter(|line| !other.contains(line)).collect()
}

/// A server, and those who are connected to it.
struct World {
    server: Server,
    clients: HashMap<&'static str, Client>,
    captures: Captures,
}

impl World {
    /// Ann's room, in which bob and mallory have said something.
    fn new() -> World {
        let server = Server::start("operator = [{ account = \"root\", role = \"admin\" }]");
        let mut world = World { server, clients: HashMap::new(), captures: Captures::new() };
        world.server.log_in("eve").send("EX");
        world.enter();
        for name in ["ann", "bob", "mallory"] {
            let client = world.client(name);
            client.send("JOIN #garden");
            client.until(&format!(":parlor 366 {name} #garden *"));
        }
        world.carry_out(&("ann", "PM #garden :hello", ":parlor NOTE PM SENT #garden {one} *"));
        for name in ["bob", "mallory"] {
            world.carry_out(&(name, "PM #garden :hello", ":parlor NOTE PM SENT #garden *"));
        }
        world
    }

    fn enter(&mut self) {
        for name in PEOPLE {
            self.clients.insert(name, self.server.log_in(name));
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).expect("they are connected")
    }

    fn carry_out(&mut self, step: &(&'static str, &str, &str)) {
        let line = self.spelled_out(step.1);
        let client = self.clients.get_mut(step.0).expect("they are connected");
        client.send(&line);
        client.until_with(step.2, &mut self.captures);
    }

    /// Kills the server so long after it was sent a line, and starts it again; whether the line was acknowledged.
    fn kill_during(&mut self, step: &(&'static str, &str, &str), after: Duration) -> bool {
        let line = self.spelled_out(step.1);
        self.client(step.0).send(&line);
        // Not for a condition: it moves the kill to any point of the work.
        thread::sleep(after);
        self.server.kill();
        let told = self.client(step.0).until_closed();
        let acknowledged = told.iter().any(|line| matches(step.2, line, &mut self.captures));
        self.server.restart();
        self.enter();
        acknowledged
    }

    /// What is seen before the first line of the script, and after each.
    fn all_states(&mut self) -> Vec<Vec<String>> {
        let mut states = vec![self.look()];
        for step in SCRIPT {
            self.carry_out(step);
            states.push(self.look());
        }
        states
    }

    /// All that is seen, without what differs between two servers: times, msgids and codes.
    fn look(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        for (who, line, last) in LOOKS {
            let client = self.client(who);
            client.until_answered();
            client.send(line);
            let mut answered = false;
            while !answered {
                let line = client.next().expect("the server lives");
                answered = matches(last, &line, &mut Captures::new());
                seen.push(line);
            }
        }
        seen.iter().map(|line| self.common(line)).collect()
    }

    fn spelled_out(&self, line: &str) -> String {
        self.captures.iter().fold(line.to_owned(), |line, (name, value)| {
            line.replace(&format!("{{{name}}}"), value)
        })
    }

    fn common(&self, line: &str) -> String {
        let msgid = &self.captures["one"];
        let code = match line {
            _ if line.starts_with(":parlor NOTE INVITATION ENTRY ") => Some(4),
            _ if line.starts_with(":parlor NOTE AUDIT ENTRY ") && line.contains(" INVITATION-") => {
                Some(8)
            }
            _ => None,
        };
        let words = line.split(' ').enumerate().map(|(at, word)| {
            let bare = word.trim_matches(|mark| "[]():,".contains(mark));
            match word {
                _ if Some(at) == code => "{code}",
                _ if word == msgid => "{one}",
                _ if is_time(bare) => "{time}",
                _ => word,
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// A date, a time of day, or both, or seconds since 1970.
fn is_time(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    digits >= 4 && word.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(&byte))
}
