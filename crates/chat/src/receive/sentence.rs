//! Numerics as sentences, since the meaning of their parameters depends on the order.

/// The sentence of a numeric, by its parameters, the first of which is one's own name. Numerics that are in no table
/// are shown as they are; empty for those that only end a list.
pub(super) fn sentence(numeric: &str, params: &[&str]) -> String {
    let param = |index: usize| params.get(index).copied().unwrap_or("");
    let (first, second, third) = (param(1), param(2), param(3));
    match numeric {
        // The answers to WHOIS.
        "311" => format!("{first} is {second}@{third}: {}", param(5)),
        "312" => format!("{first} is connected to {second} ({third})"),
        "317" => format!("{first} has been idle for {}", duration(second)),
        "319" => format!("{first} is in {second}"),
        "330" => format!("{first} is logged in as {second}"),
        // What a Parlor server says of somebody who is offline is no reason of theirs.
        "301" if second.starts_with("is offline") => format!("{first} {second}"),
        // No person has said so.
        "301" if second == "*" => format!("{first} is away"),
        "301" => format!("{first} is away: {second}"),
        "314" => format!("{first} was {second}@{third}: {}", param(5)),
        "331" => format!("{first} has no topic"),
        "332" => format!("The topic of {first}: {second}"),
        "760" | "761" => match second {
            "display-name" => format!("{first} is called {}", param(4)),
            "status" => format!("{first}'s status: {}", param(4)),
            _ => format!("{first}'s {second}: {}", param(4)),
        },
        "766" => format!("{first} has no {second}"),
        "271" => format!("You ignore {}", params.last().copied().unwrap_or_default()),
        "341" => format!("{first} is invited to {second}"),
        "346" => format!("Invited to {first} without asking: {second}"),
        "348" => format!("Let into {first} in spite of bans: {second}"),
        "367" => format!("Banned from {first}: {second}"),
        "728" => format!("Quiet in {first}: {third}"),
        "318" | "369" => String::new(),
        _ => params.get(1..).unwrap_or_default().join(" "),
    }
}

/// What a row of a list, or a secret, is about: a standard reply has that between its code and its sentence.
pub(super) fn row(verb: &str, code: &str, params: &[&str]) -> Option<String> {
    let param = |index: usize| params.get(index).copied().unwrap_or("");
    let with = |word: &str, index: usize| match param(index) {
        "" | "*" => String::new(),
        value => format!(" {word} {value}"),
    };
    let (first, second, third) = (param(0), param(1), param(2));
    Some(match (verb, code) {
        ("BAN", "ENTRY") => format!("Banned {second}{}{}", with("by", 2), with("until", 3)),
        ("QUIET", "ENTRY") => format!("Quiet {second}{}{}", with("by", 2), with("until", 3)),
        ("ROOM", "SETTING") => second.to_owned(),
        ("ACCOUNT", "SESSION") => format!("Session {first}{}", with("from", 3)),
        ("ACCOUNT", "TOKEN") => format!("App password {first}"),
        ("ACCOUNT", "TOKEN_ADDED") => format!("App password {first}: {second}"),
        ("ACCOUNT", "2FA_SECRET") => format!("Secret {first}"),
        ("ACCOUNT", "2FA_CODE") => format!("Recovery code {first}"),
        ("CERT", "ENTRY") => format!("Certificate {first}"),
        ("NOTIFY", "ENTRY") => format!("Of {first}"),
        ("INVITATION", "ENTRY") => {
            let (until, by, rooms) = (with("until", 2), with("by", 3), with("to", 4));
            format!("Invitation {first}, uses left: {second}{until}{by}{rooms}")
        }
        ("REPORTS", "ENTRY") => format!("Report {first}{}{}", with("by", 1), with("about", 2)),
        ("SERVERBAN", "ENTRY") => {
            format!("Ban {first}: {second}{}{}", with("by", 4), with("until", 3))
        }
        ("ACCOUNTS", "ENTRY") => {
            format!("Account {first}, {third} {}, connections: {}", param(3), param(4))
        }
        ("AUDIT", "ENTRY") => format!("Entry {}", params.join(" ")),
        _ => return None,
    })
}

/// A number of seconds as people say it.
fn duration(seconds: &str) -> String {
    match seconds.parse::<u64>() {
        Ok(seconds @ 0..60) => format!("{seconds} s"),
        Ok(seconds @ 60..3600) => format!("{} min", seconds / 60),
        Ok(seconds @ 3600..86_400) => format!("{} h", seconds / 3600),
        Ok(seconds) => format!("{} d", seconds / 86_400),
        Err(_) => seconds.to_owned(),
    }
}
