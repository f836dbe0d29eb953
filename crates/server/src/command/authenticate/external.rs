//! The mechanism EXTERNAL: a client is who the certificate says that it has shown with TLS.
//!
//! RFC 4422, appendix A; <https://ircv3.net/specs/extensions/sasl-3.2>

use super::failed;
use crate::hub::context::Context;
use crate::hub::login::{self, How, NOBODYS_NAME};
use crate::hub::session::Sasl;
use proto::name::same;
use proto::sasl::decode_external;

/// Why EXTERNAL is not for a connection without TLS.
pub(super) const NO_TLS: &str =
    "EXTERNAL needs a client certificate; connect with TLS to the same port";

/// What the session lacks for its mechanism, if that is a certificate.
pub(super) fn lacks(context: &Context<'_>, sasl: &Sasl) -> Option<&'static str> {
    let external = matches!(sasl, Sasl::External(_));
    let none = external && context.known().certificate().is_none();
    none.then_some("your client has shown no certificate")
}

/// The client's one message came: as whom it wants to act, or nothing.
pub(super) fn login(context: &mut Context<'_>, bytes: &[u8]) {
    let wanted = match decode_external(bytes) {
        Ok(wanted) => wanted,
        Err(error) => return failed(context, NOBODYS_NAME, &error),
    };
    let certificate = context.known().certificate();
    let owner = certificate.and_then(|one| context.state.certificates.owner(one)).cloned();
    let owner = owner.filter(|owner| wanted.is_empty() || same(wanted, &owner.name));
    let tried = match (&owner, wanted) {
        (Some(owner), _) => owner.name.to_string(),
        (None, "") => NOBODYS_NAME.to_owned(),
        (None, wanted) => wanted.to_owned(),
    };
    let may = match tried.as_str() {
        NOBODYS_NAME => Ok(()),
        name => login::may_try(context, name),
    };
    match (owner, may) {
        (_, Err(refusal)) => login::refused(context, &tried, How::External, &refusal),
        (Some(account), Ok(())) => login::logged_in(context, account, How::External, false),
        (None, Ok(())) => login::wrong_proof(context, &tried, How::External),
    }
}
