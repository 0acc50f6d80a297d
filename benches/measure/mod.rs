//! Tools of the benches.
//!
//! Criterion and similar tools compare a bench with its own last run. These benches compare two sides in the
//! same run, in turn, so that the machine's noise affects both.

#![allow(dead_code, reason = "no bench uses everything")]

pub(crate) mod bare;
pub(crate) mod figures;
pub(crate) mod remote;

use std::time::{Duration, Instant};

#[cfg(unix)]
use nix::sys::resource::{UsageWho, getrusage};
#[cfg(unix)]
use nix::sys::time::TimeVal;
#[cfg(unix)]
use nix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

/// Whether this is a short run: `cargo bench -- --test`.
pub(crate) fn is_short() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// Returns the calling thread's processor time.
pub(crate) fn thread_cpu() -> Duration {
    #[cfg(unix)]
    return cpu(ClockId::CLOCK_THREAD_CPUTIME_ID);
    #[cfg(not(unix))]
    return Duration::ZERO; // not measured: ratios become NaN, which is left out
}

/// Returns the processor time of all of the process's threads.
pub(crate) fn process_cpu() -> Duration {
    #[cfg(unix)]
    return cpu(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    #[cfg(not(unix))]
    return Duration::ZERO; // as above
}

#[cfg(unix)]
fn cpu(clock: ClockId) -> Duration {
    Duration::from(clock_gettime(clock).expect("POSIX has these clocks"))
}

/// Returns the processor time of all child processes that have ended, and the highest peak of resident
/// memory among them, in MiB.
pub(crate) fn children() -> (Duration, f64) {
    #[cfg(unix)]
    {
        let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("POSIX has it");
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        let cpu = seconds(used.user_time()) + seconds(used.system_time());
        (Duration::from_secs_f64(cpu), used.max_rss() as f64 / 1024.0)
    }
    #[cfg(not(unix))]
    (Duration::ZERO, f64::NAN) // as above
}

/// Returns a runtime with one thread, as `turn_by_turn` and `thread_cpu` need.
pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// Runs a future in a task, as apps do: each wake-up of a future in `block_on` itself costs a system call.
pub(crate) fn in_a_task<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime.block_on(async { tokio::spawn(work).await.expect("it doesn't panic") })
}

/// The cost of one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// Runs both sides in turn, `rounds` times each. `cpu` is the calling thread's processor time.
pub(crate) fn turn_by_turn(
    rounds: usize,
    mut one: impl FnMut(),
    mut other: impl FnMut(),
) -> (Vec<Cost>, Vec<Cost>) {
    let mut costs = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for round in 0..rounds {
        // Each side finds the caches as the other left them, so the order alternates, too.
        if round % 2 == 0 {
            costs.0.push(cost(&mut one));
            costs.1.push(cost(&mut other));
        } else {
            costs.1.push(cost(&mut other));
            costs.0.push(cost(&mut one));
        }
    }
    costs
}

pub(crate) fn cost(run: &mut impl FnMut()) -> Cost {
    let (wall, cpu) = (Instant::now(), thread_cpu());
    run();
    Cost {
        cpu: thread_cpu() - cpu,
        wall: wall.elapsed(),
    }
}

/// Returns a quantile (0 to 1) by the nearest rank; NaN if there are no values.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let rank = (share * values.len() as f64).ceil() as usize;
    values
        .get(rank.saturating_sub(1).min(last))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Returns the median in ms.
pub(crate) fn median_ms(values: impl IntoIterator<Item = Duration>) -> f64 {
    let values = values.into_iter().map(|one| one.as_secs_f64() * 1e3);
    quantile(values.collect(), 0.5)
}
