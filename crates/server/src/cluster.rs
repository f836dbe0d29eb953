//! Several nodes as one server: a log orders what they publish, and every node applies all of it.
//!
//! [`log`] is the interface to the log. What a node publishes is a [`publication`], sealed under
//! the cluster's key ([`seal`]). [`roster`] decides which publications are valid, the same on every
//! node. [`publisher`] and [`follower`] ensure that a node's publications arrive once and in order,
//! and that it misses none of the others'; [`participant`] combines these parts into a node. None of
//! them does I/O. `jetstream` is the log on NATS, with the feature `cluster` only.

pub mod log;
pub mod key;
pub mod seal;
pub mod publication;
pub mod roster;
pub mod identity;
pub mod publisher;
pub mod follower;
pub mod holds;
pub mod participant;
#[cfg(feature = "cluster")]
pub mod jetstream;
pub mod queue;

#[cfg(feature = "cluster")]
#[cfg(test)]
mod contract;
#[cfg(feature = "cluster")]
#[cfg(test)]
pub(crate) mod nats_server;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulation;
