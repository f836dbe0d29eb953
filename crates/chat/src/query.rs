//! A search as a person types it, in the attributes of `SEARCH`.

use proto::time::write_server_time;

/// `from:ann in:#dev before:2026-10-01 after:2026-09-01 words` as `from=ann;in=#dev;…;text=words;limit=n`.
/// What is no filter is looked for as it is typed: words, `"exact words"`, `-word`, `has:link`.
pub fn attributes(words: &str, before_ms: Option<i64>, limit: usize) -> String {
    let mut attributes = Vec::new();
    let mut text = Vec::new();
    let mut before = None;
    for word in split(words) {
        match word.split_once(':') {
            Some((key @ ("from" | "in"), value)) if !value.is_empty() => {
                attributes.push(attribute(key, value));
            }
            Some((key @ ("before" | "after"), date)) if is_date(date) => {
                let time = format!("{date}T00:00:00.000Z");
                if key == "before" {
                    before = Some(time);
                } else {
                    attributes.push(attribute(key, &time));
                }
            }
            _ => text.push(word),
        }
    }
    if let Some(ms) = before_ms {
        let mut time = Vec::new();
        write_server_time(ms, &mut time);
        before = Some(String::from_utf8_lossy(&time).into_owned());
    }
    attributes.extend(before.map(|time| attribute("before", &time)));
    if !text.is_empty() {
        attributes.push(attribute("text", &text.join(" ")));
    }
    attributes.push(format!("limit={limit}"));
    attributes.join(";")
}

/// Words, and what stands in quotes with its quotes.
fn split(words: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in words.chars() {
        quoted ^= c == '"';
        match parts.last_mut() {
            Some(part) if quoted || !c.is_whitespace() => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Written as message tags are.
fn attribute(key: &str, value: &str) -> String {
    let mut escaped = Vec::new();
    proto::tags::escape_value(value, &mut escaped);
    format!("{key}={}", String::from_utf8_lossy(&escaped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_attributes_and_words_stay() {
        assert_eq!(
            attributes("from:ann in:#dev \"exact words\" -not has:link it;s", None, 50),
            "from=ann;in=#dev;text=\"exact\\swords\"\\s-not\\shas:link\\sit\\:s;limit=50"
        );
        assert_eq!(
            attributes("after:2026-09-01 before:2026-10-01 re: x", None, 5),
            "after=2026-09-01T00:00:00.000Z;before=2026-10-01T00:00:00.000Z;text=re:\\sx;limit=5"
        );
        assert_eq!(
            attributes("before:2026-10-01 x", Some(0), 5),
            "before=1970-01-01T00:00:00.000Z;text=x;limit=5"
        );
    }
}
