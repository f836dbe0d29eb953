//! Random lines, such as people send.

use super::random::Random;
use super::steps::{NAMES, ROOMS};
use proto::Fingerprint;

pub(crate) fn line(random: &mut Random) -> String {
    let (name, other, room) = (random.pick(&NAMES), random.pick(&NAMES), random.pick(&ROOMS));
    match random.below(45) {
        0..=4 => format!("LOGIN {name} :secret"),
        5 => format!("NICK {name}\r").trim_end().to_owned(),
        6 => "USER u 0 * :real".into(),
        7 => format!("LOGIN {name}"),
        8 => "PM".into(),
        9..=12 => format!("JOIN {room}"),
        13 => format!("JOIN {room} key"),
        14 | 15 => format!("PART {room} :bye"),
        16 => format!("TOPIC {room} :about {other}"),
        17 => format!(
            "MODE {room} +{}{} {other} {name}",
            random.pick(&["o", "h", "v", "b", "e", "I", "q"]),
            random.pick(&["o", "h", "v", "m", "i", "C", "R"])
        ),
        18 => format!(
            "MODE {room} -{} {other}",
            random.pick(&["o", "h", "v", "b", "e", "q", "i", "k", "l", "n", "R"])
        ),
        19 => {
            format!("MODE {room} +{} {}", random.pick(&["k", "l"]), random.pick(&["3", "key", "0"]))
        }
        20 => format!("KICK {room} {other},{name} :out"),
        21 => format!("INVITE {other} {room}"),
        22 => format!("PRIVMSG {room},{other},{}{room} :hello", random.pick(&["@", "%", "+"])),
        23 => "BM :to all".into(),
        24 => format!("PM {other} :psst"),
        25 => random
            .pick(&["QUIT", "EX", "", "CH", "WHO * o%tnaf,1", "LIST >1,!*b", "AWAY :lunch", "AWAY"])
            .into(),
        26 => random
            .pick(&[
                "CAP LS 302",
                "CAP REQ :echo-message message-tags batch labeled-response",
                "CAP REQ :draft/channel-rename labeled-response",
                "CAP REQ :chghost account-notify extended-join away-notify draft/pre-away",
                "CAP REQ :draft/pre-away",
                "CAP REQ :message-tags draft/message-redaction draft/read-marker",
                "CAP END",
            ])
            .into(),
        27 => format!("@label=x;+parlor/resend={} PRIVMSG {room} :again", random.below(3)),
        28 => random
            .pick(&["REGISTER * * secret", "REGISTER * * secret", "SETNAME :other", "AWAY *"])
            .into(),
        29 => random
            .pick(&["WHOIS {other}", "MODE {name} +Bi-w", "MODE {name} -B+w", "WHOWAS {name}"])
            .replace("{name}", name)
            .replace("{other}", other),
        30 => format!("REDACT {room} test-{} :sorry", 1 + random.below(30)),
        31 => format!("MARKREAD {room} timestamp=1970-01-01T00:0{}:00.000Z", random.below(3)),
        32 => format!("RENAME {room} {} :better", random.pick(&ROOMS)),
        33 => format!("@label=r RENAME {room} {}", random.pick(&["#A", "#d", "#a", "#B"])),
        34 => server_commands(random, name, other),
        35 => format!(
            "METADATA {} {}",
            random.pick(&["*", room, name]),
            random.pick(&["SET url :x", "SET url :y", "SET url", "SET avatar :z", "CLEAR", "LIST"])
        ),
        36 => random
            .pick(&[
                "CAP REQ :batch draft/metadata-3",
                "CAP REQ :batch draft/metadata-2",
                "CAP REQ :-draft/metadata-3 -draft/metadata-2",
                "METADATA * SUB url avatar",
                "METADATA * UNSUB url",
                "METADATA *ALL SYNC",
                "METADATA #a SYNC",
            ])
            .into(),
        37 => certificates(random),
        38..=40 => rooms_and_people(random, room, name, other),
        41 => account(random, name),
        42 => invitations(random),
        43 => accounts(random, name, other),
        _ => format!("NAMES {room}"),
    }
}

/// Moderation of rooms and people.
fn rooms_and_people(random: &mut Random, room: &str, name: &str, other: &str) -> String {
    let msgid = format!("test-{}", 1 + random.below(30));
    match random.below(15) {
        0 => format!("ROOM {room}"),
        1 => format!("ROOM {room} founder {}", random.pick(&[name, other, "*"])),
        2 => format!(
            "ROOM {room} {}",
            random.pick(&["slow 1", "slow off", "announce on", "announce off", "invite members"])
        ),
        3 => format!(
            "ROOM {room} {}",
            random.pick(&["history none", "history all", "description :x", "registered-only on"])
        ),
        4 => format!("PIN {room} {msgid}"),
        5 => format!("UNPIN {room} {msgid}"),
        6 | 7 => format!(
            "BAN {room} {other} {}",
            random.pick(&["", "1s", "1h :why", "take-back=1h :out", "1d take-back=1s"])
        ),
        8 => format!("{} {room} {other}", random.pick(&["UNBAN", "UNQUIET", "MODE"])),
        9 => format!("QUIET {room} *!*@* {}", random.pick(&["1s :hush", "2d", ""])),
        13 => format!(
            "NOTIFY {} {}",
            random.pick(&[room, other]),
            random.pick(&["mute", "follow", "default"])
        ),
        10 => format!("SILENCE {}{other}", random.pick(&["+", "-"])),
        11 => format!("REPORT {} :rude", random.pick(&[&msgid, other])),
        12 => random.pick(&["REPORTS", "REPORTS CLOSE 1 :done", "REPORTS CLOSE 2"]).into(),
        _ => random
            .pick(&["BAN #a", "QUIET #b", "PIN #a", "SILENCE", "REPORTS ALL", "NOTIFY"])
            .into(),
    }
}

/// Commands about one's own account.
fn account(random: &mut Random, name: &str) -> String {
    let what = match random.below(12) {
        0 => "PASSWORD secreter",
        1 => "PASSWORD secret secreter",
        2 => "TOKEN ADD phone",
        3 => "TOKEN DEL phone",
        4 => "2FA ON",
        5 => "STRICT ON",
        6 => "PMS nobody",
        7 => "END ALL",
        8 => "EXPORT",
        9 => return format!("ACCOUNT DELETE {name}"),
        10 => "SESSIONS",
        _ => "STRICT OFF",
    };
    format!("ACCOUNT {what}")
}

/// Commands about invitations; all their codes are alike here.
fn invitations(random: &mut Random) -> String {
    let all = ["ADD rooms=#a", "ADD uses=2 expires=1s", "USE aaaa", "DEL aaaa", "LIST"];
    format!("INVITATION {}", random.pick(&all))
}

/// Commands about certificates.
fn certificates(random: &mut Random) -> String {
    let certificate = Fingerprint([random.below(4) as u8; 32]);
    match random.below(6) {
        0 => format!("CERT ADD {certificate}"),
        1 => format!("CERT DEL {certificate:x}"),
        2 => random.pick(&["CERT ADD", "CERT LIST", "CAP REQ :sasl"]).into(),
        3 => "AUTHENTICATE EXTERNAL".into(),
        4 => "AUTHENTICATE PLAIN".into(),
        // Nobody in particular, ann, bob; and with a password.
        _ => format!(
            "AUTHENTICATE {}",
            random.pick(&["+", "YW5u", "Ym9i", "AGFubgBzZWNyZXQ=", "AGJvYgBzZWNyZXQ="])
        ),
    }
}

/// Commands about the whole server.
fn server_commands(random: &mut Random, name: &str, other: &str) -> String {
    match random.below(8) {
        0 | 1 => format!("MONITOR + {name},{other}"),
        2 => format!("MONITOR - {other}"),
        3 => random.pick(&["MONITOR C", "MONITOR S", "STATS m", "HELP", "ISUPPORT"]).into(),
        4 | 5 => "OPER boss up".into(),
        6 => format!("@label=y KILL {other} :out"),
        _ => {
            let rare = ["REHASH", "MODE ann +w", "WALLOPS :all", "AUDIT", "SERVERBAN LIST"];
            match random.below(9) {
                0 => format!("SERVERBAN ADD {name} 2s :out"),
                1 => format!("SERVERBAN ADD {name}*!*@* 2s :out"),
                2 => format!("SERVERBAN DEL {}", random.below(4)),
                3 => format!("ACCOUNTS SUSPEND {other} 2s :out"),
                4 => format!("ACCOUNTS RESUME {other}"),
                _ => random.pick(&rare).into(),
            }
        }
    }
}

/// Commands of server operators about accounts.
fn accounts(random: &mut Random, name: &str, other: &str) -> String {
    let (room, new) = (random.pick(&ROOMS), random.pick(&["gil", "hal", "ANN", "bob", "dee"]));
    match random.below(6) {
        0 | 1 => format!("ACCOUNTS RENAME {name} {new}"),
        2 => format!("ACCOUNTS DELETE {name}"),
        3 => format!("ACCOUNTS MERGE {name} {other}"),
        4 => format!("ACCOUNTS APPOINT {name} {room} {}", random.pick(&["founder", "operator"])),
        _ => format!("ACCOUNTS RESET {name} 2fa"),
    }
}
