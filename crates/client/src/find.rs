//! Highlights the words of a search in a text.

/// IRC's formatting code for reversed text.
const REVERSED: char = '\x16';

/// The words of a search, as typed; the server also finds other spellings.
fn words(asked: &str) -> impl Iterator<Item = (Vec<char>, bool)> {
    let items = asked.split('"').enumerate().flat_map(|(at, part)| {
        let quoted = at % 2 == 1;
        let items: Vec<&str> = if quoted { vec![part] } else { part.split_whitespace().collect() };
        items.into_iter().map(move |item| (item, quoted))
    });
    let conditions = ["from:", "in:", "before:", "after:", "has:"];
    let is_word = move |item: &str, quoted: bool| {
        let condition = conditions.iter().any(|key| item.to_lowercase().starts_with(key));
        quoted || !item.starts_with('-') && !condition
    };
    items.filter(move |(item, quoted)| is_word(item, *quoted)).filter_map(|(item, _)| {
        let begins = item.ends_with('*');
        let word: Vec<char> = item.trim_end_matches('*').chars().map(lower).collect();
        (!word.is_empty()).then_some((word, begins))
    })
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The text with reversed formatting around each word of the search.
pub fn marked(text: &str, asked: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut marks = vec![false; chars.len()];
    for (word, begins) in words(asked) {
        for start in 0..chars.len().saturating_sub(word.len() - 1) {
            let end = start + word.len();
            let same = word.iter().zip(&chars[start..end]).all(|(a, b)| *a == lower(*b));
            if same && is_edge(&chars, start) && (begins || is_edge(&chars, end)) {
                marks[start..end].fill(true);
            }
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut on = false;
    for (c, mark) in chars.into_iter().zip(marks) {
        if on != mark {
            out.push(REVERSED);
            on = mark;
        }
        out.push(c);
    }
    if on {
        out.push(REVERSED);
    }
    out
}

/// Whether a word begins or ends here; some scripts have nothing between words.
fn is_edge(text: &[char], at: usize) -> bool {
    let inside = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() && (*c as u32) < 0x2e80);
    !(inside(at.checked_sub(1).and_then(|at| text.get(at))) && inside(text.get(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requested_history_is_marked() {
        let marks = |text, asked| marked(text, asked).replace(REVERSED, "|");
        assert_eq!(marks("Tea, tea and steam", "tea"), "|Tea|, |tea| and steam");
        assert_eq!(marks("the parser parses", "pars*"), "the |pars|er |pars|es");
        assert_eq!(marks("one two three", "\"two three\" -one"), "one |two three|");
        assert_eq!(marks("from:ann said", "from:ann said in:#x"), "from:ann |said|");
        assert_eq!(marks("今日は東京都に", "東京"), "今日は|東京|都に");
        assert_eq!(marks("nothing", "\" * - \"x"), "nothing");
        assert_eq!(marks("", "tea"), "");
    }
}
