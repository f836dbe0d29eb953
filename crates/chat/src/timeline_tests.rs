use super::*;
use crate::entry::Kind;
use proptest::prelude::*;

fn message(number: usize) -> Entry {
    let msgid = Some(format!("m{number}"));
    Entry { msgid, ..Entry::new(Kind::Message, "ann", number as i64, &number.to_string()) }
}

fn show(timeline: &Timeline) -> String {
    let show = |row: &Row| match row {
        Row::Entry(entry) => entry.text.clone(),
        Row::Gap => "…".to_owned(),
    };
    timeline.rows().iter().map(show).collect::<Vec<_>>().join(" ")
}

fn messages(numbers: impl IntoIterator<Item = usize>) -> Vec<Entry> {
    numbers.into_iter().map(message).collect()
}

#[test]
fn a_gap_after_a_break_fills_from_its_newer_end() {
    let mut timeline = Timeline::default();
    timeline.add_page(&Run::Latest, messages(1..4));
    timeline.break_off();
    timeline.push(message(9), true);
    assert_eq!(show(&timeline), "1 2 3 … 9");
    assert_eq!(timeline.filler(Some(3)), Run::Before("m9".to_owned()));
    timeline.add_page(&Run::Before("m9".to_owned()), messages(7..9));
    assert_eq!(show(&timeline), "1 2 3 … 7 8 9");
    timeline.add_page(&Run::Before("m7".to_owned()), messages(2..7));
    assert_eq!(show(&timeline), "1 2 3 4 5 6 7 8 9");
}

#[test]
fn the_newest_page_closes_a_gap_that_it_reaches_across() {
    let mut timeline = Timeline::default();
    timeline.add_page(&Run::Latest, messages(1..4));
    timeline.break_off();
    timeline.push(message(7), true);
    timeline.add_page(&Run::Latest, messages(3..7));
    assert_eq!(show(&timeline), "1 2 3 4 5 6 7");
}

#[test]
fn nothing_older_means_the_start() {
    let mut timeline = Timeline::default();
    timeline.push(message(5), true);
    assert!(!timeline.is_from_start());
    timeline.add_page(&Run::Before("m5".to_owned()), Vec::new());
    assert!(timeline.is_from_start());
    timeline.break_off();
    timeline.push(message(6), true);
    timeline.add_page(&Run::Before("m6".to_owned()), Vec::new());
    assert_eq!(show(&timeline), "5 6");
}

#[test]
fn a_page_from_the_middle_has_gaps_on_both_sides() {
    let mut timeline = Timeline::default();
    timeline.add_page(&Run::Latest, messages(90..93));
    timeline.add_page(&Run::Around("m50".to_owned()), messages(49..52));
    assert_eq!(show(&timeline), "49 50 51 … 90 91 92");
    timeline.add_page(&Run::Around("m70".to_owned()), messages(69..72));
    assert_eq!(show(&timeline), "49 50 51 … 69 70 71 … 90 91 92");
    timeline.add_page(&Run::After("m51".to_owned()), messages(52..70));
    assert!(show(&timeline).ends_with("68 69 70 71 … 90 91 92"), "{}", show(&timeline));
}

#[test]
fn unsent_entries_keep_their_position() {
    let mut timeline = Timeline::default();
    timeline.push(message(1), true);
    timeline.push(Entry::new(Kind::Info, "parlor", 1, "joined"), true);
    timeline.push(message(4), true);
    timeline.add_page(&Run::Latest, messages(1..5));
    assert_eq!(show(&timeline), "1 joined 2 3 4");
}

#[test]
fn forgotten_entries_come_back_with_a_page() {
    let mut timeline = Timeline::default();
    timeline.add_page(&Run::Latest, messages(1..6));
    timeline.forget_oldest(3);
    assert!(!timeline.is_from_start() && !timeline.has("m2"));
    timeline.add_page(&Run::Before("m4".to_owned()), messages(1..4));
    assert_eq!(show(&timeline), "1 2 3 4 5");
}

/// What happens to a client, and between it and its server.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody says something.
    Say,
    /// The connection breaks.
    Break,
    /// It is back; of what was missed the server keeps some and sends it first.
    Return(u8),
    /// The newest page is asked for.
    Latest(u8),
    /// The gap of this number is asked for, or what is above the first row.
    Fill(u8, u8),
    /// The page around some message is asked for.
    Around(u8, u8),
    /// The page that begins at some message's time is asked for.
    Since(u8, u8),
    /// The answers that are outstanding arrive.
    Answer,
    /// The oldest are forgotten.
    Forget(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Say),
        1 => Just(Step::Break),
        2 => any::<u8>().prop_map(Step::Return),
        1 => (1u8..6).prop_map(Step::Latest),
        2 => (any::<u8>(), 1u8..6).prop_map(|(gap, limit)| Step::Fill(gap, limit)),
        1 => (any::<u8>(), 1u8..6).prop_map(|(message, limit)| Step::Around(message, limit)),
        1 => (any::<u8>(), 1u8..6).prop_map(|(message, limit)| Step::Since(message, limit)),
        3 => Just(Step::Answer),
        1 => (0u8..4).prop_map(Step::Forget),
    ];
    prop::collection::vec(step, 0..80)
}

struct Model {
    history: usize,
    timeline: Timeline,
    connected: bool,
    /// The server reads a page when it is asked, and the answer comes later.
    answers: Vec<(Run, Vec<Entry>)>,
    seen: usize,
}

impl Model {
    fn page(&self, run: &Run, limit: usize) -> Vec<Entry> {
        let number = |msgid: &str| msgid[1..].parse::<usize>().unwrap();
        let (from, to) = match run {
            Run::Latest => (self.history.saturating_sub(limit), self.history),
            Run::Before(msgid) => (number(msgid).saturating_sub(limit), number(msgid)),
            Run::After(msgid) => (number(msgid) + 1, number(msgid) + 1 + limit),
            Run::Since(ms) => (*ms as usize, *ms as usize + limit),
            Run::Around(msgid) => (number(msgid).saturating_sub(limit), number(msgid) + 1 + limit),
        };
        messages(from..to.min(self.history))
    }

    fn ask(&mut self, run: Run, limit: usize) {
        if self.connected {
            let page = self.page(&run, limit);
            self.answers.push((run, page));
        }
    }

    fn answer(&mut self) {
        for (run, page) in std::mem::take(&mut self.answers) {
            self.timeline.add_page(&run, page);
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Say => {
                self.history += 1;
                if self.connected {
                    self.timeline.push(message(self.history - 1), true);
                    self.seen = self.history;
                }
            }
            Step::Break => {
                self.connected = false;
                self.answers.clear();
                self.timeline.break_off();
            }
            Step::Return(kept) if !self.connected => {
                self.connected = true;
                for number in self.seen..self.history {
                    if kept >> (number % 8) & 1 == 1 {
                        self.timeline.push(message(number), false);
                    }
                }
                self.timeline.break_off();
                self.seen = self.history;
            }
            Step::Return(_) => {}
            Step::Latest(limit) => self.ask(Run::Latest, limit.into()),
            Step::Fill(gap, limit) => {
                let run = self.timeline.filler(self.gap(gap.into()));
                self.ask(run, limit.into());
            }
            Step::Around(number, limit) if self.history > 0 => {
                let msgid = format!("m{}", usize::from(number) % self.history);
                self.ask(Run::Around(msgid), limit.into());
            }
            Step::Since(number, limit) if self.history > 0 => {
                let ms = usize::from(number) % self.history;
                self.ask(Run::Since(ms as i64), limit.into());
            }
            Step::Around(..) | Step::Since(..) => {}
            Step::Answer => self.answer(),
            Step::Forget(count) if self.answers.is_empty() => {
                self.timeline.forget_oldest(count.into());
            }
            Step::Forget(_) => {}
        }
    }

    /// One of the gaps, or the one above the first row.
    fn gap(&self, number: usize) -> Option<usize> {
        let rows = self.timeline.rows().iter().enumerate();
        let gaps: Vec<_> = rows.filter(|(_, row)| **row == Row::Gap).map(|(at, _)| at).collect();
        gaps.get(number % (gaps.len() + 1)).copied()
    }

    /// Fills everything, as somebody does who scrolls up to the start.
    fn finish(&mut self) {
        self.apply(&Step::Return(0));
        self.answer();
        self.ask(Run::Latest, 3);
        self.answer();
        for _ in 0..1000 {
            let rows = self.timeline.rows();
            let gap = rows.iter().rposition(|row| *row == Row::Gap);
            if gap.is_none() && self.timeline.is_from_start() {
                return;
            }
            let run = self.timeline.filler(gap);
            self.ask(run, 3);
            self.answer();
        }
        panic!("it is never complete: {}", show(&self.timeline));
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_timeline_converges_to_the_servers_history(steps in steps()) {
        let mut model = Model {
            history: 0,
            timeline: Timeline::default(),
            connected: true,
            answers: Vec::new(),
            seen: 0,
        };
        for step in &steps {
            model.apply(step);
            // What is known is in the server's order at any time, and nothing is there twice.
            let numbers: Vec<_> = model.timeline.entries().map(|entry| entry.time_ms).collect();
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{step:?}: {}", show(&model.timeline));
            // Neighbours without a gap between them are neighbours on the server, too.
            for pair in model.timeline.rows().iter().collect::<Vec<_>>().windows(2) {
                if let [Row::Entry(a), Row::Entry(b)] = pair {
                    prop_assert_eq!(a.time_ms + 1, b.time_ms, "{:?}: {}", step, show(&model.timeline));
                }
            }
        }
        model.finish();
        let numbers: Vec<_> = model.timeline.entries().map(|entry| entry.time_ms as usize).collect();
        prop_assert_eq!(numbers, (0..model.history).collect::<Vec<_>>());
    }
}
