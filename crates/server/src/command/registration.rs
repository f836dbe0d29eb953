//! Who may register, and what comes with that: an invitation's rooms, and what is told of the last login.

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::config::Registration;
use crate::state::last_login::LastLogin;
use crate::state::{State, invitation, last_login};
use proto::Capability;

/// The code of the refusal of who has no invitation.
pub const NEEDED: &str = "INVITATION_REQUIRED";

/// Whether somebody may register a name that is nobody's, having been invited by this code.
pub fn may_register(state: &State, name: &str, invitation: Option<&str>) -> Result<(), Refusal> {
    let refused = |code, text| Err(Refusal::Invalid { code, context: vec![name.to_owned()], text });
    match state.settings.registration {
        Registration::Open => Ok(()),
        Registration::Closed => {
            let text = "There is no account of this name, and nobody can register here";
            refused("REGISTRATION_CLOSED", text)
        }
        Registration::Invite => {
            let good = invitation.and_then(|code| invitation::find(state, code));
            let text = "You need an invitation: connect without a password, then REGISTER * invite:code password";
            if good.is_some() { Ok(()) } else { refused(NEEDED, text) }
        }
    }
}

impl Context<'_> {
    /// Whether the session may register a name that is nobody's.
    pub fn may_register(&self, name: &str) -> Result<(), Refusal> {
        let invited = self.session().invitation.as_deref();
        may_register(&self.state, name, invited.map(|invited| &*invited.code))
    }
}

/// Tells when and from where the account logged in last.
pub fn show_last_login(context: &mut Context<'_>, login: &LastLogin, full: bool) {
    // A program at which nobody is could not tell anybody.
    if context.user().is_unattended(context.requester.session) {
        return;
    }
    let text = last_login::sentence(login);
    // Who logs in by hand reads standard replies anyway.
    if full && !context.has(Capability::StandardReplies) {
        return context.notice(&text);
    }
    let mut time = Vec::new();
    proto::time::write_server_time(login.time, &mut time);
    let (nick, time) = (context.nick(), String::from_utf8_lossy(&time).into_owned());
    let params: &[&str] = &[&nick, &time, &login.from, &login.failed.to_string()];
    context.note("LOGIN", "LAST_LOGIN", params, &text);
}
