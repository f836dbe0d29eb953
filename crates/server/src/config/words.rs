//! Errors in the config file, in plain words: the parser phrases them in terms of the program's
//! types.

/// Rephrases the parser's `message`; `before` is the text of the file up to the error.
pub(super) fn of(message: &str, before: Option<&str>) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (key, keys) = rest.split_once(", expected ").unwrap_or((rest, "none"));
        let keys = keys.strip_prefix("one of ").unwrap_or(keys).replace("` or `", "`, `");
        return format!("unknown key {key}; the keys are {keys}");
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("the key {key} is missing");
    }
    let wrong = ["invalid type: ", "invalid value: "];
    let wrong =
        wrong.iter().find_map(|start| message.strip_prefix(start)?.split_once(", expected "));
    let Some((found, wanted)) = wrong else { return message.to_owned() };
    let key = before.and_then(key).unwrap_or("the value");
    format!("{key} is {}, but must be {}", what(found), what(wanted))
}

/// The key whose value follows.
fn key(before: &str) -> Option<&str> {
    let line = before.rsplit('\n').next()?;
    let key = line.split_once('=')?.0.trim();
    (!key.is_empty()).then_some(key)
}

/// A value or a type in plain words.
fn what(kind: &str) -> String {
    let (sort, value) = kind.split_once(' ').unwrap_or((kind, ""));
    let whole = |most: u64| format!("a whole number from 0 to {most}");
    match sort {
        "u16" => whole(u16::MAX.into()),
        "u32" => whole(u32::MAX.into()),
        // A config file contains no other types.
        "u64" | "usize" => whole(i64::MAX as u64),
        "string" | "str" if !value.is_empty() => format!("the string {value}"),
        // A very large number is described with its type: `99999999999999999999` as i128.
        "integer" => {
            let digits = value.trim_start_matches('`').split('`').next().unwrap_or(value);
            format!("the number {digits}")
        }
        "floating" => {
            format!("the number {}", value.trim_start_matches("point ").trim_matches('`'))
        }
        "boolean" => value.trim_matches('`').to_owned(),
        "sequence" => "a list".to_owned(),
        "map" | "struct" | "table" => "a table".to_owned(),
        _ => match kind {
            "a string" | "path string" => "a string in quotes".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "a sequence" => "a list in brackets".to_owned(),
            "a map" => "a table".to_owned(),
            other => other.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    /// The error for a config file with this text.
    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parlor.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_explained_in_words() {
        let count = "a whole number from 0 to 9223372036854775807";
        for (text, expected) in [
            ("[limits]\nconnections = \"many\"", format!("line 2: connections is the string \"many\", but must be {count}")),
            ("[limits]\nconnections = -1", format!("connections is the number -1, but must be {count}")),
            ("[limits]\nconnections = 99999999999999999999", format!("connections is the number 99999999999999999999, but must be {count}")),
            ("[limits]\nconnections = 1.5", format!("connections is the number 1.5, but must be {count}")),
            ("[limits]\nconnections = true", format!("connections is true, but must be {count}")),
            ("[limits]\nping_seconds = 5000000000", "ping_seconds is the number 5000000000, but must be a whole number from 0 to 4294967295".into()),
            ("[server]\nport = 70000", "port is the number 70000, but must be a whole number from 0 to 65535".into()),
            ("[server]\nport = [1]", "port is a list, but must be a whole number from 0 to 65535".into()),
            ("[server]\nmotd = 1", "motd is the number 1, but must be a string in quotes".into()),
            ("[server]\ndata = 1", "data is the number 1, but must be a string in quotes".into()),
            ("[server]\nguests = \"yes\"", "guests is the string \"yes\", but must be true or false".into()),
            ("[server]\nlisten = \"x\"", "listen is the string \"x\", but must be a list in brackets".into()),
            ("[server]\nlisten = [\n1]", "the value is the number 1, but must be a string in quotes".into()),
            ("server = 1", "server is the number 1, but must be a table".into()),
            ("operator = 1", "operator is the number 1, but must be a list in brackets".into()),
            ("[[operator]]\nname = \"x\"", "either account and role, or name and password".into()),
            ("[tls]\nkeys = 1", "unknown key `keys`; the keys are `certificate`, `key`".into()),
            ("[http]\norigins = [\"chat.example\"]", "an origin is a scheme and a host".into()),
            ("[http]\norigins = [\"https://chat.example/x\"]", "an origin is a scheme and a host".into()),
            ("[http]\norigins = [\"https://\"]", "an origin is a scheme and a host".into()),
        ] {
            let error = error_of(text);
            assert!(error.contains(&expected), "{text}: {error}");
        }
        for text in [
            "[server",
            "x",
            "[server]\nport = 1\nport = 2",
            "[server]\nmotd = \"",
            "a = 99999999999999999999",
        ] {
            let error = error_of(text);
            for word in ["usize", "u16", "u32", "u64", "i64", "struct", "field", "expected a"] {
                assert!(!error.contains(word), "{text}: {error}");
            }
        }
    }

    #[test]
    fn origins_as_browsers_name_them_are_taken() {
        let config: Config = toml::from_str(
            "http.origins = [\"https://chat.example\", \"http://[::1]:8080/\", \"moz-extension://a-b\"]",
        )
        .unwrap();
        assert_eq!(config.check(), Ok(()));
    }
}
