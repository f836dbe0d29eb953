//! `WHO [mask [o][%fields[,token]]]`: who is in a room, or has a name that fits.
//!
//! <https://modern.ircdocs.horse/#who-message>, <https://ircv3.net/specs/extensions/whox>

use super::refusal::Refusal;
use super::umode::BOT;
use crate::hub::context::Context;
use crate::hub::user::{User, UserId};
use proto::mask::matches;
use proto::{Capability, Message, numeric as n};
use store::RoomId;

/// Digits that the token of a `WHO` has at most.
const TOKEN_DIGITS: usize = 3;
/// What stands for an address: those of people are nobody's business.
const NO_ADDRESS: &str = "255.255.255.255";

/// Carries out `WHO`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let mask = message.param(0).filter(|mask| !mask.is_empty()).unwrap_or("*");
    let (flags, fields) = match message.param(1).unwrap_or_default().split_once('%') {
        Some((flags, fields)) => (flags, Some(Fields::of(fields))),
        None => (message.param(1).unwrap_or_default(), None),
    };
    let (room, mut users) = match mask.starts_with('#') {
        true => in_room(context, mask),
        false => (None, named(context, mask)),
    };
    if flags.contains('o') {
        users.retain(|user| context.state.users[user].operator);
    }
    let most = context.out.text.len() + context.state.config.limits.answer();
    for user in users {
        if context.out.text.len() > most {
            context.notice("There are more users than one answer holds; ask for fewer");
            break;
        }
        reply(context, room, user, fields.as_ref());
    }
    context.numeric(n::RPL_ENDOFWHO, &[mask], "End of WHO list");
    Ok(())
}

/// The members of a room, as far as the asker may see them.
fn in_room(context: &Context<'_>, name: &str) -> (Option<RoomId>, Vec<UserId>) {
    let Ok(id) = super::names::visible(context, name) else { return (None, Vec::new()) };
    let room = &context.state.rooms[&id];
    let inside = room.member(context.me()).is_some();
    let online = room.members.iter().filter(|(_, member)| member.online).map(|(user, _)| *user);
    let seen = |user: &UserId| inside || context.sees(&context.state.users[user]);
    (Some(id), online.filter(seen).collect())
}

/// Who has that name, however invisible; or all whose names or sources fit, as far as the asker may
/// see them.
fn named(context: &Context<'_>, mask: &str) -> Vec<UserId> {
    if !mask.contains(['*', '?', '!', '@']) && mask != "0" {
        return context.state.online(mask).map(|user| user.id).into_iter().collect();
    }
    let mask = if mask == "0" { "*" } else { mask };
    let by_source = mask.contains(['!', '@']);
    let fits = |user: &&User| match by_source {
        true => matches(mask, &context.state.source(user.id)),
        false => matches(mask, &user.nick),
    };
    let users = context.state.users.values().map(|user| &**user);
    users.filter(fits).filter(|user| context.sees(user)).map(|user| user.id).collect()
}

/// What a `WHO` with fields asks for.
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
    // In the order of the specification, whatever the order in which they are asked for.
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

/// Here or gone, an operator, the marks in the room, a bot.
fn flags(context: &Context<'_>, room: Option<RoomId>, user: &User) -> String {
    let member = room.and_then(|room| context.state.rooms[&room].member(user.id));
    let every_mark = context.has(Capability::MultiPrefix);
    let mut flags = String::from(if user.away.is_some() { 'G' } else { 'H' });
    flags.extend(user.operator.then_some('*'));
    flags.push_str(&member.map(|member| member.marks(every_mark)).unwrap_or_default());
    flags.extend(user.bot.then_some(BOT));
    flags
}
