//! The man page and the completions that packages have.

#[path = "../examples/client-papers.rs"]
#[allow(dead_code)] // its `main`
mod papers;

use std::fs;

use clap::CommandFactory;
use parlor_client::args::Args;

#[test]
fn every_option_is_in_the_man_page_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    papers::write(folder.path()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect(name);
    let completions = ["chatclient.bash", "chatclient.fish", "_chatclient"].map(read);
    let page = read("chatclient.1").replace('\\', "");
    let mut command = Args::command();
    command.build();
    for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
        assert!(page.contains(&format!("--{option}")), "the man page has no --{option}");
        assert!(completions.iter().all(|text| text.contains(option)), "--{option}");
    }
    // The original program's spelling, which clap does not know.
    assert!(page.contains("-hn"), "{page}");
}
