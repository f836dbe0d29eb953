//! Figures, their medians, and the table a person reads.

use serde_json::{Value, json};

use crate::server::Kind;
use crate::transport::Transport;

/// Bytes of a MiB.
pub const MIB: f64 = 1024.0 * 1024.0;

/// What is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// It only says what was done.
    Neither,
}

/// One number of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// How to compare it.
    pub better: Better,
}

/// A figure.
#[must_use]
pub fn figure(name: &'static str, value: f64, better: Better) -> Figure {
    Figure { name, value, better }
}

/// The quantiles of a latency in nanoseconds, as figures in milliseconds.
#[must_use]
pub fn latency_figures(latency: &hdrhistogram::Histogram<u64>) -> [Figure; 3] {
    let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1e6;
    [
        figure("latency p50, ms", at(0.5), Better::Lower),
        figure("latency p99, ms", at(0.99), Better::Lower),
        figure("latency p99.9, ms", at(0.999), Better::Lower),
    ]
}

/// All runs of one server with one transport, or why there are none.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The server.
    pub kind: Kind,
    /// How the clients reached it.
    pub transport: Transport,
    /// The figures of each run, all in the same order.
    pub runs: Vec<Vec<Figure>>,
    /// Why the server was skipped.
    pub skipped: Option<String>,
}

impl Outcome {
    /// The name in tables.
    #[must_use]
    pub fn name(&self) -> String {
        match self.transport {
            Transport::Plain => self.kind.name(),
            transport => format!("{} {transport}", self.kind.name()),
        }
    }

    /// Whether it is the same server with another transport, or an older one with the same transport.
    fn is_like(&self, first: &Self) -> bool {
        match self.kind {
            Kind::Older(_) | Kind::Unindexed => self.transport == first.transport,
            _ => self.kind == first.kind && self.transport != first.transport,
        }
    }

    /// The median of a figure over the runs.
    #[must_use]
    pub fn median(&self, name: &str) -> Option<f64> {
        let mut values: Vec<f64> = self
            .runs
            .iter()
            .filter_map(|run| run.iter().find(|figure| figure.name == name))
            .map(|figure| figure.value)
            .collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(values[middle]),
            _ => Some(f64::midpoint(values[middle - 1], values[middle])),
        }
    }
}

/// A Markdown table of the medians, with the ratios of the first server to the floor and to the best peer, and ratio and
/// difference to an older version and between transports, as far as these were measured.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let measured: Vec<&Outcome> =
        outcomes.iter().filter(|outcome| !outcome.runs.is_empty()).collect();
    let mut rows = Vec::new();
    if let Some(first) = measured.first() {
        let others = &measured[1..];
        let with_floor = others.iter().any(|other| other.kind == Kind::Floor);
        let with_peers = others.iter().any(|other| other.kind.is_peer());
        let mut head = vec![String::new()];
        head.extend(measured.iter().map(|outcome| outcome.name()));
        head.extend(with_floor.then(|| "to floor".to_owned()));
        head.extend(with_peers.then(|| "to best peer".to_owned()));
        let like_it: Vec<&Outcome> =
            others.iter().copied().filter(|other| other.is_like(first)).collect();
        head.extend(like_it.iter().map(|other| match &other.kind {
            Kind::Older(_) | Kind::Unindexed => format!("to {}", other.name()),
            _ => format!("{} to {}", other.transport, first.transport),
        }));
        rows.push(head);
        for figure in figures(&measured) {
            let mut row = vec![figure.name.to_owned()];
            let medians = measured.iter().map(|outcome| outcome.median(figure.name));
            row.extend(medians.map(|median| median.map(number).unwrap_or_default()));
            let to_floor = with_floor.then(|| ratio(figure, first, others, |k| *k == Kind::Floor));
            let to_peer = with_peers.then(|| ratio(figure, first, others, Kind::is_peer));
            row.extend([to_floor, to_peer].into_iter().flatten());
            row.extend(like_it.iter().map(|other| match &other.kind {
                Kind::Older(_) | Kind::Unindexed => ratio_and_difference(figure, first, other),
                _ => ratio_and_difference(figure, other, first),
            }));
            rows.push(row);
        }
    }
    let mut text = markdown(&rows);
    for outcome in outcomes {
        if let Some(why) = &outcome.skipped {
            text += &format!("\n{} was skipped: {why}\n", outcome.name());
        }
    }
    text
}

/// Every figure of any outcome: some exist only for some transports.
fn figures<'a>(measured: &[&'a Outcome]) -> Vec<&'a Figure> {
    let mut figures: Vec<&Figure> = Vec::new();
    for figure in measured.iter().flat_map(|outcome| &outcome.runs[0]) {
        if !figures.iter().any(|known| known.name == figure.name) {
            figures.push(figure);
        }
    }
    figures
}

/// The ratio of two medians, and their difference.
fn ratio_and_difference(figure: &Figure, this: &Outcome, other: &Outcome) -> String {
    match (this.median(figure.name), other.median(figure.name)) {
        (Some(this), Some(other)) if other > 0.0 && figure.better != Better::Neither => {
            let sign = if this < other { '-' } else { '+' };
            format!("{:.2} × ({sign}{})", this / other, number((this - other).abs()))
        }
        _ => String::new(),
    }
}

/// The first server's median in multiples of the best one among `others` that `counts`.
fn ratio(
    figure: &Figure,
    first: &Outcome,
    others: &[&Outcome],
    counts: impl Fn(&Kind) -> bool,
) -> String {
    let medians = others
        .iter()
        .filter(|other| counts(&other.kind))
        .filter_map(|other| other.median(figure.name));
    let best = match figure.better {
        Better::Lower => medians.min_by(f64::total_cmp),
        Better::Higher => medians.max_by(f64::total_cmp),
        Better::Neither => None,
    };
    match (first.median(figure.name), best) {
        (Some(ours), Some(best)) if best > 0.0 => format!("{:.2} ×", ours / best),
        _ => String::new(),
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 || value == value.trunc() => format!("{value:.0}"),
        middle if middle >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Columns as wide as their widest cell, the first to the left, numbers to the right.
pub(crate) fn markdown(rows: &[Vec<String>]) -> String {
    let Some(head) = rows.first() else { return String::new() };
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default().max(2)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            text += &if column == 0 {
                format!("| {cell:<width$} ")
            } else {
                format!("| {cell:>width$} ")
            };
        }
        text += "|\n";
        if at == 0 {
            for (column, width) in widths.iter().enumerate() {
                let end = if column == 0 { "-" } else { ":" };
                text += &format!("|-{}{end}", "-".repeat(*width));
            }
            text += "|\n";
        }
    }
    text
}

/// All runs and medians, for programs.
#[must_use]
pub fn json(command: &str, outcomes: &[Outcome]) -> Value {
    let server = |outcome: &Outcome| {
        let names = outcome.runs.first().into_iter().flatten().map(|figure| figure.name);
        let figures: serde_json::Map<String, Value> = names
            .map(|name| {
                let runs: Vec<f64> = outcome
                    .runs
                    .iter()
                    .filter_map(|run| run.iter().find(|figure| figure.name == name))
                    .map(|figure| figure.value)
                    .collect();
                (name.to_owned(), json!({ "median": outcome.median(name), "runs": runs }))
            })
            .collect();
        let (server, transport) = (outcome.kind.name(), outcome.transport.name());
        json!({ "server": server, "transport": transport, "figures": figures, "skipped": outcome.skipped })
    };
    json!({ "command": command, "servers": outcomes.iter().map(server).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: Kind, values: &[f64]) -> Outcome {
        let run = |value: &f64| vec![figure("CPU, µs", *value, Better::Lower)];
        let runs = values.iter().map(run).collect();
        Outcome { kind, transport: Transport::Plain, runs, skipped: None }
    }

    fn cells<'a>(table: &'a str, beginning: &str) -> Vec<&'a str> {
        let row = table.lines().find(|line| line.starts_with(beginning)).unwrap();
        row.split('|').map(str::trim).collect()
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(outcome(Kind::Floor, &[9.0, 1.0, 2.0]).median("CPU, µs"), Some(2.0));
        assert_eq!(outcome(Kind::Floor, &[4.0, 2.0]).median("CPU, µs"), Some(3.0));
        assert_eq!(outcome(Kind::Floor, &[]).median("CPU, µs"), None);
    }

    #[test]
    fn the_table_compares_the_first_with_the_floor_and_the_best_peer() {
        let mut late = outcome(Kind::Nats, &[]);
        late.skipped = Some("not installed".to_owned());
        let table = table(&[
            outcome(Kind::Parlor, &[3.0]),
            outcome(Kind::Floor, &[2.0]),
            outcome(Kind::Ngircd, &[12.0]),
            outcome(Kind::Inspircd, &[6.0]),
            late,
        ]);
        assert_eq!(cells(&table, "| CPU")[2..8], ["3", "2", "12", "6", "1.50 ×", "0.50 ×"]);
        assert!(table.contains("nats was skipped: not installed"));
    }

    #[test]
    fn other_transports_are_compared_with_the_first() {
        let by = |transport, values| Outcome { transport, ..outcome(Kind::Parlor, values) };
        let mut tls = by(Transport::Tls, &[5.0]);
        tls.runs[0].push(figure("of TLS alone", 7.0, Better::Neither));
        let table = table(&[by(Transport::Plain, &[4.0]), tls, by(Transport::WebSocket, &[3.0])]);
        assert_eq!(cells(&table, "| CPU")[2..7], ["4", "5", "3", "1.25 × (+1)", "0.75 × (-1)"]);
        assert_eq!(cells(&table, "| of TLS alone")[2..7], ["", "7", "", "", ""]);
        assert!(
            table.contains("| parlor tls | parlor websocket | tls to plain | websocket to plain |")
        );
    }
    #[test]
    fn the_first_server_is_compared_with_its_older_version() {
        let before = outcome(Kind::Older("before".into()), &[4.0]);
        let table = table(&[outcome(Kind::Parlor, &[3.0]), before, outcome(Kind::Floor, &[2.0])]);
        assert!(table.contains("| to floor |   to before |"), "{table}");
        assert_eq!(cells(&table, "| CPU")[2..7], ["3", "4", "2", "1.50 ×", "0.75 × (-1)"]);
    }
}
