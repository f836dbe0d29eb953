//! The vectors: what lines from the server and intents of a person do to the state. Each is a file of JSON, which the
//! core of the web page reads, too; `vectors/README.md` describes them.

use chat::chat::Listed;
use chat::conversation::{Conversation, Member};
use chat::timeline::Row;
use chat::{Change, Chat, Intent};
use serde_json::{Value, json};
use std::path::Path;

/// The state as the vectors show it.
fn show(chat: &Chat) -> Value {
    let conversations: serde_json::Map<String, Value> = chat
        .conversations
        .values()
        .map(|conversation| (conversation.name.clone(), show_conversation(chat, conversation)))
        .collect();
    let found =
        chat.search.found.iter().map(|(target, entry)| json!({ "target": target, "entry": entry }));
    json!({
        "me": chat.me,
        "connected": chat.connected,
        "server": chat.server.name,
        "motd": chat.server.motd,
        "nodes": chat.server.nodes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "conversations": conversations,
        "outgoing": chat.outgoing.len(),
        "search": {
            "words": chat.search.words,
            "loading": chat.search.loading,
            "note": chat.search.note,
            "found": found.collect::<Vec<_>>(),
        },
        "listed": chat.listed.iter().map(show_listed).collect::<Vec<_>>(),
    })
}

fn show_listed(listed: &Listed) -> Value {
    json!([listed.name, listed.members, listed.topic])
}

fn show_conversation(chat: &Chat, conversation: &Conversation) -> Value {
    let rows: Vec<Value> = conversation
        .timeline
        .rows()
        .iter()
        .map(|row| match row {
            Row::Entry(entry) => json!(entry),
            Row::Gap => json!("gap"),
        })
        .collect();
    let waiting: Vec<Value> =
        chat.waiting(&conversation.name).map(|outgoing| json!(outgoing.entry(&chat.me))).collect();
    let member = |member: &Member| format!("{}{}", member.marks, member.nick);
    let away = conversation.members.values().filter(|member| member.away);
    json!({
        "with": conversation.with,
        "joined": conversation.joined,
        "topic": conversation.topic,
        "members": conversation.members.values().map(member).collect::<Vec<_>>(),
        "away": away.map(|member| &member.nick).collect::<Vec<_>>(),
        "unread": conversation.unread,
        "mentions": conversation.mentions,
        "first_unread": conversation.first_unread,
        "read_ms": conversation.read_ms,
        "notify": conversation.notify,
        "typing": conversation.typing.iter().map(|(nick, _)| nick).collect::<Vec<_>>(),
        "pins": conversation.pins,
        "loading": conversation.loading,
        "from_start": conversation.timeline.is_from_start(),
        "rows": rows,
        "waiting": waiting,
    })
}

/// The first difference from what a step expects: objects may have more keys than expected, everything else is as it stands.
fn differs(expected: &Value, found: &Value, path: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().find_map(|(key, expected)| {
                differs(expected, found.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}"))
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let mut pairs = expected.iter().zip(found).enumerate();
            pairs.find_map(|(at, (expected, found))| {
                differs(expected, found, &format!("{path}[{at}]"))
            })
        }
        (expected, found) if expected == found => None,
        (expected, found) => Some(format!("{path}: expected {expected}, found {found}")),
    }
}

struct Player {
    chat: Chat,
    now_ms: i64,
    sent: Vec<u8>,
    settled: Vec<Value>,
}

impl Player {
    fn run_step(&mut self, step: &Value, login: &Value) -> Result<(), String> {
        let (key, value) = step.as_object().and_then(|step| step.iter().next()).ok_or("no step")?;
        match key.as_str() {
            "login" => {
                let of = |key: &str| login[key].as_object().cloned().unwrap_or_default();
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let capabilities = of("capabilities")
                    .iter()
                    .map(|(k, v)| (k.clone(), text(v)))
                    .collect::<Vec<_>>();
                self.chat.logged_in(&text(&login["me"]), capabilities, &mut self.sent);
            }
            "line" => {
                self.chat.receive(value.as_str().ok_or("no line")?, self.now_ms, &mut self.sent);
            }
            "lines" => {
                for line in value.as_array().ok_or("no lines")? {
                    self.chat.receive(line.as_str().ok_or("no line")?, self.now_ms, &mut self.sent);
                }
            }
            "now" => self.now_ms = value.as_i64().ok_or("no time")?,
            "tick" => self.chat.tick(self.now_ms, &mut self.sent),
            "broken" => self.chat.broken(),
            "intent" => {
                let intent: Intent =
                    serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
                let done = self.chat.perform(intent, self.now_ms, &mut self.sent);
                done.map_err(|error| format!("{error} ({value})"))?;
            }
            "sent" => {
                let sent =
                    String::from_utf8(std::mem::take(&mut self.sent)).map_err(|e| e.to_string())?;
                let sent = json!(sent.lines().collect::<Vec<_>>());
                return differs(value, &sent, "sent").map_or(Ok(()), Err);
            }
            "state" => return differs(value, &show(&self.chat), "state").map_or(Ok(()), Err),
            "settled" => {
                let settled = json!(std::mem::take(&mut self.settled));
                return differs(value, &settled, "settled").map_or(Ok(()), Err);
            }
            other => return Err(format!("unknown step {other}")),
        }
        for change in self.chat.take_changes() {
            if let Change::Settled { number, outcome } = change {
                self.settled.push(match outcome {
                    Ok(msgid) => json!({ "number": number, "msgid": msgid }),
                    Err(reason) => json!({ "number": number, "reason": reason }),
                });
            }
        }
        Ok(())
    }
}

fn play(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let vectors: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for vector in vectors.as_array().ok_or("no list of vectors")? {
        let mut player =
            Player { chat: Chat::new("r"), now_ms: 1_000, sent: Vec::new(), settled: Vec::new() };
        for (at, step) in vector["steps"].as_array().ok_or("no steps")?.iter().enumerate() {
            let describe = |error| format!("{}, step {at}: {error}", vector["about"]);
            player.run_step(step, vector).map_err(describe)?;
        }
    }
    Ok(())
}

#[test]
fn lines_and_intents_lead_to_the_states_that_the_vectors_show() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut played = 0;
    let mut failures = Vec::new();
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            played += 1;
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            failures.extend(play(&path).err().map(|error| format!("{name}: {error}")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(played > 0, "no vectors in {}", folder.display());
}
