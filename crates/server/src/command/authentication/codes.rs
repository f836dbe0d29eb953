//! What a right password may still lack: a second factor, or a stricter method of login.

use super::{failed, log_in, refused};
use crate::command::context::Context;
use crate::command::refusal::Refusal;
use crate::secret::Secret;
use crate::session::login::LoginMethod;
use crate::session::{Credential, Prompt};
use crate::state::account_settings;
use crate::state::second_factor::{self, UsedCode};
use proto::Capability;
use std::sync::Arc;
use store::Account;

/// Why a right password is not enough.
const STRICT: &str = "This account logs in by an app password, SCRAM or a certificate only";

/// How a code comes with a password.
const CODE_MISSING: &str = "This account has a second factor: put a space and the code behind the password, or use an app password";

/// The account's own password was right: checks what else is needed.
pub(super) fn password_right(
    context: &mut Context<'_>,
    account: Arc<Account>,
    method: LoginMethod,
    code: Option<&Secret>,
) {
    let name = account.name.clone();
    let is_reset = context.state.reset(&account).is_some();
    if account_settings::is_strict(&context.state, account.id) && !is_reset {
        return refused(context, &name, method, &invalid("STRICT_LOGIN", &name, STRICT));
    }
    if !second_factor::is_on(&context.state, account.id) {
        return log_in(context, &account, method, Credential::Password, None);
    }
    match code {
        Some(code) => code_given(context, &account, method, code),
        None if method == LoginMethod::Verb => {
            context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::LoginCode(account)));
            let text = "Enter the code of your second factor:";
            context.note("LOGIN", "CODE_REQUIRED", &[&name], text);
        }
        None => code_missing(context, &name, method),
    }
}

/// The password was right, but a code is missing.
pub fn code_missing(context: &mut Context<'_>, name: &str, method: LoginMethod) {
    if method == LoginMethod::Sasl && context.has(Capability::StandardReplies) {
        context.standard("FAIL", "AUTHENTICATE", "CODE_REQUIRED", &[name], CODE_MISSING);
    }
    refused(context, name, method, &invalid("CODE_REQUIRED", name, CODE_MISSING));
}

/// A code came with the right password. A wrong one is a failed login.
pub(super) fn code_given(
    context: &mut Context<'_>,
    account: &Account,
    method: LoginMethod,
    code: &Secret,
) {
    let name = account.name.clone();
    match check_code(context, account, code) {
        Some(used) => log_in(context, account, method, Credential::Password, Some(used)),
        None => refused(context, &name, method, &wrong_code(&name)),
    }
}

/// Whether a code of an account's second factor is valid and unused. If not, that counts as a
/// failed login.
pub fn check_code(context: &mut Context<'_>, account: &Account, code: &Secret) -> Option<UsedCode> {
    let good = second_factor::check(&context.state, account.id, code.reveal());
    if good.is_none() {
        failed(context, &account.name, "wrong code");
    }
    good
}

/// The refusal of a wrong code.
pub fn wrong_code(name: &str) -> Refusal {
    invalid("WRONG_CODE", name, "This code is wrong, or was used before; wait for the next one")
}

fn invalid(code: &'static str, name: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: vec![name.to_owned()], text }
}
