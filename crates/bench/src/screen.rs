//! Scenario `screen`: the full screen of the client, without a terminal: frames while scrolling, bytes of a new message,
//! memory of many. No server takes part.

use std::time::Instant;

use chat::Chat;
use clap::Args;
use hdrhistogram::Histogram;
use tui::tui::Link;
use tui::{Action, Settings, Tui};

use crate::failure::{Context, Failure, Result};
use crate::proc;
use crate::report::{Better, Figure, figure};
use crate::server::Kind;
use crate::traffic::new_histogram;

/// Rows by which a notch of the wheel scrolls.
const NOTCH: isize = -3;
/// 28 November 2026, 14:00 UTC.
const START_MS: i64 = 1_795_874_400_000;

/// How much is on the screen.
#[derive(Debug, Clone, Args)]
pub struct Screen {
    /// Messages that are scrolled through.
    #[arg(long, default_value_t = 10_000)]
    pub messages: usize,
    /// Messages whose memory is measured.
    #[arg(long, default_value_t = 50_000)]
    pub kept: usize,
    /// Messages that come while the end is on the screen.
    #[arg(long, default_value_t = 500)]
    pub new: usize,
    /// The terminal's columns.
    #[arg(long, default_value_t = 200)]
    pub columns: u16,
    /// The terminal's rows.
    #[arg(long, default_value_t = 50)]
    pub rows: u16,
}

/// A person in front of a screen.
struct Person {
    chat: Chat,
    tui: Tui,
    said: usize,
    sent: Vec<u8>,
    frame: Vec<u8>,
}

impl Screen {
    /// Measures it.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for any server but ours, since none is measured.
    pub fn run(&self, kind: &Kind) -> Result<Vec<Figure>> {
        if *kind != Kind::Parlor {
            return Err(Failure::Unsupported("it is the client that is measured".to_owned()));
        }
        // First, so that nothing that was freed is used again.
        let memory = self.memory()?;
        let mut person = Person::new(self);
        for _ in 0..self.messages {
            person.receive();
        }
        let end = person.draw()?;
        let mut figures = vec![
            figure("messages scrolled through", self.messages as f64, Better::Neither),
            figure("the first frame, ms", end.0 as f64 / 1e6, Better::Lower),
        ];
        let by_rows = person.scroll_to_the_start(|tui, chat| tui.scroll(NOTCH, chat))?;
        figures.push(figure("frames", by_rows.len() as f64, Better::Neither));
        figures.push(quantile("frame while scrolling, p50, ms", &by_rows, 0.5));
        figures.push(quantile("frame while scrolling, p99, ms", &by_rows, 0.99));
        figures.push(quantile("frame while scrolling, worst, ms", &by_rows, 1.0));
        person.tui.scroll_to_end();
        person.draw()?;
        let by_pages = person.scroll_to_the_start(|tui, chat| tui.scroll_pages(-1, chat))?;
        figures.push(quantile("frame while paging, p99, ms", &by_pages, 0.99));
        person.tui.scroll_to_end();
        person.draw()?;
        figures.extend(self.new_messages(&mut person)?);
        figures.push(figure("memory of the messages kept, MiB", memory, Better::Lower));
        figures.push(figure("messages kept", self.kept as f64, Better::Neither));
        Ok(figures)
    }

    fn new_messages(&self, person: &mut Person) -> Result<[Figure; 5]> {
        let mut frames = new_histogram();
        let mut bytes = Vec::new();
        for _ in 0..self.new {
            person.receive();
            let (nanos, written) = person.draw()?;
            frames.saturating_record(nanos);
            bytes.push(written);
        }
        bytes.sort_unstable();
        let middle = bytes.get(bytes.len() / 2).copied().unwrap_or_default();
        let most = bytes.last().copied().unwrap_or_default();
        // What follows from the last message having been seen.
        person.draw()?;
        let (nanos, idle) = person.draw()?;
        Ok([
            quantile("frame of a new message, p99, ms", &frames, 0.99),
            figure("bytes of a new message, median", middle as f64, Better::Lower),
            figure("bytes of a new message, most", most as f64, Better::Lower),
            figure("bytes if nothing has changed", idle as f64, Better::Lower),
            figure("frame if nothing has changed, ms", nanos as f64 / 1e6, Better::Lower),
        ])
    }

    /// What the messages and the screen take, in MiB.
    fn memory(&self) -> Result<f64> {
        let before = proc::anonymous_bytes(std::process::id())?;
        let mut person = Person::new(self);
        for _ in 0..self.kept {
            person.receive();
        }
        person.draw()?;
        let after = proc::anonymous_bytes(std::process::id())?;
        Ok(after.saturating_sub(before) as f64 / f64::from(1 << 20))
    }
}

impl Person {
    fn new(screen: &Screen) -> Person {
        let mut tui = Tui::new(Settings::default());
        tui.resize(screen.columns, screen.rows);
        tui.link = Link::Connected { tls: true };
        let mut person =
            Person { chat: Chat::new("b"), tui, said: 0, sent: Vec::new(), frame: Vec::new() };
        let names = ["message-tags", "server-time", "echo-message", "draft/read-marker"];
        let capabilities = names.map(|name| (name.to_owned(), String::new()));
        person.chat.logged_in("ann", capabilities, &mut person.sent);
        person.line(":parlor 001 ann :Welcome");
        for room in 0..20 {
            person.line(&format!(":ann!ann@parlor JOIN #room{room}"));
        }
        let members: Vec<String> = (0..60).map(author).collect();
        person.line(&format!(":parlor 353 ann = #room0 :{} ann", members.join(" ")));
        person.line(":parlor 366 ann #room0 :End");
        person.line(":parlor PONG parlor welcomed");
        let opened = person.tui.open("#room0", &person.chat);
        person.act(opened);
        person
    }

    fn line(&mut self, line: &str) {
        self.chat.receive(line, START_MS, &mut self.sent);
        let changes = self.chat.take_changes();
        let actions = self.tui.changed(&changes, &self.chat);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            if let Action::Do(intent) = action {
                // A server that does not know how to do it is not what is measured.
                let _ = self.chat.perform(intent, START_MS, &mut self.sent);
            }
        }
        self.sent.clear();
    }

    /// Somebody says something, a minute after the message before.
    fn receive(&mut self) {
        let number = self.said;
        self.said += 1;
        let mut time = Vec::new();
        let at = START_MS + i64::try_from(number).unwrap_or(0) * 60_000;
        proto::time::write_server_time(at, &mut time);
        let time = String::from_utf8_lossy(&time).into_owned();
        let (who, text) = (author(number * 7 % 60), text(number));
        self.line(&format!(
            "@msgid=bench{number:08};time={time};account={who} :{who}!{who}@parlor PRIVMSG #room0 :{text}"
        ));
    }

    /// Draws a frame: nanoseconds, and bytes written.
    fn draw(&mut self) -> Result<(u64, usize)> {
        self.frame.clear();
        let begun = Instant::now();
        let actions = self.tui.draw(&self.chat, START_MS, &mut self.frame);
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.act(actions.context("drawing a frame")?);
        Ok((nanos, self.frame.len()))
    }

    /// How long frames take, the scrolling included, up to the oldest message.
    fn scroll_to_the_start(&mut self, scroll: impl Fn(&mut Tui, &Chat)) -> Result<Histogram<u64>> {
        let mut frames = new_histogram();
        loop {
            let begun = Instant::now();
            scroll(&mut self.tui, &self.chat);
            let scrolled = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let (drawn, bytes) = self.draw()?;
            if bytes == 0 {
                return Ok(frames);
            }
            frames.saturating_record(scrolled + drawn);
        }
    }
}

fn author(number: usize) -> String {
    format!("person{}", number % 60)
}

/// A text of usual length: some with an address, code, emoji or a script without spaces, some of several rows.
fn text(number: usize) -> String {
    const WORDS: [&str; 12] = [
        "the", "build", "is", "green", "again", "and", "tests", "of", "storage", "took", "ten",
        "minutes",
    ];
    let count = 3 + number * 31 % 23;
    let word = |at: usize| WORDS[(number * 5 + at * 7) % WORDS.len()];
    let mut words: Vec<&str> = (0..count).map(word).collect();
    match number % 17 {
        3 => words.push("https://ci.example/builds/4711?page=2"),
        5 => words.push("`cargo test -p store`"),
        8 => words.push("👍🏽 🎉"),
        11 => words.push("日本語のメッセージもあります"),
        13 => words.extend(["\x02bold\x02", "\x0304red\x03"]),
        16 => return words.join(" ").repeat(6),
        _ => {}
    }
    words.join(" ")
}

fn quantile(name: &'static str, histogram: &Histogram<u64>, quantile: f64) -> Figure {
    figure(name, histogram.value_at_quantile(quantile) as f64 / 1e6, Better::Lower)
}
