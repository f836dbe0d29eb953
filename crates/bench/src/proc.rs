//! What a process costs, from `/proc`; and which core it may use.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::failure::{Context, Failure, Result};

/// CPU time of a process since it started: user and system, all threads, all children, in steps of 10 ms.
///
/// # Errors
/// [`Failure::Io`] if there is no such process.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut ticks = 0;
    for pid in family(pid)? {
        // Fields 14 to 17 of proc(5): utime, stime, cutime, cstime.
        ticks += stat_fields(pid)?[11..15].iter().sum::<u64>();
    }
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// Resident anonymous memory of a process and its children, in bytes.
///
/// # Errors
/// [`Failure::Io`] if there is no such process.
pub fn anonymous_bytes(pid: u32) -> Result<u64> {
    let mut total = 0;
    for pid in family(pid)? {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).context(format!("reading {path}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        total += kib.ok_or(Failure::Unexpected(path))? * 1024;
    }
    Ok(total)
}

/// The process and its living children, down to the last.
fn family(pid: u32) -> Result<Vec<u32>> {
    let mut family = vec![pid];
    let mut at = 0;
    while at < family.len() {
        let path = format!("/proc/{0}/task/{0}/children", family[at]);
        let text = fs::read_to_string(&path).context(format!("reading {path}"))?;
        family.extend(text.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        at += 1;
    }
    Ok(family)
}

/// The numbers behind the state in `/proc/PID/stat`, from field 3 on; what is negative counts as 0.
fn stat_fields(pid: u32) -> Result<Vec<u64>> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).context(format!("reading {path}"))?;
    // The name before it is in brackets and may have spaces and brackets itself.
    let (_name, rest) = text.rsplit_once(") ").ok_or_else(|| Failure::Unexpected(path.clone()))?;
    let fields: Vec<u64> =
        rest.split_whitespace().map(|word| word.parse().unwrap_or_default()).collect();
    if fields.len() < 15 {
        return Err(Failure::Unexpected(path));
    }
    Ok(fields)
}

/// Keeps this thread, and what it starts from now on, on one core.
///
/// # Errors
/// [`Failure::Io`] if there is no such core.
pub fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).context(format!("keeping to core {core}"))
}

/// The nice value of [`lower_priority`]: on a busy core such a thread gets a seventieth of the others' time.
const NICE: i32 = 19;

/// Lowers the priority of this thread below all others of its core.
///
/// # Errors
/// [`Failure::Io`] if the system refuses.
pub fn lower_priority() -> Result<()> {
    setpriority_process(None, NICE).context("lowering the priority of a thread").map(drop)
}

/// Lets this process, and what it starts, open as many files as the system allows.
///
/// # Errors
/// [`Failure::Io`] if the system refuses.
pub fn allow_many_files() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .context("raising the number of open files")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_cpu_time_of_a_busy_process_grows_with_its_work() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        let start = Instant::now();
        let mut sum = 0_u64;
        while cpu_time(pid).unwrap() < before + Duration::from_millis(50) {
            sum = (0..100_000).fold(sum, |sum, number| sum.wrapping_mul(31) ^ number);
            assert!(start.elapsed() < Duration::from_secs(30), "no progress seen, {sum}");
        }
    }

    #[test]
    fn memory_that_is_touched_is_counted() {
        let pid = std::process::id();
        let before = anonymous_bytes(pid).unwrap();
        let block = vec![1_u8; 32 << 20];
        let after = anonymous_bytes(pid).unwrap();
        assert!(after >= before + (30 << 20), "{before} {after} {}", block[7]);
    }
}
