//! What a codec change may cost: credentials, which are never sent and which nobody here can give back.

use super::world::{World, key, params, secs, view};
use trunkwarden::policy::{
    Action, ActionKind, AuthenticationSeen, ChannelView, Codec, Engine, EventType, OpId, Order, Outcome, Params, Part,
    Patch, Policy, Saved, Source, TenantId, TenantReport,
};

const THERE: Option<AuthenticationSeen> = Some(AuthenticationSeen { user: Some(7), password: true });
const NO_PASSWORD: Option<AuthenticationSeen> = Some(AuthenticationSeen { user: Some(7), password: false });
const NOTHING_IN_IT: Option<AuthenticationSeen> = Some(AuthenticationSeen { user: None, password: false });

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn three(patch: Option<Patch>) -> Params {
    let mut params = params(&Policy::default(), &[("a", Some(&["c"])), ("b", Some(&["c"])), ("c", Some(&[]))]);
    params.tenants.get_mut(&acme()).unwrap().patch = patch;
    params
}

fn tenant(w: &World) -> TenantReport {
    w.engine.tenant(w.now, &acme()).unwrap()
}

fn shown(id: &str, codecs: Option<Vec<Codec>>, authentication: Option<AuthenticationSeen>) -> ChannelView {
    let view = view("healthy", id);
    ChannelView { codecs: codecs.or(view.codecs.clone()), authentication, ..view }
}

fn see(w: &mut World, id: &str, authentication: Option<AuthenticationSeen>) {
    w.look_from(id, w.now, Source::Single, shown(id, None, authentication));
}

/// Another codec order is wanted for `a`, then for `b`.
fn wanting(patch: Option<Patch>, authentication: Option<AuthenticationSeen>) -> World {
    let mut w = World::new(three(patch));
    w.up(&["a", "b", "c"]);
    for id in ["a", "b"] {
        w.telemetry(id, 30.0, 5.0);
    }
    w.pass(1);
    see(&mut w, "a", authentication);
    see(&mut w, "b", authentication);
    w
}

fn acts(w: &mut World) -> Vec<Action> {
    let acts = std::mem::take(&mut w.out).into_iter().filter_map(|command| match command {
        trunkwarden::policy::Command::Act(action) => Some(action),
        _ => None,
    });
    acts.collect()
}

/// The read-back shows the change, and these credentials.
fn applied(w: &mut World, action: &Action, authentication: Option<AuthenticationSeen>) {
    let ActionKind::Codec { order, .. } = &action.kind else { panic!("{action:?}") };
    let id = action.channel.channel.to_string();
    w.look_from(&id, w.now, Source::Single, shown(&id, Some(order.clone()), authentication));
    w.applied(action.op);
}

fn lost(w: &World) -> usize {
    w.records(EventType::CredentialsLost)
}

#[test]
fn one_codec_change_is_under_way_until_a_read_back_has_shown_the_credentials() {
    let mut w = wanting(None, THERE);
    let first = acts(&mut w);
    assert_eq!(first.len(), 1);
    assert_eq!(
        w.text("b"),
        "codec change is held: the codec change of a has to show first whether the platform keeps credentials"
    );
    assert_eq!(w.report("b").outlook_at(w.now), "the codec change of a has to show, or fail");
    // Nor while it is not known whether it was made.
    w.outcome(first[0].op, Outcome::Unknown { why: "no answer".to_owned() });
    w.pass(1);
    see(&mut w, "b", THERE);
    assert!(acts(&mut w).is_empty() && w.report("b").held == Some("codec_verdict"));
    let ActionKind::Codec { order, .. } = &first[0].kind else { panic!("{first:?}") };
    w.look_from("a", w.now, Source::Single, shown("a", Some(order.clone()), THERE));
    w.pass(1);
    see(&mut w, "b", THERE);
    see(&mut w, "b", THERE);
    assert_eq!(acts(&mut w).len(), 1, "{}", w.text("b"));
    assert_eq!(lost(&w), 0);
}

#[test]
fn once_it_has_shown_them_as_many_are_under_way_as_the_limits_allow_and_over_a_restart_too() {
    let mut w = wanting(None, THERE);
    let first = acts(&mut w);
    applied(&mut w, &first[0], THERE);
    let part = Part::Tenant(acme());
    let saved = serde_json::to_string(&w.engine.save(w.now, &part).unwrap()).unwrap();
    let mut engine = Engine::new(three(None), w.now);
    engine.restore(w.now, &part, serde_json::from_str::<Saved>(&saved).unwrap(), secs(60));
    let mut next = World { engine, now: w.now, out: Vec::new() };
    next.engine.start(&mut next.out);
    next.up(&["a", "b", "c"]);
    for id in ["a", "b"] {
        next.telemetry(id, 30.0, 5.0);
    }
    next.pass(1);
    see(&mut next, "a", THERE);
    see(&mut next, "b", THERE);
    assert_eq!(acts(&mut next).len(), 2);
}

#[test]
fn the_first_loss_ends_codec_changes_of_the_tenant_until_it_is_acknowledged() {
    for after in [None, NO_PASSWORD, NOTHING_IN_IT] {
        let mut w = wanting(None, THERE);
        let first = acts(&mut w);
        applied(&mut w, &first[0], after);
        assert_eq!(lost(&w), 1, "{after:?}");
        assert_eq!(tenant(&w).credentials_lost, ["a".into()]);
        w.pass(1);
        see(&mut w, "b", THERE);
        assert!(acts(&mut w).is_empty());
        assert_eq!(
            w.text("b"),
            "codec change is held: a codec change lost the credentials of a, and nobody has acknowledged that"
        );
        assert_eq!(
            w.report("b").outlook_at(w.now),
            "enter the credentials of a again, then `trunkwarden acknowledge acme/a`"
        );
        // Kept over a restart, and acknowledged there, though the channel has left the file.
        let part = Part::Tenant(acme());
        assert!(w.engine.take_unsaved().contains(&part));
        let saved = serde_json::to_string(&w.engine.save(w.now, &part).unwrap()).unwrap();
        let mut smaller = three(None);
        smaller.channels.remove(0);
        let mut engine = Engine::new(smaller, w.now);
        engine.restore(w.now, &part, serde_json::from_str::<Saved>(&saved).unwrap(), secs(60));
        let mut next = World { engine, now: w.now, out: Vec::new() };
        next.engine.start(&mut next.out);
        next.up(&["b", "c"]);
        next.telemetry("b", 30.0, 5.0);
        assert_eq!(next.report("b").held, Some("credentials_lost"));
        next.out.clear();
        next.order(&Order::Acknowledge { channel: key("a") });
        let said = next.said();
        let told = "record operator.ordered a: acknowledged the lost credentials of acme/a";
        assert!(said.contains(&told.to_owned()), "{said:?}");
        next.pass(1);
        see(&mut next, "b", THERE);
        assert_eq!(acts(&mut next).len(), 1);
        assert!(tenant(&next).credentials_lost.is_empty());
        let again = next.engine.operator(next.now, &Order::Acknowledge { channel: key("a") }, "alice", &mut next.out);
        assert!(again.is_err());
    }
}

#[test]
fn what_was_decided_before_a_loss_is_called_back_and_a_move_for_quality_is_not_held() {
    let mut policy = Policy::default();
    policy.failover.quality_below = Some(60.0);
    policy.failover.quality_for = secs(0);
    let mut w = wanting(Some(Patch::Merges), THERE);
    let both = acts(&mut w);
    assert_eq!(both.len(), 2, "the file says that nothing is lost");
    assert_eq!(w.engine.may_send(both[1].op), Ok(()));
    applied(&mut w, &both[0], None);
    assert_eq!(lost(&w), 1, "and is wrong");
    let why = w.engine.may_send(both[1].op).unwrap_err().to_string();
    assert!(why.contains("lost the credentials of a"), "{why}");
    w.outcome(both[1].op, Outcome::Withdrawn { why });
    let mut moving = three(Some(Patch::Merges));
    moving.channels.iter_mut().for_each(|channel| channel.policy = policy.clone().into());
    w.engine.reconfigure(w.now, moving, &mut w.out);
    w.pass(61);
    for id in ["a", "b", "c"] {
        see(&mut w, id, THERE);
    }
    w.telemetry("b", 30.0, 5.0).telemetry("c", 30.0, 0.0);
    w.pass(1);
    see(&mut w, "b", THERE);
    see(&mut w, "c", THERE);
    let moved = acts(&mut w);
    assert!(matches!(moved[..], [Action { kind: ActionKind::Failover { .. }, .. }]), "{} {moved:?}", w.text("b"));
}

#[test]
fn a_platform_that_replaces_by_the_file_has_no_codecs_changed() {
    let mut w = wanting(Some(Patch::Replaces), THERE);
    assert!(acts(&mut w).is_empty());
    assert_eq!(
        w.text("a"),
        "codec change is held: the platform replaces whole objects, so a codec change would lose credentials (patch = \"replaces\")"
    );
}

#[test]
fn what_was_never_shown_proves_nothing_and_is_no_loss() {
    let mut w = wanting(None, None);
    let first = acts(&mut w);
    applied(&mut w, &first[0], None);
    assert_eq!(lost(&w), 0);
    w.pass(1);
    see(&mut w, "b", None);
    see(&mut w, "b", None);
    assert_eq!(acts(&mut w).len(), 1, "one after the other");
}

#[test]
fn a_second_attempt_is_judged_by_what_was_there_before_the_first() {
    let mut w = wanting(None, THERE);
    let first = acts(&mut w);
    w.outcome(first[0].op, Outcome::NotApplied);
    // It was taken and lost them, and shows nothing else yet; the next attempt reads them as gone already.
    w.pass(11);
    see(&mut w, "a", None);
    see(&mut w, "a", None);
    let again = acts(&mut w);
    assert_eq!(again.len(), 1, "{}", w.text("a"));
    applied(&mut w, &again[0], None);
    assert_eq!(tenant(&w).credentials_lost, ["a".into()]);
}

#[test]
fn an_action_that_a_crash_interrupted_is_judged_by_what_was_there_before() {
    let mut w = wanting(None, THERE);
    let first = acts(&mut w);
    let part = Part::Channel(key("a"));
    assert!(w.engine.take_unsaved().contains(&part));
    let saved = serde_json::to_string(&w.engine.save(w.now, &part).unwrap()).unwrap();
    let mut engine = Engine::new(three(None), w.now);
    engine.restore(w.now, &part, serde_json::from_str::<Saved>(&saved).unwrap(), secs(5));
    engine.set_next_op(OpId(100));
    engine.adopt_orphan(w.now, first[0].clone());
    let mut next = World { engine, now: w.now, out: Vec::new() };
    next.engine.start(&mut next.out);
    applied(&mut next, &first[0], None);
    assert_eq!(lost(&next), 1);
}
