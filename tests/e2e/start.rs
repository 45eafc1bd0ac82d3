//! What keeps the daemon from starting: one clear line, the right exit code, and nothing started.

use super::daemon::{Daemon, binary};
use super::world::{World, unlimited};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use std::net::TcpListener;
use std::time::Duration;

/// Exit codes: failed, and a bad configuration.
const FAILED: i32 = 1;
const CONFIG: i32 = 78;

/// `trunkwarden run` on the world's configuration, to its end: the exit code and what it said.
async fn run(world: &World) -> (i32, String) {
    let log = world.folder.path().join("refused");
    let daemon = Daemon::spawn(binary(), &world.config(), log.clone());
    let (status, _) = daemon.ended().await;
    (status.code().unwrap(), std::fs::read_to_string(log).unwrap())
}

async fn refuses(world: &World, code: i32, words: &[&str]) -> String {
    let (status, said) = run(world).await;
    assert_eq!(status, code, "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert_eq!(world.platform.model().requests_total(), 0, "the platform was not asked for anything");
    said
}

fn one_line(said: &str) {
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let world = World::of(unlimited(4), |text| text.replace("127.0.0.1:0", &address)).await;
    one_line(&refuses(&world, FAILED, &[&address, "daemon.listen"]).await);
    assert!(!world.state_dir().join("control.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_that_cannot_be() {
    let world = World::of(unlimited(4), str::to_owned).await;
    std::fs::write(world.state_dir(), "a file").unwrap();
    let at = world.state_dir();
    one_line(&refuses(&world, CONFIG, &["state_dir", at.to_str().unwrap(), "no folder"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_a_pipe() {
    let world = World::of(unlimited(4), str::to_owned).await;
    std::fs::remove_file(world.config()).unwrap();
    mknodat(CWD, world.config(), FileType::Fifo, Mode::RUSR, 0).unwrap();
    one_line(&refuses(&world, CONFIG, &["trunkwarden.toml", "it is a FIFO"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_it_is_ready_is_a_stop() {
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let witness = format!(
        "[audit]\nwitness = \"silent\"\n[[audit.export]]\nname = \"silent\"\nurl = \"{url}\"\n\n[policies.default]\n"
    );
    let world = World::of(unlimited(4), |text| text.replace("[policies.default]\n", &witness)).await;
    let daemon = Daemon::spawn(binary(), &world.config(), world.folder.path().join("stopped"));
    // It starts, and waits for its witness.
    let (_asked, _) = silent.accept().await.unwrap();
    daemon.signal(Signal::HUP);
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_state_directory() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start().await;
    let (status, said) = run(&world).await;
    assert_eq!(status, FAILED, "{said}");
    assert!(said.contains("journal.db"), "{said}");
    one_line(&said);
    // The first one is not disturbed: its control socket still answers.
    world.order(&["pause"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_keeps_is_for_its_own_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut world = World::of(unlimited(4), str::to_owned).await;
    world.start().await;
    let mode = |name: &str| std::fs::metadata(world.state_dir().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for name in ["journal.db", "journal.db-wal", "journal.lock", "control.sock"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_not_there_or_not_right() {
    let world = World::of(unlimited(4), |text| text.replace("rise ", "rize ").replace("mode      =", "moode =")).await;
    refuses(&world, CONFIG, &["trunkwarden.toml", "rize", "rise", "moode", "mode"]).await;
    std::fs::remove_file(world.config()).unwrap();
    refuses(&world, CONFIG, &["trunkwarden.toml"]).await;
    assert!(!world.state_dir().exists(), "nothing was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read() {
    let world = World::of(unlimited(4), |text| {
        let from = text.find("{ file =").unwrap();
        let to = text[from..].find('}').unwrap() + from + 1;
        text.replace(&text[from..to], r#"{ env = "E2E_NO_SUCH_SECRET" }"#)
    })
    .await;
    one_line(&refuses(&world, CONFIG, &["acme", "E2E_NO_SUCH_SECRET"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_none() {
    let world = World::of(unlimited(4), str::to_owned).await;
    std::fs::create_dir(world.state_dir()).unwrap();
    let journal = world.state_dir().join("journal.db");
    std::fs::write(&journal, "these are not the pages you are looking for".repeat(200)).unwrap();
    let before = std::fs::read(&journal).unwrap();
    one_line(&refuses(&world, FAILED, &[journal.to_str().unwrap()]).await);
    assert_eq!(std::fs::read(&journal).unwrap(), before, "it is evidence, and left as it was");
}
