//! Checks that the NATS servers wait for their disks before they acknowledge. Their client
//! interface does not reveal that, but the monitoring interface does, if enabled.

use super::refusal::Refusal;
use crate::limits::{MONITOR_BYTES, NATS_CONNECT_MILLIS};
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The default monitoring port of NATS servers.
const MONITORING_PORT: u16 = 8222;

/// Checks each of the servers. Returns those that do not reveal it.
pub(super) fn check(servers: &[String]) -> Result<Vec<String>, Refusal> {
    let mut unknown = Vec::new();
    for server in servers {
        let host = host(server);
        match ask(host, MONITORING_PORT).ok().and_then(|answer| is_synced(&answer)) {
            Some(true) => {}
            Some(false) => return Err(Refusal::NotSynced(host.to_owned())),
            None => unknown.push(host.to_owned()),
        }
    }
    Ok(unknown)
}

/// The host in the URL of a server, without brackets.
fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    address.split_once(':').map_or(address, |(host, _)| host)
}

/// The server's description of itself, with the HTTP head.
fn ask(host: &str, port: u16) -> io::Result<String> {
    let wait = Duration::from_millis(NATS_CONNECT_MILLIS);
    let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, wait)?;
    stream.set_read_timeout(Some(wait))?;
    stream.set_write_timeout(Some(wait))?;
    write!(stream, "GET /varz HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MONITOR_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether a server acknowledges only what is on its disk; none if the answer does not say.
fn is_synced(answer: &str) -> Option<bool> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let varz: Value = serde_json::from_str(body).ok()?;
    let config = &varz["jetstream"]["config"];
    config.is_object().then(|| config["sync_always"].as_bool().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_servers_answer_shows_whether_it_syncs() {
        let of = |config: &str| format!("HTTP/1.0 200 OK\r\n\r\n{{\"jetstream\":{config}}}");
        let always = of(r#"{"config":{"sync_interval":120000000000,"sync_always":true}}"#);
        assert_eq!(is_synced(&always), Some(true));
        assert_eq!(is_synced(&of(r#"{"config":{"sync_interval":120000000000}}"#)), Some(false));
        assert_eq!(is_synced(&of("{}")), None, "it has no JetStream");
        assert_eq!(is_synced("SSH-2.0-OpenSSH\r\n"), None);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                request.extend(byte);
            }
            stream.write_all(always.as_bytes()).expect("an answer");
            request
        });
        let answer = ask("127.0.0.1", port).expect("it answers");
        assert_eq!(is_synced(&answer), Some(true));
        assert!(server.join().expect("no panic").starts_with(b"GET /varz HTTP/1.0\r\n"));
    }

    #[test]
    fn the_host_is_extracted_from_a_servers_url() {
        for (server, expected) in [
            ("nats://host:4222", "host"),
            ("tls://user:word@host", "host"),
            ("nats://[::1]:4222", "::1"),
            ("nats://10.0.0.1:4222", "10.0.0.1"),
        ] {
            assert_eq!(host(server), expected);
        }
    }
}
