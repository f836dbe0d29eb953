//! `ADMIN [server]`: who runs the server, as the config file says.
//!
//! <https://modern.ircdocs.horse/#admin-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::config::Admin;
use proto::{Message, numeric as n};

/// Carries out `ADMIN`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.check_server(message.param(0))?;
    let server = context.state.renderer.server.clone();
    let admin = context.node.config.admin.clone();
    if admin == Admin::default() {
        return Err(Refusal::NoAdmin(server));
    }
    context.numeric(n::RPL_ADMINME, &[&server], "Administrative info");
    context.numeric(n::RPL_ADMINLOC1, &[], &admin.location1);
    context.numeric(n::RPL_ADMINLOC2, &[], &admin.location2);
    context.numeric(n::RPL_ADMINEMAIL, &[], &admin.email);
    Ok(())
}
