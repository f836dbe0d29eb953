//! Who may do what, in one table. Operators' commands ask it; what members may do in a room depends
//! on their rank, and a test tries every row with everybody.

use crate::config::Role;

/// The kinds of people, by their role in a room or on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Has no account.
    Guest,
    /// Is in the room, with an account.
    Member,
    /// Is a half-operator of the room.
    HalfOperator,
    /// Is an operator of the room.
    Operator,
    /// Founded the room.
    Founder,
    /// Is a moderator of the server, and need not be in the room.
    Moderator,
    /// Is an admin of the server, and need not be in the room.
    Admin,
}

impl Actor {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Actor; 7] = [
        Actor::Guest,
        Actor::Member,
        Actor::HalfOperator,
        Actor::Operator,
        Actor::Founder,
        Actor::Moderator,
        Actor::Admin,
    ];

    /// The column's title.
    pub fn title(self) -> &'static str {
        match self {
            Actor::Guest => "guest",
            Actor::Member => "member",
            Actor::HalfOperator => "half-operator",
            Actor::Operator => "operator",
            Actor::Founder => "founder",
            Actor::Moderator => "moderator",
            Actor::Admin => "admin",
        }
    }
}

/// One row: one action.
#[derive(Debug)]
pub struct Permission {
    /// The verb.
    pub verb: &'static str,
    /// The subcommand, or the use of the verb; may be empty.
    pub action: &'static str,
    /// What it does.
    pub what: &'static str,
    /// An example, as the test sends it: `#r` is the room, `bob` a member of it, `eve` another
    /// account, `gus` a guest, and `MSGID` a message of bob's.
    pub example: &'static str,
    /// For each of [`Actor::ALL`], `x` if allowed.
    who: &'static str,
    /// Whether it is logged: whatever operators do by their right is in the audit log.
    pub logged: bool,
}

impl Permission {
    /// Whether an actor may do it.
    pub fn lets(&self, actor: Actor) -> bool {
        self.who.as_bytes()[actor as usize] == b'x'
    }
}

const fn row(
    verb: &'static str,
    action: &'static str,
    who: &'static str,
    what: &'static str,
    example: &'static str,
) -> Permission {
    Permission { verb, action, what, example, who, logged: true }
}

/// A row of an action that only reads.
const fn look(
    verb: &'static str,
    action: &'static str,
    who: &'static str,
    what: &'static str,
    example: &'static str,
) -> Permission {
    Permission { logged: false, ..row(verb, action, who, what, example) }
}

/// The table. Columns: guest, member, half-operator, operator, founder, moderator, admin.
#[rustfmt::skip]
pub const PERMISSIONS: &[Permission] = &[
    row("KICK",      "",        "--xxxxx", "remove somebody from a room (moderators: no admin)", "KICK #r bob"),
    row("INVITE",    "",        "--xxx--", "let somebody into a room that is closed (`+i`)", "INVITE eve #r"),
    row("TOPIC",     "",        "--xxx--", "set the topic of a room with `+t`", "TOPIC #r :News"),
    row("MODE",      "+b",      "--xxxxx", "ban somebody from a room", "MODE #r +b eve!*@*"),
    row("MODE",      "+v",      "--xxxxx", "give somebody a voice", "MODE #r +v bob"),
    row("MODE",      "+o",      "---xxxx", "make somebody an operator of a room", "MODE #r +o bob"),
    row("RENAME",    "",        "---xxxx", "rename a room", "RENAME #r #r-new"),
    row("ROOM",      "slow",    "---xxxx", "change the settings of a room", "ROOM #r slow 10"),
    row("ROOM",      "founder", "----xxx", "hand a room to another account (moderators: not an admin's room)", "ROOM #r founder eve"),
    row("BAN",       "",        "--xxxxx", "ban somebody from a room, with a reason and an end (moderators: no admin)", "BAN #r eve 1h :Spam"),
    row("QUIET",     "",        "--xxxxx", "keep somebody from speaking in a room (moderators: no admin)", "QUIET #r bob 1h :Spam"),
    row("UNBAN",     "",        "--xxxxx", "lift a ban from a room", "UNBAN #r zed!*@*"),
    row("UNQUIET",   "",        "--xxxxx", "let somebody speak again", "UNQUIET #r zed!*@*"),
    row("REDACT",    "",        "---xxxx", "take back a message of somebody else in a room", "REDACT #r MSGID :Spam"),
    row("PIN",       "",        "---xxxx", "pin a message in a room", "PIN #r MSGID"),
    row("UNPIN",     "",        "---xxxx", "take down a pinned message", "UNPIN #r MSGID"),
    row("METADATA",  "SET",     "---xxxx", "change what a room says of itself", "METADATA #r SET url :https://example.org"),
    row("METADATA",  "SET user", "-----xx", "change what somebody else says of themselves", "METADATA bob SET url :https://example.org"),
    row("KILL",      "",        "-----xx", "disconnect somebody from the server (moderators: no admin)", "KILL bob :Enough"),
    row("WALLOPS",   "",        "-----xx", "tell everybody with `+w` something", "WALLOPS :Hello"),
    look("STATS",     "o",       "-----xx", "list the operators of the server", "STATS o"),
    row("REHASH",    "",        "------x", "reload the config file", "REHASH"),
    row("SERVERBAN", "ADD",     "-----xx", "ban an account, a mask or a network from the server, but no operator of it", "SERVERBAN ADD 203.0.113.0/24 1h :Spam"),
    look("SERVERBAN", "LIST",    "-----xx", "list the bans from the server", "SERVERBAN LIST"),
    row("SERVERBAN", "DEL",     "-----xx", "lift such a ban", "SERVERBAN DEL 1"),
    look("ACCOUNTS",  "LIST",    "-----xx", "list the accounts", "ACCOUNTS LIST"),
    look("ACCOUNTS",  "SHOW",    "-----xx", "show what is known of an account", "ACCOUNTS SHOW eve"),
    row("ACCOUNTS",  "SUSPEND", "-----xx", "keep somebody from logging in", "ACCOUNTS SUSPEND eve 1h :Spam"),
    row("ACCOUNTS",  "RESUME",  "-----xx", "let them log in again", "ACCOUNTS RESUME eve"),
    row("ACCOUNTS",  "RESET",   "------x", "give somebody a one-time code as password", "ACCOUNTS RESET eve"),
    row("ACCOUNTS",  "RENAME",  "------x", "give an account another name", "ACCOUNTS RENAME eve evelyn"),
    row("ACCOUNTS",  "DELETE",  "------x", "delete an account", "ACCOUNTS DELETE old"),
    row("ACCOUNTS",  "MERGE",   "------x", "give an account the rooms of a guest", "ACCOUNTS MERGE gus eve"),
    row("ACCOUNTS",  "APPOINT", "-----xx", "appoint an operator or the founder of a room", "ACCOUNTS APPOINT bob #r operator"),
    row("INVITATION", "ADD",    "-----xx", "invite somebody to register; with `member_invitations` every member", "INVITATION ADD uses=2"),
    look("INVITATION", "LIST",   "-xxxxxx", "list invitations: members their own, the server's operators all", "INVITATION LIST"),
    row("INVITATION", "DEL",    "-xxxxxx", "remove an invitation: members their own, the server's operators any", "INVITATION DEL CODE"),
    look("REPORTS",   "",        "-----xx", "list what users have reported", "REPORTS"),
    row("REPORTS",   "CLOSE",   "-----xx", "close a report", "REPORTS CLOSE 1 :Spoken to"),
    look("AUDIT",     "",        "------x", "read what operators have done", "AUDIT"),
];

/// Whether this role may use a verb reserved for operators.
///
/// # Panics
/// If the table has no such row: a bug of the caller.
pub fn allows(role: Role, verb: &str, action: &str) -> bool {
    let actor = match role {
        Role::Moderator => Actor::Moderator,
        Role::Admin => Actor::Admin,
    };
    let row = PERMISSIONS.iter().find(|row| row.verb == verb && row.action == action);
    row.expect("every verb of operators is in the table").lets(actor)
}

/// The table in Markdown, as in `docs/administration.md`.
pub fn markdown() -> String {
    let mut text = "| command | what it does | in the audit log |".to_owned();
    Actor::ALL.iter().for_each(|actor| text.push_str(&format!(" {} |", actor.title())));
    text.push_str("\n|---|---|:-:|");
    Actor::ALL.iter().for_each(|_| text.push_str(":-:|"));
    for row in PERMISSIONS {
        let words = [row.verb, row.action].join(" ");
        let logged = if row.logged { "yes " } else { "" };
        text.push_str(&format!("\n| `{}` | {} | {logged}|", words.trim_end(), row.what));
        for actor in Actor::ALL {
            text.push_str(if row.lets(actor) { " yes |" } else { " |" });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_unique_and_covers_all_actors() {
        for (at, row) in PERMISSIONS.iter().enumerate() {
            assert_eq!(row.who.len(), Actor::ALL.len(), "{}", row.example);
            assert!(row.who.bytes().all(|cell| b"x-".contains(&cell)), "{}", row.example);
            assert!(row.example.starts_with(row.verb), "{}", row.example);
            let same = |other: &Permission| other.verb == row.verb && other.action == row.action;
            assert!(!PERMISSIONS[..at].iter().any(same), "{} {}", row.verb, row.action);
        }
    }

    #[test]
    fn admins_may_do_whatever_moderators_may() {
        for row in PERMISSIONS {
            assert!(!row.lets(Actor::Moderator) || row.lets(Actor::Admin), "{}", row.example);
        }
        assert!(allows(Role::Moderator, "KILL", "") && !allows(Role::Moderator, "REHASH", ""));
    }
}
