//! `sts`: the port for TLS, and how long clients must use it.

use super::{ELSEWHERE, HERE, PROXY, hub};
use crate::config::Config;

/// A verifiable certificate, as far as the hub is concerned.
const REAL: &str = "tls = { certificate = \"c.pem\", key = \"k.pem\" }";

#[test]
fn sts_gives_the_tls_port_or_the_duration() {
    let mut own = hub("");
    let mut real = hub(REAL);
    // A certificate from the config that no CA has issued.
    let mut unknown = hub(REAL);
    real.reloads(|config| config.tls.vouched = true);
    for (slot, from, encrypted) in
        [(1, ELSEWHERE, false), (2, ELSEWHERE, true), (3, HERE, false), (4, HERE, true)]
    {
        for hub in [&mut own, &mut unknown, &mut real] {
            hub.opens(slot, from);
            if encrypted {
                hub.encrypts(slot, None);
            }
        }
        assert_eq!((own.offer(slot, "sts"), unknown.offer(slot, "sts")), (None, None));
        let expected = match (encrypted, from) {
            (true, _) => Some("duration=2592000"),
            (false, ELSEWHERE) => Some("port=9999"),
            // The name used on this machine is not in the certificate.
            (false, _) => None,
        };
        assert_eq!(real.offer(slot, "sts").as_deref(), expected);
        real.says(slot, "CAP REQ :sts");
        assert_eq!(real.hears(slot), [":parlor CAP * NAK :sts"]);
    }
    // Without its value the capability would be meaningless.
    real.says(1, "CAP LS");
    let offered = real.hears(1);
    assert!(!offered.is_empty() && offered.iter().all(|line| !line.contains("sts")), "{offered:?}");
    // A proxy has ports of its own.
    real.opens(5, PROXY);
    real.forwards(5, ELSEWHERE, false);
    assert_eq!(real.offer(5, "sts"), None);
    real.opens(6, PROXY);
    real.forwards(6, ELSEWHERE, true);
    assert_eq!(real.offer(6, "sts").as_deref(), Some("duration=2592000"));
}

#[test]
fn an_sts_policy_ends_by_its_duration_and_never_by_cap_del() {
    let mut hub = hub(REAL);
    hub.reloads(|config| config.tls.vouched = true);
    for (slot, encrypted) in [(1, false), (2, true), (3, true)] {
        hub.opens(slot, ELSEWHERE);
        if encrypted {
            hub.encrypts(slot, None);
        }
        hub.says(slot, if slot == 3 { "CAP REQ :cap-notify" } else { "CAP LS 302" });
    }
    hub.reloads(|config| config.server.capabilities_off = vec!["sts".into()]);
    assert_eq!(hub.hears(2), [":parlor CAP * NEW :sts=duration=0"]);
    assert_eq!((hub.hears(1), hub.hears(3)), (vec![], vec![]));
    assert_eq!(hub.offer(2, "sts").as_deref(), Some("duration=0"));
    assert_eq!(hub.offer(1, "sts"), None);
    hub.reloads(|config| config.server.capabilities_off = vec![]);
    assert_eq!(hub.hears(2), [":parlor CAP * NEW :sts=duration=2592000"]);
    assert_eq!((hub.hears(1), hub.hears(3)), (vec![], vec![]));
    // The real certificate goes: clients that used it must be able to connect without.
    hub.reloads(|config| config.tls = Default::default());
    assert_eq!(hub.hears(2), [":parlor CAP * NEW :sts=duration=0"]);
    assert_eq!((hub.hears(1), hub.hears(3)), (vec![], vec![]));
    assert_eq!(hub.offer(2, "sts"), None);
    // It comes back; nobody is disconnected for it.
    hub.reloads(|config| {
        config.tls = toml::from_str::<Config>(REAL).expect("a config").tls;
        config.tls.vouched = true;
    });
    assert_eq!(hub.hears(2), [":parlor CAP * NEW :sts=duration=2592000"]);
    assert_eq!((hub.hears(1), hub.hears(3)), (vec![], vec![]));
    assert_eq!(hub.offer(1, "sts").as_deref(), Some("port=9999"));
}
