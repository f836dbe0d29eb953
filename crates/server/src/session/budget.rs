//! Budgets of work. Every session draws on the budget of its account and of its address, and a line
//! is charged for the work it causes, not as one line.
//!
//! Work is measured in units of about ten nanoseconds of one core; [`crate::limits`] has the
//! prices. A budget refills steadily; debt beyond its burst blocks further commands until it is
//! paid back. So a paste, or a client that joins fifty rooms, passes, and a loop does not. Stored
//! bytes are budgeted separately, with an hour's allowance as the burst.

use crate::limits::{
    ADDRESS_TURN_WORK, BUDGETS_REMEMBERED, Limits, MUCH_OWED_PART, TURN_WORK, WORK_ADDRESS_SHARE,
    WORK_BURST_SECONDS, WORK_PER_MILLI,
};
use crate::state::user::UserId;
use crate::work::Work;
use slab::Slab;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Who pays for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payer {
    /// All sessions of an address (IPv6: of one /64).
    Address([u8; 16]),
    /// All sessions of an account or a guest.
    User(UserId),
}

impl Payer {
    /// The payer for connections from this address.
    pub fn address(address: IpAddr) -> Payer {
        Payer::Address(crate::networks::address_key(address))
    }
}

/// A payer's index in [`Budgets`]; valid for as long as it is held.
pub type Budget = u32;

/// The debts of all payers.
#[derive(Debug, Default)]
pub struct Budgets {
    indexes: Indexes,
    debts: Slab<Debt>,
    /// With more payers than this, those without debts are forgotten.
    most: usize,
}

/// The indexes of payers: two maps, because a key for both takes five times the space of a user's id.
#[derive(Debug, Default)]
struct Indexes {
    addresses: BTreeMap<[u8; 16], Budget>,
    users: BTreeMap<UserId, Budget>,
}

impl Indexes {
    fn get(&self, payer: Payer) -> Option<Budget> {
        match payer {
            Payer::Address(address) => self.addresses.get(&address).copied(),
            Payer::User(user) => self.users.get(&user).copied(),
        }
    }

    fn insert(&mut self, payer: Payer, budget: Budget) {
        match payer {
            Payer::Address(address) => self.addresses.insert(address, budget),
            Payer::User(user) => self.users.insert(user, budget),
        };
    }

    fn remove(&mut self, payer: Payer) {
        match payer {
            Payer::Address(address) => self.addresses.remove(&address),
            Payer::User(user) => self.users.remove(&user),
        };
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.users.is_empty()
    }
}

#[derive(Debug)]
struct Debt {
    payer: Payer,
    /// Sessions that draw on it.
    holders: u32,
    /// Units of work not yet paid back at `at`.
    work: u64,
    /// Stored bytes not yet paid back at `at`, times [`HOUR_MILLIS`].
    stored: u64,
    /// Monotonic milliseconds.
    at: i64,
    /// Work done in the current turn.
    turn: PayerTurn,
}

/// The work done for a payer in one turn.
#[derive(Debug, Default)]
struct PayerTurn {
    /// The number of the turn.
    number: u64,
    /// Units of work of the hub.
    hub: u64,
    /// Units of work of the hub and of the shards.
    all: u64,
}

impl Debt {
    fn pay_back(&mut self, now: i64, limits: &Limits) {
        let millis = u64::try_from(now - self.at).unwrap_or(0);
        let per_second = per_second(self.payer, limits).unwrap_or(u64::MAX);
        self.work = self.work.saturating_sub(millis.saturating_mul(per_second) / 1000);
        let per_hour = per_hour(limits).unwrap_or(u64::MAX);
        self.stored = self.stored.saturating_sub(millis.saturating_mul(per_hour));
        self.at = now;
    }

    fn owes(&self) -> bool {
        self.work > 0 || self.stored > 0
    }
}

const HOUR_MILLIS: u64 = 60 * 60 * 1000;

/// The bytes that a payer may store per hour; none if unlimited.
fn per_hour(limits: &Limits) -> Option<u64> {
    Some(limits.stored_bytes_per_hour).filter(|bytes| *bytes != 0)
}

/// The units of work per second that a payer may use in the long run; none if unlimited.
fn per_second(payer: Payer, limits: &Limits) -> Option<u64> {
    let share = match payer {
        Payer::Address(_) => WORK_ADDRESS_SHARE,
        Payer::User(_) => 1,
    };
    let millis = u64::from(limits.work_millis);
    (millis != 0).then_some(millis * WORK_PER_MILLI * share)
}

impl Budgets {
    /// A session draws on a payer's budget from here on, until it [releases](Self::release) it.
    pub fn hold(&mut self, payer: Payer, now: i64, limits: &Limits) -> Budget {
        if self.debts.len() >= self.most.max(BUDGETS_REMEMBERED) {
            self.forget(now, limits);
            // Not again until the table has doubled, or each new payer would cost a scan of it.
            self.most = 2 * self.debts.len();
        }
        let budget = self.indexes.get(payer).unwrap_or_else(|| {
            let debt =
                Debt { payer, holders: 0, work: 0, stored: 0, at: now, turn: PayerTurn::default() };
            let slot = self.debts.insert(debt);
            let budget = u32::try_from(slot).expect("bounded by the connections");
            self.indexes.insert(payer, budget);
            budget
        });
        self.debts[budget as usize].holders += 1;
        budget
    }

    /// A session no longer draws on a budget. Its debt remains.
    pub fn release(&mut self, budget: Budget) {
        let debt = &mut self.debts[budget as usize];
        debt.holders -= 1;
        if debt.holders == 0 && !debt.owes() {
            self.indexes.remove(debt.payer);
            self.debts.remove(budget as usize);
        }
    }

    /// Seconds until a payer in debt may have work done again.
    pub fn wait(&mut self, budget: Budget, now: i64, limits: &Limits) -> Option<u64> {
        let debt = &mut self.debts[budget as usize];
        let per_second = per_second(debt.payer, limits)?;
        debt.pay_back(now, limits);
        let over = debt.work.saturating_sub(per_second * WORK_BURST_SECONDS);
        (over > 0).then(|| over.div_ceil(per_second))
    }

    /// Seconds until a payer that has stored too much may store again.
    pub fn wait_to_store(&mut self, budget: Budget, now: i64, limits: &Limits) -> Option<u64> {
        let debt = &mut self.debts[budget as usize];
        let per_hour = per_hour(limits)?;
        debt.pay_back(now, limits);
        let over = debt.stored.saturating_sub(per_hour.saturating_mul(HOUR_MILLIS));
        (over > 0).then(|| over.div_ceil(per_hour.saturating_mul(1000)))
    }

    /// Charges a payer for stored bytes.
    pub fn charge_stored(&mut self, budget: Budget, bytes: usize) {
        let debt = &mut self.debts[budget as usize];
        debt.stored = debt.stored.saturating_add((bytes as u64).saturating_mul(HOUR_MILLIS));
    }

    /// Charges a payer for work done in turn number `turn`.
    pub fn charge(&mut self, budget: Budget, work: Work, turn: u64) {
        let debt = &mut self.debts[budget as usize];
        let all = work.hub.saturating_add(work.shards);
        debt.work = debt.work.saturating_add(all).saturating_add(work.readers);
        if debt.turn.number != turn {
            debt.turn = PayerTurn { number: turn, ..PayerTurn::default() };
        }
        debt.turn.hub = debt.turn.hub.saturating_add(work.hub);
        debt.turn.all = debt.turn.all.saturating_add(all);
    }

    /// Whether a payer has used up its part of turn number `turn`. A payer deep in debt has a
    /// smaller part, in which the work of the shards counts, too.
    pub fn turn_is_over(&mut self, budget: Budget, turn: u64, now: i64, limits: &Limits) -> bool {
        let debt = &mut self.debts[budget as usize];
        if debt.turn.number != turn {
            return false;
        }
        if debt.turn.hub >= ADDRESS_TURN_WORK {
            return true;
        }
        let Some(per_second) = per_second(debt.payer, limits) else { return false };
        if debt.turn.all < TURN_WORK {
            return false;
        }
        debt.pay_back(now, limits);
        debt.work > per_second / MUCH_OWED_PART
    }

    /// Forgets payers without debts and without sessions.
    fn forget(&mut self, now: i64, limits: &Limits) {
        let indexes = &mut self.indexes;
        self.debts.retain(|_, debt| {
            debt.pay_back(now, limits);
            let stays = debt.holders > 0 || debt.owes();
            if !stays {
                indexes.remove(debt.payer);
            }
            stays
        });
    }

    /// The number of sessions per budget.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> BTreeMap<Payer, u32> {
        let all = self.debts.iter().map(|(_, debt)| (debt.payer, debt.holders));
        all.filter(|(_, holders)| *holders > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Payer = Payer::User(1);

    fn hub(hub: u64) -> Work {
        Work { hub, ..Work::default() }
    }

    fn limits() -> Limits {
        Limits { work_millis: 10, ..Limits::default() }
    }

    #[test]
    fn debt_beyond_the_burst_blocks_until_it_is_paid_back() {
        let (mut budgets, limits) = (Budgets::default(), limits());
        let rate = per_second(ANN, &limits).unwrap();
        let ann = budgets.hold(ANN, 0, &limits);
        budgets.charge(ann, hub(rate * WORK_BURST_SECONDS), 1);
        assert_eq!(budgets.wait(ann, 0, &limits), None);
        let readers = Work { readers: rate * 3, ..Work::default() };
        budgets.charge(ann, readers, 1);
        assert_eq!(budgets.wait(ann, 0, &limits), Some(3));
        assert_eq!(budgets.wait(ann, 2500, &limits), Some(1));
        assert_eq!(budgets.wait(ann, 3000, &limits), None);
    }

    #[test]
    fn storing_more_than_an_hours_allowance_blocks_until_it_is_paid_back() {
        let limits = Limits { stored_bytes_per_hour: 3600, ..limits() };
        let mut budgets = Budgets::default();
        let ann = budgets.hold(ANN, 0, &limits);
        budgets.charge_stored(ann, 3600);
        assert_eq!(budgets.wait_to_store(ann, 0, &limits), None);
        budgets.charge_stored(ann, 2);
        assert_eq!(budgets.wait_to_store(ann, 0, &limits), Some(2));
        // Asking often loses nothing that has been paid back.
        for now in 1..=1000 {
            budgets.wait_to_store(ann, now, &limits);
        }
        assert_eq!(budgets.wait_to_store(ann, 1000, &limits), Some(1));
        assert_eq!(budgets.wait(ann, 1000, &limits), None, "work is counted separately");
        budgets.release(ann);
        let ann = budgets.hold(ANN, 1000, &limits);
        assert_eq!(
            budgets.wait_to_store(ann, 1000, &limits),
            Some(1),
            "disconnecting clears no debt"
        );
        assert_eq!(budgets.wait_to_store(ann, 2000, &limits), None);
        budgets.release(ann);
        budgets.forget(3_700_000, &limits);
        assert!(budgets.debts.is_empty() && budgets.indexes.is_empty());
        let none = Limits { stored_bytes_per_hour: 0, ..limits };
        let bob = budgets.hold(Payer::User(2), 0, &none);
        budgets.charge_stored(bob, usize::MAX);
        assert_eq!(budgets.wait_to_store(bob, 0, &none), None);
    }

    #[test]
    fn a_budget_stays_small() {
        // In bytes: each user online has one.
        assert!(size_of::<Debt>() <= 72, "{}", size_of::<Debt>());
    }

    #[test]
    fn reconnecting_clears_no_debt() {
        let (mut budgets, limits) = (Budgets::default(), limits());
        let rate = per_second(ANN, &limits).unwrap();
        let first = budgets.hold(ANN, 0, &limits);
        budgets.charge(first, hub(rate * (WORK_BURST_SECONDS + 1)), 1);
        budgets.release(first);
        let again = budgets.hold(ANN, 0, &limits);
        assert_eq!(budgets.wait(again, 0, &limits), Some(1));
        budgets.release(again);
        budgets.forget(1_000_000, &limits);
        assert!(budgets.debts.is_empty() && budgets.indexes.is_empty());
    }

    #[test]
    fn turns_are_counted_separately_and_zero_means_unlimited() {
        let mut budgets = Budgets::default();
        let limits = Limits { work_millis: 0, ..Limits::default() };
        let ann = budgets.hold(ANN, 0, &limits);
        budgets.charge(ann, Work { shards: u64::MAX / 2, ..hub(ADDRESS_TURN_WORK - 1) }, 1);
        assert!(!budgets.turn_is_over(ann, 1, 0, &limits), "she cannot owe much");
        budgets.charge(ann, hub(1), 1);
        assert!(budgets.turn_is_over(ann, 1, 0, &limits));
        assert!(!budgets.turn_is_over(ann, 2, 0, &limits));
        assert_eq!(budgets.wait(ann, 0, &limits), None);
    }

    #[test]
    fn a_payer_deep_in_debt_has_smaller_turns_that_include_the_shards_work() {
        let (mut budgets, limits) = (Budgets::default(), limits());
        let much = per_second(ANN, &limits).unwrap() / MUCH_OWED_PART;
        assert!(TURN_WORK <= much);
        let ann = budgets.hold(ANN, 0, &limits);
        budgets.charge(ann, Work { shards: much, ..Work::default() }, 1);
        assert!(!budgets.turn_is_over(ann, 1, 0, &limits), "not more than a moment's work");
        budgets.charge(ann, hub(1), 1);
        assert!(budgets.turn_is_over(ann, 1, 0, &limits));
        budgets.charge(ann, Work { readers: much, ..hub(TURN_WORK - 1) }, 2);
        assert!(!budgets.turn_is_over(ann, 2, 0, &limits), "the work of readers does not count");
        budgets.charge(ann, Work { shards: 1, ..Work::default() }, 2);
        assert!(budgets.turn_is_over(ann, 2, 0, &limits));
        assert!(!budgets.turn_is_over(ann, 2, 10_000, &limits), "it is paid back");
    }

    #[test]
    fn an_address_has_a_larger_budget_than_one_account() {
        let limits = limits();
        let address = Payer::address("192.0.2.1".parse().unwrap());
        assert!(per_second(address, &limits) > per_second(ANN, &limits));
    }
}
