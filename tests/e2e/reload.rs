//! Another configuration while the daemon runs: taken whole, or not at all.

use super::world::{World, unlimited};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

const OK: &str = "trunkwarden_config_last_reload_successful";

async fn working(edit: impl FnOnce(&str) -> String) -> World {
    let mut world = World::of(unlimited(4), edit).await;
    world.start().await;
    world.all_up().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_to_observe_stops_changes_at_once_and_a_changed_file_needs_no_signal() {
    let world = working(str::to_owned).await;
    world.rewrite(|text| text.replace(r#"mode      = "enforce""#, r#"mode = "observe""#));
    world.daemon().signal(Signal::HUP);
    world.entry("config.reloaded", "").await;
    world.platform.turn("ch-0001", "unhealthy");
    let held = world.entry("failover.held", "ch-0001").await;
    assert!(held["reason"].as_str().unwrap().contains("observe"), "{held}");
    assert_eq!(world.platform.patches(), []);
    assert!(world.logs().contains("configuration reloaded (SIGHUP): mode enforce to observe"), "{}", world.logs());

    world.rewrite(|text| text.replace(r#"mode = "observe""#, r#"mode = "enforce""#));
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.platform.patches().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_says_why() {
    let world = working(str::to_owned).await;
    world.metric_becomes(OK, 1.0).await;
    let mut good = String::new();
    world.rewrite(|text| {
        text.clone_into(&mut good);
        text.replace("mode      =", "moode =")
            .replace("[[channels]]\nid = \"ch-0004\"", "[[channels]]\nid = \"ch-0001\"")
    });
    world.daemon().signal(Signal::HUP);
    let refused = world.entry("config.refused", "").await;
    assert!(refused["reason"].as_str().unwrap().contains("moode"), "{refused}");
    world.metric_becomes(OK, 0.0).await;
    assert!(world.logs().contains("the old one stays"), "{}", world.logs());
    // The old one is in force: four channels, and it acts.
    assert_eq!(world.channels().await.len(), 4);
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;

    world.rewrite(|_| good);
    world.until("the reload is a success", async || world.metric(OK).await == Some(1.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_channel_keeps_its_health_and_block_and_a_removed_one_its_series_no_longer() {
    let world = working(|text| text.replace(r#"block_period   = "1s""#, r#"block_period = "10m""#)).await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    let blocked = async || world.channel("ch-0001").await["blocked_for_seconds"].as_f64();
    world.until("it is blocked", async || blocked().await.is_some()).await;
    let before = blocked().await.unwrap();
    let changes = world.entries("health.changed", "").len();

    let fourth = "[[channels]]\nid = \"ch-0004\"\ntenant = \"acme\"\nfailover = []\n";
    world.rewrite(|text| text.replace(fourth, ""));
    world.entry("channel.unwatched", "ch-0004").await;
    world.until("its series are gone", async || !world.get("/metrics").await.1.contains("ch-0004")).await;
    let channel = world.channel("ch-0001").await;
    assert_eq!((&channel["health"], &channel["failed_over"]), (&"down".into(), &true.into()), "{channel}");
    assert!(blocked().await.is_some_and(|after| after <= before), "{channel}");
    assert_eq!(world.entries("health.changed", "").len(), changes, "nothing was forgotten");
    assert_eq!(world.platform.patches().len(), 1);

    world.rewrite(|text| format!("{text}{fourth}"));
    world.until("it is up again", async || world.channel("ch-0004").await["health"] == "up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_leaves_the_file_while_its_traffic_is_elsewhere_is_left_there_with_a_warning() {
    let world = working(str::to_owned).await;
    world.platform.turn("ch-0001", "unhealthy");
    world.entry("failover.completed", "ch-0001").await;
    let first = "[[channels]]\nid = \"ch-0001\"\ntenant = \"acme\"\nfailover = [\"ch-0002\", \"ch-0003\"]\n";
    world.rewrite(|text| text.replace(first, ""));
    let left = world.entry("channel.unwatched", "ch-0001").await;
    assert!(left["reason"].as_str().unwrap().contains("ch-0002"), "{left}");
    world.platform.turn("ch-0001", "healthy");
    world.until("it is gone", async || world.get("/api/v1/channels/acme/ch-0001").await.0 == 404).await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0002");
    assert_eq!(world.platform.patches().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_retention_needs_no_restart_and_another_signing_does() {
    let world = working(|text| format!("{text}\n[audit]\nretention_days = 400\n")).await;
    world.rewrite(|text| text.replace("retention_days = 400", "retention_days = 30"));
    world.until("it is told", async || world.logs().contains("`audit.retention_days` or")).await;
    assert!(world.logs().contains("days=30") && !world.logs().contains("next restart"), "{}", world.logs());
    world.rewrite(|text| text.replace("retention_days = 30", "retention_days = 30\ncheckpoint_entries = 7"));
    world.until("it is told", async || world.logs().contains("`audit` changed; it takes effect at the next")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_refused_file_is_told_to_anybody() {
    let world = working(str::to_owned).await;
    world.rewrite(|text| {
        text.replace("[tenants.acme]\n", "[tenants.acme]\nproxy = \"user:canary-of-a-proxy@proxy.example:3128\"\n")
    });
    world.daemon().signal(Signal::HUP);
    let refused = world.entry("config.refused", "").await;
    assert!(refused["reason"].as_str().unwrap().contains("`proxy`"), "{refused}");
    let audit = world.get("/api/v1/audit?limit=100").await.1;
    let page = world.get("/").await.1;
    for (place, text) in [("entry", &refused.to_string()), ("log", &world.logs()), ("audit", &audit), ("page", &page)] {
        assert!(!text.contains("canary-of-a-proxy") && !text.contains("proxy.example"), "{place}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_says_what_it_changed_and_no_file_of_somebody_elses_makes_one() {
    let world = working(str::to_owned).await;
    let stranger = world.folder.path().join("stranger.toml");
    std::fs::write(&stranger, "nobody = \"reads this\"").unwrap();
    std::fs::File::open(world.config()).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    // Longer than a change takes to be noticed.
    tokio::time::sleep(Duration::from_secs(6)).await;
    std::fs::remove_file(&stranger).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;

    world.daemon().signal(Signal::HUP);
    let first = world.entry("config.reloaded", "").await;
    assert_eq!(first["reason"], "configuration reloaded (SIGHUP): nothing changed");
    let fourth = "[[channels]]\nid = \"ch-0004\"\ntenant = \"acme\"\nfailover = []\n";
    world.rewrite(|text| text.replace(r#"mode      = "enforce""#, r#"mode = "observe""#).replace(fourth, ""));
    let second = world.nth_entry(2, "config.reloaded", "").await;
    let changed = "mode enforce to observe; channel acme/ch-0004 removed";
    assert_eq!(second["reason"], format!("configuration reloaded (a configuration file changed): {changed}"));
    let (old, new) = (&second["details"]["old"], &second["details"]["new"]);
    assert_eq!((&old["mode"], &new["mode"]), (&"enforce".into(), &"observe".into()), "{second}");
    assert_eq!(old["digest"], first["details"]["new"]["digest"]);
    assert_ne!(old["digest"], new["digest"]);
    assert!(world.logs().contains(&format!("): {changed}")), "{}", world.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_a_pipe_is_refused_and_holds_up_nothing() {
    let mut world = working(str::to_owned).await;
    let secret = world.folder.path().join("secret");
    std::fs::remove_file(&secret).unwrap();
    mknodat(CWD, &secret, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    world.daemon().signal(Signal::HUP);
    let refused = world.entry("config.refused", "").await;
    assert!(refused["reason"].as_str().unwrap().contains("it is a FIFO"), "{refused}");
    world.metric_becomes(OK, 0.0).await;
    let check = world.cli(&["check"]).await;
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(check.status.code() == Some(0) && said.contains("it is a FIFO"), "{said}");

    std::fs::remove_file(&secret).unwrap();
    std::fs::write(&secret, super::world::SECRET).unwrap();
    world.until("the next reload is a success", async || world.metric(OK).await == Some(1.0)).await;
    let (status, _) = {
        let daemon = world.take_daemon();
        daemon.signal(Signal::TERM);
        daemon.ended().await
    };
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_file_is_another_one_by_now_is_taken_without_a_signal() {
    let world = working(str::to_owned).await;
    let secret = world.folder.path().join("secret");
    // A link in its place, to a file with the same secret: another file all the same.
    std::fs::write(world.folder.path().join("other"), super::world::SECRET).unwrap();
    std::os::unix::fs::symlink("other", world.folder.path().join("link")).unwrap();
    std::fs::rename(world.folder.path().join("link"), secret).unwrap();
    let reloaded = world.entry("config.reloaded", "").await;
    assert!(reloaded.to_string().contains("a secret or certificate file changed"), "{reloaded}");
    // What it holds is the same, so the connection stays, and so do the channels.
    assert_eq!(world.channels().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_memory_is_kept_out_of_core_files() {
    let world = working(str::to_owned).await;
    let pid = world.daemon().pid().as_raw_nonzero();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    // What is not dumpable belongs to root in /proc.
    assert_eq!(std::fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid(), 0);
}
