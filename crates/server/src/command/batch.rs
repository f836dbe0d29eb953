//! `BATCH +reference draft/multiline target`, its lines, and `BATCH -reference`: a multi-line
//! message, sent when it is complete.
//!
//! <https://ircv3.net/specs/extensions/client-batch>, <https://ircv3.net/specs/extensions/multiline>

use super::entry::{Request, SharedPart};
use super::privmsg::{Draft, look_at_share, to_one};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::Effects;
use crate::limits::{BATCH_REFERENCE_BYTES, BATCH_SECONDS, MULTILINE_BYTES, MULTILINE_LINES};
use crate::render::lines::{GOES_ON, NEW_LINE};
use crate::session::Node;
use crate::session::{OpenBatch, PartialMessage};
use crate::state::State;
use crate::state::apply_context::ApplyContext;
use proto::name::fold;
use proto::{Capability, Message};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use store::EventKind;

/// The verb.
pub const VERB: &str = "BATCH";

/// The tag of a line that continues the line before.
const CONCAT_TAG: &str = "draft/multiline-concat";

/// A complete multi-line message.
#[derive(Deserialize, Serialize)]
pub struct Multiline {
    kind: EventKind,
    target: Box<str>,
    text: String,
    tags: String,
    resend: Option<Box<str>>,
}

/// Carries out `BATCH`: a complete batch becomes an entry.
pub fn run<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    if !speaks(context) {
        return Err(Refusal::UnknownCommand(message.verb.to_owned()));
    }
    match message.param(0).unwrap_or_default().split_at_checked(1) {
        Some(("+", reference)) => open(context, reference, message).map(|()| SharedPart::None),
        Some(("-", reference)) => close(context, reference),
        _ => Err(bad("The reference must begin with + or -")),
    }
}

/// The reference of the batch that a line belongs to. For sessions without batches the tag is
/// meaningless.
pub fn reference(context: &Context<'_>, message: &Message<'_>) -> Option<Box<str>> {
    if message.tags.is_empty() || context.session().user.is_none() || !speaks(context) {
        return None;
    }
    message.tags.get("batch").map(|reference| Box::from(&*reference))
}

/// The label of the open batch, if the line belongs to a batch: its answer has that one.
pub fn label(
    context: &mut Context<'_>,
    message: &Message<'_>,
    reference: Option<&str>,
) -> Option<Arc<str>> {
    if reference.is_none() && !message.verb.eq_ignore_ascii_case(VERB) {
        return None;
    }
    context.session_mut().extras_if_any()?.batch.as_mut()?.message.as_mut()?.label.take()
}

/// Takes a line of a batch.
pub fn take_line(
    context: &mut Context<'_>,
    message: &Message<'_>,
    reference: &str,
) -> Result<(), Refusal> {
    let extras = context.session_mut().extras_if_any();
    let batch = extras.and_then(|extras| extras.batch.as_deref_mut());
    let added = match batch.filter(|batch| *batch.reference == *reference) {
        None => Err(bad("No batch with this reference is open")),
        Some(OpenBatch { message: None, .. }) => return Ok(()), // It was refused.
        Some(OpenBatch { message: Some(partial), .. }) => partial.add(message),
    };
    if added.is_err() {
        refuse_open(context);
        return added;
    }
    // The batch is answered as a whole.
    let label = context.out.take_label();
    if let Some(extras) = context.session_mut().extras_if_any()
        && let Some(batch) = &mut extras.batch
        && let Some(partial) = &mut batch.message
    {
        partial.label = label;
    }
    Ok(())
}

/// An invalid line has arrived that may have been part of the open batch: it is not sent without
/// it.
pub fn not_without(context: &mut Context<'_>) {
    let Some(extras) = context.session_mut().extras_if_any() else { return };
    let Some(batch) = &mut extras.batch else { return };
    let Some(partial) = &mut batch.message else { return };
    let label = partial.label.take();
    refuse_open(context);
    super::run(context, label, |_| {
        let why = "An invalid line was received while the batch was open; the batch was not sent";
        Err((VERB.to_owned(), bad(why)))
    });
}

/// Refuses batches that were left open too long.
pub fn end_overdue(state: &mut State, node: &mut Node, out: &mut Effects) {
    while let Some((due, session)) = node.batches.first().copied()
        && due <= state.steady
    {
        node.batches.remove(&(due, session));
        let mut context = Context::new(state, node, out, session);
        let Some(extras) = context.session_mut().extras_if_any() else { continue };
        let Some(batch) = &mut extras.batch else { continue };
        let reference = batch.reference.to_string();
        let label = batch.message.take().and_then(|partial| partial.label);
        super::run(&mut context, label, |_| {
            let text = "The batch was open for too long; it was not sent";
            let refusal = Refusal::Invalid { code: "TIMEOUT", context: vec![reference], text };
            Err((VERB.to_owned(), refusal))
        });
    }
}

/// Whether the session may send batches. One that is open can be completed anyway.
fn speaks(context: &Context<'_>) -> bool {
    context.has(Capability::Multiline) || context.session().extras().batch.is_some()
}

fn bad(why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::BadBatch(why.into())
}

fn open(context: &mut Context<'_>, reference: &str, message: &Message<'_>) -> Result<(), Refusal> {
    let another = forget(context);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !(1..=BATCH_REFERENCE_BYTES).contains(&reference.len()) || !reference.bytes().all(allowed) {
        return Err(bad(format!(
            "A reference has 1 to {BATCH_REFERENCE_BYTES} letters, digits and hyphens"
        )));
    }
    // Until it is known to be valid, its lines are ignored.
    context.session_mut().extras_mut().batch = Some(Box::new(OpenBatch::refused(reference)));
    if another.is_some() {
        return Err(bad("Another batch was open; neither was sent"));
    }
    if message.param(1) != Some(Capability::Multiline.name()) {
        return Err(bad("Unknown batch type"));
    }
    let target = message.param(2).ok_or_else(|| bad("The batch has no target"))?;
    let draft = Draft::new(context, (EventKind::Message, VERB), "", Some(message));
    let due = context.state.steady + i64::from(BATCH_SECONDS) * 1000;
    let partial = PartialMessage {
        target: target.into(),
        kind: None,
        text: String::new(),
        lines: 0,
        bytes: 0,
        tags: draft.tags,
        resend: draft.resend,
        label: context.out.take_label(),
        due,
    };
    let session = context.requester.session;
    context.node.batches.insert((due, session));
    context.session_mut().extras_mut().batch =
        Some(Box::new(OpenBatch { message: Some(partial), ..OpenBatch::refused(reference) }));
    Ok(())
}

/// The batch is complete: its message is to be sent.
fn close<'m>(context: &mut Context<'_>, reference: &str) -> Result<SharedPart<'m>, Refusal> {
    if context.session().extras().batch.as_ref().is_none_or(|batch| *batch.reference != *reference)
    {
        refuse_open(context);
        return Err(bad("No batch with this reference is open"));
    }
    let Some(partial) = forget(context) else { return Ok(SharedPart::None) }; // It was refused.
    let Some(kind) = partial.kind else { return Err(bad("The batch has no lines")) };
    if partial.text.trim_start_matches([NEW_LINE, GOES_ON]).is_empty() {
        return Err(bad("All lines of the batch are blank"));
    }
    let PartialMessage { target, text, tags, resend, .. } = partial;
    look_at_share(context, &target, &text, tags.len());
    Ok(SharedPart::Request(Request::Multiline(Multiline { kind, target, text, tags, resend })))
}

/// Sends a multi-line message.
pub fn send(context: &mut ApplyContext<'_>, message: Multiline) -> Result<(), Refusal> {
    let Multiline { kind, target, text, tags, resend } = message;
    match to_one(context, &target, Draft { kind, verb: VERB, text: &text, tags, resend }) {
        Err(Refusal::TextTooLong(most)) => Err(bad(format!(
            "A line of the batch is too long for its receivers; the maximum is {most} bytes"
        ))),
        Err(refusal @ (Refusal::TagsTooLong | Refusal::TooMuchStored(_) | Refusal::DiskFull)) => {
            Err(refusal)
        }
        // NOTICE gets no other answers.
        _ if kind == EventKind::Notice => Ok(()),
        sent => sent,
    }
}

/// Closes the session's batch; returns its contents, if it was not refused.
fn forget(context: &mut Context<'_>) -> Option<PartialMessage> {
    let partial = context.session_mut().extras_if_any()?.batch.take()?.message?;
    let session = context.requester.session;
    context.node.batches.remove(&(partial.due, session));
    Some(partial)
}

/// Refuses the open batch, if any: the rest of it is ignored.
fn refuse_open(context: &mut Context<'_>) {
    let Some(batch) = &context.session().extras().batch else { return };
    let refused = Box::new(OpenBatch::refused(&batch.reference));
    forget(context);
    context.session_mut().extras_mut().batch = Some(refused);
}

impl OpenBatch {
    fn refused(reference: &str) -> OpenBatch {
        OpenBatch { reference: reference.into(), message: None }
    }
}

impl PartialMessage {
    fn add(&mut self, message: &Message<'_>) -> Result<(), Refusal> {
        let kind = match message.verb.to_ascii_uppercase().as_str() {
            "PRIVMSG" => EventKind::Message,
            "NOTICE" => EventKind::Notice,
            _ => return Err(bad("A batch of this type contains only PRIVMSG or only NOTICE")),
        };
        if *self.kind.get_or_insert(kind) != kind {
            return Err(bad("A batch of this type contains only PRIVMSG or only NOTICE"));
        }
        let target = message.param(0).unwrap_or_default();
        if fold(target) != fold(&self.target) {
            let context = vec![self.target.to_string(), target.to_owned()];
            let text = "The line and its batch have different targets";
            return Err(Refusal::Invalid { code: "MULTILINE_INVALID_TARGET", context, text });
        }
        if message.tags.iter().any(|(key, _)| key != "batch" && key != CONCAT_TAG) {
            return Err(bad("The tags of the message belong to the line that opens the batch"));
        }
        let text = message.param(1).unwrap_or_default();
        let goes_on = message.tags.get(CONCAT_TAG).is_some();
        if goes_on && text.is_empty() {
            return Err(bad("A blank line cannot continue the previous line"));
        }
        self.join(text, goes_on)
    }

    fn join(&mut self, text: &str, goes_on: bool) -> Result<(), Refusal> {
        let exceeded = |code, most: usize, text| {
            Err(Refusal::Invalid { code, context: vec![most.to_string()], text })
        };
        if self.lines == MULTILINE_LINES {
            let text = "The batch has too many lines; it was not sent";
            return exceeded("MULTILINE_MAX_LINES", MULTILINE_LINES, text);
        }
        let first = self.lines == 0;
        self.bytes += text.len() + usize::from(!first && !goes_on);
        if self.bytes > MULTILINE_BYTES {
            let text = "The batch has too many bytes; it was not sent";
            return exceeded("MULTILINE_MAX_BYTES", MULTILINE_BYTES, text);
        }
        if !first {
            self.text.push(if goes_on { GOES_ON } else { NEW_LINE });
        }
        self.text.push_str(text);
        self.lines += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
    use crate::session_id::SessionId;
    use store::{MemoryStore, Store};

    const ANN: SessionId = SessionId { node: 0, shard: 0, slot: 0, generation: 1 };

    fn hub() -> Hub {
        let mut config = Config::default();
        config.server.guests = true;
        let loaded = MemoryStore::new("test").load().expect("it is in memory");
        let mut hub = Hub::new(config.into(), loaded, 0).0;
        let address = "192.0.2.7".parse().expect("an address");
        tell(&mut hub, 0, "", ClientEvent::Opened { address, entropy: [0; 16] });
        for line in ["CAP REQ :draft/multiline batch labeled-response", "CAP END"] {
            say(&mut hub, 0, line);
        }
        say(&mut hub, 0, "NICK ann");
        say(&mut hub, 0, "USER ann 0 * :Ann");
        hub
    }

    fn tell(hub: &mut Hub, second: i64, text: &str, event: ClientEvent) -> String {
        let events = vec![SessionEvent { session: ANN, event }];
        let input = Input::Batch(Batch { shard: 0, text: text.into(), events });
        let effects = hub.apply(Stamped { now: 0, steady: second * 1000, committed: 0, input });
        String::from_utf8(effects.text).expect("UTF-8")
    }

    fn say(hub: &mut Hub, second: i64, line: &str) -> String {
        tell(hub, second, line, ClientEvent::Line(0..line.len() as u32))
    }

    #[test]
    fn a_batch_left_open_too_long_is_refused_and_its_remaining_lines_ignored() {
        let mut hub = hub();
        let end = i64::from(BATCH_SECONDS);
        assert_eq!(say(&mut hub, 0, "@label=x BATCH +1 draft/multiline #lobby"), "");
        assert_eq!(say(&mut hub, end - 1, "@batch=1 PRIVMSG #lobby :one"), "");
        let told = tell(&mut hub, end, "", ClientEvent::PasswordBusy);
        let text = ":parlor FAIL BATCH TIMEOUT 1 :The batch was open for too long; it was not sent";
        assert!(told.contains(&format!("@label=x {text}\r\n")), "{told}");
        assert_eq!(say(&mut hub, end, "@batch=1 PRIVMSG #lobby :two"), "");
        assert_eq!(say(&mut hub, end, "BATCH -1"), "");
        assert!(hub.node.batches.is_empty());
        assert_eq!(say(&mut hub, end, "@label=y BATCH +2 draft/multiline #lobby"), "");
        let told = say(&mut hub, end * 2, "BATCH -2");
        assert!(told.contains("@label=y :parlor FAIL BATCH TIMEOUT 2 :"), "{told}");
        assert!(!told.contains("INVALID"), "{told}");
    }

    #[test]
    fn an_open_batch_ends_with_its_session() {
        let mut hub = hub();
        say(&mut hub, 0, "BATCH +1 draft/multiline #lobby");
        assert_eq!(hub.node.batches.len(), 1);
        tell(&mut hub, 1, "", ClientEvent::Closed { reason: "gone".into() });
        assert!(hub.node.batches.is_empty());
    }
}
