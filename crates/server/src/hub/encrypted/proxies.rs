//! For which address a proxy's connection counts, and how HTTP requests are handled.

use super::{ELSEWHERE, PROXY, SHOWN, address, hub, session};
use crate::hub::ClientEvent;
use crate::session::login::Outcome;

#[test]
fn a_proxys_connection_counts_for_its_clients_address() {
    let mut hub = hub(&format!(
        "server.proxies = [\"{PROXY}\"]\nlimits.connections_per_address = 2\nlimits.connects_per_minute = 0"
    ));
    for slot in 1..=5 {
        hub.opens(slot, PROXY);
    }
    assert_eq!((hub.open(PROXY), hub.closed.len()), (5, 0));
    for slot in [1, 2] {
        hub.forwards(slot, ELSEWHERE, false);
        assert_eq!(hub.hears(slot), [""; 0]);
    }
    assert_eq!((hub.open(PROXY), hub.open(ELSEWHERE)), (3, 2));
    hub.forwards(3, ELSEWHERE, false);
    let refused = "ERROR :Too many connections from your address; close one first";
    assert_eq!(hub.hears(3), [refused]);
    assert_eq!(hub.closed, [session(3)]);
    assert_eq!((hub.open(PROXY), hub.open(ELSEWHERE)), (2, 2));
    // Later reports about it are ignored.
    hub.does(3, ClientEvent::Closed { reason: "gone".into() });
    // Another client counts separately.
    hub.forwards(4, "203.0.113.9", false);
    assert_eq!((hub.open("203.0.113.9"), hub.closed.len()), (1, 1));
    assert_eq!(hub.hub.node.sessions[&session(4)].address, address("203.0.113.9"));
    for slot in [1, 2, 4, 5] {
        hub.does(slot, ClientEvent::Closed { reason: "gone".into() });
    }
    assert!(hub.hub.node.admission.open_by_address().is_empty());
    assert!(hub.hub.node.sessions.is_empty());
}

#[test]
fn a_failed_login_through_a_proxy_counts_for_the_client() {
    let mut hub = hub(&format!("server.proxies = [\"{PROXY}\"]\nlimits.failed_logins = 1"));
    hub.registers(1, "ann");
    for slot in [2, 3, 4] {
        hub.opens(slot, PROXY);
        hub.forwards(slot, if slot < 4 { ELSEWHERE } else { "203.0.113.9" }, true);
    }
    for _ in 0..3 {
        hub.says(2, "LOGIN ann :wrong");
        hub.is_derived(2, Outcome::Compared(false));
    }
    hub.says(3, "LOGIN ann :secret");
    assert!(hub.hears_all(3).contains("TOO_MANY_ATTEMPTS"), "{:?}", hub.told);
    let derived = hub.derived;
    hub.says(4, "LOGIN ann :secret");
    assert_eq!(hub.derived, derived + 1);
}

#[test]
fn a_proxys_own_certificate_is_not_its_clients() {
    // TLS from the proxy, which names the client: an HTTP request.
    for encrypted in [false, true] {
        let mut hub = hub("");
        hub.opens(1, PROXY);
        hub.encrypts(1, Some(SHOWN));
        hub.forwards(1, ELSEWHERE, encrypted);
        let known = &hub.hub.node.sessions[&session(1)];
        assert_eq!((known.encrypted, known.certificate()), (encrypted, None));
    }
    // The client speaks TLS with the proxy, so the TLS that follows is the proxy's own.
    let mut hub = hub("");
    hub.opens(1, PROXY);
    hub.forwards(1, ELSEWHERE, true);
    hub.encrypts(1, Some(SHOWN));
    assert_eq!(hub.hub.node.sessions[&session(1)].certificate(), None);
    // It passes on what the client sends.
    hub.opens(2, PROXY);
    hub.forwards(2, ELSEWHERE, false);
    hub.encrypts(2, Some(SHOWN));
    let known = &hub.hub.node.sessions[&session(2)];
    assert_eq!((known.encrypted, known.certificate()), (true, Some(SHOWN)));
}

#[test]
fn an_http_request_leaves_no_session_behind() {
    let mut hub = hub("limits.connections_per_address = 1");
    for slot in 1..=3 {
        hub.opens(slot, ELSEWHERE);
        hub.encrypts(slot, None);
        assert_eq!(hub.open(ELSEWHERE), 1);
        hub.does(slot, ClientEvent::Served);
        assert!(hub.hub.node.sessions.is_empty() && hub.told.is_empty() && hub.closed.is_empty());
        // Its shard closes the connection later.
        hub.does(slot, ClientEvent::Closed { reason: "served".into() });
        assert!(hub.hub.node.admission.open_by_address().is_empty());
    }
}
