//! Client certificates: `CERT`, and SASL `EXTERNAL`.

use super::*;

/// A world in which ann has a certificate, and one session has presented it.
fn with_certificate() -> World {
    let mut world = World::new("operator = [{ name = \"boss\", password = \"up\" }]");
    world.register(1, "ann");
    world.present_certificate(1);
    world.send(1, &format!("CERT ADD {FINGERPRINT}"));
    assert_eq!(world.writes, [write(Some(1), true)]);
    world.hub.node.sessions.get_mut(&session(1)).expect("she is there").extras_mut().certificate =
        None;
    world.open(2, REMOTE);
    world.encrypt(2, Some(FINGERPRINT));
    world
}

#[test]
fn a_certificate_logs_in_to_its_account() {
    for authzid in ["+", "YW5u", "QU5O"] {
        let mut world = with_certificate();
        let mechanisms = world.offer(2, "sasl");
        assert_eq!(mechanisms.as_deref(), Some("EXTERNAL,SCRAM-SHA-256,PLAIN"));
        world.send(2, "CAP REQ :sasl");
        world.send(2, "AUTHENTICATE EXTERNAL");
        assert_eq!(world.lines(2), ["AUTHENTICATE +"]);
        world.send(2, &format!("AUTHENTICATE {authzid}"));
        let [who, success] = world.lines(2)[..] else { panic!("{authzid}: {:?}", world.lines) };
        assert_eq!(who, ":parlor 900 * ann!ann@parlor ann :You are now logged in as ann");
        assert_eq!(success, ":parlor 903 * :SASL authentication successful");
        for line in ["NICK whoever", "USER u 0 * :Ann", "CAP END"] {
            world.send(2, line);
        }
        let ann = world.hub.state.online("ann").expect("ann is here");
        assert_eq!(ann.sessions, [session(1), session(2)]);
        world.send(2, "AUTHENTICATE EXTERNAL");
        assert!(world.output(2).starts_with(":parlor 907 ann "), "{:?}", world.lines);
    }
}

#[test]
fn a_certificate_logs_in_only_to_its_account_and_failures_are_delayed() {
    let mut world = with_certificate();
    world.hub.node.config = Arc::new(toml::from_str("limits.failed_logins = 1").expect("a config"));
    world.open(3, REMOTE);
    world.encrypt(3, Some(Fingerprint([0xcd; 32])));
    let derived = world.derived;
    // Somebody else's name with ann's certificate, and an unknown certificate.
    for (slot, authzid) in [(2, "Ym9i"), (3, "+"), (3, "YW5u")] {
        world.send(slot, "CAP REQ :sasl");
        world.send(slot, "AUTHENTICATE EXTERNAL");
        world.send(slot, &format!("AUTHENTICATE {authzid}"));
        if world.delay > 0 {
            assert_eq!(
                world.lines(slot),
                [""; 0],
                "the answer is delayed like that to a wrong password"
            );
            world.finish_derivation(slot, Outcome::Waited);
        }
        let [failed] = world.lines(slot)[..] else { panic!("{:?}", world.lines) };
        let expected = ":parlor 904 * :SASL authentication failed: this certificate belongs to no account, or to a different one; CERT ADD adds it to yours";
        assert_eq!(failed, expected);
    }
    assert_eq!(world.derived, derived + 2, "all but the first are delayed");
    // Now the address is locked out, but not for the right certificate: nobody can guess one.
    let failed = ":parlor 904 * :SASL authentication failed: too many failed logins; wait ";
    world.send(3, "AUTHENTICATE EXTERNAL");
    world.send(3, "AUTHENTICATE +");
    assert!(world.output(3).starts_with(failed), "{:?}", world.lines);
    world.send(2, "AUTHENTICATE EXTERNAL");
    world.send(2, "AUTHENTICATE +");
    assert!(world.output(2).contains(" 903 "), "{:?}", world.lines);
}

#[test]
fn impossible_external_logins_are_refused_at_once_and_not_counted() {
    let mut world = with_certificate();
    world.open(3, REMOTE);
    world.encrypt(3, None);
    world.send(3, "CAP REQ :sasl");
    world.send(3, "AUTHENTICATE EXTERNAL");
    let mechanisms = ":parlor 908 * EXTERNAL,SCRAM-SHA-256,PLAIN :are available SASL mechanisms";
    let failed = format!(":parlor 904 * :{SASL_FAILED}: your client presented no certificate");
    assert_eq!(world.lines(3), [mechanisms, &failed]);
    world.send(2, "CAP REQ :sasl");
    for (answer, expected) in [
        ("AA==", "904 * :SASL authentication failed: The SASL message is malformed"),
        ("/w==", "904 * :SASL authentication failed: The SASL message is not UTF-8"),
        ("*", "906 * :SASL authentication aborted"),
        ("MWFubg==", "904 * :SASL authentication failed: "),
    ] {
        world.send(2, "AUTHENTICATE EXTERNAL");
        world.send(2, &format!("AUTHENTICATE {answer}"));
        assert!(world.output(2).starts_with(&format!(":parlor {expected}")), "{:?}", world.lines);
    }
    // The server password comes first for everybody.
    world.reload(|config| config.server.password = Some("sesame".into()));
    world.send(2, "AUTHENTICATE EXTERNAL");
    world.send(2, "AUTHENTICATE +");
    assert!(world.output(2).contains("send the server password"), "{:?}", world.lines);
    world.send(2, "PASS sesame");
    world.send(2, "AUTHENTICATE EXTERNAL");
    world.send(2, "AUTHENTICATE +");
    assert!(world.output(2).contains(" 903 "), "{:?}", world.lines);
}

#[test]
fn cert_add_uses_the_presented_certificate_and_cert_del_revokes_it() {
    let mut world = with_certificate();
    let digits = format!("{FINGERPRINT:x}");
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "CAP END"] {
        world.send(2, line);
    }
    world.send(2, "NICK ann");
    world.send(2, "USER u 0 * :Ann");
    world.send(2, "CERT ADD");
    assert!(world.output(2).starts_with(&format!(":parlor FAIL CERT ALREADY_ADDED {digits} ")));
    world.send(2, "CERT LIST");
    let shown = format!(":parlor NOTE CERT ENTRY {digits} :Presented by your client");
    assert_eq!(world.lines(2)[0], shown);
    world.send(2, &format!("CERT DEL {digits}"));
    assert_eq!(world.writes, [write(None, false)]);
    world.open(3, REMOTE);
    world.encrypt(3, Some(FINGERPRINT));
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +"] {
        world.send(3, line);
    }
    assert!(world.output(3).starts_with(":parlor 904 * "), "{:?}", world.lines);
    world.send(2, "CERT ADD");
    assert!(world.output(2).starts_with(&format!(":parlor NOTE CERT ADDED {digits} ")));
    world.send(1, "CERT ADD");
    assert!(world.output(1).starts_with(":parlor FAIL CERT NO_CERTIFICATE :"));
}

/// The write for a certificate.
fn write(account: Option<u32>, proved: bool) -> Write {
    Write::Certificate { fingerprint: FINGERPRINT.0, account, proved }
}

/// Eve has named ann's certificate: ann's client, which gives no name, must not be logged in as
/// eve.
#[test]
fn a_certificate_added_by_fingerprint_logs_in_only_with_the_accounts_name() {
    let mut world = World::new("");
    world.register(1, "eve");
    world.send(1, &format!("CERT ADD {FINGERPRINT}"));
    assert_eq!(world.writes, [write(Some(1), false)]);
    let added = format!(
        ":parlor NOTE CERT ADDED {FINGERPRINT:x} :This certificate logs in as eve (SASL EXTERNAL) if the client names the account, until it has been presented here once"
    );
    assert_eq!(world.lines(1), [added]);
    let external = |world: &mut World, slot: u32, authzid: &str| {
        world.open(slot, REMOTE);
        world.encrypt(slot, Some(FINGERPRINT));
        for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL"] {
            world.send(slot, line);
        }
        world.send(slot, &format!("AUTHENTICATE {authzid}"));
        world.output(slot)
    };
    for slot in 2..22 {
        let output = external(&mut world, slot, "+");
        let expected = ":parlor 904 * :SASL authentication failed: this certificate was added by fingerprint only; have your client name the account, or log in once with the password while presenting it";
        assert_eq!(output, expected, "and it is not counted");
    }
    assert!(external(&mut world, 30, "ZXZl").contains(" 903 "), "{:?}", world.lines);
    assert_eq!(world.writes, [write(Some(1), true)], "now it has been presented");
    assert!(external(&mut world, 31, "+").contains(" 903 "), "{:?}", world.lines);
}

#[test]
fn presenting_a_certificate_at_a_login_proves_it() {
    let mut world = World::new("");
    world.register(1, "ann");
    world.send(1, &format!("CERT ADD {FINGERPRINT}"));
    world.send(1, "CERT LIST");
    let entry = format!(
        ":parlor NOTE CERT ENTRY {FINGERPRINT:x} :Logs in to your account if the client names it; not presented here yet"
    );
    assert_eq!(world.lines(1)[0], entry);
    // With `CERT ADD`,
    world.present_certificate(1);
    world.send(1, "CERT ADD");
    assert_eq!(world.writes, [write(Some(1), true)]);
    let from = world.hub.node.batch;
    world.apply(Input::Failed { from });
    assert!(
        !world.hub.state.certificates.owner(FINGERPRINT).expect("it is hers").proved,
        "it was not stored"
    );
    // or by logging in with the password.
    world.open(2, REMOTE);
    world.encrypt(2, Some(FINGERPRINT));
    world.send(2, "LOGIN ann :secret");
    world.finish_derivation(2, Outcome::Compared(true));
    assert_eq!(world.writes, [write(Some(1), true)]);
    world.send(2, "CERT ADD");
    assert!(world.output(2).contains(" ALREADY_ADDED "), "{:?}", world.lines);
}

#[test]
fn a_certificate_that_could_not_be_stored_is_rolled_back() {
    let mut world = World::new("");
    world.register(1, "ann");
    world.send(1, &format!("CERT ADD {FINGERPRINT}"));
    let send = |world: &mut World, line: &str| {
        world.send(1, line);
        world.hub.node.batch
    };
    let stored = |world: &World| world.hub.state.certificates.of(1).collect::<Vec<_>>();
    let from = send(&mut world, &format!("CERT DEL {FINGERPRINT}"));
    assert_eq!(stored(&world), []);
    world.apply(Input::Failed { from });
    assert_eq!(stored(&world), [FINGERPRINT]);
    let other = Fingerprint([1; 32]);
    let from = send(&mut world, &format!("CERT ADD {other}"));
    send(&mut world, &format!("CERT DEL {other}"));
    world.apply(Input::Failed { from });
    assert_eq!(stored(&world), [FINGERPRINT]);
    assert!(world.hub.state.certificates.owner(other).is_none());
}

#[test]
fn whoever_presents_a_certificate_can_claim_it_from_an_account_that_only_named_it() {
    // Bob has named a certificate that ann has.
    let mut world = World::new("");
    world.register(1, "bob");
    world.send(1, &format!("CERT ADD {FINGERPRINT}"));
    world.register(2, "ann");
    world.send(2, &format!("CERT ADD {FINGERPRINT}"));
    assert!(world.output(2).starts_with(&format!(":parlor FAIL CERT IN_USE {FINGERPRINT:x} ")));
    world.encrypt(2, Some(Fingerprint([1; 32])));
    world.send(2, &format!("CERT ADD {FINGERPRINT}"));
    assert!(world.output(2).starts_with(":parlor FAIL CERT IN_USE "), "it presents another");
    world.present_certificate(2);
    let owner = |world: &World| {
        world.hub.state.certificates.owner(FINGERPRINT).map(|owner| owner.name.to_string())
    };
    for line in ["CERT ADD".to_owned(), format!("CERT ADD {FINGERPRINT}")] {
        world.send(2, &line);
        let added = format!(":parlor NOTE CERT ADDED {FINGERPRINT:x} :");
        assert!(world.output(2).starts_with(&added), "{:?}", world.lines);
        let write = write(Some(2), true);
        assert_eq!((&world.writes[..], owner(&world).as_deref()), (&[write][..], Some("ann")));
        assert_eq!(world.hub.state.certificates.of(1).count(), 0);
        let from = world.hub.node.batch;
        world.apply(Input::Failed { from });
        assert_eq!(owner(&world).as_deref(), Some("bob"), "it could not be stored");
    }
}

#[test]
fn certificates_survive_a_restart() {
    let mut store = MemoryStore::new("test");
    let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
    let account = store::Account { id: 4, name: "ann".into(), keys, created: 0 };
    let certificate = |first, account| Write::Certificate {
        fingerprint: Fingerprint([first; 32]).0,
        account: Some(account),
        proved: first == 1,
    };
    let writes = [Write::Account(account), certificate(1, 4), certificate(2, 9)];
    store.commit(&mut writes.iter()).expect("it is in memory");
    let loaded = store.load().expect("it is in memory");
    let state = Hub::new(Config::default().into(), loaded, 0).0.state;
    let owner = |first| state.certificates.owner(Fingerprint([first; 32]));
    assert_eq!(owner(1).map(|owner| (&*owner.name, owner.proved)), Some(("ann", true)));
    assert_eq!(owner(2), None);
}

#[test]
fn whois_reports_secure_users_and_shows_certificates_to_their_owners_and_operators() {
    let mut world = with_certificate();
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "CAP END"] {
        world.send(2, line);
    }
    world.send(2, "NICK ann");
    world.send(2, "USER u 0 * :Ann");
    world.register(3, "bob");
    world.send(3, "WHOIS ann");
    let secure =
        |requester: &str| format!(":parlor 671 {requester} ann :is using a secure connection");
    let certificate = |requester: &str| {
        format!(":parlor 276 {requester} ann :has client certificate fingerprint {FINGERPRINT:x}")
    };
    assert!(world.lines(3).contains(&&*secure("bob")), "{:?}", world.lines);
    assert!(!world.output(3).contains(" 276 "), "{:?}", world.lines);
    world.send(1, "WHOIS ann");
    assert!(world.lines(1).contains(&&*certificate("ann")), "{:?}", world.lines);
    world.send(3, "OPER boss up");
    world.send(3, "WHOIS ann");
    assert!(world.lines(3).contains(&&*certificate("bob")), "{:?}", world.lines);
    // One device on an unencrypted connection is enough.
    world.reload(|config| config.server.plaintext_login = true);
    world.open(4, REMOTE);
    world.send(4, "LOGIN ann :secret");
    world.finish_derivation(4, Outcome::Compared(true));
    world.send(3, "WHOIS ann");
    assert!(!world.output(3).contains(" 671 "), "{:?}", world.lines);
    world.client_event(4, ClientEvent::Closed { reason: "gone".into() });
    world.send(3, "WHOIS ann");
    assert!(world.lines(3).contains(&&*secure("bob")), "{:?}", world.lines);
}
