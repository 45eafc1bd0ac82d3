//! How many good looks the engine takes in a second, with 10,000 channels. Aim: 2 million on one core.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use trunkwarden::policy::{
    ChannelKey, ChannelParams, ChannelView, Engine, GlobalLimits, Mode, Observation, Params, Policy, Source, TenantId,
    TenantParams, Time,
};

const CHANNELS: usize = 10_000;

fn healthy_looks(c: &mut Criterion) {
    let policy = Arc::new(Policy::default());
    let keys: Vec<ChannelKey> = (0..CHANNELS).map(|n| ChannelKey::new("acme", format!("ch-{n:05}"))).collect();
    let channels = keys.iter().enumerate().map(|(n, key)| ChannelParams {
        key: key.clone(),
        policy: policy.clone(),
        failover: Some(vec![keys[(n + 1) % CHANNELS].channel.clone(), keys[(n + 2) % CHANNELS].channel.clone()]),
        carrier: None,
    });
    let params = Params {
        mode: Mode::Enforce,
        global: GlobalLimits::default(),
        tenants: [(TenantId::from("acme"), TenantParams::default())].into(),
        channels: channels.collect(),
    };
    let mut out = Vec::new();
    let mut now = Time::new(Duration::from_secs(1000));
    let mut engine = Engine::new(params, now);
    engine.start(&mut out);
    let looks: Vec<ChannelView> = keys
        .iter()
        .map(|key| ChannelView {
            status: Some("healthy".to_owned()),
            primary: Some(key.channel.clone()),
            ..ChannelView::default()
        })
        .collect();
    let mut round = |n: &mut usize| {
        now = now + Duration::from_nanos(500);
        let i = *n % CHANNELS;
        *n += 1;
        let look = Observation::Look { asked_at: now, source: Source::List, view: looks[i].clone() };
        engine.observe(now, &keys[i], black_box(&look), &mut out);
        out.clear();
    };
    let mut n = 0;
    (0..CHANNELS * 3).for_each(|_| round(&mut n));
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(1));
    group.bench_function("good look, 10,000 channels", |b| b.iter(|| round(&mut n)));
    group.finish();
}

criterion_group!(benches, healthy_looks);
criterion_main!(benches);
