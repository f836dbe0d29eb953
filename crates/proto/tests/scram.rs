//! SCRAM-SHA-256: the published example, both sides against each other, and what each side must refuse.

use parlor_proto::sasl::SaslError;
use parlor_proto::scram::{Keys, ScramClient, ScramServer};
use proptest::prelude::*;

const SALT: [u8; 16] = *b"sixteen bytes ok";
const ITERATIONS: u32 = 4096;

/// The example of RFC 7677, section 3.
mod rfc {
    /// `W22ZaJ0SNY7soEsUEjb6gQ==`
    pub(crate) const SALT: [u8; 16] = [
        0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa,
        0x81,
    ];
    pub(crate) const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    pub(crate) const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    pub(crate) const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    pub(crate) const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    pub(crate) const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    pub(crate) const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
}

#[test]
fn the_client_matches_the_rfcs_example() {
    let mut client = ScramClient::new("user", "pencil", rfc::CLIENT_NONCE);
    assert_eq!(client.first(), rfc::CLIENT_FIRST.as_bytes());
    assert_eq!(client.respond(rfc::SERVER_FIRST.as_bytes()).unwrap(), rfc::CLIENT_FINAL.as_bytes());
    assert_eq!(client.verify(rfc::SERVER_FINAL.as_bytes()), Ok(()));
}

#[test]
fn the_server_matches_the_rfcs_example() {
    let keys = Keys::derive("pencil", rfc::SALT, 4096);
    let mut server = ScramServer::start(rfc::CLIENT_FIRST.as_bytes()).unwrap();
    assert_eq!(server.user(), "user");
    assert_eq!(server.challenge(&keys, rfc::SERVER_NONCE), rfc::SERVER_FIRST.as_bytes());
    assert_eq!(server.finish(rfc::CLIENT_FINAL.as_bytes()).unwrap(), rfc::SERVER_FINAL.as_bytes());
}

#[test]
fn a_derivation_in_steps_makes_the_same_keys() {
    let mut steps = 0;
    let keys = Keys::derive_with_progress("pencil", rfc::SALT, 4096, &mut || steps += 1);
    assert_eq!(keys, Keys::derive("pencil", rfc::SALT, 4096));
    assert_eq!(steps, 15);
}

/// The salted password of RFC 5802 made by hand of the password as it is, as accounts of old have it.
fn keys_of_old(password: &str) -> Keys {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &SALT, ITERATIONS);
    let hmac = |text: &[u8]| -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&salted).unwrap();
        mac.update(text);
        mac.finalize().into_bytes().into()
    };
    Keys {
        salt: SALT,
        iterations: ITERATIONS,
        stored_key: Sha256::digest(hmac(b"Client Key")).into(),
        server_key: hmac(b"Server Key"),
    }
}

#[test]
fn a_password_is_the_same_however_it_was_composed() {
    for (made_of, typed) in [
        ("passwort\u{b2}", "passwort2"),
        ("caf\u{e9}", "cafe\u{301}"),
        ("two words", "two\u{a0}words"),
        ("\u{fb01}n", "fin"),
    ] {
        for (made_of, typed) in [(made_of, typed), (typed, made_of)] {
            let keys = Keys::derive(made_of, SALT, ITERATIONS);
            assert!(keys.verify(typed, &mut || {}), "{typed:?}");
            assert!(
                !keys.verify_unprepared(typed, &mut || {}),
                "these keys are made of the prepared form"
            );
            let (client, mut server, client_final) = until_final("ann", typed, &keys);
            assert_eq!(client.verify(&server.finish(&client_final).unwrap()), Ok(()));
        }
    }
}

#[test]
fn keys_made_before_passwords_were_prepared_are_recognised() {
    let old = keys_of_old("passwort\u{b2}");
    assert!(!old.verify("passwort\u{b2}", &mut || {}));
    assert!(old.verify_unprepared("passwort\u{b2}", &mut || {}));
    assert!(
        !old.verify_unprepared("passwort2", &mut || {})
            && !old.verify_unprepared("passwort\u{b3}", &mut || {})
    );
    let plain = keys_of_old("secret");
    assert!(plain.verify("secret", &mut || {}) && !plain.verify_unprepared("secret", &mut || {}));
}

/// A whole exchange up to the client's final message, which the server has yet to see.
fn until_final(user: &str, typed: &str, keys: &Keys) -> (ScramClient, ScramServer, Vec<u8>) {
    let mut client = ScramClient::new(user, typed, "client-nonce");
    let mut server = ScramServer::start(&client.first()).unwrap();
    assert_eq!(server.user(), user);
    let client_final = client.respond(&server.challenge(keys, "server-nonce")).unwrap();
    (client, server, client_final)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_sides_agree_on_any_password(user in "[a-z=,]{1,8}", password: String, salt: [u8; 16]) {
        let keys = Keys::derive(&password, salt, ITERATIONS);
        let is_right = keys.verify(&password, &mut || {});
        prop_assert!(is_right);
        let (client, mut server, client_final) = until_final(&user, &password, &keys);
        let server_final = server.finish(&client_final);
        prop_assert!(server_final.is_ok());
        prop_assert_eq!(client.verify(&server_final.unwrap()), Ok(()));
    }

    #[test]
    fn another_password_never_works(right in "[a-c]{0,2}", wrong in "[a-c]{0,2}d") {
        let keys = Keys::derive(&right, SALT, ITERATIONS);
        let is_right = keys.verify(&wrong, &mut || {});
        prop_assert!(!is_right);
        let (_, mut server, client_final) = until_final("ann", &wrong, &keys);
        prop_assert_eq!(server.finish(&client_final), Err(SaslError::WrongPassword));
    }
}

proptest! {
    #[test]
    fn no_message_makes_either_side_panic(
        bytes: Vec<u8>,
        text in "[nyp]?,?(a=[a-z]{0,3})?,?(n=[a-z=,]{0,4})?,?(r=[a-z,]{0,4})?,?(s=[A-Z=]{0,4})?,?([ipvec]=[0-9a-z=]{0,8})?",
    ) {
        let keys = Keys { salt: SALT, iterations: 1, stored_key: [0; 32], server_key: [0; 32] };
        for message in [&bytes[..], text.as_bytes()] {
            // What comes out does not matter here: anything but a panic will do, and no proof can be right.
            let started = ScramServer::start(message).is_ok();
            prop_assert!(!started || message.starts_with(b"n,") || message.starts_with(b"y,"));
            let mut server = ScramServer::start(b"n,,n=ann,r=c").unwrap();
            prop_assert!(!server.challenge(&keys, "s").is_empty());
            prop_assert!(server.finish(message).is_err());
            let mut client = ScramClient::new("ann", "secret", "nonce");
            prop_assert!(client.respond(message).is_err());
            prop_assert_eq!(client.verify(message), Err(SaslError::OutOfOrder));
        }
    }
}

#[test]
fn invalid_first_messages_are_refused_with_the_right_error() {
    let start = |message: &str| ScramServer::start(message.as_bytes()).map(|s| s.user().to_owned());
    assert_eq!(start("y,,n=ann,r=abc"), Ok("ann".into()));
    assert_eq!(start("n,a=Ann,n=ann,r=abc,x=extension"), Ok("ann".into()));
    assert_eq!(start("n,,n=a=2Cb=3Dc,r=abc"), Ok("a,b=c".into()));
    assert_eq!(start("p=tls-exporter,,n=ann,r=abc"), Err(SaslError::Unsupported));
    assert_eq!(start("n,,m=new,n=ann,r=abc"), Err(SaslError::Unsupported));
    assert_eq!(start("n,a=bob,n=ann,r=abc"), Err(SaslError::OtherIdentity));
    for malformed in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=ann",
        "n,,n=ann,r=",
        "n,,n=,r=abc",
        "n,,n=a=2D,r=abc",
        "q,,n=ann,r=abc",
    ] {
        assert_eq!(start(malformed), Err(SaslError::Malformed), "{malformed}");
    }
    assert_eq!(ScramServer::start(b"n,,n=\xff,r=abc").unwrap_err(), SaslError::InvalidUtf8);
}

#[test]
fn a_final_message_must_match_its_challenge_and_works_once() {
    let keys = Keys::derive("secret", SALT, ITERATIONS);
    let (_, mut server, client_final) = until_final("ann", "secret", &keys);
    assert!(server.finish(&client_final).is_ok());
    assert_eq!(server.finish(&client_final), Err(SaslError::OutOfOrder));

    // The same proof in another exchange.
    assert!(!server.challenge(&keys, "another-nonce").is_empty());
    assert_eq!(server.finish(&client_final), Err(SaslError::WrongNonce));

    // A client that had said `y` and binds to `n`: somebody in between took the offer of channel binding away.
    let mut server = ScramServer::start(b"y,,n=ann,r=client-nonce").unwrap();
    assert!(!server.challenge(&keys, "server-nonce").is_empty());
    assert_eq!(server.finish(&client_final), Err(SaslError::Malformed));
}

#[test]
fn a_client_refuses_a_server_that_cheats() {
    let respond = |first: &str| ScramClient::new("ann", "secret", "abc").respond(first.as_bytes());
    assert!(respond("r=abcd,s=c2FsdA==,i=4096").is_ok());
    assert_eq!(respond("r=abc,s=c2FsdA==,i=4096"), Err(SaslError::WrongNonce));
    assert_eq!(respond("r=xyz,s=c2FsdA==,i=4096"), Err(SaslError::WrongNonce));
    assert_eq!(respond("r=abcd,s=c2FsdA==,i=4095"), Err(SaslError::Iterations));
    assert_eq!(respond("r=abcd,s=c2FsdA==,i=10000001"), Err(SaslError::Iterations));
    assert_eq!(respond("r=abcd,s=c2FsdA==,i=99999999999"), Err(SaslError::Malformed));
    assert_eq!(respond("r=abcd,s=,i=4096"), Err(SaslError::Malformed));
    assert_eq!(respond("r=abcd,s=?,i=4096"), Err(SaslError::InvalidBase64));
    assert_eq!(respond("m=x,r=abcd,s=c2FsdA==,i=4096"), Err(SaslError::Unsupported));

    let mut client = ScramClient::new("ann", "secret", "abc");
    client.respond(b"r=abcd,s=c2FsdA==,i=4096").unwrap();
    assert_eq!(client.verify(b"e=invalid-proof"), Err(SaslError::WrongPassword));
    assert_eq!(client.verify(b"v=AAAA"), Err(SaslError::WrongServer));
    assert_eq!(client.verify(rfc::SERVER_FINAL.as_bytes()), Err(SaslError::WrongServer));
    assert_eq!(client.verify(b""), Err(SaslError::Malformed));
}

#[test]
fn debug_output_shows_no_secret() {
    let keys = Keys::derive("secret", SALT, 1);
    assert_eq!(format!("{keys:?}"), "Keys { iterations: 1, .. }");
    let client = ScramClient::new("ann", "secret", "abc");
    assert_eq!(format!("{client:?}"), "ScramClient { user: \"ann\", .. }");
}

#[test]
fn app_passwords_with_the_same_salt_are_accepted_and_a_code_may_follow() {
    let mine = Keys::derive("secret", SALT, ITERATIONS);
    let phone = Keys::derive("drawn by the server", SALT, ITERATIONS);
    let exchange = |password: &str, code: Option<&str>| {
        let mut client = ScramClient::new("ann", password, "nonce");
        if let Some(code) = code {
            client = client.with_code(code);
        }
        let mut server = ScramServer::start(&client.first()).unwrap();
        let challenge = server.challenge(&mine, "server");
        assert!(server.accept("phone", &phone));
        let other = Keys::derive("secret", *b"another salt, 16", ITERATIONS);
        assert!(!server.accept("old", &other), "its proof would not fit the challenge");
        let proof = server.finish(&client.respond(&challenge).unwrap());
        let proof = proof.map(|proof| client.verify(&proof));
        (proof, server.proven().map(str::to_owned), server.code().map(str::to_owned))
    };
    assert_eq!(exchange("secret", None), (Ok(Ok(())), None, None));
    let phone = Some("phone".to_owned());
    assert_eq!(exchange("drawn by the server", None), (Ok(Ok(())), phone, None));
    let code = Some("123456".to_owned());
    assert_eq!(exchange("secret", Some("123 456,p=")), (Ok(Ok(())), None, Some("123456p".into())));
    assert_eq!(exchange("secret", Some("123-456")), (Ok(Ok(())), None, code));
    assert_eq!(exchange("wrong", Some("1")).0, Err(SaslError::WrongPassword));
}
