//! The page that says how to join: `/join`, and `/` where the web client cannot work, because the
//! browser does not let an unencrypted page derive keys.

use super::Host;
use super::files::JOIN;
use proto::Fingerprint;

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
    let mut pieces = JOIN.split("{{");
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
            "browser" => self.browser(host),
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
        match self.host.and_then(|host| host.port) {
            Some(port) => format!("{scheme}://{}:{port}/", bracketed(host)),
            None => format!("{scheme}://{}/", bracketed(host)),
        }
    }

    /// The way to the web client, and what the browser may say about it.
    fn browser(&self, host: &str) -> String {
        let link = match (self.encrypted, self.host) {
            (true, _) | (_, None) => "/".to_owned(),
            (false, Some(_)) => {
                escape(&format!("https://{}:{}/", bracketed(host), self.port_outside()))
            }
        };
        let shown = if link == "/" { "Open the chat" } else { &link };
        let mut html = format!("<p><a href=\"{link}\">{shown}</a></p>\n");
        if self.fingerprint.is_some() {
            html.push_str(
                "<p>Your browser will warn you that the connection is not private, because no\n\
                 authority vouches for this server: it has made its certificate itself. The\n\
                 connection is encrypted all the same. To be sure that nobody is in between,\n\
                 compare the certificate&#39;s SHA-256 fingerprint with the one below, which\n\
                 whoever runs the server can confirm; then go on.</p>\n\
                 <p>If you run this server: give it a certificate for its name, such as one from\n\
                 Let&#39;s Encrypt, in <code>[tls]</code> of the config file, and the warning is\n\
                 gone.</p>\n",
            );
        }
        html
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

/// A host as it is written in an address.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
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
    fn the_page_uses_the_host_name_that_the_reader_knows() {
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
    fn without_a_host_name_the_page_says_this_host() {
        let host = Host::parse("[2001:db8::1]").unwrap();
        says(&sample(Some(&host)), &["chatclient -hn 2001:db8::1 -p 9999", "wss://[2001:db8::1]/"]);
        says(&sample(None), &["chatclient -hn this host -p 9999", "wss://this host/"]);
    }

    #[test]
    fn a_generated_certificate_is_shown_with_its_fingerprint() {
        assert!(!super::page(&sample(None)).contains("fingerprint"));
        let fingerprint = Fingerprint([0xab; 32]);
        let text = format!("<code>{}</code>", ["AB"; 32].join(":"));
        says(&Page { fingerprint: Some(fingerprint), ..sample(None) }, &[&text]);
    }

    #[test]
    fn inserted_text_is_escaped() {
        let name = r#"<script>alert("it's & {{port}}")</script>"#;
        let host = Host { name: "\"><img src=x>".into(), port: None };
        let page = Page { server: name, host: Some(&host), ..sample(None) };
        let html = super::page(&page);
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("\">\""));
        let escaped = "&lt;script&gt;alert(&quot;it&#39;s &amp; {{port}}&quot;)&lt;/script&gt;";
        says(&page, &[&format!("<h1>{escaped}</h1>"), "-hn &quot;&gt;&lt;img src=x&gt; -p"]);
    }

    #[test]
    fn every_placeholder_of_the_template_is_filled() {
        for piece in JOIN.split("{{").skip(1) {
            let name = piece.split_once("}}").map(|(name, _)| name);
            assert!(name.and_then(|name| sample(None).value(name)).is_some(), "{name:?}");
        }
        assert!(!super::page(&sample(None)).contains("{{"));
    }

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        let others = ["<script", "<img", "<style", "src=", "style=", "url(", "@import", "http"];
        for forbidden in others {
            assert!(!JOIN.contains(forbidden), "{forbidden}");
        }
    }
}
