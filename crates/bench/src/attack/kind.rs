//! What hostile people do: how each attack is prepared, and what each of its connections says again and again.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;

use super::horde::Horde;
use crate::failure::Result;

/// An attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One account's devices go into and out of 100 large rooms.
    Rooms,
    /// `LIST` with masks that fit nearly, over 10,000 rooms.
    Masks,
    /// `JOIN` of one room again and again, past a hundred bans with costly masks.
    Bans,
    /// `PRIVMSG` to many targets at once, from an account with many devices.
    Targets,
    /// Devices that ask for the history of all conversations at once.
    History,
    /// Connections that ask for much, read nothing and give signs of life.
    Unread,
    /// Messages with as many tags as fit.
    Tags,
    /// Connections of one address that all make accounts.
    Register,
    /// Passwords guessed for one name from thirty addresses, and for `OPER`.
    Guesses,
    /// SCRAM challenges taken by many connections and answered wrongly.
    Challenges,
    /// Private messages with long tags to a reader who is slow.
    Outbox,
    /// Private messages to somebody who is offline.
    Kept,
    /// Connections from ever new addresses.
    Addresses,
}

const TAGS_BYTES: usize = 4000;
/// Connections that [`Kind::Addresses`] has open at once.
const ADDRESSES_AT_ONCE: usize = 200;

/// Where an attacker comes from: `one` address, or one for each.
fn from(number: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0001 + u32::try_from(number).unwrap_or(0))
}

/// A part of what the attack has at its full size.
fn share(full: usize, percent: usize) -> usize {
    (full * percent / 100).max(2)
}

impl Kind {
    /// What it is called in tables.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Gets everybody to where the attack begins; of everything so many percent.
    ///
    /// # Errors
    /// What the server refuses.
    pub fn prepare(self, horde: &mut Horde, percent: usize) -> Result<()> {
        match self {
            Self::Rooms => {
                for number in 0..share(150, percent) {
                    let member = horde.guest(from(number), &format!("member{number}"))?;
                    horde.peer(member).attacks = false;
                    for line in joins(share(100, percent), "#b") {
                        horde.send(member, &line);
                    }
                    horde.settle(member)?;
                }
                devices(horde, share(20, percent), &["eve"])
            }
            Self::Masks => {
                for number in 0..share(100, percent) {
                    let member = horde.guest(from(number), &format!("member{number}"))?;
                    horde.peer(member).attacks = false;
                    for line in joins(share(100, percent), &format!("#aaaaaaaaaaaaaaaa{number}-")) {
                        horde.send(member, &line);
                    }
                }
                for number in 0..share(100, percent) {
                    horde.settle(number)?;
                }
                devices(horde, 1, &["eve"])
            }
            Self::Bans => {
                let owner = horde.guest(from(0), "owner")?;
                horde.peer(owner).attacks = false;
                horde.send(owner, "JOIN #b");
                for number in 0..share(96, percent) {
                    horde.send(owner, &format!("MODE #b +b *{}b{number}!*@*", "a*".repeat(17)));
                }
                horde.settle(owner)?;
                for number in 1..share(20, percent) {
                    horde.guest(from(number), &format!("{}{number}", "a".repeat(24)))?;
                }
                Ok(())
            }
            Self::Targets | Self::Kept => {
                let names: Vec<String> = (0..4).map(|n| format!("off{n}")).collect();
                for name in &names {
                    let offline = horde.device(from(200), name)?;
                    horde.peer(offline).attacks = false;
                    horde.send(offline, "QUIT");
                }
                devices(horde, share(20, percent), &["eve"])
            }
            Self::History => {
                let names: Vec<String> = (0..3).map(|n| format!("eve{n}")).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                devices(horde, share(20, percent), &names)?;
                let writer = horde.guest(from(201), "writer")?;
                horde.peer(writer).attacks = false;
                for number in 0..share(200, percent) {
                    horde.send(writer, &format!("PRIVMSG eve{} :{}", number % 3, "x".repeat(400)));
                }
                horde.settle(writer)
            }
            Self::Unread => {
                let writer = horde.guest(from(201), "writer")?;
                horde.peer(writer).attacks = false;
                for _ in 0..share(200, percent) {
                    horde.send(writer, &format!("PRIVMSG #lobby :{}", "x".repeat(400)));
                }
                horde.settle(writer)?;
                for number in 0..share(50, percent) {
                    let device = horde.device(from(number % 5), &format!("eve{}", number % 3))?;
                    horde.peer(device).reads = false;
                }
                Ok(())
            }
            Self::Tags => devices(horde, 5, &["eve"]),
            Self::Register => {
                for number in 0..share(150, percent) {
                    let hello =
                        format!("CAP REQ :draft/account-registration\r\nNICK z{number}\r\n");
                    horde.connect(from(0), &hello)?;
                }
                Ok(())
            }
            Self::Guesses => {
                let victim = horde.device(from(200), "victim")?;
                horde.peer(victim).attacks = false;
                for number in 0..share(120, percent) {
                    horde.connect(from(number % 30), "")?;
                }
                let oper = horde.guest(from(31), "guesser")?;
                horde.peer(oper).sent = 0;
                Ok(())
            }
            Self::Challenges => {
                let victim = horde.device(from(200), "victim")?;
                horde.peer(victim).attacks = false;
                for _ in 0..share(195, percent) {
                    let hello = "CAP LS 302\r\nCAP REQ :sasl\r\nAUTHENTICATE SCRAM-SHA-256\r\n";
                    horde.connect(from(0), hello)?;
                }
                Ok(())
            }
            Self::Outbox => {
                let victim = horde.device(from(200), "victim")?;
                (horde.peer(victim).attacks, horde.peer(victim).reads) = (false, false);
                devices(horde, share(20, percent), &["eve", "mallory", "trudy"])
            }
            Self::Addresses => Ok(()),
        }
    }

    /// What an attacker says next, if anything.
    #[must_use]
    pub fn line(self, peer: usize, turn: u64) -> Option<String> {
        Some(match self {
            Self::Rooms if turn.is_multiple_of(2) => joins(100, "#b").join("\r\n"),
            Self::Rooms => joins(100, "#b").join("\r\n").replace("JOIN", "PART"),
            Self::Masks => {
                let masks: Vec<String> =
                    (0..8).map(|n| format!("*{}b", "a".repeat(20 + n))).collect();
                format!("LIST {}", masks.join(","))
            }
            Self::Bans => format!("JOIN {}", ["#b"; 100].join(",")),
            Self::Targets => "PRIVMSG off0,off0,off1,off0 :x".to_owned(),
            Self::History if turn.is_multiple_of(2) => "PRIVMSG *playback :PLAY * 0".to_owned(),
            Self::History => "CH".to_owned(),
            // The sign of life is a word that nobody has asked for.
            Self::Unread if turn % 4 == 3 => "PONG :here".to_owned(),
            Self::Unread => "CH #lobby 100".to_owned(),
            Self::Tags => {
                format!("@+draft/reply={} PRIVMSG #lobby :{turn}", "x".repeat(TAGS_BYTES))
            }
            Self::Register => format!("REGISTER z{peer} * password{turn}"),
            Self::Guesses if peer == 121 => format!("OPER root guess{turn}"),
            Self::Guesses => format!("LOGIN victim :guess{peer}-{turn}"),
            Self::Outbox => {
                format!("@+draft/reply={} PRIVMSG victim :{turn}", "x".repeat(TAGS_BYTES))
            }
            Self::Kept => format!("PM off0 :{turn}"),
            Self::Challenges | Self::Addresses => return None,
        })
    }

    /// What an attacker answers, if anything.
    #[must_use]
    pub fn answer(self, line: &str) -> Option<String> {
        if self != Self::Challenges {
            return None;
        }
        if line.contains(" 904 ") {
            return Some("AUTHENTICATE SCRAM-SHA-256".to_owned());
        }
        let challenge = line.strip_prefix("AUTHENTICATE ")?;
        let said = match challenge {
            "+" => "n,,n=victim,r=abcdefgh".to_owned(),
            challenge => {
                let challenge = String::from_utf8(BASE64.decode(challenge).ok()?).ok()?;
                let nonce = challenge.split(',').next()?;
                format!("c=biws,{nonce},p={}", BASE64.encode([0; 32]))
            }
        };
        Some(format!("AUTHENTICATE {}", BASE64.encode(said)))
    }

    /// Opens further connections, for attacks that consist of them.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn open_connections(self, horde: &mut Horde, turn: u64) -> Result<()> {
        if self != Self::Addresses {
            return Ok(());
        }
        let address = from(usize::try_from(turn).unwrap_or(0));
        // They go at once, and others come.
        let gone = horde.peers().iter().position(|peer| peer.closed);
        let peer = match gone {
            Some(peer) => {
                horde.replace(peer, address, "")?;
                peer
            }
            None if horde.peers().len() < ADDRESSES_AT_ONCE => horde.connect(address, "")?,
            None => return Ok(()),
        };
        horde.peer(peer).attacks = false;
        horde.send(peer, "QUIT");
        Ok(())
    }

    /// Whether the target of the attack is intact afterwards.
    ///
    /// # Errors
    /// What the server refuses.
    pub fn has_failed(self, horde: &mut Horde) -> Result<bool> {
        match self {
            Self::Outbox => {
                let victim = horde.peer(0);
                victim.reads = true;
                Ok(horde.settle(0).is_ok())
            }
            Self::Kept => {
                let friend = horde.device(from(202), "friend")?;
                horde.send(friend, "PM off0 :are you there?");
                horde.until(friend, " NOTE PM ")?;
                let hello = "LOGIN off0 :secret\r\nPING :settled\r\n";
                let (back, mut shown) = (horde.connect(from(203), hello)?, false);
                let mut settled = false;
                while !settled && !horde.peer(back).closed {
                    horde.turn(|peer, line| {
                        shown |= peer == back && line.ends_with("are you there?");
                        settled |= peer == back && line.contains(":settled");
                        None
                    });
                }
                Ok(shown)
            }
            _ => Ok(true),
        }
    }
}

/// `JOIN` of rooms, ten in a line.
fn joins(rooms: usize, prefix: &str) -> Vec<String> {
    let names: Vec<String> = (0..rooms).map(|room| format!("{prefix}{room}")).collect();
    names.chunks(10).map(|names| format!("JOIN {}", names.join(","))).collect()
}

/// Devices of accounts, each at an address of its own.
fn devices(horde: &mut Horde, each: usize, accounts: &[&str]) -> Result<()> {
    for (number, account) in accounts.iter().enumerate() {
        for _ in 0..each {
            horde.device(from(100 + number), account)?;
        }
    }
    Ok(())
}
