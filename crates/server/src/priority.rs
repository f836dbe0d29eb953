//! The priority of threads that work behind a message's way.

/// This thread works with what time the others leave it. Only Linux has priorities of threads; where
/// there are none, or it refuses, all are alike. `work` is what it does, as a sentence begins.
pub fn stand_back(niceness: i32, work: &str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::warn!(%error, "{work} with as much priority as messages");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (niceness, work);
}
