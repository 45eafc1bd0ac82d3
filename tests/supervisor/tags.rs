//! A tag that the platform shows and refuses: a gateway alters it on the way, or somebody changes the channel again and again.

use super::pass;
use super::platform::World;

const TAG: &str = "\"v1\"";

fn matched(w: &World) -> Vec<Option<String>> {
    w.platform.with(|held| held.matched.clone())
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_refused_for_ever_is_left_out_once_that_is_sure() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.refused_tag = Some(TAG.to_owned()));
    w.platform.say("a", "unhealthy");
    let mut first = None;
    for second in 0..900 {
        pass(1).await;
        if first.is_none() && !matched(&w).is_empty() {
            first = Some(second);
        }
        if matched(&w).contains(&None) {
            assert!(second - first.unwrap() >= 30, "not before what was refused is surely no late answer");
            break;
        }
    }
    pass(10).await;
    let matched = matched(&w);
    let (last, before) = matched.split_last().unwrap();
    assert_eq!(*last, None);
    assert!(before.len() >= 2 && before.iter().all(|tag| tag.as_deref() == Some(TAG)), "{before:?}");
    assert_eq!((w.changes(), w.told("failover.completed").unwrap()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_somebody_changes_again_and_again_is_never_changed_without_its_tag() {
    let w = World::start(Vec::new());
    pass(70).await;
    w.platform.with(|held| held.refused_tag = Some(TAG.to_owned()));
    w.platform.say("a", "unhealthy");
    for n in 0..600 {
        pass(1).await;
        w.platform.with(|held| held.backups.insert("a".to_owned(), vec![format!("x-{n}")]));
    }
    let matched = matched(&w);
    assert!(matched.len() >= 3 && matched.iter().all(Option::is_some), "{matched:?}");
    assert_eq!(w.changes(), 0);
}
