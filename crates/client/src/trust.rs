//! Decides whether a server is the right one: by the certificate it presents, by what was seen
//! before, and by what the person said. As with ssh, a new server is trusted on first use; any
//! later change is refused.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use proto::Fingerprint;

use crate::known_hosts::{Entry, Known, KnownHosts, Lines, Unusable, server_name};
use crate::limits::DAMAGED_LINES_NAMED;

/// The certificate a server presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedCertificate {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether a CA trusted by this system issued it for the server's name.
    pub vouched: Result<(), VerifyError>,
}

/// Why a certificate cannot be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is self-signed, or its CA is unknown here.
    #[error("it is self-signed, or from an unknown CA")]
    Unknown,
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is for another name.
    #[error("it is for a different name")]
    OtherName,
    /// It is for another purpose, or damaged.
    #[error("it is invalid")]
    NotInOrder,
}

/// Why a server is not trusted. Nothing has been sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    server: String,
    shown: Fingerprint,
    kind: RefusalReason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RefusalReason {
    /// A different certificate from the one given on the command line.
    NotGiven(Fingerprint),
    /// A different certificate from the one seen before.
    Changed(Fingerprint, FileLine),
    /// It had a certificate from a known CA before, and now it does not.
    NotVouched(VerifyError, FileLine),
    /// The record of what was seen before is unreadable.
    Damaged(FileLine),
    /// It cannot be saved, so every contact would be the first.
    CannotSave(String),
    /// Neither the cluster nor a CA vouches for it.
    NotListed(VerifyError),
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileLine {
    path: PathBuf,
    line: usize,
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, self.path.display())
    }
}

const EITHER_NEW: &str = "Either the server was reinstalled, \
    or someone in between is trying to eavesdrop.";
const COMPARE: &str = "Compare it with the fingerprint the server prints on startup, \
    or ask its administrator. If it is correct,";

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { server, shown, kind } = self;
        match kind {
            RefusalReason::NotGiven(given) => write!(
                f,
                "{server} does not present the certificate required by --fingerprint, so nothing was sent to it. \
                 {EITHER_NEW}\n  given: {given}\n  shown: {shown}\n{COMPARE} use that one."
            ),
            RefusalReason::Changed(known, place) => write!(
                f,
                "{server} presents a different certificate than before, so nothing was sent to it. {EITHER_NEW}\n  \
                 known: {known}\n  shown: {shown}\n{COMPARE} connect once with --fingerprint and that value, \
                 or delete {place}."
            ),
            RefusalReason::NotVouched(doubt, place) => write!(
                f,
                "{server} used to have a certificate from a known CA, but now it does not \
                 ({doubt}), so nothing was sent to it. {EITHER_NEW}\n  shown: {shown}\n{COMPARE} connect once with \
                 --fingerprint and the one shown, or delete {place}."
            ),
            RefusalReason::Damaged(place) => write!(
                f,
                "the entry for {server} cannot be read, so nothing was sent to it: fix {place}.\n  \
                 shown: {shown}\n{COMPARE} connect once with --fingerprint and that value, or delete that line."
            ),
            RefusalReason::NotListed(doubt) => write!(
                f,
                "{server} presents a certificate that is not in the cluster's list of nodes and cannot be verified \
                 ({doubt}), so nothing was sent to it.\n  shown: {shown}"
            ),
            RefusalReason::CannotSave(reason) => write!(
                f,
                "cannot save the certificate of {server}, so nothing was sent to it ({reason}).\n  \
                 shown: {shown}\n{COMPARE} connect with --fingerprint and that value."
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// What a server has to prove.
#[derive(Debug)]
pub struct Trust {
    server: String,
    given: Option<Fingerprint>,
    known_hosts: Arc<Result<KnownHosts, Unusable>>,
    /// The nodes' certificates, as announced by a node of the cluster.
    listed: Vec<Fingerprint>,
    /// It is an address that only the cluster announced: its certificate is neither trusted on
    /// first use nor remembered.
    only_announced: bool,
}

impl Trust {
    /// What this server has to prove: that it has the certificate with the `given` fingerprint, or
    /// else that it is the one seen before.
    pub fn new(
        host: &str,
        port: u16,
        given: Option<Fingerprint>,
        known_hosts: Result<KnownHosts, Unusable>,
    ) -> Trust {
        let (listed, only_announced, known_hosts) = (Vec::new(), false, Arc::new(known_hosts));
        Trust { server: server_name(host, port), given, known_hosts, listed, only_announced }
    }

    /// The same server, which may be any node of its cluster: the nodes' certificates are accepted
    /// too.
    pub fn or_listed(&self, listed: Vec<Fingerprint>) -> Trust {
        let (server, only_announced) = (self.server.clone(), self.only_announced);
        let known_hosts = Arc::clone(&self.known_hosts);
        Trust { server, given: self.given, known_hosts, listed, only_announced }
    }

    /// What another node of the cluster has to prove: that it has one of these certificates, or
    /// that a CA vouches for its name.
    pub fn of_node(&self, host: &str, port: u16, listed: Vec<Fingerprint>) -> Trust {
        let (server, known_hosts) = (server_name(host, port), Arc::clone(&self.known_hosts));
        Trust { server, given: None, known_hosts, listed, only_announced: true }
    }

    /// Whether the server is known to have a certificate.
    pub fn is_known(&self) -> bool {
        self.given.is_some()
            || self.only_announced
            || self.read().is_ok_and(|lines| lines.find(&self.server).is_some())
    }

    /// Whether the server is trusted. Called during the handshake.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn check(&self, shown: &PresentedCertificate) -> Result<(), Refusal> {
        let found = self.read().map(|lines| lines.find(&self.server));
        self.judge(shown, found).map(drop)
    }

    /// Remembers the certificate of a server that has proved it to be its own; returns notices for
    /// the person. Another client may have met the server at the same moment, so it is judged
    /// again.
    ///
    /// # Errors
    /// If it is not to be trusted after all.
    pub fn remember(&self, shown: &PresentedCertificate) -> Result<Vec<String>, Refusal> {
        if self.only_announced || self.listed.contains(&shown.fingerprint) {
            return self.check(shown).map(|()| Vec::new());
        }
        let lines = self.read();
        let mut notices: Vec<String> =
            lines.iter().filter_map(|lines| self.damaged(lines)).collect();
        if self.judge(shown, lines.map(|lines| lines.find(&self.server)))?.is_some() {
            notices.extend(self.record(shown)?);
        }
        Ok(notices)
    }

    fn record(&self, shown: &PresentedCertificate) -> Result<Option<String>, Refusal> {
        let mut news = None;
        let written = self.known_hosts().and_then(|known_hosts| {
            let change = |lines: &mut Lines| {
                let before = lines.find(&self.server);
                let new = self.judge(shown, Ok(before))?;
                if let Some(new) = new {
                    lines.set(&self.server, new);
                    news = self.news(before, new, shown);
                }
                Ok(new.is_some())
            };
            known_hosts.change(change).map_err(|reason| reason.to_string())
        });
        match written {
            Ok(judged) => judged.map(|()| news),
            Err(reason) => {
                // Without a known_hosts file, only --fingerprint or a CA can vouch for the server.
                self.judge(shown, Err(reason.clone()))?;
                Ok(Some(format!("Cannot save the certificate of {}: {reason}", self.server)))
            }
        }
    }

    fn known_hosts(&self) -> Result<&KnownHosts, String> {
        (*self.known_hosts).as_ref().map_err(Unusable::to_string)
    }

    fn read(&self) -> Result<Lines, String> {
        self.known_hosts()?.read().map_err(|reason| reason.to_string())
    }

    /// Whether to trust the certificate, given what is known of the server or why that is unknown;
    /// returns what to remember instead.
    fn judge(
        &self,
        shown: &PresentedCertificate,
        found: Result<Option<Entry>, String>,
    ) -> Result<Option<Known>, Refusal> {
        let new = Known::Certificate(shown.fingerprint);
        let line = found.as_ref().ok().copied().flatten().map_or(0, |entry| entry.line);
        let place = || {
            let path = self.known_hosts().map_or(PathBuf::new(), |file| file.path().to_owned());
            FileLine { path, line }
        };
        if self.listed.contains(&shown.fingerprint) {
            return Ok(None);
        }
        let known = found.map(|entry| entry.map(|entry| entry.known));
        let kind = match (self.given, known, shown.vouched) {
            (Some(given), Ok(Some(Some(known))), _) if given == shown.fingerprint => {
                return Ok((known != new).then_some(new));
            }
            (Some(given), ..) if given == shown.fingerprint => return Ok(Some(new)),
            (Some(given), ..) => RefusalReason::NotGiven(given),
            (None, Ok(Some(Some(known))), _) if known == new => return Ok(None),
            (None, Ok(Some(Some(Known::Authority))), Ok(())) => return Ok(None),
            (None, _, Ok(())) => return Ok(Some(Known::Authority)),
            (None, Ok(None) | Err(_), Err(doubt)) if self.only_announced => {
                RefusalReason::NotListed(doubt)
            }
            (None, Ok(None), Err(_)) => return Ok(Some(new)),
            (None, Ok(Some(Some(Known::Certificate(known)))), Err(_)) => {
                RefusalReason::Changed(known, place())
            }
            (None, Ok(Some(Some(Known::Authority))), Err(doubt)) => {
                RefusalReason::NotVouched(doubt, place())
            }
            (None, Ok(Some(Some(Known::Iterations(_)) | None)), Err(_)) => {
                RefusalReason::Damaged(place())
            }
            (None, Err(reason), Err(_)) => RefusalReason::CannotSave(reason),
        };
        Err(Refusal { server: self.server.clone(), shown: shown.fingerprint, kind })
    }

    /// The notice about what was newly recorded.
    fn news(
        &self,
        before: Option<Entry>,
        new: Known,
        shown: &PresentedCertificate,
    ) -> Option<String> {
        let (server, fingerprint) = (&self.server, shown.fingerprint);
        match (before, new, shown.vouched) {
            (None, Known::Authority, _) => None,
            (Some(_), Known::Authority, _) => Some(format!(
                "{server} now has a certificate from a known CA; this replaces its saved fingerprint."
            )),
            (None, Known::Certificate(_), Err(doubt)) if self.given.is_none() => Some(format!(
                "The certificate of {server} cannot be verified ({doubt}), and the server is new here. From now \
                 on only this certificate is accepted, with the fingerprint {fingerprint}"
            )),
            (_, Known::Certificate(_) | Known::Iterations(_), _) => {
                Some(format!("Saved the fingerprint {fingerprint} for {server}"))
            }
        }
    }

    /// Names the unreadable lines of the file.
    fn damaged(&self, lines: &Lines) -> Option<String> {
        let damaged = lines.damaged();
        let path = self.known_hosts().ok()?.path().display();
        let named = damaged.iter().take(DAMAGED_LINES_NAMED).map(usize::to_string);
        let named = named.collect::<Vec<_>>().join(", ");
        match damaged.len() {
            0 => None,
            1 => Some(format!("Line {named} of {path} is invalid.")),
            2..=DAMAGED_LINES_NAMED => Some(format!("Lines {named} of {path} are invalid.")),
            count => Some(format!("{count} lines of {path} are invalid: {named} …")),
        }
    }
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
