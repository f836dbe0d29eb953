//! A login in progress: its method, and the result of its key derivation.

use crate::metrics::LoginBy;
use crate::secret::Secret;
use crate::session_id::SessionId;
use crate::state::invitation::Invitation;
use crate::state::second_factor::UsedCode;
use proto::scram::Keys;
use serde::{Deserialize, Serialize};

/// How somebody logs in; it decides the form of the answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum LoginMethod {
    /// The verb `LOGIN`.
    Verb,
    /// `PASS`, `NICK` and `USER`.
    Pass,
    /// `AUTHENTICATE` with a password, or with a proof of it.
    Sasl,
    /// `AUTHENTICATE` with a certificate.
    External,
    /// `REGISTER`, which only creates accounts.
    Register,
}

impl LoginMethod {
    /// Its label in the metrics.
    pub fn counted(self) -> LoginBy {
        match self {
            LoginMethod::Verb => LoginBy::Verb,
            LoginMethod::Pass => LoginBy::Pass,
            LoginMethod::Sasl => LoginBy::Sasl,
            LoginMethod::External => LoginBy::External,
            LoginMethod::Register => LoginBy::Register,
        }
    }
}

/// A key derivation has finished.
#[derive(Clone, Debug)]
pub struct Derived {
    /// The session that asked.
    pub session: SessionId,
    /// The result.
    pub outcome: Outcome,
}

/// The result of a key derivation.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Compared with an account's keys: whether the password was right.
    Compared(bool),
    /// The password was right, but the keys are of an old form: here are new ones.
    Renewed(Keys),
    /// It was the app password of this name.
    App(Box<str>),
    /// Keys for a new account, or for an account's new password.
    Made(Keys),
    /// New secrets, and keys for the first one.
    Drawn(Vec<Secret>, Option<Keys>),
    /// Too many are waiting already.
    Busy,
    /// Nothing was derived; the answer was only delayed.
    Waited,
}

/// A change to an account that waits for a secret or a key.
#[derive(Debug)]
pub enum Change {
    /// A new password.
    Password,
    /// A new app password of this name, valid for so many milliseconds, or until it is revoked.
    AppPassword(Box<str>, Option<i64>),
    /// The secret of a second factor.
    Factor,
    /// New recovery codes, authorized by this code.
    Codes(Option<UsedCode>),
    /// The code of a new invitation.
    Invitation(Invitation),
}
