//! What it takes TLS to do: logging in by a certificate, and being told to come encrypted only.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::{Stream, version};

use crate::support::{Client, PATIENCE, Server, Start, tls};
use crate::tls::{certificate, self_signed};

/// Somebody on another machine, behind a proxy on this one.
fn from_elsewhere(name: &str, server: &Server) -> Client {
    let mut client = server.connect(name);
    client.send("PROXY TCP4 192.0.2.7 192.0.2.1 50000 6667");
    client
}

/// The words of the list of capabilities.
fn offers(client: &mut Client) -> Vec<String> {
    client.send("CAP LS 302");
    let mut words = Vec::new();
    for line in client.until_answered() {
        let (_, list) = line.split_once(" :").expect("a list");
        words.extend(list.split(' ').map(str::to_owned));
    }
    words
}

#[test]
fn a_certificate_that_was_added_logs_in_also_after_a_restart() {
    let mut server = Server::start("");
    for (name, versions) in [("ann", [&version::TLS12]), ("bob", [&version::TLS13])] {
        let (shows, fingerprint) = tls::with_certificate(&versions);
        let mut first = Client::connect_tls(name, server.address(), shows.clone());
        first.log_in(name);
        first.send("CERT ADD");
        first.expect(&format!(":parlor NOTE CERT ADDED {fingerprint} :*"));
        first.send(&format!("WHOIS {name}"));
        first.until(&format!(":parlor 671 {name} {name} :is using a secure connection"));
        first.until(&format!(
            ":parlor 276 {name} {name} :has client certificate fingerprint {fingerprint}"
        ));
        server.restart();

        let mut again = Client::connect_tls("again", server.address(), shows.clone());
        let offers = offers(&mut again);
        assert!(offers.iter().any(|word| word == "sasl=EXTERNAL,SCRAM-SHA-256,PLAIN"));
        again.request("sasl");
        again.send("AUTHENTICATE EXTERNAL");
        again.expect("AUTHENTICATE +");
        again.send("AUTHENTICATE +");
        again.expect(&format!(":parlor 900 * {name}!{name}@parlor {name} :*"));
        again.expect(":parlor 903 * :SASL authentication successful");
        again.send("NICK other");
        again.send("USER other 0 * :Other");
        again.send("CAP END");
        again.expect(&format!(":parlor 001 {name} :*"));

        // Another certificate is nobody's.
        let (shows, _) = tls::with_certificate(&versions);
        let mut eve = Client::connect_tls("eve", server.address(), shows);
        eve.request("sasl");
        eve.send("AUTHENTICATE EXTERNAL");
        eve.expect("AUTHENTICATE +");
        eve.send("AUTHENTICATE +");
        eve.expect(":parlor 904 * :SASL authentication failed: this certificate belongs to no *");
    }
    // And one that shows none is told so.
    let mut none = Client::connect_tls("none", server.address(), tls::any());
    none.request("sasl");
    none.send("AUTHENTICATE EXTERNAL");
    none.expect(":parlor 908 * EXTERNAL,SCRAM-SHA-256,PLAIN :*");
    none.expect(":parlor 904 * :SASL authentication failed: your client presented no certificate");
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let server = Server::start_as(Start::InMemory, "");
    for version in [&version::TLS12, &version::TLS13] {
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let mut tls = tls::begin(tls::with_stolen_certificate(&[version]));
        let mut thief = Stream::new(&mut tls, &mut stream);
        let heard = thief.write_all(b"PING :it is me\r\n").and_then(|()| thief.read(&mut [0; 64]));
        let error = format!("{:?}", heard.expect_err("no handshake that is good"));
        assert!(error.contains("DecryptError"), "{error}");
    }
    server.wait_for_logs(2, |line| line.contains("TLS failed"));
}

/// Logs in by what the client has shown; the numeric that tells how it went.
fn external(mut client: Client) -> String {
    client.request("sasl");
    client.send("AUTHENTICATE EXTERNAL");
    client.expect("AUTHENTICATE +");
    client.send("AUTHENTICATE +");
    let answer = client.until(":parlor 90* *");
    answer.split(' ').nth(1).expect("a numeric").to_owned()
}

#[test]
fn a_certificate_that_was_removed_logs_in_no_more_by_websocket_either() {
    let mut server = Server::start("");
    let (shows, fingerprint) = tls::with_certificate(&[&version::TLS13]);
    let by_tls = |server: &Server| Client::connect_tls("a", server.address(), shows.clone());
    let by_websocket = |server: &Server| by_tls(server).upgraded("");
    assert_eq!(external(by_tls(&server)), "904", "it is nobody's yet");
    let mut ann = by_websocket(&server);
    ann.log_in("ann");
    ann.send("CERT ADD");
    ann.expect(&format!(":parlor NOTE CERT ADDED {fingerprint} :*"));
    assert_eq!(external(by_tls(&server)), "900");
    assert_eq!(external(by_websocket(&server)), "900");
    ann.send(&format!("CERT DEL {fingerprint}"));
    ann.until(&format!(":parlor NOTE CERT DELETED {fingerprint} :*"));
    assert_eq!(external(by_tls(&server)), "904");
    server.restart();
    assert_eq!(external(by_websocket(&server)), "904");
}

#[test]
fn remote_passwords_need_tls() {
    let server = Server::start("server.proxies = [\"127.0.0.1\"]");
    let mut ann = from_elsewhere("ann", &server).into_tls(tls::any());
    ann.log_in("ann");
    server.wait_for_log(|line| line.contains("ann") && line.contains("192.0.2.7"));
    let mut bob = from_elsewhere("bob", &server);
    bob.send("LOGIN ann :secret");
    bob.expect(":parlor FAIL LOGIN ENCRYPTION_REQUIRED :*");
    bob.expect_quiet();
    ann.expect_quiet();
}

#[test]
fn sts_durations_are_sent_over_tls_and_not_to_local_clients() {
    let folder = tempfile::tempdir().expect("a folder");
    let real = certificate(folder.path(), "real");
    let server = Server::start(&real);
    let mut plain = server.connect("plain");
    let offered = offers(&mut plain);
    assert!(!offered.iter().any(|word| word.starts_with("sts")), "it is on this machine");
    let mut ann = Client::connect_tls("ann", server.address(), tls::any());
    assert!(offers(&mut ann).iter().any(|word| word == "sts=duration=2592000"));
    ann.send("CAP REQ :sts");
    ann.expect(":parlor CAP * NAK :sts");

    server.write_config(&format!("{real}server.capabilities_off = [\"sts\"]"));
    server.hang_up();
    ann.expect(":parlor CAP * NEW :sts=duration=0");
    server.write_config(&real);
    server.hang_up();
    ann.expect(":parlor CAP * NEW :sts=duration=2592000");
    server.write_config("");
    server.hang_up();
    server.wait_for_logs(3, |line| line.contains("The config has been reloaded"));
    plain.expect_quiet();
    ann.expect(":parlor CAP * NEW :sts=duration=0");
    ann.expect_quiet();
}

#[test]
fn a_self_signed_certificate_offers_no_sts_and_shows_its_fingerprint() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&self_signed(folder.path()));
    let mut ann = Client::connect_tls("ann", server.address(), tls::any());
    assert!(!offers(&mut ann).iter().any(|word| word.starts_with("sts")));
    let shown = tls::fingerprint(ann.tls());
    let warned = |line: &str| line.contains("STS is not advertised") && line.contains(&shown);
    server.wait_for_log(warned);
    // An authority vouches for the next one, and none again for the one after.
    certificate(folder.path(), "real");
    server.hang_up();
    ann.expect(":parlor CAP * NEW :sts=duration=2592000");
    self_signed(folder.path());
    server.hang_up();
    ann.expect(":parlor CAP * NEW :sts=duration=0");
}

#[test]
fn presenting_a_certificate_claims_it_from_an_account_that_only_named_it() {
    let server = Server::start("");
    let (shows, fingerprint) = tls::with_certificate(&[&version::TLS13]);
    let mut devices = [server.connect("bob"), server.connect("phone")];
    devices.iter_mut().for_each(|device| device.log_in("bob"));
    let [bob, phone] = &mut devices;
    bob.send(&format!("CERT ADD {fingerprint}"));
    bob.until(&format!(":parlor NOTE CERT ADDED {fingerprint} :*"));
    let mut ann = Client::connect_tls("ann", server.address(), shows.clone());
    ann.log_in("ann");
    ann.send("CERT ADD");
    ann.until(&format!(":parlor NOTE CERT ADDED {fingerprint} :*"));
    let told = format!(
        ":parlor NOTICE bob :Your certificate {fingerprint} now logs in as ann, whose client presented it"
    );
    bob.until(&told);
    phone.until(&told);
    assert_eq!(external(Client::connect_tls("a", server.address(), shows)), "900");
}
