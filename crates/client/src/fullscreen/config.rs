//! The configuration: `parlor/config.toml` in `$XDG_CONFIG_HOME`. Errors in it are reported, and
//! the rest applies.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde::Deserialize;
use tui::Settings;
use tui::terminal::Notification;
use tui::theme::{Background, Depth, Theme};

use crate::files;
use crate::limits::CONFIG_BYTES;

/// A person's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How to notify a person who is not looking; none to stay silent.
    pub notify: Option<Notification>,
    /// The screen uses the mouse.
    pub mouse: bool,
    /// Show the members of a room.
    pub members: bool,
    /// Make links clickable.
    pub links: bool,
    /// The number of colours; none to detect it.
    pub colours: Option<Depth>,
    /// The background; none to detect it.
    pub background: Option<Background>,
    /// Keys by the names of their actions.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            notify: Some(Notification::Bell),
            mouse: true,
            members: true,
            links: true,
            colours: None,
            background: None,
            keys: BTreeMap::new(),
        }
    }
}

/// The contents of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    notify: Option<String>,
    mouse: Option<bool>,
    members: Option<bool>,
    links: Option<bool>,
    colours: Option<String>,
    background: Option<String>,
    #[serde(default)]
    keys: BTreeMap<String, Keys>,
}

/// One key, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Several(Vec<String>),
}

const NOTIFICATIONS: [(&str, Option<Notification>); 5] = [
    ("bell", Some(Notification::Bell)),
    ("osc9", Some(Notification::Osc9)),
    ("osc777", Some(Notification::Osc777)),
    ("osc99", Some(Notification::Osc99)),
    ("none", None),
];

const COLOURS: [(&str, Option<Depth>); 4] = [
    ("auto", None),
    ("none", Some(Depth::None)),
    ("16", Some(Depth::Ansi)),
    ("256", Some(Depth::Indexed)),
];

const BACKGROUNDS: [(&str, Option<Background>); 3] =
    [("auto", None), ("dark", Some(Background::Dark)), ("light", Some(Background::Light))];

impl Config {
    /// This person's configuration, and the errors in it.
    pub fn of_this_person() -> (Config, Vec<String>) {
        let Some(path) = path() else { return (Config::default(), Vec::new()) };
        let mut text = String::new();
        let read = match files::open(&path) {
            Ok(Some((file, true))) => file.take(CONFIG_BYTES).read_to_string(&mut text),
            Ok(Some((_, false))) => Err(std::io::Error::other("it is not a regular file")),
            Ok(None) => Ok(0),
            Err(error) => Err(error),
        };
        let name = path.display();
        match read {
            Ok(_) => {
                let (config, wrong) = Config::parse(&text);
                (config, wrong.into_iter().map(|wrong| format!("{name}: {wrong}")).collect())
            }
            Err(error) => (Config::default(), vec![format!("{name} cannot be read: {error}")]),
        }
    }

    fn parse(text: &str) -> (Config, Vec<String>) {
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                let line =
                    error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                let sentence = format!("line {line}: {}. Nothing of it counts.", error.message());
                return (Config::default(), vec![sentence]);
            }
        };
        let mut wrong = Vec::new();
        let mut config = Config::default();
        for (word, set) in
            [("notify", &file.notify), ("colours", &file.colours), ("background", &file.background)]
        {
            if let Some(value) = set
                && let Err(sentence) = config.set(word, value)
            {
                wrong.push(sentence);
            }
        }
        config.mouse = file.mouse.unwrap_or(config.mouse);
        config.members = file.members.unwrap_or(config.members);
        config.links = file.links.unwrap_or(config.links);
        let several = |keys| match keys {
            Keys::One(key) => vec![key],
            Keys::Several(keys) => keys,
        };
        config.keys = file.keys.into_iter().map(|(name, keys)| (name, several(keys))).collect();
        (config, wrong)
    }

    /// The settings for the screen.
    pub fn settings(&self) -> Settings {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let variable = |name| std::env::var(name).unwrap_or_default();
        let depth = match self.colours {
            _ if no_colour => Depth::None,
            Some(depth) => depth,
            None => depth_of(&variable("TERM"), &variable("COLORTERM")),
        };
        let background = self.background.unwrap_or_else(|| background_of(&variable("COLORFGBG")));
        Settings {
            theme: Theme { depth, background },
            zone: TimeZone::system(),
            links: self.links,
            mouse: self.mouse,
            members: self.members,
            ..Settings::default()
        }
    }

    /// Changes a setting as typed: `mouse off`. Without words, shows all of them.
    ///
    /// # Errors
    /// The sentence that says what would be right.
    pub fn change(&mut self, text: &str) -> Result<String, String> {
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "=").collect();
        match words[..] {
            [] => Ok(self.to_text()),
            [name, value] => {
                self.set(name, value)?;
                Ok(format!("{name} is {value} now; config.toml keeps it for the next time."))
            }
            _ => Err("Use it like this: /set mouse off".to_owned()),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "notify" => self.notify = one_of(name, value, &NOTIFICATIONS)?,
            "colours" => self.colours = one_of(name, value, &COLOURS)?,
            "background" => self.background = one_of(name, value, &BACKGROUNDS)?,
            "mouse" => self.mouse = on_or_off(name, value)?,
            "members" => self.members = on_or_off(name, value)?,
            "links" => self.links = on_or_off(name, value)?,
            _ => {
                return Err(format!(
                    "There is no setting {name}: there are {}.",
                    SETTINGS.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        let word = |on: bool| if on { "on" } else { "off" };
        let notify = NOTIFICATIONS.iter().find(|(_, how)| *how == self.notify);
        let colours = COLOURS.iter().find(|(_, colours)| *colours == self.colours);
        let background = BACKGROUNDS.iter().find(|(_, is)| *is == self.background);
        let values = [
            notify.map_or("", |(name, _)| name),
            colours.map_or("", |(name, _)| name),
            background.map_or("", |(name, _)| name),
            word(self.mouse),
            word(self.members),
            word(self.links),
        ];
        let settings = SETTINGS.iter().zip(values).map(|(name, value)| format!("{name} {value}"));
        settings.collect::<Vec<_>>().join(", ")
    }
}

/// The settings, in display order.
const SETTINGS: [&str; 6] = ["notify", "colours", "background", "mouse", "members", "links"];

fn one_of<T: Copy>(name: &str, value: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(word, _)| *word == value).map(|(_, meant)| *meant);
    found.ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        format!("{name} can be {}, not {value}.", words.join(", "))
    })
}

fn on_or_off(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "on" | "true" | "yes" => Ok(true),
        "off" | "false" | "no" => Ok(false),
        _ => Err(format!("{name} can be on or off, not {value}.")),
    }
}

/// The number of colours of a terminal, as it announces itself.
fn depth_of(term: &str, colorterm: &str) -> Depth {
    let has_many = matches!(colorterm, "truecolor" | "24bit") || term.contains("256color");
    if has_many { Depth::Indexed } else { Depth::Ansi }
}

/// The background, if the terminal announces it: the number of a colour, of which the first and the
/// ninth are dark.
fn background_of(colorfgbg: &str) -> Background {
    match colorfgbg.rsplit(';').next().and_then(|number| number.parse::<u8>().ok()) {
        Some(7 | 9..=15) => Background::Light,
        _ => Background::Dark,
    }
}

/// The file: in `$XDG_CONFIG_HOME`, or else `.config` in `$HOME`; according to the XDG
/// specification a relative path counts as none.
fn path() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    config.map(|config| config.join("parlor/config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_values_override_the_defaults() {
        let (config, wrong) = Config::parse(
            "notify = \"osc9\"\nmouse = false\n[keys]\npalette = \"F5\"\nsend = [\"Enter\", \"F6\"]\n",
        );
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(config.notify, Some(Notification::Osc9));
        assert!(!config.mouse && config.members);
        assert_eq!(config.keys["palette"], ["F5"]);
        assert_eq!(config.keys["send"], ["Enter", "F6"]);
        assert_eq!(Config::parse(""), (Config::default(), Vec::new()));
    }

    #[test]
    fn config_errors_name_the_line_and_the_remedy() {
        let (config, wrong) = Config::parse("mouse = true\nmice = 3\n");
        assert_eq!(config, Config::default());
        assert!(wrong[0].starts_with("line 2: unknown field `mice`"), "{wrong:?}");
        let (_, wrong) = Config::parse("notify = \"loud\"\ncolours = \"256\"\n");
        assert_eq!(wrong, ["notify can be bell, osc9, osc777, osc99, none, not loud."]);
    }

    #[test]
    fn settings_are_changed_by_hand() {
        let mut config = Config::default();
        assert_eq!(
            config.change("").unwrap(),
            "notify bell, colours auto, background auto, mouse on, members on, links on"
        );
        config.change("mouse off").unwrap();
        config.change("notify = none").unwrap();
        assert!(!config.mouse && config.notify.is_none());
        assert!(config.change("mouse maybe").unwrap_err().contains("on or off"));
        assert!(config.change("mice on").unwrap_err().contains("there are notify"));
        assert!(config.change("mouse").unwrap_err().contains("/set mouse off"));
    }

    #[test]
    fn colours_are_as_many_as_the_terminal_has() {
        assert_eq!(depth_of("xterm", "truecolor"), Depth::Indexed);
        assert_eq!(depth_of("screen-256color", ""), Depth::Indexed);
        assert_eq!(depth_of("xterm", ""), Depth::Ansi);
        assert_eq!(background_of("0;15"), Background::Light);
        assert_eq!(background_of("15;default;0"), Background::Dark);
        assert_eq!(background_of(""), Background::Dark);
    }
}
