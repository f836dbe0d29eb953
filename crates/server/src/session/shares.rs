//! Limits how much of a receiver's outbox, or of an offline user's pending messages, one sender may
//! fill.
//!
//! The hub does not see outboxes, so it counts the bytes that each sender has had delivered to each
//! receiver. They count as a debt that drains at a rate at which every client can read; beyond a
//! share of the outbox the sender is refused, and the receiver stays connected. If many fill the
//! same outbox together, those who have sent little still get through.

use crate::limits::{
    SHARE_ADDRESS, SHARE_BURST_PART, SHARE_CROWD_BURST_PART, SHARE_CROWD_PART, SHARE_SECOND_PART,
    SHARES_REMEMBERED,
};
use crate::session::budget::Payer;
use crate::state::user::UserId;
use std::collections::BTreeMap;

/// What each sender has recently sent to each receiver; without a sender, the total.
#[derive(Debug, Default)]
pub struct Shares {
    debts: BTreeMap<(UserId, Option<Payer>), Debt>,
    /// The size at which drained entries are dropped.
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Debt {
    bytes: u64,
    /// When, in monotonic milliseconds.
    at: i64,
}

/// The debt allowed at once, and how much drains per second.
#[derive(Clone, Copy)]
struct Share {
    burst: u64,
    per_second: u64,
}

impl Share {
    fn of(payer: Option<Payer>, outbox: u64) -> Share {
        let one = (outbox / SHARE_BURST_PART, outbox / SHARE_SECOND_PART);
        let (burst, per_second) = match payer {
            Some(Payer::User(_)) => one,
            Some(Payer::Address(_)) => (one.0 * SHARE_ADDRESS, one.1 * SHARE_ADDRESS),
            None => (outbox / SHARE_CROWD_PART, one.1 * SHARE_BURST_PART),
        };
        Share { burst, per_second: per_second.max(1) }
    }
}

impl Debt {
    fn drained(self, now: i64, share: Share) -> Debt {
        let millis = u64::try_from(now - self.at).unwrap_or(0);
        let drained = millis.saturating_mul(share.per_second) / 1000;
        Debt { bytes: self.bytes.saturating_sub(drained), at: now }
    }
}

impl Shares {
    /// Whether a user at an address may send a receiver so many bytes; or the seconds until that
    /// fits into their share of the receiver's outbox.
    pub fn may_send(
        &self,
        receiver: UserId,
        [user, address]: [Payer; 2],
        bytes: usize,
        (now, outbox): (i64, usize),
    ) -> Result<(), u64> {
        let (bytes, outbox) = (bytes as u64, outbox as u64);
        if outbox == 0 {
            return Ok(());
        }
        let crowd = self.owed(receiver, None, now, outbox);
        let crowded = crowd.bytes + bytes > Share::of(None, outbox).burst;
        for payer in [user, address] {
            let owed = self.owed(receiver, Some(payer), now, outbox);
            let mut share = Share::of(Some(payer), outbox);
            if crowded && matches!(payer, Payer::User(_)) {
                share.burst = outbox / SHARE_CROWD_BURST_PART;
            }
            // Without a debt, one message of any size passes.
            let over = (owed.bytes + bytes).saturating_sub(share.burst).min(owed.bytes);
            if over > 0 {
                return Err(over.div_ceil(share.per_second));
            }
        }
        Ok(())
    }

    /// A user at an address has sent a receiver so many bytes.
    pub fn charge(
        &mut self,
        receiver: UserId,
        [user, address]: [Payer; 2],
        bytes: usize,
        (now, outbox): (i64, usize),
    ) {
        let (bytes, outbox) = (bytes as u64, outbox as u64);
        if outbox == 0 {
            return;
        }
        for payer in [None, Some(user), Some(address)] {
            let owed = self.owed(receiver, payer, now, outbox);
            let owed = Debt { bytes: owed.bytes + bytes, ..owed };
            self.debts.insert((receiver, payer), owed);
        }
        self.forget(now, outbox);
    }

    #[cfg(test)]
    fn send(
        &mut self,
        receiver: UserId,
        payers: [Payer; 2],
        bytes: usize,
        now: (i64, usize),
    ) -> Result<(), u64> {
        self.may_send(receiver, payers, bytes, now)?;
        self.charge(receiver, payers, bytes, now);
        Ok(())
    }

    fn owed(&self, receiver: UserId, payer: Option<Payer>, now: i64, outbox: u64) -> Debt {
        let owed = self.debts.get(&(receiver, payer)).copied();
        owed.unwrap_or(Debt { bytes: 0, at: now }).drained(now, Share::of(payer, outbox))
    }

    /// Drops drained entries if there are many.
    fn forget(&mut self, now: i64, outbox: u64) {
        if self.debts.len() > self.most.max(SHARES_REMEMBERED) {
            self.debts
                .retain(|(_, payer), owed| owed.drained(now, Share::of(*payer, outbox)).bytes > 0);
            // Not again until the table has doubled, or each addition would scan it.
            self.most = 2 * self.debts.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTBOX: usize = 4 * 1024 * 1024;
    const MESSAGE: usize = 4096;
    const VICTIM: UserId = 1;

    fn at(number: u8) -> Payer {
        Payer::address([192, 0, 2, number].into())
    }

    /// The bytes that get through from senders who send as often as they can.
    fn sent(shares: &mut Shares, senders: &[[Payer; 2]], now: i64) -> usize {
        let mut sent = 0;
        for sender in senders {
            while shares.send(VICTIM, *sender, MESSAGE, (now, OUTBOX)).is_ok() {
                sent += MESSAGE;
            }
        }
        sent
    }

    #[test]
    fn one_address_cannot_push_out_a_receiver_who_does_not_read_for_a_minute() {
        let senders: Vec<[Payer; 2]> = (2..62).map(|user| [Payer::User(user), at(1)]).collect();
        let mut shares = Shares::default();
        let sent: usize = (0..60).map(|s| sent(&mut shares, &senders, s * 1000)).sum();
        assert!(sent > OUTBOX / 4 && sent < OUTBOX, "{sent}");
    }

    #[test]
    fn during_a_flood_from_many_addresses_a_friends_few_messages_get_through() {
        let sender = |number: u8| [Payer::User(number.into()), at(number)];
        let senders: Vec<_> = (2..62).map(sender).collect();
        let mut shares = Shares::default();
        let all = sent(&mut shares, &senders, 0);
        assert!(all < OUTBOX, "{all}");
        assert!(shares.send(VICTIM, sender(200), MESSAGE, (0, OUTBOX)).is_ok());
        let wait = shares.send(VICTIM, sender(2), MESSAGE, (0, OUTBOX)).unwrap_err();
        assert!(shares.send(VICTIM, sender(2), MESSAGE, (wait as i64 * 1000, OUTBOX)).is_ok());
    }

    #[test]
    fn a_long_message_passes_and_drained_debts_are_forgotten() {
        let mut shares = Shares::default();
        let ann = [Payer::User(2), at(1)];
        assert_eq!(shares.send(VICTIM, ann, OUTBOX, (0, OUTBOX)), Ok(()));
        assert!(shares.send(VICTIM, ann, 1, (0, OUTBOX)).is_err());
        for receiver in 0..SHARES_REMEMBERED as u32 {
            let now = (1_000_000 + i64::from(receiver) * 1000, OUTBOX);
            assert_eq!(shares.send(receiver, ann, 1, now), Ok(()));
        }
        assert!(shares.debts.len() < SHARES_REMEMBERED / 2, "{}", shares.debts.len());
    }
}
