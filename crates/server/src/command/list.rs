//! `LIST [room[,room…]]`: which rooms there are.
//!
//! <https://modern.ircdocs.horse/#list-message>

use super::names::visible;
use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::limits::{ANSWER_BYTES, TARGETS};
use proto::{Message, numeric as n};
use store::RoomId;

/// Carries out `LIST`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let rooms: Vec<RoomId> = match message.param(0) {
        Some(names) => {
            names.split(',').take(TARGETS).filter_map(|name| visible(context, name).ok()).collect()
        }
        None => {
            let names: Vec<String> = context.state.room_names.keys().cloned().collect();
            names.iter().filter_map(|name| visible(context, name).ok()).collect()
        }
    };
    context.numeric(n::RPL_LISTSTART, &["Channel"], "Users  Name");
    let most = context.out.text.len() + ANSWER_BYTES;
    for room in rooms {
        if context.out.text.len() > most {
            context.notice("There are more rooms than one answer holds; name those you look for");
            break;
        }
        let room = &context.state.rooms[&room];
        let (name, online) = (room.name.clone(), room.online.to_string());
        let topic = room.settings.topic.as_ref().map(|topic| topic.text.clone());
        context.numeric(n::RPL_LIST, &[&name, &online], &topic.unwrap_or_default());
    }
    context.numeric(n::RPL_LISTEND, &[], "End of LIST");
    Ok(())
}
