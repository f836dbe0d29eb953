//! The login's conversation, with a real SCRAM server on the other side.

use proto::scram::{Keys, ScramServer};

use super::*;
use crate::limits::{ITERATIONS_MIN, OFFER_BYTES};
use proto::sasl::Progress;

const OFFER: &str = "CAP * LS :message-tags server-time batch standard-replies account-tag \
    draft/chathistory sasl=PLAIN,SCRAM-SHA-256 echo-message";

fn login(user: Option<&str>, password: Option<&str>) -> Login {
    let text = |value: Option<&str>| value.map(str::to_owned);
    Login::new(
        Credentials { user: text(user), password: text(password), server_password: None },
        true,
    )
}

/// What comes next, and the lines sent.
#[derive(Debug, PartialEq)]
struct Reaction(Next, Vec<String>);

/// What one line leads to, and the lines sent in answer.
fn receive(login: &mut Login, line: &str) -> Reaction {
    let mut out = Vec::new();
    let next = login.receive(&Message::parse(line).unwrap(), &mut out);
    Reaction(next, lines(&out))
}

fn answer(login: &mut Login, question: Question, text: &str) -> Reaction {
    let mut out = Vec::new();
    let next = login.answer(question, text, &mut out);
    Reaction(next, lines(&out))
}

fn lines(out: &[u8]) -> Vec<String> {
    std::str::from_utf8(out).unwrap().split_terminator("\r\n").map(str::to_owned).collect()
}

fn wait(sent: &[&str]) -> Reaction {
    Reaction(Ok(Step::Wait), sent.iter().map(|line| (*line).to_owned()).collect())
}

fn ask(question: Question) -> Reaction {
    Reaction(Ok(Step::Ask(question, None)), Vec::new())
}

fn again(question: Question, because: &str) -> Reaction {
    Reaction(Ok(Step::Ask(question, Some(because.to_owned()))), Vec::new())
}

/// Up to the acknowledged capabilities; gives what follows.
fn begin(login: &mut Login) -> Reaction {
    let mut out = Vec::new();
    login.start("nonce", &mut out);
    assert_eq!(lines(&out), ["CAP LS 302"]);
    let wanted =
        "message-tags server-time batch standard-replies account-tag draft/chathistory sasl";
    assert_eq!(receive(login, OFFER), wait(&[&format!("CAP REQ :{wanted}")]));
    receive(login, &format!("CAP * ACK :{wanted}"))
}

/// The SCRAM exchange with a server that keeps the keys of `password`; gives what follows the server's proof.
fn scram(login: &mut Login, password: &str, prove: bool) -> Reaction {
    let keys = Keys::derive(password, [7; 16], ITERATIONS_MIN);
    let decode = |lines: &[String]| {
        let mut chunks = Chunks::default();
        for line in lines {
            let chunk = line.strip_prefix("AUTHENTICATE ").unwrap();
            if let Progress::Done(bytes) = chunks.push(chunk).unwrap() {
                return bytes;
            }
        }
        panic!("the message does not end: {lines:?}");
    };
    let encode = |bytes: &[u8]| format!("AUTHENTICATE {}", proto::sasl::encode_chunks(bytes)[0]);
    let Reaction(_, first) = receive(login, "AUTHENTICATE +");
    let mut server = ScramServer::start(&decode(&first)).unwrap();
    assert_eq!(server.user(), "ann");
    let Reaction(_, last) = receive(login, &encode(&server.challenge(&keys, "server-nonce")));
    match server.finish(&decode(&last)) {
        Ok(proof) if prove => receive(login, &encode(&proof)),
        Ok(_) => receive(login, "AUTHENTICATE dj1BQUFB"),
        Err(_) => receive(login, ":parlor 904 ann :SASL authentication failed: wrong password"),
    }
}

fn to_scram(login: &mut Login) {
    begin(login);
    assert_eq!(
        receive(login, "NOTE LOGIN PASSWORD_REQUIRED ann :Enter user's password:"),
        wait(&[""])
    );
    assert_eq!(receive(login, "NOTE LOGIN CANCELLED :Cancelled"), ask(Question::Password));
}

const TO_WELCOME: [&str; 3] = ["NICK ann", "USER ann 0 * :ann", "CAP END"];

#[test]
fn an_existing_user_logs_in_by_scram() {
    let mut login = login(None, None);
    assert_eq!(begin(&mut login), ask(Question::Username));
    assert_eq!(answer(&mut login, Question::Username, " ann "), wait(&["LOGIN ann"]));
    assert_eq!(
        receive(&mut login, "NOTE LOGIN PASSWORD_REQUIRED ann :Enter user's password:"),
        wait(&[""])
    );
    assert_eq!(receive(&mut login, "NOTE LOGIN CANCELLED :Cancelled"), ask(Question::Password));
    let Reaction(next, sent) = answer(&mut login, Question::Password, "secret");
    assert_eq!(Reaction(next, sent), wait(&["AUTHENTICATE SCRAM-SHA-256"]));
    assert_eq!(scram(&mut login, "secret", true), wait(&["AUTHENTICATE +"]));
    assert_eq!(receive(&mut login, ":parlor 900 ann ann!ann@parlor ann :Logged in"), wait(&[]));
    assert_eq!(receive(&mut login, ":parlor 903 ann :Success"), wait(&TO_WELCOME));
    assert_eq!(receive(&mut login, ":parlor 001 ann :Welcome").0, Ok(Step::Done));
}

#[test]
fn a_new_user_chooses_a_password_twice() {
    let mut login = login(Some("ann"), None);
    assert_eq!(begin(&mut login), wait(&["LOGIN ann"]));
    assert_eq!(
        receive(&mut login, "NOTE LOGIN NEW_USER ann :Enter Password:"),
        ask(Question::NewPassword)
    );
    assert!(matches!(
        answer(&mut login, Question::NewPassword, "").0,
        Ok(Step::Ask(Question::NewPassword, Some(_)))
    ));
    assert_eq!(answer(&mut login, Question::NewPassword, " secret"), ask(Question::RepeatPassword));
    assert_eq!(
        answer(&mut login, Question::RepeatPassword, "secret"),
        again(Question::NewPassword, "The passwords do not match.")
    );
    assert_eq!(answer(&mut login, Question::NewPassword, " secret"), ask(Question::RepeatPassword));
    assert_eq!(answer(&mut login, Question::RepeatPassword, " secret"), wait(&[" secret"]));
    let Reaction(next, sent) = receive(&mut login, "NOTE LOGIN ACCOUNT_CREATED ann :Welcome");
    assert_eq!((next, sent), (Ok(Step::Created), vec![]), "it must not come online");
}

#[test]
fn a_new_password_has_4_to_600_bytes() {
    let mut login = login(Some("ann"), None);
    begin(&mut login);
    receive(&mut login, "NOTE LOGIN NEW_USER ann :Enter Password:");
    let (longest, too_long) = ("x".repeat(600), "x".repeat(601));
    for refused in [&too_long, "", "abc"] {
        assert_eq!(
            answer(&mut login, Question::NewPassword, refused),
            again(Question::NewPassword, "A password needs 4 to 600 bytes, without line breaks.")
        );
    }
    answer(&mut login, Question::NewPassword, &longest);
    assert_eq!(answer(&mut login, Question::RepeatPassword, &longest), wait(&[&longest]));
}

#[test]
fn a_wrong_password_may_be_tried_twice_again() {
    let mut login = login(Some("ann"), None);
    to_scram(&mut login);
    for _ in 0..2 {
        answer(&mut login, Question::Password, "wrong");
        assert_eq!(scram(&mut login, "secret", true), again(Question::Password, "wrong password"));
    }
    answer(&mut login, Question::Password, "wrong");
    let refused = LoginError::Refused("ann could not log in: wrong password".to_owned());
    assert_eq!(scram(&mut login, "secret", true).0, Err(refused));
}

#[test]
fn the_right_password_after_a_wrong_one_lets_in() {
    let mut login = login(Some("ann"), None);
    to_scram(&mut login);
    answer(&mut login, Question::Password, "wrong");
    scram(&mut login, "secret", true);
    answer(&mut login, Question::Password, "secret");
    assert_eq!(scram(&mut login, "secret", true), wait(&["AUTHENTICATE +"]));
    assert_eq!(receive(&mut login, ":parlor 903 ann :Success"), wait(&TO_WELCOME));
}

/// The server wants a code with the password; `taken` is the one that it accepts.
fn scram_with_code(login: &mut Login, taken: &str) -> (Option<String>, Reaction) {
    let keys = Keys::derive("secret", [7; 16], ITERATIONS_MIN);
    let decode = |line: &str| {
        let mut chunks = Chunks::default();
        match chunks.push(line.strip_prefix("AUTHENTICATE ").unwrap()).unwrap() {
            Progress::Done(bytes) => bytes,
            Progress::More => panic!("the message does not end: {line}"),
        }
    };
    let encode = |bytes: &[u8]| format!("AUTHENTICATE {}", proto::sasl::encode_chunks(bytes)[0]);
    let Reaction(_, first) = receive(login, "AUTHENTICATE +");
    let mut server = ScramServer::start(&decode(&first[0])).unwrap();
    let Reaction(_, last) = receive(login, &encode(&server.challenge(&keys, "server-nonce")));
    let proof = server.finish(&decode(&last[0])).unwrap();
    let code = server.code().map(str::to_owned);
    let reaction = match &code {
        Some(code) if code == taken => receive(login, &encode(&proof)),
        Some(_) => receive(login, ":parlor 904 ann :SASL authentication failed: wrong code"),
        None => {
            assert_eq!(
                receive(login, "FAIL AUTHENTICATE CODE_REQUIRED ann :A code, too"),
                wait(&[])
            );
            receive(login, ":parlor 904 ann :SASL authentication failed: a code, too")
        }
    };
    (code, reaction)
}

#[test]
fn the_code_of_a_second_factor_is_asked_for_behind_the_password() {
    let mut login = login(Some("ann"), None);
    to_scram(&mut login);
    answer(&mut login, Question::Password, "secret");
    assert_eq!(scram_with_code(&mut login, "123456"), (None, ask(Question::Code)));
    assert_eq!(
        answer(&mut login, Question::Code, "654 321"),
        wait(&["AUTHENTICATE SCRAM-SHA-256"])
    );
    let (code, reaction) = scram_with_code(&mut login, "123456");
    assert_eq!(code.as_deref(), Some("654321"));
    assert_eq!(reaction, again(Question::Code, "wrong code"));
    answer(&mut login, Question::Code, "123456");
    assert_eq!(scram_with_code(&mut login, "123456").1, wait(&["AUTHENTICATE +"]));
    assert_eq!(receive(&mut login, ":parlor 903 ann :Success"), wait(&TO_WELCOME));
    assert_eq!(receive(&mut login, ":parlor 001 ann :Welcome").0, Ok(Step::Done));
    // After a break a code is asked for, too: the last one is good no more.
    begin(&mut login);
    receive(&mut login, "NOTE LOGIN PASSWORD_REQUIRED ann :Enter user's password:");
    receive(&mut login, "NOTE LOGIN CANCELLED :Cancelled");
    assert_eq!(scram_with_code(&mut login, "123456"), (None, ask(Question::Code)));
}

#[test]
fn an_invitation_is_shown_and_asked_for_where_it_is_needed() {
    let mut invited = login(Some("ann"), None);
    invited.invitation = Some("abcd-efgh-ijkl".to_owned());
    let shown = ["INVITATION USE :abcd-efgh-ijkl", "LOGIN ann"];
    assert_eq!(begin(&mut invited), wait(&shown));
    assert_eq!(receive(&mut invited, "NOTE INVITATION ACCEPTED :You are invited"), wait(&[]));
    let new = "NOTE LOGIN NEW_USER ann :Enter Password:";
    assert_eq!(receive(&mut invited, new), ask(Question::NewPassword));

    let mut login = login(Some("ann"), None);
    begin(&mut login);
    let needed = "NOTE LOGIN INVITATION_REQUIRED ann :Enter invitation code:";
    let Reaction(next, sent) = receive(&mut login, needed);
    assert_eq!((next, sent), (Ok(Step::Ask(Question::Invitation, None)), vec![String::new()]));
    let shown = wait(&["INVITATION USE :wrong", "LOGIN ann"]);
    assert_eq!(answer(&mut login, Question::Invitation, " wrong "), shown);
    receive(&mut login, "NOTE LOGIN CANCELLED :Cancelled");
    receive(&mut login, "FAIL INVITATION NO_SUCH_INVITATION :There is no such invitation");
    let Reaction(next, _) = receive(&mut login, needed);
    let because = Some("There is no such invitation".to_owned());
    assert_eq!(next, Ok(Step::Ask(Question::Invitation, because)));
}

#[test]
fn the_error_for_a_script_without_an_invitation_says_how_to_give_one() {
    let mut login =
        Login::new(Credentials { user: Some("ann".to_owned()), ..Credentials::default() }, false);
    begin(&mut login);
    let needed = "NOTE LOGIN INVITATION_REQUIRED ann :Enter invitation code:";
    let Err(LoginError::Refused(why)) = receive(&mut login, needed).0 else { panic!("refused") };
    assert!(why.contains("--invite"), "{why}");
}

#[test]
fn a_server_that_cannot_prove_itself_is_refused() {
    let mut liar = login(Some("ann"), None);
    to_scram(&mut liar);
    answer(&mut liar, Question::Password, "secret");
    assert!(matches!(scram(&mut liar, "secret", false).0, Err(LoginError::Refused(_))));

    let mut hasty = login(Some("ann"), None);
    to_scram(&mut hasty);
    answer(&mut hasty, Question::Password, "secret");
    let keys = Keys::derive("whatever", [7; 16], ITERATIONS_MIN);
    let Reaction(_, first) = receive(&mut hasty, "AUTHENTICATE +");
    let mut chunks = Chunks::default();
    let Progress::Done(first) = chunks.push(&first[0]["AUTHENTICATE ".len()..]).unwrap() else {
        panic!()
    };
    let challenge = ScramServer::start(&first).unwrap().challenge(&keys, "server-nonce");
    receive(&mut hasty, &format!("AUTHENTICATE {}", proto::sasl::encode_chunks(&challenge)[0]));
    assert!(matches!(
        receive(&mut hasty, ":parlor 903 ann :Success").0,
        Err(LoginError::Refused(_))
    ));
}

#[test]
fn logging_in_again_asks_nothing_and_never_sends_the_password_itself() {
    let mut login = login(Some("ann"), Some("secret"));
    login.may_register = true;
    assert_eq!(begin(&mut login), wait(&["LOGIN ann"]));
    assert_eq!(receive(&mut login, "NOTE LOGIN NEW_USER ann :Enter Password:"), wait(&["secret"]));
    assert_eq!(receive(&mut login, "NOTE LOGIN ACCOUNT_CREATED ann :Welcome").0, Ok(Step::Created));

    begin(&mut login);
    receive(&mut login, "NOTE LOGIN PASSWORD_REQUIRED ann :Enter user's password:");
    assert_eq!(
        receive(&mut login, "NOTE LOGIN CANCELLED :x"),
        wait(&["AUTHENTICATE SCRAM-SHA-256"])
    );
    assert_eq!(scram(&mut login, "secret", true), wait(&["AUTHENTICATE +"]));
    receive(&mut login, ":parlor 903 ann :Success");
    assert_eq!(receive(&mut login, ":parlor 001 ann :Welcome").0, Ok(Step::Done));

    begin(&mut login);
    let Reaction(next, sent) = receive(&mut login, "NOTE LOGIN NEW_USER ann :Enter Password:");
    assert!(matches!(next, Err(LoginError::Refused(_))), "{next:?}");
    assert_eq!(sent, Vec::<String>::new());
}

/// A server without SASL, as it may stand in the place of another one.
fn meets_one_without_sasl(login: &mut Login) -> Reaction {
    login.any_server = true;
    login.start("nonce", &mut Vec::new());
    receive(login, ":irc.example 421 * CAP :Unknown command")
}

#[test]
fn where_scram_was_seen_nobody_gets_the_password_itself() {
    let with_password = || login(Some("ann"), Some("secret"));
    let irc = ["PASS :secret", "NICK ann", "USER ann 0 * :ann", "CAP END"];
    let mut elsewhere = with_password();
    assert_eq!(meets_one_without_sasl(&mut elsewhere), wait(&irc), "it never had SCRAM");
    assert_eq!(receive(&mut elsewhere, ":irc.example 001 ann :Welcome").0, Ok(Step::Done));
    assert_eq!(meets_one_without_sasl(&mut elsewhere), wait(&irc), "nor has it later");

    let mut of_this_run = with_password();
    begin(&mut of_this_run);
    let mut of_the_file = with_password();
    of_the_file.iterations_seen.insert("bob".to_owned(), 600_000);
    let mut of_a_remembered_login = with_password();
    of_a_remembered_login.scram_seen = true;
    for mut login in [of_this_run, of_the_file, of_a_remembered_login] {
        let Reaction(next, sent) = meets_one_without_sasl(&mut login);
        let Err(LoginError::Refused(why)) = next else { panic!("{next:?}") };
        assert!(why.contains("no longer offers SCRAM") && why.ends_with("not sent."), "{why}");
        assert_eq!(sent, Vec::<String>::new());
        // The same without SASL among other capabilities.
        login.start("nonce", &mut Vec::new());
        let Reaction(next, sent) = receive(&mut login, ":irc.example CAP * LS :multi-prefix");
        assert!(matches!(next, Err(LoginError::Refused(_))), "{next:?}");
        assert_eq!(sent, Vec::<String>::new());
    }
}

#[test]
fn an_account_that_is_gone_is_not_made_again_with_the_password_itself() {
    let gone = "NOTE LOGIN NEW_USER ann :Enter Password:";
    let mut given = login(Some("ann"), Some("secret"));
    given.may_register = true;
    given.iterations_seen.insert("ann".to_owned(), 600_000);
    begin(&mut given);
    let Reaction(next, sent) = receive(&mut given, gone);
    let Err(LoginError::Refused(why)) = next else { panic!("{next:?}") };
    assert!(why.contains("no longer has an account ann") && why.contains("known_hosts"), "{why}");
    assert_eq!(sent, Vec::<String>::new());
    // A person is warned, and may choose another one.
    let mut typed = login(Some("ann"), None);
    typed.iterations_seen.insert("ann".to_owned(), 600_000);
    begin(&mut typed);
    let Reaction(next, sent) = receive(&mut typed, gone);
    let Ok(Step::Ask(Question::NewPassword, Some(why))) = next else { panic!("{next:?}") };
    assert!(why.contains("no longer has an account ann"), "{why}");
    assert_eq!(sent, Vec::<String>::new());
}

#[test]
fn bad_names_are_asked_for_again_with_the_reason() {
    let mut login = login(Some("9lives"), None);
    assert!(matches!(begin(&mut login).0, Ok(Step::Ask(Question::Username, Some(_)))));
    assert!(matches!(
        answer(&mut login, Question::Username, "a b").0,
        Ok(Step::Ask(Question::Username, Some(_)))
    ));
    assert_eq!(answer(&mut login, Question::Username, "ann"), wait(&["LOGIN ann"]));
    let no = "FAIL LOGIN NAME_IN_USE ann :A guest is using that name";
    assert_eq!(receive(&mut login, no), again(Question::Username, "A guest is using that name"));
}

#[test]
fn a_script_is_asked_once() {
    let nobody_there = |user: Option<&str>| {
        let user = user.map(str::to_owned);
        Login::new(Credentials { user, ..Credentials::default() }, false)
    };
    assert!(matches!(begin(&mut nobody_there(Some("9lives"))).0, Err(LoginError::Refused(_))));
    let mut login = nobody_there(Some("ann"));
    begin(&mut login);
    receive(&mut login, "NOTE LOGIN NEW_USER ann :Enter Password:");
    assert_eq!(answer(&mut login, Question::NewPassword, "secret"), wait(&["secret"]));
    let mut login = nobody_there(Some("ann"));
    to_scram(&mut login);
    answer(&mut login, Question::Password, "wrong");
    assert!(matches!(scram(&mut login, "secret", true).0, Err(LoginError::Refused(_))));
}

#[test]
fn the_servers_own_password_is_asked_for_and_kept() {
    let mut login = login(Some("ann"), None);
    begin(&mut login);
    let required = "FAIL LOGIN SERVER_PASSWORD_REQUIRED :Send PASS and that password first";
    assert_eq!(
        receive(&mut login, required),
        again(Question::ServerPassword, "This server requires a server password.")
    );
    assert_eq!(
        answer(&mut login, Question::ServerPassword, "guess"),
        wait(&["PASS :guess", "LOGIN ann"])
    );
    assert_eq!(
        receive(&mut login, required),
        again(Question::ServerPassword, "That is not the server password.")
    );
    assert_eq!(
        answer(&mut login, Question::ServerPassword, "open sesame"),
        wait(&["PASS :open sesame", "LOGIN ann"])
    );
    assert_eq!(begin(&mut login), wait(&["PASS :open sesame", "LOGIN ann"]));
}

#[test]
fn other_servers_are_distinguished_from_busy_ones() {
    let first_word = |line: &str| {
        let mut login = login(None, None);
        login.start("nonce", &mut Vec::new());
        receive(&mut login, line).0
    };
    for line in [
        "HTTP/1.1 400 Bad Request",
        "220 mail.example ESMTP",
        "SSH-2.0-OpenSSH",
        "CAP * LS :message-tags",
        "CAP * LS :message-tags server-time batch standard-replies account-tag draft/chathistory sasl=PLAIN",
        ":irc.example 421 * CAP :Unknown command",
    ] {
        assert!(
            matches!(first_word(line), Err(LoginError::NotParlor(_))),
            "{line}: {:?}",
            first_word(line)
        );
    }
    assert_eq!(first_word(":irc.example NOTICE * :Looking up your hostname"), Ok(Step::Wait));
    assert_eq!(
        first_word("ERROR :Too many connections"),
        Err(LoginError::Later("Too many connections".to_owned()))
    );
    let mut login = login(Some("ann"), None);
    begin(&mut login);
    let busy = LoginError::Later("Try again in a moment".to_owned());
    assert_eq!(receive(&mut login, "FAIL LOGIN BUSY ann :Try again in a moment").0, Err(busy));
    let silent = LoginError::Later("No answer".to_owned());
    assert_eq!(receive(&mut login, "FAIL AUTHENTICATE LOG_UNAVAILABLE :No answer").0, Err(silent));
}

#[test]
fn a_list_of_capabilities_may_take_several_lines() {
    let mut login = login(None, None);
    login.start("nonce", &mut Vec::new());
    let first = "CAP * LS * :message-tags server-time batch standard-replies";
    assert_eq!(receive(&mut login, first), wait(&[]));
    let Reaction(next, sent) =
        receive(&mut login, "CAP * LS :account-tag draft/chathistory sasl=SCRAM-SHA-256");
    assert_eq!((next, sent.len()), (Ok(Step::Wait), 1));
}

/// What follows the list of capabilities with `offer` in it.
fn offered(offer: &str, is_plaintext: bool) -> Next {
    let mut login = login(Some("ann"), None);
    login.is_plaintext = is_plaintext;
    login.start("nonce", &mut Vec::new());
    receive(&mut login, &format!("{OFFER} {offer}")).0
}

#[test]
fn a_server_that_wants_encryption_is_not_talked_to_in_plaintext() {
    let sentence =
        "The server accepts only encrypted connections: omit --plaintext and use port 6697.";
    let refused = Err(LoginError::Refused(sentence.to_owned()));
    assert_eq!(offered("sts=port=6697", true), refused);
    assert_eq!(offered("sts=duration=1,port=6697,preload", true), refused);
    // Without a port it is for those who are encrypted already, and the port is a number.
    for other in ["sts=duration=1", "sts=port=x", "sts=port=70000", "sts", "xsts=port=6697", ""] {
        assert_eq!(offered(other, true), Ok(Step::Wait), "{other}");
    }
    assert_eq!(offered("sts=port=6697", false), Ok(Step::Wait));
}

#[test]
fn a_server_that_takes_no_passwords_in_plaintext_is_quoted_with_the_remedy() {
    for (is_plaintext, sentence) in [
        (true, "Not without encryption. Try without --plaintext."),
        (false, "not without encryption"),
    ] {
        let mut login = login(Some("ann"), None);
        login.is_plaintext = is_plaintext;
        begin(&mut login);
        let refused =
            receive(&mut login, "FAIL LOGIN ENCRYPTION_REQUIRED :not without encryption").0;
        assert_eq!(refused, Err(LoginError::Refused(sentence.to_owned())));
    }
}

#[test]
fn a_script_registers_a_name_only_with_register() {
    let new_name = "NOTE LOGIN NEW_USER ann :Enter Password:";
    let refused = Reaction(Err(LoginError::NoAccount("ann".to_owned())), Vec::new());
    let script = |password: Option<&str>| {
        let password = password.map(str::to_owned);
        let user = Some("ann".to_owned());
        Login::new(Credentials { user, password, server_password: None }, false)
    };
    for mut login in [script(None), script(Some("secret")), login(Some("ann"), Some("secret"))] {
        begin(&mut login);
        assert_eq!(receive(&mut login, new_name), refused);
    }
    let mut wished = script(None);
    wished.may_register = true;
    begin(&mut wished);
    assert_eq!(receive(&mut wished, new_name), ask(Question::NewPassword));
    assert_eq!(answer(&mut wished, Question::NewPassword, "secret"), wait(&["secret"]));
}

#[test]
fn a_new_password_that_the_server_does_not_take_is_asked_for_again() {
    let mut login = login(Some("ann"), None);
    begin(&mut login);
    receive(&mut login, "NOTE LOGIN NEW_USER ann :Enter Password:");
    answer(&mut login, Question::NewPassword, "QUIT");
    assert_eq!(answer(&mut login, Question::RepeatPassword, "QUIT"), wait(&["QUIT"]));
    let no = "FAIL LOGIN BAD_PASSWORD ann :This looks like a command";
    assert_eq!(receive(&mut login, no), again(Question::NewPassword, "This looks like a command"));
    answer(&mut login, Question::NewPassword, "long enough");
    assert_eq!(answer(&mut login, Question::RepeatPassword, "long enough"), wait(&["long enough"]));
}

/// The iterations of a client that knows `seen` when the server asks for `asked`, or why it refuses.
fn prove(asked: u32, seen: u32, allow_weak: bool) -> Result<Option<u32>, String> {
    let mut login = login(Some("Ann"), Some("secret"));
    login.allow_weak_scram = allow_weak;
    login.iterations_seen.insert("ann".to_owned(), seen);
    login.stage = Stage::ScramStart;
    let keys = Keys::derive("secret", [7; 16], asked);
    let Reaction(_, first) = receive(&mut login, "AUTHENTICATE +");
    let decode = |line: &str| {
        let mut chunks = Chunks::default();
        match chunks.push(line.strip_prefix("AUTHENTICATE ").unwrap()).unwrap() {
            Progress::Done(bytes) => bytes,
            Progress::More => panic!("{line}"),
        }
    };
    let encode = |bytes: &[u8]| format!("AUTHENTICATE {}", proto::sasl::encode_chunks(bytes)[0]);
    let mut server = ScramServer::start(&decode(&first[0])).unwrap();
    let Reaction(next, sent) =
        receive(&mut login, &encode(&server.challenge(&keys, "server-nonce")));
    if let Err(error) = next {
        assert!(sent.is_empty(), "it is not given away: {sent:?}");
        return Err(error.to_string());
    }
    assert_eq!(login.iterations, None, "the server has not proved itself yet");
    receive(&mut login, &encode(&server.finish(&decode(&sent[0])).unwrap()));
    Ok(login.iterations)
}

#[test]
fn a_password_is_not_proved_in_a_way_that_gives_it_away() {
    assert_eq!(prove(100_000, 0, false), Ok(Some(100_000)));
    assert_eq!(prove(200_000, 200_000, false), Ok(Some(200_000)));
    assert_eq!(prove(200_000, 100_000, false), Ok(Some(200_000)), "more is always good");
    let weak = prove(99_999, 0, false).unwrap_err();
    assert!(weak.contains("--allow-weak-scram"), "{weak}");
    assert!(prove(4096, 4096, false).is_err());
    let fewer = prove(100_000, 100_001, false).unwrap_err();
    assert!(fewer.contains("100001 before") && fewer.contains("known_hosts"), "{fewer}");
    assert!(!fewer.contains("--allow-weak-scram"), "{fewer}");
    assert_eq!(prove(4096, 0, true), Ok(Some(4096)));
    assert_eq!(prove(4096, 600_000, true), Ok(Some(4096)));
}

#[test]
fn a_script_marks_itself_as_unattended_if_the_server_supports_it() {
    let login = |interactive| {
        let user = Some("ann".to_owned());
        Login::new(Credentials { user, ..Credentials::default() }, interactive)
    };
    let offered = format!("{OFFER} draft/pre-away");
    let mut out = Vec::new();
    for interactive in [false, true] {
        let mut login = login(interactive);
        login.start("nonce", &mut out);
        let Reaction(_, asked) = receive(&mut login, &offered);
        assert_eq!(asked[0].ends_with(" draft/pre-away"), !interactive, "{asked:?}");
        let acknowledged = receive(&mut login, &asked[0].replacen("REQ", "* ACK", 1));
        let expected: &[&str] = if interactive { &["LOGIN ann"] } else { &["AWAY *", "LOGIN ann"] };
        assert_eq!(acknowledged, wait(expected));
    }
    assert_eq!(begin(&mut login(false)), wait(&["LOGIN ann"]), "where it is not offered");
}

#[test]
fn a_list_of_capabilities_without_end_is_no_parlor_server() {
    let mut login = login(Some("ann"), None);
    login.start("nonce", &mut Vec::new());
    let line = format!("CAP * LS * :{}", "x".repeat(400));
    let ending = (0..).map(|_| receive(&mut login, &line)).find(|reaction| reaction.0.is_err());
    assert!(matches!(ending.unwrap().0, Err(LoginError::NotParlor(_))));
    assert!(login.offered.len() < 2 * OFFER_BYTES);
}
