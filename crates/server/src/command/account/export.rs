//! `ACCOUNT EXPORT [from]`: everything stored about an account, as lines of JSON, page by page.

use super::{refused, sessions};
use crate::command::chathistory::read;
use crate::command::context::Context;
use crate::command::notify;
use crate::command::refusal::Refusal;
use crate::effects::ReadKind;
use crate::render::export::{cut, time};
use crate::state::{account_settings, app_password, last_login, metadata, second_factor, silence};
use serde_json::{Value, json};
use store::{Account, EventId, Subject};

/// Carries it out: first the account itself, then the messages it sent and received.
pub(super) fn run(
    context: &mut Context<'_>,
    account: &Account,
    from: Option<&str>,
) -> Result<(), Refusal> {
    super::must_be_proven(context)?;
    let after = match from {
        None => {
            for part in parts(context, account) {
                show(context, &part);
            }
            0
        }
        Some(given) => {
            let text = "An export goes on where its last page said: ACCOUNT EXPORT and that number";
            let after = given.parse().ok().filter(|after| *after <= EventId::MAX >> 1);
            after.ok_or_else(|| refused("BAD_POSITION", given, text))?
        }
    };
    read(context, ReadKind::Export { after });
    Ok(())
}

/// What the hub knows about the account.
fn parts(context: &Context<'_>, account: &Account) -> Vec<Value> {
    let (state, id) = (&context.state, account.id);
    let invited = account_settings::invited_by(state, id).map(|by| by.by);
    let mut parts = vec![json!({"account": {
        "name": &*account.name,
        "created": time(account.created),
        "second_factor": second_factor::is_on(state, id),
        "strict": account_settings::is_strict(state, id),
        "private_messages_from": account_settings::pm_policy(state, id).name(),
        "invited_by": invited,
    }})];
    if let Some(login) = last_login::of(state, id) {
        parts.push(json!({"login": {
            "time": time(login.time), "from": login.from, "failed_since": login.failed,
        }}));
    }
    for one in app_password::of(state, id) {
        let used = one.used.map(time);
        parts.push(json!({"app_password": {
            "name": one.name, "created": time(one.created), "used": used,
        }}));
    }
    for certificate in state.certificates.of(id) {
        parts.push(json!({"certificate": format!("{certificate:x}")}));
    }
    for (key, value) in metadata::keys_of(state, Subject::Account(id)) {
        parts.push(json!({"metadata": {"key": key, "value": value}}));
    }
    for room in context.user().rooms.iter().map(|room| &state.rooms[room]) {
        let member = room.members[&id];
        parts.push(json!({"room": {
            "name": &*room.name,
            "operator": member.op, "half_operator": member.halfop, "voice": member.voice,
        }}));
    }
    for (of, at) in state.read_markers.of(id) {
        // The names of the others in private conversations are in the messages.
        if let Some(room) = of.as_room().and_then(|room| state.rooms.get(&room)) {
            parts.push(json!({"read_marker": {"room": &*room.name, "time": time(at)}}));
        }
    }
    for (name, _, setting) in notify::named(context) {
        let word = crate::state::notify::word(Some(setting));
        parts.push(json!({"notify": {"conversation": &*name, "setting": word}}));
    }
    for entry in state.silences.get(&id).into_iter().flatten() {
        parts.push(json!({"ignored": &*silence::shown(entry, state)}));
    }
    for session in &context.user().sessions {
        if let Some(known) = context.node.sessions.get(session) {
            parts.push(json!({"session": {
                "id": sessions::name(*session),
                "since": time(known.since),
                "address": known.address.to_canonical().to_string(),
                "by": sessions::credential(known).0,
                "client": sessions::client(known).0,
            }}));
        }
    }
    parts
}

fn show(context: &mut Context<'_>, part: &Value) {
    let text = part.to_string();
    for (mark, piece) in cut(&text) {
        context.note("ACCOUNT", "EXPORT", &[mark], piece);
    }
}
