//! The table of statuses, and what is repeated.

use super::*;
use crate::policy::LookError;

type Make = fn() -> Reply;

fn reset() -> Reply {
    Err(TransportError::Reset("closed".to_owned()))
}

fn refused() -> Reply {
    Err(TransportError::Connect("refused".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn each_status_has_its_class_for_reads_and_is_repeated_only_where_that_may_help() {
    use ErrorClass as C;
    use LookError as L;
    for (status, class, look, sent) in [
        (400, C::Fatal, L::Unexpected, 1),
        (403, C::Forbidden, L::Forbidden, 1),
        (404, C::NotFound, L::Unexpected, 1),
        (409, C::Conflict, L::Unexpected, 1),
        (412, C::Conflict, L::Unexpected, 1),
        (429, C::Retryable, L::RateLimited, 3),
        (500, C::Retryable, L::Server, 3),
        (503, C::Retryable, L::Server, 3),
        (302, C::Fatal, L::Unexpected, 1),
        (418, C::Fatal, L::Unexpected, 1),
    ] {
        let world = world(move |_, _| reply(status, "")).await;
        let error = world.client.channel(&"ch-0001".into(), Class::Action, TIMEOUT).await.unwrap_err();
        assert_eq!((error.class, error.look, error.status), (class, look, Some(status)), "{error}");
        assert_eq!(world.fake.calls(), sent, "{status}");
        assert!(error.to_string().starts_with(&format!("GET channel ch-0001: {status}: ")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_the_ways_word_and_json_or_nothing_the_platforms() {
    use ErrorClass as C;
    use LookError as L;
    const PAGE: &str = "<html><body>404 Not Found</body></html>";
    const SAID: &str = r#"{"message": "no"}"#;
    for (status, kind, body, class, look) in [
        (404, "text/html", PAGE, C::Retryable, L::Malformed),
        (404, "application/json", PAGE, C::Retryable, L::Malformed),
        (404, "text/html; charset=utf-8", SAID, C::Retryable, L::Malformed),
        (404, "text/plain", "default backend - 404", C::Retryable, L::Malformed),
        (404, "text/plain", SAID, C::NotFound, L::Unexpected),
        (404, "application/json", "\u{feff}{}", C::NotFound, L::Unexpected),
        (404, "text/html", "", C::NotFound, L::Unexpected),
        (404, "application/problem+json", " \r\n", C::NotFound, L::Unexpected),
        (404, "application/json", r#"{"message": "n"#, C::Retryable, L::Malformed),
        (410, "text/html", PAGE, C::Retryable, L::Malformed),
        (403, "text/html", PAGE, C::Retryable, L::Malformed),
        (403, "application/json", SAID, C::Forbidden, L::Forbidden),
        (502, "text/html", PAGE, C::Retryable, L::Server),
        (503, "application/json", SAID, C::Retryable, L::Server),
        (407, "text/html", PAGE, C::Retryable, L::Server),
        (511, "text/html", PAGE, C::Retryable, L::Server),
        (400, "text/html", PAGE, C::Fatal, L::Malformed),
        (409, "text/html", PAGE, C::Conflict, L::Unexpected),
        (412, "text/html", PAGE, C::Conflict, L::Unexpected),
        (429, "text/html", PAGE, C::Retryable, L::RateLimited),
        (200, "text/html", PAGE, C::Fatal, L::Malformed),
        (204, "text/html", "", C::Fatal, L::Malformed),
        (206, "application/json", HEALTHY, C::Fatal, L::Malformed),
    ] {
        let world = world(move |_, _| with_headers(status, body, &[("content-type", kind)])).await;
        let error = world.look().await.unwrap_err();
        assert_eq!((error.class, error.look, error.status), (class, look, Some(status)), "{kind}: {error}");
        assert!(!error.to_string().contains("Not Found"), "{error}");
    }
    let error = world(|_, _| with_headers(404, "{}", &[("age", "30")])).await.look().await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Retryable, "what a cache has kept is no word of now: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_a_page_answers_may_have_been_made_unless_its_status_says_otherwise() {
    use ErrorClass as C;
    const PAGE: &str = "<html>";
    for (status, body, class, sent) in [
        (200, PAGE, C::UnknownOutcome, 1),
        (201, "", C::UnknownOutcome, 1),
        (204, "", C::UnknownOutcome, 1),
        (206, HEALTHY, C::UnknownOutcome, 1),
        (302, "", C::UnknownOutcome, 1),
        (303, PAGE, C::UnknownOutcome, 1),
        (307, PAGE, C::Fatal, 1),
        (400, PAGE, C::UnknownOutcome, 1),
        (400, "{}", C::Fatal, 1),
        (403, PAGE, C::UnknownOutcome, 1),
        (403, "{}", C::Forbidden, 1),
        (404, PAGE, C::UnknownOutcome, 1),
        (404, "{}", C::NotFound, 1),
        (405, PAGE, C::Fatal, 1),
        (407, PAGE, C::Retryable, 3),
        (409, PAGE, C::Conflict, 1),
        (412, PAGE, C::Conflict, 1),
        (413, PAGE, C::Fatal, 1),
        (429, PAGE, C::Retryable, 3),
        (500, PAGE, C::UnknownOutcome, 1),
        (511, PAGE, C::Retryable, 3),
        (520, PAGE, C::UnknownOutcome, 1),
    ] {
        let world = world(move |_, _| reply(status, body)).await;
        let error = world.patch().await.unwrap_err();
        assert_eq!((error.class, error.status), (class, Some(status)), "{error}");
        assert_eq!(world.fake.calls(), sent, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_lists_404_means_no_list_whoever_says_so() {
    for body in ["", "{}", "<html>"] {
        let world = world(move |_, _| reply(404, body)).await;
        let error = world.client.channels(None, Class::Poll, TIMEOUT).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unsupported, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_repeated_only_where_it_is_known_not_to_have_been_made() {
    use ErrorClass as C;
    let cases: [(Make, C, usize, bool); 11] = [
        (|| reply(400, ""), C::Fatal, 1, true),
        (|| reply(403, ""), C::Forbidden, 1, true),
        (|| reply(404, ""), C::NotFound, 1, true),
        (|| reply(412, ""), C::Conflict, 1, true),
        (|| reply(429, ""), C::Retryable, 3, true),
        (|| reply(500, ""), C::UnknownOutcome, 1, true),
        (|| reply(200, "not json"), C::UnknownOutcome, 1, true),
        (|| Err(TransportError::Timeout), C::UnknownOutcome, 1, true),
        (reset, C::UnknownOutcome, 1, true),
        (|| Err(TransportError::TooLarge { limit: 1 }), C::UnknownOutcome, 1, true),
        (refused, C::Retryable, 3, false),
    ];
    for (make, class, sent, left) in cases {
        let world = world(move |_, _| make()).await;
        let error = world.patch().await.unwrap_err();
        assert_eq!((error.class, error.sent), (class, left), "{error}");
        assert_eq!(world.fake.calls(), sent, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_and_telemetry_that_a_tenant_lacks_are_unsupported() {
    for status in [404, 405, 501] {
        let world = world(move |_, _| reply(status, "")).await;
        let list = world.client.channels(None, Class::Poll, TIMEOUT).await.unwrap_err();
        let query = TelemetryQuery {
            channels: vec!["a".into()],
            bucket: Duration::from_secs(30),
            from: WallMs(0),
            to: WallMs(60_000),
        };
        let telemetry = world.client.telemetry(&query, TIMEOUT).await.unwrap_err();
        assert_eq!((list.class, telemetry.class), (ErrorClass::Unsupported, ErrorClass::Unsupported));
        assert_eq!(world.fake.calls(), 2);
        assert_eq!(body_of(&world.fake.requests()[1])["interval"], "30s");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_after_what_may_pass() {
    for make in [reset, refused, || reply(502, ""), || Err(TransportError::Timeout)] {
        let world = world(move |n, _| if n < 2 { make() } else { reply(200, HEALTHY) }).await;
        world.look().await.unwrap();
        assert_eq!(world.fake.calls(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_ends_with_the_calls_own_time() {
    let forever = |_, _: &Request| (Duration::from_hours(1), reply(200, HEALTHY));
    let world = world_with(settings(), |n, _| granted(n, 1800), forever).await;
    let began = world.clock.now();
    let error = world.look().await.unwrap_err();
    assert_eq!((error.class, error.look), (ErrorClass::Retryable, LookError::Timeout));
    assert_eq!(world.clock.now().since(began), TIMEOUT);
    assert_eq!(world.events.lock().unwrap().last().unwrap().1, "timeout");
    assert_eq!(world.patch().await.unwrap_err().class, ErrorClass::UnknownOutcome);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_followed_however_it_is_written() {
    for header in ["7", "7.0", "\"7\"", "7 s", "Fri, 15 Jan 2027 08:00:07 GMT", "2027-01-15T08:00:07Z"] {
        let headers = [("retry-after", header), ("date", "Fri, 15 Jan 2027 08:00:00 GMT")];
        let world = world(move |n, _| if n == 0 { with_headers(429, "", &headers) } else { reply(200, HEALTHY) }).await;
        let began = world.clock.now();
        let answer = world.patch().await.unwrap();
        assert_eq!(answer.asked_at.since(began), Duration::from_secs(7), "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_longer_than_the_call_ends_it_and_is_told_clamped() {
    let world = world(|_, _| with_headers(429, "", &[("retry-after", "86400")])).await;
    let error = world.patch().await.unwrap_err();
    assert_eq!((error.class, error.retry_after), (ErrorClass::Retryable, Some(Duration::from_mins(1))));
    assert_eq!(world.fake.calls(), 1);
    assert_eq!(world.client.budget().limit, 6000, "one endpoint alone");
    let _ = world.look().await;
    assert_eq!(world.client.budget().limit, 4500, "a second one: the tenant's rate falls");
    let began = world.clock.now();
    let _ = world.look().await;
    let polled = world.fake.sent.lock().unwrap().last().unwrap().0;
    assert!(polled.since(began) >= Duration::from_mins(1), "and polls stand still as told");
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_wrong_shape_are_told_by_length_type_and_place_never_by_content() {
    let nested = "[".repeat(100_000);
    let wide = format!("[{}0]", "0,".repeat(600_000));
    for (body, expected) in [
        ("<html>hunter2</html>".to_owned(), "20 bytes, content type text/html"),
        (String::new(), "0 bytes"),
        (r#"{"id": "ch-0001", "status": "hunter2""#.to_owned(), "line 1, column 38"),
        (r#"["hunter2"]"#.to_owned(), "an object with a string `id`"),
        (r#"{"id": 7, "name": "hunter2"}"#.to_owned(), "an object with a string `id`"),
        (r#"{"id": "hunter2"}"#.to_owned(), "another channel"),
        (nested, "not JSON"),
        (wide, "an object with a string `id`"),
    ] {
        let world = world(move |_, _| with_headers(200, &body, &[("content-type", "text/html")])).await;
        let error = world.look().await.unwrap_err();
        assert_eq!((error.class, error.look), (ErrorClass::Fatal, LookError::Malformed));
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected), "{expected} not in {text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(world.fake.calls(), 1, "and not repeated");
    }
}

#[tokio::test(start_paused = true)]
async fn a_403_names_the_scope_that_the_call_needs() {
    let world = world(|_, _| reply(403, r#"{"message": "insufficient scope"}"#)).await;
    let read = world.look().await.unwrap_err().to_string();
    assert!(read.contains("lacks scope channel:read"), "{read}");
    let changed = world.patch().await.unwrap_err().to_string();
    assert!(changed.contains("lacks scope channel:write"), "{changed}");
    assert!(changed.ends_with("The platform says: insufficient scope"), "{changed}");
}

#[tokio::test(start_paused = true)]
async fn the_platforms_words_are_short_and_on_one_line() {
    let said = json!({"detail": format!("bad\n\u{1b}[31mcodec {}", "x".repeat(5000))}).to_string();
    let world = world(move |_, _| reply(400, &said)).await;
    let error = world.look().await.unwrap_err();
    assert!(!error.message.contains(char::is_control));
    assert!(
        error.message.contains("bad \u{fffd}[31mcodec xxx") && error.message.chars().count() < 1200,
        "{}",
        error.message
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_waits_the_same_and_another_seed_does_not() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let seeded = ClientSettings { seed, ..settings() };
        let world = world_with(seeded, |n, _| granted(n, 1800), |_, _| (Duration::ZERO, reply(503, ""))).await;
        for _ in 0..3 {
            world.look().await.unwrap_err();
        }
        let sent: Vec<Time> = world.fake.sent.lock().unwrap().iter().map(|(at, _)| *at).collect();
        runs.push(sent);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
