//! A login under way: by which way, and what comes of its password.

use crate::metrics::LoginBy;
use crate::secret::Secret;
use crate::session_id::SessionId;
use crate::state::invitation::Invitation;
use crate::state::second_factor::UsedCode;
use proto::scram::Keys;
use serde::{Deserialize, Serialize};

/// By which way somebody logs in; it decides the words of the answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum LoginMethod {
    /// The verb `LOGIN`.
    Verb,
    /// `PASS`, `NICK` and `USER`.
    Pass,
    /// `AUTHENTICATE` with a password, or a proof of one.
    Sasl,
    /// `AUTHENTICATE` with a certificate.
    External,
    /// `REGISTER`, which makes a new account and nothing else.
    Register,
}

impl LoginMethod {
    /// How metrics have it.
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

/// A password's key was derived.
#[derive(Clone, Debug)]
pub struct Derived {
    /// For whom.
    pub session: SessionId,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a derivation.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Compared with an account's keys: whether it was the password.
    Compared(bool),
    /// It was the password, by keys of the form in which it was typed: these are made as keys are now.
    Renewed(Keys),
    /// It was the app password of this name.
    App(Box<str>),
    /// Keys for a new account, or for an account's new password.
    Made(Keys),
    /// New secrets, and keys of the first one.
    Drawn(Vec<Secret>, Option<Keys>),
    /// Too many wait already.
    Busy,
    /// Nothing was derived; the answer was held back.
    Waited,
}

/// A change of an account that waits for what is drawn or derived for it.
#[derive(Debug)]
pub enum Change {
    /// Another password.
    Password,
    /// A new app password of this name, which lasts so many milliseconds, or until it is revoked.
    AppPassword(Box<str>, Option<i64>),
    /// The secret of a second factor.
    Factor,
    /// New recovery codes, for this code.
    Codes(Option<UsedCode>),
    /// The code of a new invitation.
    Invitation(Invitation),
}
