//! For which address a proxy's connection counts, and how HTTP requests are handled.

use super::{FINGERPRINT, PROXY, REMOTE, World, address, session};
use crate::hub::ClientEvent;
use crate::session::login::Outcome;

#[test]
fn a_proxys_connection_counts_for_its_clients_address() {
    let mut world = World::new(&format!(
        "server.proxies = [\"{PROXY}\"]\nlimits.connections_per_address = 2\nlimits.connects_per_minute = 0"
    ));
    for slot in 1..=5 {
        world.open(slot, PROXY);
    }
    assert_eq!((world.connections_from(PROXY), world.closed.len()), (5, 0));
    for slot in [1, 2] {
        world.forward(slot, REMOTE, false);
        assert_eq!(world.lines(slot), [""; 0]);
    }
    assert_eq!((world.connections_from(PROXY), world.connections_from(REMOTE)), (3, 2));
    world.forward(3, REMOTE, false);
    let refused = "ERROR :Too many connections from your address; close one first";
    assert_eq!(world.lines(3), [refused]);
    assert_eq!(world.closed, [session(3)]);
    assert_eq!((world.connections_from(PROXY), world.connections_from(REMOTE)), (2, 2));
    // Later reports about it are ignored.
    world.client_event(3, ClientEvent::Closed { reason: "gone".into() });
    // Another client counts separately.
    world.forward(4, "203.0.113.9", false);
    assert_eq!((world.connections_from("203.0.113.9"), world.closed.len()), (1, 1));
    assert_eq!(world.hub.node.sessions[&session(4)].address, address("203.0.113.9"));
    for slot in [1, 2, 4, 5] {
        world.client_event(slot, ClientEvent::Closed { reason: "gone".into() });
    }
    assert!(world.hub.node.admission.open_by_address().is_empty());
    assert!(world.hub.node.sessions.is_empty());
}

#[test]
fn a_failed_login_through_a_proxy_counts_for_the_client() {
    let mut world =
        World::new(&format!("server.proxies = [\"{PROXY}\"]\nlimits.failed_logins = 1"));
    world.register(1, "ann");
    for slot in [2, 3, 4] {
        world.open(slot, PROXY);
        world.forward(slot, if slot < 4 { REMOTE } else { "203.0.113.9" }, true);
    }
    for _ in 0..3 {
        world.send(2, "LOGIN ann :wrong");
        world.finish_derivation(2, Outcome::Compared(false));
    }
    world.send(3, "LOGIN ann :secret");
    assert!(world.output(3).contains("TOO_MANY_ATTEMPTS"), "{:?}", world.lines);
    let derived = world.derived;
    world.send(4, "LOGIN ann :secret");
    assert_eq!(world.derived, derived + 1);
}

#[test]
fn a_proxys_own_certificate_is_not_its_clients() {
    // TLS from the proxy, which names the client: an HTTP request.
    for encrypted in [false, true] {
        let mut world = World::new("");
        world.open(1, PROXY);
        world.encrypt(1, Some(FINGERPRINT));
        world.forward(1, REMOTE, encrypted);
        let known = &world.hub.node.sessions[&session(1)];
        assert_eq!((known.encrypted, known.certificate()), (encrypted, None));
    }
    // The client speaks TLS with the proxy, so the TLS that follows is the proxy's own.
    let mut world = World::new("");
    world.open(1, PROXY);
    world.forward(1, REMOTE, true);
    world.encrypt(1, Some(FINGERPRINT));
    assert_eq!(world.hub.node.sessions[&session(1)].certificate(), None);
    // It passes on what the client sends.
    world.open(2, PROXY);
    world.forward(2, REMOTE, false);
    world.encrypt(2, Some(FINGERPRINT));
    let known = &world.hub.node.sessions[&session(2)];
    assert_eq!((known.encrypted, known.certificate()), (true, Some(FINGERPRINT)));
}

#[test]
fn an_http_request_leaves_no_session_behind() {
    let mut world = World::new("limits.connections_per_address = 1");
    for slot in 1..=3 {
        world.open(slot, REMOTE);
        world.encrypt(slot, None);
        assert_eq!(world.connections_from(REMOTE), 1);
        world.client_event(slot, ClientEvent::Served);
        assert!(
            world.hub.node.sessions.is_empty() && world.lines.is_empty() && world.closed.is_empty()
        );
        // Its shard closes the connection later.
        world.client_event(slot, ClientEvent::Closed { reason: "served".into() });
        assert!(world.hub.node.admission.open_by_address().is_empty());
    }
}
