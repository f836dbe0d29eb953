//! When the server's certificate expires, and the warning to the operator in time.

use crate::limits::{CERTIFICATE_LOOK_SECONDS, CERTIFICATE_WARNING_DAYS};
use rustls::pki_types::CertificateDer;
use std::time::{Duration, Instant};
use x509_parser::prelude::{FromDer, X509Certificate};

const DAY: i64 = 24 * 60 * 60;

/// When the first certificate of a chain expires, in seconds since the epoch: from then on clients
/// refuse it. None if none can be parsed.
pub fn of(chain: &[CertificateDer<'_>]) -> Option<i64> {
    let read = |one: &CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(one).ok()?;
        Some(certificate.validity().not_after.timestamp())
    };
    chain.iter().filter_map(read).min()
}

/// The warning about a certificate that expires at that time, if one is due.
pub fn warning(expires: i64, now: i64) -> Option<String> {
    let what = "replace it and send SIGHUP";
    match (expires - now).div_euclid(DAY) {
        left if left < 0 => {
            Some(format!("The certificate has expired and clients will refuse it: {what}"))
        }
        left if left < CERTIFICATE_WARNING_DAYS => Some(match left {
            0 => format!("The certificate expires in less than a day: {what}"),
            1 => format!("The certificate expires in 1 day: {what}"),
            days => format!("The certificate expires in {days} days: {what}"),
        }),
        _ => None,
    }
}

/// When the certificate is checked next.
#[derive(Debug)]
pub struct ExpiryCheck(Instant);

impl ExpiryCheck {
    /// It was checked just now.
    pub fn new(now: Instant) -> ExpiryCheck {
        ExpiryCheck(now + Duration::from_secs(CERTIFICATE_LOOK_SECONDS))
    }

    /// The time until the next check.
    pub fn patience(&self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether a check is due; if so, the next one is scheduled.
    pub fn take_due(&mut self, now: Instant) -> bool {
        let due = now >= self.0;
        if due {
            *self = ExpiryCheck::new(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_warned_two_weeks_before_expiry() {
        let now = 1_800_000_000;
        let said = |left: i64| warning(now + left, now);
        assert_eq!(said(14 * DAY), None);
        for (left, words) in [
            (14 * DAY - 1, "expires in 13 days"),
            (2 * DAY - 1, "expires in 1 day:"),
            (DAY - 1, "in less than a day"),
            (0, "in less than a day"),
            (-1, "has expired"),
            (-400 * DAY, "has expired"),
        ] {
            assert!(
                said(left).is_some_and(|said| said.contains(words)),
                "{left}: {:?}",
                said(left)
            );
        }
    }

    #[test]
    fn expiry_is_checked_once_a_day() {
        let start = Instant::now();
        let day = Duration::from_secs(DAY as u64);
        let mut check = ExpiryCheck::new(start);
        assert!(!check.take_due(start + day / 2));
        assert_eq!(check.patience(start + day / 2), day / 2);
        assert!(check.take_due(start + day));
        assert!(!check.take_due(start + day), "once");
        assert_eq!(check.patience(start + day), day);
    }
}
