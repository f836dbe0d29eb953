//! News: making them, and addressing them to rooms and users.

use crate::effects::{Effect, News, Rooms};
use crate::state::apply_context::{Reads, Responder};
use crate::state::user::UserId;
use proto::{Capabilities, Capability, Line};
use store::{Event, EventKind, RoomId};

impl<S: Reads> Responder<'_, S> {
    /// News of a stored event; `target` is the room's name, or the receiver.
    pub fn news_of(&mut self, event: &Event, target: &str) -> u32 {
        let news = News {
            id: event.id,
            time: event.time,
            account: (!event.guest).then(|| event.nick.clone()),
            bot: event.bot,
            tags: event.tags.clone(),
            needs: crate::render::needs(event.kind),
            ..News::default()
        };
        let renderer = &self.state.renderer;
        let mut lines = None;
        let news = self.out.news(news, |out| lines = renderer.body(out, event, target));
        self.out.news[news as usize].lines = lines;
        if event.kind == EventKind::Join {
            self.out.extend(news, |out| renderer.body_for(out, event, target, true));
        }
        news
    }

    /// News about something not stored: `:source verb params [:text]`, by the user `of`.
    pub fn passing(&mut self, of: UserId, verb: &str, params: &[&str], text: Option<&str>) -> u32 {
        let user = &self.state.users[&of];
        let source = self.state.renderer.source(user.author());
        let (account, bot) = (user.account().cloned(), user.bot);
        let news = News { time: self.state.now, account, bot, ..News::default() };
        self.out.news(news, |out| write_line(out, &source, verb, params, text))
    }

    /// The same, only for sessions with a capability.
    pub fn passing_for(
        &mut self,
        needs: Capability,
        of: UserId,
        (verb, params): (&str, &[&str]),
        text: Option<&str>,
    ) -> u32 {
        let news = self.passing(of, verb, params, text);
        self.out.news[news as usize].needs = Capabilities::only(needs);
        news
    }

    /// News, not stored, that a user joins a room or becomes visible in it.
    pub fn passing_join(&mut self, of: UserId, room: RoomId) -> u32 {
        let name = self.state.rooms[&room].name.clone();
        let news = self.passing(of, "JOIN", &[&name], None);
        let source = self.state.source(of);
        let user = &self.state.users[&of];
        let account = user.account().map_or("*", |account| &**account);
        self.out.extend(news, |out| {
            write_line(out, &source, "JOIN", &[&name, account], Some(&user.realname));
        });
        news
    }

    /// Tells a room, the requester included: with a label, the requester's own copy is the reply.
    pub fn tell_room(&mut self, room: RoomId, news: u32) {
        let rooms = Rooms::One(room);
        let me_in =
            self.requester.user.is_some_and(|me| self.state.rooms[&room].member(me).is_some());
        if self.requester.label.is_some() && me_in {
            self.out.push(Effect::Tell { rooms, except: vec![self.requester.session], news });
            self.reply_news(news);
        } else {
            self.out.push(Effect::Tell { rooms, except: Vec::new(), news });
        }
    }

    /// Tells a room that the requester comes or goes; tells only the requester if hidden there.
    pub fn tell_join_or_part(&mut self, room: RoomId, news: u32) {
        let me = self.me();
        if self.state.rooms[&room].members[&me].hidden {
            self.tell_user(me, news);
        } else {
            self.tell_room(room, news);
        }
    }

    /// The requester's own copy of news, among the replies.
    pub fn reply_news(&mut self, news: u32) {
        let tagging =
            crate::render::Tagging { capabilities: self.capabilities(), tag: Default::default() };
        let mut line = Vec::new();
        let news = &self.out.news[news as usize];
        if !news.is_for(tagging.capabilities) {
            return;
        }
        self.state.renderer.news(&mut line, news, &self.out.text, tagging);
        self.out.reply(self.requester.session, |out| out.extend_from_slice(&line));
    }

    /// Tells all sessions of a user.
    pub fn tell_user(&mut self, user: UserId, news: u32) {
        for to in self.state.users[&user].sessions.clone() {
            if to == self.requester.session && self.requester.label.is_some() {
                self.reply_news(news);
            } else {
                self.out.push(Effect::TellOne { to, news, pending: false });
            }
        }
    }

    /// Tells all sessions of a user a notice of the server.
    pub fn tell_notice(&mut self, user: UserId, text: &str) {
        let (server, nick) = (&self.state.renderer.server, &self.state.users[&user].nick);
        let news = News { time: self.state.now, ..News::default() };
        let news =
            self.out.news(news, |out| write_line(out, server, "NOTICE", &[nick], Some(text)));
        self.tell_user(user, news);
    }
}

/// Writes a line of its parts.
pub fn write_line(
    out: &mut Vec<u8>,
    source: &str,
    verb: &str,
    params: &[&str],
    text: Option<&str>,
) {
    let line = Line::to(out).source(source).verb(verb);
    let line = params.iter().fold(line, |line, param| line.param(param));
    match text {
        Some(text) => line.text(text).end(),
        None => line.end(),
    }
}
