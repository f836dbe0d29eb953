//! The handshake that opens a WebSocket (RFC 6455, 4.2), with the subprotocols of IRCv3.
//!
//! It is accepted at any path: reverse proxies keep the path of the web page (gamja asks for
//! `/socket`, KiwiIRC for what its config says), and other IRC servers ignore it.

use super::response::{Response, Status};
use super::{Fields, First, Host, RequestContext, RequestTarget, bad};
use crate::browser::Browser;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The string that is hashed with the client's key (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 16;
const VERSION: &str = "13";
/// The subprotocols, and whether lines are sent as binary messages under them.
const SUBPROTOCOLS: [(&str, bool); 2] = [("text.ircv3.net", false), ("binary.ircv3.net", true)];

/// Whether a request is meant as a handshake, even if a proxy has dropped half of its headers.
pub(super) fn is_wanted(fields: Fields<'_>) -> bool {
    fields.has("Upgrade", "websocket") || !fields.has_none("Sec-WebSocket-Key")
}

/// Accepts the handshake, or says why not.
pub(super) fn answer(
    first: First<'_>,
    fields: Fields<'_>,
    context: &RequestContext<'_>,
    own: PageOrigin<'_>,
) -> Result<RequestTarget, Response<'static>> {
    if first.method != "GET" || first.minor == 0 {
        return Err(bad("A WebSocket needs GET and HTTP/1.1; is the proxy configured for that?\n"));
    }
    if !fields.has("Upgrade", "websocket") || !fields.has("Connection", "Upgrade") {
        return Err(bad("A WebSocket needs the headers \"Upgrade: websocket\" and \
                        \"Connection: Upgrade\"; does the proxy pass them on?\n"));
    }
    let mut versions = fields.all("Sec-WebSocket-Version");
    if (versions.next(), versions.next()) != (Some(VERSION), None) {
        let text = "This server speaks version 13 of the WebSocket protocol.\n";
        let extra = "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        return Err(Response {
            extra: extra.into(),
            ..Response::text(Status::UpgradeRequired, text)
        });
    }
    let mut keys = fields.all("Sec-WebSocket-Key");
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(bad("A WebSocket needs one Sec-WebSocket-Key.\n"));
    };
    if STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES) {
        check_origin(fields, context, own)?;
        let subprotocol = choose(fields);
        let binary = subprotocol.is_some_and(|(_, binary)| binary);
        let response = accept(key, subprotocol.map(|(name, _)| name));
        let agent = fields.all("User-Agent").next().unwrap_or_default();
        let is_page = !fields.has_none("Origin");
        let browser = is_page.then(|| Browser::from_user_agent(agent));
        return Ok(RequestTarget::WebSocket { binary, browser, response });
    }
    Err(bad("The Sec-WebSocket-Key must be 16 bytes in base64.\n"))
}

/// How the page of this server is reached.
#[derive(Clone, Copy)]
pub(super) struct PageOrigin<'o> {
    /// By this name.
    pub(super) host: Option<&'o Host>,
    /// Encrypted.
    pub(super) encrypted: bool,
}

/// A client that is not a web page sends no origin, and could send any: only pages are kept out,
/// unless they are this server's own or configured.
fn check_origin(
    fields: Fields<'_>,
    context: &RequestContext<'_>,
    own: PageOrigin<'_>,
) -> Result<(), Response<'static>> {
    let is_configured = |origin: &str| {
        let is =
            |one: &String| one == "*" || one.trim_end_matches('/').eq_ignore_ascii_case(origin);
        context.origins.iter().any(is)
    };
    if fields.all("Origin").all(|origin| own.is(origin) || is_configured(origin)) {
        return Ok(());
    }
    let text = "Pages from this origin may not connect to this server. If they should, name it in \
                [http] origins of the config file; if it is this server's own, let the proxy pass \
                on the Host header.\n";
    Err(Response::text(Status::Forbidden, text))
}

impl PageOrigin<'_> {
    fn is(self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let default = match scheme {
            "https" => 443,
            // Anybody on the way could have written a page that came unencrypted.
            "http" if !self.encrypted => 80,
            _ => return false,
        };
        let (Some(own), Some(host)) = (self.host, Host::parse(host)) else { return false };
        let port = |host: &Host| host.port.unwrap_or(default);
        own.name == host.name && port(own) == port(&host)
    }
}

/// The first subprotocol that the client names and the server knows. Without one, text is used: the
/// specification allows it, and old clients name others or none.
fn choose(fields: Fields<'_>) -> Option<(&'static str, bool)> {
    let known = |offer: &str| SUBPROTOCOLS.into_iter().find(|(name, _)| *name == offer);
    fields.list("Sec-WebSocket-Protocol").find_map(known)
}

fn accept(key: &str, subprotocol: Option<&str>) -> Vec<u8> {
    let proof = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {proof}\r\n"
    );
    if let Some(name) = subprotocol {
        response.push_str(&format!("Sec-WebSocket-Protocol: {name}\r\n"));
    }
    response.push_str("\r\n");
    response.into_bytes()
}
