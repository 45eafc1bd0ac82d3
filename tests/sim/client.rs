//! The daemon's own client against the model: two readings of the same contract.

use crate::world::{START, secs, unlimited};
use std::sync::{Arc, Mutex};
use trunkwarden::clock::Clock;
use trunkwarden::config::Paths;
use trunkwarden::platform::{Class, Client, ClientSettings, ErrorClass, Platform, Spent, TelemetryQuery};
use trunkwarden::policy::{ChannelId, TenantId, WallMs};
use trunkwarden::sim::{FaultKind, InProcess, Incident, Model, Scenario};

fn settings() -> ClientSettings {
    ClientSettings {
        tenant: TenantId::from("sim"),
        base_url: "http://platform.example".to_owned(),
        paths: Paths {
            channels: "/api/v2/channels".to_owned(),
            channel: "/api/v2/channels/{id}".to_owned(),
            telemetry: "/api/v2/telemetry/metrics".to_owned(),
            bridge: "/api/v2/cti/calls/{call}/bridge".to_owned(),
            call: None,
            calls: None,
        },
        client_id: "cid".to_owned(),
        client_secret: "secret".to_owned().into(),
        secret_from: None,
        token_url: "http://platform.example/api/v2/oauth/token".to_owned(),
        scopes: ["channel:read", "channel:write", "telemetry:read"].map(str::to_owned).to_vec(),
        bridge_scopes: None,
        headers: std::collections::BTreeMap::default(),
        requests_per_minute: 6_000,
        recent: Spent::Ages(Vec::new()),
        seed: 1,
    }
}

fn world(scenario: Scenario) -> (Client, Arc<Mutex<Model>>, Clock) {
    let model = Arc::new(Mutex::new(Model::new(scenario)));
    let clock = Clock::virtual_from(WallMs(START));
    let transport = InProcess::new(Arc::clone(&model), clock.clone());
    (Client::new(settings(), Arc::new(transport), clock.clone(), Arc::new(|_| {})), model, clock)
}

#[tokio::test(start_paused = true)]
async fn the_client_and_the_model_understand_each_other() {
    let mut scenario = unlimited(Scenario::quiet(5, 7));
    scenario.options.page_size = 3;
    scenario.options.etag = true;
    let (client, model, clock) = world(scenario);
    let answer = client.channel(&ChannelId::from("ch-0003"), Class::Poll, secs(5)).await.unwrap();
    assert_eq!(answer.value.view().status.as_deref(), Some("healthy"));
    assert_eq!(answer.value.etag(), Some("\"ch-0003-1\""));
    assert!(answer.date.is_some());

    let (mut page, mut ids) = (None::<String>, Vec::new());
    loop {
        let list = client.channels(page.as_deref(), Class::Poll, secs(5)).await.unwrap().value;
        ids.extend(list.channels.iter().map(|c| c.id().to_string()));
        page = list.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 7);

    let query = TelemetryQuery {
        channels: vec![ChannelId::from("ch-0001"), ChannelId::from("ch-0002")],
        bucket: secs(60),
        from: clock.wall().back(secs(300)),
        to: clock.wall(),
    };
    let telemetry = client.telemetry(&query, secs(5)).await.unwrap().value;
    assert!(telemetry.items.len() >= 10 && telemetry.malformed == 0);
    assert!(telemetry.items.iter().all(|(id, s)| id.is_some() && s.at.is_some() && s.latency_ms.is_some()));
    let model = model.lock().unwrap();
    assert_eq!(model.tokens_issued(), 1);
    assert!(model.requests().all(|r| r.status == Some(200)), "the client keeps the contract to the letter");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_expire_or_are_revoked_are_fetched_again() {
    let mut scenario = unlimited(Scenario::quiet(5, 2));
    scenario.options.token_lifetime = secs(120);
    let (client, model, clock) = world(scenario);
    let id = ChannelId::from("ch-0001");
    for _ in 0..10 {
        client.channel(&id, Class::Poll, secs(5)).await.unwrap();
        tokio::time::sleep(secs(30)).await;
    }
    assert_eq!(model.lock().unwrap().answers(401), 0, "refreshed before they expired");
    model.lock().unwrap().apply(clock.now().since_origin(), Incident::RevokeTokens {}).unwrap();
    client.channel(&id, Class::Poll, secs(5)).await.unwrap();
    assert!(model.lock().unwrap().answers(401) <= 1);
}

#[tokio::test(start_paused = true)]
async fn faults_arrive_as_errors_of_the_path() {
    for (kind, class) in [
        (FaultKind::Unavailable, ErrorClass::Retryable),
        (FaultKind::Hang, ErrorClass::Retryable),
        (FaultKind::Close, ErrorClass::Retryable),
        (FaultKind::Unauthorised, ErrorClass::NotAuthorised),
        (FaultKind::Forbidden, ErrorClass::Forbidden),
        (FaultKind::Garbage, ErrorClass::Fatal),
        (FaultKind::Empty, ErrorClass::Fatal),
    ] {
        let (client, model, _) = world(unlimited(Scenario::quiet(5, 2)));
        let paths = vec!["/api/v2/channels".to_owned()];
        model.lock().unwrap().apply(secs(0), Incident::Fault { kind, lasts: secs(600), paths }).unwrap();
        let error = client.channel(&ChannelId::from("ch-0001"), Class::Poll, secs(5)).await.unwrap_err();
        assert_eq!(error.class, class, "{kind:?}: {error}");
    }
}
