//! The msgid of an event.
//!
//! It consists of the store's instance and the event's id in base 36 (`k3f9-1z`): a bijection,
//! which is computed in both directions and needs neither a column nor an index. The instance keeps
//! a new store from repeating an old one's msgids.

use crate::EventId;

/// The msgid of an event; at most 20 bytes with an instance of 4 and ids up to `i64::MAX`.
pub fn msgid(instance: &str, id: EventId) -> String {
    let mut msgid = Vec::with_capacity(24);
    write_msgid(instance, id, &mut msgid);
    String::from_utf8(msgid).expect("an instance and digits")
}

/// Appends the msgid of an event.
pub fn write_msgid(instance: &str, id: EventId, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 13]; // u64::MAX has 13 digits in base 36
    let mut start = digits.len();
    let mut rest = id;
    loop {
        start -= 1;
        digits[start] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(instance.as_bytes());
    out.push(b'-');
    out.extend_from_slice(&digits[start..]);
}

/// The event with a msgid; `None` for anything that [`msgid`] would not return for this instance.
pub fn parse_msgid(instance: &str, text: &str) -> Option<EventId> {
    let digits = text.strip_prefix(instance)?.strip_prefix('-')?;
    if digits.is_empty() || digits.starts_with('0') {
        return None;
    }
    digits.bytes().try_fold(0_u64, |id, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            _ => return None,
        };
        id.checked_mul(36)?.checked_add(u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ids() {
        assert_eq!(msgid("k3f9", 1), "k3f9-1");
        assert_eq!(msgid("k3f9", 71), "k3f9-1z");
        assert_eq!(msgid("k3f9", u64::MAX), "k3f9-3w5e11264sgsf");
    }

    #[test]
    fn only_canonical_msgids_are_parsed() {
        for text in [
            "",
            "k3f9",
            "k3f9-",
            "k3f9-0",
            "k3f9-01",
            "k3f9-1Z",
            "k3f9-+1",
            "k3f9--1",
            "abcd-1z",
            "k3f9-1 ",
            "k3f9-3w5e11264sgsg",
            "k3f9-10000000000000",
            "1z",
            "K3f9-1",
            "k3f9-é",
        ] {
            assert_eq!(parse_msgid("k3f9", text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_reverses_writing(id in 1..=u64::MAX) {
            proptest::prop_assert_eq!(parse_msgid("k3f9", &msgid("k3f9", id)), Some(id));
        }
    }
}
