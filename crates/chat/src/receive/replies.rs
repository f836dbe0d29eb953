//! Numerics and standard replies; read markers, unread counts, lists.

use super::Received;
use super::sentence::{row, sentence};
use crate::change::Change;
use crate::chat::{Chat, Listed};
use crate::conversation::Notify;
use crate::entry::{Delivery, Kind};
use crate::limits::{LISTED, RETRY_MS};
use proto::name::{fold, same};
use proto::numeric as n;
use proto::time::parse_server_time;

impl Chat {
    pub(super) fn numeric(&mut self, numeric: &str, received: &Received<'_>) {
        match numeric {
            n::RPL_WELCOME => {
                received.param(0).clone_into(&mut self.me);
                received.from().clone_into(&mut self.server.name);
            }
            n::RPL_ISUPPORT => self.server.isupport(received.message),
            "002" | "003" | "004" => {}
            n::RPL_MOTDSTART => self.server.motd.clear(),
            n::RPL_MOTD => {
                let line = received.last();
                if self.server.motd.len() < 200 {
                    self.server.motd.push(line.strip_prefix("- ").unwrap_or(line).to_owned());
                }
            }
            n::RPL_ENDOFMOTD => {
                for line in self.server.motd.clone() {
                    self.add_sentence("", Kind::Info, received.now_ms, &line);
                }
            }
            n::ERR_NOMOTD => {}
            // The topic of another room is only shown.
            n::RPL_TOPIC | n::RPL_NOTOPIC if self.is_in(received.param(1)) => {
                let topic = if numeric == n::RPL_TOPIC { received.last() } else { "" };
                self.set_topic(received.param(1), topic);
            }
            n::RPL_NAMREPLY => self.names(received),
            n::RPL_ENDOFNAMES => self.end_of_names(received.param(1)),
            n::RPL_LIST => {
                if self.unfinished_list.len() < LISTED {
                    self.unfinished_list.push(Listed {
                        name: received.param(1).to_owned(),
                        members: received.param(2).parse().unwrap_or(0),
                        topic: received.last().to_owned(),
                    });
                }
            }
            n::RPL_LISTEND => {
                self.listed = std::mem::take(&mut self.unfinished_list);
                self.changes.push(Change::Listed);
            }
            // Who set a topic when, and numbers that come with every welcome.
            "321" | "329" | "333" | "251" | "252" | "253" | "254" | "255" | "265" | "266" => {}
            n::RPL_TRYAGAIN => self.try_again(received),
            n::RPL_AWAY => self.receiver_is_away(received),
            n::RPL_WHOISUSER
            | n::RPL_WHOISCHANNELS
            | n::RPL_WHOISACCOUNT
            | n::RPL_WHOISIDLE
            | n::RPL_WHOISKEYVALUE
            | n::RPL_ENDOFWHOIS => self.whois_reply(numeric, received),
            n::RPL_KEYVALUE => {
                self.metadata(received, 1);
                let text = sentence(numeric, received.message.params());
                self.show_reply(received, Kind::Info, &text);
            }
            // The confirmation of the subscription made after the login.
            n::RPL_METADATASUBOK => {}
            n::ERR_NOSUCHNICK
                if received.label.is_none() && same(received.param(1), &self.asked.whois) =>
            {
                // WHOIS knows only who is online, whatever other servers' sentences say.
                let text = format!("{} is not online", received.param(1));
                self.show_reply(received, Kind::Error, &text);
            }
            n::RPL_WHOREPLY
            | n::RPL_WHOSPCRPL
            | n::RPL_ENDOFWHO
            | n::RPL_USERHOST
            | n::RPL_ISON => self.who_reply(numeric, received),
            _ if numeric.starts_with(['4', '5']) => self.refused(received, received.last()),
            _ => {
                let text = sentence(numeric, received.message.params());
                if !text.is_empty() {
                    self.show_reply(received, Kind::Info, &text);
                }
            }
        }
    }

    fn is_in(&self, room: &str) -> bool {
        self.conversation(room).is_some_and(|conversation| conversation.joined)
    }

    /// The receiver of a message is away, or `WHOIS` says so.
    fn receiver_is_away(&mut self, received: &Received<'_>) {
        let text = sentence(n::RPL_AWAY, received.message.params());
        let confirmed = self.confirmed.iter().map(|(number, to)| (*number, to));
        let waiting = self.outgoing.iter().filter(|outgoing| outgoing.sent);
        let mut sent = confirmed.chain(waiting.map(|outgoing| (outgoing.number, &outgoing.to)));
        let meant = sent.find(|(number, to)| match received.label {
            Some(label) => *number == label,
            None => same(to, received.param(1)),
        });
        let Some((number, to)) = meant.map(|(number, to)| (number, to.clone())) else {
            self.whois_reply(n::RPL_AWAY, received);
            return;
        };
        self.changes.push(Change::Away { number, text: received.last().to_owned() });
        self.add_sentence(&to, Kind::Info, received.now_ms, &text);
    }

    /// A refusal: of the message with its label or its receiver, otherwise of another request.
    fn refused(&mut self, received: &Received<'_>, reason: &str) {
        if received.label.is_some_and(|label| self.refuse(label, reason)) {
            return;
        }
        if received.label.is_none() {
            let target = received.param(1);
            self.join_answered(target);
            let mut all = self.outgoing.iter();
            let meant = all.find(|outgoing| {
                let waits = outgoing.sent && outgoing.delivery == Delivery::Pending;
                waits && same(&outgoing.to, target)
            });
            if let Some(number) = meant.map(|outgoing| outgoing.number) {
                self.refuse(number, reason);
                return;
            }
        }
        let about =
            received.message.params().get(1..received.message.params().len().saturating_sub(1));
        let about = about.unwrap_or_default().join(" ");
        // Some sentences begin with it.
        let text = if about.is_empty() || reason.starts_with(&format!("{about} ")) {
            reason.to_owned()
        } else {
            format!("{about}: {reason}")
        };
        self.show_reply(received, Kind::Error, &text);
    }

    /// `RPL_TRYAGAIN`: the server defers a message; its sentence may say for how long.
    fn try_again(&mut self, received: &Received<'_>) {
        let sentence = received.last();
        let before = sentence.rsplit_once(" second").map(|(before, _)| before);
        let seconds = before.and_then(|before| before.rsplit(' ').next()?.parse().ok());
        self.defer(received, seconds.unwrap_or(1), sentence);
    }

    /// Defers a message, and all that were sent after it.
    fn defer(&mut self, received: &Received<'_>, seconds: i64, sentence: &str) {
        let meant = |number: u64| received.label.is_none_or(|label| label == number);
        let mut all = self.outgoing.iter_mut();
        let found = all.find(|outgoing| {
            outgoing.sent && outgoing.delivery == Delivery::Pending && meant(outgoing.number)
        });
        let wait = seconds.saturating_mul(1000).max(1000);
        match found {
            Some(outgoing) if wait <= RETRY_MS => {
                outgoing.sent = false;
                outgoing.retry_at_ms = Some(received.now_ms + wait);
                let (number, reason) = (outgoing.number, sentence.to_owned());
                self.changes.push(Change::Timeline(outgoing.to.clone()));
                self.changes.push(Change::Deferred { number, reason });
            }
            _ => self.refused(received, sentence),
        }
    }

    /// `FAIL`, `WARN` or `NOTE`.
    pub(super) fn standard(&mut self, received: &Received<'_>) {
        let (verb, code, sentence) = (received.param(0), received.param(1), received.last());
        let kind = received.message.verb.to_ascii_uppercase();
        let params = received.message.params();
        let params = params.get(2..params.len().saturating_sub(1)).unwrap_or_default();
        let sentence = &match row(verb, code, params) {
            Some(about) if sentence.is_empty() => about,
            Some(about) => format!("{about}: {sentence}"),
            None => sentence.to_owned(),
        };
        self.changes.push(Change::Answered {
            verb: verb.to_owned(),
            code: code.to_owned(),
            params: params.iter().map(|param| (*param).to_owned()).collect(),
            text: sentence.clone(),
            refused: kind == "FAIL",
        });
        if let ("PIN", "PINNED" | "UNPINNED" | "ENTRY") = (verb, code) {
            self.pinned(received.param(2), received.param(3), code != "UNPINNED");
        }
        match (kind.as_str(), verb, code) {
            ("FAIL", _, "RATE_LIMITED") => {
                let seconds = received.param(2).parse().unwrap_or(1);
                self.defer(received, seconds, sentence);
            }
            ("FAIL", "SEARCH", _) => {
                sentence.clone_into(&mut self.search.note);
                self.search.loading = false;
                self.changes.push(Change::Found);
            }
            ("NOTE", "SEARCH" | "FIND", "END") => {
                sentence.clone_into(&mut self.search.note);
                self.changes.push(Change::Found);
            }
            // The export handles its pieces itself.
            ("NOTE", "ACCOUNT", "EXPORT") => {}
            // The user interfaces ask in their own words.
            (
                "NOTE",
                "ACCOUNT",
                "OLD_PASSWORD_REQUIRED" | "NEW_PASSWORD_REQUIRED" | "CANCELLED",
            ) => {}
            ("FAIL", ..) => {
                if !received.label.is_some_and(|label| self.refuse(label, sentence)) {
                    self.add_reply(received, Kind::Error, sentence);
                }
            }
            _ => self.add_reply(received, Kind::Info, sentence),
        }
    }

    /// Adds the sentence of a standard reply to its conversation; [`Change::Answered`] reports it.
    fn add_reply(&mut self, received: &Received<'_>, kind: Kind, sentence: &str) {
        let place = self.place_of(received);
        self.add_sentence(&place, kind, received.now_ms, sentence);
    }

    /// The read marker of a conversation.
    pub(super) fn marked(&mut self, received: &Received<'_>) {
        let time = received.param(1).strip_prefix("timestamp=").and_then(parse_server_time);
        let counted = self.server.has("parlor/unread");
        let Some(conversation) = self.conversations.get_mut(&fold(received.param(0))) else {
            return;
        };
        if time > conversation.read_ms {
            conversation.read_ms = time;
            if !counted {
                conversation.count_unread();
            }
            self.changes.push(Change::Conversation(conversation.name.clone()));
        }
    }

    /// How much is unread in a conversation: `UNREAD target count mentions first-msgid`.
    pub(super) fn unread(&mut self, received: &Received<'_>) {
        let (target, count) = (received.param(0), received.param(1));
        let number = |text: &str| text.trim_end_matches('+').parse::<u64>().unwrap_or(0);
        let first = Some(received.param(3)).filter(|msgid| !msgid.is_empty() && *msgid != "*");
        let unread = number(count);
        if unread == 0 && self.conversation(target).is_none() {
            return;
        }
        let conversation = self.conversation_mut(target);
        conversation.unread = unread;
        conversation.unread_more = count.ends_with('+');
        conversation.mentions = number(received.param(2));
        conversation.first_unread = first.map(str::to_owned);
        let name = conversation.name.clone();
        self.changes.push(Change::Conversation(name));
    }

    /// This person starts or stops ignoring somebody: `SILENCE +bob`.
    pub(super) fn ignored(&mut self, received: &Received<'_>) {
        let entry = received.param(0);
        let text = match entry.strip_prefix('-') {
            Some(who) => format!("You no longer ignore {who}"),
            None => format!("You ignore {} from now on", entry.trim_start_matches('+')),
        };
        self.show_reply(received, Kind::Info, &text);
    }

    /// Which messages of a conversation this person is notified of: `NOTIFY target follow|mute|default`.
    pub(super) fn notify(&mut self, received: &Received<'_>) {
        let notify = match received.param(1) {
            "follow" => Notify::All,
            "mute" => Notify::None,
            _ => Notify::Mentions,
        };
        let conversation = self.conversation_mut(received.param(0));
        conversation.notify = notify;
        let name = conversation.name.clone();
        self.changes.push(Change::Conversation(name));
    }
}
