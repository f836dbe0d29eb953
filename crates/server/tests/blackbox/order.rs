//! One order holds for all: what a command tells others is on its way to them before its sender's
//! next reply, whichever shards they are on.

use crate::support::{Client, Server};

/// Connections are dealt out to the shards in turn, so each shard has some.
const PEOPLE: usize = 8;
const ROUNDS: usize = 120;

/// Who has seen a `PONG` behind a message can rely on everybody else having the message: it comes
/// before the answer to whatever they are asked from then on.
#[test]
fn a_senders_pong_means_that_the_message_is_ordered() {
    let server = Server::start("server.guests = true\n");
    let mut people: Vec<Client> = (0..PEOPLE)
        .map(|number| {
            let mut client = server.connect(&format!("p{number}"));
            client.request("away-notify");
            client.be_guest(&format!("p{number}"));
            client
        })
        .collect();
    people.iter_mut().for_each(|client| drop(client.until_answered()));
    for round in 0..ROUNDS {
        let sender = round % PEOPLE;
        let source = format!(":p{sender}!~*@c-*.parlor");
        // Something that is stored first, and something that is not.
        let (command, told) = match round % 3 {
            0 => (format!("AWAY :{round}"), format!("{source} AWAY :{round}")),
            _ => (format!("BM :{round}"), format!("{source} PRIVMSG #lobby :{round}")),
        };
        people[sender].send_bytes(format!("{command}\r\nPING :{round}\r\n").as_bytes());
        people[sender].until(&format!(":parlor PONG parlor :{round}"));
        for (number, client) in people.iter_mut().enumerate() {
            if number != sender {
                client.send(&format!("PING :{round}"));
            }
        }
        for (number, client) in people.iter_mut().enumerate() {
            if number != sender {
                client.expect(&told);
                client.expect(&format!(":parlor PONG parlor :{round}"));
            }
        }
    }
}

/// `TARGETS` counts from the first time, as `BETWEEN` does; going on from the last one's misses none.
#[test]
fn targets_are_paged_from_either_end_and_none_is_missed() {
    let server = Server::start("");
    let names = ["bob", "cem", "dee", "eve", "fay"];
    let mut ann = server.connect("ann");
    ann.request("draft/chathistory");
    ann.log_in("ann");
    for name in names {
        server.log_in(name).send("PM ann :hello");
        ann.until(&format!(":{name}!* PRIVMSG ann :hello"));
    }
    let (early, late) = ("2020-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z");
    for (start, end) in [(early, late), (late, early)] {
        let (mut from, mut found) = (start.to_owned(), Vec::new());
        while from != end {
            ann.until_answered();
            ann.send(&format!("CHATHISTORY TARGETS timestamp={from} timestamp={end} 2"));
            let page = ann.until_answered().into_iter().filter(|line| line.contains("TARGETS"));
            let mut page: Vec<(String, String)> = page
                .map(|line| {
                    let words: Vec<&str> = line.split(' ').collect();
                    (words[3].to_owned(), words[4].trim_start_matches(':').to_owned())
                })
                .collect();
            assert!(page.is_sorted_by_key(|(_, time)| time.clone()), "{page:?}");
            if start == late {
                page.reverse();
            }
            from = page.last().map_or(end.to_owned(), |(_, time)| time.clone());
            found.extend(page.into_iter().map(|(name, _)| name));
        }
        let mut expected = names.map(str::to_owned).to_vec();
        if start == late {
            assert_eq!(found[0], "fay");
        }
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}
