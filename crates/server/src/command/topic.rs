//! `TOPIC room [:topic]`: shows or sets a room's topic.
//!
//! <https://modern.ircdocs.horse/#topic-message>

use super::entry::SharedPart;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::limits::TOPIC_BYTES;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::membership;
use crate::state::room::Rank;
use crate::text::shorten;
use proto::{Message, numeric as n};
use store::{EventKind, RoomId, Topic};

/// Shows a topic.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    if message.param(1).is_some() {
        return Ok(SharedPart::AsSent);
    }
    let room = super::names::visible(context, message.param(0).unwrap_or_default())?;
    show(context, room, true);
    Ok(SharedPart::None)
}

/// Sets a topic.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).unwrap_or_default();
    let text = message.param(1).ok_or(Refusal::NeedMoreParams)?;
    let (room, member) = context.my_room(name)?;
    if room.is('t') && member.rank() < Rank::HalfOp && !context.user().is_operator() {
        return Err(Refusal::NotHalfOperator(room.name.clone()));
    }
    let (id, name) = (room.id, room.name.clone());
    let by_role = room.is('t') && member.rank() < Rank::HalfOp;
    context.must_be_storable()?;
    set(context, id, shorten(text, TOPIC_BYTES));
    if by_role {
        context.audit("TOPIC", &name, "");
    }
    Ok(())
}

fn set(context: &mut ApplyContext<'_>, id: RoomId, text: &str) {
    let (by, time) = (context.user().nick.clone(), context.state.now);
    let room = context.state.rooms.get_mut(&id).expect("the caller has looked the room up");
    let before = room.settings.clone();
    room.settings.topic = (!text.is_empty()).then(|| Topic { text: text.into(), by, time });
    membership::settings_changed(context, id, before);
    context.tell_change(id, EventKind::Topic, "", text, "TOPIC");
}

/// Replies with the topic and who set it when; that there is none only if `always`.
pub fn show(context: &mut Responder<'_, impl Reads>, room: RoomId, always: bool) {
    let room = &context.state.rooms[&room];
    let name = room.name.clone();
    match room.settings.topic.clone() {
        Some(topic) => {
            context.numeric(n::RPL_TOPIC, &[&name], &topic.text);
            let seconds = (topic.time / 1000).to_string();
            context.numeric_only(n::RPL_TOPICWHOTIME, &[&name, &topic.by, &seconds]);
        }
        None if always => context.numeric(n::RPL_NOTOPIC, &[&name], "No topic is set"),
        None => {}
    }
}
