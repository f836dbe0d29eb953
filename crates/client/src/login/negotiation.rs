//! Capability negotiation.

use proto::{Line, Message};

use super::{EXTERNAL, Login, LoginError, MECHANISM, Next, Stage, Step, not_parlor};
use crate::limits::OFFER_BYTES;

/// What a server must offer to be a Parlor server.
const CAPABILITIES: [&str; 7] = [
    "message-tags",
    "server-time",
    "batch",
    "standard-replies",
    "account-tag",
    "draft/chathistory",
    "sasl",
];
/// Optional capabilities; without them some information is missing.
const WELCOME: [&str; 2] = ["draft/message-redaction", "parlor/nodes"];
/// The capability by which a script marks itself as unattended.
const UNATTENDED: &str = "draft/pre-away";

impl Login {
    pub(super) fn capabilities(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Next {
        match (self.stage, message.param(1)) {
            (Stage::Listing, Some("LS")) => {
                let more_follows = message.param(2) == Some("*");
                self.offered.push_str(message.params().last().copied().unwrap_or(""));
                self.offered.push(' ');
                if self.offered.len() > OFFER_BYTES {
                    return Err(not_parlor("its list of capabilities never ends"));
                }
                if more_follows {
                    return Ok(Step::Wait);
                }
                self.scram_seen |= self.offers_mechanism(MECHANISM);
                if let Some(port) = self.secure_port() {
                    return Err(LoginError::Refused(format!(
                        "The server accepts only encrypted connections: omit --plaintext and use port {port}."
                    )));
                }
                if let Some(missing) = CAPABILITIES.iter().find(|name| !self.offers(name)) {
                    if self.any_server {
                        return self.request_from_generic_irc(out);
                    }
                    return Err(not_parlor(&format!("it does not offer {missing}")));
                }
                self.request(CAPABILITIES.into_iter().chain(WELCOME), out);
                Ok(Step::Wait)
            }
            (Stage::Requesting, Some("ACK" | "NAK")) if self.is_generic_irc() => {
                if message.param(1) == Some("NAK") {
                    self.requested.clear();
                }
                self.log_in_by_generic_irc(out)
            }
            (Stage::Requesting, Some("ACK")) => {
                if self.is_unattended() {
                    // A script is unattended: pending messages stay on the server for the person.
                    Line::to(out).verb("AWAY").param("*").end();
                }
                if let Some(password) = &self.credentials.server_password {
                    Line::to(out).verb("PASS").text(password).end();
                }
                if self.has_certificate && self.offers_mechanism(EXTERNAL) {
                    Line::to(out).verb("AUTHENTICATE").param(EXTERNAL).end();
                    self.stage = Stage::ExternalStart;
                    return Ok(Step::Wait);
                }
                self.use_invitation(out);
                self.name(out)
            }
            (Stage::Requesting, Some("NAK")) => {
                Err(not_parlor("it refused capabilities it had offered"))
            }
            _ => Ok(Step::Wait),
        }
    }

    /// Asks for capabilities that are offered: these, and those that are wanted beyond them.
    fn request(&mut self, names: impl Iterator<Item = &'static str>, out: &mut Vec<u8>) {
        let unattended = self.is_unattended().then_some(UNATTENDED);
        let wanted = names.chain(unattended).chain(self.also.iter().copied());
        self.requested.clear();
        for name in wanted {
            if self.offers(name) && !self.requested.contains(&name) {
                self.requested.push(name);
            }
        }
        Line::to(out).verb("CAP").param("REQ").text(&self.requested.join(" ")).end();
        self.stage = Stage::Requesting;
    }

    /// The capabilities in effect, with their values.
    pub fn capabilities_in_effect(&self) -> Vec<(String, String)> {
        let value = |name: &str| {
            let mut offers = self.offered.split_whitespace();
            let of_name =
                |offer: &str| Some(offer.strip_prefix(name)?.strip_prefix('=')?.to_owned());
            offers.find_map(of_name).unwrap_or_default()
        };
        self.requested.iter().map(|name| ((*name).to_owned(), value(name))).collect()
    }

    /// Whether it is an IRC server other than Parlor.
    pub(super) fn is_generic_irc(&self) -> bool {
        self.any_server && CAPABILITIES.iter().any(|name| !self.offers(name))
    }

    /// Requests the capabilities that an IRC server other than Parlor offers.
    fn request_from_generic_irc(&mut self, out: &mut Vec<u8>) -> Next {
        self.request(WELCOME.into_iter(), out);
        if !self.requested.is_empty() {
            return Ok(Step::Wait);
        }
        out.clear();
        self.log_in_by_generic_irc(out)
    }

    /// Whether this is a script, on a server that supports marking it as unattended.
    fn is_unattended(&self) -> bool {
        !self.interactive && self.offers(UNATTENDED)
    }

    /// Whether the server's list has a capability, and for `sasl` the mechanism.
    pub(super) fn offers(&self, name: &str) -> bool {
        self.offered.split_whitespace().any(|offer| match offer.split_once('=') {
            Some(("sasl", _)) if name == "sasl" => self.offers_mechanism(MECHANISM),
            Some((offered, _)) => offered == name,
            None => offer == name,
        })
    }

    /// Whether SASL knows a mechanism there.
    pub(super) fn offers_mechanism(&self, mechanism: &str) -> bool {
        let mut offers = self.offered.split_whitespace();
        let mechanisms = offers.find_map(|offer| offer.strip_prefix("sasl="));
        mechanisms.is_some_and(|known| known.split(',').any(|offered| offered == mechanism))
    }

    /// The port that a server which wants encryption names to those who come without (`sts` of IRCv3).
    fn secure_port(&self) -> Option<u16> {
        let offers = self.offered.split_whitespace();
        let sts = offers.filter_map(|offer| offer.strip_prefix("sts=")).next_back()?;
        let port = sts.split(',').find_map(|key| key.strip_prefix("port="))?;
        port.parse().ok().filter(|_| self.is_plaintext)
    }
}
