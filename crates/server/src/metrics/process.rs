//! The process, as the operating system sees it, queried on demand. The names are the usual ones,
//! so that dashboards find them.

use super::Disk;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The process.
#[derive(Debug)]
pub(super) struct Process {
    /// Seconds since the epoch.
    started: f64,
    disk: Arc<Disk>,
}

impl Process {
    pub(super) fn new(disk: Arc<Disk>) -> Process {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Process { started: since.as_secs_f64(), disk }
    }
}

/// The metrics shown, each only if the system provides it.
impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let bytes = Some(&Unit::Bytes);
        let started = ("process_start_time", "Unix time of startup");
        show(&mut encoder, started, Some(&Unit::Seconds), Some(self.started))?;
        let resident = ("process_resident_memory", "Resident memory");
        show(&mut encoder, resident, bytes, system::resident_bytes())?;
        let open = ("process_open_fds", "Open file descriptors; each connection is one");
        show(&mut encoder, open, None, system::open_files())?;
        let most = ("process_max_fds", "Maximum number of open file descriptors");
        show(&mut encoder, most, None, system::open_files_most())?;
        let seen = self.disk.seen();
        let free = ("parlor_disk_free", "Free space on the disk with the data directory");
        show(&mut encoder, free, bytes, seen.free)?;
        let reserve = "1 while free space is below the reserve and ordinary writes are refused";
        let reserve = ("parlor_disk_reserve_touched", reserve);
        show(&mut encoder, reserve, None, Some(u64::from(seen.scarce)))?;
        let log = ("parlor_log", "Size of the write-ahead log; normally a few MiB");
        show(&mut encoder, log, bytes, Some(seen.log_bytes))?;
        let waits = ("parlor_log_waits", "How long part of the log has waited for a checkpoint");
        show(&mut encoder, waits, Some(&Unit::Seconds), Some(seen.log_waits))
    }
}

fn show(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&'static str, &'static str),
    unit: Option<&Unit>,
    value: Option<impl EncodeGaugeValue>,
) -> Result<(), fmt::Error> {
    let Some(value) = value else { return Ok(()) };
    let gauge = ConstGauge::new(value);
    // The library adds the full stop elsewhere.
    let help = format!("{help}.");
    gauge.encode(encoder.encode_descriptor(name, &help, unit, gauge.metric_type())?)
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::process::{Resource, getrlimit};
    use std::fs;

    /// Resident memory in bytes, from the second field of `statm`, which counts pages.
    pub(super) fn resident_bytes() -> Option<u64> {
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }

    /// The number of open files: newer kernels report it as the folder's size, others have it
    /// counted.
    pub(super) fn open_files() -> Option<u64> {
        match fs::metadata("/proc/self/fd").ok()?.len() {
            // The folder itself is open while it is read.
            0 => Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64),
            number => Some(number),
        }
    }

    pub(super) fn open_files_most() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn resident_bytes() -> Option<u64> {
        None
    }

    pub(super) fn open_files() -> Option<u64> {
        None
    }

    pub(super) fn open_files_most() -> Option<u64> {
        None
    }
}
