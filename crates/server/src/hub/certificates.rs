//! The certificates that log in to accounts (SASL EXTERNAL), each to one.

use super::State;
use super::context::Context;
use super::effects::{What, When};
use super::undo::Undo;
use proto::Fingerprint;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{Account, AccountId, Write};

/// Whose each certificate is, and the same the other way round.
#[derive(Debug, Default)]
pub struct Certificates {
    owners: BTreeMap<Fingerprint, Arc<Account>>,
    of_accounts: BTreeSet<(AccountId, Fingerprint)>,
}

impl Certificates {
    /// The account to which a certificate logs in.
    pub fn owner(&self, certificate: Fingerprint) -> Option<&Arc<Account>> {
        self.owners.get(&certificate)
    }

    /// The certificates of an account, by their fingerprints.
    pub fn of(&self, account: AccountId) -> impl Iterator<Item = Fingerprint> {
        let mine = (account, Fingerprint::FIRST)..=(account, Fingerprint::LAST);
        self.of_accounts.range(mine).map(|(_, certificate)| *certificate)
    }

    /// Makes a certificate an account's, or nobody's; returns whose it was.
    pub fn set(
        &mut self,
        certificate: Fingerprint,
        owner: Option<Arc<Account>>,
    ) -> Option<Arc<Account>> {
        let id = owner.as_ref().map(|owner| owner.id);
        let before = match owner {
            Some(owner) => self.owners.insert(certificate, owner),
            None => self.owners.remove(&certificate),
        };
        if let Some(before) = &before {
            self.of_accounts.remove(&(before.id, certificate));
        }
        self.of_accounts.extend(id.map(|id| (id, certificate)));
        before
    }

    /// All of them, and whose they are.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = (Fingerprint, &Account)> {
        self.owners.iter().map(|(certificate, owner)| (*certificate, &**owner))
    }
}

/// What is stored; of an account that is not there, nothing.
pub fn restore(state: &mut State, stored: &[(store::Fingerprint, AccountId)]) {
    let accounts = state.accounts.values().map(|account| (account.id, account.clone()));
    let accounts: BTreeMap<AccountId, Arc<Account>> = accounts.collect();
    for (fingerprint, account) in stored {
        state.certificates.set(Fingerprint(*fingerprint), accounts.get(account).cloned());
    }
}

/// Makes a certificate the account's of the asker, or nobody's, and stores it; what follows in the
/// command depends on that.
pub fn change(context: &mut Context<'_>, certificate: Fingerprint, owner: Option<Arc<Account>>) {
    let account = owner.as_ref().map(|owner| owner.id);
    let before = context.state.certificates.set(certificate, owner);
    context.out.note(Undo::Certificate(certificate, before));
    let write = context.out.write(Write::Certificate { fingerprint: certificate.0, account });
    let failed = What::NotStored { to: context.session, verb: "CERT", tag: None };
    context.out.push_when(When::Failed(write), failed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::scram::Keys;

    #[test]
    fn a_certificate_is_of_one_account_and_both_ways_agree() {
        let account = |id| {
            let keys =
                Keys { salt: [0; 16], iterations: 1, stored_key: [0; 32], server_key: [0; 32] };
            Some(Arc::new(Account { id, name: "somebody".into(), keys, created: 0 }))
        };
        let certificate = |first| Fingerprint([first; 32]);
        let mut all = Certificates::default();
        assert_eq!(all.set(certificate(0), account(1)), None);
        assert_eq!(all.set(certificate(255), account(1)), None);
        assert_eq!(all.set(certificate(7), account(2)), None);
        assert_eq!(all.set(certificate(255), account(2)), account(1));
        assert_eq!(all.of(1).collect::<Vec<_>>(), [certificate(0)]);
        assert_eq!(all.of(2).collect::<Vec<_>>(), [certificate(7), certificate(255)]);
        assert_eq!(all.set(certificate(7), None), account(2));
        assert_eq!(all.set(certificate(7), None), None);
        assert_eq!(all.owner(certificate(7)), None);
        assert_eq!(all.owner(certificate(255)).map(|owner| owner.id), Some(2));
        assert_eq!(all.of(2).collect::<Vec<_>>(), [certificate(255)]);
    }
}
