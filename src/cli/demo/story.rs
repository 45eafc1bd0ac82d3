//! The story: a trunk sounds bad and is helped by another codec; a trunk dies, its traffic moves to a fit backup, the move
//! is verified, and the traffic comes back once the trunk is well.

use super::narrator::Narrator;
use super::stage::Stage;
use crate::sim::Incident;
use serde_json::Value;
use std::time::Duration;

/// How often the audit log is read.
const READ_EVERY: Duration = Duration::from_millis(100);

/// What must stand in the audit log, in this order, and in words for when it does not.
struct Act {
    event: &'static str,
    channel: &'static str,
    after: Option<(&'static str, &'static str)>,
    expected: &'static str,
}

const fn act(event: &'static str, channel: &'static str, expected: &'static str) -> Act {
    Act { event, channel, after: None, expected }
}

const fn health(channel: &'static str, is: &'static str, expected: &'static str) -> Act {
    Act { event: "health.changed", channel, after: Some(("health", is)), expected }
}

/// Plays it. `first`: the codec of ch-0004 has not been helped before.
pub(super) async fn play(stage: &Stage, patience: Duration, first: bool) -> Result<(), String> {
    let mut narrator = Narrator::new(stage.reader(), stage.now());
    narrator.tell_nothing_old()?;
    if !stage.all_up() {
        narrator.say(stage.now(), "the daemon starts to watch four trunks");
        stage.wait_until_all_up(patience).await?;
    }
    if first {
        narrator.say(stage.now(), "all four trunks are up; now ch-0004 loses 6 % of its packets");
        stage.happen(loses_packets("ch-0004", 6.0, Duration::from_secs(20)))?;
        follow(
            stage,
            &mut narrator,
            patience,
            &[
                act("codec.intended", "ch-0004", "a better codec order for ch-0004 was decided"),
                act("codec.completed", "ch-0004", "the new codec order of ch-0004 shows on the platform"),
            ],
        )
        .await?;
    }
    narrator.say(stage.now(), "now ch-0001 goes down: the platform calls it unhealthy");
    stage.happen(turns("ch-0001", "unhealthy"))?;
    follow(
        stage,
        &mut narrator,
        patience,
        &[
            health("ch-0001", "down", "ch-0001 was found down"),
            act("failover.intended", "ch-0001", "the failover of ch-0001 was decided and written to disk"),
            act("failover.completed", "ch-0001", "the failover of ch-0001 was verified by reading the platform back"),
        ],
    )
    .await?;
    stage.expect_route("ch-0001", "ch-0002")?;
    narrator.say(stage.now(), "the carrier repairs ch-0001");
    stage.happen(turns("ch-0001", "healthy"))?;
    follow(
        stage,
        &mut narrator,
        patience,
        &[
            health("ch-0001", "up", "ch-0001 was found up again"),
            act("failback.intended", "ch-0001", "the failback of ch-0001 was decided and written to disk"),
            act("failback.completed", "ch-0001", "the failback of ch-0001 was verified by reading the platform back"),
        ],
    )
    .await?;
    stage.expect_route("ch-0001", "ch-0001")
}

fn turns(channel: &str, is: &str) -> Incident {
    Incident::Status { channel: channel.to_owned(), is: is.to_owned() }
}

fn loses_packets(channel: &str, percent: f64, lasts: Duration) -> Incident {
    Incident::Telemetry {
        channel: channel.to_owned(),
        latency_ms: None,
        jitter_ms: None,
        loss_pct: Some(percent),
        lasts: Some(lasts),
    }
}

/// Follows the audit log until every act stands in it, in order.
async fn follow(stage: &Stage, narrator: &mut Narrator, patience: Duration, acts: &[Act]) -> Result<(), String> {
    let deadline = stage.now() + patience;
    let mut acts = acts.iter().peekable();
    while let Some(next) = acts.peek() {
        if stage.now() > deadline {
            return Err(format!("within {} s this did not happen: {}", patience.as_secs(), next.expected));
        }
        tokio::time::sleep(READ_EVERY).await;
        for entry in narrator.tell(stage.now())? {
            if acts.peek().is_some_and(|act| act.is(&entry)) {
                acts.next();
            }
        }
    }
    Ok(())
}

impl Act {
    fn is(&self, entry: &Value) -> bool {
        entry["event_type"] == self.event
            && entry["channel_id"] == self.channel
            && self.after.is_none_or(|(name, value)| entry["after"][name] == value)
    }
}
