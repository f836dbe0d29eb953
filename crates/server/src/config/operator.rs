//! `[[operator]]`: the operators of the server.

use crate::limits::PASSWORD_BYTES;
use serde::{Deserialize, Serialize};

/// The role of an operator; see [`crate::state::permission`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May moderate.
    Moderator,
    /// May do everything.
    Admin,
}

impl Role {
    /// Its name in the config file.
    pub fn name(self) -> &'static str {
        match self {
            Role::Moderator => "moderator",
            Role::Admin => "admin",
        }
    }
}

/// `[[operator]]`: an account with a role, or a name and a password for `OPER`.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Operator {
    /// The account, which is an operator whenever it is logged in.
    pub account: Option<String>,
    /// The role of that account.
    pub role: Option<Role>,
    /// The name given to `OPER`; it need not be an account.
    pub name: Option<String>,
    /// The password given to `OPER`.
    pub password: Option<String>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator")
            .field("account", &self.account)
            .field("role", &self.role)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Operator {
    /// The name and the password for `OPER`, if it has them.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        Some((self.name.as_deref()?, self.password.as_deref()?))
    }

    /// What is wrong with it, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Operator { account: Some(account), role: Some(_), name: None, password: None } => {
                let bad = |error| format!("[[operator]] account is {account:?}: {error}");
                proto::name::check_name(account).map_err(bad)
            }
            Operator { account: None, role: None, name: Some(name), password: Some(password) } => {
                if name.is_empty() || name.contains(' ') {
                    return Err("an [[operator]] needs a name without spaces".into());
                }
                if password.is_empty() || password.len() > PASSWORD_BYTES {
                    return Err(format!(
                        "[[operator]] {name:?} needs a password of 1 to {PASSWORD_BYTES} bytes"
                    ));
                }
                Ok(())
            }
            _ => Err("an [[operator]] needs either account and role, or name and password".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn check(text: &str) -> Result<(), String> {
        let config: Config = toml::from_str(&format!("[[operator]]\n{text}")).unwrap();
        config.check()
    }

    #[test]
    fn an_operator_is_an_account_with_a_role_or_a_name_with_a_password() {
        assert_eq!(check("account = \"ann\"\nrole = \"admin\""), Ok(()));
        assert_eq!(check("name = \"root\"\npassword = \"long\""), Ok(()));
        for text in [
            "account = \"ann\"",
            "role = \"admin\"",
            "name = \"root\"",
            "password = \"long\"",
            "account = \"ann\"\npassword = \"long\"",
            "account = \"ann\"\nrole = \"admin\"\nname = \"root\"\npassword = \"long\"",
        ] {
            assert!(check(text).unwrap_err().contains("either account and role"), "{text}");
        }
        assert!(check("account = \"a b\"\nrole = \"admin\"").unwrap_err().contains("a b"));
        assert!(check("name = \"a b\"\npassword = \"x\"").unwrap_err().contains("without spaces"));
        assert!(check("name = \"a\"\npassword = \"\"").unwrap_err().contains("needs a password"));
    }

    #[test]
    fn a_role_is_found_however_the_account_is_spelled() {
        use super::Role;
        let text = "operator = [{ account = \"Ann\", role = \"moderator\" }, { account = \"ann\", role = \"admin\" }]";
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!(config.role_of("aNN"), Some(Role::Admin), "the higher of two");
        assert_eq!(config.role_of("bob"), None);
    }
}
