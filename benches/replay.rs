//! How many recorded looks a replay takes in a second, with 1,000 channels: by the engine and its model of the platform
//! alone (aim: 1 million on one core), and with reading them from their rows as well.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use trunkwarden::journal::ObservationRow;
use trunkwarden::policy::{
    ChannelKey, ChannelParams, ChannelView, Codec, GlobalLimits, Mode, Observation, Params, Policy, Source, TenantId,
    TenantParams, Time, WallMs,
};
use trunkwarden::replay::Replay;
use trunkwarden::supervisor::fact::{self, Fact, Told};

const CHANNELS: u64 = 1_000;
const ROUNDS: u64 = 100;

fn keys() -> Vec<ChannelKey> {
    (0..CHANNELS).map(|n| ChannelKey::new("acme", format!("ch-{n:05}"))).collect()
}

fn params(keys: &[ChannelKey]) -> Params {
    let policy = Arc::new(Policy::default());
    let next = |n: usize| keys[n % keys.len()].channel.clone();
    let channels = keys.iter().enumerate().map(|(n, key)| ChannelParams {
        key: key.clone(),
        policy: policy.clone(),
        failover: Some(vec![next(n + 1), next(n + 2)]),
        carrier: None,
    });
    Params {
        mode: Mode::Enforce,
        global: GlobalLimits::default(),
        tenants: [(TenantId::from("acme"), TenantParams::default())].into(),
        channels: channels.collect(),
    }
}

/// Every channel is looked at every 30 s; one in a hundred is unhealthy for a while.
fn facts(keys: &[ChannelKey]) -> Vec<Told> {
    let look = |round: u64, n: u64, key: &ChannelKey| {
        let after = Duration::from_secs(30 * round) + Duration::from_micros(30_000_000 / CHANNELS * n);
        let status = if n.is_multiple_of(100) && (40..50).contains(&round) { "unhealthy" } else { "healthy" };
        let view = ChannelView {
            status: Some(status.to_owned()),
            primary: Some(key.channel.clone()),
            codecs: Some(vec![Codec { name: "OPUS".into(), priority: 1 }, Codec { name: "PCMU".into(), priority: 2 }]),
            ..ChannelView::default()
        };
        let now = Time::new(Duration::from_secs(1) + after);
        let observation =
            Observation::Look { asked_at: now.back(Duration::from_millis(40)), source: Source::List, view };
        let at = WallMs(1_763_683_200_000 + i64::try_from(after.as_millis()).unwrap_or(0));
        let fact = Fact::Observed(observation);
        Told { at, now, tenant: Some(key.tenant.clone()), channel: Some(key.clone()), fact }
    };
    (0..ROUNDS).flat_map(|round| keys.iter().zip(0..).map(move |(key, n)| look(round, n, key))).collect()
}

fn rows(facts: &[Told]) -> Vec<ObservationRow> {
    let row = |told: &Told| {
        let key = told.channel.as_ref()?;
        fact::row(told.at, told.now, fact::Place::Channel(key), &told.fact)
    };
    facts.iter().filter_map(row).collect()
}

fn replay(c: &mut Criterion) {
    let keys = keys();
    let (params, facts) = (params(&keys), facts(&keys));
    let rows = rows(&facts);
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(CHANNELS * ROUNDS));
    group.sample_size(20);
    let fresh = || (Replay::what_if(params.clone()), facts.clone());
    group.bench_function("engine and model", |b| {
        b.iter_batched(
            fresh,
            |(mut replay, facts)| {
                for told in facts {
                    replay.feed(told);
                }
                black_box(replay.into_decisions())
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("reading the rows", |b| {
        b.iter(|| rows.iter().filter_map(fact::read).map(|told| black_box(told).at.0).max());
    });
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
