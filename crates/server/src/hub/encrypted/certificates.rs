//! Client certificates: `CERT`, and SASL `EXTERNAL`.

use super::*;

/// A hub in which ann has a certificate, and one session that has presented it.
fn with_certificate() -> World {
    let mut hub = hub("operator = [{ name = \"boss\", password = \"up\" }]");
    hub.registers(1, "ann");
    hub.shows(1);
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    assert_eq!(hub.writes, [write(Some(1), true)]);
    hub.hub.node.sessions.get_mut(&session(1)).expect("she is there").certificate = None;
    hub.opens(2, ELSEWHERE);
    hub.encrypts(2, Some(SHOWN));
    hub
}

#[test]
fn a_certificate_logs_in_to_its_account() {
    for authzid in ["+", "YW5u", "QU5O"] {
        let mut hub = with_certificate();
        let mechanisms = hub.offer(2, "sasl");
        assert_eq!(mechanisms.as_deref(), Some("EXTERNAL,SCRAM-SHA-256,PLAIN"));
        hub.says(2, "CAP REQ :sasl");
        hub.says(2, "AUTHENTICATE EXTERNAL");
        assert_eq!(hub.hears(2), ["AUTHENTICATE +"]);
        hub.says(2, &format!("AUTHENTICATE {authzid}"));
        let [who, success] = hub.hears(2)[..] else { panic!("{authzid}: {:?}", hub.told) };
        assert_eq!(who, ":parlor 900 * ann!ann@parlor ann :You are now logged in as ann");
        assert_eq!(success, ":parlor 903 * :SASL authentication successful");
        for line in ["NICK whoever", "USER u 0 * :Ann", "CAP END"] {
            hub.says(2, line);
        }
        let ann = hub.hub.state.online("ann").expect("ann is here");
        assert_eq!(ann.sessions, [session(1), session(2)]);
        hub.says(2, "AUTHENTICATE EXTERNAL");
        assert!(hub.hears_all(2).starts_with(":parlor 907 ann "), "{:?}", hub.told);
    }
}

#[test]
fn a_certificate_logs_in_only_to_its_account_and_failures_are_delayed() {
    let mut hub = with_certificate();
    hub.hub.node.config = Arc::new(toml::from_str("limits.failed_logins = 1").expect("a config"));
    hub.opens(3, ELSEWHERE);
    hub.encrypts(3, Some(Fingerprint([0xcd; 32])));
    let derived = hub.derived;
    // Somebody else's name with ann's certificate, and an unknown certificate.
    for (slot, authzid) in [(2, "Ym9i"), (3, "+"), (3, "YW5u")] {
        hub.says(slot, "CAP REQ :sasl");
        hub.says(slot, "AUTHENTICATE EXTERNAL");
        hub.says(slot, &format!("AUTHENTICATE {authzid}"));
        if hub.held > 0 {
            assert_eq!(hub.hears(slot), [""; 0], "it is told as late as a wrong password");
            hub.is_derived(slot, Outcome::Waited);
        }
        let [failed] = hub.hears(slot)[..] else { panic!("{:?}", hub.told) };
        let expected = ":parlor 904 * :SASL authentication failed: this certificate belongs to no account, or to a different one; CERT ADD adds it to yours";
        assert_eq!(failed, expected);
    }
    assert_eq!(hub.derived, derived + 2, "all but the first are held back");
    // Now the address is locked out, but not for the right certificate: nobody can guess one.
    let failed = ":parlor 904 * :SASL authentication failed: too many failed logins; wait ";
    hub.says(3, "AUTHENTICATE EXTERNAL");
    hub.says(3, "AUTHENTICATE +");
    assert!(hub.hears_all(3).starts_with(failed), "{:?}", hub.told);
    hub.says(2, "AUTHENTICATE EXTERNAL");
    hub.says(2, "AUTHENTICATE +");
    assert!(hub.hears_all(2).contains(" 903 "), "{:?}", hub.told);
}

#[test]
fn impossible_external_logins_are_refused_at_once_and_not_counted() {
    let mut hub = with_certificate();
    hub.opens(3, ELSEWHERE);
    hub.encrypts(3, None);
    hub.says(3, "CAP REQ :sasl");
    hub.says(3, "AUTHENTICATE EXTERNAL");
    let mechanisms = ":parlor 908 * EXTERNAL,SCRAM-SHA-256,PLAIN :are available SASL mechanisms";
    let failed = format!(":parlor 904 * :{SASL_FAILED}: your client presented no certificate");
    assert_eq!(hub.hears(3), [mechanisms, &failed]);
    hub.says(2, "CAP REQ :sasl");
    for (answer, expected) in [
        ("AA==", "904 * :SASL authentication failed: The SASL message is malformed"),
        ("/w==", "904 * :SASL authentication failed: The SASL message is not UTF-8"),
        ("*", "906 * :SASL authentication aborted"),
        ("MWFubg==", "904 * :SASL authentication failed: "),
    ] {
        hub.says(2, "AUTHENTICATE EXTERNAL");
        hub.says(2, &format!("AUTHENTICATE {answer}"));
        assert!(hub.hears_all(2).starts_with(&format!(":parlor {expected}")), "{:?}", hub.told);
    }
    // The server password comes first for everybody.
    hub.reloads(|config| config.server.password = Some("sesame".into()));
    hub.says(2, "AUTHENTICATE EXTERNAL");
    hub.says(2, "AUTHENTICATE +");
    assert!(hub.hears_all(2).contains("send the server password"), "{:?}", hub.told);
    hub.says(2, "PASS sesame");
    hub.says(2, "AUTHENTICATE EXTERNAL");
    hub.says(2, "AUTHENTICATE +");
    assert!(hub.hears_all(2).contains(" 903 "), "{:?}", hub.told);
}

#[test]
fn cert_add_uses_the_presented_certificate_and_cert_del_revokes_it() {
    let mut hub = with_certificate();
    let digits = format!("{SHOWN:x}");
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "CAP END"] {
        hub.says(2, line);
    }
    hub.says(2, "NICK ann");
    hub.says(2, "USER u 0 * :Ann");
    hub.says(2, "CERT ADD");
    assert!(hub.hears_all(2).starts_with(&format!(":parlor FAIL CERT ALREADY_ADDED {digits} ")));
    hub.says(2, "CERT LIST");
    let shown = format!(":parlor NOTE CERT ENTRY {digits} :Presented by your client");
    assert_eq!(hub.hears(2)[0], shown);
    hub.says(2, &format!("CERT DEL {digits}"));
    assert_eq!(hub.writes, [write(None, false)]);
    hub.opens(3, ELSEWHERE);
    hub.encrypts(3, Some(SHOWN));
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +"] {
        hub.says(3, line);
    }
    assert!(hub.hears_all(3).starts_with(":parlor 904 * "), "{:?}", hub.told);
    hub.says(2, "CERT ADD");
    assert!(hub.hears_all(2).starts_with(&format!(":parlor NOTE CERT ADDED {digits} ")));
    hub.says(1, "CERT ADD");
    assert!(hub.hears_all(1).starts_with(":parlor FAIL CERT NO_CERTIFICATE :"));
}

/// The write for a certificate.
fn write(account: Option<u32>, proved: bool) -> Write {
    Write::Certificate { fingerprint: SHOWN.0, account, proved }
}

/// Eve has named ann's certificate: ann's client, which gives no name, must not be logged in as
/// eve.
#[test]
fn a_certificate_added_by_fingerprint_logs_in_only_with_the_accounts_name() {
    let mut hub = hub("");
    hub.registers(1, "eve");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    assert_eq!(hub.writes, [write(Some(1), false)]);
    let told = format!(
        ":parlor NOTE CERT ADDED {SHOWN:x} :This certificate logs in as eve (SASL EXTERNAL) if the client names the account, until it has been presented here once"
    );
    assert_eq!(hub.hears(1), [told]);
    let external = |hub: &mut World, slot: u32, authzid: &str| {
        hub.opens(slot, ELSEWHERE);
        hub.encrypts(slot, Some(SHOWN));
        for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL"] {
            hub.says(slot, line);
        }
        hub.says(slot, &format!("AUTHENTICATE {authzid}"));
        hub.hears_all(slot)
    };
    for slot in 2..22 {
        let told = external(&mut hub, slot, "+");
        let expected = ":parlor 904 * :SASL authentication failed: this certificate was added by fingerprint only; have your client name the account, or log in once with the password while presenting it";
        assert_eq!(told, expected, "and it counts for nothing");
    }
    assert!(external(&mut hub, 30, "ZXZl").contains(" 903 "), "{:?}", hub.told);
    assert_eq!(hub.writes, [write(Some(1), true)], "now it was shown");
    assert!(external(&mut hub, 31, "+").contains(" 903 "), "{:?}", hub.told);
}

#[test]
fn presenting_a_certificate_at_a_login_proves_it() {
    let mut hub = hub("");
    hub.registers(1, "ann");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    hub.says(1, "CERT LIST");
    let entry = format!(
        ":parlor NOTE CERT ENTRY {SHOWN:x} :Logs in to your account if the client names it; not presented here yet"
    );
    assert_eq!(hub.hears(1)[0], entry);
    // With `CERT ADD`,
    hub.shows(1);
    hub.says(1, "CERT ADD");
    assert_eq!(hub.writes, [write(Some(1), true)]);
    let from = hub.hub.node.batch;
    hub.apply(Input::Failed { from });
    assert!(
        !hub.hub.state.certificates.owner(SHOWN).expect("it is hers").proved,
        "it was not stored"
    );
    // or by logging in with the password.
    hub.opens(2, ELSEWHERE);
    hub.encrypts(2, Some(SHOWN));
    hub.says(2, "LOGIN ann :secret");
    hub.is_derived(2, Outcome::Compared(true));
    assert_eq!(hub.writes, [write(Some(1), true)]);
    hub.says(2, "CERT ADD");
    assert!(hub.hears_all(2).contains(" ALREADY_ADDED "), "{:?}", hub.told);
}

#[test]
fn a_certificate_that_could_not_be_stored_is_rolled_back() {
    let mut hub = hub("");
    hub.registers(1, "ann");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    let says = |hub: &mut World, line: &str| {
        hub.says(1, line);
        hub.hub.node.batch
    };
    let kept = |hub: &World| hub.hub.state.certificates.of(1).collect::<Vec<_>>();
    let from = says(&mut hub, &format!("CERT DEL {SHOWN}"));
    assert_eq!(kept(&hub), []);
    hub.apply(Input::Failed { from });
    assert_eq!(kept(&hub), [SHOWN]);
    let other = Fingerprint([1; 32]);
    let from = says(&mut hub, &format!("CERT ADD {other}"));
    says(&mut hub, &format!("CERT DEL {other}"));
    hub.apply(Input::Failed { from });
    assert_eq!(kept(&hub), [SHOWN]);
    assert!(hub.hub.state.certificates.owner(other).is_none());
}

#[test]
fn whoever_presents_a_certificate_can_claim_it_from_an_account_that_only_named_it() {
    // Bob has named a certificate that ann has.
    let mut hub = hub("");
    hub.registers(1, "bob");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    hub.registers(2, "ann");
    hub.says(2, &format!("CERT ADD {SHOWN}"));
    assert!(hub.hears_all(2).starts_with(&format!(":parlor FAIL CERT IN_USE {SHOWN:x} ")));
    hub.encrypts(2, Some(Fingerprint([1; 32])));
    hub.says(2, &format!("CERT ADD {SHOWN}"));
    assert!(hub.hears_all(2).starts_with(":parlor FAIL CERT IN_USE "), "it shows another");
    hub.shows(2);
    let owner =
        |hub: &World| hub.hub.state.certificates.owner(SHOWN).map(|owner| owner.name.to_string());
    for line in ["CERT ADD".to_owned(), format!("CERT ADD {SHOWN}")] {
        hub.says(2, &line);
        let added = format!(":parlor NOTE CERT ADDED {SHOWN:x} :");
        assert!(hub.hears_all(2).starts_with(&added), "{:?}", hub.told);
        let write = write(Some(2), true);
        assert_eq!((&hub.writes[..], owner(&hub).as_deref()), (&[write][..], Some("ann")));
        assert_eq!(hub.hub.state.certificates.of(1).count(), 0);
        let from = hub.hub.node.batch;
        hub.apply(Input::Failed { from });
        assert_eq!(owner(&hub).as_deref(), Some("bob"), "it could not be stored");
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
    let mut hub = with_certificate();
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "CAP END"] {
        hub.says(2, line);
    }
    hub.says(2, "NICK ann");
    hub.says(2, "USER u 0 * :Ann");
    hub.registers(3, "bob");
    hub.says(3, "WHOIS ann");
    let secure =
        |requester: &str| format!(":parlor 671 {requester} ann :is using a secure connection");
    let certificate = |requester: &str| {
        format!(":parlor 276 {requester} ann :has client certificate fingerprint {SHOWN:x}")
    };
    assert!(hub.hears(3).contains(&&*secure("bob")), "{:?}", hub.told);
    assert!(!hub.hears_all(3).contains(" 276 "), "{:?}", hub.told);
    hub.says(1, "WHOIS ann");
    assert!(hub.hears(1).contains(&&*certificate("ann")), "{:?}", hub.told);
    hub.says(3, "OPER boss up");
    hub.says(3, "WHOIS ann");
    assert!(hub.hears(3).contains(&&*certificate("bob")), "{:?}", hub.told);
    // One device on an unencrypted connection is enough.
    hub.reloads(|config| config.server.plaintext_login = true);
    hub.opens(4, ELSEWHERE);
    hub.says(4, "LOGIN ann :secret");
    hub.is_derived(4, Outcome::Compared(true));
    hub.says(3, "WHOIS ann");
    assert!(!hub.hears_all(3).contains(" 671 "), "{:?}", hub.told);
    hub.does(4, ClientEvent::Closed { reason: "gone".into() });
    hub.says(3, "WHOIS ann");
    assert!(hub.hears(3).contains(&&*secure("bob")), "{:?}", hub.told);
}
