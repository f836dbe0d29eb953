//! What was said in a closed room before somebody came is not theirs to read, by whichever way.

use crate::support::{Client, Server, Start};

/// The texts of the messages of a room that one is shown, by each way in turn; all show the same.
fn reads(client: &mut Client, room: &str) -> Vec<String> {
    let ways = [
        format!("CH {room}"),
        format!("CHATHISTORY LATEST {room} * 50"),
        format!("CHATHISTORY AFTER {room} timestamp=2000-01-01T00:00:00.000Z 50"),
        format!("CHATHISTORY BEFORE {room} timestamp=2999-01-01T00:00:00.000Z 50"),
        format!(
            "CHATHISTORY BETWEEN {room} timestamp=2000-01-01T00:00:00.000Z timestamp=2999-01-01T00:00:00.000Z 50"
        ),
        format!(
            "CHATHISTORY BETWEEN {room} timestamp=2999-01-01T00:00:00.000Z timestamp=2000-01-01T00:00:00.000Z 50"
        ),
        format!("CHATHISTORY AROUND {room} timestamp=2000-01-01T00:00:00.000Z 50"),
        "PRIVMSG *playback :PLAY * 0".to_owned(),
    ];
    // What came live is no history.
    client.until_answered();
    let mut shown: Option<Vec<String>> = None;
    for way in ways {
        client.send(&way);
        let lines = client.until_answered();
        let of_room = format!(" PRIVMSG {room} :");
        let texts = lines.iter().filter_map(|line| Some(line.split_once(&of_room)?.1.to_owned()));
        let texts: Vec<String> = texts.collect();
        assert_eq!(*shown.get_or_insert_with(|| texts.clone()), texts, "{way}");
    }
    let shown = shown.expect("there are ways");
    client.send(
        "CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2999-01-01T00:00:00.000Z 50",
    );
    let targets = client.until_answered();
    let named = targets.iter().any(|line| line.contains(&format!(" TARGETS {room} ")));
    assert_eq!(named, !shown.is_empty(), "{targets:?}");
    client.send("PRIVMSG *playback :LIST");
    let buffers = client.until_answered();
    let named = buffers.iter().any(|line| line.contains(&format!(" :{room} ")));
    assert_eq!(named, !shown.is_empty(), "{buffers:?}");
    shown
}

fn log_in_and_join(server: &Server, name: &str, room: &str) -> Client {
    let mut client = server.connect(name);
    client.request("batch message-tags server-time draft/chathistory znc.in/playback");
    client.log_in(name);
    client.send(&format!("JOIN {room}"));
    client.until_answered();
    client
}

fn send_all(client: &mut Client, lines: &[&str]) {
    lines.iter().for_each(|line| client.send(line));
    client.until_answered();
}

#[test]
fn members_of_a_secret_room_read_from_their_join_on_even_after_a_restart() {
    let mut server = Server::start_as(Start::OnDisk, "");
    let mut ann = log_in_and_join(&server, "ann", "#a");
    let mut old = log_in_and_join(&server, "old", "#a");
    send_all(&mut ann, &["PRIVMSG #a :open", "MODE #a +s", "PRIVMSG #a :secret"]);
    let mut bob = log_in_and_join(&server, "bob", "#a");
    assert_eq!(reads(&mut bob, "#a"), [""; 0]);
    send_all(&mut ann, &["PRIVMSG #a :later"]);
    assert_eq!(reads(&mut bob, "#a"), ["later"]);
    assert_eq!(reads(&mut old, "#a"), ["open", "secret", "later"], "was a member then");
    // Opened again, it stays closed what was said till then.
    send_all(&mut ann, &["MODE #a -s", "PRIVMSG #a :all"]);
    let mut cid = log_in_and_join(&server, "cid", "#a");
    assert_eq!(reads(&mut cid, "#a"), ["all"]);
    server.restart();
    for (name, texts) in [
        ("ann", &["open", "secret", "later", "all"][..]),
        ("bob", &["later", "all"]),
        ("cid", &["all"]),
        ("dan", &["all"]),
    ] {
        assert_eq!(reads(&mut log_in_and_join(&server, name, "#a"), "#a"), texts, "{name}");
    }
    // Who leaves and comes back comes anew.
    let mut ann = log_in_and_join(&server, "ann", "#a");
    send_all(&mut ann, &["MODE #a +i", "INVITE bob #a"]);
    let mut bob = log_in_and_join(&server, "bob", "#a");
    send_all(&mut bob, &["PART #a"]);
    send_all(&mut ann, &["INVITE bob #a"]);
    send_all(&mut bob, &["JOIN #a"]);
    assert_eq!(reads(&mut bob, "#a"), [""; 0]);
}

#[test]
fn a_setting_of_the_room_decides_and_only_its_operators_may_set_it() {
    let server = Server::start("");
    let mut ann = log_in_and_join(&server, "ann", "#a");
    ann.request("draft/metadata-2");
    send_all(&mut ann, &["MODE #a +s", "METADATA #a SET history :members", "PRIVMSG #a :one"]);
    let mut bob = log_in_and_join(&server, "bob", "#a");
    assert_eq!(reads(&mut bob, "#a"), ["one"]);
    bob.request("draft/metadata-2");
    bob.send("METADATA #a SET history :since-join");
    bob.until(":parlor FAIL METADATA KEY_NO_PERMISSION *");
    ann.send("METADATA #a SET history :whoever");
    ann.until(":parlor FAIL METADATA VALUE_INVALID *");
    send_all(&mut ann, &["MODE #a -s", "METADATA #a SET history :since-join", "PRIVMSG #a :two"]);
    let mut cid = log_in_and_join(&server, "cid", "#a");
    assert_eq!(reads(&mut cid, "#a"), [""; 0]);
    send_all(&mut ann, &["METADATA #a SET history", "PRIVMSG #a :three"]);
    let mut dan = log_in_and_join(&server, "dan", "#a");
    assert_eq!(reads(&mut dan, "#a"), ["three"], "what was closed stays so");
    assert_eq!(reads(&mut bob, "#a"), ["one", "two", "three"]);
}
