//! What `chatserver` does besides serving: passwords, checks, backups.

use super::cluster::ClusterError;
use super::shown::Shown;
use super::{RunError, fresh_instance, open_store};
use crate::limits::{OWASP_ITERATIONS, PASSWORD_BYTES};
use crate::password;
use crate::transport::certificate::{CERTIFICATE_FILE, KEY_FILE};
use proto::saslprep::is_long_enough;
use std::io::{BufRead, IsTerminal, Write as _};
use std::path::Path;
use store::{Salvaged, Write};

/// What a data folder contains besides the database and must survive with it: with another key,
/// every client would refuse the server.
pub(super) const BESIDE: &[&str] = &[KEY_FILE, CERTIFICATE_FILE];

/// Copies the store to a file, even while a server runs.
pub(super) fn backup(file: &Path, data: &Path) -> Result<(), RunError> {
    must_exist(data)?;
    let shown = Shown::start_stoppable()?;
    let made = store::backup(data, file, BESIDE, shown.progress());
    drop(shown);
    made?;
    println!("Everything in {} is in {}, and verified.", data.display(), file.display());
    Ok(())
}

/// Copies the undamaged parts of the store to a file, even while a server runs.
pub(super) fn backup_anyway(file: &Path, data: &Path) -> Result<(), RunError> {
    must_exist(data)?;
    let instance = fresh_instance()?;
    let shown = Shown::start_stoppable()?;
    let made = store::backup_anyway(data, file, &instance, BESIDE, shown.progress());
    drop(shown);
    tell(&made?);
    println!("Everything intact in {} is in {}.", data.display(), file.display());
    Ok(())
}

/// Creates a data folder from the undamaged parts of another one.
pub(super) fn salvage(from: &Path, to: &Path) -> Result<(), RunError> {
    must_exist(from)?;
    let instance = fresh_instance()?;
    let shown = Shown::start_stoppable()?;
    let made = store::salvage(from, to, &instance, BESIDE, shown.progress());
    drop(shown);
    tell(&made?);
    let (from, to) = (from.display(), to.display());
    println!("Everything intact in {from} is in {to}; start the server with --data {to}");
    Ok(())
}

/// Reports what was copied and what was not.
fn tell(salvaged: &Salvaged) {
    for (table, count) in &salvaged.kept {
        println!("{count} rows of {table}");
    }
    salvaged.lost.iter().for_each(|sentence| eprintln!("Lost: {sentence}"));
    let untold = salvaged.lost_in_all - salvaged.lost.len() as u64;
    if untold > 0 {
        eprintln!("Lost: {untold} more");
    }
    if salvaged.left_log {
        eprintln!(
            "These were data of a node of a cluster; what is salvaged are a single server's. A node that starts with an \
             empty folder fetches all data from another one"
        );
    }
}

/// Creates a data folder from a backup.
pub(super) fn restore(file: &Path, data: &Path) -> Result<(), RunError> {
    let shown = Shown::start_stoppable()?;
    let made = store::restore(file, data, BESIDE, shown.progress());
    drop(shown);
    made?;
    let (file, data) = (file.display(), data.display());
    println!("{file} is in {data}; start the server with --data {data}");
    Ok(())
}

/// Sets an account's password. The store's lock ensures that no server is running.
pub(super) fn passwd(name: &str, data: &Path) -> Result<(), RunError> {
    must_exist(data)?;
    if store::live(data)?.is_some() {
        return Err(ClusterError::OnlyByTheLog(data.to_owned()).into());
    }
    let mut store = open_store(data, false)?;
    let accounts = store.load()?.accounts;
    let account = accounts.into_iter().find(|account| proto::name::same(&account.name, name));
    let mut account = account.ok_or_else(|| RunError::NoAccount(name.to_owned()))?;
    let password = ask_password("New password: ")?;
    if !is_long_enough(&password) || password.len() > PASSWORD_BYTES || password.contains('\0') {
        return Err(RunError::BadPassword);
    }
    if std::io::stdin().is_terminal() && ask_password("Again: ")? != password {
        return Err(RunError::PasswordsDiffer);
    }
    account.keys = password::new_keys(&password, OWASP_ITERATIONS, &mut || {})?;
    let name = account.name.clone();
    store.commit(&mut [Write::Account(account)].iter())?;
    store.close()?;
    println!("{name} has a new password.");
    Ok(())
}

/// Reads a password: from a terminal without echo, else from standard input.
fn ask_password(prompt: &str) -> Result<String, RunError> {
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(prompt)?);
    }
    eprint!("{prompt}");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    // A file may begin with a byte order mark.
    let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn must_exist(data: &Path) -> Result<(), RunError> {
    match data.join("parlor.db").exists() {
        true => Ok(()),
        false => Err(RunError::NoDatabase(data.to_owned())),
    }
}

/// Checks the whole database. The server must not be running.
pub(super) fn check(data: &Path) -> Result<(), RunError> {
    must_exist(data)?;
    let shown = Shown::start_stoppable()?;
    let problems = store::check_watched(data, shown.progress());
    drop(shown);
    let problems = problems?;
    match problems.first() {
        None => {
            println!("The database in {} is intact.", data.display());
            Ok(())
        }
        Some(first) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            Err(RunError::Damaged(first.clone()))
        }
    }
}
