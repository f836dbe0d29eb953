//! The screen of a person, ann, with an emulated terminal and a scripted server.

use crate::emulator::Emulator;
use chat::{Chat, Intent};
use tui::tui::Link;
use tui::{Action, Settings, Tui};

/// 28 November 2026, 14:00 UTC.
pub(crate) const START_MS: i64 = 1_795_874_400_000;

pub(crate) struct Scene {
    pub(crate) chat: Chat,
    pub(crate) tui: Tui,
    pub(crate) terminal: Emulator,
    pub(crate) now_ms: i64,
    /// What the client would have sent.
    pub(crate) sent: Vec<u8>,
    /// Actions of the screen that the client would perform, not the core.
    pub(crate) client_actions: Vec<Action>,
    /// The bytes of the newest frame.
    pub(crate) frame: Vec<u8>,
    /// The number in the newest msgid.
    number: u64,
}

impl Scene {
    /// Ann has logged in; the welcome is not complete.
    pub(crate) fn new(columns: u16, rows: u16) -> Scene {
        Scene::with(columns, rows, Settings::default())
    }

    pub(crate) fn with(columns: u16, rows: u16, settings: Settings) -> Scene {
        let mut tui = Tui::new(settings);
        tui.link = Link::Connected { tls: true };
        let mut scene = Scene {
            chat: Chat::new("r"),
            tui,
            terminal: Emulator::new(columns, rows),
            now_ms: START_MS,
            sent: Vec::new(),
            client_actions: Vec::new(),
            frame: Vec::new(),
            number: 0,
        };
        scene.tui.enter(&mut scene.frame).unwrap();
        scene.terminal.feed(&std::mem::take(&mut scene.frame));
        scene.tui.resize(columns, rows);
        scene.login();
        scene
    }

    pub(crate) fn login(&mut self) {
        let capabilities = chat::WANTED.iter().map(|name| ((*name).to_owned(), String::new()));
        self.chat.logged_in("ann", capabilities, &mut self.sent);
        self.receive(":parlor 001 ann :Welcome");
        self.receive(":parlor 005 ann CHANTYPES=# PREFIX=(ohv)@%+ CHATHISTORY=100 :are supported");
    }

    /// Ann joins a room with these members.
    pub(crate) fn join_room(&mut self, name: &str, topic: &str, members: &str) {
        self.receive(&format!(":ann!ann@parlor JOIN {name}"));
        self.receive(&format!(":parlor 332 ann {name} :{topic}"));
        self.receive(&format!(":parlor 353 ann = {name} :{members}"));
        self.receive(&format!(":parlor 366 ann {name} :End"));
    }

    /// The welcome ends.
    pub(crate) fn end_welcome(&mut self) {
        self.receive(":parlor PONG parlor welcomed");
    }

    /// Receives a line from the server.
    pub(crate) fn receive(&mut self, line: &str) {
        self.chat.receive(line, self.now_ms, &mut self.sent);
        self.show_changes();
    }

    /// The connection breaks.
    pub(crate) fn broken(&mut self) {
        self.chat.broken();
        self.show_changes();
    }

    fn show_changes(&mut self) {
        let changes = self.chat.take_changes();
        let actions = self.tui.changed(&changes, &self.chat);
        self.run_actions(actions);
    }

    /// Somebody sends a message; returns its msgid.
    pub(crate) fn message(&mut self, who: &str, to: &str, text: &str) -> String {
        self.message_with_tags(who, to, text, "")
    }

    pub(crate) fn message_with_tags(
        &mut self,
        who: &str,
        to: &str,
        text: &str,
        tags: &str,
    ) -> String {
        self.number += 1;
        let msgid = format!("m{}", self.number);
        let time = self.time();
        self.receive(&format!(
            "@msgid={msgid};time={time}{tags} :{who}!{who}@parlor PRIVMSG {to} :{text}"
        ));
        msgid
    }

    /// Somebody causes an event in a room: `JOIN #room`, say.
    pub(crate) fn room_event(&mut self, who: &str, what: &str) {
        let time = self.time();
        self.receive(&format!("@time={time} :{who}!{who}@parlor {what}"));
    }

    fn time(&self) -> String {
        let mut time = Vec::new();
        proto::time::write_server_time(self.now_ms, &mut time);
        String::from_utf8(time).unwrap()
    }

    pub(crate) fn advance_minutes(&mut self, minutes: i64) {
        self.now_ms += minutes * 60_000;
    }

    pub(crate) fn perform(&mut self, intent: Intent) {
        self.chat.perform(intent, self.now_ms, &mut self.sent).unwrap();
        self.show_changes();
    }

    pub(crate) fn open(&mut self, name: &str) {
        let actions = self.tui.open(name, &self.chat);
        self.run_actions(actions);
    }

    pub(crate) fn run_actions(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                // The client reports what is refused.
                Action::Do(intent) => drop(self.chat.perform(intent, self.now_ms, &mut self.sent)),
                other => self.client_actions.push(other),
            }
        }
        self.chat.take_changes();
    }

    /// Draws until a frame causes no further actions.
    pub(crate) fn draw(&mut self) {
        for _ in 0..4 {
            self.frame.clear();
            let actions = self.tui.draw(&self.chat, self.now_ms, &mut self.frame).unwrap();
            self.terminal.feed(&self.frame);
            if actions.is_empty() {
                return;
            }
            self.run_actions(actions);
        }
    }

    pub(crate) fn picture(&mut self) -> String {
        self.draw();
        self.terminal.picture()
    }

    /// The lines that would have been sent since the last call.
    pub(crate) fn take_sent(&mut self) -> Vec<String> {
        let sent = String::from_utf8(std::mem::take(&mut self.sent)).unwrap();
        sent.lines().map(str::to_owned).collect()
    }

    /// Receives a page of history as the answer to the request with this label.
    pub(crate) fn history_page(
        &mut self,
        label: &str,
        target: &str,
        messages: &[(&str, i64, &str, &str)],
    ) {
        self.receive(&format!("@label={label} :parlor BATCH +h chathistory {target}"));
        for (msgid, time_ms, who, text) in messages {
            let mut time = Vec::new();
            proto::time::write_server_time(*time_ms, &mut time);
            let time = String::from_utf8(time).unwrap();
            self.receive(&format!(
                "@batch=h;msgid={msgid};time={time} :{who}!{who}@parlor PRIVMSG {target} :{text}"
            ));
        }
        self.receive(":parlor BATCH -h");
    }
}
