//! The handshake and the records, against rustls' own server side.

use std::net::TcpListener;
use std::thread;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection};

use super::*;
use crate::known_hosts::KnownHosts;

const TIMEOUT: Duration = Duration::from_secs(30);

fn server_config() -> ServerConfig {
    server_config_for("localhost").0
}

/// For a server with this name, and its certificate.
fn server_config_for(name: &str) -> (ServerConfig, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    // They would come after the handshake, between the records that a test looks at.
    config.send_tls13_tickets = 0;
    (config, made.cert.der().clone())
}

/// A client's TLS that remembers in a folder of its own.
fn tls(folder: &tempfile::TempDir) -> Tls {
    let known_hosts = Ok(KnownHosts::at(folder.path().join("parlor/known_hosts")));
    Tls::new("localhost", Trust::new("localhost", 9999, None, known_hosts), None)
}

/// Both ends of a connection on this machine.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    }
    (client, server)
}

/// A client's encryption, and the server's end of the same connection.
fn agreed(
    config: ServerConfig,
    early: &'static [u8],
) -> (Encryption, ServerConnection, TcpStream, TcpStream) {
    let (client, mut socket) = sockets();
    let server = thread::spawn(move || {
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        server.writer().write_all(early).unwrap();
        while server.is_handshaking() {
            server.complete_io(&mut socket).unwrap();
        }
        (server, socket)
    });
    let folder = tempfile::tempdir().unwrap();
    let (encryption, _) = tls(&folder).handshake(&client).unwrap();
    let (server, socket) = server.join().unwrap();
    (encryption, server, client, socket)
}

/// Everything that the server has to send, without a network.
fn records(server: &mut ServerConnection) -> Vec<u8> {
    let mut records = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut records).unwrap();
    }
    records
}

#[test]
fn bytes_go_both_ways_however_the_records_are_cut() {
    let (encryption, mut server, ..) = agreed(server_config(), b"");
    server.set_buffer_limit(None);
    let text: Vec<u8> = (0..50_000_u32).map(|number| number as u8).collect();
    server.writer().write_all(&text).unwrap();
    let sent = records(&mut server);
    for size in [1, 7, 1000, 16_384, sent.len()] {
        let (encryption, mut server, ..) = agreed(server_config(), b"");
        server.set_buffer_limit(None);
        server.writer().write_all(&text).unwrap();
        let mut plain = Vec::new();
        for piece in records(&mut server).chunks(size) {
            assert!(!encryption.decrypt(piece, &mut plain).unwrap());
        }
        assert!(plain.ends_with(&text), "in pieces of {size}");
    }
    let records = encryption.encrypt(&text).unwrap();
    let (mut received, mut plain) = (&records[..], Vec::new());
    while !received.is_empty() {
        server.read_tls(&mut received).unwrap();
        let state = server.process_new_packets().unwrap();
        let count = state.plaintext_bytes_to_read() as u64;
        server.reader().take(count).read_to_end(&mut plain).unwrap();
    }
    assert_eq!(plain, text);
}

#[test]
fn data_that_arrives_with_the_end_of_the_handshake_is_not_lost() {
    let mut config = server_config();
    config.send_half_rtt_data = true;
    let (encryption, mut server, mut client, mut socket) = agreed(config, b"early\r\n");
    socket.write_all(&records(&mut server)).unwrap();
    let mut plain = Vec::new();
    while !plain.ends_with(b"early\r\n") {
        encryption.decrypt(&[], &mut plain).unwrap();
        if plain.is_empty() {
            let mut chunk = [0; 1000];
            let count = client.read(&mut chunk).unwrap();
            assert!(count > 0, "it came with the handshake or comes after it");
            encryption.decrypt(&chunk[..count], &mut plain).unwrap();
        }
    }
}

#[test]
fn after_the_servers_close_notify_nothing_counts() {
    let (encryption, mut server, ..) = agreed(server_config(), b"");
    server.writer().write_all(b"last").unwrap();
    server.send_close_notify();
    let mut records = records(&mut server);
    records.extend_from_slice(b"what somebody in between appends");
    let mut plain = Vec::new();
    assert!(encryption.decrypt(&records, &mut plain).unwrap());
    assert!(encryption.decrypt(b"and more", &mut plain).unwrap());
    assert_eq!(plain, b"last");
}

#[test]
fn records_that_were_changed_on_the_way_are_an_error() {
    let (encryption, mut server, ..) = agreed(server_config(), b"");
    server.writer().write_all(b"hello").unwrap();
    let mut records = records(&mut server);
    *records.last_mut().unwrap() ^= 1;
    let mut plain = Vec::new();
    assert!(encryption.decrypt(&records, &mut plain).is_err());
    assert!(plain.is_empty());
}

#[test]
fn the_clients_close_notify_is_understood() {
    let (encryption, mut server, ..) = agreed(server_config(), b"");
    let records = encryption.goodbye();
    server.read_tls(&mut &records[..]).unwrap();
    assert!(server.process_new_packets().unwrap().peer_has_closed());
}

#[test]
fn fresh_keys_in_the_middle_change_nothing() {
    let (encryption, mut server, ..) = agreed(server_config(), b"");
    server.writer().write_all(b"one ").unwrap();
    server.refresh_traffic_keys().unwrap();
    server.writer().write_all(b"two").unwrap();
    let mut plain = Vec::new();
    encryption.decrypt(&records(&mut server), &mut plain).unwrap();
    assert_eq!(plain, b"one two");
    // The answer to the server's new keys goes with the next line.
    let records = encryption.encrypt(b"three").unwrap();
    server.read_tls(&mut &records[..]).unwrap();
    let state = server.process_new_packets().unwrap();
    assert_eq!(state.plaintext_bytes_to_read(), 5);
}

/// The notices about a server at 127.0.0.1 with a certificate for that address, whose issuer is trusted.
fn notices_with_authority(name: Option<ServerName<'static>>) -> Vec<String> {
    let (config, certificate) = server_config_for("127.0.0.1");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tls = tls(&folder);
    let authorities =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&tls.provider));
    let tls = Tls { name, authorities: authorities.build().ok(), ..tls };
    let (client, mut socket) = sockets();
    let server = thread::spawn(move || {
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        server.complete_io(&mut socket).unwrap();
    });
    let (_, notices) = tls.handshake(&client).unwrap();
    server.join().unwrap();
    notices
}

/// Otherwise whoever answers for a name of that kind could show an honest certificate for the address that he has.
#[test]
fn names_that_cannot_be_in_a_certificate_are_not_verified() {
    let address = ServerName::try_from("127.0.0.1").ok();
    assert_eq!(notices_with_authority(address), [""; 0]);
    let notices = notices_with_authority(None);
    assert!(notices[0].contains("cannot be verified"), "{notices:?}");
}

/// Why a server without TLS is no good, which does this with its socket.
fn without_tls(act: impl FnOnce(TcpStream) + Send + 'static) -> HandshakeError {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls { timeout: Duration::from_millis(300), ..tls(&folder) };
    let (client, server) = sockets();
    let server = thread::spawn(move || act(server));
    let error = tls.handshake(&client).unwrap_err();
    drop(client);
    server.join().unwrap();
    assert!(!folder.path().join("parlor").exists(), "nothing was seen");
    error
}

#[test]
fn a_server_that_refuses_further_connections_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (client, mut server) = sockets();
    server.write_all(&[21, 3, 3, 0, 2, 2, 49]).unwrap();
    let error = tls(&folder).handshake(&client).unwrap_err();
    let sentence =
        "the server is not accepting more connections from here right now; try again later";
    assert_eq!(error.to_string(), sentence);
    assert!(matches!(error, HandshakeError::Full));
    let failure = crate::failure::Failure::Connect(crate::route::ConnectError::Full);
    assert!(failure.may_pass());
    assert!(failure.to_string().contains(sentence));
}

#[test]
fn a_server_that_stalls_in_the_handshake_is_given_up() {
    let silent = without_tls(|mut socket| drop(socket.read_to_end(&mut Vec::new())));
    assert!(matches!(silent, HandshakeError::Silent), "{silent:?}");
}

#[test]
fn a_server_that_trickles_bytes_is_given_up_at_the_same_time() {
    let slow = without_tls(|mut socket| {
        // The beginning of a long handshake record, one byte at a time, until the client has gone.
        let mut byte = 0_usize;
        while socket.write_all(&[[0x16, 3, 3, 0x3f, 0xff].get(byte).copied().unwrap_or(0)]).is_ok()
        {
            byte += 1;
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(matches!(slow, HandshakeError::Silent), "{slow:?}");
}

#[test]
fn wrong_protocols_are_distinguished_from_silence() {
    let other = without_tls(|mut socket| {
        socket.write_all(b"hi").unwrap();
        drop(socket.read_to_end(&mut Vec::new()));
    });
    assert!(matches!(&other, HandshakeError::NoTls(said) if said == "it said \"hi\""), "{other:?}");
    let closed = without_tls(|mut socket| {
        // All of the client's first words, so that nothing is left that would make it a reset.
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        drop(socket.read_to_end(&mut Vec::new()));
    });
    assert!(matches!(closed, HandshakeError::Closed("closed the connection")), "{closed:?}");
}
