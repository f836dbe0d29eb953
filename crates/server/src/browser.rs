//! The browser according to its `User-Agent`: enough to tell one's own devices apart.

use std::fmt::{self, Display, Formatter};

/// A browser and its operating system, as indexes of the tables below, so that a session needs two
/// bytes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Browser {
    name: u8,
    system: u8,
}

/// What a `User-Agent` contains, and the browser it means. Many name other browsers as well, so the
/// first match counts.
const NAMES: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("", "Browser"),
];
const SYSTEMS: [(&str, &str); 8] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Windows", "Windows"),
    ("Linux", "Linux"),
    ("", "unknown"),
];

impl Browser {
    /// Parses a `User-Agent`. The words are ours: nothing written by a client is shown.
    pub fn from_user_agent(agent: &str) -> Browser {
        let find = |table: &[(&str, &str)]| {
            let at = table.iter().position(|(part, _)| agent.contains(part));
            at.expect("the last entry is in everything") as u8
        };
        Browser { name: find(&NAMES), system: find(&SYSTEMS) }
    }

    fn words(self) -> (&'static str, &'static str) {
        (NAMES[usize::from(self.name)].1, SYSTEMS[usize::from(self.system)].1)
    }

    /// For a sentence: `Firefox on Android`.
    pub fn sentence(self) -> String {
        let (name, system) = self.words();
        format!("{name} on {system}")
    }
}

/// As one word: `Firefox/Android`.
impl Display for Browser {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, system) = self.words();
        write!(f, "{name}/{system}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_recognized() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox/Linux",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Mobile Safari/537.36",
                "Chrome/Android",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge/Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari/iOS",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari/macOS",
            ),
            ("<script>", "Browser/unknown"),
            ("", "Browser/unknown"),
        ] {
            assert_eq!(Browser::from_user_agent(agent).to_string(), expected, "{agent}");
        }
        assert_eq!(
            Browser::from_user_agent("Firefox/1 (Android)").sentence(),
            "Firefox on Android"
        );
    }
}
