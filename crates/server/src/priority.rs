//! The priority of threads that must not delay messages.

/// Lowers this thread's priority. Only Linux has priorities per thread; elsewhere, or if it
/// refuses, all threads are equal. `work` is what the thread does, as a sentence begins.
pub fn stand_back(niceness: i32, work: &str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::warn!(%error, "{work} with as much priority as messages");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (niceness, work);
}
