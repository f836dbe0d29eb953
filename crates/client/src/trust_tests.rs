//! Each way in which what is known, what is given and what is shown can meet.

use super::*;

const SERVER: &str = "chat.example:9999";

fn fingerprint(number: u8) -> Fingerprint {
    Fingerprint::of(&[number])
}

fn self_made(number: u8) -> PresentedCertificate {
    PresentedCertificate { fingerprint: fingerprint(number), vouched: Err(VerifyError::Unknown) }
}

fn vouched(number: u8) -> PresentedCertificate {
    PresentedCertificate { fingerprint: fingerprint(number), vouched: Ok(()) }
}

fn certificate(number: u8) -> String {
    format!("{SERVER} {}\n", fingerprint(number))
}

const AUTHORITY: &str = "chat.example:9999 authority\n";
const DAMAGED: &str = "chat.example:9999 AB:CD\n";

/// A person with this file of known servers, if there is one.
struct Person {
    folder: tempfile::TempDir,
}

impl Person {
    fn with(file: &str) -> Person {
        let person = Person { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(person.folder.path().join("parlor")).unwrap();
        if !file.is_empty() {
            std::fs::write(person.path(), file).unwrap();
        }
        person
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("parlor/known_hosts")
    }

    fn trust(&self, given: Option<u8>) -> Trust {
        Trust::new("chat.example", 9999, given.map(fingerprint), Ok(KnownHosts::at(self.path())))
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap_or_default()
    }
}

/// The notices for a person with this file when the server presents that, and the file afterwards.
fn meet(
    file: &str,
    given: Option<u8>,
    shown: &PresentedCertificate,
) -> (Result<Vec<String>, String>, String) {
    let person = Person::with(file);
    let trust = person.trust(given);
    let outcome = trust.check(shown);
    let remembered = trust.remember(shown);
    assert_eq!(outcome.err(), remembered.clone().err(), "both look at the same");
    let path = person.path().display().to_string();
    let outcome = remembered.map_err(|refusal| refusal.to_string().replace(&path, "FILE"));
    (outcome, person.file())
}

fn is_silent(file: &str, given: Option<u8>, shown: &PresentedCertificate) {
    assert_eq!(meet(file, given, shown), (Ok(Vec::new()), file.to_owned()));
}

/// Told of with one sentence that has this in it, and remembered in this way.
fn is_news(file: &str, given: Option<u8>, shown: &PresentedCertificate, news: &str, after: &str) {
    let (notices, written) = meet(file, given, shown);
    let notices = notices.unwrap();
    assert!(notices.len() == 1 && notices[0].contains(news), "{notices:?}");
    assert_eq!(written, after);
}

/// Refused with a sentence that has all this in it, and nothing changed.
fn is_refused(file: &str, given: Option<u8>, shown: &PresentedCertificate, parts: &[&str]) {
    let (outcome, written) = meet(file, given, shown);
    let sentence = outcome.unwrap_err();
    let fingerprint = format!("shown: {}", shown.fingerprint);
    let always = [SERVER, "nothing was sent to it", &fingerprint, "--fingerprint"];
    for part in parts.iter().chain(&always) {
        assert!(sentence.contains(part), "no {part:?} in {sentence}");
    }
    assert_eq!(written, file);
}

#[test]
fn a_first_certificate_is_shown_and_remembered() {
    let notices = format!("this certificate is accepted, with the fingerprint {}", fingerprint(1));
    is_news("", None, &self_made(1), &notices, &certificate(1));
    let expired = PresentedCertificate { vouched: Err(VerifyError::Expired), ..self_made(1) };
    is_news("", None, &expired, "(it has expired)", &certificate(1));
    let others = "other.example:9999 authority\n";
    is_news(others, None, &self_made(1), &notices, &format!("{others}{}", certificate(1)));
}

#[test]
fn a_known_certificate_is_accepted_silently() {
    is_silent(&certificate(1), None, &self_made(1));
    is_silent(&certificate(1), None, &vouched(1));
    is_silent(&certificate(1), Some(1), &self_made(1));
    is_silent(AUTHORITY, None, &vouched(1));
    is_silent(AUTHORITY, None, &vouched(2));
}

#[test]
fn a_changed_certificate_is_refused() {
    let known = format!("known: {}", fingerprint(1));
    let parts = ["a different certificate than before", "reinstalled", "eavesdrop", &known];
    is_refused(&certificate(1), None, &self_made(2), &parts);
    is_refused(&certificate(1), None, &self_made(2), &["or delete line 1 of FILE."]);
    let second = format!("# mine\n{}", certificate(1));
    is_refused(&second, None, &self_made(2), &["or delete line 2 of FILE."]);
}

#[test]
fn a_ca_issued_certificate_is_accepted_silently_and_remembered() {
    assert_eq!(meet("", None, &vouched(1)), (Ok(Vec::new()), AUTHORITY.to_owned()));
    is_news(&certificate(1), None, &vouched(2), "now has a certificate from a known CA", AUTHORITY);
}

#[test]
fn a_server_with_a_ca_issued_certificate_may_not_return_without_one() {
    let parts = ["chat.example:9999 used to have a certificate from a known CA", "line 1 of FILE"];
    is_refused(AUTHORITY, None, &self_made(1), &parts);
    for (doubt, why) in [
        (VerifyError::Unknown, "(it is self-signed, or from an unknown CA)"),
        (VerifyError::Expired, "(it has expired)"),
        (VerifyError::NotYetValid, "(it is not valid yet)"),
        (VerifyError::OtherName, "(it is for a different name)"),
        (VerifyError::NotInOrder, "(it is invalid)"),
    ] {
        let shown = PresentedCertificate { vouched: Err(doubt), ..self_made(1) };
        is_refused(AUTHORITY, None, &shown, &[why]);
    }
}

#[test]
fn a_given_fingerprint_decides_and_is_remembered() {
    let notices = format!("Saved the fingerprint {} for {SERVER}", fingerprint(2));
    for before in ["", &certificate(1), AUTHORITY, DAMAGED] {
        for shown in [self_made(2), vouched(2)] {
            let (outcome, after) = meet(before, Some(2), &shown);
            assert_eq!(outcome.unwrap().last(), Some(&notices));
            assert_eq!(after, certificate(2), "after {before:?}");
        }
    }
    let given = format!("given: {}", fingerprint(1));
    for before in ["", &certificate(1), &certificate(2), AUTHORITY] {
        for shown in [self_made(2), vouched(2)] {
            let parts = [&given, "required by --fingerprint", "reinstalled", "eavesdrop"];
            is_refused(before, Some(1), &shown, &parts);
        }
    }
}

#[test]
fn a_later_ca_issued_certificate_replaces_a_given_fingerprint() {
    let (outcome, after) = meet("", Some(2), &self_made(2));
    assert!(outcome.is_ok());
    let (outcome, after) = meet(&after, None, &vouched(3));
    assert!(outcome.is_ok());
    assert_eq!(after, AUTHORITY);
}

#[test]
fn a_damaged_entry_does_not_count_as_a_first_contact() {
    is_refused(DAMAGED, None, &self_made(1), &["cannot be read", "fix line 1 of FILE"]);
    let (outcome, after) = meet(DAMAGED, None, &vouched(1));
    assert!(outcome.unwrap()[1].contains("now has a certificate from a known CA"));
    assert_eq!(after, AUTHORITY);
}

#[test]
fn damaged_entries_of_other_servers_are_reported_and_kept() {
    let person = Person::with(&format!("\nwhat is this\n{}", certificate(1)));
    let notices = person.trust(None).remember(&self_made(1)).unwrap();
    assert_eq!(notices, [format!("Line 2 of {} is invalid.", person.path().display())]);
    let person = Person::with(&format!("what\n\nis this\n{}", certificate(1)));
    let notices = person.trust(None).remember(&self_made(1)).unwrap();
    assert_eq!(notices, [format!("Lines 1, 3 of {} are invalid.", person.path().display())]);
    let person = Person::with(&"what is this\n".repeat(1000));
    let notices = person.trust(None).remember(&self_made(1)).unwrap();
    let path = person.path().display().to_string();
    let expected = format!("1000 lines of {path} are invalid: 1, 2, 3, 4, 5, 6, 7, 8, 9 …");
    assert_eq!(notices[0], expected);
}

/// Trust of a person whose file cannot be read or written.
fn forgetful(given: Option<u8>) -> [Trust; 2] {
    let file = std::env::current_exe().unwrap();
    let below_a_file = Ok(KnownHosts::at(file.join("parlor/known_hosts")));
    let given = given.map(fingerprint);
    [below_a_file, Err(Unusable::NoFolder)]
        .map(|known_hosts| Trust::new("chat.example", 9999, given, known_hosts))
}

#[test]
fn a_certificate_that_cannot_be_remembered_is_not_trusted() {
    for trust in forgetful(None) {
        let sentence = trust.check(&self_made(1)).unwrap_err().to_string();
        assert!(sentence.contains(", so nothing was sent to it"), "{sentence}");
        assert!(sentence.ends_with("connect with --fingerprint and that value."), "{sentence}");
        assert!(trust.remember(&self_made(1)).is_err());
    }
}

#[test]
fn ca_issued_certificates_work_without_a_known_hosts_file() {
    let given = forgetful(Some(1)).map(|trust| (trust, self_made(1)));
    let authority = forgetful(None).map(|trust| (trust, vouched(1)));
    for (trust, shown) in given.into_iter().chain(authority) {
        trust.check(&shown).unwrap();
        let notices = trust.remember(&shown).unwrap();
        assert!(
            notices.len() == 1 && notices[0].contains("annot save the certificate of"),
            "{notices:?}"
        );
    }
    for trust in forgetful(Some(2)) {
        assert!(trust.check(&self_made(1)).is_err());
    }
}

/// A folder where files can be read but not written, also by those who may write everywhere.
#[test]
fn a_first_certificate_that_cannot_be_stored_is_refused() {
    let person = Person::with("");
    // What should become the lock is a folder.
    std::fs::create_dir(person.path().with_extension("lock")).unwrap();
    let trust = person.trust(None);
    trust.check(&self_made(1)).unwrap();
    let sentence = trust.remember(&self_made(1)).unwrap_err().to_string();
    assert!(sentence.contains("annot save the certificate of"), "{sentence}");
    let notices = person.trust(Some(1)).remember(&self_made(1)).unwrap();
    assert!(notices[0].contains("annot save the certificate of"), "{notices:?}");
}

/// Another client pinned the server between the look and the writing.
#[test]
fn concurrent_first_contacts_do_not_overwrite_each_other() {
    let person = Person::with("");
    let (first, second) = (person.trust(None), person.trust(None));
    first.check(&self_made(1)).unwrap();
    second.check(&self_made(2)).unwrap();
    assert_eq!(first.record(&self_made(1)).unwrap().iter().count(), 1);
    let refusal = second.record(&self_made(2)).unwrap_err();
    assert!(refusal.to_string().contains("a different certificate than before"));
    // One that saw the same has nothing to say any more.
    assert_eq!(second.record(&self_made(1)), Ok(None));
    assert_eq!(person.file(), certificate(1));
}

#[test]
fn a_server_is_known_by_its_line_or_by_what_is_given() {
    for (file, given, known) in
        [("", None, false), ("", Some(1), true), (AUTHORITY, None, true), (DAMAGED, None, true)]
    {
        assert_eq!(Person::with(file).trust(given).is_known(), known, "{file}{given:?}");
    }
    for trust in forgetful(None) {
        assert!(!trust.is_known());
    }
}
