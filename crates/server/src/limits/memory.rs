//! The default for the memory of send queues.

use super::{MACHINE_PART, MEMORY_MOST};
use std::sync::LazyLock;

/// The default number of bytes for all outboxes together: a part of the machine's memory.
pub(super) fn default_bytes() -> usize {
    static DEFAULT: LazyLock<usize> = LazyLock::new(|| {
        machine().map_or(MEMORY_MOST, |all| (all / MACHINE_PART).min(MEMORY_MOST))
    });
    *DEFAULT
}

#[cfg(target_os = "linux")]
fn machine() -> Option<usize> {
    let info = rustix::system::sysinfo();
    usize::try_from(info.totalram).ok()?.checked_mul(info.mem_unit as usize)
}

#[cfg(not(target_os = "linux"))]
fn machine() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_quarter_of_the_machine_and_at_most_a_gigabyte() {
        assert!((1..=MEMORY_MOST).contains(&default_bytes()), "{}", default_bytes());
        if let Some(machine) = machine() {
            assert_eq!(default_bytes(), (machine / MACHINE_PART).min(MEMORY_MOST));
        }
    }
}
