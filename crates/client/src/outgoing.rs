//! What this person says, kept until it is confirmed.

use proto::Line;

/// A message on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The user it is for; none for a broadcast.
    pub to: Option<String>,
    /// What it says; fits one line.
    pub text: String,
    /// The id that makes sending it again harmless (`+parlor/resend`).
    pub resend_id: String,
}

impl Outgoing {
    /// The verb that sends it, which is also the one the server's answer names.
    pub fn verb(&self) -> &'static str {
        if self.to.is_some() { "PM" } else { "BM" }
    }

    /// The operation that a person would type for it.
    pub fn operation(&self) -> String {
        match &self.to {
            Some(user) => format!("PM {user} {}", self.text),
            None => format!("BM {}", self.text),
        }
    }

    /// Appends the line that sends it, the same each time.
    pub fn write(&self, out: &mut Vec<u8>) {
        let line = Line::to(out).tag("+parlor/resend", &self.resend_id).verb(self.verb());
        let line = match &self.to {
            Some(user) => line.param(user),
            None => line,
        };
        line.text(&self.text).end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_carries_the_resend_id_and_the_text_as_it_is() {
        let mut out = Vec::new();
        Outgoing { to: None, text: ":) hi".to_owned(), resend_id: "a.1".to_owned() }
            .write(&mut out);
        Outgoing { to: Some("bob".to_owned()), text: "hi".to_owned(), resend_id: "a.2".to_owned() }
            .write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "@+parlor/resend=a.1 BM ::) hi\r\n@+parlor/resend=a.2 PM bob :hi\r\n"
        );
    }
}
