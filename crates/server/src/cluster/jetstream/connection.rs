//! The connection to the NATS servers: addresses, accounts, TLS, and what happens when it breaks.

use super::refusal::Refusal;
use crate::config::Cluster;
use crate::limits::{NATS_BUFFERED, NATS_CONNECT_MILLIS, NATS_PING_MILLIS, NATS_RECONNECT_MILLIS};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// A change of the connection.
#[derive(Debug)]
pub(super) enum Change {
    /// Connected, or connected again.
    Connected,
    /// Disconnected; it reconnects by itself.
    Disconnected,
}

/// Connects to one of the servers. Reconnects by itself whenever the connection breaks, and reports
/// that.
///
/// # Errors
/// When none of the servers can be reached, or they refuse.
pub(super) async fn connect(
    config: &Cluster,
    changes: UnboundedSender<Change>,
) -> Result<Client, Refusal> {
    let mut options = ConnectOptions::new()
        .name(format!("parlor {}", config.node))
        .connection_timeout(Duration::from_millis(NATS_CONNECT_MILLIS))
        .ping_interval(Duration::from_millis(NATS_PING_MILLIS))
        .subscription_capacity(NATS_BUFFERED)
        .client_capacity(NATS_BUFFERED)
        .no_echo()
        .reconnect_delay_callback(|attempts| {
            let wait = NATS_RECONNECT_MILLIS.saturating_mul(attempts.saturating_sub(1) as u64);
            Duration::from_millis(wait.min(10 * NATS_RECONNECT_MILLIS))
        })
        .event_callback(move |event| {
            let change = match event {
                Event::Connected => Some(Change::Connected),
                Event::Disconnected => Some(Change::Disconnected),
                Event::ClientError(_) => None, // An attempt to connect has failed; others follow.
                other => {
                    tracing::warn!("NATS says: {other}");
                    None
                }
            };
            // The receiver is gone only when the node stops.
            let _ = change.map(|change| changes.send(change));
            async {}
        });
    if let Some(file) = &config.credentials {
        let path = file.clone();
        options = options
            .credentials_file(file)
            .await
            .map_err(|source| Refusal::Credentials { path, source })?;
    }
    let tls = &config.tls;
    if let Some(ca) = &tls.ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    let addresses: Result<Vec<ServerAddr>, _> =
        config.servers.iter().map(|server| server.parse::<ServerAddr>()).collect();
    let unreachable = |reason: String| Refusal::Unreachable {
        servers: super::without_passwords(&config.servers),
        reason,
    };
    let addresses = addresses.map_err(|error| unreachable(error.to_string()))?;
    options.connect(addresses).await.map_err(|error| match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            Refusal::NotAllowed
        }
        _ => unreachable(error.to_string()),
    })
}
