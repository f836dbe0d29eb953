//! `WALLOPS :text`: an operator of the server tells something to all who want to hear it (`+w`).
//!
//! <https://modern.ircdocs.horse/#wallops-message>

use super::refusal::Refusal;
use crate::state::applying::Applying;
use crate::state::user::UserId;
use proto::Message;

/// Carries out `WALLOPS`.
pub fn run(context: &mut Applying<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_be_operator()?;
    let text = message.param(0).filter(|text| !text.is_empty()).ok_or(Refusal::NeedMoreParams)?;
    let user = context.user();
    let most = context.state.renderer.text_room(user.author(), "WALLOPS", "");
    if text.len() > most {
        return Err(Refusal::TextTooLong(most));
    }
    let news = context.passing(context.me(), "WALLOPS", &[], Some(text));
    let users = context.state.users.values().filter(|user| user.wallops);
    for user in users.map(|user| user.id).collect::<Vec<UserId>>() {
        context.tell_user(user, news);
    }
    Ok(())
}
