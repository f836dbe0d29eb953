//! `chatclient login` and `logout`: a certificate instead of the password, from now on.

use std::io::Write;

use chat::{Change, Intent};
use proto::Fingerprint;

use super::Caller;
use crate::Outcome;
use crate::args::Args;
use crate::failure::Failure;
use crate::known_hosts::server_name;
use crate::remembered::{self, SavedLogin};

/// Adds a certificate to the account, and keeps it.
pub(super) fn login(caller: &mut Caller, args: &Args) -> Result<Outcome, Failure> {
    let server = server_name(args.host(), args.port());
    let (new, text) = SavedLogin::make(&caller.chat().me)?;
    // It is kept first: one that the server knows and nobody has would be of no use.
    let path = remembered::keep(&server, &text)?;
    if let Err(failure) = cert(caller, "ADD", new.fingerprint()) {
        remembered::forget(&server)?;
        return Err(failure);
    }
    let (user, path) = (&caller.chat().me, path.display());
    writeln!(
        std::io::stdout(),
        "Logged in at {server} as {user} from now on; the certificate is in {path}."
    )?;
    Ok(Outcome::Done)
}

/// Removes the certificate from the account, and forgets it.
pub(super) fn logout(caller: &mut Caller, args: &Args) -> Result<Outcome, Failure> {
    let server = server_name(args.host(), args.port());
    let Some(known) = SavedLogin::at(&server)? else {
        return Err(Failure::Refused(format!("no login is remembered for {server}")));
    };
    cert(caller, "DEL", known.fingerprint())?;
    remembered::forget(&server)?;
    writeln!(std::io::stdout(), "Logged out at {server}.")?;
    Ok(Outcome::Done)
}

/// Changes the certificates of the account, and waits for the answer.
fn cert(caller: &mut Caller, what: &str, fingerprint: Fingerprint) -> Result<(), Failure> {
    let line = format!("CERT {what} {fingerprint:x}");
    let sent = caller.wire.intend(Intent::Raw(line));
    sent.map_err(|error| Failure::Refused(error.to_string()))?;
    let mut refused = None;
    caller.wait(|_, change| match change {
        Change::Answered { verb, text, refused: no, .. } if verb == "CERT" => {
            refused = no.then(|| text.clone());
            true
        }
        _ => false,
    })?;
    refused.map_or(Ok(()), |reason| Err(Failure::Refused(reason)))
}
