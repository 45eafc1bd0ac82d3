//! The token's life.

use super::*;

const NOW: Duration = Duration::ZERO;

fn bearer(request: &Request) -> String {
    request.headers["authorization"].to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_token_is_asked_for_by_form_with_the_scopes() {
    let world = world(|_, _| reply(200, HEALTHY)).await;
    world.look().await.unwrap();
    let sent = world.fake.sent.lock().unwrap();
    let (_, request) = &sent[0];
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers["accept"], "application/json");
    let form = String::from_utf8(request.body.clone().unwrap().to_vec()).unwrap();
    assert_eq!(
        form,
        "grant_type=client_credentials&client_id=cid&client_secret=s3cr3t-of-the-client&scope=channel%3Aread%20channel%3Awrite"
    );
}

#[tokio::test(start_paused = true)]
async fn many_calls_at_once_share_one_token_request() {
    let world =
        world_with(settings(), |n, _| (Duration::from_secs(1), granted(n, 1800).1), |_, _| (NOW, reply(200, HEALTHY)))
            .await;
    let looks = (0..50).map(|_| world.look());
    assert!(futures_util::future::join_all(looks).await.iter().all(Result::is_ok));
    assert_eq!((world.fake.fetches(), world.fake.calls()), (1, 50));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_shares_a_failure_too() {
    let world = world_with(
        settings(),
        |_, _| (Duration::from_secs(1), reply(401, r#"{"error": "invalid_client"}"#)),
        |_, _| (NOW, reply(200, HEALTHY)),
    )
    .await;
    let errors = futures_util::future::join_all((0..50).map(|_| world.look())).await;
    assert!(errors.iter().all(|error| error.as_ref().unwrap_err().class == ErrorClass::NotAuthorised));
    assert_eq!((world.fake.fetches(), world.fake.calls()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_dropped_leaves_the_turn_to_the_next() {
    let world = world_with(
        settings(),
        |n, _| (Duration::from_secs(if n == 0 { 1000 } else { 0 }), granted(n, 1800).1),
        |_, _| (NOW, reply(200, HEALTHY)),
    )
    .await;
    let leader = tokio::time::timeout(Duration::from_secs(1), world.look());
    let (leader, follower) = tokio::join!(leader, world.look());
    assert!(leader.is_err() && follower.is_ok());
    assert_eq!(world.fake.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_a_minute_early_and_a_short_one_at_its_half() {
    for (life, kept, renewed) in [(1800, 1739, 1741), (100, 49, 51)] {
        let world = world_with(settings(), move |n, _| granted(n, life), |_, _| (NOW, reply(200, HEALTHY))).await;
        world.look().await.unwrap();
        tokio::time::sleep(Duration::from_secs(kept)).await;
        world.look().await.unwrap();
        assert_eq!(world.fake.fetches(), 1, "{life}");
        tokio::time::sleep(Duration::from_secs(renewed - kept)).await;
        world.look().await.unwrap();
        assert_eq!(world.fake.fetches(), 2, "{life}");
        assert_eq!(bearer(&world.fake.requests()[2]), "Bearer token-2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_that_is_missing_or_absurd_is_half_an_hour_and_never_more_than_a_day() {
    for (expires_in, seconds) in [
        (json!(null), 1740),
        (json!(-5), 1740),
        (json!("soon"), 1740),
        (json!(0), 1740),
        (json!("600"), 540),
        (json!(1e300), 24 * 3600 - 60),
    ] {
        let body = json!({"access_token": "t", "expires_in": expires_in}).to_string();
        let world =
            world_with(settings(), move |_, _| (NOW, reply(200, &body)), |_, _| (NOW, reply(200, HEALTHY))).await;
        world.look().await.unwrap();
        tokio::time::sleep(Duration::from_secs(seconds - 1)).await;
        world.look().await.unwrap();
        assert_eq!(world.fake.fetches(), 1, "{expires_in}");
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.look().await.unwrap();
        assert_eq!(world.fake.fetches(), 2, "{expires_in}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_leaves_the_old_token_in_use_until_it_expires() {
    let world = world_with(
        settings(),
        |n, _| if n == 0 { granted(n, 1800) } else { (NOW, reply(503, "")) },
        |_, _| (NOW, reply(200, HEALTHY)),
    )
    .await;
    world.look().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1750)).await;
    world.look().await.unwrap();
    world.look().await.unwrap();
    assert_eq!(world.fake.fetches(), 2, "and is not tried again at once");
    tokio::time::sleep(Duration::from_mins(1)).await;
    let error = world.look().await.unwrap_err();
    assert_eq!((error.class, error.status, error.sent), (ErrorClass::Retryable, Some(503), false));
}

#[tokio::test(start_paused = true)]
async fn a_401_to_a_token_that_was_accepted_fetches_once_and_repeats_once_for_reads_and_changes() {
    let world = world(|n, _| if matches!(n, 1 | 3) { reply(401, "<html>") } else { reply(200, HEALTHY) }).await;
    world.look().await.unwrap();
    world.look().await.unwrap();
    world.patch().await.unwrap();
    assert_eq!((world.fake.fetches(), world.fake.calls()), (3, 5));
    let used: Vec<String> = world.fake.requests().iter().map(bearer).collect();
    assert_eq!(used, ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"]);
}

#[tokio::test(start_paused = true)]
async fn calls_refused_together_drop_the_token_once() {
    let world = world_with(
        settings(),
        |n, _| granted(n, 1800),
        |n, request| {
            let old = bearer(request) == "Bearer token-1" && n > 0;
            (Duration::from_secs(1), if old { reply(401, "") } else { reply(200, HEALTHY) })
        },
    )
    .await;
    world.look().await.unwrap();
    let looks = futures_util::future::join_all((0..20).map(|_| world.look())).await;
    assert!(looks.iter().all(Result::is_ok));
    assert_eq!(world.fake.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_before_it_was_ever_accepted_is_replaced_ever_more_seldom() {
    let world = world(|_, _| reply(401, "")).await;
    let mut fetches = Vec::new();
    for _ in 0..1300 {
        let error = world.look().await.unwrap_err();
        assert_eq!((error.class, error.status), (ErrorClass::NotAuthorised, Some(401)));
        if fetches.len() < world.fake.fetches() {
            fetches.push(world.clock.now());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let waits: Vec<u64> = fetches.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_takes_no_token_neither_fetches_many_nor_silences_the_others() {
    let world = world(|_, request| {
        let looked = request.method == Method::GET;
        if looked { reply(200, HEALTHY) } else { reply(401, "") }
    })
    .await;
    for _ in 0..300 {
        world.look().await.unwrap();
        let error = world.patch().await.unwrap_err();
        assert_eq!(error.class, ErrorClass::NotAuthorised);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.fake.fetches(), 7, "the first, and one after 0, 5, 15, 35, 75 and 155 s");
}

#[tokio::test(start_paused = true)]
async fn a_403_where_the_call_has_worked_fetches_another_token_once_in_five_minutes() {
    // A gateway that says 403 of an expired token.
    let world = world(|n, request| {
        let expired = n > 0 && bearer(request) == "Bearer token-1";
        // A byte order mark makes an answer no other one.
        let healthy = format!("\u{feff}{HEALTHY}");
        if expired { reply(403, r#"{"message": "expired"}"#) } else { reply(200, &healthy) }
    })
    .await;
    world.look().await.unwrap();
    let looks = futures_util::future::join_all((0..5).map(|_| world.look())).await;
    assert!(looks.iter().all(Result::is_ok));
    assert_eq!(world.fake.fetches(), 2);
    // One that means it, and one that never let the call through.
    let means_it = world_with(
        settings(),
        |n, _| granted(n, 7200),
        |n, _| (NOW, if n == 0 { reply(200, HEALTHY) } else { reply(403, "{}") }),
    )
    .await;
    means_it.look().await.unwrap();
    for _ in 0..310 {
        assert_eq!(means_it.look().await.unwrap_err().class, ErrorClass::Forbidden);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(means_it.fake.fetches(), 3);
    let never = world_with(settings(), |n, _| granted(n, 7200), |_, _| (NOW, reply(403, "{}"))).await;
    never.look().await.unwrap_err();
    assert_eq!((never.fake.fetches(), never.fake.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_403_page_is_no_word_of_the_token() {
    let world = world(|n, _| if n == 0 { reply(200, HEALTHY) } else { reply(403, "<html>no</html>") }).await;
    world.look().await.unwrap();
    assert_eq!(world.look().await.unwrap_err().class, ErrorClass::Retryable);
    assert_eq!(world.fake.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_token_request_that_fails_has_one_back_off() {
    let forms: [fn() -> Reply; 8] = [
        || reply(200, "<html>log in here</html>"),
        || reply(200, ""),
        || reply(200, r#"{"error": "invalid_client"}"#),
        || reply(302, ""),
        || reply(404, "<html>"),
        || reply(503, ""),
        || reply(403, "<html>"),
        || Err(TransportError::Reset("closed".to_owned())),
    ];
    for form in forms {
        let world = world_with(settings(), move |_, _| (NOW, form()), |_, _| (NOW, reply(200, HEALTHY))).await;
        let began = world.clock.now();
        while world.clock.now().since(began) < Duration::from_secs(100) {
            assert!(!world.look().await.unwrap_err().sent);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(world.fake.fetches(), 5, "after 0, 5, 15, 35 and 75 s");
    }
}

#[tokio::test]
async fn the_place_of_a_secret_is_read_again_before_the_secret_is_given_up() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "old\n").unwrap();
    let rotated = ClientSettings {
        client_secret: SecretString::from("old"),
        secret_from: Some(crate::config::SecretRef::File(file.path().to_owned())),
        ..settings()
    };
    let clock = Clock::virtual_from(WallMs(1_800_000_000_000));
    let fake = Arc::new(Fake {
        clock: clock.clone(),
        sent: Mutex::default(),
        tokens: Box::new(|n, request| {
            let form = String::from_utf8(request.body.clone().unwrap().to_vec()).unwrap();
            let known = form.contains("client_secret=new&");
            if known { granted(n, 1800) } else { (NOW, reply(401, r#"{"error": "invalid_client"}"#)) }
        }),
        script: Box::new(|_, _| (NOW, reply(200, HEALTHY))),
    });
    let transport: Arc<dyn Transport> = Arc::<Fake>::clone(&fake);
    let client = Client::new(rotated, transport, clock, Arc::new(|_: ClientEvent<'_>| {}));
    let id = "ch-0001".into();
    let look = || client.channel(&id, Class::Action, TIMEOUT);
    assert_eq!(look().await.unwrap_err().class, ErrorClass::NotAuthorised);
    assert_eq!(fake.fetches(), 1, "the same secret is not tried twice");
    std::fs::write(file.path(), "new\n").unwrap();
    assert_eq!(client.authorise(TIMEOUT).await.unwrap(), None);
    look().await.unwrap();
    assert_eq!(fake.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_refuses_is_left_in_peace_longer_and_longer() {
    let world = world_with(
        settings(),
        |_, _| {
            let said = json!({"error": "invalid_client", "error_description": format!("unknown secret {SECRET}")});
            (NOW, reply(400, &said.to_string()))
        },
        |_, _| (NOW, reply(200, HEALTHY)),
    )
    .await;
    let error = world.look().await.unwrap_err();
    assert_eq!((error.class, error.status, error.sent), (ErrorClass::NotAuthorised, Some(400), false));
    let text = error.to_string();
    assert!(text.contains("invalid_client: unknown secret ***"), "{text}");
    for (seconds, fetches) in [(1, 1), (3, 1), (2, 2), (8, 2), (3, 3), (18, 3), (3, 4)] {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let error = world.look().await.unwrap_err();
        assert_eq!(error.class, ErrorClass::NotAuthorised);
        assert_eq!(world.fake.fetches(), fetches, "after {seconds} s more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_fails_is_asked_again_within_the_call() {
    let world = world_with(
        settings(),
        |n, _| if n == 0 { (NOW, reply(503, "")) } else { granted(n, 1800) },
        |_, _| (NOW, reply(200, HEALTHY)),
    )
    .await;
    world.patch().await.unwrap();
    assert_eq!((world.fake.fetches(), world.fake.calls()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn authorise_asks_again_whatever_is_cached_and_tells_the_scopes() {
    let world = world_with(
        settings(),
        |_, _| (NOW, reply(200, r#"{"access_token": "t", "scope": "channel:read telemetry:read"}"#)),
        |_, _| (NOW, reply(200, HEALTHY)),
    )
    .await;
    world.look().await.unwrap();
    let scopes = world.client.authorise(TIMEOUT).await.unwrap().unwrap();
    assert_eq!(scopes, ["channel:read", "telemetry:read"]);
    assert_eq!(world.fake.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_answer_that_is_none_says_so_without_quoting() {
    for body in ["<html>hunter2</html>", r#"{"token": "hunter2"}"#, r#"{"access_token": "hunter2\r\nX: y"}"#, ""] {
        let world =
            world_with(settings(), move |_, _| (NOW, reply(200, body)), |_, _| (NOW, reply(200, HEALTHY))).await;
        let error = world.look().await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Fatal);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(world.fake.calls(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_does_not_wait_behind_a_token_that_a_poll_waits_to_fetch() {
    let mut few = settings();
    few.requests_per_minute = 12;
    let world = world_with(few, |n, _| granted(n, 20), |_, _| (NOW, reply(200, HEALTHY))).await;
    // Nine of twelve slots go, for a token and eight looks; the other three are the reserve. Then the token expires.
    for _ in 0..8 {
        world.look().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    let began = world.clock.now();
    let action = async {
        tokio::task::yield_now().await;
        world.client.channel(&"ch-0001".into(), Class::Action, TIMEOUT).await.map(|answer| answer.answered_at)
    };
    let (poll, action) = tokio::join!(world.look(), action);
    assert_eq!(action.unwrap(), began);
    assert!(poll.unwrap().asked_at > began, "which had to wait");
    assert_eq!(world.fake.fetches(), 3, "the poll came so late that it needed a token of its own");
}
