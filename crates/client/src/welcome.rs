//! What a server tells at each login, and a person wants to know once: the message of the day, and what the first
//! room is about.

use crate::limits::MOTD_LINES;

/// What was told, and what of it was shown.
#[derive(Debug, Default)]
pub struct Welcome {
    motd: Vec<String>,
    motd_shown: Option<Vec<String>>,
    topic_shown: Option<String>,
}

impl Welcome {
    /// Whether the server has told its message of the day, or that there is none.
    pub fn is_told(&self) -> bool {
        self.motd_shown.is_some()
    }

    /// A line of the message of the day.
    pub fn line_of_motd(&mut self, line: &str) {
        if self.motd.len() < MOTD_LINES {
            self.motd.push(line.to_owned());
        }
    }

    /// The message of the day is whole: its lines if they are news.
    pub fn end_of_motd(&mut self) -> Vec<String> {
        let motd = std::mem::take(&mut self.motd);
        if self.motd_shown.as_ref() == Some(&motd) {
            return Vec::new();
        }
        self.motd_shown.insert(motd).clone()
    }

    /// What the room is about: a sentence if that is news.
    pub fn topic(&mut self, room: &str, topic: &str) -> Option<String> {
        if self.topic_shown.as_deref() == Some(topic) {
            return None;
        }
        self.topic_shown = Some(topic.to_owned());
        Some(format!("the topic of {room}: {topic}"))
    }
}
