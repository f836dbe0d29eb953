//! One order holds for all: what a command tells others is on its way to them before its sender's
//! next reply, whichever shards they are on.

use crate::support::{Client, Server};

/// Connections are dealt out to the shards in turn, so each shard has some.
const PEOPLE: usize = 8;
const ROUNDS: usize = 120;

/// Who has seen a `PONG` behind a message can rely on everybody else having the message: it comes
/// before the answer to whatever they are asked from then on.
#[test]
fn after_the_senders_pong_the_message_is_before_everybody_elses() {
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
        let source = format!(":p{sender}!guest@parlor");
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
