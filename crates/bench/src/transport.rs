//! Transports: what lies between the socket and the lines.

use std::fmt;

use clap::ValueEnum;

/// How the clients reach the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Lines, and nothing else.
    #[default]
    Plain,
    /// TLS.
    Tls,
    /// WebSocket, binary messages.
    #[value(name = "websocket")]
    WebSocket,
    /// WebSocket, text messages, which the server must keep to UTF-8.
    #[value(name = "websocket-text")]
    WebSocketText,
    /// WebSocket with binary messages inside TLS.
    #[value(name = "websocket-tls")]
    WebSocketTls,
}

impl Transport {
    /// The name in options and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
            Self::WebSocket => "websocket",
            Self::WebSocketText => "websocket-text",
            Self::WebSocketTls => "websocket-tls",
        }
    }

    /// Whether it includes TLS.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::WebSocketTls)
    }

    /// What its WebSocket messages are; `None` without WebSocket.
    #[must_use]
    pub fn messages(self) -> Option<Messages> {
        match self {
            Self::Plain | Self::Tls => None,
            Self::WebSocket | Self::WebSocketTls => Some(Messages::Binary),
            Self::WebSocketText => Some(Messages::Text),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The kind of a WebSocket's messages, each of which is one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Messages {
    /// Bytes.
    Binary,
    /// UTF-8.
    Text,
}

impl Messages {
    /// IRCv3's name for it.
    #[must_use]
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Binary => "binary.ircv3.net",
            Self::Text => "text.ircv3.net",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_has_the_same_name_in_tables_and_options() {
        for transport in Transport::value_variants() {
            assert_eq!(Transport::from_str(transport.name(), false), Ok(*transport));
        }
    }
}
