//! Changes that do not show: what reading them back costs the others, and what follows when they show after all.

use super::pass;
use super::platform::{self, Fate, Held, WALL, World};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use trunkwarden::clock::Clock;
use trunkwarden::counters::Counters;
use trunkwarden::journal::{IdSource, Journal, Options, WriterMode};
use trunkwarden::platform::{Class, Client, ClientSettings, Platform, Spent};
use trunkwarden::policy::Time;
use trunkwarden::sim::{InProcess, Incident, Model, PatchMode, Scenario};
use trunkwarden::supervisor::{Clients, Daemon, Parts, Pulse};

#[tokio::test(start_paused = true)]
async fn only_the_first_read_back_is_as_urgent_as_its_change_and_the_last_comes_after_the_time_to_verify() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.drops_changes = true);
    w.platform.say("a", "unhealthy");
    while w.changes() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sent = w.platform.with(|held| held.changed_at[0]);
    while w.told("failover.failed").unwrap() == 0 {
        pass(1).await;
    }
    let looks = w.platform.with(|held| held.looks.clone());
    let since = |class: Class| -> Vec<Time> {
        looks.iter().filter(|(id, at, c)| id == "a" && *at >= sent && *c == class).map(|(_, at, _)| *at).collect()
    };
    let read_backs = since(Class::ReadBack);
    let first = since(Class::Action).into_iter().filter(|at| *at < read_backs[0]).count();
    assert_eq!(first, 1);
    let pauses: Vec<Duration> = read_backs.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    let (last, others) = pauses.split_last().unwrap();
    assert!(others.is_sorted() && *last <= Duration::from_secs(15), "ever more seldom: {pauses:?}");
    assert!(read_backs.last().unwrap().since(sent) >= Duration::from_secs(30), "{read_backs:?}");
    assert!(read_backs.len() < 16, "{read_backs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_shows_only_after_its_outcome_was_told_rescues_the_calls_all_the_same() {
    for (lands_ms, deaf, told) in
        [(0, false, None), (30_600, false, Some("failover.failed")), (0, true, Some("failover.unknown"))]
    {
        let folder = tempfile::tempdir().unwrap();
        let text = platform::file(folder.path())
            + "[tenants.acme.bridge]\n[tenants.acme.paths]\ncalls = \"/calls?channel={id}\"\n\
               [policies.default.rescue]\ntarget = \"phone:+12025550100\"\n";
        let held: Arc<Mutex<Held>> = Arc::default();
        held.lock().unwrap().has_calls = true;
        let w = World::over(folder.path(), &text, held, WALL, Vec::new());
        pass(70).await;
        w.platform.with(|held| held.next = Some((Fate::Late(Duration::from_millis(lands_ms)), None)));
        w.platform.say("a", "unhealthy");
        while w.changes() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        w.platform.with(|held| held.deaf_from = deaf.then_some(Time::ZERO));
        pass(31).await;
        w.platform.with(|held| held.deaf_from = None);
        pass(60).await;
        for event in ["failover.failed", "failover.unknown"] {
            assert_eq!(w.told(event).unwrap(), usize::from(told == Some(event)), "{event} of {told:?}");
        }
        assert_eq!((w.told("failover.completed").unwrap(), w.changes()), (1, 1), "{told:?}");
        assert_eq!((w.told("rescue.started").unwrap(), w.told("rescue.ended").unwrap()), (1, 1), "{told:?}");
    }
}

/// Fifteen trunks over the real client under a limit of 60; how long after its death the traffic of one has moved.
async fn moved_after(stuck: &[&str]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::virtual_from(WALL);
    let mut scenario = Scenario::quiet(7, 15);
    scenario.options.requests_per_minute = 60;
    let model = Arc::new(Mutex::new(Model::new(scenario)));
    let channels = (1..=15).fold(String::new(), |text, n| {
        let backup = n % 15 + 1;
        text + &format!("[[channels]]\nid = \"ch-{n:04}\"\ntenant = \"acme\"\nfailover = [\"ch-{backup:04}\"]\n")
    });
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let text = format!(
        "[daemon]\nstate_dir = \"{folder}\"\nmode = \"enforce\"\n[tenants.acme]\nbase_url = \"http://platform.example\"\n\
         requests_per_minute = 60\n[tenants.acme.auth]\nclient_id = \"cid\"\nclient_secret = {{ file = \"{folder}/secret\" }}\n\
         [limits]\nmass_hold = false\n[policies.default.failover]\nverify_for = \"5m\"\n\
         [policies.default.codec]\nenabled = false\n{channels}",
        folder = folder.path().display()
    );
    let (given, now) = (Arc::clone(&model), clock.clone());
    let connect = move |tenant: &trunkwarden::config::Tenant, secret, recent: Spent| {
        let recent = if let Spent::Unknown = recent { Spent::Ages(Vec::new()) } else { recent };
        let settings = ClientSettings::of(tenant, secret, recent, 7);
        let transport = Arc::new(InProcess::new(Arc::clone(&given), now.clone()));
        Ok(Arc::new(Client::new(settings, transport, now.clone(), Arc::new(|_| {}))) as Arc<dyn Platform>)
    };
    let ids = IdSource::Seeded(1);
    let options =
        Options { mode: WriterMode::Inline, ids, ..Options::new(folder.path().join("journal.db"), clock.clone()) };
    let (journal, recovered) = Journal::open(options).unwrap();
    let parts = Parts {
        clock: clock.clone(),
        journal,
        recovered,
        clients: Clients::new(Box::new(connect)),
        counters: Counters::new(),
        publish_every: Duration::from_millis(100),
        keep_observations: false,
        pulse: Pulse::of_a_daemon(|| ()),
    };
    let (_daemon, _reloads) = Daemon::start(&platform::parse(&text), parts).unwrap();
    let happen = |incident| model.lock().unwrap().apply(clock.now().since_origin(), incident).unwrap();
    let patches = || model.lock().unwrap().requests().filter(|request| request.method == "PATCH").count();
    pass(300).await;
    happen(Incident::Patch { mode: PatchMode::Drop, lasts: Duration::from_mins(20), delay: None });
    for id in stuck {
        happen(Incident::Status { channel: (*id).to_owned(), is: "unhealthy".to_owned() });
    }
    while patches() < stuck.len() {
        pass(1).await;
    }
    pass(20).await;
    let died = clock.now();
    happen(Incident::Status { channel: "ch-0010".to_owned(), is: "unhealthy".to_owned() });
    while patches() <= stuck.len() {
        pass(1).await;
        assert!(clock.now().since(died) < Duration::from_mins(10), "it never moved");
    }
    clock.now().since(died)
}

#[tokio::test(start_paused = true)]
async fn changes_that_never_show_do_not_starve_the_failover_of_another_trunk() {
    let alone = moved_after(&[]).await;
    let beside = moved_after(&["ch-0001", "ch-0005"]).await;
    assert!(beside <= alone + Duration::from_secs(15), "{beside:?}, and {alone:?} alone");
}
