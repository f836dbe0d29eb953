//! `ACCOUNT 2FA ON`, `ACCOUNT 2FA CONFIRM code`, `ACCOUNT 2FA OFF code`, `ACCOUNT 2FA CODES code`: the
//! second factor.

use super::{AccountChange, must_be_proven, or_not_stored, refused, tell_others};
use crate::command::authentication::{self, attempt, check_code, wrong_code};
use crate::command::context::Context;
use crate::command::refusal::Refusal;
use crate::command::umode;
use crate::effects::{FollowUp, Task};
use crate::limits::{RECOVERY_CODE_CHARS, RECOVERY_CODES, TOTP_SECRET_CHARS};
use crate::secret::{self, Secret};
use crate::session::login::Change;
use crate::session::{Attempt, NewSecrets};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::second_factor::{self, SecondFactor, UsedCode};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use store::Account;

/// Carries it out.
pub(super) fn run(
    context: &mut Context<'_>,
    account: &Account,
    params: &[&str],
) -> Result<(), Refusal> {
    let subcommand = params.first().copied().unwrap_or_default().to_ascii_uppercase();
    let code = || params.get(1).copied().filter(|code| !code.is_empty());
    let code = || code().map(Secret::new).ok_or(Refusal::NeedMoreParams);
    context.must_be_private()?;
    match subcommand.as_str() {
        "ON" => turn_on(context, account),
        "CONFIRM" => confirm(context, account, &code()?),
        "OFF" => turn_off(context, account, &code()?),
        "CODES" => new_codes(context, account, &code()?),
        _ => {
            let text = "The subcommands of ACCOUNT 2FA are ON, CONFIRM, OFF and CODES";
            Err(refused("UNKNOWN_SUBCOMMAND", &subcommand, text))
        }
    }
}

/// Waits for secrets to be generated.
fn draw(context: &mut Context<'_>, account: &Account, change: Change, count: usize, chars: usize) {
    let task = Task::Draw { count, chars, keys: None };
    authentication::wait(context, &account.name, Attempt::Account(Box::new(change)), "", task, 0);
}

fn turn_on(context: &mut Context<'_>, account: &Account) -> Result<(), Refusal> {
    must_be_proven(context)?;
    must_be(context, account, false)?;
    context.must_have_space()?;
    draw(context, account, Change::Factor, 1, TOTP_SECRET_CHARS);
    Ok(())
}

/// Refuses accounts that have, or do not have, a second factor.
fn must_be(
    context: &Responder<'_, impl Reads>,
    account: &Account,
    on: bool,
) -> Result<(), Refusal> {
    match second_factor::is_on(&context.state, account.id) {
        is_on if is_on == on => Ok(()),
        true => {
            let text = "You have a second factor; ACCOUNT 2FA OFF and a code removes it";
            Err(refused("2FA_IS_ON", &account.name, text))
        }
        false => {
            let text = "You have no second factor; ACCOUNT 2FA ON adds one";
            Err(refused("2FA_IS_OFF", &account.name, text))
        }
    }
}

/// The secret was generated: stores it.
pub(super) fn drawn(context: &mut Context<'_>, secrets: &[Secret]) -> Result<(), Refusal> {
    let Some(secret) = secrets.first() else { return Ok(()) };
    let change = AccountChange::NewFactor(Secret::new(&secret::normal(secret.reveal())));
    super::make_secret(context, &change, NewSecrets::Factor(secret.clone()))
}

/// Stores a new factor, to be confirmed; its owner is shown it once it is on disk.
pub(super) fn added(
    context: &mut ApplyContext<'_>,
    account: &Account,
    secret: &Secret,
) -> Result<(), Refusal> {
    must_be(context, account, false)?;
    let factor = SecondFactor::new(secret.reveal());
    second_factor::set(context.state, context.out, account.id, Some(&factor));
    or_not_stored(context);
    context.out.follow_up(FollowUp::Reveal);
    Ok(())
}

/// Shows a new secret to the device that will generate codes.
pub(super) fn show(context: &mut Context<'_>, account: &Account, secret: &Secret) {
    let factor = SecondFactor::new(&secret::normal(secret.reveal()));
    let uri = factor.uri(&context.state.renderer.server.clone(), &account.name);
    for line in qr(&uri) {
        context.note("ACCOUNT", "2FA_QR", &[], &line);
    }
    context.note("ACCOUNT", "2FA_URI", &[], &uri);
    let text = "Scan the picture, or type this secret into your program for codes; then ACCOUNT 2FA CONFIRM and the code that it shows";
    context.note("ACCOUNT", "2FA_SECRET", &[secret.reveal()], text);
}

/// A QR code as lines of text; none if it is too large.
fn qr(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
        return Vec::new();
    };
    // Light on the dark of a terminal, as scanners expect.
    let code =
        code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    code.lines().map(str::to_owned).collect()
}

/// Checks a code as a login does.
fn must_have_code(
    context: &mut Context<'_>,
    account: &Account,
    code: &Secret,
) -> Result<UsedCode, Refusal> {
    let hold_millis = attempt(context, &account.name)?;
    if hold_millis > 0 {
        let seconds = i64::try_from(hold_millis.div_ceil(1000)).unwrap_or(i64::MAX);
        return Err(Refusal::TooManyAttempts(account.name.to_string(), seconds));
    }
    check_code(context, account, code).ok_or_else(|| wrong_code(&account.name))
}

fn confirm(context: &mut Context<'_>, account: &Account, code: &Secret) -> Result<(), Refusal> {
    must_be_proven(context)?;
    must_be(context, account, false)?;
    if second_factor::of(&context.state, account.id).is_none() {
        let text = "There is nothing to confirm; begin with ACCOUNT 2FA ON";
        return Err(refused("2FA_IS_OFF", &account.name, text));
    }
    let code = must_have_code(context, account, code)?;
    super::make(context, &AccountChange::ConfirmFactor(code))
}

/// The factor is confirmed: codes are required from here on.
pub(super) fn confirmed(
    context: &mut ApplyContext<'_>,
    account: &Account,
    code: &UsedCode,
) -> Result<(), Refusal> {
    must_be(context, account, false)?;
    consume(context, account, code)?;
    let Some(factor) = second_factor::of(context.state, account.id) else { return Ok(()) };
    let factor = SecondFactor { confirmed: true, ..factor };
    second_factor::set(context.state, context.out, account.id, Some(&factor));
    or_not_stored(context);
    let text = "From now on a code is asked for when you log in by your password";
    context.note("ACCOUNT", "2FA_ON", &[&account.name], text);
    tell_others(context, account.id, "Your account has a second factor now");
    umode::factor_changed(context);
    context.out.follow_up(FollowUp::DrawRecoveryCodes);
    Ok(())
}

fn consume(
    context: &mut ApplyContext<'_>,
    account: &Account,
    code: &UsedCode,
) -> Result<(), Refusal> {
    let taken = second_factor::consume(context.state, context.out, account.id, code);
    if taken { Ok(()) } else { Err(wrong_code(&account.name)) }
}

/// A new factor needs recovery codes.
pub fn draw_codes(context: &mut Context<'_>) {
    if let Ok(account) = super::of(context) {
        draw(context, &account, Change::Codes(None), RECOVERY_CODES, RECOVERY_CODE_CHARS);
    }
}

fn turn_off(context: &mut Context<'_>, account: &Account, code: &Secret) -> Result<(), Refusal> {
    must_be_proven(context)?;
    must_be(context, account, true)?;
    let code = must_have_code(context, account, code)?;
    super::make(context, &AccountChange::RemoveFactor(code))
}

/// The factor is removed.
pub(super) fn removed(
    context: &mut ApplyContext<'_>,
    account: &Account,
    code: &UsedCode,
) -> Result<(), Refusal> {
    must_be(context, account, true)?;
    consume(context, account, code)?;
    second_factor::set(context.state, context.out, account.id, None);
    or_not_stored(context);
    let text = "From now on your password alone logs in";
    context.note("ACCOUNT", "2FA_OFF", &[&account.name], text);
    tell_others(context, account.id, "Your account has no second factor any more");
    umode::factor_changed(context);
    Ok(())
}

fn new_codes(context: &mut Context<'_>, account: &Account, code: &Secret) -> Result<(), Refusal> {
    must_be_proven(context)?;
    must_be(context, account, true)?;
    let code = must_have_code(context, account, code)?;
    draw(context, account, Change::Codes(Some(code)), RECOVERY_CODES, RECOVERY_CODE_CHARS);
    Ok(())
}

/// New recovery codes were generated.
pub(super) fn codes_drawn(
    context: &mut Context<'_>,
    code: Option<UsedCode>,
    secrets: Vec<Secret>,
) -> Result<(), Refusal> {
    let hashes = second_factor::hashes(secrets.iter().map(Secret::reveal));
    let change = AccountChange::RecoveryCodes { hashes, code };
    super::make_secret(context, &change, NewSecrets::RecoveryCodes(secrets))
}

/// New recovery codes were stored.
pub(super) fn codes_set(
    context: &mut ApplyContext<'_>,
    account: &Account,
    hashes: &[Box<str>],
    code: Option<&UsedCode>,
) -> Result<(), Refusal> {
    must_be(context, account, true)?;
    if let Some(code) = code {
        consume(context, account, code)?;
    }
    let Some(mut factor) = second_factor::of(context.state, account.id) else { return Ok(()) };
    factor.set_recovery(hashes);
    second_factor::set(context.state, context.out, account.id, Some(&factor));
    or_not_stored(context);
    context.out.follow_up(FollowUp::Reveal);
    Ok(())
}

/// Shows new recovery codes to their owner.
pub(super) fn show_codes(context: &mut Context<'_>, secrets: &[Secret]) {
    for secret in secrets {
        let text = "In place of a code, once";
        context.note("ACCOUNT", "2FA_CODE", &[secret.reveal()], text);
    }
    let text =
        "Keep these where you find them without the device; they replace those you had before";
    context.note("ACCOUNT", "2FA_CODES_END", &[&secrets.len().to_string()], text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LINE_BYTES;

    #[test]
    fn the_qr_code_fits_on_lines() {
        let factor = SecondFactor::new(&"a".repeat(TOTP_SECRET_CHARS));
        let uri = factor.uri("a-long-name-of-a-server.chat.example", &"n".repeat(32));
        let lines = qr(&uri);
        assert!(lines.len() > 15, "{}", lines.len());
        assert!(lines.iter().all(|line| line.len() < LINE_BYTES - 100));
    }
}
