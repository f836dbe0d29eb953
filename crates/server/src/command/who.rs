//! `WHO [mask [o][%fields[,token]]]`: who is in a room, or matches a mask.
//!
//! <https://modern.ircdocs.horse/#who-message>, <https://ircv3.net/specs/extensions/whox>

use super::refusal::Refusal;
use super::umode::BOT;
use crate::command::context::Context;
use crate::effects::Cursor;
use crate::limits::ROW_WORK;
use crate::state::user::{User, UserId};
use proto::mask::matches_counted;
use proto::{Capability, Message, numeric as n};
use std::ops::Bound;
use store::RoomId;

/// The maximum number of digits of a `WHO` token.
const TOKEN_DIGITS: usize = 3;
/// Shown in place of an address: people's addresses are private.
const NO_ADDRESS: &str = "255.255.255.255";

/// Carries out `WHO`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let mask = message.param(0).filter(|mask| !mask.is_empty()).unwrap_or("*");
    let (flags, fields) = match message.param(1).unwrap_or_default().split_once('%') {
        Some((flags, fields)) => (flags, Some(Fields::of(fields))),
        None => (message.param(1).unwrap_or_default(), None),
    };
    let among = WhoScope::of(context, mask);
    let mut cursor = context.out.take_cursor();
    while let Some(user) = among.next(context, &cursor) {
        if context.turn_is_over() {
            context.go_on_at(cursor);
            return Ok(());
        }
        if context.out.answered() > context.node.config.limits.answer() {
            context.notice("The list is too long for one answer; narrow it down");
            break;
        }
        context.out.spend(ROW_WORK);
        let wanted = !flags.contains('o') || context.state.users[&user].is_operator();
        if wanted && among.has(context, user) {
            reply(context, among.room(), user, fields.as_ref());
        }
        cursor = Cursor::User(user);
    }
    context.numeric(n::RPL_ENDOFWHO, &[mask], "End of WHO list");
    Ok(())
}

/// The users that a `WHO` examines, one after the other.
enum WhoScope<'a> {
    /// Nobody: there is no such room.
    Nobody,
    /// The members of a room who are online.
    Room(RoomId),
    /// The user of exactly this name, invisible or not.
    Name(&'a str),
    /// All users whose names match a mask, or whose sources, if it is a mask for those.
    Mask(&'a str),
}

impl<'a> WhoScope<'a> {
    fn of(context: &Context<'_>, mask: &'a str) -> WhoScope<'a> {
        if mask.starts_with('#') {
            let room = super::names::visible(context, mask);
            return room.map_or(WhoScope::Nobody, WhoScope::Room);
        }
        match mask {
            "0" => WhoScope::Mask("*"),
            mask if mask.contains(['*', '?', '!', '@']) => WhoScope::Mask(mask),
            name => WhoScope::Name(name),
        }
    }

    fn room(&self) -> Option<RoomId> {
        match self {
            WhoScope::Room(room) => Some(*room),
            _ => None,
        }
    }

    /// The next user to examine.
    fn next(&self, context: &Context<'_>, cursor: &Cursor) -> Option<UserId> {
        let state = &context.state;
        let after = match cursor {
            Cursor::User(user) => (Bound::Excluded(*user), Bound::Unbounded),
            _ => (Bound::Unbounded, Bound::Unbounded),
        };
        match self {
            WhoScope::Nobody => None,
            WhoScope::Room(room) => {
                let members = state.rooms[room].members.range(after);
                members.filter(|(_, member)| member.online).map(|(user, _)| *user).next()
            }
            WhoScope::Name(name) if *cursor == Cursor::Start => {
                state.online(name).map(|user| user.id)
            }
            WhoScope::Name(_) => None,
            WhoScope::Mask(_) => state.users.range(after).map(|(user, _)| *user).next(),
        }
    }

    /// Whether a user matches, as far as the requester may know.
    fn has(&self, context: &mut Context<'_>, id: UserId) -> bool {
        let user = &context.state.users[&id];
        let mut work = if user.invisible { user.rooms.len() as u64 * ROW_WORK } else { 0 };
        let has = match self {
            WhoScope::Nobody => false,
            WhoScope::Name(_) => true,
            WhoScope::Room(room) => {
                context.state.rooms[room].member(context.me()).is_some() || context.sees(user)
            }
            WhoScope::Mask(mask) => {
                let fits = match mask.contains(['!', '@']) {
                    true => matches_counted(mask, &context.state.source(id), &mut work),
                    false => matches_counted(mask, &user.nick, &mut work),
                };
                fits && context.sees(user)
            }
        };
        context.out.spend(work);
        has
    }
}

/// The fields that a `WHO` asks for.
struct Fields<'a> {
    letters: &'a str,
    token: &'a str,
}

impl<'a> Fields<'a> {
    fn of(text: &'a str) -> Fields<'a> {
        let (letters, token) = text.split_once(',').unwrap_or((text, ""));
        let digits = token.bytes().all(|byte| byte.is_ascii_digit());
        let good = digits && !token.is_empty() && token.len() <= TOKEN_DIGITS;
        Fields { letters, token: if good { token } else { "0" } }
    }
}

fn reply(context: &mut Context<'_>, room: Option<RoomId>, id: UserId, fields: Option<&Fields<'_>>) {
    let (code, params, realname) = match fields {
        None => plain(context, room, id),
        Some(fields) => with_fields(context, room, id, fields),
    };
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    match realname {
        Some(realname) => context.numeric(code, &params, &realname),
        None => context.numeric_only(code, &params),
    }
}

/// A numeric, its parameters and its text.
type Line = (&'static str, Vec<String>, Option<String>);

fn plain(context: &Context<'_>, room: Option<RoomId>, id: UserId) -> Line {
    let user = &context.state.users[&id];
    let server = &*context.state.renderer.server;
    let flags = flags(context, room, user);
    let author = user.author();
    let host = author.host(server);
    let params = [name(context, room), author.username(), host, server, &user.nick, &flags];
    let text = format!("0 {}", user.realname);
    (n::RPL_WHOREPLY, params.map(str::to_owned).into(), Some(text))
}

fn with_fields(
    context: &Context<'_>,
    room: Option<RoomId>,
    id: UserId,
    Fields { letters, token }: &Fields<'_>,
) -> Line {
    let user = &context.state.users[&id];
    let server = &*context.state.renderer.server;
    let flags = flags(context, room, user);
    let idle = user.idle_seconds(context.state.steady).to_string();
    // In the order of the specification, whatever the order in the request.
    let all = [
        ('t', *token),
        ('c', name(context, room)),
        ('u', user.author().username()),
        ('i', NO_ADDRESS),
        ('h', user.author().host(server)),
        ('s', server),
        ('n', &user.nick),
        ('f', &flags),
        ('d', "0"),
        ('l', &idle),
        ('a', user.account().map_or("0", |account| &**account)),
        ('o', "n/a"),
    ];
    let asked = all.iter().filter(|(letter, _)| letters.contains(*letter));
    let params = asked.map(|(_, value)| (*value).to_owned()).collect();
    let realname = letters.contains('r').then(|| user.realname.to_string());
    (n::RPL_WHOSPCRPL, params, realname)
}

/// The room that was asked about; none otherwise.
fn name<'a>(context: &'a Context<'_>, room: Option<RoomId>) -> &'a str {
    room.map_or("*", |room| &*context.state.rooms[&room].name)
}

/// Here or away, operator, prefixes in the room, bot.
fn flags(context: &Context<'_>, room: Option<RoomId>, user: &User) -> String {
    let member = room.and_then(|room| context.state.rooms[&room].member(user.id));
    let all_prefixes = context.has(Capability::MultiPrefix);
    let mut flags = String::from(if user.away.is_some() { 'G' } else { 'H' });
    flags.extend(user.is_operator().then_some('*'));
    flags.push_str(&member.map(|member| member.prefixes(all_prefixes)).unwrap_or_default());
    flags.extend(user.bot.then_some(BOT));
    flags
}
