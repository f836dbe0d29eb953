//! `REPORT msgid|name :reason`: reports a message or a user to the operators of the server. It is
//! kept until one of them closes it; see [`super::reports`].

use super::privmsg::find;
use super::refusal::Refusal;
use crate::limits::REASON_BYTES;
use crate::state::apply_context::ApplyContext;
use crate::state::reports::{self, Report};
use crate::state::user::UserId;
use crate::state::{founder, history};
use crate::text::shorten;
use proto::Message;
use store::EventId;

/// Carries out `REPORT`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let given = message.param(0).unwrap_or_default();
    let reason = message.rest(1).map(str::trim).filter(|reason| !reason.is_empty());
    let reason = shorten(reason.ok_or(Refusal::NeedMoreParams)?, REASON_BYTES);
    let (about, said) = match store::parse_msgid(&context.state.renderer.instance, given) {
        Some(event) => (given.into(), Some(said(context, event, given)?)),
        None => (find(context, given)?.1, None),
    };
    context.must_be_storable()?;
    let report = Report {
        by: (&*context.nick()).into(),
        about: (&*about).into(),
        said,
        reason: reason.into(),
        time: context.state.now,
        closed: None,
    };
    let number = reports::add(context.state, context.out, &report);
    let Some(number) = number else {
        let text = "Too many reports wait to be dealt with; try again later";
        return Err(Refusal::Invalid { code: "LIMIT_REACHED", context: Vec::new(), text });
    };
    let operators = context.state.users.values().filter(|user| user.is_operator());
    let operators: Vec<UserId> = operators.map(|user| user.id).collect();
    let text = format!("Report {number}: {}", sentence(&report));
    for operator in operators {
        context.tell_notice(operator, &text);
    }
    let text = "Thank you; the server operators have been told";
    context.note("REPORT", "REPORTED", &[&number.to_string(), &about], text);
    Ok(())
}

fn sentence(report: &Report) -> String {
    format!("{} has reported {}: {}", report.by, report.subject(), report.reason)
}

/// The room and the author of a message. A message that the reporter may not read is treated as
/// unknown.
fn said(
    context: &ApplyContext<'_>,
    event: EventId,
    given: &str,
) -> Result<(Box<str>, Box<str>), Refusal> {
    let state = &*context.state;
    let read = state.recent_messages.of(event).and_then(|(room, author)| {
        let room = state.rooms.get(&room)?;
        (event > history::since(state, room, context.me())).then_some((room, author))
    });
    let Some((room, author)) = read else {
        let text =
            "This is not one of the latest messages in your rooms; report its author by name";
        return Err(Refusal::Invalid {
            code: "UNKNOWN_MSGID",
            context: vec![given.to_owned()],
            text,
        });
    };
    Ok(((&*room.name).into(), (&*founder::name_of(state, author)).into()))
}
