//! What lines from the server mean to the client, in the order in which a session meets them.

use std::time::Duration;

use super::*;
use crate::entry::Place;

fn state() -> State {
    let mut state = State::new("prefix");
    state.set_me("ann");
    assert_eq!(take(&mut state, ":ann!ann@parlor JOIN #lobby"), []);
    assert_eq!(take(&mut state, ":parlor NOTE BM TEXT_REQUIRED :Enter the message:"), []);
    assert_eq!(take(&mut state, ":parlor NOTE BM CANCELLED :Cancelled"), []);
    state
}

fn take(state: &mut State, line: &str) -> Vec<Happening> {
    state.receive(&Message::parse(line).expect(line))
}

fn said(msgid: &str, second: u32, text: &str) -> String {
    format!(
        "@msgid={msgid};time=2026-11-22T14:02:{second:02}.000Z :bob!bob@parlor PRIVMSG #lobby :{text}"
    )
}

/// The texts of the messages to show.
fn shown(happenings: &[Happening]) -> Vec<&str> {
    fn text(happening: &Happening) -> Option<&str> {
        match happening {
            Happening::Entry(entry) => Some(&entry.text),
            _ => None,
        }
    }
    happenings.iter().filter_map(text).collect()
}

fn place(happenings: &[Happening]) -> &Place {
    match happenings {
        [Happening::Entry(entry)] => &entry.place,
        other => panic!("no message: {other:?}"),
    }
}

fn submit(state: &mut State, to: Option<&str>, text: &str) -> String {
    let mut out = Vec::new();
    state.submit(to, text, &mut out);
    String::from_utf8(out).unwrap()
}

fn resubmitted(state: &mut State) -> String {
    let mut out = Vec::new();
    state.resubmit(&mut out);
    String::from_utf8(out).unwrap()
}

fn verdict(happenings: &[Happening]) -> (&str, &Verdict) {
    match happenings {
        [Happening::Answer(Answer::Settled(message, verdict))] => (&message.text, verdict),
        other => panic!("no verdict: {other:?}"),
    }
}

#[test]
fn the_same_msgid_is_shown_once() {
    let mut state = state();
    assert_eq!(shown(&take(&mut state, &said("m1", 5, "hello"))), ["hello"]);
    assert_eq!(take(&mut state, &said("m1", 5, "hello")), []);
    assert_eq!(shown(&take(&mut state, &said("m2", 6, "hello"))), ["hello"]);
}

#[test]
fn the_first_own_join_names_the_lobby_and_others_are_told_of() {
    let mut state = state();
    assert_eq!(take(&mut state, ":ann!ann@parlor JOIN #rust"), []);
    let tell = |state: &mut State, line| match take(state, line).pop() {
        Some(Happening::Presence(sentence)) => sentence,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(tell(&mut state, ":bob!bob@parlor JOIN #lobby"), "bob joined");
    assert_eq!(tell(&mut state, ":bob!bob@parlor JOIN #rust"), "bob joined #rust");
    assert_eq!(tell(&mut state, ":bob!bob@parlor PART #rust :bye"), "bob left #rust (bye)");
    assert_eq!(tell(&mut state, ":bob!bob@parlor QUIT :gone"), "bob left (gone)");
    assert_eq!(
        tell(&mut state, ":bob!bob@parlor KICK #rust eve :spam"),
        "bob removed eve from #rust (spam)"
    );
    assert_eq!(tell(&mut state, ":bob!bob@parlor TOPIC #lobby :tea"), "bob set the topic: tea");
    let invited = tell(&mut state, ":bob!bob@parlor INVITE ann #tea");
    assert_eq!(invited, "bob invites you to the room #tea");
    let removed = tell(&mut state, ":bob!bob@parlor KICK #rust Ann :spam");
    assert_eq!(removed, "bob removed you from #rust (spam)");
    assert_eq!(place(&take(&mut state, &said("m1", 1, "x"))), &Place::Lobby);
}

#[test]
fn where_there_is_no_lobby_the_first_room_is_a_room() {
    let mut state = State::new("prefix");
    state.set_me("ann");
    assert_eq!(take(&mut state, ":ann!ann@parlor JOIN #lobby"), []);
    assert_eq!(take(&mut state, ":parlor FAIL BM NO_LOBBY :This server has no lobby"), []);
    let room = Place::Room("#lobby".to_owned());
    assert_eq!(place(&take(&mut state, &said("m1", 1, "x"))), &room);
}

#[test]
fn a_message_stays_unconfirmed_until_the_servers_last_word() {
    let mut state = state();
    assert_eq!(submit(&mut state, None, "one"), "@+parlor/resend=prefix.0 BM :one\r\n");
    assert_eq!(submit(&mut state, Some("bob"), "two"), "@+parlor/resend=prefix.1 PM bob :two\r\n");
    assert_eq!(submit(&mut state, None, "three"), "@+parlor/resend=prefix.2 BM :three\r\n");
    assert_eq!(
        verdict(&take(&mut state, ":parlor NOTE BM SENT m1 :Sent")),
        ("one", &Verdict::Sent)
    );
    assert_eq!(
        resubmitted(&mut state),
        "@+parlor/resend=prefix.1 PM bob :two\r\n@+parlor/resend=prefix.2 BM :three\r\n"
    );
    assert_eq!(
        verdict(&take(&mut state, ":parlor NOTE PM STORED bob m2 :Kept")),
        ("two", &Verdict::Stored)
    );
    let refused =
        Verdict::Refused { code: "STORE_FAILED".to_owned(), sentence: "Disk full".to_owned() };
    assert_eq!(
        verdict(&take(&mut state, ":parlor FAIL BM STORE_FAILED :Disk full")),
        ("three", &refused)
    );
    assert_eq!((state.unconfirmed().len(), resubmitted(&mut state)), (0, String::new()));
}

#[test]
fn a_message_that_the_server_takes_later_keeps_its_id_and_waits_as_long() {
    let mut state = state();
    submit(&mut state, None, "one");
    submit(&mut state, Some("bob"), "two");
    submit(&mut state, None, "three");
    take(&mut state, ":parlor FAIL BM RATE_LIMITED 7 :You asked for too much");
    take(&mut state, ":parlor 263 ann PM :You have sent too much; try again in 12 seconds");
    assert_eq!(
        verdict(&take(&mut state, ":parlor NOTE BM SENT m3 :Sent")),
        ("three", &Verdict::Sent)
    );
    assert_eq!((state.unconfirmed().len(), state.put_off().len()), (0, 2));
    assert_eq!(state.put_off_for(), Some(Duration::from_secs(12)));
    assert_eq!(
        resubmitted(&mut state),
        "@+parlor/resend=prefix.0 BM :one\r\n@+parlor/resend=prefix.1 PM bob :two\r\n"
    );
    assert_eq!((state.unconfirmed().len(), state.put_off_for()), (2, None));
    // Nobody waits for hours.
    let refused = take(&mut state, ":parlor FAIL BM RATE_LIMITED 7000 :Not now");
    assert!(matches!(verdict(&refused), ("one", Verdict::Refused { .. })));
}

#[test]
fn confirmations_go_to_the_oldest_message_of_their_verb() {
    let mut state = state();
    submit(&mut state, None, "all");
    submit(&mut state, Some("bob"), "bob");
    assert_eq!(verdict(&take(&mut state, "NOTE PM SENT bob m1 :Sent")), ("bob", &Verdict::Sent));
    assert_eq!(verdict(&take(&mut state, "NOTE BM SENT m2 :Sent")), ("all", &Verdict::Sent));
    assert_eq!(take(&mut state, "NOTE BM SENT m3 :Sent"), [], "nothing was waiting");
}

#[test]
fn what_was_confirmed_is_not_shown_when_it_comes_with_the_missed_messages() {
    let mut state = state();
    submit(&mut state, None, "mine");
    take(&mut state, "NOTE BM SENT m1 :Sent");
    let line = "@msgid=m1 :ann!ann@parlor PRIVMSG #lobby :mine";
    assert_eq!(take(&mut state, line), []);
}

#[test]
fn a_refused_private_message_is_not_mistaken_for_the_list_of_users() {
    let mut state = state();
    submit(&mut state, Some("nobody"), "hi");
    let happenings = take(&mut state, "FAIL PM NO_SUCH_USER nobody :No such user");
    assert!(
        matches!(verdict(&happenings), ("hi", Verdict::Refused { code, .. }) if code == "NO_SUCH_USER")
    );
    let happenings = take(&mut state, "FAIL PM LOGIN_REQUIRED :Log in first");
    assert!(matches!(&happenings[..], [Happening::Answer(Answer::Refused { .. })]));
}

#[test]
fn who_is_online_is_collected_and_the_prompt_cancelled() {
    let mut state = state();
    let mut out = Vec::new();
    state.ask_online(&mut out);
    assert_eq!(out, b"PM\r\n\r\n");
    assert_eq!(take(&mut state, "NOTE PM ONLINE 3 :ann bob"), []);
    assert_eq!(take(&mut state, "NOTE PM ONLINE 3 :eve"), []);
    assert_eq!(take(&mut state, "NOTE PM USER_REQUIRED :Enter the user:"), []);
    let online = Answer::Online(vec!["ann bob".to_owned(), "eve".to_owned()]);
    assert_eq!(take(&mut state, "NOTE PM CANCELLED :Cancelled"), [Happening::Answer(online)]);
}

fn page_texts(happenings: &[Happening]) -> (Vec<&str>, Option<&str>) {
    match happenings {
        [Happening::Answer(Answer::Page { entries, oldest, .. })] => {
            (entries.iter().map(|entry| entry.text.as_str()).collect(), oldest.as_deref())
        }
        other => panic!("no page: {other:?}"),
    }
}

#[test]
fn a_page_of_history_is_whole_also_with_messages_that_were_seen() {
    let mut state = state();
    take(&mut state, &said("m2", 2, "two"));
    let mut out = Vec::new();
    state.ask_page("*", 20, Some("m9"), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "CH * 20 m9\r\n");
    assert_eq!(take(&mut state, "BATCH +b chathistory *"), []);
    assert_eq!(take(&mut state, &said("m1", 1, "one").replacen('@', "@batch=b;", 1)), []);
    // A live message in between is no part of the page.
    assert_eq!(shown(&take(&mut state, &said("m3", 3, "three"))), ["three"]);
    assert_eq!(take(&mut state, &said("m2", 2, "two").replacen('@', "@batch=b;", 1)), []);
    assert_eq!(take(&mut state, "BATCH -b"), []);
    let end = take(&mut state, "NOTE CH END * 2 m1 :End of history");
    assert_eq!(page_texts(&end), (vec!["one", "two"], Some("m1")));
    state.ask_page("*", 20, None, &mut Vec::new());
    assert_eq!(page_texts(&take(&mut state, "NOTE CH END * 0 * :End")), (vec![], None));
}

#[test]
fn batches_that_nobody_asked_for_are_live() {
    let mut state = state();
    take(&mut state, "BATCH +b chathistory bob");
    let line = "@batch=b;msgid=m1 :bob!bob@parlor PRIVMSG ann :while you were away";
    assert_eq!(shown(&take(&mut state, line)), ["while you were away"]);
    assert_eq!(take(&mut state, "BATCH -b"), []);
}

/// Of a message of several lines only the first has the msgid; the connection breaks after the second.
#[test]
fn each_line_of_a_message_of_several_is_shown_once() {
    let mut state = state();
    let further = |text: &str| said("m1", 1, text).replace("msgid=m1;", "");
    let lines = [said("m1", 1, "one"), further("same"), further("same"), said("m2", 1, "next")];
    assert_eq!(shown(&take(&mut state, &lines[0])), ["one"]);
    assert_eq!(shown(&take(&mut state, &lines[1])), ["same"]);
    state.begin_catch_up();
    state.ask_after("#lobby", "timestamp=a", 100, &mut Vec::new());
    take(&mut state, "BATCH +h chathistory #lobby");
    for line in &lines[..3] {
        take(&mut state, &line.replacen('@', "@batch=h;", 1));
    }
    let page = take(&mut state, "BATCH -h");
    let [Happening::Answer(Answer::Page { entries, newest, .. })] = &page[..] else {
        panic!("{page:?}")
    };
    assert_eq!(newest.as_deref(), Some("m1"), "where the next page begins");
    let new: Vec<bool> = entries.iter().map(|entry| state.take_missed(entry)).collect();
    assert_eq!(new, [false, false, true]);
    state.end_catch_up(None);
    assert_eq!(shown(&take(&mut state, &lines[3])), ["next"]);
}

#[test]
fn missed_messages_come_before_the_live_ones_and_each_once() {
    let mut state = state();
    take(&mut state, &said("m1", 1, "before the break"));
    let mark_ms = state.mark_ms();
    state.begin_catch_up();
    assert_eq!(take(&mut state, &said("m3", 3, "missed, and live")), []);
    assert_eq!(take(&mut state, &said("m4", 4, "live")), []);
    assert_eq!(state.mark_ms(), mark_ms, "another break now must fetch from the same place");

    state.ask_targets("timestamp=a", "timestamp=b", 100, &mut Vec::new());
    take(&mut state, "BATCH +t draft/chathistory-targets");
    take(&mut state, "@batch=t CHATHISTORY TARGETS #lobby 2026-11-22T14:02:03.000Z");
    let targets =
        Answer::Targets(vec![("#lobby".to_owned(), "2026-11-22T14:02:03.000Z".to_owned())]);
    assert_eq!(take(&mut state, "BATCH -t"), [Happening::Answer(targets)]);

    let mut out = Vec::new();
    state.ask_after("#lobby", "timestamp=a", 100, &mut out);
    assert_eq!(out, b"CHATHISTORY AFTER #lobby timestamp=a 100\r\n");
    take(&mut state, "BATCH +h chathistory #LOBBY");
    for line in [
        said("m1", 1, "before the break"),
        said("m2", 2, "missed"),
        said("m3", 3, "missed, and live"),
    ] {
        take(&mut state, &line.replacen('@', "@batch=h;", 1));
    }
    take(&mut state, "@batch=h;msgid=t1;+typing=done :bob!bob@parlor TAGMSG #lobby");
    let page = take(&mut state, "BATCH -h");
    let [Happening::Answer(Answer::Page { entries, newest, .. })] = &page[..] else {
        panic!("{page:?}")
    };
    assert_eq!(newest.as_deref(), Some("t1"), "where the next page begins");
    let new = entries.iter().filter(|entry| state.take_missed(entry));
    assert_eq!(
        new.map(|entry| entry.text.as_str()).collect::<Vec<_>>(),
        ["missed", "missed, and live"]
    );

    let held = state.end_catch_up(None);
    assert_eq!(held.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(), ["live"]);
    assert_eq!(state.mark_ms(), held[0].time_ms);
}

#[test]
fn a_break_while_catching_up_starts_over_without_losing_or_doubling() {
    let mut state = state();
    state.set_baseline(1000, &[]);
    state.begin_catch_up();
    take(&mut state, &said("m1", 1, "held, then lost with the connection"));
    state.ask_after("#lobby", "timestamp=a", 100, &mut Vec::new());
    take(&mut state, "BATCH +h chathistory #lobby");
    state.begin_catch_up();
    assert_eq!(take(&mut state, "BATCH -h"), [], "the old connection's batch is forgotten");
    assert_eq!((state.mark_ms(), state.end_catch_up(None).len()), (Some(1000), 0));
    assert_eq!(shown(&take(&mut state, &said("m1", 1, "again"))), ["again"]);
}

#[test]
fn memory_is_bounded_whatever_the_server_sends() {
    let mut state = state();
    state.begin_catch_up();
    for number in 0..HELD_MAX {
        assert_eq!(take(&mut state, &said(&format!("m{number}"), 1, "x")), []);
    }
    assert!(!state.must_fetch_more());
    assert_eq!(take(&mut state, &said("more", 1, "x")), []);
    assert!(state.must_fetch_more(), "none is lost");
    assert!(!state.must_fetch_more());
    assert_eq!(
        state.end_catch_up(None).len(),
        0,
        "and none is shown before those that were missed"
    );
    state.ask_page("*", 20, None, &mut Vec::new());
    take(&mut state, "BATCH +b chathistory *");
    for number in 0..PAGE_MAX + 5 {
        take(&mut state, &said(&format!("p{number}"), 1, "x").replacen('@', "@batch=b;", 1));
        take(&mut state, &format!("BATCH +more{number} chathistory *"));
        take(&mut state, "NOTE PM ONLINE 1 :ann");
    }
    assert_eq!(
        (state.page.len(), state.batches.len(), state.online.len()),
        (PAGE_MAX, BATCHES_MAX, ONLINE_MAX)
    );
}

#[test]
fn pings_are_answered_and_refusals_told() {
    let mut state = state();
    assert_eq!(take(&mut state, "PING :a b"), [Happening::Send(b"PONG :a b\r\n".to_vec())]);
    let told = |sentence: &str| vec![Happening::Notice(sentence.to_owned())];
    assert_eq!(take(&mut state, ":parlor 417 ann :Line too long"), told("Line too long"));
    assert_eq!(take(&mut state, ":parlor 422 ann :No MOTD"), []);
    assert_eq!(take(&mut state, ":parlor 332 ann #rust :topic"), []);
    assert_eq!(take(&mut state, ":parlor NOTICE ann :Maintenance"), told("Maintenance"));
    assert_eq!(take(&mut state, "FAIL * INVALID_UTF8 :Not UTF-8"), told("Not UTF-8"));
    assert_eq!(
        take(&mut state, "ERROR :Shutting down"),
        vec![Happening::Closing("Shutting down".to_owned())]
    );
    assert_eq!(take(&mut state, "NOTE EX BYE :Bye"), [Happening::Answer(Answer::Bye)]);
    let mut out = Vec::new();
    state.ask_page("x", 1, None, &mut out);
    let refused = Answer::Refused { code: "NO_SUCH_TARGET".to_owned(), sentence: "No".to_owned() };
    assert_eq!(take(&mut state, "FAIL CH NO_SUCH_TARGET x :No"), [Happening::Answer(refused)]);
}

#[test]
fn nonsense_from_the_server_is_harmless() {
    for line in [
        "BATCH",
        "BATCH +",
        "BATCH -x",
        "BATCH x",
        "NOTE",
        "NOTE BM",
        "NOTE PM SENT",
        "FAIL",
        "FAIL X",
    ] {
        take(&mut state(), line);
    }
    for line in
        ["JOIN", ":x JOIN", "CHATHISTORY TARGETS", "PING", "ERROR", ":x KICK #y", "PRIVMSG", "é 1"]
    {
        take(&mut state(), line);
    }
}

#[test]
fn who_was_thrown_out_is_told_by_whom_and_why() {
    let mut state = state();
    let killed = Happening::Killed { by: "boss".to_owned(), reason: "spam".to_owned() };
    assert_eq!(take(&mut state, ":boss!boss@parlor KILL ANN :spam"), [killed]);
    assert_eq!(take(&mut state, ":boss!boss@parlor KILL bob :spam"), []);
}

fn told(happenings: Vec<Happening>) -> Vec<String> {
    let tell = |happening| match happening {
        Happening::Presence(sentence) => sentence,
        other => panic!("{other:?}"),
    };
    happenings.into_iter().map(tell).collect()
}

#[test]
fn the_message_of_the_day_and_the_topic_are_told_once() {
    let mut state = State::new("prefix");
    state.set_me("ann");
    let log_in = |state: &mut State| {
        let lines = [
            ":parlor 375 ann :- parlor Message of the day - ",
            ":parlor 372 ann :Be kind",
            ":parlor 372 ann :",
            ":parlor 372 ann :and brief",
            ":parlor 376 ann :End of /MOTD command.",
            ":ann!ann@parlor JOIN #lobby",
            ":parlor 332 ann #lobby :tea",
            ":parlor 333 ann #lobby bob 1795348800",
        ];
        lines.into_iter().flat_map(|line| told(take(state, line))).collect::<Vec<_>>()
    };
    let first = ["Be kind", "", "and brief", "the topic of #lobby: tea"];
    assert_eq!(log_in(&mut state), first);
    assert!(log_in(&mut state).is_empty(), "nothing is new after a break");
    let changed = take(&mut state, ":parlor 332 ann #lobby :coffee");
    assert_eq!(told(changed), ["the topic of #lobby: coffee"]);
}

#[test]
fn what_was_not_told_at_the_login_is_asked_for() {
    let asked = |state: &mut State| {
        let mut out = Vec::new();
        state.ask_welcome(&mut out);
        String::from_utf8(out).unwrap()
    };
    let mut state = state();
    assert_eq!(asked(&mut state), "MOTD\r\nTOPIC #lobby\r\nPIN #lobby\r\n");
    take(&mut state, ":parlor 422 ann :There is no message of the day");
    assert_eq!(asked(&mut state), "PIN #lobby\r\n");
}

#[test]
fn what_is_taken_back_is_shown_again_without_its_text() {
    let mut state = state();
    take(&mut state, &said("m1", 5, "oops"));
    let [Happening::Entry(entry)] = &take(&mut state, ":bob!bob@parlor REDACT #lobby m1 :typo")[..]
    else {
        panic!("it was shown")
    };
    assert_eq!((entry.text.as_str(), entry.taken_back_by.as_deref()), ("", Some("bob")));
    assert_eq!((&entry.place, entry.author.as_str()), (&Place::Lobby, "bob"));
    let older = take(&mut state, ":eve!eve@parlor REDACT #lobby m0 :old");
    assert_eq!(told(older), ["eve deleted an older message"]);
}

#[test]
fn reactions_are_sentences() {
    let mut state = state();
    take(&mut state, &said("m1", 1, "hello"));
    for (line, sentence) in [
        (
            "@+draft/reply=m1;+draft/react=👍 :eve!e@s TAGMSG #lobby",
            "eve reacts to the message of bob with 👍",
        ),
        (
            "@+draft/reply=m1;+draft/unreact=👍 :eve!e@s TAGMSG #lobby",
            "eve no longer reacts to the message of bob with 👍",
        ),
        (
            "@+draft/reply=m0;+draft/react=🎉 :ann!a@s TAGMSG #lobby",
            "you react to an older message with 🎉",
        ),
    ] {
        assert_eq!(told(take(&mut state, line)), [sentence]);
    }
    assert_eq!(take(&mut state, "@+typing=active :eve!e@s TAGMSG #lobby"), []);
}

#[test]
fn rooms_are_listed_and_joined() {
    let mut state = state();
    let mut out = Vec::new();
    state.ask_rooms(&mut out);
    take(&mut state, ":parlor 322 ann #dev 3 :About code");
    let rooms = take(&mut state, ":parlor 323 ann :End");
    let dev = ["#dev", "3", "About code"].map(str::to_owned);
    assert_eq!(rooms, [Happening::Answer(Answer::Rooms(vec![dev]))]);
    state.ask_join("#dev", &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "LIST\r\nJOIN #dev\r\n");
    assert_eq!(take(&mut state, ":ann!ann@parlor JOIN #dev"), [Happening::Answer(Answer::Joined)]);
    let mut out = Vec::new();
    state.ask_join("#shut", &mut out);
    let refused = take(&mut state, ":parlor 473 ann #shut :Cannot join");
    assert!(matches!(&refused[..], [Happening::Answer(Answer::Refused { .. })]), "{refused:?}");
}

#[test]
fn what_is_taken_back_before_it_is_shown_is_never_shown() {
    let mut state = state();
    state.begin_catch_up();
    assert_eq!(take(&mut state, &said("m1", 5, "oops")), []);
    take(&mut state, ":bob!bob@parlor REDACT #lobby m1 :typo");
    let shown = state.end_catch_up(None);
    assert_eq!(shown.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(), [""]);
}

#[test]
fn a_room_is_left_when_the_server_says_so() {
    let mut state = state();
    let mut out = Vec::new();
    state.ask_part("#Rust", &mut out);
    assert_eq!(out, b"PART #Rust\r\n");
    let bob = take(&mut state, ":bob!bob@parlor PART #rust");
    assert_eq!(told(bob), ["bob left #rust"]);
    let parted = take(&mut state, ":ann!ann@parlor PART #rust");
    assert_eq!(parted, [Happening::Answer(Answer::Parted)]);
    assert_eq!(told(take(&mut state, ":ann!ann@parlor PART #tea")), ["you left #tea"]);

    for refusal in [
        ":parlor 442 ann #lobby :You're not in that room",
        ":parlor 400 ann PART #lobby :The lobby stays",
        ":parlor FAIL PART STORE_FAILED :The disk is full",
    ] {
        state.ask_part("#lobby", &mut Vec::new());
        let answer = take(&mut state, refusal);
        assert!(matches!(&answer[..], [Happening::Answer(Answer::Refused { .. })]), "{refusal}");
    }
}

#[test]
fn what_is_unread_is_told_once_and_not_after_each_break() {
    let mut state = state();
    let told = "NOTE LOGIN UNREAD ann 3 0 :3 new from bob since 14:02 UTC";
    let sentence = "3 new from bob since 14:02 UTC".to_owned();
    assert_eq!(take(&mut state, told), [Happening::Notice(sentence)]);
    state.begin_catch_up();
    assert_eq!(take(&mut state, told), []);
}

#[test]
fn a_person_is_told_which_of_their_rooms_have_pinned_messages() {
    let mut state = state();
    let mut out = Vec::new();
    state.ask_welcome(&mut out);
    assert!(out.ends_with(b"\r\nPIN #lobby\r\n"), "{}", String::from_utf8_lossy(&out));
    assert_eq!(take(&mut state, "NOTE PIN END #lobby 0 :These messages are pinned"), []);
    let asked = Happening::Send(b"PIN #garden\r\n".to_vec());
    assert_eq!(take(&mut state, ":ann!ann@parlor JOIN #garden"), [asked]);
    assert_eq!(take(&mut state, "NOTE PIN ENTRY #garden m1 ann 2026 :Pinned by ann"), []);
    let told = "1 message is pinned in #garden; PINS #garden shows it".to_owned();
    assert_eq!(
        take(&mut state, "NOTE PIN END #garden 1 :These messages are pinned"),
        [Happening::Presence(told)]
    );
    // After a break the rooms are there again.
    assert_eq!(take(&mut state, ":ann!ann@parlor JOIN #garden"), []);
}

#[test]
fn the_pieces_of_an_export_are_joined_to_lines() {
    let mut state = state();
    let mut out = Vec::new();
    state.ask_export(Some("7"), &mut out);
    assert_eq!(out, b"ACCOUNT EXPORT 7\r\n");
    for line in ["+ :{\"a\": ", "+ :\"b", ". :\"}", ". :{}"] {
        assert_eq!(take(&mut state, &format!("NOTE ACCOUNT EXPORT {line}")), []);
    }
    let lines = vec!["{\"a\": \"b\"}".to_owned(), "{}".to_owned()];
    let next = Some("9".to_owned());
    assert_eq!(
        take(&mut state, "NOTE ACCOUNT EXPORT_NEXT 9 :More"),
        [Happening::Answer(Answer::Export { lines, next })]
    );
    state.ask_export(Some("9"), &mut out);
    assert_eq!(
        take(&mut state, "FAIL ACCOUNT RATE_LIMITED 5 :Slower"),
        [Happening::Answer(Answer::Later(Duration::from_secs(5)))]
    );
}
