//! What follows from what was seen.

use super::super::known::Sent;
use super::*;
use crate::config::{Provision, ProvisioningMode, SecretRef};
use crate::policy::{Codec, Mode, Policy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const NOW: WallMs = WallMs(1_000_000);

fn desired() -> Desired {
    Desired {
        spec: Provision {
            tenant: "acme".into(),
            name: "trunk".into(),
            policy: Arc::new(Policy::default()),
            carrier: None,
            sip_server: "sip.example".into(),
            sip_port: 5060,
            username: "u".into(),
            password: SecretRef::Env("NONE".into()),
            codecs: vec![Codec { name: "OPUS".into(), priority: 1 }],
            failover: None,
            health_check: None,
        },
        by_itself: ProvisioningMode::Create,
        mode: Mode::Enforce,
        interval: Duration::from_mins(1),
        settle_for: Duration::from_mins(1),
    }
}

fn item(known: Option<&Known>, sight: &Sight) -> Item {
    let user = Credentials { username: "u".into(), digest: None };
    judge(&desired(), known, NOW, (&user, None), sight)
}

fn shown(id: &str, port: u64) -> Sight {
    let value =
        json!({ "id": id, "name": "trunk", "configuration": { "sip_server": "sip.example", "sip_port": port } });
    Sight::Exists(Box::new(ChannelDoc::from_value(value, None).unwrap()))
}

fn known(id: Option<&str>, sent_at: Option<i64>) -> Known {
    let nothing = Known::nothing("acme".into(), "trunk".into());
    let sent = sent_at.map(|at| Sent { at: WallMs(at), operation: Uuid::nil() });
    Known { id: id.map(ChannelId::from), sent, ..nothing }
}

#[test]
fn what_is_seen_decides_what_is_done() {
    let gone = Sight::Gone("ch-1".into());
    let several = Sight::Several(vec!["ch-1".into(), "ch-2".into()]);
    let unseen = Sight::Unseen("no answer".into());
    let (old, fresh) = (known(None, Some(NOW.0 - 60_000)), known(None, Some(NOW.0 - 59_000)));
    for (state, sight, what, new) in [
        (None, shown("ch-1", 5060), What::Same, true),
        (Some(known(Some("ch-1"), None)), shown("ch-1", 5060), What::Same, false),
        (Some(known(Some("ch-1"), None)), shown("ch-1", 5070), What::Change, false),
        (Some(known(Some("ch-1"), None)), shown("ch-2", 5060), What::Same, true),
        (None, Sight::Absent, What::Create, false),
        (Some(old), Sight::Absent, What::Create, false),
        (Some(fresh), Sight::Absent, What::Wait, false),
        // The calendar was set back: what was sent in the future is not settled.
        (Some(known(None, Some(NOW.0 + 5_000))), Sight::Absent, What::Wait, false),
        (Some(known(Some("ch-1"), None)), gone, What::Create, false),
        (None, several, What::Problem, false),
        (None, Sight::NoList, What::Problem, false),
        (None, Sight::Taken("ch-1".into(), "other".into()), What::Problem, false),
        (None, unseen, What::Unseen, false),
    ] {
        let item = item(state.as_ref(), &sight);
        assert_eq!((item.what, item.new), (what, new), "{state:?} {sight:?}");
        let quiet = matches!(what, What::Same | What::Change) && !new || what == What::Create && !item.again;
        assert_eq!(item.why.is_none(), quiet, "{item:?}");
        assert_eq!(item.again, matches!(sight, Sight::Gone(_)));
    }
}

#[test]
fn a_channel_of_another_kind_is_left_alone() {
    let value = json!({ "id": "ch-1", "name": "trunk", "type": "webrtc" });
    let item = item(None, &Sight::Exists(Box::new(ChannelDoc::from_value(value, None).unwrap())));
    assert_eq!((item.what, item.new), (What::Problem, false));
    assert!(item.why.unwrap().contains("webrtc"));
}

#[test]
fn a_plan_is_told_from_another_by_what_it_does() {
    let plan = |known: Option<&Known>, sight| Plan { items: vec![item(known, &sight)] };
    let create = plan(None, Sight::Absent);
    assert_eq!(create.fingerprint(), plan(None, Sight::Absent).fingerprint());
    assert_ne!(create.fingerprint(), plan(None, shown("ch-1", 5060)).fingerprint());
    assert!(!create.is_empty());
    assert!(plan(Some(&known(Some("ch-1"), None)), shown("ch-1", 5060)).is_empty());
    let password = create.items[0].differences.iter().find(|d| d.sensitive).unwrap();
    assert_eq!((&password.is, &password.desired), (&Value::Null, &Value::Null));
}
