//! From a fresh connection to a logged-in session, as a machine without network: lines and answers in, bytes out.
//! The same machine logs in again after a break, then without questions.

mod negotiation;
mod proof;

use std::collections::HashMap;

use proto::limits::{NEW_PASSWORD_BYTES, PASSWORD_BYTES};
use proto::sasl::{Chunks, SaslError};
use proto::saslprep::is_long_enough;
use proto::scram::ScramClient;
use proto::{Line, Message, name, numeric};

use crate::question::Question;
use proof::sasl_refused;

const MECHANISM: &str = "SCRAM-SHA-256";
/// The mechanism that takes the connection's certificate.
const EXTERNAL: &str = "EXTERNAL";

/// Why the login failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Something else answers there.
    #[error("this is not a Parlor server ({0})")]
    NotParlor(String),
    /// A permanent refusal.
    #[error("{0}")]
    Refused(String),
    /// A temporary refusal.
    #[error("{0}")]
    Later(String),
    /// Nobody has said that the name should be registered.
    #[error("there is no account {0}; use --register to register the name with this password")]
    NoAccount(String),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server's next line.
    Wait,
    /// The person's answer, by [`Login::answer`]; the sentence says why the question comes again.
    Ask(Question, Option<String>),
    /// The session is logged in.
    Done,
    /// The account is made; this session was not welcomed as programs are.
    Created,
}

/// What is known for logging in, kept for the reconnects.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The user name.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The password that the server asks of everybody.
    pub server_password: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waiting for the list of capabilities.
    Listing,
    /// Waiting for the capabilities to be acknowledged.
    Requesting,
    /// A question is open.
    Asking,
    /// Waiting for the answer to `LOGIN user`.
    Naming,
    /// Waiting for the new account.
    Creating,
    /// Waiting for the end of the server's password prompt, which SCRAM makes needless.
    Cancelling,
    /// Waiting for the server's "go on" to EXTERNAL.
    ExternalStart,
    /// Waiting for the server's word about the certificate.
    External,
    /// Waiting for the server's "go on" to SCRAM.
    ScramStart,
    /// Waiting for salt and iterations.
    ScramFirst,
    /// Waiting for the server's proof.
    ScramFinal,
    /// The server has proved itself; waiting for its success.
    ScramEnd,
    /// Waiting for the welcome.
    Registering,
}

/// The login.
pub struct Login {
    credentials: Credentials,
    stage: Stage,
    /// Somebody can answer again: wrong names and passwords are asked for again, a new password twice.
    interactive: bool,
    /// This login succeeded before: what the server then asks anew is refused instead.
    known: bool,
    /// The connection is not encrypted.
    pub is_plaintext: bool,
    /// A new name may be registered though nobody types its password twice.
    pub may_register: bool,
    /// Accept any number of SCRAM iterations.
    pub allow_weak_scram: bool,
    /// The code of the invitation by which a new name is registered.
    pub invitation: Option<String>,
    /// Capabilities to ask for where they are offered, beyond those that the login needs.
    pub also: &'static [&'static str],
    /// The connection shows a certificate that the account may accept instead of the password.
    pub has_certificate: bool,
    /// Log in to IRC servers that are not Parlor's, too.
    pub any_server: bool,
    /// The server has offered or completed SCRAM before. From then on the password itself is never sent to it.
    pub scram_seen: bool,
    /// The highest iteration count used before, by user name in lower case.
    pub iterations_seen: HashMap<String, u32>,
    /// The iteration count of this login, once the server has proved itself.
    pub iterations: Option<u32>,
    tries: u32,
    /// Why the server refused the invitation.
    invitation_error: Option<String>,
    /// The code of the second factor, for one attempt.
    code: Option<String>,
    /// The server has said that the password must come with a code.
    code_wanted: bool,
    /// This connection has sent the password itself, so a proof reveals nothing more.
    revealed: bool,
    /// Why a new password must be chosen before anything else, in the server's words.
    renewal: Option<String>,
    /// A new password that was typed once.
    chosen: Option<String>,
    offered: String,
    requested: Vec<&'static str>,
    nonce: String,
    scram: Option<ScramClient>,
    /// The iteration count that the server asks for; it has not proved itself yet.
    requested_iterations: Option<u32>,
    chunks: Chunks,
}

type Next = Result<Step, LoginError>;

impl Login {
    /// A login with what is known already, on connections that are encrypted.
    pub fn new(credentials: Credentials, interactive: bool) -> Login {
        Login {
            credentials,
            stage: Stage::Listing,
            interactive,
            known: false,
            is_plaintext: false,
            may_register: false,
            allow_weak_scram: false,
            invitation: None,
            also: &[],
            has_certificate: false,
            any_server: false,
            scram_seen: false,
            invitation_error: None,
            code: None,
            code_wanted: false,
            iterations_seen: HashMap::new(),
            iterations: None,
            tries: 0,
            revealed: false,
            renewal: None,
            chosen: None,
            offered: String::new(),
            requested: Vec::new(),
            nonce: String::new(),
            scram: None,
            requested_iterations: None,
            chunks: Chunks::default(),
        }
    }

    /// The user name, once it is known.
    pub fn user(&self) -> &str {
        self.credentials.user.as_deref().unwrap_or("")
    }

    /// Why a new password must be chosen, if so; once for each login.
    pub fn take_renewal(&mut self) -> Option<String> {
        self.renewal.take()
    }

    /// The password was changed, and is this one from now on.
    pub fn set_password(&mut self, password: String) {
        self.credentials.password = Some(password);
    }

    /// Whether the password was proved, or the account made, at least once.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Whether the server has not yet shown that it speaks the protocol.
    pub fn is_first_word(&self) -> bool {
        self.stage == Stage::Listing
    }

    /// Begins on a new connection. `nonce`: fresh random printable ASCII without commas.
    pub fn start(&mut self, nonce: &str, out: &mut Vec<u8>) {
        self.stage = Stage::Listing;
        self.renewal = None;
        self.chosen = None;
        self.offered.clear();
        self.chunks = Chunks::default();
        nonce.clone_into(&mut self.nonce);
        Line::to(out).verb("CAP").param("LS").param("302").end();
    }

    /// Handles a line from the server.
    ///
    /// # Errors
    /// When the login cannot succeed on this connection.
    pub fn receive(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Next {
        let sentence = message.params().last().copied().unwrap_or("");
        match message.verb {
            "PING" => {
                Line::to(out).verb("PONG").text(message.param(0).unwrap_or("")).end();
                Ok(Step::Wait)
            }
            "ERROR" => Err(LoginError::Later(sentence.to_owned())),
            "CAP" => self.capabilities(message, out),
            "NOTE" if message.param(0) == Some("LOGIN") => self.note(message, out),
            "FAIL" => self.fail(message),
            "WARN" if message.param(1) == Some("NEW_PASSWORD_REQUIRED") => {
                self.renewal = Some(sentence.to_owned());
                Ok(Step::Wait)
            }
            "AUTHENTICATE" => self.scram(message.param(0).unwrap_or("+"), out),
            numeric if is_numeric(numeric) => self.numeric(numeric, sentence, out),
            "NOTICE" | "NOTE" | "WARN" => Ok(Step::Wait),
            other if self.is_first_word() => Err(not_parlor(other)),
            _ => Ok(Step::Wait),
        }
    }

    /// Handles the answer to the question that was asked last.
    ///
    /// # Errors
    /// When asking again is useless.
    pub fn answer(&mut self, question: Question, text: &str, out: &mut Vec<u8>) -> Next {
        match question {
            Question::Username => {
                let name = text.trim();
                if let Err(error) = name::check_name(name) {
                    return self.ask_again(Question::Username, error.to_string());
                }
                self.credentials.user = Some(name.to_owned());
                if self.is_generic_irc() { self.log_in_by_generic_irc(out) } else { self.name(out) }
            }
            Question::NewPassword if !is_valid_new_password(text) => {
                self.ask_again(Question::NewPassword, new_password_rule())
            }
            Question::NewPassword if self.interactive => {
                self.chosen = Some(text.to_owned());
                self.ask(Question::RepeatPassword, None)
            }
            Question::RepeatPassword if self.chosen.take().as_deref() != Some(text) => {
                self.ask_again(Question::NewPassword, "The passwords do not match.".to_owned())
            }
            Question::NewPassword | Question::RepeatPassword => {
                self.credentials.password = Some(text.to_owned());
                self.create(out)
            }
            Question::Password => {
                self.credentials.password = Some(text.to_owned());
                self.authenticate(out)
            }
            Question::ServerPassword => {
                self.credentials.server_password = Some(text.to_owned());
                Line::to(out).verb("PASS").text(text).end();
                self.name(out)
            }
            Question::Code => {
                self.code = Some(text.to_owned());
                self.authenticate(out)
            }
            Question::Invitation => {
                self.invitation = Some(text.trim().to_owned());
                self.use_invitation(out);
                self.name(out)
            }
            Question::CurrentPassword
            | Question::NextPassword
            | Question::Operation
            | Question::Words
            | Question::Text
            | Question::Message
            | Question::Author
            | Question::Reaction
            | Question::Recipient
            | Question::SendLines => Ok(Step::Wait),
        }
    }

    fn ask(&mut self, question: Question, because: Option<String>) -> Next {
        if self.known {
            let user = self.user();
            let sentence = format!("The server no longer accepts the password of {user}.");
            return Err(LoginError::Refused(because.unwrap_or(sentence)));
        }
        self.stage = Stage::Asking;
        Ok(Step::Ask(question, because))
    }

    fn ask_again(&mut self, question: Question, because: String) -> Next {
        if !self.interactive {
            return Err(LoginError::Refused(because));
        }
        self.ask(question, Some(because))
    }

    /// Logs in to a server other than Parlor: with the server's password, or the account's by SASL.
    fn log_in_by_generic_irc(&mut self, out: &mut Vec<u8>) -> Next {
        let Some(user) = self.credentials.user.clone() else {
            return self.ask(Question::Username, None);
        };
        if self.offers("sasl") && self.credentials.password.is_some() {
            return self.authenticate(out);
        }
        if let Some(password) = &self.credentials.password {
            if self.scram_seen || !self.iterations_seen.is_empty() {
                return Err(LoginError::Refused(
                    "The server no longer offers SCRAM, by which a password was proved to it before; it may be an \
                     impostor, so the password was not sent."
                        .to_owned(),
                ));
            }
            Line::to(out).verb("PASS").text(password).end();
        }
        self.register(&user, out);
        Ok(Step::Wait)
    }

    /// Ends the negotiation with a name.
    fn register(&mut self, user: &str, out: &mut Vec<u8>) {
        Line::to(out).verb("NICK").param(user).end();
        Line::to(out).verb("USER").param(user).param("0").param("*").text(user).end();
        Line::to(out).verb("CAP").param("END").end();
        self.stage = Stage::Registering;
    }

    /// Shows the invitation, if there is one and it is needed.
    fn use_invitation(&mut self, out: &mut Vec<u8>) {
        if let Some(code) = self.invitation.as_ref().filter(|_| !self.known) {
            Line::to(out).verb("INVITATION").param("USE").text(code).end();
        }
    }

    fn name(&mut self, out: &mut Vec<u8>) -> Next {
        let Some(user) = &self.credentials.user else {
            return self.ask(Question::Username, None);
        };
        if let Err(error) = name::check_name(user) {
            return self.ask_again(Question::Username, error.to_string());
        }
        Line::to(out).verb("LOGIN").param(user).end();
        self.stage = Stage::Naming;
        Ok(Step::Wait)
    }

    fn note(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Next {
        match (self.stage, message.param(1).unwrap_or("")) {
            (Stage::Naming, "INVITATION_REQUIRED") => {
                // The server's question stands, and the answer goes another way.
                out.extend_from_slice(b"\r\n");
                let why = self.invitation_error.take();
                match why {
                    Some(why) => self.ask_again(Question::Invitation, why),
                    None if self.interactive => self.ask(Question::Invitation, None),
                    None => Err(LoginError::Refused(
                        "To register there you need an invitation; give its code with --invite."
                            .to_owned(),
                    )),
                }
            }
            // Otherwise whoever has taken the server's place could ask for the password in the clear.
            (Stage::Naming, "NEW_USER") if self.known => Err(LoginError::Refused(format!(
                "The server no longer has an account {}; it may be a different server.",
                self.user()
            ))),
            (Stage::Naming, "NEW_USER") if !self.may_register && !self.is_asked_twice() => {
                Err(LoginError::NoAccount(self.user().to_owned()))
            }
            (Stage::Naming, "NEW_USER") if self.has_proved_before() => self.account_gone(),
            (Stage::Naming, "NEW_USER") if self.credentials.password.is_some() => self.create(out),
            (Stage::Naming, "NEW_USER") => self.ask(Question::NewPassword, None),
            (Stage::Naming, "PASSWORD_REQUIRED") => {
                out.extend_from_slice(b"\r\n");
                self.stage = Stage::Cancelling;
                Ok(Step::Wait)
            }
            (Stage::Cancelling, "CANCELLED") if self.credentials.password.is_some() => {
                self.authenticate(out)
            }
            (Stage::Cancelling, "CANCELLED") => self.ask(Question::Password, None),
            (Stage::Creating, "ACCOUNT_CREATED") => {
                // The negotiation never ends, so nobody sees this session come and go.
                self.done();
                self.revealed = true;
                Ok(Step::Created)
            }
            (Stage::Registering, "LOGGED_IN") => Ok(self.done()),
            _ => Ok(Step::Wait),
        }
    }

    /// Whether this user has proved a password to the server before, so that it had the account.
    fn has_proved_before(&self) -> bool {
        self.iterations_seen.contains_key(&self.user().to_ascii_lowercase())
    }

    /// The account existed and is gone: registering it again would send the password itself.
    fn account_gone(&mut self) -> Next {
        let user = self.user();
        if self.is_asked_twice() {
            let sentence = format!(
                "The server no longer has an account {user}; it may be a different server. To register the name \
                 anew, choose a password that you use nowhere else."
            );
            return self.ask(Question::NewPassword, Some(sentence));
        }
        Err(LoginError::Refused(format!(
            "The server no longer has an account {user}; it may be a different server, so the password was not \
             sent. To register the name anew, delete the line of {user} in the file known_hosts."
        )))
    }

    /// Whether a person types a new password, and types it again: a name that was only mistyped does not
    /// get through that.
    fn is_asked_twice(&self) -> bool {
        self.interactive && self.credentials.password.is_none()
    }

    /// Makes the account by answering the server's prompt: the whole line is the password.
    fn create(&mut self, out: &mut Vec<u8>) -> Next {
        let password = self.credentials.password.as_deref().unwrap_or("");
        if !is_valid_new_password(password) {
            return Err(LoginError::Refused(new_password_rule()));
        }
        out.extend_from_slice(password.as_bytes());
        out.extend_from_slice(b"\r\n");
        self.stage = Stage::Creating;
        Ok(Step::Wait)
    }

    fn fail(&mut self, message: &Message<'_>) -> Next {
        let sentence = message.params().last().copied().unwrap_or("").to_owned();
        match message.param(1).unwrap_or("") {
            "BAD_NAME" | "NAME_IN_USE" => {
                self.credentials.user = None;
                self.ask_again(Question::Username, sentence)
            }
            // The server's question stands.
            "BAD_PASSWORD" if self.stage == Stage::Creating => {
                self.credentials.password = None;
                self.ask_again(Question::NewPassword, sentence)
            }
            "SERVER_PASSWORD_REQUIRED" if self.credentials.server_password.is_none() => {
                let sentence = "This server requires a server password.".to_owned();
                self.ask(Question::ServerPassword, Some(sentence))
            }
            "SERVER_PASSWORD_REQUIRED" => {
                self.credentials.server_password = None;
                let sentence = "That is not the server password.".to_owned();
                self.ask_again(Question::ServerPassword, sentence)
            }
            // It may not be needed; if it is, the server asks for one.
            "NO_SUCH_INVITATION" => {
                self.invitation_error = Some(sentence);
                Ok(Step::Wait)
            }
            // The numeric that follows ends the attempt.
            "CODE_REQUIRED" => {
                self.code_wanted = true;
                Ok(Step::Wait)
            }
            "BUSY" | "STORE_FAILED" | "LOG_UNAVAILABLE" => Err(LoginError::Later(sentence)),
            "ENCRYPTION_REQUIRED" if self.is_plaintext => Err(LoginError::Refused(format!(
                "{} Try without --plaintext.",
                crate::show::sentence(&sentence)
            ))),
            "TOO_MANY_ATTEMPTS" if self.known => Err(LoginError::Later(sentence)),
            _ => Err(LoginError::Refused(sentence)),
        }
    }

    fn numeric(&mut self, numeric: &str, sentence: &str, out: &mut Vec<u8>) -> Next {
        match (self.stage, numeric) {
            (Stage::Registering, numeric::RPL_WELCOME) => Ok(self.done()),
            (Stage::ScramEnd | Stage::External, numeric::RPL_SASLSUCCESS) => {
                let user = self.user().to_owned();
                self.register(&user, out);
                Ok(Step::Wait)
            }
            (Stage::ScramFinal, numeric::RPL_SASLSUCCESS) => {
                Err(sasl_refused(SaslError::WrongServer))
            }
            // The account does not know the certificate (any more): the password may do.
            (Stage::External | Stage::ExternalStart, numeric::ERR_SASLFAIL) => {
                self.has_certificate = false;
                self.name(out)
            }
            (_, numeric::ERR_SASLFAIL) => self.wrong_password(sentence),
            (Stage::Listing, numeric::ERR_UNKNOWNCOMMAND | numeric::ERR_NOTREGISTERED)
                if self.any_server =>
            {
                self.log_in_by_generic_irc(out)
            }
            (_, numeric::ERR_UNKNOWNCOMMAND) => Err(not_parlor("it does not support LOGIN")),
            (Stage::Listing, _) => Err(not_parlor(sentence)),
            (_, numeric::RPL_LOGGEDIN | numeric::RPL_LOGGEDOUT | numeric::RPL_SASLSUCCESS) => {
                Ok(Step::Wait)
            }
            (_, refusal) if refusal >= "400" => Err(LoginError::Refused(sentence.to_owned())),
            _ => Ok(Step::Wait),
        }
    }

    fn done(&mut self) -> Step {
        self.known = true;
        self.revealed = false;
        self.tries = 0;
        self.scram = None;
        self.code = None;
        Step::Done
    }
}

fn not_parlor(why: &str) -> LoginError {
    LoginError::NotParlor(crate::show::harmless(why.chars().take(60).collect::<String>().as_str()))
}

/// Whether a server can take this as the first password of a name.
pub(crate) fn is_valid_new_password(password: &str) -> bool {
    is_long_enough(password)
        && password.len() <= PASSWORD_BYTES
        && !password.contains(['\r', '\n', '\0'])
}

pub(crate) fn new_password_rule() -> String {
    format!("A password needs {NEW_PASSWORD_BYTES} to {PASSWORD_BYTES} bytes, without line breaks.")
}

fn is_numeric(verb: &str) -> bool {
    verb.len() == 3 && verb.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
