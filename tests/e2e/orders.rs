//! What people order over the control socket, and the mass change that waits for them.

use super::world::{World, unlimited};

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_actions_and_a_resume_lets_them_go_on() {
    let world = World::at_work().await;
    world.order(&["pause", "acme"]).await;
    world.platform.turn("ch-0001", "unhealthy");
    let held = world.entry("failover.held", "ch-0001").await;
    assert!(held["reason"].as_str().unwrap().contains("paused"), "{held}");
    assert_eq!(world.platform.patches(), []);
    let status = world.cli(&["status"]).await;
    assert!(String::from_utf8_lossy(&status.stdout).contains("paused"), "{status:?}");

    world.order(&["resume", "acme"]).await;
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.platform.patches().len(), 1);
    let ordered = world.entries("operator.ordered", "");
    assert_eq!(ordered.len(), 2);
    assert!(ordered.iter().all(|e| e["actor"].as_str().unwrap().starts_with("operator:")), "{ordered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_outlives_a_kill_the_moment_after() {
    let mut world = World::at_work().await;
    let tenant = async |world: &World, paused| world.tenant().await["paused"] == paused;
    let kept = async |world: &World, is| world.channel("ch-0002").await["maintenance"].is_object() == is;
    let start: &[&str] = &["maintenance", "start", "acme/ch-0002", "--for", "1h", "--reason", "cables"];
    for (order, paused, maintained) in [
        (&["pause", "acme"][..], true, false),
        (start, true, true),
        (&["resume", "acme"], false, true),
        (&["maintenance", "end", "acme/ch-0002"], false, false),
        (&["pause", "acme", "--for", "2h"], true, false),
    ] {
        world.order(order).await;
        world.take_daemon().kill_now();
        world.start().await;
        world
            .until(&format!("{order:?} is still in force"), async || {
                tenant(&world, paused).await && kept(&world, maintained).await
            })
            .await;
    }
    assert_eq!(world.entries("operator.ordered", "").len(), 3);
    world.verify_journal();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_database_locked_a_pause_holds_in_memory_and_nothing_else_is_obeyed_now_or_later() {
    let world = World::at_work().await;
    world.order(&["pause", "acme"]).await;
    let other = rusqlite::Connection::open(world.state_dir().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (resume, failover) = tokio::join!(
        world.cli(&["resume", "acme"]),
        world.cli(&["failover", "acme/ch-0001", "--to", "ch-0002", "--force"])
    );
    for output in [resume, failover] {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("nothing was changed: the order cannot be written to the journal"), "{said}");
    }
    for args in [&["pause"][..], &["maintenance", "start", "acme/ch-0002", "--for", "1h", "--reason", "cables"]] {
        let output = world.cli(args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("in force, but not on disk: a restart forgets it"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
    world.until("it is in force", async || world.channel("ch-0002").await["maintenance"].is_object()).await;
    assert_eq!(world.entries("operator.ordered", "").len(), 1);

    other.execute_batch("ROLLBACK").unwrap();
    world.until("what is in force is on disk", async || world.entries("operator.ordered", "").len() == 2).await;
    world.entry("maintenance.started", "ch-0002").await;
    // Whatever was given up would have come before this.
    world.order(&["maintenance", "end", "acme/ch-0002"]).await;
    assert_eq!(world.tenant().await["paused"], true);
    let ordered = world.entries("operator.ordered", "");
    assert!(ordered.iter().all(|e| e["reason"].as_str().unwrap().starts_with("paused")), "{ordered:?}");
    assert_eq!(world.platform.patches(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_is_refused_in_words() {
    let world = World::at_work().await;
    for (args, why) in [
        (["pause", "nobody"], "no tenant `nobody`"),
        (["approve", "acme"], "no mass change is held"),
        (["acknowledge", "acme/ch-0001"], "acme/ch-0001 has no block and no cooldown"),
    ] {
        let output = world.cli(&args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why) && said.lines().count() == 1, "{args:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_a_tenant_turning_bad_at_once_is_held_until_a_person_approves() {
    // Backups as the platform names them: the next two.
    let mut world = World::of(unlimited(6), |text| text.replace("failover = []\n", "")).await;
    world.start().await;
    world.all_up().await;
    {
        let now = world.platform.now();
        let mut model = world.platform.model();
        for channel in ["ch-0001", "ch-0002", "ch-0003"] {
            let bad = trunkwarden::sim::Incident::Status { channel: channel.into(), is: "unhealthy".into() };
            model.apply(now, bad).unwrap();
        }
    }
    world.entry("health.mass_hold", "").await;
    for channel in ["ch-0001", "ch-0002", "ch-0003"] {
        world.entry("failover.held", channel).await;
    }
    assert_eq!(world.platform.patches(), []);

    world.order(&["approve", "acme"]).await;
    world.entry("failover.completed", "ch-0002").await;
    world.entry("failover.completed", "ch-0003").await;
    // Both backups of the first are down themselves.
    world.entry("failover.no_candidate", "ch-0001").await;
    assert_eq!(world.platform.route("ch-0001"), "ch-0001");
    assert_eq!(world.platform.patches().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_calls_every_trunk_unhealthy_moves_nothing_even_when_approved() {
    let mut world = World::of(unlimited(6), str::to_owned).await;
    world.start().await;
    world.all_up().await;
    world.platform.turn("*", "unhealthy");
    world.entry("health.mass_hold", "").await;
    world.until("every channel is down", async || world.channels().await.iter().all(|c| c["health"] == "down")).await;
    world.order(&["approve", "acme"]).await;
    world.entry("failover.no_candidate", "ch-0001").await;
    world.metric_becomes(r#"trunkwarden_no_candidate{tenant="acme",channel="ch-0001"}"#, 1.0).await;
    world.platform.turn("*", "healthy");
    world.entry("health.mass_hold_ended", "").await;
    world.all_up().await;
    assert_eq!(world.platform.patches(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_proposes_is_done_when_a_person_approves_it() {
    let mut world =
        World::of(unlimited(4), |text| text.replace(r#"mode      = "enforce""#, r#"mode = "propose""#)).await;
    world.start().await;
    world.all_up().await;
    world.platform.turn("ch-0001", "unhealthy");
    let proposed = world.entry("failover.held", "ch-0001").await;
    assert!(proposed["reason"].as_str().unwrap().contains("to ch-0002"), "{proposed}");
    assert_eq!(world.platform.patches(), []);
    world.order(&["approve", "acme/ch-0001"]).await;
    let intended = world.entry("failover.intended", "ch-0001").await;
    assert!(intended["actor"].as_str().unwrap().starts_with("operator:"), "{intended}");
    world.entry("failover.completed", "ch-0001").await;
    assert_eq!(world.platform.patches().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_token_is_rotated_in_its_file_and_guesses_are_in_the_audit_log() {
    let mut world = World::of(unlimited(4), str::to_owned).await;
    let file = world.folder.path().join("operator");
    let tokens = format!("[daemon.tokens]\noperator = {{ file = {:?} }}\n", file.display().to_string());
    std::fs::write(&file, "the first operator's token\n").unwrap();
    world.rewrite(|text| text.replacen("[tenants.acme]", &format!("{tokens}[tenants.acme]"), 1));
    world.start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let order = async |verb: &str, token: &str| {
        let request = client.post(format!("http://{}/api/v1/{verb}", world.page())).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(order("pause", "the first operator's token").await, 200);
    std::fs::write(&file, "the second operator's token\n").unwrap();
    assert_eq!(order("resume", "the second operator's token").await, 200, "without a reload");
    assert_eq!(order("pause", "the first operator's token").await, 401, "the old one is nobody's");
    let entry = world.entry("access.refused", "").await;
    assert_eq!((&entry["details"]["wrong"], &entry["details"]["peers"][0]), (&1.into(), &"127.0.0.1".into()));
    // A place that does not answer: the token as it was last read holds, and nobody waits.
    std::fs::remove_file(&file).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert_eq!(order("pause", "the second operator's token").await, 200);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "short\n").unwrap();
    assert_eq!(order("pause", "short").await, 403);
    // It is no reason not to start.
    let stopped = world.take_daemon().stop().await;
    assert_eq!(stopped.code(), Some(0));
    world.start().await;
    assert!(world.daemon().log().contains("fewer than 16 characters"), "{}", world.daemon().log());
    let said = String::from_utf8(world.cli(&["check"]).await.stderr).unwrap();
    assert!(said.contains("fewer than 16 characters"), "{said}");
}
