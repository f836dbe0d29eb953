//! A server whose part the test plays.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use proto::sasl::{Chunks, Progress, encode_chunks};
use proto::scram::{Keys, ScramServer};

/// Longer than any pause of the client's before its third attempt.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) const PASSWORD: &str = "secret";

/// Listens on a free port of this machine.
pub(crate) struct Server {
    pub(crate) port: u16,
    connections: Receiver<TcpStream>,
}

/// The server's end of one connection.
pub(crate) struct Peer {
    reader: BufReader<TcpStream>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind(("localhost", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (send, connections) = channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept()
                && send.send(stream).is_ok()
            {}
        });
        Server { port, connections }
    }

    /// The next connection that comes.
    pub(crate) fn accept(&self) -> Peer {
        let stream = self.connections.recv_timeout(TIMEOUT).expect("the client connects");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout that is not 0");
        Peer { reader: BufReader::new(stream) }
    }

    /// The next connection, with ann logged in by SCRAM and her history empty so far.
    pub(crate) fn accept_ann(&self) -> Peer {
        let mut peer = self.accept();
        peer.negotiate();
        peer.demand_password("ann");
        peer.let_ann_in();
        peer
    }

    /// The next connection, with ann logged in again after a break.
    pub(crate) fn accept_ann_again(&self) -> Peer {
        let mut peer = self.accept();
        peer.negotiate();
        peer.demand_password("ann");
        assert!(peer.scram(), "the right password");
        peer.welcome("ann");
        peer
    }
}

impl Peer {
    pub(crate) fn send(&mut self, line: &str) {
        self.reader
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("the client reads");
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the client sends a line in time");
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("{line:?} has no end")).to_owned()
    }

    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    /// A line that sends a message: its resend id, after checking the rest.
    pub(crate) fn expect_message(&mut self, rest: &str) -> String {
        let line = self.line();
        let (tag, command) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?} has no tag"));
        assert_eq!(command, rest);
        tag.strip_prefix("@+parlor/resend=").unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    pub(crate) fn negotiate(&mut self) {
        let all =
            "message-tags server-time batch standard-replies account-tag draft/chathistory sasl";
        self.expect("CAP LS 302");
        let offer = all.replace("sasl", "sasl=SCRAM-SHA-256,PLAIN");
        self.send(&format!(":parlor CAP * LS :echo-message {offer}"));
        self.expect(&format!("CAP REQ :{all}"));
        self.send(&format!(":parlor CAP * ACK :{all}"));
    }

    /// From the name of an existing user to the question for the password.
    pub(crate) fn demand_password(&mut self, user: &str) {
        self.expect(&format!("LOGIN {user}"));
        self.send(&format!(":parlor NOTE LOGIN PASSWORD_REQUIRED {user} :Enter user's password:"));
        self.expect("");
        self.send(":parlor NOTE LOGIN CANCELLED :Cancelled");
    }

    /// The SCRAM exchange; whether the password was right.
    pub(crate) fn scram(&mut self) -> bool {
        let keys = Keys::derive(PASSWORD, [7; 16], proto::limits::SCRAM_ITERATIONS_MIN);
        self.expect("AUTHENTICATE SCRAM-SHA-256");
        self.send("AUTHENTICATE +");
        let mut server = ScramServer::start(&self.sasl()).expect("a first message");
        self.send_sasl(&server.challenge(&keys, "server-nonce"));
        match server.finish(&self.sasl()) {
            Ok(proof) => {
                self.send_sasl(&proof);
                self.expect("AUTHENTICATE +");
                true
            }
            Err(_) => {
                self.send(":parlor 904 * :Wrong password");
                false
            }
        }
    }

    fn sasl(&mut self) -> Vec<u8> {
        let mut chunks = Chunks::default();
        loop {
            let line = self.line();
            let chunk = line.strip_prefix("AUTHENTICATE ").unwrap_or_else(|| panic!("{line:?}"));
            if let Progress::Done(bytes) = chunks.push(chunk).expect("base64") {
                return bytes;
            }
        }
    }

    pub(crate) fn send_sasl(&mut self, bytes: &[u8]) {
        for chunk in encode_chunks(bytes) {
            self.send(&format!("AUTHENTICATE {chunk}"));
        }
    }

    /// From the success of SCRAM to the lobby.
    pub(crate) fn welcome(&mut self, user: &str) {
        self.send(&format!(":parlor 900 * {user}!{user}@parlor {user} :You are logged in"));
        self.send(":parlor 903 * :Success");
        self.expect(&format!("NICK {user}"));
        self.expect(&format!("USER {user} 0 * :{user}"));
        self.expect("CAP END");
        self.send(&format!(":parlor 001 {user} :Welcome"));
        self.send(&format!(":parlor 422 {user} :No message of the day"));
        self.send(&format!(":{user}!{user}@parlor JOIN #lobby"));
    }

    /// From the right password to the first operation.
    pub(crate) fn let_ann_in(&mut self) {
        assert!(self.scram(), "the right password");
        self.welcome("ann");
        self.baseline();
    }

    /// There is a lobby, and no history so far.
    pub(crate) fn baseline(&mut self) {
        self.expect("BM");
        self.send(":parlor NOTE BM TEXT_REQUIRED :Enter the message:");
        self.expect("");
        self.send(":parlor NOTE BM CANCELLED :Cancelled");
        self.expect("CH * 1");
        self.send(":parlor NOTE CH END * 0 * :End of history");
    }

    /// Takes the goodbye.
    pub(crate) fn goodbye(mut self) {
        self.expect("EX");
        self.send(":parlor NOTE EX BYE :Goodbye");
        self.send("ERROR :Left");
    }

    /// The connection breaks.
    pub(crate) fn break_off(self) {
        self.reader.get_ref().shutdown(Shutdown::Both).expect("it is open");
    }
}
