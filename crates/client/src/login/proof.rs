//! The proof of the password by SCRAM, and of the server.

use proto::Line;
use proto::sasl::{Progress, SaslError};
use proto::scram::{self, ScramClient};

use super::{Login, LoginError, MECHANISM, Next, Stage, Step};
use crate::limits::{ITERATIONS_MIN, PASSWORD_TRIES};
use crate::question::Question;

impl Login {
    pub(super) fn authenticate(&mut self, out: &mut Vec<u8>) -> Next {
        Line::to(out).verb("AUTHENTICATE").param(MECHANISM).end();
        self.stage = Stage::ScramStart;
        Ok(Step::Wait)
    }

    pub(super) fn scram(&mut self, chunk: &str, out: &mut Vec<u8>) -> Next {
        let bytes = match self.chunks.push(chunk).map_err(sasl_refused)? {
            Progress::More => return Ok(Step::Wait),
            Progress::Done(bytes) => bytes,
        };
        if self.stage == Stage::ScramFirst {
            self.check_iterations(&bytes)?;
        }
        if self.stage == Stage::ExternalStart {
            send_chunks(self.user().as_bytes(), out);
            self.stage = Stage::External;
            return Ok(Step::Wait);
        }
        self.stage = match (self.stage, &mut self.scram) {
            (Stage::ScramStart, _) => {
                let password = self.credentials.password.as_deref().unwrap_or("");
                // Each try is an exchange of its own, and needs a nonce of its own.
                let nonce = format!("{}.{}", self.nonce, self.tries);
                let mut scram = ScramClient::new(self.user(), password, &nonce);
                if let Some(code) = &self.code {
                    scram = scram.with_code(code);
                }
                send_chunks(&scram.first(), out);
                self.scram = Some(scram);
                Stage::ScramFirst
            }
            (Stage::ScramFirst, Some(scram)) => {
                send_chunks(&scram.respond(&bytes).map_err(sasl_refused)?, out);
                Stage::ScramFinal
            }
            (Stage::ScramFinal, Some(scram)) => match scram.verify(&bytes) {
                Ok(()) => {
                    self.iterations = self.requested_iterations;
                    self.scram_seen = true;
                    send_chunks(&[], out);
                    Stage::ScramEnd
                }
                // The numeric that follows says the same.
                Err(SaslError::WrongPassword) => {
                    send_chunks(&[], out);
                    Stage::ScramFinal
                }
                Err(error) => return Err(sasl_refused(error)),
            },
            (stage, _) => stage,
        };
        Ok(Step::Wait)
    }

    /// Refuses to prove the password in a way that gives it away. Also on this machine, where the server may be
    /// somebody else's.
    fn check_iterations(&mut self, server_first: &[u8]) -> Result<(), LoginError> {
        self.requested_iterations = scram::iterations(server_first);
        let asked = self.requested_iterations.unwrap_or(0);
        let seen =
            self.iterations_seen.get(&self.user().to_ascii_lowercase()).copied().unwrap_or(0);
        if self.allow_weak_scram || self.revealed || asked >= ITERATIONS_MIN.max(seen) {
            return Ok(());
        }
        let user = self.user();
        Err(LoginError::Refused(if seen > asked && seen >= ITERATIONS_MIN {
            format!(
                "The server asks for {asked} SCRAM iterations for {user}, but used {seen} before. It may be an \
                 impostor, so the login was stopped. If its administrator has lowered password_iterations, \
                 delete the line of {user} in the file known_hosts."
            )
        } else {
            format!(
                "The server asks for {asked} SCRAM iterations, which would make the password easy to guess; the \
                 minimum is {ITERATIONS_MIN}. Its administrator should raise password_iterations; for tests, \
                 use --allow-weak-scram."
            )
        }))
    }

    /// The attempt has failed: the password was wrong, or the code, or that is missing.
    pub(super) fn wrong_password(&mut self, sentence: &str) -> Next {
        self.scram = None;
        // "SASL authentication failed: wrong password": only the end is for people.
        let sentence = sentence.rsplit(": ").next().unwrap_or(sentence);
        if std::mem::take(&mut self.code_wanted) {
            self.tries += 1;
            self.stage = Stage::Asking;
            return Ok(Step::Ask(Question::Code, None));
        }
        if self.code.take().is_some() && self.interactive && self.tries < PASSWORD_TRIES {
            self.tries += 1;
            self.stage = Stage::Asking;
            return Ok(Step::Ask(Question::Code, Some(sentence.to_owned())));
        }
        self.credentials.password = None;
        self.tries += 1;
        if self.known || !self.interactive || self.tries >= PASSWORD_TRIES {
            let user = self.user();
            return Err(LoginError::Refused(format!("{user} could not log in: {sentence}")));
        }
        self.ask(Question::Password, Some(sentence.to_owned()))
    }
}

pub(super) fn sasl_refused(error: SaslError) -> LoginError {
    LoginError::Refused(format!("{error}."))
}

fn send_chunks(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in proto::sasl::encode_chunks(bytes) {
        Line::to(out).verb("AUTHENTICATE").param(&chunk).end();
    }
}
