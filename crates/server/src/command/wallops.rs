//! `WALLOPS :text`: an operator of the server sends a message to all users with `+w`.
//!
//! <https://modern.ircdocs.horse/#wallops-message>

use super::refusal::Refusal;
use super::rights::CONSOLE;
use crate::render::Author;
use crate::state::apply_context::ApplyContext;
use crate::state::user::UserId;
use proto::Message;

/// Carries out `WALLOPS`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_have_right("WALLOPS", "")?;
    let text = message.param(0).filter(|text| !text.is_empty()).ok_or(Refusal::NeedMoreParams)?;
    let user = context.requester.user.map(|user| &context.state.users[&user]);
    let console = Author { nick: CONSOLE, userhost: None, guest: false };
    let author = user.map_or(console, |user| user.author());
    let most = context.state.renderer.text_room(author, "WALLOPS", "");
    if text.len() > most {
        return Err(Refusal::TextTooLong(most));
    }
    context.audit("WALLOPS", "*", "");
    let news = context.passing_from_requester("WALLOPS", &[], text);
    let users = context.state.users.values().filter(|user| user.wallops);
    for user in users.map(|user| user.id).collect::<Vec<UserId>>() {
        context.tell_user(user, news);
    }
    Ok(())
}
