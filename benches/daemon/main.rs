//! The daemon under load: the release binary as a process of its own, 10,000 channels, the simulator over loopback HTTP.
//!
//! `cargo bench --bench daemon` takes about 90 s; `-- --quick` about 20 s with shorter intervals. It prints what one look
//! at a channel costs, how much memory the daemon holds, how long a failover takes from the answer that confirmed it to its
//! PATCH, and what a scrape of `/metrics` costs, each beside its aim. An aim that is missed is shown, not an error: the
//! machine has its share in it, and its load average is printed for that reason. Nothing is asserted and nothing is kept.
//!
//! The story: every channel up; a quiet time, in which processor time is counted; then channels turned unhealthy in small
//! groups, each moving to its backup, with scrapes in between; then scrapes one after the other.

mod child;
mod exposition;
mod platform;
mod table;

use child::{Child, Memory};
use exposition::Exposition;
use platform::Platform;
use std::process::ExitCode;
use std::time::Duration;
use table::Table;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is measured, and for how long.
struct Plan {
    channels: usize,
    interval: Duration,
    fast_interval: Duration,
    sweeps: usize,
    groups: usize,
    group: usize,
    between_groups: Duration,
}

impl Plan {
    const FULL: Self = Self {
        channels: 10_000,
        interval: Duration::from_secs(10),
        fast_interval: Duration::from_secs(2),
        sweeps: 3,
        groups: 30,
        group: 10,
        between_groups: Duration::from_millis(700),
    };
    const QUICK: Self = Self {
        interval: Duration::from_secs(3),
        fast_interval: Duration::from_millis(500),
        sweeps: 2,
        groups: 10,
        between_groups: Duration::from_millis(300),
        ..Self::FULL
    };
}

fn main() -> ExitCode {
    let asked = |flag: &str| std::env::args().skip(1).any(|arg| arg == flag);
    if asked("--list") || !(asked("--bench") || asked("--quick")) {
        // A test runner that walks over all targets is not to start a load.
        return ExitCode::SUCCESS;
    }
    let plan = if asked("--quick") { Plan::QUICK } else { Plan::FULL };
    let done = tokio::runtime::Runtime::new().map_err(Failure::from).and_then(|runtime| runtime.block_on(run(&plan)));
    match done {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: the daemon could not be measured: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(plan: &Plan) -> Result<Table, Failure> {
    let platform = Platform::start(plan).await?;
    let mut child = Child::start(plan, &platform.url).await?;
    let mut table = Table::default();
    table.note(format!(
        "{} channels, looked at every {} s; load average at the start: {}",
        plan.channels,
        plan.interval.as_secs(),
        child::load_average()
    ));
    table.row("start to ready", format!("{:.2} s", child.ready_after.as_secs_f64()), None);

    step("waiting until every channel is up");
    let up = child.wait_until_up(plan.channels).await?;
    table.row("ready to every channel up", format!("{:.1} s", up.as_secs_f64()), None);

    step("a quiet time");
    quiet(plan, &platform, &child, &mut table).await?;
    step("failovers");
    failovers(plan, &platform, &child, &mut table).await?;
    step("scrapes");
    scrapes(&child, &mut table).await?;

    let Memory { resident, peak } = child.memory()?;
    table.row("resident memory at the end", megabytes(resident), Some(("150 MB", below(resident, 150e6))));
    table.row("peak of resident memory", megabytes(peak), Some(("150 MB", below(peak, 150e6))));
    table.note(format!("load average at the end: {}", child::load_average()));
    child.stop()?;
    Ok(table)
}

/// Processor time for each look, while nothing happens.
async fn quiet(plan: &Plan, platform: &Platform, child: &Child, table: &mut Table) -> Result<(), Failure> {
    platform.after_sweeps(1).await?;
    let before = child.scrape(false).await?;
    let (cpu_before, began) = (child.cpu()?, child.clock.now());
    platform.after_sweeps(plan.sweeps).await?;
    let (cpu, lasted) = (child.cpu()?.saturating_sub(cpu_before), child.clock.now().since(began));
    let after = child.scrape(false).await?;
    let polls = after.text.sum("trunkwarden_polls_total") - before.text.sum("trunkwarden_polls_total");
    let requests =
        after.text.sum("trunkwarden_platform_requests_total") - before.text.sum("trunkwarden_platform_requests_total");
    let each = cpu.as_secs_f64() * 1e6 / polls.max(1.0);
    table.row("looks a second", format!("{:.0}", polls / lasted.as_secs_f64()), None);
    table.row("requests a second", format!("{:.1}", requests / lasted.as_secs_f64()), None);
    let answer = after.text.quantile("trunkwarden_poll_duration_seconds", 0.5).unwrap_or(f64::NAN) * 1e3;
    table.row("the platform's answer to a look, p50", format!("{answer:.1} ms"), None);
    table.row("CPU for each look (telemetry included)", format!("{each:.1} us"), None);
    let share = 100.0 * cpu.as_secs_f64() / lasted.as_secs_f64();
    table.row("CPU, of one core", format!("{share:.1} %"), None);
    table.row("resident memory, quiet", megabytes(child.memory()?.resident), None);
    Ok(())
}

/// Evidence to PATCH, as the daemon counts it and as the platform sees it.
async fn failovers(plan: &Plan, platform: &Platform, child: &Child, table: &mut Table) -> Result<(), Failure> {
    platform.fail_in_groups(plan, child).await?;
    let disk = child.disk().await?;
    for q in [0.5, 0.99] {
        let ms = nearest_rank(&disk, q).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3);
        table.row(format!("the disk alone, fdatasync of 8 KiB, p{:.0}", q * 100.0), format!("{ms:.1} ms"), None);
    }
    let text = child.scrape(false).await?.text;
    let family = "trunkwarden_action_latency_seconds";
    table.row("failovers", format!("{:.0}", text.sum(&format!("{family}_count"))), None);
    for (q, aim) in [(0.5, None), (0.99, Some(20.0))] {
        let ms = text.quantile(family, q).unwrap_or(f64::NAN) * 1e3;
        let name = format!("evidence to PATCH, p{:.0} (histogram, interpolated)", q * 100.0);
        table.row(name, format!("{ms:.1} ms"), aim.map(|aim| ("20 ms", ms < aim)));
    }
    let mut seen = platform.answer_to_patch();
    seen.sort_unstable();
    for (q, aim) in [(0.5, None), (0.99, Some(20.0)), (1.0, None)] {
        let ms = nearest_rank(&seen, q).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3);
        let name = format!("last GET to PATCH, p{:.0} (as the platform sees it)", q * 100.0);
        table.row(name, format!("{ms:.1} ms"), aim.map(|aim| ("20 ms", ms < aim)));
    }
    let lag = text.quantile("trunkwarden_loop_lag_seconds", 0.99).unwrap_or(f64::NAN) * 1e3;
    table.row("driver's loop lag, p99", format!("{lag:.1} ms"), None);
    table.row("resident memory, after failovers", megabytes(child.memory()?.resident), None);
    Ok(())
}

/// What Prometheus costs.
async fn scrapes(child: &Child, table: &mut Table) -> Result<(), Failure> {
    for (gzip, how) in [(false, "plain"), (true, "gzip, as Prometheus asks")] {
        let (mut slowest, mut bytes) = (Duration::ZERO, 0);
        let before = child.memory()?.resident;
        let cpu = child.cpu()?;
        for _ in 0..5 {
            let scrape = child.scrape(gzip).await?;
            slowest = slowest.max(scrape.took);
            bytes = scrape.bytes;
        }
        let cpu = child.cpu()?.saturating_sub(cpu) / 5;
        let grown = child.memory()?.resident.saturating_sub(before);
        let value = format!(
            "{:.0} ms ({:.0} ms CPU, {} sent), memory + {}",
            slowest.as_secs_f64() * 1e3,
            cpu.as_secs_f64() * 1e3,
            megabytes(bytes),
            megabytes(grown)
        );
        table.row(format!("slowest of 5 scrapes, {how}"), value, None);
    }
    Ok(())
}

fn nearest_rank(sorted: &[Duration], q: f64) -> Option<Duration> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank lies within the slice")]
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn below(bytes: u64, bound: f64) -> bool {
    (bytes as f64) < bound
}

fn step(what: &str) {
    eprintln!("… {what}");
}
