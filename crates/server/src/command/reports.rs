//! `REPORTS [ALL]`, `REPORTS CLOSE number [:note]`: lists open reports, and closes one.

use super::context::Context;
use super::entry::SharedPart;
use super::refusal::Refusal;
use crate::limits::REASON_BYTES;
use crate::state::apply_context::ApplyContext;
use crate::state::ban_terms::date;
use crate::state::reports::{self, Closed, Report};
use crate::text::shorten;
use proto::Message;

/// The part that only reads reports.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    context.must_have_right("REPORTS", "")?;
    let word = message.param(0).unwrap_or("LIST").to_ascii_uppercase();
    match word.as_str() {
        "LIST" => show(context, false),
        "ALL" => show(context, true),
        "CLOSE" => return Ok(SharedPart::AsSent),
        _ => return Err(Refusal::UnknownSubcommand(word)),
    }
    Ok(SharedPart::None)
}

/// Carries out `REPORTS CLOSE`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_have_right("REPORTS", "CLOSE")?;
    close(context, message.param(1), message.rest(2).unwrap_or_default())
}

fn show(context: &mut Context<'_>, all: bool) {
    let wanted = reports::all(&context.state).filter(|(_, report)| all || report.closed.is_none());
    let wanted: Vec<(u32, Report)> = wanted.collect();
    let (mut count, most) = (0, context.node.config.limits.answer());
    for (number, report) in &wanted {
        if context.out.answered() > most {
            context.notice("There are more reports than one answer holds; close some first");
            break;
        }
        let number = number.to_string();
        let words = [&*number, &report.by, &report.about];
        let mut text = format!("{}, {}", date(report.time), report.reason);
        if let Some((room, author)) = &report.said {
            text.push_str(&format!(" (in {room} by {author})"));
        }
        if let Some(closed) = &report.closed {
            text.push_str(&format!(" (closed by {}: {})", closed.by, closed.note));
        }
        context.note("REPORTS", "ENTRY", &words, &text);
        count += 1;
    }
    let text = if all { "End of the reports" } else { "End of the open reports" };
    context.note("REPORTS", "END", &[&count.to_string()], text);
}

fn close(context: &mut ApplyContext<'_>, number: Option<&str>, note: &str) -> Result<(), Refusal> {
    let given = number.filter(|number| !number.is_empty()).ok_or(Refusal::NeedMoreParams)?;
    let number = given.parse::<u32>().ok();
    let open = number.and_then(|number| Some((number, reports::get(context.state, number)?)));
    let Some((number, report)) = open.filter(|(_, report)| report.closed.is_none()) else {
        let text = "No report of this number waits to be dealt with";
        return Err(Refusal::Invalid { code: "NO_SUCH_REPORT", context: vec![given.into()], text });
    };
    let (by, note) = (context.requester_name(), shorten(note, REASON_BYTES));
    let closed = Some(Closed { by: (&*by).into(), note: note.into() });
    let about = report.about.clone();
    reports::set(context.state, context.out, number, &Report { closed, ..report });
    context.audit("REPORTS CLOSE", &about, note);
    context.note("REPORTS", "CLOSED", &[given], "The report is closed");
    Ok(())
}
