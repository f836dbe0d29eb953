//! Entries that a log orders before they are applied: sending them, and applying them once they are
//! delivered.
//!
//! On one node there is no such log, and an entry is applied as soon as it is made. With one, all
//! nodes apply the same entries in the same order. What a session sends takes effect in the order in
//! which it was sent: while a command of it is in flight, its next lines wait. Only messages need not
//! wait for messages: they are pipelined into the log, which keeps their order.

use super::context::Context;
use super::entry::{self, Entry, Request};
use super::{MESSAGES, authentication, finish, follow_up, welcome};
use crate::clock;
use crate::effects::{Cursor, Effects, OpenLabel, SentEntry};
use crate::limits::{IN_FLIGHT_BYTES, IN_FLIGHT_DELIVERIES, PRIVATE_DELIVERIES};
use crate::session::{InFlight, Node};
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::apply_context::Responder;
use crate::state::refusal::Refusal;
use crate::state::requester::Requester;
use crate::state::user::User;
use proto::line::LineError;
use proto::{Capability, Message};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The reason that others see when sessions end with their node.
const NODE_ENDED: &str = "The node of this connection is gone";

/// What is sent to the log.
#[derive(Deserialize, Serialize)]
struct NumberedEntry<'a> {
    /// Its number among the entries of its node.
    number: u64,
    #[serde(borrow)]
    entry: Entry<'a>,
}

impl SentEntry {
    /// An entry delivered by a log.
    ///
    /// # Errors
    /// When this version of the program cannot apply it.
    pub fn new(bytes: Box<[u8]>) -> Result<SentEntry, postcard::Error> {
        postcard::from_bytes::<NumberedEntry<'_>>(&bytes)?;
        Ok(SentEntry { bytes, awaited: false })
    }
}

/// Applies an entry; or sends it to the log, if there is one, and returns what is in flight now.
pub fn submit(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    entry: Entry<'_>,
) -> Result<Option<InFlight>, Refusal> {
    let Some(sent) = &mut node.entries_sent else {
        return entry::apply(state, out, entry).map(|()| None);
    };
    *sent += 1;
    let awaited = is_answered(&entry.request);
    let pipelinable = is_pipelinable(&entry.request);
    let deliveries = deliveries(state, &entry.request);
    let sent = NumberedEntry { number: *sent, entry };
    let bytes = postcard::to_stdvec(&sent).expect("all lengths are known");
    let (number, length) = (sent.number, bytes.len());
    out.entries.push(SentEntry { bytes: bytes.into(), awaited });
    let uncertain = node.log_unavailable;
    Ok(Some(InFlight { number, bytes: length, pipelinable, deliveries, answer: None, uncertain }))
}

/// Roughly how many deliveries a request's message leads to.
fn deliveries(state: &State, request: &Request<'_>) -> usize {
    match request {
        Request::Command { command, .. } if MESSAGES.contains(&command.verb.name) => {
            command.message.param(0).map_or(0, |targets| deliveries_to(state, targets))
        }
        _ => 0,
    }
}

/// How many deliveries a message to these targets counts as.
fn deliveries_to(state: &State, targets: &str) -> usize {
    let online = |target: &str| match target.find('#') {
        Some(at) => state.room(&target[at..]).map_or(0, |room| room.online),
        None => PRIVATE_DELIVERIES,
    };
    targets.split(',').filter(|target| !target.is_empty()).map(online).sum()
}

/// Whether a request has no influence on messages that its session sends after it.
fn is_pipelinable(request: &Request<'_>) -> bool {
    match request {
        Request::Command { command, .. } => MESSAGES.contains(&command.verb.name),
        Request::Taken { .. } => true,
        _ => false,
    }
}

/// Whether a line may be sent to the log while its session has commands in flight: a message, if
/// nothing would refuse it before it gets there.
pub fn may_pipeline(context: &mut Context<'_>, error: Option<LineError>, line: &str) -> bool {
    if error.is_some()
        || !context.session().may_pipeline()
        || context.node.in_flight_bytes >= IN_FLIGHT_BYTES
    {
        return false;
    }
    let Ok(message) = Message::parse(line) else { return false };
    let in_flight: usize =
        context.session().extras().in_flight.iter().map(|it| it.deliveries).sum();
    let more = message.param(0).map_or(0, |targets| deliveries_to(&context.state, targets));
    if in_flight + more > IN_FLIGHT_DELIVERIES {
        return false;
    }
    // A service of the server's has no ordinary name; it may answer at once.
    let to_people = |targets: &str| !targets.is_empty() && !targets.contains('*');
    MESSAGES.iter().any(|verb| message.verb.eq_ignore_ascii_case(verb))
        && message.param(0).is_some_and(to_people)
        && message.tags.get("batch").is_none()
        && context.budget_wait().is_none()
}

/// Whether the first waiting line may be pipelined in this way.
pub fn next_may_pipeline(context: &mut Context<'_>) -> bool {
    let extras = context.session_mut().extras_if_any();
    let Some(next) = extras.and_then(|extras| extras.lines.pop_front()) else { return false };
    let may = may_pipeline(context, next.error, &next.text);
    context.session_mut().extras_mut().lines.push_front(next);
    may
}

/// Whether the current command is in flight: then it is over for now, and the rest of its answer,
/// with its label, comes later.
pub fn keep_label(context: &mut Context<'_>) -> bool {
    if context.node.entries_sent.is_none() {
        return false;
    }
    let Responder { state, out, requester } = &mut context.responder;
    let known = context.node.sessions.get_mut(&requester.session);
    let extras = known.and_then(|known| known.extras_if_any());
    let in_flight = extras.and_then(|extras| extras.in_flight.back_mut());
    let Some(in_flight) = in_flight else { return false };
    // The last one in flight may be an earlier command of the session.
    if in_flight.answer.is_some() {
        return false;
    }
    let server = &state.renderer.server;
    let written = out.answered();
    let label = if out.has_labeled_answers() {
        out.pause(server)
    } else {
        let label = out.keep_label();
        out.end(server);
        label
    };
    in_flight.answer = Some((label, written));
    true
}

/// Applies an entry delivered by the log, from any node. Returns the session that was waiting for
/// it, if it is here.
pub fn apply(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    sent: &SentEntry,
) -> Option<SessionId> {
    let NumberedEntry { number, mut entry } = read(sent);
    state.ordered = clock::of_entry(state.ordered, (entry.now, entry.steady));
    (entry.now, entry.steady) = state.ordered;
    apply_entry(state, node, out, number, entry)
}

fn read(sent: &SentEntry) -> NumberedEntry<'_> {
    postcard::from_bytes(sent.bytes()).expect("it was read when it was made")
}

/// The log does not have an entry and will not get it: refuses it to the session that is waiting.
/// Returns that session, if any.
pub fn refuse_unsent(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    sent: &SentEntry,
) -> Option<SessionId> {
    let NumberedEntry { number, entry: Entry { requester, request, .. } } = read(sent);
    let session = requester.session;
    let in_flight = node.take_in_flight(session, number)?;
    let mut context = Context::of_entry(state, node, out, requester);
    resume(&mut context, in_flight.answer);
    finish(&mut context, |context| {
        context.refresh();
        RefusalTarget::of(&request).refuse(context, Refusal::LogUnavailable)
    });
    Some(session)
}

/// Continues a command that was in flight.
fn resume(context: &mut Context<'_>, answer: Option<(Option<OpenLabel>, usize)>) {
    let Some((label, written)) = answer else { return context.begin(None) };
    let (session, batches) = (context.requester.session, context.has(Capability::Batch));
    context.out.begin_again(session, label, batches);
    context.out.resume_at(Cursor::Start, written);
}

/// The sessions of a node that has left have ended.
pub fn end_node(state: &mut State, node: &mut Node, out: &mut Effects, number: u16) {
    let sessions = |user: &User| {
        let of_it = user.sessions.iter().filter(|session| session.node == number);
        of_it.map(|session| (user.id, *session)).collect::<Vec<_>>()
    };
    let ended: Vec<_> = state.users.values().flat_map(|user| sessions(user)).collect();
    for (user, session) in ended {
        let (now, steady) = state.ordered;
        let request = Request::SessionEnded { reason: NODE_ENDED, here: None };
        let requester = Requester { session, ..Requester::of(Some(user)) };
        apply_entry(state, node, out, 0, Entry { now, steady, requester, request });
    }
}

/// Applies an entry that has this number at its node.
fn apply_entry(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    number: u64,
    entry: Entry<'_>,
) -> Option<SessionId> {
    let session = entry.requester.session;
    if session == SessionId::NOBODY {
        if is_housekeeping(&entry.request) {
            node.housekeeping = false;
        }
        entry::apply(state, out, entry).expect("what nobody has asked for is not refused");
        return None;
    }
    let in_flight = node.take_in_flight(session, number);
    let waited = in_flight.is_some();
    let ends = matches!(entry.request, Request::SessionEnded { .. });
    if !ends && !is_there(state, &entry.requester) {
        return waited.then_some(session);
    }
    let Entry { now, steady, requester, request } = entry;
    let mut context = Context::of_entry(state, node, out, requester.clone());
    match in_flight.and_then(|it| it.answer) {
        answer @ Some(_) => resume(&mut context, answer),
        None => {
            let label =
                requester.label.clone().filter(|_| !context.node.sessions.contains_key(&session));
            context.begin(label);
            context.requester.label.clone_from(&requester.label);
        }
    }
    let (target, line) = (RefusalTarget::of(&request), line_of(&request));
    finish(&mut context, |context| {
        let entry = Entry { now, steady, requester, request };
        let applied = context.apply_ordered(entry);
        if context.node.sessions.contains_key(&session) {
            // It may have continued meanwhile.
            context.refresh();
        }
        if let Err(refusal) = applied {
            return target.refuse(context, refusal);
        }
        follow_up::carry_out(context);
        if let Some(cursor) = context.out.take_next().filter(|_| waited) {
            context.go_on_at(cursor);
        }
        Ok(())
    });
    if let Some(paused) = context.paused().filter(|_| waited) {
        paused.line = line.into();
    }
    waited.then_some(session)
}

/// Whether a request is for scheduled work: any node may make it, and one is enough.
pub fn is_housekeeping(request: &Request<'_>) -> bool {
    use Request::{EndRoomBans, EndServerBans, ExpireAccounts, Forget};
    matches!(request, EndServerBans | EndRoomBans | ExpireAccounts { .. } | Forget)
}

/// Whether a session is waiting for the result of a request, and can be told that there is none.
pub fn is_answered(request: &Request<'_>) -> bool {
    RefusalTarget::of(request) != RefusalTarget::Verb("*")
}

/// Whether a session still belongs to its user: it may have ended while its last command was in
/// flight.
fn is_there(state: &State, requester: &Requester) -> bool {
    let Some(user) = requester.user else { return true };
    state.users.get(&user).is_some_and(|user| user.sessions.contains(&requester.session))
}

/// How a session is told that its request was refused.
#[derive(PartialEq)]
enum RefusalTarget {
    Login,
    ComeOnline(Arc<str>),
    Verb(&'static str),
}

impl RefusalTarget {
    fn of(request: &Request<'_>) -> RefusalTarget {
        match request {
            Request::LogIn(_) | Request::Register(_) => RefusalTarget::Login,
            Request::ComeOnline(coming) => RefusalTarget::ComeOnline(coming.nick.clone()),
            Request::Command { command, .. } => RefusalTarget::Verb(command.verb.name),
            Request::Broadcast { .. } => RefusalTarget::Verb("BM"),
            Request::PrivateMessage { .. } => RefusalTarget::Verb("PM"),
            Request::Multiline(_) => RefusalTarget::Verb("BATCH"),
            Request::Account(_) => RefusalTarget::Verb("ACCOUNT"),
            Request::AddCertificate { .. } => RefusalTarget::Verb("CERT"),
            Request::Reset(_) => RefusalTarget::Verb("ACCOUNTS"),
            Request::Invite { .. } => RefusalTarget::Verb("INVITATION"),
            Request::Granted { .. } => RefusalTarget::Verb("OPER"),
            // Nobody is told that these were refused.
            Request::Taken { .. }
            | Request::EndServerBans
            | Request::EndRoomBans
            | Request::ExpireAccounts { .. }
            | Request::Forget
            | Request::ClockSet
            | Request::Settings(_)
            | Request::SessionEnded { .. }
            | Request::WasHere(_)
            | Request::RenewKeys { .. }
            | Request::LoginFailed(_) => RefusalTarget::Verb("*"),
        }
    }

    fn refuse(self, context: &mut Context<'_>, refusal: Refusal) -> Result<(), (String, Refusal)> {
        // Other nodes' sessions are told there.
        let Some(known) = context.node.sessions.get_mut(&context.responder.requester.session)
        else {
            return Ok(());
        };
        if let Some(extras) = known.extras_if_any() {
            extras.new_secrets = None;
        }
        match self {
            RefusalTarget::Login => authentication::login_refused(context, &refusal),
            RefusalTarget::ComeOnline(nick) => welcome::refused(context, &nick, &refusal),
            RefusalTarget::Verb(verb) => return Err((verb.to_owned(), refusal)),
        }
        Ok(())
    }
}

/// The line of a command.
fn line_of<'a>(request: &Request<'a>) -> &'a str {
    match request {
        Request::Command { command, .. } => command.message.line(),
        _ => "",
    }
}
