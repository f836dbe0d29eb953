//! Several nodes as one server: a log orders what they publish, and every node applies all of it.
//!
//! [`log`] is the interface to the log. What a node publishes is a [`publication`], sealed under
//! the cluster's key ([`seal`]). [`roster`] decides which publications count, the same on every
//! node. [`publisher`] and [`follower`] ensure that a node's publications arrive in order and once,
//! and that none of anybody's is lost; [`participant`] combines these parts into a node. None of
//! them does I/O; `jetstream` does, the log on NATS, which is there only with the feature `cluster`.

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
