//! Renders events as lines. Live delivery and history use the same functions.

pub mod export;
pub mod lines;

use crate::effects::{Confirmation, Lines, News};
use lines::{is_several, pieces};
use proto::time::{write_date, write_server_time};
use proto::{Capabilities, Capability, Line};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Event, EventId, EventKind, Kinds};

/// The user name of guests who sent none, and in old events that do not have one.
pub const GUEST_USERNAME: &str = "guest";

/// The author of a line, from which its source is made.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The nick.
    pub nick: &'a str,
    /// See [`Event::userhost`].
    pub userhost: Option<&'a str>,
    /// Whether the author has no account.
    pub guest: bool,
}

impl<'a> Author<'a> {
    /// The author of an event.
    pub fn of(event: &'a Event) -> Author<'a> {
        Author { nick: &event.nick, userhost: event.userhost.as_deref(), guest: event.guest }
    }

    /// The user part of the source.
    pub fn username(self) -> &'a str {
        match self.userhost {
            Some(userhost) => userhost.split_once('@').map_or(userhost, |(user, _)| user),
            None if self.guest => GUEST_USERNAME,
            None => self.nick,
        }
    }

    /// The host, which is the server's name unless the author has their own.
    pub fn host(self, server: &'a str) -> &'a str {
        self.userhost.and_then(|userhost| userhost.split_once('@')).map_or(server, |(_, host)| host)
    }
}

/// What all lines of a server have in common.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Renderer {
    /// The server's name.
    #[serde(skip)]
    pub server: Arc<str>,
    /// The store's prefix of msgids.
    pub instance: Arc<str>,
}

/// What differs per receiver and line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tagging<'a> {
    /// The receiver's capabilities.
    pub capabilities: Capabilities,
    /// A raw tag for this line (`label=…`, `batch=…`), or empty.
    pub tag: &'a str,
}

impl Renderer {
    /// Writes `nick!user@host`.
    pub fn source(&self, author: Author<'_>) -> String {
        [author.nick, "!", author.username(), "@", author.host(&self.server)].concat()
    }

    /// The number of bytes of text that fit in a line from `author` to `target`, not counting tags.
    pub fn text_room(&self, author: Author<'_>, verb: &str, target: &str) -> usize {
        let (user, host) = (author.username(), author.host(&self.server));
        let source = author.nick.len() + 1 + user.len() + 1 + host.len();
        let frame = ":".len() + source + 1 + verb.len() + 1 + target.len();
        crate::limits::LINE_BYTES.saturating_sub(frame + " :".len() + "\r\n".len())
    }

    /// Writes the line of a stored event without its tags. `target` is the room's name or the
    /// receiver. For a multi-line message, writes all lines and returns their positions.
    pub fn body(&self, out: &mut Vec<u8>, event: &Event, target: &str) -> Option<Box<Lines>> {
        if event.kind.is_message() && is_several(&event.text) {
            return Some(Box::new(self.body_of_several(out, event, target)));
        }
        self.body_for(out, event, target, false);
        None
    }

    /// The same; `extended` for a session with `extended-join`.
    pub fn body_for(&self, out: &mut Vec<u8>, event: &Event, target: &str, extended: bool) {
        if event.kind == EventKind::Damaged {
            return self.damaged(out, event.time, target);
        }
        let source = self.source(Author::of(event));
        let line = match event.kind {
            EventKind::Quit | EventKind::Nick | EventKind::Rename => {
                Line::to(out).source(&source).verb(verb(event.kind))
            }
            _ => Line::to(out).source(&source).verb(verb(event.kind)).param(target),
        };
        match event.kind {
            EventKind::Nick => line.param(&event.target).end(),
            EventKind::Message | EventKind::Notice | EventKind::Quit | EventKind::Topic => {
                line.text(&event.text).end();
            }
            EventKind::Part if event.text.is_empty() => line.end(),
            EventKind::Part => line.text(&event.text).end(),
            EventKind::Kick => line.param(&event.target).text(&event.text).end(),
            EventKind::Mode => {
                event.text.split(' ').fold(line, |line, parameter| line.param(parameter)).end();
            }
            EventKind::Join if extended => {
                line.param(account_of(event).unwrap_or("*")).text(&event.text).end();
            }
            EventKind::Redact => {
                let line = line.param(&self.msgid(event.about.unwrap_or_default()));
                if event.text.is_empty() { line.end() } else { line.text(&event.text).end() }
            }
            EventKind::Rename => {
                let (name, reason) = event.text.split_once(' ').unwrap_or((&event.text, ""));
                line.param(&event.target).param(name).text(reason).end();
            }
            EventKind::Tagmsg | EventKind::Join | EventKind::Redacted | EventKind::Damaged => {
                line.end();
            }
        }
    }

    /// Writes the placeholder for a damaged message.
    fn damaged(&self, out: &mut Vec<u8>, time: i64, target: &str) {
        let mut stamp = Vec::new();
        write_server_time(time, &mut stamp);
        let stamp = String::from_utf8_lossy(&stamp);
        // For example 2026-11-28T12:04:05.000Z.
        let clock = stamp.split_once('T').map_or("", |(_, clock)| clock).get(..5);
        let text = format!("[a message of {} UTC is damaged]", clock.unwrap_or_default());
        Line::to(out).source(&self.server).verb("NOTICE").param(target).text(&text).end();
    }

    /// Writes news for one receiver: tags, then the line, which is in `text`.
    pub fn news(&self, out: &mut Vec<u8>, news: &News, text: &[u8], tagging: Tagging<'_>) {
        let tags = TagValues {
            id: news.id,
            time: news.time,
            account: news.account.as_deref(),
            bot: news.bot,
            client: &news.tags,
        };
        self.tagged(out, &tags, tagging, (news, text));
    }

    fn tagged(
        &self,
        out: &mut Vec<u8>,
        values: &TagValues<'_>,
        tagging: Tagging<'_>,
        (news, text): (&News, &[u8]),
    ) {
        let body = &text[news.body_for(tagging.capabilities)];
        if let Some(lines) = &news.lines {
            return self.several(out, values, tagging, (lines, body));
        }
        self.tags(out, values, tagging);
        out.extend_from_slice(body);
    }

    /// Writes a stored event for one receiver of history.
    pub fn event(&self, out: &mut Vec<u8>, event: &Event, target: &str, tagging: Tagging<'_>) {
        let tags = TagValues {
            id: event.id,
            time: event.time,
            account: account_of(event),
            bot: event.bot,
            client: &event.tags,
        };
        let mut date = Vec::new();
        if event.kind.is_message() && !tagging.capabilities.contains(Capability::ServerTime) {
            date.push(b'[');
            write_date(event.time, &mut date);
            date.extend_from_slice(b"] ");
        }
        let date = String::from_utf8_lossy(&date);
        let fitting = event.kind.is_message().then(|| self.fitting(event, target)).flatten();
        let event = fitting.as_ref().unwrap_or(event);
        if event.kind.is_message() && is_several(&event.text) {
            return self.several_with_date(out, event, target, &date, (&tags, tagging));
        }
        let extended = tagging.capabilities.contains(Capability::ExtendedJoin);
        let most = self.text_room(Author::of(event), verb(event.kind), target);
        if date.len() + event.text.len() <= most || date.is_empty() {
            self.tags(out, &tags, tagging);
            if date.is_empty() {
                return self.body_for(out, event, target, extended);
            }
            let text = dated(&date, &event.text).into();
            return self.body_for(out, &Event { text, ..event.clone() }, target, extended);
        }
        // The date does not fit: it gets a line of its own, since nothing is truncated.
        let text = date_alone(&date, &event.text).into();
        for event in [&Event { text, ..event.clone() }, event] {
            self.tags(out, &tags, tagging);
            self.body_for(out, event, target, false);
        }
    }

    /// The event with lines split where they no longer fit, because its room has been given a
    /// longer name; none if all fit.
    fn fitting(&self, event: &Event, target: &str) -> Option<Event> {
        let most = self.text_room(Author::of(event), verb(event.kind), target);
        if event.text.len() <= most || pieces(&event.text).all(|(_, piece)| piece.len() <= most) {
            return None;
        }
        let text = lines::parted(&event.text, most);
        Some(Event { text: text.into(), ..event.clone() })
    }

    /// A multi-line message in history: the date precedes the first line, or gets its own line if
    /// it does not fit.
    fn several_with_date(
        &self,
        out: &mut Vec<u8>,
        event: &Event,
        target: &str,
        date: &str,
        (tags, tagging): (&TagValues<'_>, Tagging<'_>),
    ) {
        let most = self.text_room(Author::of(event), verb(event.kind), target);
        let first = pieces(&event.text).next().map_or(0, |(_, piece)| piece.len());
        let text = match date.len() + first {
            _ if date.is_empty() => event.text.clone(),
            _ if first == 0 => format!("{}{}", date.trim_end(), event.text).into(),
            bytes if bytes <= most => dated(date, &event.text).into(),
            _ => [&date_alone(date, &event.text), "\n", &event.text].concat().into(),
        };
        let mut body = Vec::new();
        let lines = self.body_of_several(&mut body, &Event { text, ..event.clone() }, target);
        self.several(out, tags, tagging, (&lines, &body));
    }

    /// Writes the final answer to a message; `id` and `time` are those of the stored event.
    pub fn confirm(
        &self,
        out: &mut Vec<u8>,
        form: &Confirmation,
        (id, time): (EventId, i64),
        (news, text): (&News, &[u8]),
        tagging: Tagging<'_>,
    ) {
        let (account, bot) = (news.account.as_deref(), news.bot);
        match form {
            Confirmation::Echo => {
                let values = TagValues { id, time, account, bot, client: &news.tags };
                self.tagged(out, &values, tagging, (news, text));
            }
            Confirmation::Broadcast => {
                self.tags(out, &TagValues { time, ..TagValues::default() }, tagging);
                let line = Line::to(out).source(&self.server).verb("NOTE").param("BM");
                line.param("SENT").param(&self.msgid(id)).text("Sent to everyone online").end();
            }
            Confirmation::Private { to, online } => {
                self.tags(out, &TagValues { time, ..TagValues::default() }, tagging);
                let (code, text) = if *online {
                    ("SENT", format!("On its way to {to}"))
                } else {
                    ("STORED", format!("{to} is offline and will get it at the next login"))
                };
                let line = Line::to(out).source(&self.server).verb("NOTE").param("PM").param(code);
                line.param(to).param(&self.msgid(id)).text(&text).end();
            }
        }
    }

    /// Writes the answer to a command whose write failed.
    pub fn not_stored(&self, out: &mut Vec<u8>, verb: &str, tag: &str) {
        Line::to(out)
            .raw_tags(tag)
            .source(&self.server)
            .verb("FAIL")
            .param(verb)
            .param("STORE_FAILED")
            .text("The server could not write to its disk; nothing was stored or sent. Try again later")
            .end();
    }

    /// An event's msgid.
    pub fn msgid(&self, id: EventId) -> String {
        store::msgid(&self.instance, id)
    }

    fn tags(&self, out: &mut Vec<u8>, values: &TagValues<'_>, tagging: Tagging<'_>) {
        let has = |capability| tagging.capabilities.contains(capability);
        let start = out.len();
        let tag = |out: &mut Vec<u8>, key: &[u8]| {
            out.push(if out.len() == start { b'@' } else { b';' });
            out.extend_from_slice(key);
        };
        if !tagging.tag.is_empty() {
            tag(out, tagging.tag.as_bytes());
        }
        if has(Capability::ServerTime) {
            tag(out, b"time=");
            write_server_time(values.time, out);
        }
        if has(Capability::MessageTags) {
            if values.id != 0 {
                tag(out, b"msgid=");
                store::write_msgid(&self.instance, values.id, out);
            }
            if values.bot {
                tag(out, b"bot");
            }
            if !values.client.is_empty() {
                tag(out, values.client.as_bytes());
            }
        }
        if let Some(account) = values.account
            && has(Capability::AccountTag)
        {
            tag(out, b"account=");
            out.extend_from_slice(account.as_bytes());
        }
        if out.len() > start {
            out.push(b' ');
        }
    }
}

#[derive(Default)]
struct TagValues<'a> {
    id: EventId,
    time: i64,
    account: Option<&'a str>,
    bot: bool,
    client: &'a str,
}

/// The pseudo-user of the bouncer ZNC that plays history back; nobody here can have this name.
pub const PLAYBACK: &str = "*playback";

/// How a `/me` message begins.
const ACTION: &str = "\x01ACTION";

/// Puts a date, which ends with a space, before a text, or inside a `/me`, so that it remains one.
fn dated(date: &str, text: &str) -> String {
    match action(text) {
        Some(rest) => [ACTION, " ", date.trim_end(), rest].concat(),
        None => [date, text].concat(),
    }
}

/// A date as a line of its own, in the form of the text that follows.
fn date_alone(date: &str, text: &str) -> String {
    match action(text) {
        Some(_) => [ACTION, " ", date.trim_end(), "\x01"].concat(),
        None => date.trim_end().to_owned(),
    }
}

/// What follows the word `ACTION` in a `/me`.
fn action(text: &str) -> Option<&str> {
    text.strip_prefix(ACTION).filter(|rest| rest.starts_with([' ', '\x01']))
}

/// The account of an event's author, which has the user's name.
fn account_of(event: &Event) -> Option<&str> {
    (!event.guest && event.kind != EventKind::Damaged).then_some(&*event.nick)
}

/// The capabilities that a session needs to receive an event, live or in history.
pub fn needs(kind: EventKind) -> Capabilities {
    match kind {
        EventKind::Tagmsg => Capabilities::only(Capability::MessageTags),
        EventKind::Redact => Capabilities::only(Capability::MessageRedaction),
        EventKind::Rename => Capabilities::only(Capability::ChannelRename),
        _ => Capabilities::NONE,
    }
}

/// The kinds of events in a session's history.
pub fn shown(capabilities: Capabilities) -> Kinds {
    if !capabilities.contains(Capability::EventPlayback) {
        return Kinds::MESSAGES;
    }
    EventKind::ALL.into_iter().filter(|kind| capabilities.has_all(needs(*kind))).collect()
}

/// The IRC command of an event.
pub fn verb(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Message => "PRIVMSG",
        EventKind::Notice | EventKind::Damaged => "NOTICE",
        EventKind::Tagmsg => "TAGMSG",
        EventKind::Topic => "TOPIC",
        EventKind::Join => "JOIN",
        EventKind::Part => "PART",
        EventKind::Kick => "KICK",
        EventKind::Mode => "MODE",
        EventKind::Quit => "QUIT",
        EventKind::Nick => "NICK",
        // Never rendered: readers never return it.
        EventKind::Redacted => "TAGMSG",
        EventKind::Redact => "REDACT",
        EventKind::Rename => "RENAME",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Conversation;

    fn renderer() -> Renderer {
        Renderer { server: "parlor".into(), instance: "test".into() }
    }

    fn ann() -> Author<'static> {
        Author { nick: "ann", userhost: None, guest: false }
    }

    fn event(kind: EventKind, text: &str) -> Event {
        Event {
            id: 42,
            conversation: Conversation::room(1),
            kind,
            account: 1,
            guest: false,
            userhost: None,
            bot: true,
            nick: "ann".into(),
            target: "bob".into(),
            time: 1_795_382_793_123,
            text: text.into(),
            tags: "+draft/reply=x".into(),
            about: (kind == EventKind::Redact).then_some(41),
        }
    }

    /// The line of an event as the fan-out writes it.
    fn live(event: &Event, capabilities: Capabilities) -> Vec<u8> {
        let (renderer, mut text, mut line) = (renderer(), Vec::new(), Vec::new());
        let lines = renderer.body(&mut text, event, "#lobby");
        let end = text.len() as u32;
        renderer.body_for(&mut text, event, "#lobby", true);
        let news = News {
            id: event.id,
            time: event.time,
            account: Some(event.nick.clone()),
            bot: event.bot,
            tags: event.tags.clone(),
            needs: Capabilities::NONE,
            lacks: Capabilities::NONE,
            body: 0..end,
            extended: (event.kind == EventKind::Join).then_some(end..text.len() as u32),
            lines,
        };
        renderer.news(&mut line, &news, &text, Tagging { capabilities, tag: "" });
        line
    }

    /// Each pair of capabilities, and everything but that pair.
    fn small_and_large_sets() -> impl Iterator<Item = Capabilities> {
        let pairs =
            Capability::ALL.iter().flat_map(|a| Capability::ALL.iter().map(move |b| [a, b]));
        pairs.flat_map(|pair| {
            let others = Capability::ALL.iter().filter(move |other| !pair.contains(other));
            [pair.into_iter().copied().collect(), others.copied().collect()]
        })
    }

    #[test]
    fn live_and_history_show_the_same_line() {
        for mut capabilities in small_and_large_sets() {
            // Without `server-time`, history shows the time in the text, unlike live delivery.
            capabilities.insert(Capability::ServerTime);
            let one_line = EventKind::ALL.map(|kind| event(kind, "+o bob"));
            let several = ["one\ntwo \rthree\n\nfour", "\n\none", "one\rtwo"];
            let several = several.map(|text| event(EventKind::Notice, text));
            for event in one_line.into_iter().chain(several) {
                let mut history = Vec::new();
                let tagging = Tagging { capabilities, tag: "" };
                renderer().event(&mut history, &event, "#lobby", tagging);
                assert_eq!(live(&event, capabilities), history);
            }
        }
    }

    #[test]
    fn a_message_of_several_lines_is_dated_once() {
        let history = |text: &str, capabilities| {
            let mut lines = Vec::new();
            let tagging = Tagging { capabilities, tag: "batch=H1" };
            renderer().event(&mut lines, &event(EventKind::Message, text), "#lobby", tagging);
            String::from_utf8(lines).unwrap()
        };
        let plain = |text| history(text, Capabilities::NONE);
        let line = |text: &str| format!("@batch=H1 :ann!ann@parlor PRIVMSG #lobby :{text}\r\n");
        let date = "[2026-11-22 21:26:33]";
        assert_eq!(plain("one\ntwo"), line(&format!("{date} one")) + &line("two"));
        assert_eq!(plain("\none"), line(date) + &line("one"));
        let longest = "x".repeat(renderer().text_room(ann(), "PRIVMSG", "#lobby"));
        assert_eq!(plain(&format!("{longest}\r2")), line(date) + &line(&longest) + &line("2"));
        let both = [Capability::Multiline, Capability::Batch, Capability::ServerTime];
        assert_eq!(
            history("one\rtwo", both.into_iter().collect()),
            "@batch=H1;time=2026-11-22T21:26:33.123Z :ann!ann@parlor BATCH +M42 draft/multiline #lobby\r\n\
             @batch=M42 :ann!ann@parlor PRIVMSG #lobby :one\r\n\
             @batch=M42;draft/multiline-concat :ann!ann@parlor PRIVMSG #lobby :two\r\n\
             @batch=H1 :parlor BATCH -M42\r\n"
        );
    }

    #[test]
    fn a_message_taken_back_and_a_room_renamed() {
        let redact = |text| live(&event(EventKind::Redact, text), Capabilities::default());
        assert_eq!(redact("a slip"), b":ann!ann@parlor REDACT #lobby test-15 :a slip\r\n");
        assert_eq!(redact(""), b":ann!ann@parlor REDACT #lobby test-15\r\n");
        let rename = |text| {
            let event = Event { target: "#old".into(), ..event(EventKind::Rename, text) };
            live(&event, Capabilities::default())
        };
        assert_eq!(rename("#new it grew"), b":ann!ann@parlor RENAME #old #new :it grew\r\n");
        assert_eq!(rename("#new"), b":ann!ann@parlor RENAME #old #new :\r\n");
    }

    #[test]
    fn sources_have_the_user_and_host_of_their_time() {
        let with = |userhost: Option<&str>, guest| {
            let author = Author { userhost, guest, ..ann() };
            let (source, room) =
                (renderer().source(author), renderer().text_room(author, "PRIVMSG", "#lobby"));
            let line = format!(":{source} PRIVMSG #lobby :{}\r\n", "x".repeat(room));
            assert_eq!(line.len(), crate::limits::LINE_BYTES);
            let userhost = userhost.map(Into::into);
            let event = Event { userhost, guest, ..event(EventKind::Notice, "x") };
            let line = live(&event, Capabilities::NONE);
            assert_eq!(String::from_utf8(line).unwrap(), format!(":{source} NOTICE #lobby :x\r\n"));
            source
        };
        assert_eq!(with(None, false), "ann!ann@parlor");
        assert_eq!(with(Some("annie"), false), "ann!annie@parlor");
        assert_eq!(with(Some("~annie@c-1.2.parlor"), true), "ann!~annie@c-1.2.parlor");
        assert_eq!(with(None, true), "ann!guest@parlor");
    }

    #[test]
    fn history_without_server_time_says_the_time_in_the_text() {
        let mut line = Vec::new();
        let event = event(EventKind::Message, "hello");
        renderer().event(&mut line, &event, "#lobby", Tagging::default());
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, ":ann!ann@parlor PRIVMSG #lobby :[2026-11-22 21:26:33] hello\r\n");
    }

    #[test]
    fn an_old_action_is_still_an_action() {
        let history = |text: &str| {
            let mut lines = Vec::new();
            let event = event(EventKind::Message, text);
            renderer().event(&mut lines, &event, "#lobby", Tagging::default());
            String::from_utf8(lines).unwrap()
        };
        let line = |text: &str| format!(":ann!ann@parlor PRIVMSG #lobby :{text}\r\n");
        let date = "\x01ACTION [2026-11-22 21:26:33]";
        assert_eq!(history("\x01ACTION waves\x01"), line(&format!("{date} waves\x01")));
        assert_eq!(history("\x01ACTION\x01"), line(&format!("{date}\x01")));
        assert_eq!(history("\x01ACTION a\n b"), line(&format!("{date} a")) + &line(" b"));
        let most = renderer().text_room(ann(), "PRIVMSG", "#lobby");
        let longest = format!("\x01ACTION {}\x01", "x".repeat(most - 9));
        assert_eq!(history(&longest), line(&format!("{date}\x01")) + &line(&longest));
    }

    #[test]
    fn the_longest_text_makes_a_line_of_512_bytes() {
        let most = renderer().text_room(ann(), "PRIVMSG", "#lobby");
        let event = event(EventKind::Message, &"x".repeat(most));
        assert_eq!(live(&event, Capabilities::default()).len(), crate::limits::LINE_BYTES);
    }
}
