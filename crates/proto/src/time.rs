//! Times as text: UTC, from milliseconds since 1970 (IRCv3 server-time, ISO 8601).

const DAY_MS: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z, the earliest time with a four-digit year.
const EARLIEST_MS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LATEST_MS: i64 = 253_402_300_799_999;

/// Appends `2026-11-22T14:02:05.123Z`. Times outside the years 0 to 9999 are clamped.
pub fn write_server_time(ms_since_epoch: i64, out: &mut Vec<u8>) {
    let ms = ms_since_epoch.clamp(EARLIEST_MS, LATEST_MS);
    write_day(ms, out);
    out.push(b'T');
    write_clock(ms, out);
    out.push(b'.');
    write_digits(ms.rem_euclid(1000), 3, out);
    out.push(b'Z');
}

/// Appends `2026-11-22 14:02:05` in UTC. Times outside the years 0 to 9999 are clamped.
pub fn write_date(ms_since_epoch: i64, out: &mut Vec<u8>) {
    let ms = ms_since_epoch.clamp(EARLIEST_MS, LATEST_MS);
    write_day(ms, out);
    out.push(b' ');
    write_clock(ms, out);
}

/// Parses `2026-11-22T14:02:05.123Z`, with optional milliseconds, to milliseconds since 1970.
/// `None` if the text is invalid. A leap second (`:60`) is the first second after it.
#[must_use]
pub fn parse_server_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let ms = match bytes.len() {
        20 => 0,
        24 if bytes[19] == b'.' => digits(&bytes[20..23])?,
        _ => return None,
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (bytes.len() - 1, b'Z')];
    if marks.iter().any(|&(at, mark)| bytes[at] != mark) {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?);
    let (hour, minute, second) =
        (digits(&bytes[11..13])?, digits(&bytes[14..16])?, digits(&bytes[17..19])?);
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // A day that the month does not have would come back as one of the next month.
    if civil_from_days(days) != (year, month, day) {
        return None;
    }
    Some(days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

fn write_day(ms: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
    write_digits(year, 4, out);
    out.push(b'-');
    write_digits(month, 2, out);
    out.push(b'-');
    write_digits(day, 2, out);
}

fn write_clock(ms: i64, out: &mut Vec<u8>) {
    let second = ms.rem_euclid(DAY_MS) / 1000;
    write_digits(second / 3600, 2, out);
    out.push(b':');
    write_digits(second / 60 % 60, 2, out);
    out.push(b':');
    write_digits(second % 60, 2, out);
}

fn write_digits(number: i64, width: u32, out: &mut Vec<u8>) {
    for place in (0..width).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        out.push(b'0' + digit as u8);
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0, |number, &b| b.is_ascii_digit().then(|| number * 10 + i64::from(b - b'0')))
}

// The calendar repeats every 400 years, an era of 146,097 days. Years begin in March, so that the
// leap day is the last of a year; day 719,468 after 0000-03-01 is 1970-01-01.

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * months_from_march + 2) / 5 + 1;
    let month = (months_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_time(ms: i64) -> String {
        let mut out = Vec::new();
        write_server_time(ms, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_times_are_written() {
        assert_eq!(server_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(server_time(951_782_400_001), "2000-02-29T00:00:00.001Z");
        assert_eq!(server_time(1_795_356_125_123), "2026-11-22T14:02:05.123Z");
        assert_eq!(server_time(-1), "1969-12-31T23:59:59.999Z");
        let mut date = Vec::new();
        write_date(1_795_356_125_123, &mut date);
        assert_eq!(date, b"2026-11-22 14:02:05");
    }

    #[test]
    fn times_out_of_range_are_written_as_the_nearest() {
        assert_eq!(server_time(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(server_time(i64::MIN), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn invalid_times_are_refused() {
        assert_eq!(parse_server_time("2026-11-22T14:02:05.123Z"), Some(1_795_356_125_123));
        assert_eq!(parse_server_time("2026-11-22T14:02:05Z"), Some(1_795_356_125_000));
        assert_eq!(parse_server_time("2016-12-31T23:59:60.000Z"), Some(1_483_228_800_000));
        for text in [
            "",
            "2026-11-22T14:02:05.123",
            "2026-11-22 14:02:05.123Z",
            "2026-13-22T14:02:05.123Z",
            "2026-00-22T14:02:05.123Z",
            "2025-02-29T14:02:05.123Z",
            "2026-11-00T14:02:05.123Z",
            "2026-11-22T24:02:05.123Z",
            "2026-11-22T14:60:05.123Z",
            "2026-11-22T14:02:61.123Z",
            "2026-11-22T14:02:05.12Z",
            "2026-11-22T14:02:05,123Z",
            "+026-11-22T14:02:05.123Z",
            "2026-11-22T14:02:05.12\u{e9}",
        ] {
            assert_eq!(parse_server_time(text), None, "{text}");
        }
    }
}
