//! A reload while something is desired: what it says counts from then on.

use super::scene::{created, desiring, doc, posts, up};
use rustix::process::Signal;

const NEW: &str = "ch-new-0001";

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_lets_the_daemon_create_and_enforce_from_then_on() {
    let mut world = desiring("report").await;
    world.start().await;
    world.entry("provision.drift", "").await;
    assert_eq!(posts(&world), 0);
    world.rewrite(|text| text.replace(r#"mode       = "report""#, r#"mode = "create""#));
    world.daemon().signal(Signal::HUP);
    up(&world, NEW).await;
    world.rewrite(|text| {
        text.replace(r#"mode = "create""#, r#"mode = "enforce""#).replace("sip.west.example", "sip2.west.example")
    });
    world.until("it is changed", async || doc(&world, NEW)["configuration"]["sip_server"] == "sip2.west.example").await;
    world.rewrite(|text| text.replace(r#"mode      = "enforce""#, r#"mode = "observe""#).replace("5061", "5062"));
    let drift =
        || world.entries("provision.drift", NEW).into_iter().filter(|e| e["after"]["configuration.sip_port"] == 5062);
    world.until("the drift is told", async || drift().count() == 1).await;
    assert_eq!((created(&world), world.platform.patches().len()), (1, 1));
}
