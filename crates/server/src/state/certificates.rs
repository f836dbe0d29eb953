//! The certificates that log in to accounts (SASL EXTERNAL); each belongs to one account.

use crate::effects::{Condition, Effect};
use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::undo::Undo;
use proto::Fingerprint;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{AccountId, Write};

/// The owner of each certificate, and the reverse.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Certificates {
    owners: BTreeMap<Fingerprint, Owner>,
    #[serde(skip)]
    of_accounts: BTreeSet<(AccountId, Fingerprint)>,
}

/// The owner of a certificate.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Owner {
    /// The account it logs in to.
    pub account: AccountId,
    /// The name of that account.
    pub name: Arc<str>,
    /// A client of that account has presented it, which proves possession of the key. Ownership of
    /// one that was only named is unknown: it logs in only with the account's name.
    pub proved: bool,
}

impl Certificates {
    /// The owner of a certificate.
    pub fn owner(&self, certificate: Fingerprint) -> Option<&Owner> {
        self.owners.get(&certificate)
    }

    /// The fingerprints of an account's certificates.
    pub fn of(&self, account: AccountId) -> impl Iterator<Item = Fingerprint> {
        let mine = (account, Fingerprint::FIRST)..=(account, Fingerprint::LAST);
        self.of_accounts.range(mine).map(|(_, certificate)| *certificate)
    }

    /// Sets or removes the owner of a certificate; returns the one before.
    pub fn set(&mut self, certificate: Fingerprint, owner: Option<Owner>) -> Option<Owner> {
        let id = owner.as_ref().map(|owner| owner.account);
        let before = match owner {
            Some(owner) => self.owners.insert(certificate, owner),
            None => self.owners.remove(&certificate),
        };
        if let Some(before) = &before {
            self.of_accounts.remove(&(before.account, certificate));
        }
        self.of_accounts.extend(id.map(|id| (id, certificate)));
        before
    }

    /// Rebuilds the reverse index, which is not part of a snapshot.
    pub fn index(&mut self) {
        let all = self.owners.iter();
        self.of_accounts = all.map(|(certificate, owner)| (owner.account, *certificate)).collect();
    }

    /// All certificates and their owners.
    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = (Fingerprint, &Owner)> {
        self.owners.iter().map(|(certificate, owner)| (*certificate, owner))
    }
}

/// Loads certificates from the store, skipping those of unknown accounts.
pub fn restore(state: &mut State, stored: &[(store::Fingerprint, AccountId, bool)]) {
    let accounts = state.accounts.values().map(|account| (account.id, account.name.clone()));
    let accounts: BTreeMap<AccountId, Arc<str>> = accounts.collect();
    for (fingerprint, account, proved) in stored {
        let name = accounts.get(account).cloned();
        let owner = name.map(|name| Owner { account: *account, name, proved: *proved });
        state.certificates.set(Fingerprint(*fingerprint), owner);
    }
}

/// Gives a certificate to the requester's account, or to nobody, and stores it; further effects
/// depend on the write.
pub fn change(context: &mut ApplyContext<'_>, certificate: Fingerprint, owner: Option<Owner>) {
    let write = write(context, certificate, owner);
    let failed = Effect::NotStored { to: context.requester.session, verb: "CERT", tag: None };
    context.out.push_when(Condition::Failed(write), failed);
}

/// Gives a certificate to an account, or to nobody; returns the write.
pub fn write(
    context: &mut ApplyContext<'_>,
    certificate: Fingerprint,
    owner: Option<Owner>,
) -> u32 {
    let account = owner.as_ref().map(|owner| owner.account);
    let proved = owner.as_ref().is_some_and(|owner| owner.proved);
    let before = context.state.certificates.set(certificate, owner);
    context.note_undo(Undo::Certificate(certificate, before));
    context.out.write(Write::Certificate { fingerprint: certificate.0, account, proved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_one_owner_and_both_indexes_agree() {
        let account = |id| Some(Owner { account: id, name: "somebody".into(), proved: false });
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
        assert_eq!(all.owner(certificate(255)).map(|owner| owner.account), Some(2));
        assert_eq!(all.of(2).collect::<Vec<_>>(), [certificate(255)]);
    }
}
