//! One table that turns refusals into numerics or `FAIL`.

use super::privmsg::NEEDED_TAGS;
use crate::limits::{PARAMETER_BYTES, ROOM_BYTES, TAGS_STORED_BYTES};
use crate::state::apply_context::{Reads, Responder};
pub use crate::state::refusal::Refusal;
use crate::text::shorten;
use proto::name::RoomNameError;
use proto::numeric as n;
use std::borrow::Cow;

/// The refusal of passwords on a connection that others can read.
pub const NOT_ENCRYPTED: &str =
    "This connection is not encrypted, so passwords are refused; connect to the same port with TLS";

/// The refusal while the log does not answer.
pub const LOG_UNAVAILABLE: &str = "The nodes of this server cannot reach their log, so nothing new is stored or sent; try again later";

/// A refusal in the protocol: a numeric with parameters, or the code of a standard reply.
struct Rendered<'a> {
    numeric: &'a str,
    code: &'a str,
    params: Vec<Cow<'a, str>>,
    text: Cow<'a, str>,
}

/// Verbs whose refusals are standard replies, even for sessions without the capability.
#[rustfmt::skip]
const STANDARD: &[&str] = &[
    "ACCOUNT", "INVITATION", "LOGIN", "BM", "PM", "CH", "EX", "CERT", "ACCOUNTS", "AUDIT", "SERVERBAN", "CHATHISTORY", "MARKREAD", "REDACT", "REGISTER", "VERIFY",
    "ROOM", "PIN", "UNPIN", "BAN", "QUIET", "UNBAN", "UNQUIET", "REPORT", "REPORTS", "UNREAD", "NOTIFY", "FIND", "SEARCH",
];

/// Sends a refusal as `FAIL`, also where the verb itself answers with a numeric.
pub fn fail(context: &mut Responder<'_, impl Reads>, verb: &str, refusal: &Refusal) {
    let said = said(refusal, verb);
    let params: Vec<&str> =
        said.params.iter().map(|param| shorten(param, PARAMETER_BYTES)).collect();
    context.standard("FAIL", verb, said.code, &params, &said.text);
}

/// Sends a refusal to the requester.
pub fn refuse(context: &mut Responder<'_, impl Reads>, verb: &str, refusal: &Refusal) {
    let said = said(refusal, verb);
    let params: Vec<&str> =
        said.params.iter().map(|param| shorten(param, PARAMETER_BYTES)).collect();
    let code = match refusal {
        Refusal::UnknownCommand(_) => None,
        _ if verb == "REGISTER" => Some(registration_code(refusal, said.code)),
        _ if STANDARD.contains(&verb) || said.numeric.is_empty() => Some(said.code),
        _ => None,
    };
    match code {
        Some(code) => {
            let standard: Vec<&str> = match refusal {
                Refusal::NeedMoreParams | Refusal::NotLoggedIn => Vec::new(),
                _ => params,
            };
            context.standard("FAIL", verb, code, &standard, &said.text);
        }
        // 464 has no parameter for a name.
        None if said.numeric == n::ERR_PASSWDMISMATCH => {
            context.numeric(said.numeric, &[], &said.text);
        }
        // 263 names the command.
        None if said.numeric == n::RPL_TRYAGAIN => {
            context.numeric(said.numeric, &[verb], &said.text);
        }
        None => context.numeric(said.numeric, &params, &said.text),
    }
}

/// The codes of the `REGISTER` specification, where a login uses others.
fn registration_code<'a>(refusal: &Refusal, code: &'a str) -> &'a str {
    match refusal {
        Refusal::BadName(..) | Refusal::LooksLikeAccount(_) => "BAD_ACCOUNT_NAME",
        Refusal::BadPassword(_) => "UNACCEPTABLE_PASSWORD",
        Refusal::WeakPassword(_) => "WEAK_PASSWORD",
        Refusal::NameTaken(_) => "ACCOUNT_EXISTS",
        Refusal::TooManyAttempts(..)
        | Refusal::Busy(_)
        | Refusal::DiskFull
        | Refusal::LogUnavailable => "TEMPORARILY_UNAVAILABLE",
        _ => code,
    }
}

fn says<'a>(
    numeric: &'a str,
    code: &'a str,
    params: &[&'a str],
    text: impl Into<Cow<'a, str>>,
) -> Rendered<'a> {
    let params = params.iter().map(|param| Cow::Borrowed(*param)).collect();
    Rendered { numeric, code, params, text: text.into() }
}

fn said<'a>(refusal: &'a Refusal, verb: &'a str) -> Rendered<'a> {
    about_messages(refusal, verb)
        .or_else(|| about_rooms(refusal, verb))
        .or_else(|| about_names_of_rooms(refusal))
        .or_else(|| about_names(refusal))
        .or_else(|| about_logins(refusal))
        .or_else(|| about_passwords(refusal))
        .or_else(|| about_quotas(refusal))
        .or_else(|| about_the_server(refusal, verb))
        .unwrap_or_else(|| about_commands(refusal, verb))
}

fn about_messages<'a>(refusal: &'a Refusal, verb: &'a str) -> Option<Rendered<'a>> {
    Some(match refusal {
        Refusal::NoSuchUser(name) => {
            let text = format!("There is no user {}", shorten(name, ROOM_BYTES));
            says(n::ERR_NOSUCHNICK, "NO_SUCH_USER", &[name], text)
        }
        Refusal::NotOnline(name) => {
            let text = format!("{} is not online", shorten(name, ROOM_BYTES));
            says(n::ERR_NOSUCHNICK, "NO_SUCH_USER", &[name], text)
        }
        Refusal::NoSuchServer(name) => {
            says(n::ERR_NOSUCHSERVER, "NO_SUCH_SERVER", &[name], "There is no such server")
        }
        Refusal::WasNobody(name) => {
            let text = format!("Nobody named {} has left recently", shorten(name, ROOM_BYTES));
            says(n::ERR_WASNOSUCHNICK, "WAS_NOBODY", &[name], text)
        }
        Refusal::NoText => says(n::ERR_NOTEXTTOSEND, "TEXT_EMPTY", &[], "There is no text to send"),
        Refusal::NoRecipient(verb) => says(
            n::ERR_NORECIPIENT,
            "NEED_MORE_PARAMS",
            &[],
            format!("No recipient given ({verb})"),
        ),
        Refusal::TextTooLong(most) => {
            let text =
                format!("The text is too long for its receivers; the maximum is {most} bytes");
            let params = match verb {
                "BM" | "PM" => vec![most.to_string().into()],
                _ => Vec::new(),
            };
            Rendered {
                numeric: n::ERR_INPUTTOOLONG,
                code: "TEXT_TOO_LONG",
                params,
                text: text.into(),
            }
        }
        Refusal::TagsTooLong => {
            let text = format!(
                "Client tags are stored with the message; all except {} may total {TAGS_STORED_BYTES} bytes",
                NEEDED_TAGS.join(", ")
            );
            says(n::ERR_INPUTTOOLONG, "TAGS_TOO_LONG", &[], text)
        }
        Refusal::TooManyTargets(target) => says(
            n::ERR_TOOMANYTARGETS,
            "TOO_MANY_TARGETS",
            &[target],
            format!("Too many targets; at most {} on one line", crate::limits::TARGETS),
        ),
        Refusal::TooMuchKept(name) => {
            let text = "already has the maximum number of messages from you waiting";
            says(n::ERR_UNKNOWNERROR, "TOO_MUCH_KEPT", &[name], text)
        }
        Refusal::NotKept(name) => {
            let text = "is offline; a CTCP request is not kept";
            says(n::RPL_AWAY, "NOT_KEPT", &[name], text)
        }
        Refusal::CannotSend(room, why) => {
            says(n::ERR_CANNOTSENDTOCHAN, "CANNOT_SEND", &[room], &**why)
        }
        Refusal::TooSoon(room, seconds) => says(
            n::ERR_CANNOTSENDTOCHAN,
            "TOO_SOON",
            &[room],
            format!("Cannot send to room: it is in slow mode; wait {seconds} seconds"),
        ),
        Refusal::SilencesFull(mask) => says(
            n::ERR_SILELISTFULL,
            "LIST_FULL",
            &[mask],
            "You ignore as many as you can; remove an entry first",
        ),
        Refusal::NoLobby => says("", "NO_LOBBY", &[], "This server has no lobby"),
        Refusal::NoHistory(target) => says(
            "",
            if verb == "CH" { "NO_SUCH_TARGET" } else { "INVALID_TARGET" },
            &[target],
            "No such user or room, or you may not read its history",
        ),
        Refusal::BadCount(count, most) => {
            says("", "BAD_COUNT", &[count], format!("The count must be a number from 1 to {most}"))
        }
        Refusal::BadMsgid(msgid) => says("", "BAD_MSGID", &[msgid], "Not a msgid of this server"),
        _ => return None,
    })
}

/// The refusal of a room name that looks like another room's.
pub fn looks_like(room: Option<&str>) -> String {
    match room {
        Some(room) => {
            format!("This name looks like {room}; join that room, or choose another name")
        }
        None => "This name looks like another room's; choose another".to_owned(),
    }
}

fn about_rooms<'a>(refusal: &'a Refusal, verb: &'a str) -> Option<Rendered<'a>> {
    Some(match refusal {
        Refusal::NoSuchRoom(room) => {
            says(n::ERR_NOSUCHCHANNEL, "NO_SUCH_ROOM", &[room], "There is no such room")
        }
        Refusal::RoomNameTooLong(room) => {
            says(n::ERR_NOSUCHCHANNEL, "NO_SUCH_ROOM", &[room], RoomNameError::TooLong.to_string())
        }
        Refusal::BadRoomName(room, error) => {
            says(n::ERR_BADCHANMASK, "BAD_ROOM_NAME", &[room], error.to_string())
        }
        Refusal::LooksLikeRoom(name, room) => {
            says(n::ERR_BADCHANMASK, "BAD_ROOM_NAME", &[name], looks_like(room.as_deref()))
        }
        Refusal::NotInRoom(room) => {
            says(n::ERR_NOTONCHANNEL, "NOT_IN_ROOM", &[room], "You're not in that room")
        }
        Refusal::UserNotInRoom(user, room) => says(
            n::ERR_USERNOTINCHANNEL,
            "USER_NOT_IN_ROOM",
            &[user, room],
            "They aren't in that room",
        ),
        Refusal::UserInRoom(user, room) => {
            says(n::ERR_USERONCHANNEL, "USER_IN_ROOM", &[user, room], "is already in that room")
        }
        Refusal::NotRoomOperator(room) => says(
            n::ERR_CHANOPRIVSNEEDED,
            "NOT_ROOM_OPERATOR",
            &[room],
            "Only an operator of the room can do that",
        ),
        Refusal::NotHalfOperator(room) => says(
            n::ERR_CHANOPRIVSNEEDED,
            "NOT_ROOM_OPERATOR",
            &[room],
            "Only an operator or half-operator of the room can do that",
        ),
        Refusal::NotBelow(room) => says(
            n::ERR_CHANOPRIVSNEEDED,
            "NOT_ROOM_OPERATOR",
            &[room],
            "Only an operator of the room can do that to its operators and half-operators",
        ),
        Refusal::LobbyStays(room) => says(
            n::ERR_UNKNOWNERROR,
            "LOBBY_STAYS",
            &[verb, room],
            "Everyone online is in the lobby; you cannot leave it. To disconnect: QUIT or EX",
        ),
        Refusal::TooManyRooms(room) => says(
            n::ERR_TOOMANYCHANNELS,
            "TOO_MANY_ROOMS",
            &[room],
            "You are in the maximum number of rooms; leave one first",
        ),
        Refusal::RoomFull(room) => {
            says(n::ERR_CHANNELISFULL, "ROOM_FULL", &[room], "Cannot join room (+l): it is full")
        }
        Refusal::InviteOnly(room) => says(
            n::ERR_INVITEONLYCHAN,
            "INVITE_ONLY",
            &[room],
            "Cannot join room (+i): it is invite-only; ask an operator of the room",
        ),
        Refusal::AccountsOnly(room) => says(
            n::ERR_NEEDREGGEDNICK,
            "ACCOUNTS_ONLY",
            &[room],
            "Cannot join room (+R): it requires an account; log in first",
        ),
        Refusal::Banned(room, terms) => says(
            n::ERR_BANNEDFROMCHAN,
            "BANNED",
            &[room],
            format!("Cannot join room (+b): you are banned{terms}"),
        ),
        Refusal::NoGuests(room) => says(
            n::ERR_NEEDREGGEDNICK,
            "ACCOUNTS_ONLY",
            &[room],
            "Cannot join room: guests are let into some rooms only; log in first",
        ),
        Refusal::FounderStays(room) => says(
            n::ERR_CHANOPRIVSNEEDED,
            "FOUNDER_STAYS",
            &[room],
            "Only the room's founder or a server operator can do that",
        ),
        Refusal::BadKey(room) => says(
            n::ERR_BADCHANNELKEY,
            "BAD_KEY",
            &[room],
            "Cannot join room (+k): it requires the key (JOIN room key)",
        ),
        Refusal::ListFull(room, mode) => Rendered {
            numeric: n::ERR_BANLISTFULL,
            code: "LIST_FULL",
            params: vec![(&**room).into(), mode.to_string().into()],
            text: "The lists of the room are full; remove an entry first".into(),
        },
        Refusal::UnknownMode(mode) => Rendered {
            numeric: n::ERR_UNKNOWNMODE,
            code: "UNKNOWN_MODE",
            params: vec![mode.to_string().into()],
            text: "is not a supported channel mode".into(),
        },
        Refusal::BadModeParameter(room, mode, parameter, why) => Rendered {
            numeric: n::ERR_INVALIDMODEPARAM,
            code: "BAD_MODE_PARAMETER",
            params: vec![(&**room).into(), mode.to_string().into(), parameter.into()],
            text: why.clone(),
        },
        _ => return None,
    })
}

/// The codes are those of the specification, which says "channel".
fn about_names_of_rooms(refusal: &Refusal) -> Option<Rendered<'_>> {
    let renamed = "The room has been renamed";
    Some(match refusal {
        Refusal::RoomNameInUse(old, new) => {
            says("", "CHANNEL_NAME_IN_USE", &[old, new], "Another room has this name")
        }
        Refusal::CannotRename(old, new, why) => {
            says("", "CANNOT_RENAME", &[old, new], why.as_str())
        }
        Refusal::RoomRenamed(old, new) => says("", "CHANNEL_RENAMED", &[old, new], renamed),
        Refusal::RoomMoved(old, new) => {
            says(n::ERR_LINKCHANNEL, "CHANNEL_RENAMED", &[old, new], renamed)
        }
        _ => return None,
    })
}

fn about_names(refusal: &Refusal) -> Option<Rendered<'_>> {
    Some(match refusal {
        Refusal::NickFirst => {
            says("", "NEED_NICK", &["*"], "Send NICK first: the account will have that name")
        }
        Refusal::NoName => says(n::ERR_NONICKNAMEGIVEN, "NEED_MORE_PARAMS", &[], "No name given"),
        Refusal::BadName(name, error) => {
            says(n::ERR_ERRONEUSNICKNAME, "BAD_NAME", &[name], error.to_string())
        }
        Refusal::LooksLikeAccount(name) => says(
            n::ERR_NICKNAMEINUSE,
            "BAD_NAME",
            &[name],
            "This name looks like another account's; choose another",
        ),
        Refusal::SilencedNick(name, room) => says(
            n::ERR_BANONCHAN,
            "NAME_STAYS",
            &[name, room],
            "You are banned or quieted in this room and cannot change your nick while in it",
        ),
        Refusal::NameTaken(name) => says(
            n::ERR_NICKNAMEINUSE,
            "NAME_IN_USE",
            &[name],
            "This name is in use; choose another, or log in if it is yours",
        ),
        Refusal::BadRealname => says(
            "",
            "INVALID_REALNAME",
            &[],
            format!("A real name has 1 to {} bytes", crate::limits::REALNAME_BYTES),
        ),
        Refusal::NewPasswordRequired => says(
            "",
            "NEW_PASSWORD_REQUIRED",
            &[],
            "You have logged in by a one-time code; set a new password first: ACCOUNT PASSWORD",
        ),
        Refusal::NameStays => says(
            n::ERR_NONICKCHANGE,
            "NAME_STAYS",
            &[],
            "Your nick is your account's name; to use another, log in to another account",
        ),
        _ => return None,
    })
}

fn about_logins(refusal: &Refusal) -> Option<Rendered<'_>> {
    Some(match refusal {
        Refusal::AlreadyAuthenticated(name) => says(
            "",
            "ALREADY_AUTHENTICATED",
            &[name],
            format!("You are already logged in as {name}"),
        ),
        Refusal::AccountExists(name) => says(
            "",
            "ACCOUNT_EXISTS",
            &[name],
            "This name has an account; log in if it is yours, or choose another name",
        ),
        Refusal::AccountIsNick(name) => says(
            "",
            "ACCOUNT_NAME_MUST_BE_NICK",
            &[name],
            "An account has the name of its user: give * or your nick",
        ),
        Refusal::NothingToVerify(name) => {
            says("", "INVALID_CODE", &[name], "Registration needs no code here")
        }
        Refusal::AlreadyLoggedIn(name) => says(
            n::ERR_SASLALREADY,
            "ALREADY_LOGGED_IN",
            &[name],
            format!("You are already logged in as {name} on this connection; EX disconnects"),
        ),
        Refusal::TooManyAttempts(name, seconds) => says(
            n::ERR_PASSWDMISMATCH,
            "TOO_MANY_ATTEMPTS",
            &[name],
            format!("Too many failed logins; try again in {seconds} seconds"),
        ),
        Refusal::Barred(code, name, text) => says("", code, &[name], text.as_str()),
        Refusal::NotEncrypted => says("", "ENCRYPTION_REQUIRED", &[], NOT_ENCRYPTED),
        Refusal::Busy(name) => says(
            n::RPL_TRYAGAIN,
            "BUSY",
            &[name],
            "Too many concurrent logins; try again in a moment",
        ),
        _ => return None,
    })
}

fn about_passwords(refusal: &Refusal) -> Option<Rendered<'_>> {
    Some(match refusal {
        Refusal::WrongPassword(name) => {
            says(n::ERR_PASSWDMISMATCH, "WRONG_PASSWORD", &[name], "Wrong password")
        }
        Refusal::BadPassword(name) => says(
            n::ERR_PASSWDMISMATCH,
            "BAD_PASSWORD",
            &[name],
            format!("A password has 1 to {} bytes", crate::limits::PASSWORD_BYTES),
        ),
        Refusal::WeakPassword(name) => says(
            n::ERR_PASSWDMISMATCH,
            "BAD_PASSWORD",
            &[name],
            format!("A new password needs at least {} bytes", crate::limits::NEW_PASSWORD_BYTES),
        ),
        Refusal::CommandAsPassword(name) => says(
            n::ERR_PASSWDMISMATCH,
            "BAD_PASSWORD",
            &[name],
            "This looks like a command, so it was not accepted as a password; an empty line cancels",
        ),
        Refusal::ServerPasswordRequired => says(
            n::ERR_PASSWDMISMATCH,
            "SERVER_PASSWORD_REQUIRED",
            &[],
            "This server requires a server password; send it with PASS first",
        ),
        Refusal::WrongServerPassword => says(
            n::ERR_PASSWDMISMATCH,
            "SERVER_PASSWORD_REQUIRED",
            &[],
            "The server password sent with PASS is wrong",
        ),
        _ => return None,
    })
}

fn about_quotas(refusal: &Refusal) -> Option<Rendered<'_>> {
    let (what, seconds) = match refusal {
        Refusal::TooMuchWork(seconds) => {
            ("You, or others at your address, have made too many expensive requests", seconds)
        }
        Refusal::TooMuchStored(seconds) => ("You have reached your hourly storage quota", seconds),
        Refusal::TooMuchForOne(seconds) => {
            ("You, or others at your address, have sent too much to this user", seconds)
        }
        _ => return None,
    };
    let params = vec![seconds.to_string().into()];
    let text = format!("{what}; try again in {seconds} seconds").into();
    Some(Rendered { numeric: n::RPL_TRYAGAIN, code: "RATE_LIMITED", params, text })
}

fn about_the_server<'a>(refusal: &'a Refusal, verb: &'a str) -> Option<Rendered<'a>> {
    Some(match refusal {
        Refusal::NotOperator => says(
            n::ERR_NOPRIVILEGES,
            "NOT_OPERATOR",
            &[],
            "Permission denied: only an operator of this server can do that",
        ),
        Refusal::NotAdmin => says(
            n::ERR_NOPRIVILEGES,
            "NOT_ADMIN",
            &[],
            "Permission denied: only server admins can do that",
        ),
        Refusal::NeedsUser => says(
            n::ERR_NOPRIVILEGES,
            "NEEDS_USER",
            &[],
            "The admin socket has no user, so it cannot do that",
        ),
        Refusal::OperatorsAreAccounts => says(
            n::ERR_NOOPERHOST,
            "NO_OPERATORS",
            &[],
            "The operators of this server are accounts with a role, which need no OPER: log in to one",
        ),
        Refusal::NoOperators => {
            says(n::ERR_NOOPERHOST, "NO_OPERATORS", &[], "This server has no operators configured")
        }
        Refusal::CannotKillServer => {
            says(n::ERR_CANTKILLSERVER, "CANNOT_KILL_SERVER", &[], "You cannot kill a server")
        }
        Refusal::DiskFull => says(
            "",
            "DISK_FULL",
            &[],
            "The server's disk is almost full, so nothing new is stored or sent; try again later",
        ),
        Refusal::LogUnavailable => says("", "LOG_UNAVAILABLE", &[], LOG_UNAVAILABLE),
        Refusal::RereadingAlready => says(
            n::ERR_UNKNOWNERROR,
            "REREADING_ALREADY",
            &[verb],
            "The config is already being reloaded",
        ),
        Refusal::NoAdmin(server) => {
            says(n::ERR_NOADMININFO, "NO_ADMIN", &[server], "No administrative info is configured")
        }
        Refusal::NoHelp(subject) => {
            let subject = if subject.contains(' ') { "*" } else { subject };
            says(
                n::ERR_HELPNOTFOUND,
                "NO_HELP",
                &[subject],
                "No help available on this topic; HELP lists the commands",
            )
        }
        _ => return None,
    })
}

fn about_commands<'a>(refusal: &'a Refusal, verb: &'a str) -> Rendered<'a> {
    match refusal {
        Refusal::NotLoggedIn => says(
            n::ERR_NOTREGISTERED,
            "LOGIN_REQUIRED",
            &[],
            "You are not logged in; type LOGIN and your name",
        ),
        Refusal::AlreadyRegistered => says(
            n::ERR_ALREADYREGISTERED,
            "ALREADY_REGISTERED",
            &[],
            "This is possible only before login",
        ),
        Refusal::UnknownCommand(word) => {
            says(n::ERR_UNKNOWNCOMMAND, "UNKNOWN_COMMAND", &[word], "Unknown command")
        }
        Refusal::UnknownSubcommand(word) => {
            let text = format!("Unknown subcommand; HELP {verb} shows what there is");
            says(n::ERR_UNKNOWNERROR, "UNKNOWN_SUBCOMMAND", &[verb, word], text)
        }
        Refusal::NeedMoreParams => {
            let text = format!("Not enough parameters; HELP {verb} shows its usage");
            says(n::ERR_NEEDMOREPARAMS, "NEED_MORE_PARAMS", &[verb], text)
        }
        Refusal::NoOrigin => says(n::ERR_NOORIGIN, "NEED_MORE_PARAMS", &[], "No token given"),
        Refusal::OtherUsersModes => says(
            n::ERR_USERSDONTMATCH,
            "OTHER_USERS_MODES",
            &[],
            "You can see and set only your own modes",
        ),
        Refusal::BadBatch(why) => says("", "MULTILINE_INVALID", &[], &**why),
        Refusal::Invalid { code, context, text } => Rendered {
            numeric: "",
            code,
            params: context.iter().map(|word| word.as_str().into()).collect(),
            text: (*text).into(),
        },
        Refusal::Wrong { code, context, text } => Rendered {
            numeric: "",
            code,
            params: context.iter().map(|word| word.as_str().into()).collect(),
            text: text.as_str().into(),
        },
        _ => unreachable!("the other tables have the rest"),
    }
}
