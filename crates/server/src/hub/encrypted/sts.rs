//! `sts`: the port for TLS, and how long clients must use it.

use super::{LOOPBACK, PROXY, REMOTE, World};
use crate::config::Config;

/// A verifiable certificate, as far as the hub is concerned.
const REAL: &str = "tls = { certificate = \"c.pem\", key = \"k.pem\" }";

#[test]
fn sts_gives_the_tls_port_or_the_duration() {
    let mut own = World::new("");
    let mut real = World::new(REAL);
    // A certificate from the config that no CA has issued.
    let mut unknown = World::new(REAL);
    real.reload(|config| config.tls.vouched = true);
    for (slot, from, encrypted) in
        [(1, REMOTE, false), (2, REMOTE, true), (3, LOOPBACK, false), (4, LOOPBACK, true)]
    {
        for world in [&mut own, &mut unknown, &mut real] {
            world.open(slot, from);
            if encrypted {
                world.encrypt(slot, None);
            }
        }
        assert_eq!((own.offer(slot, "sts"), unknown.offer(slot, "sts")), (None, None));
        let expected = match (encrypted, from) {
            (true, _) => Some("duration=2592000"),
            (false, REMOTE) => Some("port=9999"),
            // The name used on this machine is not in the certificate.
            (false, _) => None,
        };
        assert_eq!(real.offer(slot, "sts").as_deref(), expected);
        real.send(slot, "CAP REQ :sts");
        assert_eq!(real.lines(slot), [":parlor CAP * NAK :sts"]);
    }
    // Without its value the capability would be meaningless.
    real.send(1, "CAP LS");
    let offered = real.lines(1);
    assert!(!offered.is_empty() && offered.iter().all(|line| !line.contains("sts")), "{offered:?}");
    // A proxy has ports of its own.
    real.open(5, PROXY);
    real.forward(5, REMOTE, false);
    assert_eq!(real.offer(5, "sts"), None);
    real.open(6, PROXY);
    real.forward(6, REMOTE, true);
    assert_eq!(real.offer(6, "sts").as_deref(), Some("duration=2592000"));
}

#[test]
fn an_sts_policy_ends_by_its_duration_and_never_by_cap_del() {
    let mut world = World::new(REAL);
    world.reload(|config| config.tls.vouched = true);
    for (slot, encrypted) in [(1, false), (2, true), (3, true)] {
        world.open(slot, REMOTE);
        if encrypted {
            world.encrypt(slot, None);
        }
        world.send(slot, if slot == 3 { "CAP REQ :cap-notify" } else { "CAP LS 302" });
    }
    world.reload(|config| config.server.capabilities_off = vec!["sts".into()]);
    assert_eq!(world.lines(2), [":parlor CAP * NEW :sts=duration=0"]);
    assert_eq!((world.lines(1), world.lines(3)), (vec![], vec![]));
    assert_eq!(world.offer(2, "sts").as_deref(), Some("duration=0"));
    assert_eq!(world.offer(1, "sts"), None);
    world.reload(|config| config.server.capabilities_off = vec![]);
    assert_eq!(world.lines(2), [":parlor CAP * NEW :sts=duration=2592000"]);
    assert_eq!((world.lines(1), world.lines(3)), (vec![], vec![]));
    // The real certificate goes: clients that used it must be able to connect without.
    world.reload(|config| config.tls = Default::default());
    assert_eq!(world.lines(2), [":parlor CAP * NEW :sts=duration=0"]);
    assert_eq!((world.lines(1), world.lines(3)), (vec![], vec![]));
    assert_eq!(world.offer(2, "sts"), None);
    // It comes back; nobody is disconnected for it.
    world.reload(|config| {
        config.tls = toml::from_str::<Config>(REAL).expect("a config").tls;
        config.tls.vouched = true;
    });
    assert_eq!(world.lines(2), [":parlor CAP * NEW :sts=duration=2592000"]);
    assert_eq!((world.lines(1), world.lines(3)), (vec![], vec![]));
    assert_eq!(world.offer(1, "sts").as_deref(), Some("port=9999"));
}
