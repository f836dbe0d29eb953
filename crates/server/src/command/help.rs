//! `HELP [subject]`: how the commands are used.
//!
//! <https://modern.ircdocs.horse/#help-message>

use super::VERBS;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::limits::NAMES_LINE_BYTES;
use proto::{Message, numeric as n};

/// Carries out `HELP`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let Some(subject) = message.param(0).filter(|subject| !subject.is_empty()) else {
        show(context, "*", "** Parlor commands **", &overview());
        return Ok(());
    };
    let not_found = || Refusal::NoHelp(subject.to_owned());
    let verb = VERBS.iter().find(|verb| subject.eq_ignore_ascii_case(verb.name));
    let name = verb.ok_or_else(not_found)?.name;
    let lines = text(name).ok_or_else(not_found)?.lines().map(str::to_owned).collect::<Vec<_>>();
    show(context, name, &format!("** The command {name} **"), &lines);
    Ok(())
}

fn overview() -> Vec<String> {
    let words = VERBS.iter().map(|verb| verb.name);
    let mut lines = super::names::lines(words, NAMES_LINE_BYTES / 4);
    lines.push(String::new());
    lines.push("HELP <command> shows how to use one of these.".into());
    lines.push("By hand, LOGIN, BM, PM, CH, FIND and EX are enough.".into());
    lines
}

/// Replies with a title and lines, the last of which ends the answer.
fn show(context: &mut Context<'_>, subject: &str, title: &str, lines: &[String]) {
    context.numeric(n::RPL_HELPSTART, &[subject], title);
    context.numeric(n::RPL_HELPTXT, &[subject], "");
    for (at, line) in lines.iter().enumerate() {
        let last = at + 1 == lines.len();
        let code = if last { n::RPL_ENDOFHELP } else { n::RPL_HELPTXT };
        context.numeric(code, &[subject], line);
    }
}

/// The usage and description of a verb.
fn text(verb: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(name, _)| *name == verb).map(|(_, text)| *text)
}

/// The usage and description of each verb; no line is longer than fits on the wire.
#[rustfmt::skip]
const TEXTS: &[(&str, &str)] = &[
    ("ACCOUNT", "ACCOUNT [PASSWORD [<old>] <new>]\nShows your account, or gives it another password; PASSWORD alone asks for both.\nACCOUNT SESSIONS | END <session>|ALL\nShows your connections, or ends them.\nACCOUNT TOKEN ADD <name> [<duration>] | TOKEN LIST | TOKEN DEL <name>\nApp passwords: each for one program, in place of your password, for as long as you say; DEL revokes one and ends its sessions.\nACCOUNT 2FA ON | 2FA CONFIRM <code> | 2FA OFF <code> | 2FA CODES <code>\nA second factor: a code from your phone when you log in; CODES draws new recovery codes.\nACCOUNT STRICT ON|OFF\nWhether your password logs in by SCRAM only; app passwords and certificates still do.\nACCOUNT PMS [everyone|shared|nobody]\nFrom whom you take private messages.\nACCOUNT EXPORT [<from>] | DELETE <your name>\nShows all that is stored of you as JSON, or deletes your account."),
    ("ACCOUNTS", "ACCOUNTS LIST [<mask>]\nACCOUNTS SHOW <name>\nACCOUNTS SUSPEND <name> [<duration>] :<reason>\nACCOUNTS RESUME <name>\nACCOUNTS RESET <name> [2FA]\nACCOUNTS RENAME <name> <new name> [:<reason>]\nACCOUNTS DELETE <name> [:<reason>]\nACCOUNTS MERGE <guest> <name>\nACCOUNTS APPOINT <name> <room> [operator|founder]\nFor server operators: shows accounts, keeps one from logging in (for 2h, 3d, or until resumed),\nand lets it log in again; RESET gives it a one-time code as its password. RENAME gives it another name,\nDELETE deletes it, MERGE gives it the rooms of a guest, APPOINT gives it a room to look after."),
    ("ADMIN", "ADMIN\nShows who runs this server."),
    ("AUDIT", "AUDIT [<count>] [before=<number>]\nFor server admins: shows what the server's operators have done."),
    ("AUTHENTICATE", "AUTHENTICATE <mechanism>|<data>|*\nLogs in with SASL (EXTERNAL, SCRAM-SHA-256 or PLAIN); clients do this automatically."),
    ("AWAY", "AWAY [:<reason>]\nMarks you as away; without a reason, as back."),
    ("BAN", "BAN <room> <user or mask> [<duration>] [take-back=<duration>] [:<reason>]\nBAN <room>\nBans users from a room you operate, for a time (30m, 2h, 3d, 2w) or for good, and deletes what they said in the\ntime given by take-back. With the room alone, lists the bans."),
    ("BATCH", "BATCH +<reference> <type> [<parameters>] | BATCH -<reference>\nBegins or ends a batch of lines; clients do this automatically."),
    ("BM", "BM [:<text>]\nSends a message to everyone in the lobby. Alone, it asks for the text."),
    ("CAP", "CAP LS [302] | CAP LIST | CAP REQ :<names> | CAP END\nLists and selects the IRC extensions your client uses."),
    ("CERT", "CERT ADD [<fingerprint>] | CERT LIST | CERT DEL <fingerprint>\nAdds, lists and deletes certificates that log in to your account (SASL EXTERNAL).\nWithout a fingerprint (SHA-256, in hexadecimal) ADD uses the certificate your client presented."),
    ("CH", "CH [<user or room>] [<count>] [<before>]\nShows the latest messages, by default yours and the lobby's; <before> is a msgid."),
    ("CHATHISTORY", "CHATHISTORY LATEST|BEFORE|AFTER|AROUND <target> <selector> <limit>\nCHATHISTORY BETWEEN <target> <selector> <selector> <limit>\nCHATHISTORY TARGETS timestamp=<time> timestamp=<time> <limit>\nShows history; a selector is timestamp=<time>, msgid=<msgid> or, for LATEST, *."),
    ("ERROR", "ERROR\nIgnored when sent by a client."),
    ("EX", "EX\nCloses your connection."),
    ("FIND", "FIND [<words>] [from:<user>] [in:<room or user>] [after:<date>] [before:<date or msgid>] [has:link]\nFinds messages that you may read: with all these words, with \"words next to each other\", without -word,\nor with words that begin* so. Alone, it asks for the words."),
    ("HELP", "HELP [<command>]\nLists the commands, or shows how to use one."),
    ("HELPOP", "HELPOP [<command>]\nThe same as HELP."),
    ("INFO", "INFO\nShows information about this program."),
    ("INVITATION", "INVITATION ADD [uses=<n>] [expires=<7d>] [rooms=<room>[,<room>...]] [:<note>]\nINVITATION LIST | INVITATION DEL <code>\nInvites people to register: makes a code, shows them, removes one.\nINVITATION USE <code>\nBefore you register: you were invited."),
    ("INVITE", "INVITE <user> <room>\nInvites a user to a room you are in."),
    ("ISON", "ISON <user> [<user>...]\nShows which of these users are online."),
    ("ISUPPORT", "ISUPPORT\nShows what the server supports, for clients."),
    ("JOIN", "JOIN <room>[,<room>...] [<key>[,<key>...]]\nJoins rooms, and creates those that do not exist. JOIN 0 leaves all but the lobby."),
    ("KICK", "KICK <room>[,<room>...] <user>[,<user>...] [:<reason>]\nRemoves users from a room you operate; with several rooms, one user from each."),
    ("KILL", "KILL <user> :<reason>\nFor server operators: closes all connections of a user."),
    ("LINKS", "LINKS\nLists the servers of this network: only this one."),
    ("LIST", "LIST [<conditions>]\nLists rooms; conditions are names, masks, and ELIST conditions: >3, <10, C<60, T>60."),
    ("LOGIN", "LOGIN [<user> [:<password>]]\nLogs in; the first password for a free name registers it. Alone, it asks."),
    ("LUSERS", "LUSERS\nShows how many users are here."),
    ("MARKREAD", "MARKREAD <target> [timestamp=<time>]\nShows or sets how far you have read, on all your devices."),
    ("METADATA", "METADATA <target> GET|SET|LIST|CLEAR|SUB|UNSUB|SUBS|SYNC [<key>...] [:<value>]\nShows and sets metadata of users and rooms."),
    ("MODE", "MODE <room> [<changes> [<parameters>]]\nMODE <your name> [<changes>]\nShows or changes modes: MODE #room +o ann makes ann an operator of the room."),
    ("MONITOR", "MONITOR +|- <user>[,<user>...] | MONITOR C|L|S\nNotifies you when users come and go: add (+), remove (-), clear (C), list (L), status (S)."),
    ("MOTD", "MOTD\nShows the message of the day."),
    ("NAMES", "NAMES <room>[,<room>...]\nShows who is in a room."),
    ("NICK", "NICK <name>\nSets your nick; an account's nick is fixed."),
    ("NOTICE", "NOTICE <target>[,<target>...] :<text>\nSends a message that must not be answered automatically."),
    ("NOTIFY", "NOTIFY [<user or room> [mute|follow|default]]\nMutes a conversation or follows it, for all your devices; default tells you of private messages and mentions.\nAlone, lists what you have muted and follow."),
    ("OPER", "OPER <name> <password>\nMakes you a server operator, if the config lists you."),
    ("PART", "PART <room>[,<room>...] [:<reason>]\nLeaves rooms; the lobby cannot be left."),
    ("PASS", "PASS <password>\nBefore NICK and USER: your password, the server password, or both as server:yours."),
    ("PIN", "PIN <room> [<msgid or user>]\nPins a message in a room you operate, or the newest one by a user; alone, lists the pinned messages."),
    ("PING", "PING <word>\nAsks the server to answer with PONG."),
    ("PM", "PM [<user or room> [:<text>]]\nSends a message to a room or to one user, who gets it at the next login if offline. Alone, it asks."),
    ("PONG", "PONG <word>\nAnswers the server's PING."),
    ("PRIVMSG", "PRIVMSG <user or room>[,<user or room>...] :<text>\nSends a message."),
    ("QUIET", "QUIET <room> <user or mask> [<duration>] [take-back=<duration>] [:<reason>]\nQUIET <room>\nKeeps users from speaking in a room you operate, for a time (30m, 2h, 3d, 2w) or for good.\nWith the room alone, lists the quiets."),
    ("QUIT", "QUIT [:<reason>]\nCloses your connection."),
    ("REDACT", "REDACT <target> <msgid> [:<reason>]\nREDACT <room> <user> [:<reason>]\nDeletes a message; with a name, the newest one by that user in the room."),
    ("REGISTER", "REGISTER * * <password>\nRegisters your current nick as an account."),
    ("REHASH", "REHASH\nFor server operators: reloads the config file."),
    ("RENAME", "RENAME <room> <new name> [:<reason>]\nRenames a room you operate."),
    ("REPORT", "REPORT <user or msgid> :<reason>\nReports a user or a message to the server operators."),
    ("REPORTS", "REPORTS [ALL] | REPORTS CLOSE <number> [:<note>]\nFor server operators: lists the open reports, or all of them, or closes one."),
    ("ROOM", "ROOM <room> [<setting> [<value>]]\nShows or changes a room's settings: founder, description, history (all, since-join, none, default),\nkeep-days, keep-messages, slow (seconds), registered-only (on, off), invite (operators, members), announce (on, off)."),
    ("SEARCH", "SEARCH [text=<words>][;in=<target>][;from=<user>][;after=<time>][;before=<time>][;limit=<n>]\nFinds messages that you may read; clients do this. By hand, use FIND."),
    ("SERVERBAN", "SERVERBAN ADD <account, mask or network> [<duration>] :<reason>\nSERVERBAN LIST | SERVERBAN DEL <number>\nFor server operators: bans an account (bob), a mask (troll*!*@*) or a network (192.0.2.0/24)\nfrom the server, for a while (2h, 3d) or until the ban is deleted."),
    ("SETNAME", "SETNAME :<real name>\nChanges your real name."),
    ("SILENCE", "SILENCE [+|-<user or mask>]\nIgnores (+) private messages and invitations from users on all your devices, or stops ignoring them (-).\nAlone, lists whom you ignore."),
    ("STATS", "STATS u|m|o\nShows the uptime (u), command usage (m) and, to operators, the operator list (o)."),
    ("TAGMSG", "TAGMSG <target>[,<target>...]\nSends tags without text; clients do this automatically."),
    ("TIME", "TIME\nShows the server's time."),
    ("TOPIC", "TOPIC <room> [:<topic>]\nShows or sets a room's topic; an empty topic removes it."),
    ("UNBAN", "UNBAN <room> <user or mask>\nRemoves a ban."),
    ("UNPIN", "UNPIN <room> <msgid or user>\nUnpins a message."),
    ("UNQUIET", "UNQUIET <room> <user or mask>\nRemoves a quiet: the users may speak again."),
    ("UNREAD", "UNREAD [<user or room>]\nShows how many messages you have not read, and how many of them mention you.\nMARKREAD says how far you have read."),
    ("USER", "USER <name> 0 * :<real name>\nRegisters the connection, together with NICK."),
    ("USERHOST", "USERHOST <user> [<user>...]\nShows the sources of users and whether they are away."),
    ("VERIFY", "VERIFY <account> <code>\nNot needed here: accounts need no verification."),
    ("VERSION", "VERSION\nShows the program's version and features."),
    ("WALLOPS", "WALLOPS :<text>\nFor server operators: sends a message to all users with MODE +w."),
    ("WHO", "WHO <room or mask> [o]\nLists the users in a room, or with matching names."),
    ("WHOIS", "WHOIS <user>[,<user>...]\nShows information about users."),
    ("WHOWAS", "WHOWAS <user> [<count>]\nShows information about users who are gone."),
    ("ZNC", "ZNC *playback PLAY <* or names> [<from>] [<to>]\nPlays back missed messages, for clients that support ZNC."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_help_text_that_begins_with_its_name_and_fits() {
        for verb in VERBS {
            let text = text(verb.name).unwrap_or_else(|| panic!("{} has no text", verb.name));
            assert!(text.starts_with(verb.name), "{text}");
            assert!(text.lines().count() >= 2, "{text}");
            assert!(text.lines().all(|line| line.len() <= NAMES_LINE_BYTES - 32), "{text}");
        }
    }
}
