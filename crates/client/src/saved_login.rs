//! Saved logins: a certificate for each server, which the account there accepts instead of the
//! password (SASL EXTERNAL). `chatclient login` creates one, `chatclient logout` removes it.

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;

use proto::Fingerprint;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::files;
use crate::limits::SAVED_LOGIN_BYTES;

/// Why a login cannot be saved or used.
#[derive(Debug, thiserror::Error)]
pub enum SavedLoginError {
    /// There is no folder for it.
    #[error("there is no directory for it: neither XDG_DATA_HOME nor HOME is set")]
    NoFolder,
    /// The file cannot be read or written.
    #[error("{path:?}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate cannot be created.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// A saved login.
#[derive(Debug)]
pub struct SavedLogin {
    /// The account.
    pub user: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl SavedLogin {
    /// The one for a server, if any.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn at(server: &str) -> Result<Option<SavedLogin>, SavedLoginError> {
        let Ok(path) = path(server) else { return Ok(None) };
        let unusable =
            |reason: &str| SavedLoginError::File { path: path.clone(), reason: reason.to_owned() };
        let (file, regular) = match files::open(&path) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(None),
            Err(error) => return Err(unusable(&error.to_string())),
        };
        if !regular {
            return Err(unusable("it is not a regular file"));
        }
        let mut text = String::new();
        let read = file.take(SAVED_LOGIN_BYTES).read_to_string(&mut text);
        read.map_err(|error| unusable(&error.to_string()))?;
        let user = text.lines().next().and_then(|line| line.strip_prefix("user: "));
        let certificate = CertificateDer::from_pem_slice(text.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
        match (user, certificate, key) {
            (Some(user), Ok(certificate), Ok(key)) => {
                Ok(Some(SavedLogin { user: user.to_owned(), certificate, key }))
            }
            _ => Err(unusable("it is damaged; remove it, and log in again")),
        }
    }

    /// Creates a new one, unknown to the server so far.
    ///
    /// # Errors
    /// If the certificate cannot be made.
    pub fn make(user: &str) -> Result<(SavedLogin, String), SavedLoginError> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([])?.self_signed(&key)?;
        let text = format!("user: {user}\n{}{}", certificate.pem(), key.serialize_pem());
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("rcgen writes PKCS #8");
        let certificate = certificate.der().clone();
        Ok((SavedLogin { user: user.to_owned(), certificate, key }, text))
    }

    /// The fingerprint by which the account knows it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// For the handshake.
    pub fn for_handshake(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.certificate.clone()], self.key.clone_key())
    }
}

/// A login that is on the disk, but not in effect: one that was saved before stays until
/// [`NewLogin::keep`]. Dropping it deletes it.
#[derive(Debug)]
pub struct NewLogin {
    path: PathBuf,
    new_path: PathBuf,
    kept: bool,
}

impl NewLogin {
    /// Writes it beside the one that is in effect, readable only by its owner.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(server: &str, text: &str) -> Result<NewLogin, SavedLoginError> {
        let path = path(server)?;
        let new_path = path.with_extension("new");
        let new = NewLogin { path, new_path, kept: false };
        let folder = new.path.parent();
        let written = folder.map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            let mut file = files::create(&new.new_path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| SavedLoginError::File {
            path: new.new_path.clone(),
            reason: error.to_string(),
        })?;
        Ok(new)
    }

    /// Puts it into effect; returns its file.
    ///
    /// # Errors
    /// If the file cannot be renamed.
    pub fn keep(mut self) -> Result<PathBuf, SavedLoginError> {
        std::fs::rename(&self.new_path, &self.path).map_err(|error| SavedLoginError::File {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        self.kept = true;
        Ok(self.path.clone())
    }
}

impl Drop for NewLogin {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be deleted is replaced by the next one.
            let _ = std::fs::remove_file(&self.new_path);
        }
    }
}

/// Deletes a login.
///
/// # Errors
/// If the file cannot be removed.
pub fn forget(server: &str) -> Result<(), SavedLoginError> {
    let path = path(server)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(SavedLoginError::File { path, reason: error.to_string() })
        }
        _ => Ok(()),
    }
}

/// The file in the data folder of the environment: `XDG_DATA_HOME`, or else `.local/share` in `HOME`.
fn path(server: &str) -> Result<PathBuf, SavedLoginError> {
    // According to the XDG specification, a relative path counts as none.
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || folder("HOME").map(|home| home.join(".local/share"));
    let data = folder("XDG_DATA_HOME").or_else(home).ok_or(SavedLoginError::NoFolder)?;
    let name: String = server
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || ".-[]".contains(c) { c } else { '_' })
        .collect();
    Ok(data.join("parlor/logins").join(format!("{name}.pem")))
}
