//! `CHATHISTORY subcommand target selector… limit`: pages of history.
//!
//! <https://ircv3.net/specs/extensions/chathistory>

use super::privmsg::find;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::{Effect, Read, ReadKind};
use crate::state::apply_context::{Reads, Responder};
use crate::state::history;
use proto::time::parse_server_time;
use proto::{Capability, Message};
use std::sync::Arc;
use store::{Conversation, Point, Query, RoomId, Scope, Select};

/// Carries out `CHATHISTORY`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).unwrap_or_default().to_ascii_uppercase();
    let subcommand = Subcommand { name: &name, params: message.params() };
    match name.as_str() {
        "TARGETS" => targets(context, &subcommand),
        "LATEST" => {
            let select = match subcommand.param(2)? {
                "*" => Select::Latest,
                _ => Select::LatestAfter(subcommand.point(context, 2)?),
            };
            page(context, &subcommand, select, 3)
        }
        "BEFORE" => page(context, &subcommand, Select::Before(subcommand.point(context, 2)?), 3),
        "AFTER" => page(context, &subcommand, Select::After(subcommand.point(context, 2)?), 3),
        "AROUND" => page(context, &subcommand, Select::Around(subcommand.point(context, 2)?), 3),
        "BETWEEN" => {
            let select =
                Select::Between(subcommand.point(context, 2)?, subcommand.point(context, 3)?);
            page(context, &subcommand, select, 4)
        }
        "" => Err(Refusal::NeedMoreParams),
        _ => Err(subcommand.invalid("INVALID_PARAMS", &[], "Unknown subcommand")),
    }
}

/// The current subcommand, which refusals repeat.
struct Subcommand<'a> {
    name: &'a str,
    params: &'a [&'a str],
}

impl<'a> Subcommand<'a> {
    fn invalid(&self, code: &'static str, context: &[&str], text: &'static str) -> Refusal {
        let mut words = vec![self.name.to_owned()];
        words.extend(context.iter().map(|word| (*word).to_owned()));
        words.retain(|word| !word.is_empty());
        Refusal::Invalid { code, context: words, text }
    }

    fn param(&self, at: usize) -> Result<&'a str, Refusal> {
        let missing = || self.invalid("NEED_MORE_PARAMS", &[], "Not enough parameters");
        self.params.get(at).copied().ok_or_else(missing)
    }

    /// `timestamp=…` or `msgid=…`.
    fn point(&self, context: &Context<'_>, at: usize) -> Result<Point, Refusal> {
        let given = self.param(at)?;
        let bad = |text| Err(self.invalid("INVALID_PARAMS", &[given], text));
        match given.split_once('=') {
            Some(("timestamp", time)) => match parse_server_time(time) {
                Some(time) => Ok(Point::Time(time)),
                None => bad("The timestamp must have the form YYYY-MM-DDThh:mm:ss.sssZ"),
            },
            Some(("msgid", msgid)) => {
                match store::parse_msgid(&context.state.renderer.instance, msgid) {
                    Some(id) => Ok(Point::Id(id)),
                    None => bad("Not a msgid of this server"),
                }
            }
            Some(_) => {
                let text = "The selector must be timestamp=… or msgid=…";
                Err(self.invalid("INVALID_MSGREFTYPE", &[given], text))
            }
            None => bad("The selector must be timestamp=… or msgid=…"),
        }
    }

    fn limit(&self, context: &Context<'_>, at: usize) -> Result<usize, Refusal> {
        let given = self.param(at)?;
        match given.parse::<usize>() {
            Ok(limit) if limit > 0 => Ok(limit.min(context.node.config.limits.page())),
            _ => Err(self.invalid(
                "INVALID_PARAMS",
                &[given],
                "The limit must be a number greater than 0",
            )),
        }
    }
}

fn page(
    context: &mut Context<'_>,
    subcommand: &Subcommand<'_>,
    select: Select,
    limit_at: usize,
) -> Result<(), Refusal> {
    let target = subcommand.param(1)?;
    let limit = subcommand.limit(context, limit_at)?;
    let (conversation, _) = conversation(context, target).map_err(|_| {
        let text = "No such user or room, or you may not read its history";
        subcommand.invalid("INVALID_TARGET", &[target], text)
    })?;
    let query = Query {
        of: Scope::One(conversation),
        select,
        limit,
        up_to: context.state.last_event(),
        kinds: crate::render::shown(context.capabilities()),
    };
    read(context, ReadKind::Page { query, target: target.into() });
    Ok(())
}

fn targets(context: &mut Context<'_>, subcommand: &Subcommand<'_>) -> Result<(), Refusal> {
    let mut bounds = [0; 2];
    for (at, bound) in bounds.iter_mut().enumerate() {
        let given = subcommand.param(at + 1)?;
        let time = given.strip_prefix("timestamp=").and_then(parse_server_time);
        let text = "Give timestamp=YYYY-MM-DDThh:mm:ss.sssZ twice, then the limit";
        *bound = time.ok_or_else(|| subcommand.invalid("INVALID_PARAMS", &[given], text))?;
    }
    let limit = subcommand.limit(context, 3)?;
    read(context, ReadKind::Targets { first: bounds[0], second: bounds[1], limit });
    Ok(())
}

/// The conversation of a target whose history the requester may read, and its name: a room they are
/// in, or a user they can talk to.
pub fn conversation(
    context: &Responder<'_, impl Reads>,
    target: &str,
) -> Result<(Conversation, Arc<str>), Refusal> {
    let no = || Refusal::NoHistory(target.to_owned());
    if target.starts_with('#') {
        let (room, _) = context.my_room(target).map_err(|_| no())?;
        return Ok((Conversation::room(room.id), room.name.clone()));
    }
    let (id, name, _) = find(context, target).map_err(|_| no())?;
    Ok((Conversation::direct(context.me(), id), name))
}

/// Requests a read; the answer takes its place among the replies.
pub fn read(context: &mut Context<'_>, what: ReadKind) {
    let user = context.user();
    let rooms: Vec<_> = user.rooms.iter().map(|room| &context.state.rooms[room]).collect();
    let since = rooms.iter().map(|room| (room.id, history::since(&context.state, room, user.id)));
    let request = Read {
        what,
        capabilities: context.capabilities(),
        bytes: context.node.config.limits.page_bytes(),
        since: since.filter(|(_, since)| *since > 0).collect(),
        rooms: rooms.iter().map(|room| (room.id, room.name.clone())).collect(),
        ignored: context.state.silences.get(&user.id).cloned().unwrap_or_default().into(),
        me: (user.id, user.nick.clone()),
    };
    let session = context.requester.session;
    context.out.push(Effect::Read { session, request: std::sync::Arc::new(request), tag: None });
}

/// Shows a session that has just joined a room the newest messages, unless it fetches history
/// itself or is a bot.
pub fn replay(context: &mut Context<'_>, id: RoomId) {
    let limit = context.node.config.limits.replay;
    let asks = context.has(Capability::ChatHistory) || context.has(Capability::ZncPlayback);
    let room = &context.state.rooms[&id];
    if limit == 0 || asks || context.user().bot || !room.has_history {
        return;
    }
    let of = Some(vec![(Conversation::room(id), room.name.clone())]);
    let (after, before, batch) = (i64::MIN, i64::MAX, "chathistory");
    let up_to = context.state.last_event();
    read(context, ReadKind::Playback { of, after, before, limit, up_to, batch });
}
