//! The file of known hosts, in folders of the tests' own.

use std::sync::Barrier;
use std::thread;

use super::*;

const SERVER: &str = "chat.example:9999";

fn certificate(number: u8) -> Known {
    Known::Certificate(Fingerprint::of(&[number]))
}

fn entry(known: Known, line: usize) -> Option<Entry> {
    Some(Entry { known: Some(known), line })
}

/// A file in a folder that is not there yet.
fn file() -> (tempfile::TempDir, KnownHosts) {
    let folder = tempfile::tempdir().unwrap();
    let known_hosts = KnownHosts::below(Some(folder.path().join("state")), None).unwrap();
    (folder, known_hosts)
}

fn set(known_hosts: &KnownHosts, server: &str, known: Known) {
    let changed = known_hosts.change(|lines| {
        lines.set(server, known);
        Ok::<bool, ()>(true)
    });
    assert_eq!(changed.unwrap(), Ok(()));
}

#[test]
fn it_is_in_the_state_folder_of_the_environment() {
    let path = |state: Option<&str>, home: Option<&str>| {
        let known_hosts = KnownHosts::below(state.map(PathBuf::from), home.map(PathBuf::from));
        known_hosts.ok().map(|known_hosts| known_hosts.path.display().to_string())
    };
    let of_home = Some("/home/ann/.local/state/parlor/known_hosts".to_owned());
    assert_eq!(path(Some("/state"), Some("/home/ann")), Some("/state/parlor/known_hosts".into()));
    assert_eq!(path(None, Some("/home/ann")), of_home);
    for unusable in ["", "here/or/there"] {
        assert_eq!(path(Some(unusable), Some("/home/ann")), of_home);
        assert_eq!(path(Some(unusable), Some(unusable)), None);
    }
    assert_eq!(path(None, None), None);
}

#[test]
fn servers_have_one_name_each() {
    for (host, name) in [
        ("chat.example", SERVER),
        ("CHAT.Example.", SERVER),
        ("127.0.0.1", "127.0.0.1:9999"),
        ("::1", "[::1]:9999"),
        ("0:0:0:0:0:0:0:1", "[::1]:9999"),
        ("2001:DB8::A", "[2001:db8::a]:9999"),
        ("fe80::1%Eth0", "[fe80::1%eth0]:9999"),
    ] {
        assert_eq!(server_name(host, 9999), name, "{host}");
    }
}

#[test]
fn written_entries_are_found_again() {
    let (_folder, known_hosts) = file();
    assert_eq!(known_hosts.read().unwrap().find(SERVER), None);
    set(&known_hosts, SERVER, certificate(1));
    set(&known_hosts, "[::1]:9999", Known::Authority);
    let lines = known_hosts.read().unwrap();
    assert_eq!(lines.find(SERVER), entry(certificate(1), 1));
    assert_eq!(lines.find("[::1]:9999"), entry(Known::Authority, 2));
    assert_eq!(lines.find("chat.example:99"), None);
    set(&known_hosts, SERVER, certificate(2));
    let lines = known_hosts.read().unwrap();
    assert_eq!(lines.find(SERVER), entry(certificate(2), 1));
    assert_eq!(lines.0.len(), 2);
}

#[cfg(unix)]
#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, known_hosts) = file();
    set(&known_hosts, SERVER, certificate(1));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(known_hosts.path()), 0o600);
    assert_eq!(mode(&folder.path().join("state/parlor")), 0o700);
    assert_eq!(mode(&folder.path().join("state")), 0o700);
}

#[test]
fn invalid_lines_are_kept_and_reported() {
    let (_folder, known_hosts) = file();
    set(&known_hosts, "other:1", certificate(1));
    let good = String::from_utf8(fs::read(known_hosts.path()).unwrap()).unwrap();
    let mut bytes =
        b"# a comment\n\n\xff\xfe broken\nhost:1\nhost:2 AB:CD\nhost:3 authority yes\r\n".to_vec();
    bytes.extend_from_slice(good.trim_end().as_bytes());
    fs::write(known_hosts.path(), &bytes).unwrap();
    let lines = known_hosts.read().unwrap();
    assert_eq!(lines.damaged(), [3, 4, 5, 6]);
    assert_eq!(lines.find("other:1"), entry(certificate(1), 7));
    assert_eq!(lines.find("host:2"), Some(Entry { known: None, line: 5 }));
    set(&known_hosts, SERVER, Known::Authority);
    bytes.extend_from_slice(b"\nchat.example:9999 authority\n");
    assert_eq!(fs::read(known_hosts.path()).unwrap(), bytes);
    // A damaged line about a server makes room for a good one.
    set(&known_hosts, "host:2", certificate(2));
    let lines = known_hosts.read().unwrap();
    assert_eq!(lines.damaged(), [3, 4, 6]);
    assert_eq!(lines.find("host:2"), entry(certificate(2), 5));
}

#[test]
fn leftovers_of_a_killed_client_do_no_harm() {
    let (_folder, known_hosts) = file();
    set(&known_hosts, SERVER, certificate(1));
    fs::write(
        known_hosts.path().with_extension("new"),
        "half a line, longer than the file".repeat(9),
    )
    .unwrap();
    set(&known_hosts, "other:1", certificate(2));
    let lines = known_hosts.read().unwrap();
    assert_eq!((lines.damaged(), lines.0.len()), (Vec::new(), 2));
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let (_folder, known_hosts) = file();
    set(&known_hosts, SERVER, certificate(1));
    let refused = known_hosts.change(|lines| {
        lines.set(SERVER, certificate(2));
        Err("no")
    });
    assert_eq!(refused.unwrap(), Err("no"));
    let kept = known_hosts.change(|lines| {
        lines.set(SERVER, certificate(2));
        Ok::<bool, ()>(false)
    });
    assert_eq!(kept.unwrap(), Ok(()));
    assert_eq!(known_hosts.read().unwrap().find(SERVER), entry(certificate(1), 1));
}

#[test]
fn concurrent_writers_lose_nothing() {
    let (_folder, known_hosts) = file();
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8 {
            let (known_hosts, start) = (&known_hosts, &start);
            scope.spawn(move || {
                start.wait();
                for port in 0..5 {
                    set(
                        known_hosts,
                        &server_name(&format!("host{number}"), port),
                        certificate(number),
                    );
                }
            });
        }
    });
    let lines = known_hosts.read().unwrap();
    assert_eq!((lines.0.len(), lines.damaged()), (40, Vec::new()));
    for number in 0..8 {
        let known = lines.find(&format!("host{number}:3")).unwrap().known;
        assert_eq!(known, Some(certificate(number)));
    }
}

#[test]
fn a_file_above_its_limit_is_neither_read_nor_written() {
    let (_folder, known_hosts) = file();
    set(&known_hosts, SERVER, certificate(1));
    let full = format!("#{}\n", "x".repeat(KNOWN_HOSTS_BYTES - 2));
    fs::write(known_hosts.path(), &full).unwrap();
    assert_eq!(known_hosts.read().unwrap().find(SERVER), None);
    let changed = known_hosts.change(|lines| {
        lines.set(SERVER, certificate(1));
        Ok::<bool, ()>(true)
    });
    assert!(changed.unwrap_err().to_string().ends_with("it is larger than 1048576 bytes"));
    assert_eq!(fs::read_to_string(known_hosts.path()).unwrap(), full);
    fs::write(known_hosts.path(), format!("{full}#")).unwrap();
    assert!(known_hosts.read().is_err());
}

#[test]
fn an_unusable_file_or_folder_is_reported_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let below_a_file = KnownHosts::below(Some(file.clone()), None).unwrap();
    let error = below_a_file.change(|_| Ok::<bool, ()>(true)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}/parlor: ", file.display())), "{error}");
    let is_a_folder = KnownHosts::at(folder.path().to_owned());
    assert!(is_a_folder.read().is_err());
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_one_and_its_destination_is_written() {
    use std::os::unix::fs::symlink;
    let (folder, known_hosts) = file();
    let kept = folder.path().join("kept");
    fs::create_dir_all(known_hosts.path.parent().unwrap()).unwrap();
    fs::create_dir(&kept).unwrap();
    symlink("../../kept/hosts", &known_hosts.path).unwrap();
    // First where nothing is yet, then over what is there.
    for number in [1, 2] {
        set(&known_hosts, SERVER, certificate(number));
        assert!(fs::symlink_metadata(&known_hosts.path).unwrap().is_symlink());
        let kept = fs::read_to_string(kept.join("hosts")).unwrap();
        assert!(kept.starts_with(SERVER), "{kept}");
        assert_eq!(known_hosts.read().unwrap().find(SERVER), entry(certificate(number), 1));
    }
    let circle = KnownHosts::at(folder.path().join("a"));
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    assert!(circle.change(|_| Ok::<bool, ()>(true)).is_err());
}

#[test]
fn accounts_have_lines_of_their_own() {
    let (_folder, known_hosts) = file();
    set(&known_hosts, SERVER, certificate(1));
    let ann = account_name("Ann", SERVER);
    assert_eq!(ann, "ann@chat.example:9999");
    set(&known_hosts, &ann, Known::Iterations(600_000));
    let lines = known_hosts.read().unwrap();
    assert_eq!(lines.find(&ann), entry(Known::Iterations(600_000), 2));
    assert_eq!(lines.find(SERVER), entry(certificate(1), 1));
    assert!(lines.damaged().is_empty());
    let mixed = Lines::parse(b"ann@chat.example:9999 authority\nchat.example:9999 iterations=1\n");
    assert_eq!(mixed.damaged(), [1, 2], "each says what only the other can");
}

#[test]
fn links_and_pipes_in_place_of_its_files_are_not_followed_or_waited_for() {
    use std::os::unix::fs::symlink;
    let (_folder, known_hosts) = file();
    fs::create_dir_all(known_hosts.path.parent().unwrap()).unwrap();
    let precious = known_hosts.path.with_file_name("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, known_hosts.path.with_extension("new")).unwrap();
    known_hosts.change(|_| Ok::<_, ()>(true)).unwrap().unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(fs::symlink_metadata(&known_hosts.path).unwrap().is_file());

    let lock = known_hosts.path.with_extension("lock");
    fs::remove_file(&lock).unwrap();
    symlink(&precious, &lock).unwrap();
    known_hosts.change(|_| Ok::<_, ()>(true)).unwrap_err();
    fs::remove_file(&known_hosts.path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&known_hosts.path).status().unwrap();
    assert!(made.success());
    let error = known_hosts.read().unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}
