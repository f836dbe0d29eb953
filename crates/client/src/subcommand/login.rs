//! `chatclient login` and `logout`: a certificate instead of the password, from now on.

use std::io::Write;

use chat::Change;
use proto::Fingerprint;

use super::Caller;
use crate::Outcome;
use crate::args::Args;
use crate::failure::Failure;
use crate::known_hosts::server_name;
use crate::saved_login::{self, NewLogin, SavedLogin};

/// Adds a certificate to the account, and saves it. A previously saved login stays until then.
pub(super) fn login(caller: &mut Caller, args: &Args) -> Result<Outcome, Failure> {
    let server = server_name(args.host(), args.port());
    // A damaged one is only replaced.
    let before = SavedLogin::at(&server).ok().flatten();
    let (new, text) = SavedLogin::make(&caller.chat().me)?;
    // It is written first: a certificate that only the server has would be useless.
    let written = NewLogin::write(&server, &text)?;
    cert(caller, "ADD", new.fingerprint(), "ALREADY_ADDED")?;
    let path = written.keep()?;
    let (user, path) = (caller.chat().me.clone(), path.display());
    writeln!(
        std::io::stdout(),
        "Logged in at {server} as {user} from now on; the certificate is in {path}."
    )?;
    if let Some(before) = before.filter(|before| proto::name::same(&before.user, &user)) {
        // Nobody has the key any more, and an account has room for few.
        if let Err(failure) = cert(caller, "DEL", before.fingerprint(), NO_SUCH_CERTIFICATE) {
            super::report(&format!(
                "The certificate used before is still in the account: {failure}"
            ));
        }
    }
    Ok(Outcome::Done)
}

/// Removes the certificate from the account, and forgets it.
pub(super) fn logout(caller: &mut Caller, args: &Args) -> Result<Outcome, Failure> {
    let server = server_name(args.host(), args.port());
    let Some(known) = SavedLogin::at(&server)? else {
        return Err(Failure::Refused(format!("no login is saved for {server}")));
    };
    cert(caller, "DEL", known.fingerprint(), NO_SUCH_CERTIFICATE)?;
    saved_login::forget(&server)?;
    writeln!(std::io::stdout(), "Logged out at {server}.")?;
    Ok(Outcome::Done)
}

/// The account does not have it.
const NO_SUCH_CERTIFICATE: &str = "NO_SUCH_CERTIFICATE";

/// Changes the certificates of the account, and waits for the answer. A refusal with the code `as_wished` says that
/// it was so already.
fn cert(
    caller: &mut Caller,
    what: &str,
    fingerprint: Fingerprint,
    as_wished: &str,
) -> Result<(), Failure> {
    let line = format!("CERT {what} {fingerprint:x}");
    caller.ask(&line, |_, change| match change {
        Change::Answered { verb, code, text, refused, .. } if verb == "CERT" => {
            Some(if *refused && code != as_wished { Err(text.clone()) } else { Ok(()) })
        }
        _ => None,
    })
}
