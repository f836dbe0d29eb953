//! A disk without space: writes fail beyond a file size limit, and succeed again when it is lifted.
#![cfg(target_os = "linux")]

use std::fs;

use rustix::process::{Resource, Rlimit, prlimit};

use crate::support::{Client, Server};

#[test]
fn a_full_disk_is_told_and_confirms_nothing_and_heals() {
    let mut server = Server::start_on_small_disk("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.until(":bob!* JOIN #lobby");
    let mut confirmed = vec![say(&mut ann, "before").expect("there is space")];
    bob.expect(":ann!ann@parlor PRIVMSG #lobby :before");

    limit_files(&server, Some(largest_file(&server)));
    let text = "x".repeat(300);
    let mut refused = 0;
    while refused < 3 {
        assert!(confirmed.len() < 20_000, "the disk does not fill");
        let said = format!("{} {text}", confirmed.len() + refused);
        match say(&mut ann, &said) {
            Some(msgid) => {
                bob.expect(&format!(":ann!ann@parlor PRIVMSG #lobby :{said}"));
                confirmed.push(msgid);
            }
            None => refused += 1,
        }
    }
    bob.expect_quiet();
    // A smaller write might still fit; now none does.
    limit_files(&server, Some(0));
    ann.send("PM bob :hi");
    ann.expect(":parlor FAIL PM STORE_FAILED :*");
    let mut newcomer = server.connect("newcomer");
    newcomer.send("LOGIN cid :secret");
    newcomer.expect(":parlor FAIL LOGIN STORE_FAILED *");
    bob.expect_quiet();

    limit_files(&server, None);
    confirmed.push(say(&mut ann, "after").expect("there is space again"));
    bob.expect(":ann!ann@parlor PRIVMSG #lobby :after");
    server.log_in("cid");

    server.restart();
    assert_eq!(history(&mut server.log_in("bob")), confirmed);
}

/// Broadcasts, and returns the msgid, or `None` if the store has failed.
fn say(client: &mut Client, text: &str) -> Option<String> {
    client.send(&format!("BM :{text}"));
    let answer = client.expect(":parlor * BM *");
    if answer.contains(" FAIL BM STORE_FAILED ") {
        return None;
    }
    let msgid =
        answer.strip_prefix(":parlor NOTE BM SENT ").and_then(|rest| rest.split(' ').next());
    Some(msgid.unwrap_or_else(|| client.fail("expected a confirmation", &answer)).to_owned())
}

/// The msgids of everything in the lobby, oldest first, page by page.
fn history(client: &mut Client) -> Vec<String> {
    client.request("message-tags");
    client.until_answered();
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        client.send(&format!("CH #lobby 100 {before}"));
        let mut page = Vec::new();
        let end = loop {
            let line = client.until("*");
            if line.contains(" NOTE CH END ") {
                break line;
            }
            let tags = line.split(' ').next().expect("a line has words");
            let msgid = tags.split(['@', ';']).find_map(|tag| tag.strip_prefix("msgid="));
            page.push(msgid.expect("history has msgids").to_owned());
        };
        if page.is_empty() {
            return all;
        }
        before = page[0].clone();
        assert!(end.contains(&before), "{end}");
        page.append(&mut all);
        all = page;
    }
}

fn largest_file(server: &Server) -> u64 {
    let files = fs::read_dir(server.data()).expect("the data folder");
    let sizes = files.map(|file| file.expect("a file").metadata().expect("its size").len());
    sizes.max().expect("there are files") + 64 * 1024
}

/// From here on, the server's files cannot grow beyond `bytes`. The hard limit stays, so that it can be lifted.
fn limit_files(server: &Server, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(server.pid()), Resource::Fsize, limit).expect("our own child's limits");
}
