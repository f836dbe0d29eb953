//! From registration to being online.

use super::coming_online::{BANNED, ComeOnline, TOO_MANY_SESSIONS};
use super::entry::Request;
use super::metadata::at_registration::{show_own, then};
use super::metadata::show as show_metadata;
use super::metadata::subscribers;
use super::refusal::{LOG_UNAVAILABLE, NOT_ENCRYPTED, Refusal, refuse};
use super::umode::{BOT, USER_MODES};
use super::{authentication, registration};
use super::{
    chathistory, isupport, lusers, markread, motd, names, nodes, pending_messages, topic, unread,
};
use crate::command::context::Context;
use crate::config::{self, Config};
use crate::effects::{Condition, Effect, LogRecord, SessionEnd};
use crate::limits::{self, NAME_BYTES, ROOM_BYTES};
use crate::metrics::{Count, Login, LoginBy, Refused};
use crate::render::{Author, GUEST_USERNAME};
use crate::session::budget::Payer;
use crate::session::delivery;
use crate::session::login::LoginMethod;
use crate::session::{Node, Registration};
use crate::state::room::Rank;
use crate::state::user::{UserId, guest_userhost, user_as_given};
use proto::{Capability, numeric as n};
use std::sync::Arc;
use store::{Account, AccountId, RoomId};

/// Parlor's name and version, as in `VERSION` and 002.
pub const VERSION: &str = concat!("parlor-", env!("CARGO_PKG_VERSION"));

/// Continues the registration as far as possible; called whenever a part of it has arrived.
pub fn register_if_complete(context: &mut Context<'_>) {
    let guests = context.node.config.server.guests;
    let Some(registration) = context.session().registration.as_deref() else { return };
    if registration.negotiating || context.session().extras().pending_attempt.is_some() {
        return;
    }
    let introduced = registration.nick.is_some() && registration.realname.is_some();
    if registration.account.is_some() {
        match introduced || registration.by_verb {
            true if context.session().by_code => demand_password(context, introduced),
            true => come_online(context, introduced),
            false => {}
        }
        return;
    }
    if !introduced || context.session().extras().sasl.is_some() {
        return;
    }
    let nick = registration.nick.clone().expect("introduced");
    if let Err(refusal) = authentication::must_not_be_banned(context, &nick) {
        return authentication::refused(context, &nick, LoginMethod::Pass, &refusal);
    }
    if let Err(refusal) = authentication::must_be_admitted(context, &nick) {
        return authentication::refused(context, &nick, LoginMethod::Pass, &refusal);
    }
    let registration = context.session().registration.as_deref().expect("as before");
    if let Some(password) = registration.password.clone() {
        if let Some(registration) = context.registration() {
            registration.password = None;
        }
        if let Err(refusal) = authentication::begin(context, &nick, &password, LoginMethod::Pass) {
            authentication::refused(context, &nick, LoginMethod::Pass, &refusal);
        }
    } else if guests {
        come_online(context, true);
    } else {
        tell_how_to_log_in(context, &nick);
    }
}

/// A guest has logged in to another name's account: the guest goes, with its rooms, and the
/// connection belongs to that user.
pub fn become_account(context: &mut Context<'_>, account: Arc<Account>) {
    let (user, full) = (context.user(), context.session().welcomed);
    let registration = Registration {
        username: Some(user_as_given(user).into()),
        nick: Some(account.name.to_string()),
        realname: Some(user.realname.to_string()),
        account: Some(account),
        ..Registration::default()
    };
    context.session_mut().registration = Some(Box::new(registration));
    context.refresh();
    come_online(context, full);
}

/// The rest of a user's source: a guest has the unverified user name it gave, and a host derived
/// from its address.
fn userhost(
    context: &Context<'_>,
    registration: &Registration,
    nick: &str,
    guest: bool,
) -> Option<Arc<str>> {
    let username = registration.username.as_deref();
    if !guest {
        return username.filter(|username| *username != nick).map(Arc::from);
    }
    let host = context.state.cloak.host(context.session().address);
    Some(guest_userhost(username.unwrap_or(GUEST_USERNAME), &host))
}

/// Guests are not allowed: says so and how to log in, for which there is some time.
fn tell_how_to_log_in(context: &mut Context<'_>, nick: &str) {
    let Some(registration) = context.registration() else { return };
    if std::mem::replace(&mut registration.told_how, true) {
        return;
    }
    let text = "This server requires an account: log in within half a minute";
    context.standard("FAIL", "*", "ACCOUNT_REQUIRED", &[], text);
    context.responder.out.push(Effect::MustLogIn { session: context.responder.requester.session });
    if context.must_be_private().is_err() {
        return context.notice(&format!("You must log in. {NOT_ENCRYPTED}"));
    }
    let known = context.state.account(nick).is_some();
    let invite = context.state.settings.registration == config::Registration::Invite;
    let (sentence, command) = match known {
        true => (
            format!("{nick} has an account here; if it is yours, log in"),
            format!("LOGIN {nick} :password"),
        ),
        // A single command, since some clients send no second one before the welcome.
        false if invite && context.session().extras().invitation.is_none() => (
            format!("The name {nick} is free; to register it you need an invitation"),
            "REGISTER * invite:code password".to_owned(),
        ),
        false => (
            format!("The name {nick} is free; to register it, choose a password"),
            format!("LOGIN {nick} :password"),
        ),
    };
    context.notice(&format!("{sentence}: {command} (in many clients: /quote {command})"));
    context
        .notice("Next time, set the password in your client as the server password, or for SASL");
}

/// After a login with a one-time code a new password must be set first. Clients get their welcome
/// now, since some disconnect if it is late, and people must be able to read what to do.
fn demand_password(context: &mut Context<'_>, full: bool) {
    let registration = context.session().registration.as_deref().expect("the caller has it");
    if registration.needs_password {
        return;
    }
    let account = registration.account.clone().expect("the caller has seen it");
    let userhost = userhost(context, registration, &account.name, false);
    let author = Author { nick: &account.name, userhost: userhost.as_deref(), guest: false };
    let source = context.state.renderer.source(author);
    if let Some(registration) = context.registration() {
        registration.needs_password = true;
        registration.nick = Some(account.name.to_string());
    }
    context.refresh();
    let session = context.requester.session;
    context.out.push(Effect::MustSetPassword { session });
    if full {
        burst(context, &source);
        motd::show(context);
    }
    let reset = context.state.reset(&account);
    if let Some(reset) = reset.filter(|_| !context.has(Capability::StandardReplies)) {
        context.notice(&reset.sentence());
    }
}

/// A new password has replaced a one-time code: the session that has set it comes online, and
/// others that used the code end.
pub fn code_replaced(context: &mut Context<'_>, account: AccountId) {
    let me = context.requester.session;
    for session in context.node.sessions.logging_in_as(account) {
        if session != me && context.node.sessions[&session].by_code {
            let why = "A new password was set on another connection; log in with it";
            let (told, reason) = (Some(why.into()), why.into());
            context.out.end_session(SessionEnd { session, told, reason });
        }
    }
    let Some(known) = context.node.sessions.get_mut(&me).filter(|known| known.by_code) else {
        return;
    };
    known.by_code = false;
    if let Some(registration) = known.registration.as_deref_mut() {
        registration.needs_password = false;
    }
    register_if_complete(context);
}

/// The session's registration is complete: asks to come online. `full`: it registered as IRC
/// clients do and expects their welcome.
fn come_online(context: &mut Context<'_>, full: bool) {
    let known = context.session();
    let registration = known.registration.as_deref().expect("the caller has it");
    let (account, nick) = match &registration.account {
        Some(account) => (Some(account.id), account.name.clone()),
        None => (None, registration.nick.as_deref().unwrap_or("*").into()),
    };
    let invited = known.extras().invitation.as_deref().filter(|_| account.is_some());
    let coming = ComeOnline {
        account,
        userhost: userhost(context, registration, &nick, account.is_none()),
        nick,
        realname: registration.realname.as_deref().map(Into::into),
        presence: registration.presence.clone(),
        metadata: registration.metadata.clone(),
        invited: invited.map(|invited| invited.rooms.clone()).unwrap_or_default(),
        full,
    };
    context.look_at_space();
    if let Err(refusal) = context.apply(Request::ComeOnline((&coming).into())) {
        refused(context, &coming.nick, &refusal);
    }
}

/// The session cannot have the name it wants.
pub fn refused(context: &mut Context<'_>, nick: &str, refusal: &Refusal) {
    if let Refusal::Barred(code, _, why) = refusal {
        let by_verb = context.registration().is_some_and(|registration| registration.by_verb);
        if by_verb && *code != BANNED {
            refuse(context, "LOGIN", refusal);
        }
        let counted = match *code {
            TOO_MANY_SESSIONS => Refused::SessionsOfAccount,
            _ => Refused::Banned,
        };
        context.out.push(Effect::Count(Count::Refused(counted)));
        let (session, why) = (context.requester.session, why.as_str());
        let ending = SessionEnd { session, told: Some(why.into()), reason: why.into() };
        return context.out.end_session(ending);
    }
    // It has logged in without a user: it can only start over.
    if matches!(refusal, Refusal::LogUnavailable) {
        let (session, why) = (context.requester.session, LOG_UNAVAILABLE);
        let ending = SessionEnd { session, told: Some(why.into()), reason: why.into() };
        return context.out.end_session(ending);
    }
    // Somebody has taken the name, or registered one like it, since `NICK`.
    if let Some(registration) = context.registration() {
        registration.nick = None;
    }
    context.refresh();
    match refusal {
        Refusal::NameTaken(_) => {
            let text = "This name has an account; log in if it is yours, or choose another";
            context.numeric(n::ERR_NICKNAMEINUSE, &[nick], text);
        }
        other => refuse(context, "NICK", other),
    }
}

/// The session belongs to this user from here on.
pub fn came_online(context: &mut Context<'_>, user: UserId) {
    let (steady, Node { budgets, config, .. }) = (context.state.steady, &mut *context.node);
    let budget = budgets.hold(Payer::User(user), steady, &config.limits);
    let known = context.session_mut();
    let was_guest = known.user.is_some();
    (known.user, known.registration) = (Some(user), None);
    known.extras_mut().sasl = None;
    let before = known.user_budget.replace(budget);
    if was_guest {
        known.delivery = delivery::DeliveryProgress::default();
    }
    if let Some(before) = before {
        context.node.budgets.release(before);
    }
    context.refresh();
    // A guest keeps its invitation for a later REGISTER.
    if !context.user().guest {
        context.session_mut().extras_mut().invitation = None;
        return;
    }
    let (user, address) = (context.user().nick.clone(), context.session().address);
    context.out.push(Effect::Log(LogRecord::LoggedIn { user, address, new: false }));
    context.out.push(Effect::Count(Count::Login(LoginBy::Guest, Login::Done)));
}

/// Welcomes the session, before it is told about rooms.
pub fn welcome(context: &mut Context<'_>, full: bool, metadata: Condition) {
    if full && !context.session().welcomed {
        let source = context.state.source(context.me());
        burst(context, &source);
        show_own(context, metadata);
        motd::show(context);
    } else {
        show_own(context, metadata);
    }
}

/// The session has come online and so is in a room: shows it the room.
pub fn show_room(
    context: &mut Context<'_>,
    room: RoomId,
    first: bool,
    full: bool,
    metadata: Condition,
) {
    // The room may have ended by the time it is shown.
    if !context.state.rooms.contains_key(&room) {
        return;
    }
    let me = context.me();
    markread::show_room(context, room);
    if first {
        introduce(context, me, room, metadata);
    }
    if full {
        topic::show(context, room, false);
        names::show_known(context, room);
        chathistory::replay(context, room);
    }
    then(context, metadata, |context| show_metadata::sync_room(context, room));
}

/// A user who came online becomes visible in a room: notifies metadata subscribers.
pub fn introduce(context: &mut Context<'_>, user: UserId, room: RoomId, metadata: Condition) {
    then(context, metadata, |context| subscribers::introduce_in_order(context, room, user));
}

/// The session has been told about its rooms: sends the rest.
pub fn welcomed(context: &mut Context<'_>, full: bool) {
    let extras = context.session_mut().extras_if_any();
    let before = extras.and_then(|extras| extras.last_login.take());
    unread::session_registered(context, before.as_ref().and_then(|login| login.here));
    if let Some(login) = &before {
        registration::show_last_login(context, login, full);
    }
    pending_messages::session_registered(context);
    nodes::show(context);
    unread::greet(context, full, before.is_some());
}

/// 001 to 005 and `LUSERS`.
fn burst(context: &mut Context<'_>, source: &str) {
    let server = context.state.renderer.server.clone();
    context.numeric(n::RPL_WELCOME, &[], &format!("Welcome to {server}, {source}"));
    context.numeric(n::RPL_YOURHOST, &[], &format!("Your host is {server}, running {VERSION}"));
    let mut started = Vec::new();
    proto::time::write_date(context.node.started, &mut started);
    let started = String::from_utf8_lossy(&started).into_owned();
    context.numeric(n::RPL_CREATED, &[], &format!("This server was started {started} UTC"));
    context.numeric_only(
        n::RPL_MYINFO,
        &[&server, VERSION, USER_MODES, "CIRbehiklmnoqstv", "Ibehkloqv"],
    );
    isupport::show(context);
    context.session_mut().welcomed = true;
    lusers::show(context);
}

/// The tokens of 005.
pub fn isupport(config: &Config) -> Vec<String> {
    let settings = &config.limits;
    let rooms = match settings.rooms_per_user {
        0 => String::new(),
        most => most.to_string(),
    };
    let mut tokens = vec![
        format!("NETWORK={}", config.server.name),
        "CASEMAPPING=ascii".into(),
        "CHANTYPES=#".into(),
        "PREFIX=(ohv)@%+".into(),
        "CHANMODES=beIq,k,l,CRimnst".into(),
        "EXCEPTS=e".into(),
        "INVEX=I".into(),
        "EXTBAN=$,a".into(),
        "ACCOUNTEXTBAN=a".into(),
        format!("STATUSMSG={}", Rank::PREFIXES),
        format!("MODES={}", limits::MODES_PER_LINE),
        format!("MAXLIST=beIq:{}", limits::LIST_ENTRIES),
        format!("CHANLIMIT=#:{rooms}"),
        format!("NICKLEN={NAME_BYTES}"),
        format!("USERLEN={NAME_BYTES}"),
        format!("NAMELEN={}", limits::REALNAME_BYTES),
        format!("HOSTLEN={}", limits::SERVER_NAME_BYTES),
        format!("CHANNELLEN={ROOM_BYTES}"),
        format!("TOPICLEN={}", limits::TOPIC_BYTES),
        format!("KICKLEN={}", limits::KICK_BYTES),
        format!("AWAYLEN={}", limits::AWAY_BYTES),
        format!("KEYLEN={}", limits::KEY_BYTES),
        format!(
            "TARGMAX=PRIVMSG:{0},NOTICE:{0},TAGMSG:{0},NAMES:1,LIST:{1},JOIN:,PART:,KICK:{0},WHOIS:{0},WHOWAS:1",
            limits::TARGETS,
            limits::LIST_CONDITIONS
        ),
        "SAFELIST".into(),
        "ELIST=MNUCT".into(),
        "UTF8ONLY".into(),
        format!("BOT={BOT}"),
        "WHOX".into(),
        format!("MONITOR={}", limits::MONITOR_NAMES),
        format!("CHATHISTORY={}", settings.page()),
        "MSGREFTYPES=msgid,timestamp".into(),
    ];
    let lobby = &config.server.lobby;
    tokens.extend((!lobby.is_empty()).then(|| format!("parlor/LOBBY={lobby}")));
    tokens.extend((!config.server.guests).then(|| "draft/ACCOUNTREQUIRED".to_owned()));
    tokens
}
