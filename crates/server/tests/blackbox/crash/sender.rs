//! An account that sends without pause, and remembers what it was told.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;

use super::NAMES;
use super::history::Received;
use crate::support::{Client, Random};

/// Messages on their way at most, before a confirmation is awaited.
const IN_FLIGHT: usize = 16;

/// How a sender sends, and so how it hears that something is stored.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// `PRIVMSG`, with echo-message: the echo confirms.
    Irc,
    /// `BM` and `PM`: their NOTE confirms, in the order of sending.
    Verbs,
}

/// A message of the sender's own: also the id for sending it again is made of the text, which is used once.
#[derive(Clone)]
struct Own {
    target: String,
    text: String,
}

impl Own {
    fn line(&self, way: Way) -> String {
        let Own { target, text } = self;
        let id = text.replace(' ', ".");
        match (way, target.as_str()) {
            (Way::Irc, _) => format!("@+parlor/resend={id} PRIVMSG {target} :{text}"),
            (Way::Verbs, "#lobby") => format!("@+parlor/resend={id} BM :{text}"),
            (Way::Verbs, _) => format!("@+parlor/resend={id} PM {target} :{text}"),
        }
    }
}

/// One account, over all lives of the server.
pub(super) struct Sender {
    name: &'static str,
    way: Way,
    sent: usize,
    /// Not confirmed yet, in the order of sending.
    open: VecDeque<Own>,
    /// Text: where it went, and its msgid.
    confirmed: HashMap<String, (String, String)>,
}

/// What one connection of a sender saw until it broke.
#[derive(Default)]
pub(super) struct Session {
    pub(super) seen: Vec<Seen>,
    /// Texts of messages that an earlier connection had sent already.
    pub(super) sent_again: HashSet<String>,
    /// Text and msgid, in the order of the confirmations.
    pub(super) confirmed: Vec<(String, String)>,
}

/// A message that arrived.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) msgid: String,
    pub(super) text: String,
    /// The room, or the other of the two who talk.
    pub(super) other: String,
}

impl Sender {
    pub(super) fn new(name: &'static str, number: usize) -> Sender {
        let way = if number.is_multiple_of(2) { Way::Irc } else { Way::Verbs };
        Sender { name, way, sent: 0, open: VecDeque::new(), confirmed: HashMap::new() }
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn confirmed(&self) -> &HashMap<String, (String, String)> {
        &self.confirmed
    }

    pub(super) fn unconfirmed(&self) -> usize {
        self.open.len()
    }

    /// Logs in, sends again what is open, then new messages, until the connection breaks. `heard` is called at each confirmation.
    pub(super) fn live(
        &mut self,
        address: SocketAddr,
        random: &mut Random,
        heard: impl Fn(),
    ) -> Session {
        let mut session = Session::default();
        let Some(mut client) = self.enter(address, &mut session) else {
            return session;
        };
        self.send_again(&mut client, &mut session);
        loop {
            // An answer may overtake none of the others': the oldest without one is the next to be confirmed.
            while self.open.len() - session.confirmed.len() < IN_FLIGHT {
                let own = self.invent(random);
                client.send(&own.line(self.way));
                self.open.push_back(own);
            }
            let Some(line) = client.next() else {
                return session;
            };
            if self.hear(&client, &line, &mut session) {
                heard();
            }
        }
    }

    /// Sends what is open, and returns when all of it is confirmed.
    pub(super) fn send_the_rest(&mut self, address: SocketAddr) -> Session {
        let mut session = Session::default();
        let mut client = self.enter(address, &mut session).expect("the server lives");
        self.send_again(&mut client, &mut session);
        while session.confirmed.len() < self.open.len() {
            let line = client.next().expect("the server lives");
            self.hear(&client, &line, &mut session);
        }
        session
    }

    /// Takes over what `session` has heard: what is confirmed is not open any more, and keeps its msgid for ever.
    pub(super) fn learn(&mut self, session: &Session) {
        for (text, msgid) in &session.confirmed {
            let at = self
                .open
                .iter()
                .position(|own| own.text == *text)
                .expect("confirmed once, and sent before");
            let own = self.open.remove(at).expect("it is there");
            self.confirmed.insert(own.text, (own.target, msgid.clone()));
        }
    }

    fn enter(&self, address: SocketAddr, session: &mut Session) -> Option<Client> {
        // A kill may come before the connection does.
        let mut client = Client::try_connect(self.name, address).ok()?;
        let echo = if self.way == Way::Irc { " echo-message" } else { "" };
        client.send(&format!("CAP REQ :message-tags server-time{echo}"));
        client.send("CAP END");
        client.send(&format!("LOGIN {} :secret", self.name));
        loop {
            let line = client.next()?;
            assert!(!line.contains(" FAIL "), "{line}");
            self.hear(&client, &line, session);
            if line.contains(" NOTE LOGIN LOGGED_IN ")
                || line.contains(" NOTE LOGIN ACCOUNT_CREATED ")
            {
                return Some(client);
            }
        }
    }

    fn send_again(&self, client: &mut Client, session: &mut Session) {
        session.sent_again = self.open.iter().map(|own| own.text.clone()).collect();
        for own in &self.open {
            client.send(&own.line(self.way));
        }
    }

    fn invent(&mut self, random: &mut Random) -> Own {
        self.sent += 1;
        let others =
            NAMES.into_iter().filter(|name| *name != self.name).chain(["#lobby", "#lobby"]);
        let target = others.collect::<Vec<_>>()[random.below(4) as usize].to_owned();
        Own { target, text: format!("{} {}", self.name, self.sent) }
    }

    /// Takes note of a line; true if it confirms something.
    fn hear(&self, client: &Client, line: &str, session: &mut Session) -> bool {
        assert!(!line.contains(" FAIL "), "{}: {line}", self.name);
        let words: Vec<&str> = line.split(' ').skip_while(|word| *word != "NOTE").collect();
        let noted = match words[..] {
            ["NOTE", "BM", "SENT", msgid, ..] => Some(("#lobby", msgid)),
            ["NOTE", "PM", "SENT" | "STORED", user, msgid, ..] => Some((user, msgid)),
            _ => None,
        };
        if let Some((target, msgid)) = noted {
            // The open messages stay in the queue until the session is over: the next one without an answer.
            let own = &self.open[session.confirmed.len()];
            assert_eq!(own.target, target, "{}: the answer to {:?} is {line}", self.name, own.text);
            session.confirmed.push((own.text.clone(), msgid.to_owned()));
            return true;
        }
        let Some(message) = Received::parse(line) else {
            return false;
        };
        let own = message.author == self.name;
        if own && self.way == Way::Verbs {
            client.fail("expected no echo", line);
        }
        if own {
            session.confirmed.push((message.text.clone(), message.msgid.clone()));
        }
        let other = if message.target == self.name { message.author } else { message.target };
        session.seen.push(Seen { msgid: message.msgid, text: message.text, other });
        own
    }
}
