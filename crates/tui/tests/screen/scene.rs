//! A person in front of the screen, and a scripted server.

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
    /// What the screen asked for and is not the core's to do.
    pub(crate) asked: Vec<Action>,
    /// The bytes of the newest frame.
    pub(crate) frame: Vec<u8>,
    number: u64,
}

impl Scene {
    /// Ann has logged in, and nothing has been opened.
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
            asked: Vec::new(),
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
        self.line(":parlor 001 ann :Welcome");
        self.line(":parlor 005 ann CHANTYPES=# PREFIX=(ohv)@%+ CHATHISTORY=100 :are supported");
    }

    /// Ann is in a room with these people, and in it from its beginning.
    pub(crate) fn room(&mut self, name: &str, topic: &str, members: &str) {
        self.line(&format!(":ann!ann@parlor JOIN {name}"));
        self.line(&format!(":parlor 332 ann {name} :{topic}"));
        self.line(&format!(":parlor 353 ann = {name} :{members}"));
        self.line(&format!(":parlor 366 ann {name} :End"));
    }

    /// All that belongs to the welcome has come.
    pub(crate) fn ready(&mut self) {
        self.line(":parlor PONG parlor welcomed");
    }

    pub(crate) fn line(&mut self, line: &str) {
        self.chat.receive(line, self.now_ms, &mut self.sent);
        self.changed();
    }

    /// The connection breaks.
    pub(crate) fn broken(&mut self) {
        self.chat.broken();
        self.changed();
    }

    fn changed(&mut self) {
        let changes = self.chat.take_changes();
        let actions = self.tui.changed(&changes, &self.chat);
        self.act(actions);
    }

    /// Somebody says something now; returns its msgid.
    pub(crate) fn says(&mut self, who: &str, to: &str, text: &str) -> String {
        self.says_with(who, to, text, "")
    }

    pub(crate) fn says_with(&mut self, who: &str, to: &str, text: &str, tags: &str) -> String {
        self.number += 1;
        let msgid = format!("m{}", self.number);
        let time = self.time();
        self.line(&format!(
            "@msgid={msgid};time={time}{tags} :{who}!{who}@parlor PRIVMSG {to} :{text}"
        ));
        msgid
    }

    /// Something happens in a room: `JOIN #room`, say.
    pub(crate) fn does(&mut self, who: &str, what: &str) {
        let time = self.time();
        self.line(&format!("@time={time} :{who}!{who}@parlor {what}"));
    }

    fn time(&self) -> String {
        let mut time = Vec::new();
        proto::time::write_server_time(self.now_ms, &mut time);
        String::from_utf8(time).unwrap()
    }

    pub(crate) fn later(&mut self, minutes: i64) {
        self.now_ms += minutes * 60_000;
    }

    pub(crate) fn perform(&mut self, intent: Intent) {
        self.chat.perform(intent, self.now_ms, &mut self.sent).unwrap();
        self.changed();
    }

    pub(crate) fn open(&mut self, name: &str) {
        let actions = self.tui.open(name, &self.chat);
        self.act(actions);
    }

    pub(crate) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                // What cannot be done now is the client's to say.
                Action::Do(intent) => drop(self.chat.perform(intent, self.now_ms, &mut self.sent)),
                other => self.asked.push(other),
            }
        }
        self.chat.take_changes();
    }

    /// Draws until nothing follows from what was seen.
    pub(crate) fn draw(&mut self) {
        for _ in 0..4 {
            self.frame.clear();
            let actions = self.tui.draw(&self.chat, self.now_ms, &mut self.frame).unwrap();
            self.terminal.feed(&self.frame);
            if actions.is_empty() {
                return;
            }
            self.act(actions);
        }
    }

    pub(crate) fn picture(&mut self) -> String {
        self.draw();
        self.terminal.picture()
    }

    /// The lines that would have been sent since this was asked last.
    pub(crate) fn take_sent(&mut self) -> Vec<String> {
        let sent = String::from_utf8(std::mem::take(&mut self.sent)).unwrap();
        sent.lines().map(str::to_owned).collect()
    }

    /// A page of history as the answer to the request with this label.
    pub(crate) fn page(&mut self, label: &str, target: &str, messages: &[(&str, i64, &str, &str)]) {
        self.line(&format!("@label={label} :parlor BATCH +h chathistory {target}"));
        for (msgid, time_ms, who, text) in messages {
            let mut time = Vec::new();
            proto::time::write_server_time(*time_ms, &mut time);
            let time = String::from_utf8(time).unwrap();
            self.line(&format!(
                "@batch=h;msgid={msgid};time={time} :{who}!{who}@parlor PRIVMSG {target} :{text}"
            ));
        }
        self.line(":parlor BATCH -h");
    }
}
