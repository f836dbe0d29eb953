//! `INVITATION ADD [uses=n] [expires=7d] [rooms=#a,#b] [:note]`, `INVITATION LIST`, `INVITATION DEL
//! code`, and `INVITATION USE code` for people who register.

use super::account::{self, duration, is_option};
use super::authentication;
use super::entry::{Request, SharedPart};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::{Condition, Effect, Task};
use crate::limits::{
    INVITATION_CODE_CHARS, INVITATION_NOTE_BYTES, INVITATION_ROOMS, INVITATION_USES, INVITATIONS,
    INVITATIONS_OF_MEMBER,
};
use crate::render::export::time;
use crate::secret;
use crate::session::login::{Change, Outcome};
use crate::session::login_attempts::NO_NAME;
use crate::session::{Attempt, Invited};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::invitation::{self, Invitation};
use crate::state::room::Rank;
use crate::text::shorten;
use proto::Message;
use store::AccountId;

/// The owner of invitations made at the admin socket.
const NOBODY: AccountId = 0;

/// The session's own part: everything that only reads invitations.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let subcommand = message.param(0).unwrap_or_default().to_ascii_uppercase();
    let given = message.param(1).filter(|given| !given.is_empty());
    if subcommand == "USE" && !context.requester.console {
        use_one(context, given.ok_or(Refusal::NeedMoreParams)?)?;
        return Ok(SharedPart::None);
    }
    if !context.requester.console {
        context.requester.user.ok_or(Refusal::NotLoggedIn)?;
        account::of(context)?;
    }
    match subcommand.as_str() {
        "ADD" => add(context, &message.params()[1..])?,
        "LIST" => list(context),
        "DEL" => return Ok(SharedPart::AsSent),
        _ => {
            let text = "INVITATION knows ADD, LIST and DEL, and for those who register USE";
            return Err(refused("UNKNOWN_SUBCOMMAND", &subcommand, text));
        }
    }
    Ok(SharedPart::None)
}

fn refused(code: &'static str, about: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: vec![about.to_owned()], text }
}

fn use_one(context: &mut Context<'_>, code: &str) -> Result<(), Refusal> {
    if let Some(account) = super::verify::account(context) {
        return Err(Refusal::AlreadyAuthenticated(account));
    }
    accept(context, code)?;
    let text = "You are invited: choose a name and a password";
    context.note("INVITATION", "ACCEPTED", &[], text);
    Ok(())
}

/// The session registers with an invitation. A wrong code counts as a failed login.
pub fn accept(context: &mut Context<'_>, code: &str) -> Result<(), Refusal> {
    authentication::attempt(context, NO_NAME)?;
    if invitation::find(&context.state, code).is_none() {
        authentication::failed(context, NO_NAME, "wrong invitation");
        let text = "There is no such invitation, or it is used up";
        return Err(Refusal::Invalid { code: "NO_SUCH_INVITATION", context: Vec::new(), text });
    }
    let invited = Invited { code: code.into(), rooms: Vec::new() };
    context.session_mut().extras_mut().invitation = Some(Box::new(invited));
    Ok(())
}

fn add(context: &mut Context<'_>, options: &[&str]) -> Result<(), Refusal> {
    let operator = context.has_right("INVITATION", "ADD");
    if !operator && !context.state.settings.member_invitations {
        return Err(Refusal::NotOperator);
    }
    let me = maker(context);
    let all = invitation::all(&context.state, None);
    let mine = all.iter().filter(|(_, one)| one.account == me).count();
    if all.len() >= INVITATIONS || !operator && mine >= INVITATIONS_OF_MEMBER {
        let text = "There are as many invitations as there may be; INVITATION DEL removes one";
        let most = if operator { INVITATIONS } else { INVITATIONS_OF_MEMBER };
        return Err(refused("LIMIT_REACHED", &most.to_string(), text));
    }
    context.must_have_space()?;
    let invitation = read(context, options)?;
    let task = Task::Draw { count: 1, chars: INVITATION_CODE_CHARS, keys: None };
    let (nick, of) = (context.nick(), Attempt::Account(Box::new(Change::Invitation(invitation))));
    authentication::wait(context, &nick, of, "", task, 0);
    Ok(())
}

/// The account that owns the requester's invitations: none at the admin socket.
fn maker(context: &Responder<'_, impl Reads>) -> AccountId {
    context.requester.user.unwrap_or(NOBODY)
}

/// Parses the options of an invitation.
fn read(context: &Context<'_>, options: &[&str]) -> Result<Invitation, Refusal> {
    let mut invitation = Invitation {
        by: context.requester_name().as_ref().into(),
        account: maker(context),
        created: context.state.now,
        uses: 1,
        expires: None,
        rooms: Vec::new(),
        note: "".into(),
    };
    let mut note = Vec::new();
    for option in options {
        match option.split_once('=') {
            Some(("uses", number)) => {
                let uses = number.parse().ok().filter(|uses| (1..=INVITATION_USES).contains(uses));
                let text = "uses is a number from 1 to 1000";
                invitation.uses = uses.ok_or_else(|| refused("BAD_USES", number, text))?;
            }
            Some(("expires", after)) => {
                invitation.expires = Some(context.state.now + duration(after)?);
            }
            Some(("rooms", names)) => invitation.rooms = rooms(context, names)?,
            _ if is_option(option) => {
                let text = "The options of INVITATION ADD are uses=, expires= and rooms=; a note that begins like one needs another word first";
                return Err(refused("UNKNOWN_OPTION", option, text));
            }
            _ => note.push(*option),
        }
    }
    invitation.note = shorten(&note.join(" "), INVITATION_NOTE_BYTES).into();
    Ok(invitation)
}

/// The rooms named, if the requester may invite people to them.
fn rooms(context: &Context<'_>, names: &str) -> Result<Vec<Box<str>>, Refusal> {
    let (operator, names) = (context.has_right("INVITATION", "ADD"), super::names_of(names)?);
    if names.len() > INVITATION_ROOMS {
        return Err(Refusal::TooManyTargets(names[INVITATION_ROOMS..].join(",")));
    }
    let mut rooms = Vec::new();
    for name in names {
        let room = if operator {
            context.room(name)?
        } else {
            let (room, member) = context.my_room(name)?;
            if room.is('i') && member.rank() < Rank::HalfOp {
                return Err(Refusal::NotHalfOperator(room.name.clone()));
            }
            room
        };
        rooms.push(room.name.as_ref().into());
    }
    Ok(rooms)
}

/// The code was generated.
pub fn drawn(context: &mut Context<'_>, invitation: &Invitation, outcome: Outcome) {
    let refused = match outcome {
        Outcome::Drawn(secrets, _) if !secrets.is_empty() => {
            context.look_at_space();
            let (code, invitation) = (secrets[0].reveal(), invitation.into());
            context.apply(Request::Invite { code, invitation })
        }
        _ => Err(Refusal::Busy("*".into())),
    };
    if let Err(refusal) = refused {
        super::refusal::refuse(context, "INVITATION", &refusal);
    }
}

/// A new invitation was stored. Its code is kept in clear, because its owner may look at it again.
pub fn added(context: &mut ApplyContext<'_>, code: &str, invitation: &Invitation) {
    invitation::add(context.state, context.out, code, invitation);
    stored(context);
    audit(context, "INVITATION ADD", code, &invitation.note);
    let text = format!("Whoever registers with {code} is admitted; pass it on privately");
    context.note("INVITATION", "ADDED", &[code], &text);
}

/// What operators do with invitations goes to the audit log.
fn audit(context: &mut ApplyContext<'_>, action: &str, code: &str, note: &str) {
    if context.role().is_some() {
        context.audit(action, code, note);
    }
}

/// Further effects depend on what was just written.
fn stored(context: &mut ApplyContext<'_>) {
    if let Condition::Stored(write) = context.out.condition() {
        let failed =
            Effect::NotStored { to: context.requester.session, verb: "INVITATION", tag: None };
        context.out.push_when(Condition::Failed(write), failed);
    }
}

fn list(context: &mut Context<'_>) {
    let all_of_them = context.has_right("INVITATION", "LIST");
    let of = (!all_of_them).then(|| maker(context));
    let all = invitation::all(&context.state, of);
    for (code, one) in &all {
        let expires = one.expires.map_or("*".into(), time);
        let rooms = if one.rooms.is_empty() { "*".into() } else { one.rooms.join(",") };
        let code = secret::grouped(code);
        let params: &[&str] = &[&code, &one.uses.to_string(), &expires, &one.by, &rooms];
        let note = if one.note.is_empty() { "No note" } else { &one.note };
        context.note("INVITATION", "ENTRY", params, note);
    }
    let text = "End of the invitations (code, uses left, end, who made it, rooms, note)";
    context.note("INVITATION", "END", &[&all.len().to_string()], text);
}

/// Carries out `INVITATION DEL`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let code = message.param(1).filter(|given| !given.is_empty());
    let code = code.ok_or(Refusal::NeedMoreParams)?;
    let operator = context.has_right("INVITATION", "DEL");
    let mine = |one: &Invitation| operator || one.account == maker(context);
    let Some(one) = invitation::find(context.state, code).filter(mine) else {
        let text = "There is no such invitation of yours; INVITATION LIST shows them";
        return Err(refused("NO_SUCH_INVITATION", code, text));
    };
    invitation::remove(context.state, context.out, code);
    stored(context);
    audit(context, "INVITATION DEL", code, &one.note);
    context.note("INVITATION", "DELETED", &[code], "This invitation is no longer valid");
    Ok(())
}
