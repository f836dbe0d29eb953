//! The public test vectors for IRC parsers; `vectors/README.md` says where they come from.

use std::collections::BTreeMap;

use parlor_proto::encode;
use parlor_proto::mask::{self, Source};
use parlor_proto::message::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct File<T> {
    tests: Vec<T>,
}

/// The tests of one file; `expected` guards against a file that is read only in part.
fn tests<T: DeserializeOwned>(yaml: &str, expected: usize) -> Vec<T> {
    let file: File<T> = serde_norway::from_str(yaml).expect("the vectors are well-formed");
    assert_eq!(file.tests.len(), expected);
    file.tests
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Atoms {
    #[serde(default)]
    tags: BTreeMap<String, String>,
    source: Option<String>,
    verb: String,
    #[serde(default)]
    params: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    input: String,
    atoms: Atoms,
}

#[test]
fn lines_split_into_the_expected_atoms() {
    for test in tests::<Split>(include_str!("vectors/msg-split.yaml"), 35) {
        let message = Message::parse(&test.input).expect(&test.input);
        // Collecting lets the last of duplicates win, as `Tags::get` does.
        let tags: BTreeMap<String, String> =
            message.tags.iter().map(|(key, value)| (key.to_owned(), value.into_owned())).collect();
        assert_eq!(tags, test.atoms.tags, "{}", test.input);
        for (key, value) in &test.atoms.tags {
            assert_eq!(message.tags.get(key).as_deref(), Some(value.as_str()), "{}", test.input);
        }
        assert_eq!(message.source, test.atoms.source.as_deref(), "{}", test.input);
        assert_eq!(message.verb, test.atoms.verb, "{}", test.input);
        assert_eq!(message.params(), test.atoms.params, "{}", test.input);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    desc: String,
    atoms: Atoms,
    matches: Vec<String>,
}

#[test]
fn atoms_join_into_an_accepted_line() {
    for test in tests::<Join>(include_str!("vectors/msg-join.yaml"), 18) {
        let tags: Vec<(&str, &str)> =
            test.atoms.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let params: Vec<&str> = test.atoms.params.iter().map(String::as_str).collect();
        let bytes = encode::message(&tags, test.atoms.source.as_deref(), &test.atoms.verb, &params);
        let line = String::from_utf8(bytes).expect(&test.desc);
        let line = line.strip_suffix("\r\n").expect(&test.desc);
        assert!(test.matches.iter().any(|accepted| accepted == line), "{}: {line}", test.desc);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mask {
    mask: String,
    matches: Vec<String>,
    fails: Vec<String>,
}

#[test]
fn masks_match_what_they_should_and_nothing_else() {
    for test in tests::<Mask>(include_str!("vectors/mask-match.yaml"), 6) {
        for text in &test.matches {
            assert!(mask::matches(&test.mask, text), "{} should match {text}", test.mask);
        }
        for text in &test.fails {
            assert!(!mask::matches(&test.mask, text), "{} should not match {text}", test.mask);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Userhost {
    source: String,
    atoms: UserhostAtoms,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserhostAtoms {
    nick: String,
    user: Option<String>,
    host: Option<String>,
}

#[test]
fn sources_split_into_nick_user_and_host() {
    for test in tests::<Userhost>(include_str!("vectors/userhost-split.yaml"), 7) {
        let source = Source::parse(&test.source);
        assert_eq!(source.nick, test.atoms.nick, "{}", test.source);
        assert_eq!(source.user, test.atoms.user.as_deref(), "{}", test.source);
        assert_eq!(source.host, test.atoms.host.as_deref(), "{}", test.source);
    }
}
