//! What a process takes while the load is on it: memory, descriptors, processor time.

use std::fs;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    after_s: f64,
    resident: u64,
    descriptors: usize,
}

/// Looks at a process every second until it is asked what it has seen.
#[derive(Debug)]
pub(super) struct Watch {
    pid: u32,
    cpu_before: f64,
    own_cpu_before: f64,
    looking: JoinHandle<()>,
    looks: std::sync::Arc<parking_lot::Mutex<Vec<Look>>>,
}

/// What a process took.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Taken {
    pub(super) resident_first: u64,
    pub(super) resident_median: u64,
    pub(super) resident_last: u64,
    pub(super) resident_max: u64,
    /// How the memory grew over the second half, in bytes a minute, as the straight line that fits best has it.
    pub(super) growth_per_minute: f64,
    /// The median of the last quarter beside that of the second: above 1 where memory grows after the warm-up.
    pub(super) last_beside_second_quarter: f64,
    pub(super) descriptors_max: usize,
    /// Processor time of the server, in seconds. That of scripts in processes of their own is not in it.
    pub(super) cpu_s: f64,
    /// Processor time of this program, which shares the machine.
    pub(super) own_cpu_s: f64,
}

impl Watch {
    pub(super) fn start(pid: u32) -> Self {
        let looks = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&looks);
        let looking = tokio::spawn(async move {
            let begun = Instant::now();
            let mut seconds = interval(Duration::from_secs(1));
            seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                seconds.tick().await;
                let look = look(pid, begun.elapsed());
                kept.lock().push(look);
            }
        });
        Self { pid, cpu_before: cpu(&pid.to_string()), own_cpu_before: cpu("self"), looking, looks }
    }

    pub(super) fn stop(self) -> Taken {
        self.looking.abort();
        let looks = self.looks.lock().clone();
        let resident: Vec<u64> = looks.iter().map(|look| look.resident).collect();
        let (half, quarter) = (looks.len() / 2, looks.len() / 4);
        let second = median(&resident[quarter..half]).max(1) as f64;
        Taken {
            resident_first: resident.first().copied().unwrap_or_default(),
            resident_median: median(&resident),
            resident_last: resident.last().copied().unwrap_or_default(),
            resident_max: resident.iter().copied().max().unwrap_or_default(),
            growth_per_minute: slope(&looks[half..]) * 60.0,
            last_beside_second_quarter: median(&resident[resident.len() - quarter..]) as f64 / second,
            descriptors_max: looks.iter().map(|look| look.descriptors).max().unwrap_or_default(),
            cpu_s: cpu(&self.pid.to_string()) - self.cpu_before,
            own_cpu_s: cpu("self") - self.own_cpu_before,
        }
    }
}

fn look(pid: u32, after: Duration) -> Look {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    Look { after_s: after.as_secs_f64(), resident: kilobytes.unwrap_or_default() * 1024, descriptors }
}

/// Returns the processor time that a process has had, in seconds.
fn cpu(pid: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // proc_pid_stat(5): the 14th and the 15th; the name, in parentheses, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Returns by how many bytes memory grows in a second, by least squares.
fn slope(looks: &[Look]) -> f64 {
    let count = looks.len() as f64;
    let mean = |value: fn(&Look) -> f64| looks.iter().map(value).sum::<f64>() / count;
    let (time, memory) = (mean(|look| look.after_s), mean(|look| look.resident as f64));
    let (mut above, mut below) = (0.0, 0.0);
    for look in looks {
        above += (look.after_s - time) * (look.resident as f64 - memory);
        below += (look.after_s - time).powi(2);
    }
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_has_the_slope_that_it_grows_by() {
        let looks = |grows: u64| -> Vec<Look> {
            let look = |second: u64| Look { after_s: second as f64, resident: 1_000 + second * grows, descriptors: 0 };
            (0..30).map(look).collect()
        };
        assert!((slope(&looks(7)) - 7.0).abs() < 1e-9);
        assert!(slope(&looks(0)).abs() < 1e-9);
        assert!(slope(&[]).abs() < 1e-9);
    }

    #[test]
    fn this_process_has_had_processor_time_and_has_memory() {
        let seen = look(std::process::id(), Duration::ZERO);
        assert!(seen.resident > 1 << 20 && seen.descriptors >= 3, "{seen:?}");
        let mut work = 0_u64;
        while cpu("self") == 0.0 {
            work = std::hint::black_box(work + 1);
        }
    }
}
