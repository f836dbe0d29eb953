//! The history of one conversation as the server tells it.

use std::collections::{HashMap, HashSet};

use crate::support::{Client, Server};

/// A page; the server's default for the most.
const PAGE: usize = 100;

/// Messages in the server's order. Reading panics if a msgid or a text comes twice: texts here are all different.
#[derive(Default)]
pub(super) struct History {
    msgids: HashSet<String>,
    newest: Option<String>,
    places: HashMap<String, (usize, String)>,
}

/// A session of `name` that can read history.
pub(super) fn reader(server: &Server, name: &str) -> Client {
    let mut client = server.connect(name);
    client.request("message-tags server-time batch draft/chathistory");
    client.log_in(name);
    client
}

impl History {
    /// Reads what has come since the last reading, to the end.
    pub(super) fn read_on(&mut self, client: &mut Client, target: &str) {
        loop {
            let from = match &self.newest {
                Some(msgid) => format!("msgid={msgid}"),
                None => "timestamp=2000-01-01T00:00:00.000Z".to_owned(),
            };
            client.send(&format!("CHATHISTORY AFTER {target} {from} {PAGE}"));
            client.until("*BATCH +* chathistory *");
            let mut count = 0;
            loop {
                let line = client.until("*");
                if line.contains("BATCH ") && !line.contains(" PRIVMSG ") {
                    break;
                }
                let message = Received::parse(&line)
                    .unwrap_or_else(|| client.fail("expected history", &line));
                self.add(message);
                count += 1;
            }
            if count < PAGE {
                return;
            }
        }
    }

    fn add(&mut self, message: Received) {
        let new = self.msgids.insert(message.msgid.clone());
        assert!(new, "{message:?} has a msgid that came before");
        let place = (self.places.len(), message.msgid.clone());
        let before = self.places.insert(message.text.clone(), place);
        assert!(before.is_none(), "{message:?} is there twice, before it as {before:?}");
        self.newest = Some(message.msgid);
    }

    /// Where the message is, counted from the oldest; `None` if it is not there with both msgid and text.
    pub(super) fn place(&self, msgid: &str, text: &str) -> Option<usize> {
        self.places.get(text).filter(|(_, stored)| stored == msgid).map(|(place, _)| *place)
    }

    pub(super) fn len(&self) -> usize {
        self.msgids.len()
    }
}

/// A PRIVMSG with tags, as it came over the wire.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) msgid: String,
    /// The nick of its author.
    pub(super) author: String,
    /// The room or nick it went to.
    pub(super) target: String,
    pub(super) text: String,
}

impl Received {
    pub(super) fn parse(line: &str) -> Option<Received> {
        let (tags, rest) = line.strip_prefix('@')?.split_once(" :")?;
        let (source, rest) = rest.split_once(" PRIVMSG ")?;
        let (target, text) = rest.split_once(" :")?;
        let msgid = tags.split(';').find_map(|tag| tag.strip_prefix("msgid="))?;
        let author = source.split('!').next()?;
        let [msgid, author, target, text] = [msgid, author, target, text].map(str::to_owned);
        Some(Received { msgid, author, target, text })
    }
}
