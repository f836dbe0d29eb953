//! The commands that begin with `/`, and those of the original program in capitals.

use chat::Chat;
use chat::Intent;
use chat::conversation::Notify;
use chat::intent::NewMessage;

/// A slash command and its help.
pub struct SlashCommand {
    /// Its name, without the slash.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// What follows the name: `<needed>`, `[optional]`.
    pub usage: &'static str,
    /// What it does.
    pub help: &'static str,
    handler: Handler,
}

/// A parsed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An intent for the chat model.
    Do(Intent),
    /// Show a conversation, and open it if it is new.
    Go(String),
    /// Search for these words; without any, ask for them.
    Search(String),
    /// Show the rooms of the server.
    Rooms,
    /// Show the help.
    Help,
    /// Show the palette, to find a person to write to.
    Palette,
    /// Ask for the old password and the new one.
    ChangePassword,
    /// Change a setting of this client, or show them all.
    Set(String),
    /// Show this sentence.
    Show(String),
    /// Quit the client.
    Quit,
}

/// How a command is handled.
#[derive(Clone, Copy)]
enum Handler {
    /// By a function.
    Call(fn(&Invocation<'_>) -> Outcome),
    /// As a verb of the server's: so many single-word parameters, and then a text.
    Verb(&'static str, usize),
}

type Outcome = Result<Vec<Command>, String>;

/// A command as it was typed, and where.
struct Invocation<'a> {
    command: &'a SlashCommand,
    /// What follows the name.
    rest: &'a str,
    /// The conversation in which it was typed.
    here: &'a str,
    chat: &'a Chat,
}

const fn call(
    name: &'static str,
    aliases: &'static [&'static str],
    usage: &'static str,
    help: &'static str,
    handler: fn(&Invocation<'_>) -> Outcome,
) -> SlashCommand {
    SlashCommand { name, aliases, usage, help, handler: Handler::Call(handler) }
}

const fn verb(
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    verb: &'static str,
    words: usize,
) -> SlashCommand {
    SlashCommand { name, aliases: &[], usage, help, handler: Handler::Verb(verb, words) }
}

#[rustfmt::skip]
const COMMANDS: &[SlashCommand] = &[
    call("join", &["j"], "<#room> [key]", "Join a room", join),
    call("part", &["leave"], "[#room] [reason]", "Leave a room", part),
    call("close", &[], "", "Close the conversation; if it is a room, leave it", close),
    call("msg", &["query", "m", "pm"], "<name> [text]", "Send a message to a person or room", msg),
    call("me", &[], "<text>", "Send an action, as in: ann waves", me),
    call("topic", &[], "[text]", "Show or set the room's topic", topic),
    call("names", &["who"], "[#room]", "List who is in the room", names),
    call("invite", &[], "<name> [#room]", "Invite someone to the room", invite),
    call("kick", &[], "<name> [reason]", "Remove someone from the room", kick),
    call("ban", &[], "[name or mask] [2h|3d] [reason]", "Ban someone from the room; without a name, list the bans", ban),
    call("unban", &[], "<name or mask>", "Lift a ban", unban),
    call("quiet", &[], "[name or mask] [2h|3d] [reason]", "Stop someone from speaking; without a name, list who may not", quiet),
    call("unquiet", &[], "<name or mask>", "Let someone speak again", unquiet),
    call("mode", &[], "[#room or name] [changes]", "Show or change modes", mode),
    call("op", &[], "<name>", "Make someone an operator of the room", |a| rank(a, "+o")),
    call("deop", &[], "<name>", "Take operator status away", |a| rank(a, "-o")),
    call("voice", &[], "<name>", "Let someone speak in a moderated room", |a| rank(a, "+v")),
    call("devoice", &[], "<name>", "Take that right away again", |a| rank(a, "-v")),
    call("pin", &[], "", "List the pinned messages (pin one with its key, see F1)", pins),
    call("mute", &[], "", "Get no notifications from here", |a| notify(a, Notify::None)),
    call("follow", &[], "", "Get notified of every message here", |a| notify(a, Notify::All)),
    call("unmute", &["unfollow"], "", "Get notified of mentions and private messages only", |a| notify(a, Notify::Mentions)),
    call("away", &[], "[reason]", "Mark yourself as away; without a reason, as back", away),
    call("back", &[], "", "Mark yourself as back", |a| a.raw(&["AWAY"], None)),
    verb("nick", "<name>", "Change your nick, where the server allows it", "NICK", 1),
    verb("whois", "<name>", "Show who someone is", "WHOIS", 1),
    verb("whowas", "<name>", "Show who someone was", "WHOWAS", 1),
    call("list", &["rooms"], "", "Browse the rooms of the server", |_| Ok(vec![Command::Rooms])),
    call("search", &["find", "s"], "[words]", "Search: words, from:ann, in:#dev, before:2026-10-01", |a| Ok(vec![Command::Search(a.rest.to_owned())])),
    call("ignore", &[], "[name]", "Ignore someone's private messages; without a name, list whom you ignore", ignore),
    call("unignore", &[], "<name>", "Stop ignoring someone", unignore),
    call("report", &[], "<name or msgid> <reason>", "Report someone to the operators of the server", |a| a.verb("REPORT", 1)),
    call("passwd", &["password"], "", "Change your password", |_| Ok(vec![Command::ChangePassword])),
    call("cert", &[], "[add|list|del <fingerprint>]", "Manage the certificates that log you in", cert),
    call("display-name", &["name"], "[text]", "Set your display name; without text, remove it", |a| set_metadata(a, "display-name")),
    call("status", &[], "[text]", "Set your status; without text, remove it", |a| set_metadata(a, "status")),
    call("metadata", &[], "<name or #room> <list|get|set|clear> [key] [value]", "Show or set metadata of people and rooms", metadata),
    call("set", &[], "[setting value]", "Change a setting of this client; without one, show them all", |a| Ok(vec![Command::Set(a.rest.to_owned())])),
    call("help", &["h"], "[command]", "Show keys and commands, or how to use one", help),
    call("quote", &["raw"], "<line>", "Send a raw protocol line", quote),
    call("quit", &["exit", "ex", "q"], "", "Quit", |_| Ok(vec![Command::Quit])),
    call("invitation", &[], "<add|list|del> …", "Invite people to register", |a| a.as_typed("INVITATION")),
    call("account", &[], "[sessions|token|2fa|pms|…] …", "Your account: sessions, app passwords, second factor", |a| a.as_typed("ACCOUNT")),
    call("register", &[], "<password>", "Register the name you have as a guest", register),
    verb("room", "<#room> [setting] [value]", "Show or change the settings of a room", "ROOM", 2),
    verb("rename", "<#room> <#new> [reason]", "Rename a room", "RENAME", 2),
    verb("setname", "<real name>", "Change your real name", "SETNAME", 0),
    verb("motd", "", "Show the message of the day", "MOTD", 0),
    verb("time", "", "Show the time of the server", "TIME", 0),
    verb("version", "", "Show what the server runs", "VERSION", 0),
    verb("info", "", "Show information about the server", "INFO", 0),
    verb("admin", "", "Show who runs the server", "ADMIN", 0),
    verb("lusers", "", "Show how many people are connected", "LUSERS", 0),
    verb("links", "", "Show the servers of the network", "LINKS", 0),
    verb("oper", "<name> <password>", "Become a server operator", "OPER", 2),
    verb("kill", "<name> <reason>", "For operators: disconnect someone", "KILL", 1),
    verb("wallops", "<text>", "For operators: send a notice to those who want them", "WALLOPS", 0),
    verb("rehash", "", "For operators: reload the configuration", "REHASH", 0),
    verb("stats", "<letter>", "For operators: show statistics", "STATS", 1),
    call("accounts", &[], "<list|show|suspend|resume|…> …", "For operators: manage accounts", |a| a.as_typed("ACCOUNTS")),
    call("serverban", &[], "<add|list|del> …", "For operators: manage server bans", |a| a.as_typed("SERVERBAN")),
    call("reports", &[], "[all|close <number>]", "For operators: show what was reported", |a| a.as_typed("REPORTS")),
    call("audit", &[], "[count]", "For operators: show what operators did", |a| a.as_typed("AUDIT")),
];

/// All commands, in the order of the help.
pub fn commands() -> impl Iterator<Item = &'static SlashCommand> {
    COMMANDS.iter()
}

/// What a line typed in the conversation `here` means. `//` begins a message with a slash.
///
/// # Errors
/// A sentence for the person: what is wrong, and what would be right.
pub fn parse(line: &str, here: &str, chat: &Chat) -> Outcome {
    if let Some(outcome) = in_capitals(line, chat) {
        return outcome;
    }
    let Some(typed) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        let text = if line.starts_with("//") { &line[1..] } else { line };
        return say(here, text, false);
    };
    let (name, rest) = split_word(typed);
    let name = name.to_lowercase();
    let fits = |command: &&SlashCommand| command.name == name || command.aliases.contains(&&*name);
    let Some(command) = COMMANDS.iter().find(fits) else {
        return Err(match nearest(&name) {
            Some(near) => {
                format!("There is no command /{name}. Do you mean /{near}? To say it: //{name}")
            }
            None => format!("There is no command /{name}; /help lists them. To say it: //{name}"),
        });
    };
    let invocation = Invocation { command, rest, here, chat };
    match command.handler {
        Handler::Call(function) => function(&invocation),
        Handler::Verb(verb, words) => invocation.verb(verb, words),
    }
}

/// `BM`, `PM`, `CH`, `FIND` and `EX`, as in the original program.
fn in_capitals(line: &str, chat: &Chat) -> Option<Outcome> {
    let (word, rest) = split_word(line);
    match word {
        "BM" if rest.is_empty() => Some(Ok(vec![Command::Go(home(chat))])),
        "BM" => Some(match chat.lobby() {
            Some(lobby) => say(lobby, rest, false),
            None => Err("This server has no room that everybody is in.".to_owned()),
        }),
        "PM" if rest.is_empty() => Some(Ok(vec![Command::Palette])),
        "PM" => match split_word(rest) {
            (name, "") => Some(Ok(vec![Command::Go(name.to_owned())])),
            (name, text) => Some(say(name, text, false)),
        },
        "CH" if rest.is_empty() => Some(Ok(vec![Command::Go(home(chat))])),
        "CH" => {
            let (name, _) = split_word(rest);
            Some(Ok(vec![Command::Go(name.to_owned())]))
        }
        "FIND" => Some(Ok(vec![Command::Search(rest.to_owned())])),
        "EX" if rest.is_empty() => Some(Ok(vec![Command::Quit])),
        _ => None,
    }
}

fn home(chat: &Chat) -> String {
    chat.home().unwrap_or("#lobby").to_owned()
}

/// The command whose name has the smallest edit distance, if it is small.
fn nearest(name: &str) -> Option<&'static str> {
    let names =
        COMMANDS.iter().flat_map(|c| std::iter::once(c.name).chain(c.aliases.iter().copied()));
    let near = names.map(|known| (distance(name, known), known)).min()?;
    (near.0 <= 2 && near.0 < name.len()).then_some(near.1)
}

/// The edit distance (Levenshtein) between two words.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.chars().take(32).enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

fn split_word(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim_start_matches([' ', '\t']))
}

fn say(to: &str, text: &str, action: bool) -> Outcome {
    if to.is_empty() {
        return Err("This is the server's own page: go to a room or a person to speak.".to_owned());
    }
    let saying = NewMessage { to: to.to_owned(), text: text.to_owned(), action, reply_to: None };
    Ok(vec![Command::Do(Intent::Say(saying))])
}

impl Invocation<'_> {
    /// How the command is used.
    fn usage(&self) -> String {
        format!("Use it like this: /{} {}", self.command.name, self.command.usage)
    }

    fn words(&self) -> Vec<&str> {
        self.rest.split_whitespace().collect()
    }

    /// The room in which the command was typed.
    fn room(&self) -> Result<&str, String> {
        if self.chat.server.is_room(self.here) {
            return Ok(self.here);
        }
        Err(format!("/{} works in a room: go to one first.", self.command.name))
    }

    /// Whether the server has verbs that only Parlor has.
    fn is_parlor(&self) -> bool {
        self.chat.server.has("parlor/unread")
    }

    /// A line of words and a text behind them.
    #[allow(clippy::unnecessary_wraps, reason = "what commands return")]
    fn raw(&self, words: &[&str], text: Option<&str>) -> Outcome {
        let mut line = words.join(" ");
        if let Some(text) = text {
            line.push_str(" :");
            line.push_str(&text.replace('\n', " "));
        }
        Ok(vec![Command::Do(Intent::Raw(line))])
    }

    /// The verb with so many words, and the rest as one text.
    fn verb(&self, verb: &str, words: usize) -> Outcome {
        let needed = self.command.usage.matches('<').count();
        if self.words().len() < needed {
            return Err(self.usage());
        }
        let mut parts = vec![verb];
        let mut rest = self.rest.trim_end();
        for _ in 0..words {
            let (word, after) = split_word(rest);
            if word.is_empty() {
                break;
            }
            parts.push(word);
            rest = after;
        }
        self.raw(&parts, Some(rest).filter(|rest| !rest.is_empty()))
    }

    /// The verb with what follows as it was typed; its subcommand in capitals.
    fn as_typed(&self, verb: &str) -> Outcome {
        let (subcommand, rest) = split_word(self.rest.trim_end());
        let subcommand = subcommand.to_ascii_uppercase();
        let parts: Vec<&str> =
            [verb, &subcommand, rest].into_iter().filter(|part| !part.is_empty()).collect();
        self.raw(&parts, None)
    }

    /// The room named first, or the one that one is in, and what follows.
    fn room_and_rest(&self) -> Result<(&str, &str), String> {
        let (word, rest) = split_word(self.rest);
        if self.chat.server.is_room(word) {
            return Ok((word, rest));
        }
        Ok((self.room()?, self.rest))
    }
}

fn join(invocation: &Invocation<'_>) -> Outcome {
    match invocation.words()[..] {
        [] => Err(invocation.usage()),
        [rooms] if rooms.split(',').all(|room| invocation.chat.server.is_room(room)) => {
            Ok(rooms.split(',').map(|room| Command::Go(room.to_owned())).collect())
        }
        [room, key] if invocation.chat.server.is_room(room) => {
            let line = format!("JOIN {room} {key}");
            Ok(vec![Command::Do(Intent::Raw(line)), Command::Go(room.to_owned())])
        }
        [word, ..] => Err(format!("{word} is no room: rooms begin with #, as #{word}.")),
    }
}

fn part(invocation: &Invocation<'_>) -> Outcome {
    let (room, reason) = invocation.room_and_rest()?;
    if reason.is_empty() {
        return Ok(vec![Command::Do(Intent::Close(room.to_owned()))]);
    }
    invocation.raw(&["PART", room], Some(reason))
}

fn close(invocation: &Invocation<'_>) -> Outcome {
    if invocation.here.is_empty() {
        return Err("The server's own page stays.".to_owned());
    }
    Ok(vec![Command::Do(Intent::Close(invocation.here.to_owned()))])
}

fn msg(invocation: &Invocation<'_>) -> Outcome {
    match split_word(invocation.rest) {
        ("", _) => Err(invocation.usage()),
        (name, "") => Ok(vec![Command::Go(name.to_owned())]),
        (name, text) => say(name, text, false),
    }
}

fn me(invocation: &Invocation<'_>) -> Outcome {
    if invocation.rest.is_empty() {
        return Err(invocation.usage());
    }
    say(invocation.here, invocation.rest, true)
}

fn topic(invocation: &Invocation<'_>) -> Outcome {
    let (room, text) = invocation.room_and_rest()?;
    let known = invocation.chat.conversation(room).filter(|known| known.joined && text.is_empty());
    match known.map(|known| known.topic.as_str()) {
        Some("") => Ok(vec![Command::Show(format!("{room} has no topic."))]),
        Some(topic) => Ok(vec![Command::Show(format!("The topic of {room}: {topic}"))]),
        None => invocation.raw(&["TOPIC", room], Some(text).filter(|text| !text.is_empty())),
    }
}

fn names(invocation: &Invocation<'_>) -> Outcome {
    let (room, _) = invocation.room_and_rest()?;
    let Some(known) = invocation.chat.conversation(room).filter(|known| known.joined) else {
        return invocation.raw(&["NAMES", room], None);
    };
    let members = known.members.values().map(|member| {
        let away = if member.away { " (away)" } else { "" };
        format!("{}{}{away}", member.marks, member.nick)
    });
    let members: Vec<String> = members.collect();
    Ok(vec![Command::Show(format!("{} in {room}: {}", members.len(), members.join(", ")))])
}

fn invite(invocation: &Invocation<'_>) -> Outcome {
    match invocation.words()[..] {
        [name] => invocation.raw(&["INVITE", name, invocation.room()?], None),
        [name, room] => invocation.raw(&["INVITE", name, room], None),
        _ => Err(invocation.usage()),
    }
}

fn kick(invocation: &Invocation<'_>) -> Outcome {
    let (room, rest) = invocation.room_and_rest()?;
    match split_word(rest) {
        ("", _) => Err(invocation.usage()),
        (name, reason) => {
            invocation.raw(&["KICK", room, name], Some(reason).filter(|reason| !reason.is_empty()))
        }
    }
}

/// A list of the room: by Parlor's verb, which knows times, or elsewhere by a mode.
fn room_list(invocation: &Invocation<'_>, verb: &str, mode: &str, add: bool) -> Outcome {
    let (room, rest) = invocation.room_and_rest()?;
    let (whom, rest) = split_word(rest);
    if whom.is_empty() && !add {
        return Err(invocation.usage());
    }
    if invocation.is_parlor() {
        let mut words = vec![verb, room];
        words.extend(Some(whom).filter(|whom| !whom.is_empty()));
        let mut rest = rest;
        while let (word, after) = split_word(rest)
            && (is_duration(word) || word.starts_with("take-back="))
        {
            words.push(word);
            rest = after;
        }
        return invocation.raw(&words, Some(rest).filter(|rest| !rest.is_empty()));
    }
    let mask = if whom.is_empty() || whom.contains(['!', '@', '*']) {
        whom.to_owned()
    } else {
        format!("{whom}!*@*")
    };
    let sign = if add { '+' } else { '-' };
    invocation.raw(&["MODE", room, format!("{sign}{mode} {mask}").trim_end()], None)
}

fn is_duration(word: &str) -> bool {
    let (number, unit) = word.split_at(word.len() - usize::from(word.is_ascii() && word.len() > 1));
    matches!(unit, "s" | "m" | "h" | "d" | "w") && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn ban(invocation: &Invocation<'_>) -> Outcome {
    room_list(invocation, "BAN", "b", true)
}

fn unban(invocation: &Invocation<'_>) -> Outcome {
    room_list(invocation, "UNBAN", "b", false)
}

fn quiet(invocation: &Invocation<'_>) -> Outcome {
    room_list(invocation, "QUIET", "q", true)
}

fn unquiet(invocation: &Invocation<'_>) -> Outcome {
    room_list(invocation, "UNQUIET", "q", false)
}

fn mode(invocation: &Invocation<'_>) -> Outcome {
    let (first, _) = split_word(invocation.rest);
    let names_target =
        invocation.chat.server.is_room(first) || proto::name::same(first, &invocation.chat.me);
    let words = match names_target {
        true => format!("MODE {}", invocation.rest),
        false => format!("MODE {} {}", invocation.room()?, invocation.rest),
    };
    invocation.raw(&[words.trim_end()], None)
}

fn rank(invocation: &Invocation<'_>, change: &str) -> Outcome {
    match invocation.words()[..] {
        [name] => invocation.raw(&["MODE", invocation.room()?, change, name], None),
        _ => Err(invocation.usage()),
    }
}

fn pins(invocation: &Invocation<'_>) -> Outcome {
    invocation.raw(&["PIN", invocation.room()?], None)
}

fn notify(invocation: &Invocation<'_>, notify: Notify) -> Outcome {
    let target = invocation.here.to_owned();
    let text = match notify {
        Notify::None => format!("{target} is muted."),
        Notify::All => format!("You follow {target}: you are notified of every message."),
        Notify::Mentions => format!("You are notified of mentions in {target}."),
    };
    Ok(vec![Command::Do(Intent::Notify { target, notify }), Command::Show(text)])
}

fn away(invocation: &Invocation<'_>) -> Outcome {
    invocation.raw(&["AWAY"], Some(invocation.rest).filter(|reason| !reason.is_empty()))
}

fn ignore(invocation: &Invocation<'_>) -> Outcome {
    if !invocation.chat.server.tokens.contains_key("SILENCE") && !invocation.is_parlor() {
        return Err("This server keeps no list of whom you ignore.".to_owned());
    }
    match invocation.words()[..] {
        [] => invocation.raw(&["SILENCE"], None),
        [name] => invocation.raw(&["SILENCE", &format!("+{name}")], None),
        _ => Err(invocation.usage()),
    }
}

fn unignore(invocation: &Invocation<'_>) -> Outcome {
    match invocation.words()[..] {
        [name] => invocation.raw(&["SILENCE", &format!("-{name}")], None),
        _ => Err(invocation.usage()),
    }
}

fn cert(invocation: &Invocation<'_>) -> Outcome {
    match invocation.rest {
        "" => invocation.raw(&["CERT", "LIST"], None),
        _ => invocation.as_typed("CERT"),
    }
}

fn set_metadata(invocation: &Invocation<'_>, key: &str) -> Outcome {
    let text = Some(invocation.rest).filter(|text| !text.is_empty());
    invocation.raw(&["METADATA", "*", "SET", key], text)
}

fn metadata(invocation: &Invocation<'_>) -> Outcome {
    let (target, rest) = split_word(invocation.rest);
    let (what, rest) = split_word(rest);
    if what.is_empty() {
        return Err(invocation.usage());
    }
    let what = what.to_ascii_uppercase();
    let (key, value) = if what == "SET" { split_word(rest) } else { (rest, "") };
    let words: Vec<&str> =
        ["METADATA", target, &what, key].into_iter().filter(|word| !word.is_empty()).collect();
    invocation.raw(&words, Some(value).filter(|value| !value.is_empty()))
}

fn help(invocation: &Invocation<'_>) -> Outcome {
    let wanted = invocation.rest.trim().trim_start_matches('/').to_lowercase();
    if wanted.is_empty() {
        return Ok(vec![Command::Help]);
    }
    let fits =
        |command: &&SlashCommand| command.name == wanted || command.aliases.contains(&&*wanted);
    match COMMANDS.iter().find(fits) {
        Some(command) => {
            let (name, usage) = (command.name, command.usage);
            Ok(vec![Command::Show(format!("/{name} {usage}: {}.", command.help))])
        }
        None => invocation.raw(&["HELP", &wanted.to_uppercase()], None),
    }
}

fn quote(invocation: &Invocation<'_>) -> Outcome {
    if invocation.rest.is_empty() {
        return Err(invocation.usage());
    }
    invocation.raw(&[invocation.rest], None)
}

fn register(invocation: &Invocation<'_>) -> Outcome {
    if invocation.rest.is_empty() {
        return Err(invocation.usage());
    }
    invocation.raw(&["REGISTER", "*", "*"], Some(invocation.rest))
}

#[cfg(test)]
#[path = "slash_tests.rs"]
mod tests;
