//! What would have to change, for every reason and every hold, and for what else a report may say.

use super::super::world::{World, key, secs};
use super::Group;
use trunkwarden::policy::{
    Block, BlockKind, CandidateReport, ChannelReport, Hold, Ineligible, LowReport, ProbationReport, Reason,
};

/// `acme/ch-0001`, which `ch-0002` may take over.
fn report(reason: Reason) -> (World, ChannelReport) {
    let world = World::three_up();
    let mut report = ChannelReport { key: key("ch-0001"), policy: "default".to_owned(), reason, ..world.report("a") };
    report.candidates = vec![candidate(None)];
    (world, report)
}

fn candidate(against: Option<Ineligible>) -> CandidateReport {
    let against_text = against.as_ref().map(ToString::to_string);
    CandidateReport { channel: "ch-0002".into(), eligible: against.is_none(), against, against_text, score: None }
}

fn said(reason: Reason, change: impl FnOnce(&mut ChannelReport)) -> String {
    let (world, mut report) = report(reason);
    change(&mut report);
    report.outlook_at(world.now)
}

pub fn of_reason(reason: &Reason) -> String {
    said(reason.clone(), |_| ())
}

pub fn of_hold(hold: &Hold) -> String {
    let wanted = match hold {
        Hold::ForeignRoute
        | Hold::OrderedRoute
        | Hold::FailbackManual
        | Hold::FailbackWindow
        | Hold::FailbackMargin { .. } => "failback",
        Hold::CredentialsLost { .. } | Hold::PatchReplaces | Hold::CodecVerdict { .. } | Hold::Cooldown { .. } => {
            "codec"
        }
        _ => "failover",
    };
    held(wanted, hold, true)
}

fn held(wanted: &str, hold: &Hold, left: bool) -> String {
    let reason = Reason::Held { wanted: wanted.to_owned(), to: None, order: None, hold: hold.clone() };
    let kinds =
        [BlockKind::Move, BlockKind::RetryFailover, BlockKind::RetryFailback, BlockKind::RetryCodec, BlockKind::Codec];
    let blocks = kinds.map(|kind| Block { kind, left: secs(300) });
    said(reason, |report| report.explanation.blocks = if left { blocks.into() } else { Vec::new() })
}

pub fn branches() -> Vec<Group> {
    let suspect = || Reason::Suspect { bad: 1, fall: 3, status: None };
    let away = || Reason::Away {
        at: "ch-0002".into(),
        home: trunkwarden::policy::Health::Up,
        good_for: Some(secs(300)),
        failback_after: secs(900),
    };
    let group = |label: &str, sentence: String| Group { label: label.to_owned(), sentences: vec![sentence] };
    vec![
        group("watched as a candidate only", said(Reason::Fine, |report| report.configured = false)),
        group("one more bad look", said(Reason::Suspect { bad: 2, fall: 3, status: None }, |_| ())),
        group("failover switched off", said(suspect(), |report| report.explanation.failover_enabled = false)),
        group("no candidates", said(suspect(), |report| report.candidates.clear())),
        group(
            "a candidate that is not fit",
            said(suspect(), |report| report.candidates = vec![candidate(Some(Ineligible::InMaintenance))]),
        ),
        group(
            "a score that is low",
            said(Reason::Fine, |report| {
                let (lasted, needed) = (secs(60), secs(300));
                report.explanation.quality.low = Some(LowReport { below: 55.0, of_baseline: false, lasted, needed });
            }),
        ),
        group(
            "on probation",
            said(away(), |report| {
                report.explanation.quality.probation = Some(ProbationReport {
                    backup: "ch-0002".into(),
                    left_behind: 58.3,
                    worse_at: 48.3,
                    measured: None,
                    left: secs(400),
                    found_worse: false,
                });
            }),
        ),
        group("a block that is over", held("failover", &Hold::Blocked { left: secs(0) }, false)),
    ]
}
