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
async fn a_401_fetches_once_and_repeats_once_for_reads_and_changes() {
    let world = world(|n, _| if n % 2 == 0 { reply(401, "") } else { reply(200, HEALTHY) }).await;
    world.look().await.unwrap();
    world.patch().await.unwrap();
    assert_eq!((world.fake.fetches(), world.fake.calls()), (3, 4));
    let used: Vec<String> = world.fake.requests().iter().map(bearer).collect();
    assert_eq!(used, ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"]);
}

#[tokio::test(start_paused = true)]
async fn calls_refused_together_drop_the_token_once() {
    let world = world_with(
        settings(),
        |n, _| granted(n, 1800),
        |_, request| {
            let old = bearer(request) == "Bearer token-1";
            (Duration::from_secs(1), if old { reply(401, "") } else { reply(200, HEALTHY) })
        },
    )
    .await;
    let looks = futures_util::future::join_all((0..20).map(|_| world.look())).await;
    assert!(looks.iter().all(Result::is_ok));
    assert_eq!(world.fake.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_401_to_a_fresh_token_is_final_and_fetches_no_more_for_a_while() {
    let world = world(|_, _| reply(401, "")).await;
    for _ in 0..5 {
        let error = world.look().await.unwrap_err();
        assert_eq!((error.class, error.status), (ErrorClass::NotAuthorised, Some(401)));
    }
    assert_eq!((world.fake.fetches(), world.fake.calls()), (2, 6));
    tokio::time::sleep(Duration::from_secs(31)).await;
    world.look().await.unwrap_err();
    assert_eq!(world.fake.fetches(), 3);
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
    for (seconds, fetches) in [(1, 1), (28, 1), (2, 2), (58, 2), (3, 3), (119, 3), (2, 4)] {
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
    // Ten of twelve slots go, for a token and nine looks; the other two are the reserve. Then the token expires.
    for _ in 0..9 {
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
