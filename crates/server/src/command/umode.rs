//! `MODE nick [changes]`: shows or changes one's own modes, which all of one's devices share. They
//! last as long as one is online.
//!
//! <https://modern.ircdocs.horse/#user-mode>, <https://ircv3.net/specs/extensions/bot-mode>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::config::Role;
use crate::effects::{Effect, FollowUp, LogRecord};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use proto::name::same;
use proto::numeric as n;

/// User modes, as in 004: `B` bot, `i` invisible, `o` operator, `w` receives `WALLOPS`.
pub const USER_MODES: &str = "Biow";
/// The mode with which a program declares itself a bot; also its flag in `WHO`.
pub const BOT: char = 'B';

/// What operators are told if they lack the second factor that the config requires.
pub const NEEDS_FACTOR: &str = "Operators of this server need a second factor: ACCOUNT 2FA ON adds one (in many clients: /quote ACCOUNT 2FA ON)";

/// Replies with a user's modes, if no changes are given. Returns whether that was all.
pub fn ask(context: &mut Context<'_>, target: &str, changes: &str) -> Result<bool, Refusal> {
    must_be_mine(context, target)?;
    if changes.is_empty() {
        let modes = context.user().modes();
        context.numeric_only(n::RPL_UMODEIS, &[&modes]);
    }
    Ok(changes.is_empty())
}

fn must_be_mine(context: &Responder<'_, impl Reads>, target: &str) -> Result<(), Refusal> {
    if same(&context.user().nick, target) {
        return Ok(());
    }
    Err(match context.state.online(target) {
        Some(_) => Refusal::OtherUsersModes,
        None => Refusal::NotOnline(target.to_owned()),
    })
}

/// Changes a user's modes.
pub fn run(context: &mut ApplyContext<'_>, target: &str, changes: &str) -> Result<(), Refusal> {
    must_be_mine(context, target)?;
    let unknown = change(context, changes);
    if unknown {
        context.numeric(n::ERR_UMODEUNKNOWNFLAG, &[], "Unknown user mode");
    }
    Ok(())
}

/// Applies changes and tells the user what is different; returns whether a mode is unknown.
fn change(context: &mut ApplyContext<'_>, changes: &str) -> bool {
    let before = context.user().modes();
    let (mut add, mut unknown) = (true, false);
    for letter in changes.chars() {
        let user = context.user_mut();
        match letter {
            '+' | '-' => add = letter == '+',
            BOT => {
                user.bot = add;
                context.out.follow_up(FollowUp::IsBot(add));
            }
            'i' => user.invisible = add,
            // Operator rights come only from `OPER`; they can be given up.
            'o' => user.role = user.role.filter(|_| add),
            'w' => user.wallops = add,
            _ => unknown = true,
        }
    }
    let after = context.user().modes();
    let only_in = |one: &str, other: &str| one.replace(|letter| other.contains(letter), "");
    let mut difference = String::new();
    for (sign, letters) in [('+', only_in(&after, &before)), ('-', only_in(&before, &after))] {
        if !letters.is_empty() {
            difference.push(sign);
            difference.push_str(&letters);
        }
    }
    if !difference.is_empty() {
        tell(context, &difference);
    }
    unknown
}

/// Gives the requester the role that the config gives their account, if they have a second factor
/// where operators need one.
pub fn take_role(context: &mut ApplyContext<'_>) {
    let settings = context.state.settings.clone();
    match context.state.role_by(&settings, context.user()) {
        Some(role) => set_role(context, Some(role)),
        None if context.user().account().is_some_and(|name| settings.role_of(name).is_some()) => {
            context.notice(NEEDS_FACTOR);
        }
        None => {}
    }
}

/// The requester has turned the second factor on or off: where operators need one, that gives or
/// takes the role in the config.
pub fn factor_changed(context: &mut ApplyContext<'_>) {
    let settings = context.state.settings.clone();
    let has = context.state.has_factor_for(&settings, context.me());
    match (has, context.user().role) {
        (true, None) if settings.operators_need_2fa => take_role(context),
        (false, Some(_)) => set_role(context, None),
        _ => {}
    }
}

/// Makes the requester an operator of the server, or not.
pub fn set_role(context: &mut ApplyContext<'_>, role: Option<Role>) {
    context.user_mut().role = role;
    let Some(role) = role else {
        tell(context, "-o");
        if !context.state.has_factor_for(&context.state.settings, context.me()) {
            context.notice(NEEDS_FACTOR);
        }
        return;
    };
    let text = format!("You are now a server operator ({})", role.name());
    context.numeric(n::RPL_YOUREOPER, &[], &text);
    tell(context, "+o");
    let user = context.user().nick.clone();
    context.out.push(Effect::Log(LogRecord::Operator { user, granted: true }));
}

/// Tells a further device of an operator about the mode.
pub fn show_role(context: &mut ApplyContext<'_>) {
    let Some(role) = context.user().role else { return };
    let text = format!("You are now a server operator ({})", role.name());
    context.numeric(n::RPL_YOUREOPER, &[], &text);
    let (me, nick) = (context.me(), context.user().nick.clone());
    let news = context.passing(me, "MODE", &[&nick, "+o"], None);
    context.reply_news(news);
}

/// Tells all devices of the requester how their modes have changed.
pub fn tell(context: &mut ApplyContext<'_>, changes: &str) {
    let (me, nick) = (context.me(), context.user().nick.clone());
    let news = context.passing(me, "MODE", &[&nick, changes], None);
    context.tell_user(me, news);
}
