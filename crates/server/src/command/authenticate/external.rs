//! The mechanism EXTERNAL: a client proves its identity with a certificate in the TLS handshake.
//!
//! RFC 4422, appendix A; <https://ircv3.net/specs/extensions/sasl-3.2>

use super::failed;
use crate::command::authentication;
use crate::command::context::Context;
use crate::session::login::LoginMethod;
use crate::session::login_attempts::NO_NAME;
use crate::session::{Attempt, Credential, Sasl};
use crate::state::refusal::Refusal;
use proto::name::same;
use proto::sasl::decode_external;

/// Why EXTERNAL needs TLS.
pub(super) const NO_TLS: &str =
    "EXTERNAL needs a client certificate; connect to the same port with TLS";

/// Why a certificate alone does not identify the account.
const ONLY_NAMED: &str = "this certificate was added by fingerprint only; have your client name the account, or log in once with the password while presenting it";

/// What the session lacks for its mechanism, if that is a certificate.
pub(super) fn lacks(context: &Context<'_>, sasl: &Sasl) -> Option<&'static str> {
    let external = matches!(sasl, Sasl::External(_));
    let none = external && context.session().certificate().is_none();
    none.then_some("your client presented no certificate")
}

/// The client's only message: the name to log in as, or nothing.
pub(super) fn login(context: &mut Context<'_>, bytes: &[u8]) {
    let wanted = match decode_external(bytes) {
        Ok(wanted) => wanted,
        Err(error) => return failed(context, NO_NAME, &error),
    };
    let certificate = context.session().certificate();
    let owner = certificate.and_then(|one| context.state.certificates.owner(one)).cloned();
    if wanted.is_empty() && owner.as_ref().is_some_and(|owner| !owner.proved) {
        // Whoever named the certificate may not be the one presenting it now.
        let refusal = Refusal::Invalid { code: "", context: Vec::new(), text: ONLY_NAMED };
        return authentication::refused(context, NO_NAME, LoginMethod::External, &refusal);
    }
    let owner = owner.and_then(|owner| context.state.account(&owner.name).cloned());
    let owner = owner.filter(|owner| wanted.is_empty() || same(wanted, &owner.name));
    let tried = match (&owner, wanted) {
        (Some(owner), _) => owner.name.to_string(),
        (None, "") => NO_NAME.to_owned(),
        (None, wanted) => wanted.to_owned(),
    };
    // Certificates cannot be guessed, so a lockout does not apply to the right one.
    let may = match (&owner, tried.as_str()) {
        (Some(_), name) => authentication::may_enter(context, name).map(|()| 0),
        (None, NO_NAME) => authentication::attempt(context, NO_NAME),
        (None, name) => authentication::may_enter(context, name)
            .and_then(|()| authentication::attempt(context, name)),
    };
    match (owner, may) {
        (_, Err(refusal)) => {
            authentication::refused(context, &tried, LoginMethod::External, &refusal);
        }
        (Some(account), Ok(_)) => {
            let credential = Credential::Certificate;
            authentication::log_in(context, &account, LoginMethod::External, credential, None);
        }
        (None, Ok(hold_millis)) => {
            authentication::answer_after(context, &tried, Attempt::WrongCertificate, hold_millis);
        }
    }
}
