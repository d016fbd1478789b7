//! What the figures were measured on.

use std::path::Path;

/// Processor, cores, memory, kernel, and the file system of the folder.
pub(super) fn line(dir: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or("unknown").to_owned();
    format!(
        "{}, {cores} cores, {:.0} GiB memory, Linux {}, {} under the folder, load {load} at the end",
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into()),
        field("/proc/meminfo", "MemTotal").as_deref().and_then(kib).unwrap_or(0.0)
            / 1024.0
            / 1024.0,
        kernel.trim(),
        file_system(dir).unwrap_or_else(|| "an unknown file system".into()),
    )
}

/// Highest resident memory of this process so far, and what it is now, in MiB.
pub(super) fn memory() -> (f64, f64) {
    let mib = |name| {
        field("/proc/self/status", name).as_deref().and_then(kib).unwrap_or(f64::NAN) / 1024.0
    };
    (mib("VmHWM"), mib("VmRSS"))
}

/// Of another process: resident memory in MiB, and seconds of processor time so far. None where there is no such process,
/// or no `/proc`.
pub(super) fn process(id: u32) -> Option<(f64, f64)> {
    /// The kernel counts for programs in hundredths of a second, whatever its own clock.
    const TICKS: f64 = 100.0;
    let resident = field(&format!("/proc/{id}/status"), "VmRSS").as_deref().and_then(kib)?;
    let stat = read(&format!("/proc/{id}/stat"));
    // The name, which may hold anything, ends at the last bracket; user and system time are the 14th and 15th field.
    let after_name = stat.rsplit_once(')')?.1;
    let times = after_name.split_whitespace().skip(11).take(2);
    let ticks: f64 = times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Some((resident / 1024.0, ticks / TICKS))
}

/// Bytes that this process has had written to disks so far; none where the system does not say.
#[cfg(feature = "bft")]
pub(super) fn written() -> u64 {
    field("/proc/self/io", "write_bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kib(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The mount with the longest path that leads to the folder.
fn file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = read("/proc/self/mounts");
    let over = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (at, kind) = (words.next()?, words.next()?);
        dir.starts_with(at).then(|| (at.len(), kind.to_owned()))
    });
    over.max_by_key(|(len, _)| *len).map(|(_, kind)| kind)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_can_be_looked_at() {
        let before = process(std::process::id()).unwrap();
        let busy = std::time::Instant::now();
        while process(std::process::id()).unwrap().1 <= before.1 {
            assert!(busy.elapsed().as_secs() < 30, "processor time is not counted");
        }
        assert!(before.0 > 1.0);
        assert!(process(u32::MAX).is_none());
    }
}
