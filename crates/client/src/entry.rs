//! A chat message as the person at this client should understand it.

use proto::Message;
use proto::mask::Source;
use proto::name;

/// Where a message was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The room that everybody is in.
    Lobby,
    /// Another room, by its name.
    Room(String),
    /// Between this person and the named one.
    Private(String),
}

/// One chat message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it was said.
    pub place: Place,
    /// Who said it.
    pub author: String,
    /// It was this person who said it, from this or another device.
    pub mine: bool,
    /// A NOTICE: nothing should answer it automatically.
    pub notice: bool,
    /// When the server took it, in milliseconds since 1970 UTC; none if the server did not say.
    pub time_ms: Option<i64>,
    /// The server's id for it, the same in history as live.
    pub msgid: Option<String>,
    /// What was said, as it came: not yet harmless to a terminal.
    pub text: String,
    /// Who took it back; then nothing is left of the text.
    pub taken_back_by: Option<String>,
}

impl Entry {
    /// Reads a `PRIVMSG` or `NOTICE` that a person sent; none for anything else.
    pub fn read(message: &Message<'_>, me: &str, lobby: Option<&str>) -> Option<Entry> {
        let notice = message.verb.eq_ignore_ascii_case("NOTICE");
        if !notice && !message.verb.eq_ignore_ascii_case("PRIVMSG") {
            return None;
        }
        let source = Source::parse(message.source?);
        // A source without user and host is the server itself.
        source.host?;
        let (target, text) = (message.param(0)?, message.param(1)?);
        let mine = name::same(source.nick, me);
        let place = if lobby.is_some_and(|lobby| name::same(lobby, target)) {
            Place::Lobby
        } else if target.starts_with('#') {
            Place::Room(target.to_owned())
        } else if mine {
            Place::Private(target.to_owned())
        } else {
            Place::Private(source.nick.to_owned())
        };
        Some(Entry {
            place,
            author: source.nick.to_owned(),
            mine,
            notice,
            time_ms: message
                .tags
                .get("time")
                .and_then(|time| proto::time::parse_server_time(&time)),
            msgid: message.tags.get("msgid").map(|msgid| msgid.into_owned()),
            text: text.to_owned(),
            taken_back_by: None,
        })
    }

    /// The same without its text.
    pub fn taken_back(&self, by: &str) -> Entry {
        Entry { text: String::new(), taken_back_by: Some(by.to_owned()), ..self.clone() }
    }

    /// Whether another line may be the next of the same message.
    pub fn is_followed_by(&self, next: &Entry) -> bool {
        (&self.place, &self.author, self.notice, self.time_ms)
            == (&next.place, &next.author, next.notice, next.time_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Entry> {
        Entry::read(&Message::parse(line).unwrap(), "Ann", Some("#lobby"))
    }

    #[test]
    fn a_broadcast_has_its_author_time_and_id() {
        let line =
            "@time=1970-01-01T00:00:01.500Z;msgid=m1 :bob!bob@parlor PRIVMSG #Lobby :hello all";
        assert_eq!(
            read(line),
            Some(Entry {
                place: Place::Lobby,
                author: "bob".to_owned(),
                mine: false,
                notice: false,
                time_ms: Some(1500),
                msgid: Some("m1".to_owned()),
                text: "hello all".to_owned(),
                taken_back_by: None,
            })
        );
    }

    #[test]
    fn private_messages_are_filed_under_the_other_person() {
        let from_bob = read(":bob!bob@parlor PRIVMSG ann :hi").unwrap();
        assert_eq!(
            (from_bob.place, from_bob.author, from_bob.mine),
            (Place::Private("bob".to_owned()), "bob".to_owned(), false)
        );
        let from_my_phone = read(":ann!ann@parlor PRIVMSG bob :hi").unwrap();
        assert_eq!(
            (from_my_phone.place, from_my_phone.author, from_my_phone.mine),
            (Place::Private("bob".to_owned()), "ann".to_owned(), true)
        );
    }

    #[test]
    fn other_rooms_keep_their_name_and_notices_are_marked() {
        let entry = read(":bob!bob@parlor NOTICE #rust :hi").unwrap();
        assert_eq!((entry.place, entry.notice), (Place::Room("#rust".to_owned()), true));
    }

    #[test]
    fn lines_without_an_author_are_not_entries() {
        assert_eq!(read(":parlor NOTICE ann :maintenance at noon"), None);
        assert_eq!(read(":bob!bob@parlor JOIN #lobby"), None);
        assert_eq!(read(":bob!bob@parlor PRIVMSG #lobby"), None);
        assert_eq!(read("PRIVMSG #lobby :hi"), None);
    }
}
