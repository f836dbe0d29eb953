//! From a registration to a user who is online.

use crate::command::authentication;
use crate::command::ending;
use crate::command::metadata::coming::{Coming, coming as metadata_coming};
use crate::command::metadata::show as show_metadata;
use crate::command::metadata::subscribers;
use crate::command::presence;
use crate::command::refusal::{NOT_ENCRYPTED, refuse};
use crate::command::registering;
use crate::command::umode::{self, BOT, USER_MODES};
use crate::command::{chathistory, isupport, lusers, markread, motd, names, topic, unread};
use crate::config::Config;
use crate::effects::{Effect, FollowUp, LogRecord};
use crate::limits::{self, NAME_BYTES, ROOM_BYTES};
use crate::metrics::{Count, Login, LoginBy, Refused};
use crate::render::{Author, GUEST_USERNAME};
use crate::session::Registration;
use crate::session::budget::Payer;
use crate::session::context::Context;
use crate::session::delivered;
use crate::session::login::How;
use crate::state::barred::date;
use crate::state::dormant;
use crate::state::membership;
use crate::state::room::{MaskSubject, Member, Rank};
use crate::state::user::{User, guest_userhost, user_as_given};
use proto::name::fold;
use proto::numeric as n;
use std::sync::Arc;
use store::{Account, RoomId};

/// Parlor's name and version, as `VERSION` and 002 give it.
pub const VERSION: &str = concat!("parlor-", env!("CARGO_PKG_VERSION"));

/// What a server of this kind is, as `WHOIS`, `VERSION` and others give it.
pub const DESCRIPTION: &str = "a Parlor chat server";

/// Goes on with the registration as far as it can: called whenever a part of it has come.
pub fn register_if_complete(context: &mut Context<'_>) {
    let guests = context.state.config.server.guests;
    let Some(registration) = context.session().registration.as_deref() else { return };
    if registration.negotiating || context.session().waiting.is_some() {
        return;
    }
    let introduced = registration.nick.is_some() && registration.realname.is_some();
    if registration.account.is_some() {
        if introduced || registration.by_verb {
            register(context, introduced);
        }
        return;
    }
    if !introduced || context.session().sasl.is_some() {
        return;
    }
    let nick = registration.nick.clone().expect("introduced");
    if let Err(refusal) = authentication::must_be_admitted(context, &nick) {
        return authentication::refused(context, &nick, How::Pass, &refusal);
    }
    let registration = context.session().registration.as_deref().expect("as before");
    if let Some(password) = registration.password.clone() {
        if let Some(registration) = context.registration() {
            registration.password = None;
        }
        if let Err(refusal) = authentication::begin(context, &nick, &password, How::Pass) {
            authentication::refused(context, &nick, How::Pass, &refusal);
        }
    } else if guests {
        register_guest(context, &nick);
    } else {
        tell_how_to_log_in(context, &nick);
    }
}

fn register_guest(context: &mut Context<'_>, nick: &str) {
    if let Err(refusal) = authentication::may_be_named(context, nick) {
        // Somebody has registered a name like it since `NICK`.
        if let Some(registration) = context.registration() {
            registration.nick = None;
        }
        context.refresh();
        return refuse(context, "NICK", &refusal);
    }
    if context.state.account(nick).is_some() || context.state.online(nick).is_some() {
        if let Some(registration) = context.registration() {
            registration.nick = None;
        }
        context.refresh();
        let text = "This name has an account; log in if it is yours, or choose another";
        context.numeric(n::ERR_NICKNAMEINUSE, &[nick], text);
        return;
    }
    let known = context.session().registration.as_deref();
    let username = known.and_then(|registration| registration.username.as_deref());
    let host = context.state.cloak.host(context.session().address);
    let userhost = guest_userhost(username.unwrap_or(GUEST_USERNAME), &host);
    let author = Author { nick, userhost: Some(&userhost), guest: true };
    let source = context.state.renderer.source(author);
    if let Some(ban) = context.state.server_bans.of_user(None, &MaskSubject::guest(source)) {
        let why = ban.sentence();
        context.out.push(Effect::Count(Count::Refused(Refused::Banned)));
        let session = context.asker.session;
        let Context { applying, node } = context;
        return ending::end_session(applying.state, node, applying.out, session, &why);
    }
    register(context, true);
}

/// A guest has proven to be somebody else, who has an account: the guest is gone, with its rooms, and
/// the connection is that user's from here on.
pub fn become_account(context: &mut Context<'_>, account: Arc<Account>) {
    let (guest, full) = (context.me(), context.session().welcomed);
    let user = context.user();
    let (rooms, realname) = (user.rooms.clone(), user.realname.clone());
    let username = Some(user_as_given(user).into());
    let reason = format!("Logged in as {}", account.name);
    for room in &rooms {
        let name = context.state.rooms[room].name.clone();
        let part = context.passing(guest, "PART", &[&name], Some(&reason));
        context.reply_news(part);
    }
    let nick = context.passing(guest, "NICK", &[&account.name], None);
    context.reply_news(nick);
    ending::leave(context, &reason);
    let registration = Registration {
        username,
        nick: Some(account.name.to_string()),
        realname: Some(realname.into()),
        account: Some(account),
        ..Registration::default()
    };
    let known = context.session_mut();
    (known.user, known.registration) = (None, Some(Box::new(registration)));
    known.taking = delivered::Taking::default();
    if let Some(budget) = known.user_budget.take() {
        context.node.budgets.release(budget);
    }
    context.refresh();
    register(context, full);
}

/// Nobody comes in without an account: says so and how to log in, for which there is a while.
/// What the source of a user has beside the nick: a guest has the user name it gave, for which nobody
/// has vouched, and a host that stands for its address.
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

fn tell_how_to_log_in(context: &mut Context<'_>, nick: &str) {
    let Some(registration) = context.registration() else { return };
    if std::mem::replace(&mut registration.told, true) {
        return;
    }
    let text = "This server requires an account: log in within half a minute";
    context.standard("FAIL", "*", "ACCOUNT_REQUIRED", &[], text);
    context.applying.out.push(Effect::MustLogIn { session: context.applying.asker.session });
    if context.must_be_private().is_err() {
        return context.notice(&format!("You must log in. {NOT_ENCRYPTED}"));
    }
    let known = context.state.account(nick).is_some();
    let (who, what) = if known {
        (format!("{nick} has an account here."), "log in with its password")
    } else {
        (format!("The name {nick} is free."), "register it by choosing a password")
    };
    context.notice(&format!("{who} To log in, {what}: LOGIN {nick} :password (in many clients: /quote LOGIN {nick} :password)"));
    context
        .notice("Next time, set the password in your client as the server password, or for SASL");
}

/// The account has as many sessions as it may: this one ends.
fn too_many_sessions(context: &mut Context<'_>, name: &str, by_verb: bool) {
    let text = "Your account has the maximum number of connections; close one first";
    if by_verb {
        context.standard("FAIL", "LOGIN", "TOO_MANY_SESSIONS", &[name], text);
    }
    context.out.push(Effect::Count(Count::Refused(Refused::SessionsOfAccount)));
    let Context { applying, node } = context;
    let (state, out, session) = (&mut *applying.state, &mut *applying.out, &applying.asker.session);
    ending::end_session(state, node, out, *session, text);
}

/// The session is somebody from here on. `full`: it introduced itself as IRC clients do and expects
/// the welcome they know.
fn register(context: &mut Context<'_>, full: bool) {
    let registration = context.session_mut().registration.take().expect("the caller has it");
    let session = context.asker.session;
    let (id, nick, guest) = match &registration.account {
        Some(account) => (account.id, account.name.clone(), false),
        None => (context.state.next_id(), registration.nick.as_deref().unwrap_or("*").into(), true),
    };
    let (now, limits) = (context.applying.state.steady, &context.applying.state.config.limits);
    let devices = context.state.users.get(&id).map_or(0, |user| user.sessions.len());
    if limits.sessions_per_account != 0 && devices >= limits.sessions_per_account {
        return too_many_sessions(context, &nick, registration.by_verb);
    }
    let budget = context.node.budgets.hold(Payer::User(id), now, limits);
    let known = context.session_mut();
    (known.user, known.user_budget, known.sasl) = (Some(id), Some(budget), None);
    context.refresh();
    context.out.push(Effect::Ready { session });
    let first = !context.state.users.contains_key(&id);
    if first {
        let now = context.state.now;
        let user = User {
            id,
            nick: nick.clone(),
            userhost: userhost(context, &registration, &nick, guest),
            guest,
            realname: registration.realname.as_deref().unwrap_or(&nick).into(),
            sessions: Vec::from([session]),
            unattended: Vec::new(),
            rooms: Vec::new(),
            away: None,
            said_away: None,
            invisible: false,
            role: None,
            bot: false,
            wallops: false,
            since: now,
            spoke: context.state.steady,
        };
        context.state.users.insert(id, Box::new(user));
        context.state.nicks.insert(fold(&nick).into(), id);
        context.state.users_most = context.state.users_most.max(context.state.users.len());
        if guest {
            dormant::guest_came(context.state, id);
            let address = context.session().address;
            let fact = LogRecord::Came { user: nick.clone(), address, new: false };
            context.out.push(Effect::Log(fact));
            context.out.push(Effect::Count(Count::Login(LoginBy::Guest, Login::Done)));
        }
    } else {
        context.user_mut().sessions.push(session);
    }
    let coming = metadata_coming(context, registration.metadata);
    if full && !context.session().welcomed {
        burst(context, &nick, &coming);
    } else {
        coming.show(context);
    }
    match (first, registration.presence) {
        (true, presence) => presence::came(context, presence),
        (false, Some(presence)) => presence::said(context, presence),
        (false, None) => presence::changed(context, id),
    }
    if first {
        come_online(context, full, &coming);
    } else {
        join_in(context, full, &coming);
    }
    if first {
        context.out.follow_up(FollowUp::TellOnline { user: id });
        presence::tell_watchers(context);
        coming.then(context, |context| context.out.follow_up(FollowUp::SyncWatchers { user: id }));
    }
    registering::show_last_login(context, full);
    delivered::came(context);
    unread::show_all(context);
    if first && !guest {
        take_role(context, &nick);
    }
    let account = context.state.account(&nick).filter(|_| !guest);
    if let Some(reset) = account.and_then(|account| context.state.reset(account)) {
        let until = date(reset.until);
        context.notice(&format!("Your password is a one-time code that stops working {until} UTC: set a new one now with ACCOUNT PASSWORD"));
    }
    registering::join_rooms(context);
}

/// An account with a role in the config is an operator as soon as it is online.
pub fn take_role(context: &mut Context<'_>, account: &str) {
    if let Some(role) = context.state.config.role_of(account) {
        umode::set_role(context, Some(role));
    }
}

/// The first session of a user: the user appears in the lobby and the rooms remembered.
fn come_online(context: &mut Context<'_>, full: bool, metadata: &Coming) {
    let me = context.me();
    if let Some(lobby) = context.state.lobby {
        come_into(context, lobby, Member::default(), full, metadata);
    }
    for room in context.state.remembered.remove(&me).unwrap_or_default() {
        let Some(member) = context.state.rooms.get(&room).and_then(|room| room.members.get(&me))
        else {
            continue;
        };
        let (member, room_is) = (*member, &context.state.rooms[&room]);
        if member.rank() < Rank::HalfOp && room_is.bans(&context.who()) {
            membership::forget(context.applying.state, context.applying.out, me, room);
        } else {
            come_into(context, room, member, full, metadata);
        }
    }
}

fn come_into(
    context: &mut Context<'_>,
    room: RoomId,
    member: Member,
    full: bool,
    metadata: &Coming,
) {
    let me = context.me();
    membership::enter(context.applying.state, context.applying.out, me, room, member);
    let news = context.passing_join(me, room);
    context.tell_way(room, news);
    membership::tell_away(context, room, me);
    markread::show_room(context, room);
    metadata.then(context, |context| subscribers::introduce(context, room, me));
    if full {
        topic::show(context, room, false);
        names::show_known(context, room);
        chathistory::replay(context, room);
    }
    metadata.then(context, |context| show_metadata::sync_room(context, room));
}

/// A further session of a user who is online: only this session is told of the rooms.
fn join_in(context: &mut Context<'_>, full: bool, metadata: &Coming) {
    let (me, session) = (context.me(), context.asker.session);
    for room in context.user().rooms.clone() {
        context.out.push(Effect::Enter { session, room });
        let news = context.passing_join(me, room);
        context.reply_news(news);
        markread::show_room(context, room);
        if full {
            topic::show(context, room, false);
            names::show_known(context, room);
            chathistory::replay(context, room);
        }
        metadata.then(context, |context| show_metadata::sync_room(context, room));
    }
    if context.user().away.is_some() {
        context.numeric(n::RPL_NOWAWAY, &[], "You have been marked as being away");
    }
}

/// 001 to 005, `LUSERS`, one's own metadata and the message of the day.
fn burst(context: &mut Context<'_>, nick: &str, metadata: &Coming) {
    let server = context.state.renderer.server.clone();
    let source = context.state.source(context.me());
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
    metadata.show(context);
    motd::show(context);
    debug_assert_eq!(&*context.nick(), nick);
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
        format!("STATUSMSG={}", Rank::MARKS),
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
    tokens.extend((!config.server.guests).then(|| "draft/ACCOUNTREQUIRED".to_owned()));
    tokens
}
