//! The page at `/`, which says how to join.

use super::Host;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::Fingerprint;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const TEMPLATE: &str = include_str!("../page.html");

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The server's name.
    pub server: &'a str,
    /// The server's name as the reader knows it; if none, "this host".
    pub host: Option<&'a Host>,
    /// The server's port.
    pub port: u16,
    /// The page is read through a proxy, which has a port of its own.
    pub proxied: bool,
    /// The reader's connection is encrypted, so a WebSocket would be, too.
    pub encrypted: bool,
    /// The fingerprint of a certificate that the server has generated.
    pub fingerprint: Option<Fingerprint>,
}

/// Renders the page.
pub fn page(page: &Page<'_>) -> String {
    let mut pieces = TEMPLATE.split("{{");
    let mut html = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or(("", piece));
        html.push_str(&page.value(name).unwrap_or_default());
        html.push_str(rest);
    }
    html
}

impl Page<'_> {
    /// The value of a placeholder in the template.
    fn value(&self, name: &str) -> Option<String> {
        let host = self.host.map_or("this host", |host| &host.name);
        Some(match name {
            "server" => escape(self.server),
            "host" => escape(host),
            "port" => self.port_outside().to_string(),
            "own_port" => self.port.to_string(),
            "websocket" => escape(&self.websocket(host)),
            "certificate" => self.certificate(),
            _ => return None,
        })
    }

    /// The port at which the reader reaches the server directly. Not always the server's own: a
    /// container's port may be mapped to another one.
    fn port_outside(&self) -> u16 {
        let named = self.host.and_then(|host| host.port).filter(|_| !self.proxied);
        named.unwrap_or(self.port)
    }

    /// The WebSocket has the same address as the page.
    fn websocket(&self, host: &str) -> String {
        let scheme = if self.encrypted { "wss" } else { "ws" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self.host.and_then(|host| host.port) {
            Some(port) => format!("{scheme}://{host}:{port}/"),
            None => format!("{scheme}://{host}/"),
        }
    }

    fn certificate(&self) -> String {
        let Some(fingerprint) = self.fingerprint else { return String::new() };
        format!(
            "\n<h2>Its certificate</h2>\n\
             <p>The server has made it itself, so no authority vouches for it. Ask\n\
             whoever runs the server for its SHA-256 fingerprint, and let your client accept this\n\
             one only:</p>\n\
             <pre><code>{fingerprint}</code></pre>\n"
        )
    }
}

/// Escapes text for HTML, including attributes.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// What a browser may do with the page: apply this one style, and nothing else.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = STANDARD.encode(Sha256::digest(style()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    });
    &POLICY
}

fn style() -> &'static str {
    let inside = TEMPLATE.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    inside.map_or("", |(style, _)| style)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(host: Option<&Host>) -> Page<'_> {
        Page {
            server: "parlor",
            host,
            port: 9999,
            proxied: false,
            encrypted: true,
            fingerprint: None,
        }
    }

    fn says(page: &Page<'_>, texts: &[&str]) {
        let html = super::page(page);
        for text in texts {
            assert!(html.contains(text), "{text} is not in {html}");
        }
    }

    #[test]
    fn it_says_how_to_join_by_the_name_that_the_reader_knows() {
        let host = Host::parse("chat.example:8080").unwrap();
        let page = sample(Some(&host));
        let client = "chatclient -hn chat.example -p 8080";
        says(&page, &["<h1>parlor</h1>", client, "nc localhost 9999", "wss://chat.example:8080/"]);
        says(&Page { encrypted: false, ..page }, &["ws://chat.example:8080/"]);
        says(
            &Page { proxied: true, ..page },
            &["-hn chat.example -p 9999", "wss://chat.example:8080/"],
        );
    }

    #[test]
    fn without_a_port_or_a_name_it_says_what_it_knows() {
        let host = Host::parse("[2001:db8::1]").unwrap();
        says(&sample(Some(&host)), &["chatclient -hn 2001:db8::1 -p 9999", "wss://[2001:db8::1]/"]);
        says(&sample(None), &["chatclient -hn this host -p 9999", "wss://this host/"]);
    }

    #[test]
    fn a_certificate_of_its_own_is_shown_by_its_fingerprint() {
        assert!(!super::page(&sample(None)).contains("fingerprint"));
        let fingerprint = Fingerprint([0xab; 32]);
        let text = format!("<code>{}</code>", ["AB"; 32].join(":"));
        says(&Page { fingerprint: Some(fingerprint), ..sample(None) }, &[&text]);
    }

    #[test]
    fn nothing_that_is_put_in_becomes_markup() {
        let name = r#"<script>alert("it's & {{port}}")</script>"#;
        let host = Host { name: "\"><img src=x>".into(), port: None };
        let page = Page { server: name, host: Some(&host), ..sample(None) };
        let html = super::page(&page);
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("\">\""));
        let escaped = "&lt;script&gt;alert(&quot;it&#39;s &amp; {{port}}&quot;)&lt;/script&gt;";
        says(&page, &[&format!("<h1>{escaped}</h1>"), "-hn &quot;&gt;&lt;img src=x&gt; -p"]);
    }

    #[test]
    fn the_template_is_filled_in_whole() {
        for piece in TEMPLATE.split("{{").skip(1) {
            let name = piece.split_once("}}").map(|(name, _)| name);
            assert!(name.and_then(|name| sample(None).value(name)).is_some(), "{name:?}");
        }
        assert!(!super::page(&sample(None)).contains("{{"));
    }

    #[test]
    fn it_needs_nothing_that_its_policy_forbids() {
        assert!(!style().is_empty() && policy().contains("default-src 'none'; style-src 'sha256-"));
        let others = ["<script", "<img", "<link", "src=", "href=", "style=", "url(", "@import"];
        for forbidden in others {
            assert!(!TEMPLATE.contains(forbidden), "{forbidden}");
        }
    }
}
