//! `/metrics` as Prometheus itself takes it: its linter, and a real server that scrapes the daemon.

use super::world::{World, until};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The program, or `None` and a line that says so, where it is not installed.
fn installed(program: &str) -> Option<String> {
    let path = format!("/usr/bin/{program}");
    if Path::new(&path).exists() {
        return Some(path);
    }
    println!("skipped: {path} is not installed (Debian's package `prometheus`)");
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_has_nothing_to_say_about_the_metrics() {
    let Some(promtool) = installed("promtool") else { return };
    let world = World::at_work().await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    let metrics = world.get("/metrics").await.1;
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_the_health_of_every_channel() {
    let Some(prometheus) = installed("prometheus") else { return };
    let world = World::at_work().await;
    let config = world.folder.path().join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
         scrape_configs: [{{ job_name: trunkwarden, static_configs: [{{ targets: ['{}'] }}] }}]\n",
        world.page()
    );
    std::fs::write(&config, text).unwrap();
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let _server = Command::new(prometheus)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", world.folder.path().join("tsdb").display()))
        .arg(format!("--web.listen-address={free}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |query: &str| -> Vec<Value> {
        let url = format!("http://{free}/api/v1/query");
        let Ok(answer) = client.get(url).query(&[("query", query)]).send().await else { return Vec::new() };
        let Ok(body) = answer.json::<Value>().await else { return Vec::new() };
        body["data"]["result"].as_array().cloned().unwrap_or_default()
    };
    until("Prometheus sees the daemon", async || {
        ask("up{job=\"trunkwarden\"} == 1").await.len() == 1
            && ask("trunkwarden_channel_health{state=\"up\"} == 1").await.len() == 4
    })
    .await;
    world.platform.turn("ch-0001", "unhealthy");
    until("Prometheus sees the failover", async || {
        let moved = ask("trunkwarden_channel_failed_over == 1").await;
        let down = ask("trunkwarden_channel_health{state=\"down\"} == 1").await;
        [moved, down].iter().all(|r| r.len() == 1 && r[0]["metric"]["channel"] == "ch-0001")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_trunk_that_is_not_moved_is_told_with_its_reason_until_it_is() {
    let world = World::at_work().await;
    let failures = r#"trunkwarden_actions_total{action="failover",result="conflict",tenant="acme"}"#;
    assert_eq!(world.metric(failures).await, Some(0.0), "from the start on");
    world.order(&["pause"]).await;
    world.platform.turn("ch-0001", "unhealthy");
    let stranded =
        |reason: &str| format!(r#"trunkwarden_stranded_seconds{{tenant="acme",channel="ch-0001",reason="{reason}"}}"#);
    world.until("it is stranded", async || world.metric(&stranded("paused")).await.is_some()).await;
    world.order(&["resume"]).await;
    world.entry("failover.completed", "ch-0001").await;
    world
        .until("it is no longer", async || !world.get("/metrics").await.1.contains("trunkwarden_stranded_seconds{"))
        .await;
    // The backup dies as well, and half of the tenant with it, which a person has to approve.
    world.platform.turn("ch-0003", "unhealthy");
    world.platform.turn("ch-0002", "unhealthy");
    let anyhow = r#"trunkwarden_stranded_seconds{tenant="acme",channel="ch-0001",reason=""#;
    world.until("it is stranded at its backup", async || world.get("/metrics").await.1.contains(anyhow)).await;
}
