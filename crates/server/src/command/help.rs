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
        show(context, "*", "** Parlor's commands **", &overview());
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
    lines.push("HELP and one of these shows how it is used.".into());
    lines.push("By hand, LOGIN, BM, PM, CH and EX are enough.".into());
    lines
}

/// Replies with a title and lines, of which the last says that it is the last.
fn show(context: &mut Context<'_>, subject: &str, title: &str, lines: &[String]) {
    context.numeric(n::RPL_HELPSTART, &[subject], title);
    context.numeric(n::RPL_HELPTXT, &[subject], "");
    for (at, line) in lines.iter().enumerate() {
        let last = at + 1 == lines.len();
        let code = if last { n::RPL_ENDOFHELP } else { n::RPL_HELPTXT };
        context.numeric(code, &[subject], line);
    }
}

/// How a verb is used, and what it does; each has a line here.
fn text(verb: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(name, _)| *name == verb).map(|(_, text)| *text)
}

/// Usage and explanation of each verb, in lines; none longer than a line of the wire has room for.
#[rustfmt::skip]
const TEXTS: &[(&str, &str)] = &[
    ("ADMIN", "ADMIN\nShows who runs this server."),
    ("AUTHENTICATE", "AUTHENTICATE <mechanism>|<data>|*\nLogs in by SASL (EXTERNAL, SCRAM-SHA-256 or PLAIN); clients do this by themselves."),
    ("AWAY", "AWAY [:<why>]\nSays that you do not read at the moment; without a reason, that you are back."),
    ("BATCH", "BATCH +<reference> <type> [<parameters>] | BATCH -<reference>\nBegins or ends what belongs together; clients do this by themselves."),
    ("BM", "BM [:<text>]\nTells everybody in the lobby. Alone, it asks for the text."),
    ("CAP", "CAP LS [302] | CAP LIST | CAP REQ :<names> | CAP END\nShows and chooses the extensions of IRC that your client speaks."),
    ("CERT", "CERT ADD [<fingerprint>] | CERT LIST | CERT DEL <fingerprint>\nAdds a certificate that logs in to your account (SASL EXTERNAL), shows them, removes one.\nWithout a fingerprint (SHA-256, in hexadecimal) ADD takes the one that your client has shown."),
    ("CH", "CH [<user or room>] [<count>] [<before>]\nShows the newest messages, yours and the lobby's if you name nobody; before: a msgid."),
    ("CHATHISTORY", "CHATHISTORY LATEST|BEFORE|AFTER|AROUND <target> <selector> <limit>\nCHATHISTORY BETWEEN <target> <selector> <selector> <limit>\nCHATHISTORY TARGETS timestamp=<time> timestamp=<time> <limit>\nShows history; a selector is timestamp=<time>, msgid=<msgid> or, for LATEST, *."),
    ("ERROR", "ERROR\nMeans nothing from a client."),
    ("EX", "EX\nCloses your connection."),
    ("HELP", "HELP [<command>]\nLists the commands, or shows how one is used."),
    ("HELPOP", "HELPOP [<command>]\nThe same as HELP."),
    ("INFO", "INFO\nShows what this program is."),
    ("INVITE", "INVITE <user> <room>\nInvites somebody to a room that you are in."),
    ("ISON", "ISON <user> [<user>...]\nShows who of these is online."),
    ("ISUPPORT", "ISUPPORT\nShows what the server supports, for clients."),
    ("JOIN", "JOIN <room>[,<room>...] [<key>[,<key>...]]\nEnters rooms, and makes those that are not there. JOIN 0 leaves all but the lobby."),
    ("KICK", "KICK <room>[,<room>...] <user>[,<user>...] [:<reason>]\nTakes somebody out of a room that you are operator of; with several rooms, one user out of each."),
    ("KILL", "KILL <user> :<reason>\nFor operators of the server: ends all connections of a user."),
    ("LINKS", "LINKS\nShows the servers of this network: this one."),
    ("LIST", "LIST [<conditions>]\nShows the rooms; conditions are names, masks, and what ELIST has: >3, <10, C<60, T>60."),
    ("LOGIN", "LOGIN [<user> [:<password>]]\nLogs in; the first password for a free name makes the name yours. Alone, it asks."),
    ("LUSERS", "LUSERS\nShows how many are here."),
    ("MARKREAD", "MARKREAD <target> [timestamp=<time>]\nShows or sets up to when you have read; all your devices know it."),
    ("METADATA", "METADATA <target> GET|SET|LIST|CLEAR|SUB|UNSUB|SUBS|SYNC [<key>...] [:<value>]\nShows and sets what users and rooms say of themselves."),
    ("MODE", "MODE <room> [<changes> [<parameters>]]\nMODE <your name> [<changes>]\nShows or changes settings: MODE #room +o ann makes ann an operator of the room."),
    ("MONITOR", "MONITOR +|- <user>[,<user>...] | MONITOR C|L|S\nTells you when users come and go: adds (+), removes (-), clears, lists, shows who is online."),
    ("MOTD", "MOTD\nShows the message of the day."),
    ("NAMES", "NAMES <room>[,<room>...]\nShows who is in a room."),
    ("NICK", "NICK <name>\nSays your name; an account's stays as it is."),
    ("NOTICE", "NOTICE <target>[,<target>...] :<text>\nSends a message that no program answers by itself."),
    ("OPER", "OPER <name> <password>\nMakes you an operator of the server, if its config names you."),
    ("PART", "PART <room>[,<room>...] [:<reason>]\nLeaves rooms; the lobby cannot be left."),
    ("PASS", "PASS <password>\nBefore NICK and USER: your password, the server's, or both as server:yours."),
    ("PING", "PING <word>\nAsks the server for a sign of life."),
    ("PM", "PM [<user or room> [:<text>]]\nTells one person, who gets it at the next login if not online, or a room. Alone, it asks."),
    ("PONG", "PONG <word>\nAnswers the server's PING."),
    ("PRIVMSG", "PRIVMSG <user or room>[,<user or room>...] :<text>\nSends a message."),
    ("QUIT", "QUIT [:<reason>]\nCloses your connection."),
    ("REDACT", "REDACT <target> <msgid> [:<reason>]\nTakes a message back."),
    ("REGISTER", "REGISTER * * <password>\nMakes the name you go by your account."),
    ("REHASH", "REHASH\nFor operators of the server: reads its config file again."),
    ("RENAME", "RENAME <room> <new name> [:<reason>]\nGives a room that you are operator of another name."),
    ("SETNAME", "SETNAME :<real name>\nChanges what you say of yourself."),
    ("STATS", "STATS u|m|o\nShows how long the server is up (u), how often each command was used (m); to operators, who may become one (o)."),
    ("TAGMSG", "TAGMSG <target>[,<target>...]\nSends tags without a text; clients do this by themselves."),
    ("TIME", "TIME\nShows the server's time."),
    ("TOPIC", "TOPIC <room> [:<topic>]\nShows or sets what a room is about; an empty topic takes it away."),
    ("USER", "USER <name> 0 * :<real name>\nIntroduces a client, with NICK."),
    ("USERHOST", "USERHOST <user> [<user>...]\nShows the sources of users and whether they are away."),
    ("VERIFY", "VERIFY <account> <code>\nNot needed here: a registered account is yours at once."),
    ("VERSION", "VERSION\nShows which program this is and what it supports."),
    ("WALLOPS", "WALLOPS :<text>\nFor operators of the server: tells all who have set MODE +w."),
    ("WHO", "WHO <room or mask> [o]\nShows the users in a room, or whose name fits."),
    ("WHOIS", "WHOIS <user>[,<user>...]\nShows who somebody is."),
    ("WHOWAS", "WHOWAS <user> [<count>]\nShows who had a name that is no longer online."),
    ("ZNC", "ZNC *playback PLAY <* or names> [<from>] [<to>]\nPlays back what one missed, for clients that know ZNC's way."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_has_its_text_which_begins_with_its_name_and_fits_its_line() {
        for verb in VERBS {
            let text = text(verb.name).unwrap_or_else(|| panic!("{} has no text", verb.name));
            assert!(text.starts_with(verb.name), "{text}");
            assert!(text.lines().count() >= 2, "{text}");
            assert!(text.lines().all(|line| line.len() <= NAMES_LINE_BYTES - 32), "{text}");
        }
    }
}
