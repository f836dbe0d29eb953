//! A server whose part the test plays.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use parlor_client::limits::ITERATIONS_MIN;
use proto::sasl::{Chunks, Progress, encode_chunks};
use proto::scram::{Keys, ScramServer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS12;
use rustls::{ALL_VERSIONS, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::identity::Identity;

/// Longer than any pause of the client's.
const TIMEOUT: Duration = Duration::from_secs(45);

pub(crate) const PASSWORD: &str = "secret";

/// Listens on a free port of this machine.
pub(crate) struct Server {
    pub(crate) port: u16,
    connections: Receiver<TcpStream>,
    /// How it encrypts; none if it does not.
    tls: RefCell<Option<Tls>>,
}

struct Tls {
    config: Arc<ServerConfig>,
    fingerprint: String,
}

/// The server's end of one connection.
pub(crate) struct Peer {
    reader: BufReader<Wire>,
    /// Messages that are neither confirmed nor refused: label, target and text.
    unsettled: VecDeque<(String, String, String)>,
    /// The label of the request that came last.
    label: String,
}

/// What is offered to the client, except for the mechanisms of SASL.
const OFFERED: &str = "message-tags server-time batch standard-replies account-tag draft/chathistory sasl \
    draft/message-redaction echo-message labeled-response parlor/unread soju.im/search";

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

impl Server {
    /// With a certificate that it made itself.
    pub(crate) fn start() -> Server {
        Server::start_as(&Identity::self_made())
    }

    pub(crate) fn start_as(identity: &Identity) -> Server {
        let server = Server::start_plain();
        server.show(identity);
        server
    }

    /// One that knows nothing newer than TLS 1.2.
    pub(crate) fn start_old() -> Server {
        let server = Server::start_plain();
        server.show_in_old_way(&Identity::self_made());
        server
    }

    /// Without encryption.
    pub(crate) fn start_plain() -> Server {
        let listener = TcpListener::bind(("localhost", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (send, connections) = channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept()
                && send.send(stream).is_ok()
            {}
        });
        Server { port, connections, tls: RefCell::new(None) }
    }

    /// Proves itself with this from now on.
    pub(crate) fn show(&self, identity: &Identity) {
        self.show_by(identity, ALL_VERSIONS);
    }

    /// Proves itself as the other one does from now on.
    pub(crate) fn show_as(&self, other: &Server) {
        let tls = other.tls.borrow();
        let Tls { config, fingerprint } = tls.as_ref().expect("it encrypts");
        let (config, fingerprint) = (Arc::clone(config), fingerprint.clone());
        *self.tls.borrow_mut() = Some(Tls { config, fingerprint });
    }

    /// Proves itself with this from now on, by TLS 1.2.
    pub(crate) fn show_in_old_way(&self, identity: &Identity) {
        self.show_by(identity, &[&TLS12]);
    }

    fn show_by(&self, identity: &Identity, versions: &[&'static SupportedProtocolVersion]) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = provider.key_provider.load_private_key(identity.key()).expect("a good key");
        let shown = CertifiedKey::new(vec![identity.certificate.clone()], key);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("ring has all versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        config.alpn_protocols = vec![b"irc".to_vec(), b"http/1.1".to_vec()];
        let fingerprint = identity.fingerprint();
        *self.tls.borrow_mut() = Some(Tls { config: Arc::new(config), fingerprint });
    }

    /// What it shows.
    pub(crate) fn fingerprint(&self) -> String {
        self.tls.borrow().as_ref().expect("it encrypts").fingerprint.clone()
    }

    /// The next connection that comes.
    pub(crate) fn accept(&self) -> Peer {
        let stream = self.connections.recv_timeout(TIMEOUT).expect("the client connects");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout that is not 0");
        let wire = match &*self.tls.borrow() {
            None => Wire::Plain(stream),
            Some(tls) => {
                let server = ServerConnection::new(Arc::clone(&tls.config)).expect("a good config");
                Wire::Tls(Box::new(StreamOwned::new(server, stream)))
            }
        };
        Peer { reader: BufReader::new(wire), unsettled: VecDeque::new(), label: String::new() }
    }

    /// The next connection that comes, whose client breaks the handshake off.
    pub(crate) fn be_refused(&self) {
        let mut peer = self.accept();
        let mut said = Vec::new();
        let error = peer.reader.read_to_end(&mut said).expect_err("the client does not trust us");
        // It closes the connection without having read all, which may overtake its alert.
        let reset = error.kind() == ErrorKind::ConnectionReset;
        assert!(reset || error.to_string().contains("received fatal alert"), "{error}");
        assert_eq!(String::from_utf8_lossy(&said), "", "nothing was said");
    }

    /// The next connection, with ann logged in by SCRAM.
    pub(crate) fn accept_ann(&self) -> Peer {
        let mut peer = self.accept();
        peer.let_ann_come();
        peer
    }

    /// Somebody new has registered, and comes once more for the welcome.
    pub(crate) fn accept_registered(&self, mut peer: Peer, user: &str) -> Peer {
        peer.expect(PASSWORD);
        peer.send(&format!(":parlor NOTE LOGIN ACCOUNT_CREATED {user} :Welcome"));
        peer.expect("QUIT :");
        let mut peer = self.accept();
        peer.negotiate();
        peer.demand_password(user);
        assert!(peer.scram(), "the right password");
        peer
    }

    /// The next connection, with ann logged in again after a break.
    pub(crate) fn accept_ann_again(&self) -> Peer {
        self.accept().let_ann_come_again()
    }
}

/// The keys of the password, with so many iterations.
pub(crate) fn keys(iterations: u32) -> Keys {
    Keys::derive(PASSWORD, [7; 16], iterations)
}

impl Peer {
    pub(crate) fn send(&mut self, line: &str) {
        self.reader
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("the client reads");
    }

    /// Sends a line, if the client is still there.
    pub(crate) fn try_send(&mut self, line: &str) -> bool {
        self.try_send_raw(format!("{line}\r\n").as_bytes())
    }

    pub(crate) fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the client sends a line in time");
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("{line:?} has no end")).to_owned()
    }

    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    /// A line that sends a message, as a person would type it (`BM :text`, `PM bob :text`): its resend id.
    pub(crate) fn expect_message(&mut self, typed: &str) -> String {
        let line = self.line();
        let (tags, command) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?} has no tag"));
        let (to, text) = typed.split_once(" :").expect("a text");
        let to = to.strip_prefix("PM ").unwrap_or("#lobby");
        assert_eq!(command, format!("PRIVMSG {to} :{text}"));
        let (label, id) = tags.split_once(";+parlor/resend=").unwrap_or_else(|| panic!("{line:?}"));
        let label = label.strip_prefix("@label=").unwrap_or_else(|| panic!("{line:?}"));
        self.unsettled.push_back((label.to_owned(), to.to_owned(), text.to_owned()));
        id.to_owned()
    }

    /// Ann's oldest message is on the disk.
    pub(crate) fn confirm(&mut self, msgid: &str) {
        let (label, to, text) = self.unsettled.pop_front().expect("a message was sent");
        self.send(&format!("@label={label};msgid={msgid} :ann!ann@parlor PRIVMSG {to} :{text}"));
    }

    /// The same for somebody who is offline.
    pub(crate) fn keep(&mut self, msgid: &str) {
        let (label, to, text) = self.unsettled.pop_front().expect("a message was sent");
        self.send(&format!("@label={label} :parlor BATCH +k labeled-response"));
        let offline = "is offline and will get it at the next login";
        self.send(&format!("@batch=k :parlor 301 ann {to} :{offline}"));
        self.send(&format!("@batch=k;msgid={msgid} :ann!ann@parlor PRIVMSG {to} :{text}"));
        self.send(":parlor BATCH -k");
    }

    /// Ann's oldest message is refused with this.
    pub(crate) fn refuse(&mut self, answer: &str) {
        let (label, ..) = self.unsettled.pop_front().expect("a message was sent");
        self.send(&format!("@label={label} :parlor {answer}"));
    }

    /// A request with a label, to be answered by [`Peer::answer`].
    pub(crate) fn expect_request(&mut self, rest: &str) {
        assert_eq!(self.request(), rest);
    }

    /// A request with a label.
    pub(crate) fn request(&mut self) -> String {
        let line = self.line();
        let labelled = line.strip_prefix("@label=").and_then(|line| line.split_once(' '));
        let (label, rest) = labelled.unwrap_or_else(|| panic!("{line:?} has no label"));
        label.clone_into(&mut self.label);
        rest.to_owned()
    }

    /// The answer to the request that came last, in one line.
    pub(crate) fn answer(&mut self, answer: &str) {
        let label = self.label.clone();
        self.send(&format!("@label={label} :parlor {answer}"));
    }

    /// The same as this person's own line with a msgid.
    pub(crate) fn answer_as(&mut self, user: &str, msgid: &str, line: &str) {
        let label = self.label.clone();
        self.send(&format!("@label={label};msgid={msgid} :{user}!{user}@parlor {line}"));
    }

    /// The same as a batch of these lines, each with its tags.
    pub(crate) fn answer_batch(&mut self, kind: &str, lines: &[String]) {
        self.answer(&format!("BATCH +h {kind}"));
        for line in lines {
            self.send(&format!("@batch=h;{line}"));
        }
        self.send(":parlor BATCH -h");
    }

    /// A page of history is asked for, and is this.
    pub(crate) fn page_of(&mut self, target: &str, messages: &[String]) {
        self.answer_batch(&format!("chathistory {target}"), messages);
    }

    /// The newest page of somebody is asked for, and nothing else: the client waits meanwhile.
    pub(crate) fn expect_history(&mut self, target: &str) {
        self.expect_request(&format!("CHATHISTORY LATEST {target} * 50"));
    }

    /// A message that was sent again is confirmed: its place among others is asked for.
    pub(crate) fn confirm_again(&mut self, target: &str, msgid: &str) {
        self.confirm(msgid);
        self.expect_request(&format!("CHATHISTORY AROUND {target} msgid={msgid} 50"));
        self.page_of(target, &[]);
    }

    pub(crate) fn negotiate(&mut self) {
        self.negotiate_with(OFFERED);
    }

    /// As a server of another kind, without Parlor's own capability.
    pub(crate) fn negotiate_as_another(&mut self) {
        self.negotiate_with(&OFFERED.replace("parlor/unread ", ""));
    }

    fn negotiate_with(&mut self, offered: &str) {
        self.expect("CAP LS 302");
        let offer = offered.replace("sasl", "sasl=SCRAM-SHA-256,PLAIN");
        self.send(&format!(":parlor CAP * LS :{offer}"));
        let asked = self.line();
        let asked = asked.strip_prefix("CAP REQ :").unwrap_or_else(|| panic!("{asked:?}"));
        let all = |list: &str| list.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(all(asked), all(offered));
        self.send(&format!(":parlor CAP * ACK :{asked}"));
    }

    /// From the name of an existing user to the question for the password.
    pub(crate) fn demand_password(&mut self, user: &str) {
        self.expect(&format!("LOGIN {user}"));
        self.send(&format!(":parlor NOTE LOGIN PASSWORD_REQUIRED {user} :Enter user's password:"));
        self.expect("");
        self.send(":parlor NOTE LOGIN CANCELLED :Cancelled");
    }

    /// Up to the question for the password that registers the name: nobody has it.
    pub(crate) fn does_not_know(&mut self, user: &str) {
        self.negotiate();
        self.expect(&format!("LOGIN {user}"));
        self.send(&format!(":parlor NOTE LOGIN NEW_USER {user} :Enter Password:"));
    }

    /// The SCRAM exchange; whether the password was right.
    pub(crate) fn scram(&mut self) -> bool {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        self.scram_with(KEYS.get_or_init(|| keys(ITERATIONS_MIN)))
    }

    /// The same with a server that keeps these keys.
    pub(crate) fn scram_with(&mut self, keys: &Keys) -> bool {
        self.expect("AUTHENTICATE SCRAM-SHA-256");
        self.send("AUTHENTICATE +");
        let mut server = ScramServer::start(&self.sasl()).expect("a first message");
        self.send_sasl(&server.challenge(keys, "server-nonce"));
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

    /// Begins a SCRAM exchange in which the client does not go on.
    pub(crate) fn challenge_in_vain(mut self, keys: &Keys) {
        self.expect("AUTHENTICATE SCRAM-SHA-256");
        self.send("AUTHENTICATE +");
        let mut server = ScramServer::start(&self.sasl()).expect("a first message");
        self.send_sasl(&server.challenge(keys, "server-nonce"));
        self.expect_end();
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
        self.welcome_with(user, &format!("422 {user} :No message of the day"));
    }

    /// The same with these numerics among it.
    pub(crate) fn welcome_with(&mut self, user: &str, numerics: &str) {
        self.send(&format!(":parlor 900 * {user}!{user}@parlor {user} :You are logged in"));
        self.send(":parlor 903 * :Success");
        self.expect(&format!("NICK {user}"));
        self.expect(&format!("USER {user} 0 * :{user}"));
        self.expect("CAP END");
        self.send(&format!(":parlor 001 {user} :Welcome"));
        self.send(&format!(":parlor 005 {user} CHANTYPES=# parlor/LOBBY=#lobby :are supported"));
        self.send(&format!("@time=2001-02-03T14:02:01.000Z :{user}!{user}@parlor JOIN #lobby"));
        self.send(&format!(":parlor 353 {user} = #lobby :{user} bob"));
        self.send(&format!(":parlor 366 {user} #lobby :End of NAMES"));
        for numeric in numerics.lines() {
            self.send(&format!(":parlor {numeric}"));
        }
        self.expect("PING welcomed");
        self.send(":parlor PONG parlor :welcomed");
    }

    /// From the first word to the first operation of ann's.
    pub(crate) fn let_ann_come(&mut self) {
        self.negotiate();
        self.demand_password("ann");
        self.let_ann_in();
    }

    /// The same after a break.
    pub(crate) fn let_ann_come_again(mut self) -> Peer {
        self.negotiate();
        self.demand_password("ann");
        assert!(self.scram(), "the right password");
        self.welcome("ann");
        self
    }

    /// From the right password to the first operation.
    pub(crate) fn let_ann_in(&mut self) {
        assert!(self.scram(), "the right password");
        self.welcome("ann");
    }

    /// A person is told of pinned messages; there are none.
    pub(crate) fn no_pins(&mut self) {
        self.expect("PIN #lobby");
        self.send(":parlor NOTE PIN END #lobby 0 :These messages are pinned");
    }

    /// Answers a goodbye if there is one, and waits for the end.
    pub(crate) fn drain(mut self) {
        let mut line = String::new();
        while let Ok(1..) = self.reader.read_line(&mut line) {
            if line == "QUIT :\r\n" {
                return self.send("ERROR :Left");
            }
            line.clear();
        }
    }

    /// Takes the goodbye.
    pub(crate) fn goodbye(mut self) {
        self.expect("QUIT :");
        self.send("ERROR :Left");
    }

    /// The client closes the connection without having said anything more.
    pub(crate) fn expect_end(mut self) {
        let mut said = Vec::new();
        if let Err(error) = self.reader.read_to_end(&mut said) {
            // What we sent last may not have been read.
            let closed = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
            assert!(closed, "{error}");
        }
        assert_eq!(String::from_utf8_lossy(&said), "");
    }

    /// The connection breaks.
    pub(crate) fn break_off(self) {
        self.reader.get_ref().socket().shutdown(Shutdown::Both).expect("it is open");
    }

    /// The connection ends in good order.
    pub(crate) fn close(mut self) {
        if let Wire::Tls(stream) = self.reader.get_mut() {
            stream.conn.send_close_notify();
            stream.flush().expect("the client reads");
        }
        self.break_off();
    }
}
