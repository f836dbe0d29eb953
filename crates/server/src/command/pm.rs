//! `PM [user [:text]]`: a message to one user; or, since a person need not know the difference, to a room.

use super::entry::{Request, SharedPart};
use super::names::visible;
use super::privmsg::{Draft, find, look_at_share, tag_bytes, to_room, to_user};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::Confirmation;
use crate::limits::NAMES_LINE_BYTES;
use crate::session::Prompt;
use crate::state::apply_context::ApplyContext;
use proto::Message;
use store::EventKind;

/// Asks for what is missing: the receiver or the message.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    match (message.param(0), message.rest(1)) {
        (None, _) => {
            show_online(context);
            context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::PmUser));
            context.note("PM", "USER_REQUIRED", &[], "Enter the user:");
        }
        (Some(""), _) => return Err(Refusal::NeedMoreParams),
        (Some(name), None) => user(context, name)?,
        (Some(name), Some(text)) => {
            look_at_share(context, name, text, tag_bytes(context, Some(message)));
            return Ok(SharedPart::AsSent);
        }
    }
    Ok(SharedPart::None)
}

/// The receiver is known: asks for the message.
pub fn user(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let name = if name.starts_with('#') {
        let room = visible(context, name)?;
        context.state.rooms[&room].name.clone()
    } else {
        find(context, name)?.1
    };
    context.note("PM", "TEXT_REQUIRED", &[&name], "Enter the message:");
    context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::PmText(name.to_string())));
    Ok(())
}

/// The message to a known receiver has arrived.
pub fn text<'m>(context: &mut Context<'_>, to: String, text: &'m str) -> Request<'m> {
    look_at_share(context, &to, text, 0);
    Request::PrivateMessage { to: to.into(), text }
}

/// Carries out `PM`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (user, text) = (message.param(0).unwrap_or_default(), message.rest(1).unwrap_or_default());
    send(context, user, text, Some(message))
}

/// Sends the text to the user or room.
pub fn send(
    context: &mut ApplyContext<'_>,
    user: &str,
    text: &str,
    tagged: Option<&Message<'_>>,
) -> Result<(), Refusal> {
    let draft = Draft::new(context, (EventKind::Message, "PM"), text, tagged);
    if user.starts_with('#') {
        let room = visible(context, user)?;
        let to = context.state.rooms[&room].name.clone();
        return to_room(context, room, draft, Some(Confirmation::Private { to, online: true }));
    }
    to_user(context, user, draft, true)
}

fn show_online(context: &mut Context<'_>) {
    let users = context.state.users.values().filter(|user| context.sees(user));
    let names: Vec<_> = users.map(|user| user.nick.clone()).collect();
    let count = names.len().to_string();
    for line in super::names::lines(names.iter().map(|name| &**name), NAMES_LINE_BYTES) {
        context.note("PM", "ONLINE", &[&count], &line);
    }
}
