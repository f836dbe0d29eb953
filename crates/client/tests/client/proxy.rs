//! The way through a SOCKS5 proxy.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::process::{Client, Computer};
use crate::server::Server;

/// A proxy that leads every connection to this port of the machine; its port, and what each client asked it for.
fn proxy(to: u16, login: bool) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, requests) = channel();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            // A client that gives up is nothing to the proxy.
            let _ = lead(client, to, login, |request| asked.send(request).unwrap());
        }
    });
    (port, requests)
}

fn lead(mut client: TcpStream, to: u16, login: bool, asked: impl Fn(Vec<u8>)) -> io::Result<()> {
    let read = |client: &mut TcpStream, count: usize| {
        let mut bytes = vec![0; count];
        client.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = read(&mut client, 2)?[1];
    let methods = read(&mut client, methods.into())?;
    let method = if login { 2 } else { 0 };
    assert!(methods.contains(&method), "{methods:?}");
    client.write_all(&[5, method])?;
    let mut request = Vec::new();
    if login {
        for _ in 0..2 {
            // Before the user's length stands the version.
            let skip = if request.is_empty() { 1 } else { 0 };
            let length = read(&mut client, skip + 1)?[skip];
            request.extend(read(&mut client, length.into())?);
            request.push(b'/');
        }
        client.write_all(&[1, 0])?;
    }
    let length = match read(&mut client, 4)?[3] {
        1 => 4,
        4 => 16,
        _ => read(&mut client, 1)?[0].into(),
    };
    request.extend(read(&mut client, length)?);
    read(&mut client, 2)?;
    asked(request);
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let server =
        TcpStream::connect(("127.0.0.1", to)).or_else(|_| TcpStream::connect(("::1", to)))?;
    let (mut up, mut down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    thread::spawn(move || {
        let _ = io::copy(&mut up.0, &mut up.1);
        let _ = up.1.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut down.0, &mut down.1);
        let _ = down.1.shutdown(Shutdown::Write);
    });
    Ok(())
}

/// ann's client, who asks for this host through the environment and arguments given.
fn ann(host: &str, args: &[&str], environment: &[(&str, &str)]) -> Client {
    let mut command = Computer::new().chatclient();
    command.args([host, "9999", "-u", "ann", "--plaintext"]).args(args);
    command.envs(environment.iter().copied());
    Client::run(command, "secret\nEX\n")
}

#[test]
fn the_proxy_looks_up_the_name_if_it_should() {
    let server = Server::start_plain();
    let (port, requests) = proxy(server.port, false);
    let url = format!("socks5h://127.0.0.1:{port}");
    let client = ann("chat.invalid", &["--proxy", &url], &[]);
    server.accept_ann().goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(requests.recv().unwrap(), b"chat.invalid");
    assert!(outcome.stderr.contains("can read it"), "{outcome:?}");

    let url = format!("socks5://127.0.0.1:{port}");
    let client = ann("127.0.0.2", &["--proxy", &url], &[]);
    server.accept_ann().goodbye();
    assert_eq!(client.finish().code, Some(0));
    assert_eq!(requests.recv().unwrap(), [127, 0, 0, 2]);
    let outcome = ann("chat.invalid", &["--proxy", &url], &[]).finish();
    assert!(outcome.stderr.contains("cannot resolve host \"chat.invalid\""), "{outcome:?}");
}

#[test]
fn the_environment_may_name_the_proxy_with_its_password() {
    let server = Server::start_plain();
    let (port, requests) = proxy(server.port, true);
    let url = format!("socks5h://ann:p%40ss@127.0.0.1:{port}");
    let client = ann("chat.invalid", &[], &[("ALL_PROXY", &url)]);
    server.accept_ann().goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(String::from_utf8(requests.recv().unwrap()).unwrap(), "ann/p@ss/chat.invalid");

    let excepted = [("ALL_PROXY", &*url), ("NO_PROXY", "invalid")];
    let outcome = ann("chat.invalid", &[], &excepted).finish();
    assert!(outcome.stderr.contains("cannot resolve host"), "{outcome:?}");
    let outcome =
        ann("chat.invalid", &[], &[("ALL_PROXY", "http://ann:p%40ss@127.0.0.1")]).finish();
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(outcome.stderr.contains("cannot use ALL_PROXY"), "{outcome:?}");
    assert!(!outcome.stderr.contains("p%40ss"), "{outcome:?}");
}

#[test]
fn a_password_on_the_command_line_is_refused() {
    let outcome = ann("localhost", &["--proxy", "socks5://ann:secret@127.0.0.1"], &[]).finish();
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("ALL_PROXY"), "{outcome:?}");
}

#[test]
fn a_proxy_that_is_none_is_told_apart_from_the_server() {
    let server = Server::start_plain();
    let url = format!("socks5h://127.0.0.1:{}", server.port);
    let client = ann("chat.invalid", &["--proxy", &url], &[]);
    let mut peer = server.accept();
    assert!(peer.try_send("HTTP/1.1 400 Bad Request"));
    let outcome = client.finish();
    let told = format!(
        "chatclient: cannot use the proxy 127.0.0.1:{}: it does not speak SOCKS5\n",
        server.port
    );
    assert_eq!((outcome.code, outcome.stderr), (Some(4), told));
}
