//! Keys as a terminal sends them, and what they lead to.

use chat::conversation::Notify;
use chat::{Change, Chat, Intent};
use tui::decoder::Decoder;
use tui::overlay::Overlay;
use tui::tui::Focus;
use tui::{Action, Input, Settings, Tui};

const UP: &str = "\x1b[A";
const ESC: &str = "\x1b";

/// Ann at her screen, in a lobby with bob and eve.
struct Desk {
    tui: Tui,
    chat: Chat,
}

impl Desk {
    fn new() -> Desk {
        let mut desk = Desk { tui: Tui::new(Settings::default()), chat: Chat::new("r") };
        desk.tui.resize(100, 30);
        let capabilities = [
            "message-tags",
            "echo-message",
            "labeled-response",
            "batch",
            "draft/chathistory",
            "draft/message-redaction",
            "parlor/unread",
            "soju.im/search",
            "standard-replies",
        ];
        let capabilities = capabilities.map(|name| (name.to_owned(), String::new()));
        desk.chat.logged_in("ann", capabilities, &mut Vec::new());
        desk.receive(&[
            ":s 001 ann :hi",
            ":ann!a@s JOIN #lobby",
            ":s 353 ann = #lobby :ann @bob eve",
            ":s 366 ann #lobby :End",
            ":ann!a@s JOIN #dev",
            ":s 353 ann = #dev :ann bob",
            ":s 366 ann #dev :End",
            ":s PONG s welcomed",
            "@msgid=m1 :bob!b@s PRIVMSG #lobby :hello",
            "@msgid=m2;+draft/reply=m1 :eve!e@s PRIVMSG #lobby :hello bob",
        ]);
        desk.draw();
        desk
    }

    /// Receives lines from the server; returns the screen's actions.
    fn receive(&mut self, lines: &[&str]) -> Vec<Action> {
        for line in lines {
            self.chat.receive(line, 0, &mut Vec::new());
        }
        self.settle()
    }

    fn settle(&mut self) -> Vec<Action> {
        let changes = self.chat.take_changes();
        let actions = self.tui.changed(&changes, &self.chat);
        self.execute(&actions);
        actions
    }

    fn draw(&mut self) {
        self.tui.draw(&self.chat, 0, &mut Vec::new()).unwrap();
    }

    /// Presses keys; returns the screen's actions without typing notifications.
    fn types(&mut self, keys: &str) -> Vec<Action> {
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        decoder.feed(keys.as_bytes(), &mut events);
        decoder.give_up(&mut events);
        let mut all = Vec::new();
        for input in events.into_iter().filter_map(Input::of) {
            let actions = self.tui.input(&input, &self.chat);
            self.execute(&actions);
            all.extend(actions);
            self.draw();
        }
        all.retain(|action| {
            !matches!(action, Action::Do(Intent::Typing { .. }) | Action::Remember(_))
        });
        all
    }

    fn execute(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Do(intent) = action {
                let _ = self.chat.perform(intent.clone(), 0, &mut Vec::new());
            }
        }
        self.chat.take_changes();
    }

    fn text(&mut self) -> String {
        self.tui.composer().text().to_owned()
    }

    fn status(&self) -> &str {
        self.tui.status.as_ref().map_or("", |status| &status.text)
    }
}

/// The only thing that is asked for.
fn only(actions: &[Action]) -> &Intent {
    match actions {
        [Action::Do(intent)] => intent,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_lobby_is_open_at_first_and_what_is_typed_is_said_there() {
    let mut desk = Desk::new();
    assert_eq!(desk.tui.open, "#lobby");
    let actions = desk.types("hi all\r");
    let Intent::Say(saying) = only(&actions) else { panic!("{actions:?}") };
    assert_eq!((saying.to.as_str(), saying.text.as_str()), ("#lobby", "hi all"));
    assert_eq!(desk.text(), "");
    desk.types(UP);
    assert!(matches!(desk.tui.focus, Focus::Message(_)), "an empty composer leads to messages");
}

#[test]
fn a_refused_line_stays_to_be_corrected() {
    let mut desk = Desk::new();
    assert_eq!(desk.types("/jion #dev\r"), []);
    assert_eq!(desk.text(), "/jion #dev");
    assert!(desk.status().contains("/join"), "{}", desk.status());
    desk.types("\x03");
    assert_eq!(desk.text(), "");
}

#[test]
fn several_rooms_are_joined_one_by_one() {
    let mut desk = Desk::new();
    let actions = desk.types("/join #tea,#garden\r");
    for room in ["#tea", "#garden"] {
        assert!(actions.contains(&Action::Do(Intent::Open(room.to_owned()))), "{actions:?}");
    }
    assert_eq!(desk.tui.open, "#garden");
}

#[test]
fn topic_without_text_shows_the_topic() {
    let mut desk = Desk::new();
    desk.types("/topic\r");
    assert_eq!(desk.status(), "#lobby has no topic.");
    desk.receive(&[":s 332 ann #lobby :Roses"]);
    desk.types("/topic #lobby\r");
    assert_eq!(desk.status(), "The topic of #lobby: Roses");
}

#[test]
fn a_message_is_answered_reacted_to_copied_and_taken_back() {
    let mut desk = Desk::new();
    desk.types(UP);
    assert_eq!(desk.types("c"), [Action::Copy("hello bob".to_owned())]);
    desk.types("r");
    let actions = desk.types("yes\r");
    let Intent::Say(saying) = only(&actions) else { panic!("{actions:?}") };
    assert_eq!(saying.reply_to.as_deref(), Some("m2"));

    let mut desk = Desk::new();
    desk.types(UP);
    desk.types("+");
    let actions = desk.types("party\r");
    let react = |undo| Intent::React {
        target: "#lobby".to_owned(),
        msgid: "m2".to_owned(),
        text: "🎉".to_owned(),
        undo,
    };
    assert_eq!(*only(&actions), react(false));
    desk.receive(&["@+draft/reply=m2;+draft/react=🎉 :ann!a@s TAGMSG #lobby"]);
    // What is typed next is no key for the message any more.
    desk.types(UP);
    desk.types("+");
    assert_eq!(*only(&desk.types("party\r")), react(true), "the same again takes it back");

    desk.types(UP);
    assert_eq!(desk.types("d"), []);
    assert_eq!(desk.types("n\r"), []);
    desk.types("d");
    // Enter ends the answer: the rest of a longer one must not be said to the room.
    assert_eq!(desk.types("yes"), []);
    let actions = desk.types("\r");
    assert!(matches!(only(&actions), Intent::Redact { msgid, .. } if msgid == "m2"));
}

#[test]
fn what_a_message_answers_is_jumped_to_and_esc_returns() {
    let mut desk = Desk::new();
    desk.types(UP);
    assert_eq!(desk.types("g"), []);
    let on_it = |desk: &Desk| format!("{:?}", desk.tui.focus).contains("\"m1\"");
    assert!(on_it(&desk) && desk.tui.is_visiting());
    desk.types(ESC);
    assert!(!desk.tui.is_visiting());
    assert_eq!(desk.tui.focus, Focus::Composer);
}

#[test]
fn tab_goes_through_names() {
    let mut desk = Desk::new();
    desk.types("e\t");
    assert_eq!(desk.text(), "eve: ");
    desk.types("hi @b\t");
    assert_eq!(desk.text(), "eve: hi @bob ");
    desk.types("\x15/topi\t");
    assert_eq!(desk.text(), "/topic ");
}

#[test]
fn alt_a_goes_to_mentions_first_and_muted_rooms_are_left_out() {
    let mut desk = Desk::new();
    desk.receive(&[
        "@msgid=p1 :eve!e@s PRIVMSG ann :psst",
        "@msgid=d1 :bob!b@s PRIVMSG #dev :ann: look",
    ]);
    desk.types("\x1ba");
    assert_eq!(desk.tui.open, "#dev");
    desk.chat.conversations.get_mut("#dev").unwrap().unread = 0;
    desk.chat.conversations.get_mut("#dev").unwrap().mentions = 0;
    desk.types("\x1ba");
    assert_eq!(desk.tui.open, "eve");
    desk.types("\x1b1");
    assert_eq!(desk.tui.open, "#dev", "Alt-1 is the first in the list");
    desk.types("\x1b0");
    assert_eq!(desk.tui.open, "eve");
    let eve = desk.chat.conversations.get_mut("eve").unwrap();
    (eve.notify, eve.unread) = (Notify::None, 3);
    desk.types("\x1b1\x1ba");
    assert_ne!(desk.tui.open, "eve");
}

#[test]
fn the_palette_goes_to_rooms_and_begins_commands() {
    let mut desk = Desk::new();
    desk.types("\x0bdev\r");
    assert_eq!(desk.tui.open, "#dev");
    desk.types("\x0b/topi\r");
    assert_eq!(desk.text(), "/topic ");
}

#[test]
fn drafts_stay_where_they_were_written() {
    let mut desk = Desk::new();
    desk.types("half a thought\x1b1");
    assert_eq!((desk.tui.open.clone(), desk.text()), ("#dev".to_owned(), String::new()));
    desk.types("\x1b2");
    assert_eq!(desk.text(), "half a thought");
    let drafts: Vec<_> = desk.tui.drafts().collect();
    assert_eq!(drafts, [("#lobby", "half a thought")]);
}

#[test]
fn a_search_shows_what_it_finds_goes_there_and_returns() {
    let mut desk = Desk::new();
    let actions = desk.types("\x06hello\r");
    assert!(matches!(only(&actions), Intent::Search { words, .. } if words == "hello"));
    let label = desk.chat.search.loading;
    assert!(label, "it is under way");
    let mut found = chat::entry::Entry::new(chat::entry::Kind::Message, "bob", 5, "hello");
    found.msgid = Some("m0".to_owned());
    desk.chat.search.found.push(("#dev".to_owned(), found));
    desk.chat.search.loading = false;
    desk.types("\r");
    assert_eq!(desk.tui.open, "#dev");
    assert!(desk.tui.is_visiting());
    desk.types(ESC);
    assert_eq!(desk.tui.open, "#lobby");
}

#[test]
fn only_people_who_are_not_looking_are_notified_of_mentions_and_private_messages() {
    let mut desk = Desk::new();
    let notices = |actions: Vec<Action>| -> Vec<String> {
        let notices = actions.into_iter().filter_map(|action| match action {
            Action::Notify { title, text } => Some(format!("{title}: {text}")),
            _ => None,
        });
        notices.collect()
    };
    let lines = [
        "@msgid=a1 :bob!b@s PRIVMSG #lobby :ann: there?",
        "@msgid=a2 :bob!b@s PRIVMSG #lobby :nothing",
        "@msgid=a3 :eve!e@s PRIVMSG ann :psst",
    ];
    assert_eq!(notices(desk.receive(&lines)), Vec::<String>::new());
    desk.types("\x1b[O");
    let lines = lines.map(|line| line.replace("=a", "=b"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(notices(desk.receive(&lines)), ["bob in #lobby: ann: there?", "eve: psst"]);
    desk.types("\x1b[I");
    assert_eq!(desk.tui.title(&desk.chat, "s"), "(4) #lobby – Parlor");
}

#[test]
fn a_room_that_is_left_disappears_and_another_one_is_shown() {
    let mut desk = Desk::new();
    desk.types("\x1b1");
    desk.types("/part\r");
    desk.receive(&[":ann!a@s PART #dev"]);
    desk.settle();
    assert!(desk.chat.conversation("#dev").is_none());
    desk.settle();
    assert_eq!(desk.tui.open, "#lobby");
    desk.receive(&[":bob!b@s KICK #lobby ann :spam"]);
    assert!(desk.chat.conversation("#lobby").is_some(), "it says why");
}

#[test]
fn ctrl_c_leaves_only_when_nothing_is_there_to_drop() {
    let mut desk = Desk::new();
    desk.types("text\x0b");
    assert!(matches!(desk.tui.overlay, Some(Overlay::Palette(_))));
    for expected in ["palette", "text", "warning"] {
        assert_eq!(desk.types("\x03"), [], "{expected}");
    }
    assert!(desk.status().contains("again"), "{}", desk.status());
    assert_eq!(desk.types("\x03"), [Action::Quit]);
}

#[test]
fn a_change_of_the_password_is_left_to_the_program_around_the_screen() {
    let mut desk = Desk::new();
    assert!(desk.types("/passwd\r").contains(&Action::ChangePassword));
}

#[test]
fn a_refused_message_is_reported_and_can_be_edited() {
    let mut desk = Desk::new();
    desk.types("bad words\r");
    let number = desk.chat.outgoing[0].number;
    desk.receive(&[&format!("@label={number} :s FAIL PRIVMSG CANNOT_SEND #lobby :No bad words")]);
    assert_eq!(desk.status(), "Not sent: No bad words");
    desk.draw();
    desk.types(UP);
    let actions = desk.types("e");
    assert_eq!(*only(&actions), Intent::Discard(number));
    assert_eq!(desk.text(), "bad words");
    assert!(desk.chat.outgoing.is_empty());
    assert!(!desk.chat.take_changes().contains(&Change::Found));
}

#[test]
fn an_unconfirmed_message_is_neither_sent_again_nor_edited_nor_discarded() {
    let mut desk = Desk::new();
    desk.types("hello\r");
    desk.draw();
    desk.types(UP);
    for key in ["t", "e", "x", "d"] {
        assert_eq!(desk.types(key), [], "{key}");
        assert_eq!(desk.status(), "This is still on its way.", "{key}");
    }
    assert_eq!(desk.text(), "");
}
