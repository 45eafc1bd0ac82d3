//! Sinks follow the configuration, and no row is lost by it.

use super::sink::{Act, Sink};
use super::world::{World, until};
use std::sync::{Arc, Mutex};

fn export(name: &str, url: &str) -> String {
    format!("[[audit.export]]\nname = \"{name}\"\nurl = \"{url}\"\nbulk = false\n")
}

#[tokio::test]
async fn what_waits_goes_where_the_sink_is_now() {
    let (old, new) = (Sink::serve().await, Sink::serve().await);
    old.answers(|_| Act::status(503));
    let world = World::of(&export("nms", &old.url)).await;
    world.write_many(3).await;
    until("it was tried", || !old.seen().is_empty()).await;
    world.configure(&export("nms", &new.url)).await;
    world.drained("nms").await;
    assert_eq!(new.seqs(), [1, 2, 3]);
}

#[tokio::test]
async fn a_sink_that_is_removed_keeps_what_waits_until_it_is_back_or_dropped() {
    let (a, b) = (Sink::serve().await, Sink::serve().await);
    a.answers(|_| Act::status(503));
    let both = format!("{}{}", export("a", &a.url), export("b", &b.url));
    let world = World::of(&both).await;
    world.write_many(2).await;
    world.configure(&export("b", &b.url)).await;
    world.write_many(2).await;
    world.drained("b").await;
    let left = world.state("a");
    assert_eq!((left.subscribed, left.pending), (false, 2));
    until("what is left is still told", || world.metric("outbox_pending", &[("sink", "a")]) == Some(2.0)).await;
    let removed = |sink| world.metric("outbox_sink_removed", &[("sink", sink)]);
    until("so is that it is left", || (removed("a"), removed("b")) == (Some(1.0), Some(0.0))).await;

    a.answers(|_| Act::status(200));
    world.configure(&both).await;
    world.write_many(1).await;
    world.drained("a").await;
    // A sink starts with what is written from then on: what came between is not made up for.
    until("nothing is left any more", || removed("a") == Some(0.0)).await;
    assert_eq!((a.seqs(), b.seqs()), (vec![1, 2, 5], vec![1, 2, 3, 4, 5]));
}

#[tokio::test]
async fn a_sink_that_cannot_be_used_is_refused_as_a_whole() {
    let world = World::idle();
    let missing = world.folder.path().join("no-such-token");
    let sinks = format!("{}token = {{ file = \"{}\" }}\n", export("nms", "http://127.0.0.1:9"), missing.display());
    let error = world.delivery.prepare(&super::world::configuration(&sinks)).err().unwrap().to_string();
    assert!(error.starts_with("the sink `nms`: ") && error.contains("no-such-token"), "{error}");
    let secret = world.secret("secret", "whsec_???");
    let hook = format!(
        "[[webhooks]]\nname = \"cti\"\nurl = \"http://127.0.0.1:9\"\nevents = [\"*\"]\nsecret = {{ file = \"{}\" }}\n",
        secret.display()
    );
    let error = world.delivery.prepare(&super::world::configuration(&hook)).err().unwrap().to_string();
    assert!(error.contains("base64") && !error.contains("???"), "{error}");
}

#[tokio::test]
async fn a_credential_that_is_rotated_in_its_file_is_read_again_before_it_is_given_up() {
    let sink = Sink::serve().await;
    let current = Arc::new(Mutex::new("Bearer old-token-of-sixteen".to_owned()));
    sink.answers({
        let current = Arc::clone(&current);
        move |seen| Act::status(if seen.header("authorization") == *current.lock().unwrap() { 204 } else { 401 })
    });
    let world = World::idle();
    let token = world.secret("token", "old-token-of-sixteen\n");
    let address = world.secret("address", &sink.url);
    world
        .configure(&format!(
            "[[audit.export]]\nname = \"nms\"\nurl = {{ file = \"{}\" }}\nbulk = false\ntoken = {{ file = \"{}\" }}\n",
            address.display(),
            token.display()
        ))
        .await;
    world.write_many(2).await;
    world.drained("nms").await;
    // Both ends are rotated, and nobody tells us.
    "Bearer new-token-of-sixteen".clone_into(&mut current.lock().unwrap());
    world.secret("token", "new-token-of-sixteen\n");
    world.write_many(2).await;
    world.drained("nms").await;
    assert_eq!(sink.seqs(), [1, 2, 3, 4]);
    assert_eq!(
        sink.seen().iter().filter(|seen| !seen.taken).count(),
        1,
        "one refusal, and the next try is the new one's"
    );
    assert!(world.metric("deliveries_total", &[("sink", "nms"), ("result", "unauthorised")]).unwrap_or(0.0) < 0.5);
}
