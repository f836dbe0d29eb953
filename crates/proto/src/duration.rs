//! Durations in the form `90s`, `30m`, `2h`, `3d`, `2w`.

/// The longest valid duration in milliseconds: about ten years.
pub const DURATION_MOST_MS: i64 = 520 * 7 * 86_400_000;

/// The units, longest first, with their milliseconds.
const UNITS: [(char, i64); 5] =
    [('w', 604_800_000), ('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1000)];

/// Parses `2h` or `1d12h` to milliseconds; `None` if the text is not a duration, is zero, or
/// exceeds [`DURATION_MOST_MS`]. Each unit may occur once, longest first.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    let (mut rest, mut units, mut total) = (text, &UNITS[..], 0_i64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next()?.to_ascii_lowercase();
        let at = units.iter().position(|(letter, _)| *letter == unit)?;
        let number: i64 = number.parse().ok()?;
        total = total.checked_add(number.checked_mul(units[at].1)?)?;
        (rest, units) = (&tail[1..], &units[at + 1..]);
    }
    (1..=DURATION_MOST_MS).contains(&total).then_some(total)
}

/// The shortest form of a duration, rounded down to seconds: `2h`, `1d12h`; `0s` for less.
#[must_use]
pub fn show_duration(ms: i64) -> String {
    let (mut rest, mut text) = (ms.max(0), String::new());
    for (letter, unit) in UNITS {
        let number = rest / unit;
        rest %= unit;
        if number > 0 {
            text.push_str(&number.to_string());
            text.push(letter);
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, seconds) in [
            ("1s", 1),
            ("30m", 1800),
            ("2h", 7200),
            ("3d", 259_200),
            ("2w", 1_209_600),
            ("1d12h", 129_600),
            ("1w1d1h1m1s", 694_861),
        ] {
            assert_eq!(parse_duration(text), Some(seconds * 1000), "{text}");
            assert_eq!(show_duration(seconds * 1000), text);
        }
        assert_eq!(parse_duration("2H"), Some(7_200_000));
        assert_eq!(parse_duration("90m"), Some(5_400_000));
        assert_eq!(show_duration(5_400_999), "1h30m");
        assert_eq!(show_duration(-5), "0s");
        assert_eq!(parse_duration("520w"), Some(DURATION_MOST_MS));
    }

    #[test]
    fn invalid_durations_are_refused() {
        for text in [
            "",
            "2",
            "h",
            "2x",
            "-2h",
            "+2h",
            "2 h",
            "2h ",
            "0s",
            "0m",
            "2h2h",
            "1h1d",
            "521w",
            "99999999999999999999w",
            "9223372036854775807w",
            "2\u{fffd}",
            "\u{661}h",
            "1.5h",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
