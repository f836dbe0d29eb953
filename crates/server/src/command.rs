//! The verbs: one table with when each may be used and with how many parameters; and one file for
//! each.

pub mod authentication;
pub mod coming_online;
pub mod session_end;
pub mod presence;
pub mod follow_up;
pub mod apply_login;
pub mod context;
pub mod entry;
pub mod pending_messages;
pub mod ordered;
pub mod cow_box;
pub mod refusal;
pub mod registration;
pub mod rights;
pub mod welcome;

pub mod account;
pub mod accounts;
pub mod admin;
pub mod audit;
pub mod authenticate;
pub mod away;
pub mod ban;
pub mod batch;
pub mod bm;
pub mod cap;
pub mod cert;
pub mod ch;
pub mod chathistory;
pub mod error;
pub mod ex;
pub mod find;
pub mod help;
pub mod helpop;
pub mod info;
pub mod invitation;
pub mod invite;
pub mod ison;
pub mod isupport;
pub mod join;
pub mod kick;
pub mod kill;
pub mod links;
pub mod list;
pub mod login;
pub mod lusers;
pub mod markread;
pub mod metadata;
pub mod mode;
pub mod monitor;
pub mod motd;
pub mod names;
pub mod nick;
pub mod notice;
pub mod nodes;
pub mod notify;
pub mod oper;
pub mod part;
pub mod pass;
pub mod pin;
pub mod ping;
pub mod pm;
pub mod pong;
pub mod privmsg;
pub mod quiet;
pub mod quit;
pub mod redact;
pub mod rename;
pub mod register;
pub mod rehash;
pub mod report;
pub mod reports;
pub mod room;
pub mod search;
pub mod serverban;
pub mod setname;
pub mod silence;
pub mod stats;
pub mod tagmsg;
pub mod time;
pub mod topic;
pub mod umode;
pub mod unban;
pub mod unpin;
pub mod unquiet;
pub mod unread;
pub mod user;
pub mod userhost;
pub mod verify;
pub mod version;
pub mod wallops;
pub mod who;
pub mod whois;
pub mod whowas;
pub mod znc;

#[cfg(test)]
mod empty_parameters;

use crate::command::context::Context;
use crate::command::entry::{Command, Request, SharedPart};
use crate::effects::Condition;
use crate::limits::{LABEL_BYTES, TARGETS};
use crate::session::{PausedCommand, Prompt};
use crate::state::apply_context::ApplyContext;
use Handler::{Local, MakesRequest, Shared, Split};
use proto::line::LineError;
use proto::name::fold;
use proto::numeric as n;
use proto::{Capability, Message};
use refusal::{Refusal, refuse};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One verb.
pub struct Verb {
    /// The verb in capitals.
    pub name: &'static str,
    /// The minimum number of parameters, none of them empty.
    pub params: usize,
    /// When it may be used.
    pub when: Availability,
    /// Its handler.
    pub run: Handler,
}

impl Verb {
    /// Whether a session may use it while it is unknown whether a command of its own is in the log:
    /// it must not have a second one in flight.
    fn is_for_uncertain(&self) -> bool {
        match self.run {
            Local(_) => !ENTERING.contains(&self.name),
            // What is left for an entry is refused.
            MakesRequest(_) | Split(..) => true,
            Shared(_) => false,
        }
    }
}

/// What handles a verb, and what it may work with.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Answers from the state, or changes only its own session.
    Local(fn(&mut Context<'_>, &Message<'_>) -> Result<(), Refusal>),
    /// Changes the shared state: becomes an [`Entry`](entry::Entry), and has no access to sessions.
    Shared(fn(&mut ApplyContext<'_>, &Message<'_>) -> Result<(), Refusal>),
    /// Makes a request of its own from what the session has sent, if it is to become an entry.
    MakesRequest(for<'m> fn(&mut Context<'_>, &'m Message<'m>) -> Result<SharedPart<'m>, Refusal>),
    /// Both. The first function does the session's own part, answers questions from the state, finds
    /// out what its node allows, and says what is left for an entry; the second applies the command
    /// as it was sent.
    Split(
        for<'m> fn(&mut Context<'_>, &'m Message<'m>) -> Result<SharedPart<'m>, Refusal>,
        fn(&mut ApplyContext<'_>, &Message<'_>) -> Result<(), Refusal>,
    ),
}

impl Handler {
    /// Whether it changes the shared state, as it was sent.
    fn is_shared(self) -> bool {
        matches!(self, Shared(_) | Split(..))
    }
}

/// When a verb may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// At any time.
    Always,
    /// Only before the session has registered.
    Before,
    /// Only after.
    After,
    /// Only after, and at the admin socket.
    Operators,
}

/// All verbs.
#[rustfmt::skip]
pub const VERBS: &[Verb] = &[
    Verb { name: "PRIVMSG",      params: 0, when: Availability::After,     run: Split(privmsg::prepare, privmsg::run) },
    Verb { name: "PING",         params: 0, when: Availability::Always,    run: Local(ping::run) },
    Verb { name: "PONG",         params: 0, when: Availability::Always,    run: Local(pong::run) },
    Verb { name: "AUTHENTICATE", params: 1, when: Availability::Always,    run: Local(authenticate::run) },
    Verb { name: "ACCOUNT",      params: 0, when: Availability::After,     run: Split(account::before, account::run) },
    Verb { name: "ACCOUNTS",     params: 1, when: Availability::Operators, run: Split(accounts::before, accounts::run) },
    Verb { name: "ADMIN",        params: 0, when: Availability::After,     run: Local(admin::run) },
    Verb { name: "AUDIT",        params: 0, when: Availability::Operators, run: Local(audit::run) },
    Verb { name: "AWAY",         params: 0, when: Availability::Always,    run: Split(away::before, away::run) },
    Verb { name: "BAN",          params: 1, when: Availability::After,     run: Split(ban::ask, ban::run) },
    Verb { name: "BATCH",        params: 1, when: Availability::After,     run: MakesRequest(batch::run) },
    Verb { name: "BM",           params: 0, when: Availability::After,     run: Split(bm::ask, bm::run) },
    Verb { name: "CAP",          params: 1, when: Availability::Always,    run: Local(cap::run) },
    Verb { name: "CERT",         params: 1, when: Availability::After,     run: Split(cert::before, cert::run) },
    Verb { name: "CH",           params: 0, when: Availability::After,     run: Local(ch::run) },
    Verb { name: "CHATHISTORY",  params: 0, when: Availability::After,     run: Local(chathistory::run) },
    Verb { name: "ERROR",        params: 0, when: Availability::Always,    run: Local(error::run) },
    Verb { name: "EX",           params: 0, when: Availability::Always,    run: Local(ex::run) },
    Verb { name: "FIND",         params: 0, when: Availability::After,     run: Local(find::run) },
    Verb { name: "HELP",         params: 0, when: Availability::Always,    run: Local(help::run) },
    Verb { name: "HELPOP",       params: 0, when: Availability::Always,    run: Local(helpop::run) },
    Verb { name: "INFO",         params: 0, when: Availability::After,     run: Local(info::run) },
    Verb { name: "INVITATION",   params: 1, when: Availability::Always,    run: Split(invitation::before, invitation::run) },
    Verb { name: "INVITE",       params: 0, when: Availability::After,     run: Split(invite::prepare, invite::run) },
    Verb { name: "ISON",         params: 1, when: Availability::After,     run: Local(ison::run) },
    Verb { name: "ISUPPORT",     params: 0, when: Availability::Always,    run: Local(isupport::run) },
    Verb { name: "JOIN",         params: 1, when: Availability::After,     run: Shared(join::run) },
    Verb { name: "KICK",         params: 2, when: Availability::After,     run: Shared(kick::run) },
    Verb { name: "KILL",         params: 2, when: Availability::Operators, run: Shared(kill::run) },
    Verb { name: "LINKS",        params: 0, when: Availability::After,     run: Local(links::run) },
    Verb { name: "LIST",         params: 0, when: Availability::After,     run: Local(list::run) },
    Verb { name: "LOGIN",        params: 0, when: Availability::Always,    run: Local(login::run) },
    Verb { name: "LUSERS",       params: 0, when: Availability::After,     run: Local(lusers::run) },
    Verb { name: "MARKREAD",     params: 0, when: Availability::After,     run: Split(markread::ask, markread::run) },
    Verb { name: "METADATA",     params: 0, when: Availability::Always,    run: Split(metadata::ask, metadata::run) },
    Verb { name: "MODE",         params: 1, when: Availability::After,     run: Split(mode::ask, mode::run) },
    Verb { name: "MONITOR",      params: 1, when: Availability::After,     run: Local(monitor::run) },
    Verb { name: "MOTD",         params: 0, when: Availability::After,     run: Local(motd::run) },
    Verb { name: "NAMES",        params: 0, when: Availability::After,     run: Local(names::run) },
    Verb { name: "NICK",         params: 0, when: Availability::Always,    run: Split(nick::before, nick::run) },
    Verb { name: "NOTICE",       params: 0, when: Availability::After,     run: Split(privmsg::prepare, notice::run) },
    Verb { name: "NOTIFY",       params: 0, when: Availability::After,     run: Split(notify::ask, notify::run) },
    Verb { name: "OPER",         params: 2, when: Availability::After,     run: Local(oper::run) },
    Verb { name: "PART",         params: 1, when: Availability::After,     run: Shared(part::run) },
    Verb { name: "PASS",         params: 1, when: Availability::Before,    run: Local(pass::run) },
    Verb { name: "PIN",          params: 1, when: Availability::After,     run: Split(pin::ask, pin::run) },
    Verb { name: "PM",           params: 0, when: Availability::After,     run: Split(pm::ask, pm::run) },
    Verb { name: "QUIET",        params: 1, when: Availability::After,     run: Split(quiet::ask, quiet::run) },
    Verb { name: "QUIT",         params: 0, when: Availability::Always,    run: Local(quit::run) },
    Verb { name: "REDACT",       params: 2, when: Availability::After,     run: Shared(redact::run) },
    Verb { name: "REGISTER",     params: 2, when: Availability::Always,    run: Local(register::run) },
    Verb { name: "REHASH",       params: 0, when: Availability::Operators, run: Local(rehash::run) },
    Verb { name: "RENAME",       params: 2, when: Availability::After,     run: Shared(rename::run) },
    Verb { name: "REPORT",       params: 2, when: Availability::After,     run: Shared(report::run) },
    Verb { name: "REPORTS",      params: 0, when: Availability::Operators, run: Split(reports::before, reports::run) },
    Verb { name: "ROOM",         params: 1, when: Availability::After,     run: Split(room::ask, room::run) },
    Verb { name: "SEARCH",       params: 0, when: Availability::After,     run: Local(search::run) },
    Verb { name: "SERVERBAN",    params: 1, when: Availability::Operators, run: Split(serverban::before, serverban::run) },
    Verb { name: "SETNAME",      params: 0, when: Availability::After,     run: Shared(setname::run) },
    Verb { name: "SILENCE",      params: 0, when: Availability::After,     run: Split(silence::ask, silence::run) },
    Verb { name: "STATS",        params: 1, when: Availability::Operators, run: Local(stats::run) },
    Verb { name: "TAGMSG",       params: 1, when: Availability::After,     run: Split(privmsg::prepare, tagmsg::run) },
    Verb { name: "TIME",         params: 0, when: Availability::After,     run: Local(time::run) },
    Verb { name: "TOPIC",        params: 1, when: Availability::After,     run: Split(topic::ask, topic::run) },
    Verb { name: "UNBAN",        params: 2, when: Availability::After,     run: Shared(unban::run) },
    Verb { name: "UNPIN",        params: 2, when: Availability::After,     run: Shared(unpin::run) },
    Verb { name: "UNQUIET",      params: 2, when: Availability::After,     run: Shared(unquiet::run) },
    Verb { name: "UNREAD",       params: 0, when: Availability::After,     run: Local(unread::run) },
    Verb { name: "USER",         params: 4, when: Availability::Before,    run: Local(user::run) },
    Verb { name: "USERHOST",     params: 1, when: Availability::After,     run: Local(userhost::run) },
    Verb { name: "VERIFY",       params: 2, when: Availability::Always,    run: Local(verify::run) },
    Verb { name: "VERSION",      params: 0, when: Availability::After,     run: Local(version::run) },
    Verb { name: "WALLOPS",      params: 1, when: Availability::Operators, run: Shared(wallops::run) },
    Verb { name: "WHO",          params: 0, when: Availability::After,     run: Local(who::run) },
    Verb { name: "WHOIS",        params: 0, when: Availability::After,     run: Local(whois::run) },
    Verb { name: "WHOWAS",       params: 0, when: Availability::After,     run: Local(whowas::run) },
    Verb { name: "ZNC",          params: 1, when: Availability::After,     run: Local(znc::run) },
];

/// Verbs that work whatever their user and address owe: signs of life, and leaving.
const FREE: &[&str] = &["PING", "PONG", "QUIT", "EX"];

/// Verbs that only say something.
const MESSAGES: &[&str] = &["PRIVMSG", "NOTICE", "TAGMSG"];

/// Local verbs that start something that ends with an entry.
const ENTERING: &[&str] = &["AUTHENTICATE", "LOGIN", "OPER", "REGISTER"];

/// Verbs for sessions that must replace a one-time code by a new password, besides the one that
/// does it.
const BY_CODE: &[&str] = &["CAP", "HELP", "HELPOP"];

/// Other verbs for the admin socket.
const AT_CONSOLE: &[&str] = &["PING", "PONG", "QUIT", "EX", "HELP", "HELPOP", "INVITATION"];

/// Handles one line of a session: an answer to a question, or a command. An invalid one is refused.
pub fn line(context: &mut Context<'_>, error: Option<LineError>, line: &str) {
    if let Some(error) = error {
        return bad_line(context, error, line);
    }
    let extras = context.session_mut().extras_if_any();
    if let Some(prompt) = extras.and_then(|extras| extras.prompt.take()) {
        answer(context, *prompt, line);
        return;
    }
    let Ok(message) = Message::parse(line) else { return }; // An empty line means nothing.
    let label = label_of(context, &message);
    // An open batch is answered with the label of the command that opened it.
    let reference = batch::reference(context, &message);
    let (label, also) = match batch::label(context, &message, reference.as_deref()) {
        None => (label, None),
        of_batch => (of_batch, label),
    };
    run(context, label, |context| {
        if let Some(reference) = reference {
            let taken = batch::take_line(context, &message, &reference);
            return taken.map_err(|refusal| (batch::VERB.to_owned(), refusal));
        }
        let found = VERBS.iter().position(|verb| message.verb.eq_ignore_ascii_case(verb.name));
        let Some(found) = found else {
            let known = context.session().user.is_some() || context.session().console;
            let refusal = match known {
                true => Refusal::UnknownCommand(message.verb.to_owned()),
                false if needs_password(context) => Refusal::NewPasswordRequired,
                false => Refusal::NotLoggedIn,
            };
            return Err((message.verb.to_ascii_uppercase(), refusal));
        };
        context.node.verb_counts[found] += 1;
        let verb = &VERBS[found];
        carry_out(context, verb, &message).map_err(|refusal| (verb.name.to_owned(), refusal))
    });
    if let Some(paused) = context.paused() {
        paused.line = line.into();
    }
    // A label on the line itself gets no other answer.
    if also.is_some() {
        run(context, also, |_| Ok(()));
    }
}

/// The label of a line, if the session has the capability.
fn label_of(context: &Context<'_>, message: &Message<'_>) -> Option<Arc<str>> {
    let label = message.tags.get("label").filter(|_| context.has(Capability::LabeledResponse));
    label.filter(|label| label.len() <= LABEL_BYTES).map(|label| Arc::from(&*label))
}

fn carry_out(context: &mut Context<'_>, verb: &Verb, message: &Message<'_>) -> Result<(), Refusal> {
    let operators = verb.when == Availability::Operators;
    if context.session().console && !operators && !AT_CONSOLE.contains(&verb.name) {
        return Err(Refusal::NeedsUser);
    }
    let needs_password = needs_password(context);
    if needs_password && !is_for_new_password(verb, message) {
        return Err(Refusal::NewPasswordRequired);
    }
    match (verb.when, context.session().user) {
        (Availability::After, None) if !needs_password => return Err(Refusal::NotLoggedIn),
        (Availability::Operators, None) if !context.session().console => {
            return Err(Refusal::NotLoggedIn);
        }
        (Availability::Before, Some(_)) => return Err(Refusal::AlreadyRegistered),
        _ => {}
    }
    let needed = message.params().get(..verb.params).ok_or(Refusal::NeedMoreParams)?;
    if needed.contains(&"") {
        return Err(Refusal::NeedMoreParams);
    }
    if context.session().is_uncertain() && !verb.is_for_uncertain() {
        return Err(Refusal::LogUnavailable);
    }
    if !FREE.contains(&verb.name) {
        context.must_have_budget()?;
    }
    run_verb(context, verb, message)
}

/// Whether the session logged in with a one-time code and still needs a new password.
fn needs_password(context: &Context<'_>) -> bool {
    let registration = context.session().registration.as_deref();
    registration.is_some_and(|registration| registration.needs_password)
}

/// Whether a command is allowed for sessions that must set a new password first.
fn is_for_new_password(verb: &Verb, message: &Message<'_>) -> bool {
    let sets = message.param(0).is_some_and(|word| word.eq_ignore_ascii_case("PASSWORD"));
    FREE.contains(&verb.name) || BY_CODE.contains(&verb.name) || verb.name == "ACCOUNT" && sets
}

/// Carries out a verb: here, or as an entry.
fn run_verb(context: &mut Context<'_>, verb: &Verb, message: &Message<'_>) -> Result<(), Refusal> {
    let next = match verb.run {
        Local(run) => return run(context, message),
        MakesRequest(run) | Split(run, _) => run(context, message)?,
        Shared(_) => SharedPart::AsSent,
    };
    match next {
        SharedPart::None => Ok(()),
        SharedPart::Request(request) => apply_request(context, request),
        SharedPart::AsSent => apply_in_parts(context, verb, message),
    }
}

fn apply_request(context: &mut Context<'_>, request: Request<'_>) -> Result<(), Refusal> {
    context.look_at_space();
    context.apply(request)
}

/// Applies a command as one entry, or as several if each does a part of it and says where to
/// continue: as many as the turn allows.
fn apply_in_parts(
    context: &mut Context<'_>,
    verb: &Verb,
    message: &Message<'_>,
) -> Result<(), Refusal> {
    let mut from = context.out.take_cursor();
    loop {
        context.look_at_space();
        let command = Command { verb, message: message.into() };
        context.apply(Request::Command { command, from })?;
        let Some(next) = context.out.take_next() else { return Ok(()) };
        follow_up::carry_out(context);
        if context.turn_is_over() {
            context.go_on_at(next);
            return Ok(());
        }
        from = next;
    }
}

/// Continues a paused command.
pub fn go_on(context: &mut Context<'_>, paused: PausedCommand) {
    let PausedCommand { line, cursor, written, label } = paused;
    let Ok(message) = Message::parse(&line) else { return };
    let Some(verb) = find_verb(message.verb) else { return };
    context.requester.label = label.as_ref().map(|label| label.value.clone());
    context.responder.out.begin_again(
        context.responder.requester.session,
        label,
        context.responder.has(Capability::Batch),
    );
    context.out.resume_at(cursor, written);
    finish(context, |context| {
        run_verb(context, verb, &message).map_err(|refusal| (verb.name.to_owned(), refusal))
    });
    if let Some(paused) = context.paused() {
        paused.line = line;
    }
}

/// The verb of this name.
fn find_verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| name.eq_ignore_ascii_case(verb.name))
}

/// The names in a list; at least one.
pub fn names_of(list: &str) -> Result<Vec<&str>, Refusal> {
    let names: Vec<&str> = list.split(',').filter(|name| !name.is_empty()).collect();
    if names.is_empty() { Err(Refusal::NeedMoreParams) } else { Ok(names) }
}

/// Calls `one` for each different target of a list, and reports each refusal. Targets beyond
/// [`TARGETS`] are refused together.
pub fn for_each_target(
    context: &mut ApplyContext<'_>,
    verb: &'static str,
    targets: Vec<&str>,
    mut one: impl FnMut(&mut ApplyContext<'_>, usize, &str) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut targets = once(targets);
    let beyond = targets.split_off(targets.len().min(TARGETS));
    for (at, target) in targets.into_iter().enumerate() {
        // Whatever the previous target led to.
        context.out.resume(Condition::Always);
        if let Err(refusal) = one(context, at, target) {
            context.out.resume(Condition::Always);
            refuse(context, verb, &refusal);
        }
    }
    if beyond.is_empty() {
        return Ok(());
    }
    context.out.resume(Condition::Always);
    Err(Refusal::TooManyTargets(beyond.join(",")))
}

/// The same names without duplicates, however they are spelled.
pub fn once(names: Vec<&str>) -> Vec<&str> {
    if names.len() < 2 {
        return names;
    }
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(fold(name))).collect()
}

/// Runs one command, from its label to its refusal.
fn run(
    context: &mut Context<'_>,
    label: Option<Arc<str>>,
    command: impl FnOnce(&mut Context<'_>) -> Result<(), (String, Refusal)>,
) {
    // A batch may be answered long after it was opened: without the capability by then, the label
    // is dropped.
    let label = label.filter(|_| context.has(Capability::LabeledResponse));
    context.begin(label);
    finish(context, command);
}

/// Carries out a command, or the next part of it, to the end of the turn.
fn finish(
    context: &mut Context<'_>,
    command: impl FnOnce(&mut Context<'_>) -> Result<(), (String, Refusal)>,
) {
    let server = context.state.renderer.server.clone();
    if let Err((verb, refusal)) = command(context) {
        context.out.settle();
        refuse(context, &verb, &refusal);
    }
    debug_assert!(context.is_fresh(), "what changes the requester says so");
    follow_up::carry_out(context);
    context.charge();
    if ordered::keep_label(context) {
        return session_end::carry_out(context);
    }
    if context.paused().is_none() {
        context.out.end(&server);
        return session_end::carry_out(context);
    }
    let (written, label) = (context.out.answered(), context.out.pause(&server));
    if let Some(paused) = context.paused() {
        (paused.written, paused.label) = (written, label);
    }
}

/// The line answers a verb's question; an empty one cancels it.
fn answer(context: &mut Context<'_>, prompt: Prompt, line: &str) {
    let verb = match prompt {
        Prompt::LoginUser
        | Prompt::LoginPassword(_)
        | Prompt::LoginInvitation(_)
        | Prompt::LoginCode(_) => "LOGIN",
        Prompt::AccountOld | Prompt::AccountNew(_) => "ACCOUNT",
        Prompt::BmText => "BM",
        Prompt::PmUser | Prompt::PmText(_) => "PM",
        Prompt::FindWords => "FIND",
    };
    run(context, None, |context| {
        if line.is_empty() {
            context.note(verb, "CANCELLED", &[], "Cancelled");
            return Ok(());
        }
        if let Err(refusal) = context.must_have_budget() {
            // The question stays.
            context.session_mut().extras_mut().prompt = Some(Box::new(prompt));
            return Err((verb.to_owned(), refusal));
        }
        let done = match prompt {
            Prompt::LoginUser => login::user(context, line.trim()),
            Prompt::LoginPassword(user) => login::answer(context, &user, line),
            Prompt::LoginInvitation(user) => login::invitation(context, &user, line),
            Prompt::LoginCode(account) => login::code(context, account, line),
            Prompt::AccountOld => account::answer_old(context, line),
            Prompt::AccountNew(old) => account::answer_new(context, old, line),
            Prompt::PmUser => pm::user(context, line.trim()),
            Prompt::BmText => apply_request(context, Request::Broadcast { text: line }),
            Prompt::PmText(user) => {
                let request = pm::text(context, user, line);
                apply_request(context, request)
            }
            Prompt::FindWords => find::look_for(context, line),
        };
        done.map_err(|refusal| (verb.to_owned(), refusal))
    });
}

/// An invalid line has arrived: says so. `head` is its readable part, up to the verb. If it was to
/// answer a question, the question stays.
fn bad_line(context: &mut Context<'_>, error: LineError, head: &str) {
    let command = Message::parse(head).ok().filter(|_| context.session().extras().prompt.is_none());
    let label = command.as_ref().and_then(|command| label_of(context, command));
    let verb = command.map_or("*".to_owned(), |command| command.verb.to_ascii_uppercase());
    context.begin(label);
    match error {
        LineError::TooLong | LineError::TagsTooLong => {
            context.numeric(n::ERR_INPUTTOOLONG, &[], &error.to_string());
        }
        LineError::InvalidUtf8 => {
            let text = "Text must be UTF-8; the line was ignored";
            context.standard("FAIL", &verb, "INVALID_UTF8", &[], text);
        }
        LineError::InvalidByte => {
            let text = "A line cannot have a NUL or a bare CR; it was ignored";
            context.standard("FAIL", &verb, "INVALID_LINE", &[], text);
        }
    }
    let server = context.state.renderer.server.clone();
    context.out.end(&server);
    batch::not_without(context);
}
