//! Turns what changed into the next snapshot: only changed channels are reported anew, and never more often than is useful.

use super::reasons::Reasons;
use crate::journal::Trust;
use crate::platform::Platform;
use crate::policy::{ChannelKey, Engine, Mode, Params, TenantId, TenantReport, TenantState, Time, WallMs};
use crate::snapshot::{Channels, ReferenceReading, Snapshot, SnapshotCell, TenantSnapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Budgets, blindness and pauses move without any channel changing.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// See the module documentation.
pub struct Publisher {
    cell: SnapshotCell,
    every: Duration,
    last: Option<Time>,
    dirty: bool,
    changed: BTreeSet<ChannelKey>,
    channels: Channels,
    known: BTreeMap<TenantId, Known>,
    version: u64,
    mode: Mode,
    references: Vec<ReferenceReading>,
    journal_writable: bool,
    unaccepted: Option<(&'static str, String)>,
    config_loaded_at: WallMs,
    config_ok: bool,
}

#[derive(Default)]
struct Known {
    clock_skew_ms: Option<i64>,
    not_authorised: Option<String>,
}

impl Publisher {
    /// Publishes into `cell`, at most every `every`.
    pub fn new(cell: SnapshotCell, every: Duration) -> Self {
        Self {
            cell,
            every,
            last: None,
            dirty: true,
            changed: BTreeSet::new(),
            channels: Channels::default(),
            known: BTreeMap::new(),
            version: 0,
            mode: Mode::Observe,
            references: Vec::new(),
            journal_writable: true,
            unaccepted: None,
            config_loaded_at: WallMs(0),
            config_ok: false,
        }
    }

    /// A configuration was taken.
    pub fn configured(&mut self, params: &Params, at: WallMs) {
        self.mode = params.mode;
        self.config_loaded_at = at;
        self.config_ok = true;
        let mut before = std::mem::take(&mut self.known);
        let keep = params.tenants.keys().map(|id| (id.clone(), before.remove(id).unwrap_or_default()));
        self.known = keep.collect();
        self.dirty = true;
    }

    /// A configuration was refused; the old one stays.
    pub fn config_refused(&mut self) {
        self.config_ok = false;
        self.dirty = true;
    }

    /// These channels are to be reported anew.
    pub fn changed(&mut self, channels: Vec<ChannelKey>) {
        self.dirty |= !channels.is_empty();
        self.changed.extend(channels);
    }

    /// What the reference targets answered last.
    pub fn references(&mut self, readings: Vec<ReferenceReading>) {
        self.dirty |= self.references != readings;
        self.references = readings;
    }

    /// Whether the journal can be written.
    pub fn journal_writable(&mut self, writable: bool) {
        self.journal_writable = writable;
        self.dirty = true;
    }

    /// Why a person has to accept the audit log, in one word; `trust` gives the sentence.
    pub fn unaccepted(&mut self, word: Option<&'static str>, trust: impl FnOnce() -> Trust) {
        if self.unaccepted.as_ref().map(|(word, _)| *word) != word {
            self.unaccepted = word.map(|word| (word, trust().why().unwrap_or_default().to_owned()));
            self.dirty = true;
        }
    }

    /// Something in a tenant's report changed.
    pub const fn touch(&mut self) {
        self.dirty = true;
    }

    /// A person gave an order, and looks what came of it: the next one is published now.
    pub const fn at_once(&mut self) {
        self.last = None;
    }

    /// Our calendar minus the platform's.
    pub fn clock_skew(&mut self, tenant: &TenantId, ms: i64) {
        self.note(tenant, |known| known.clock_skew_ms = Some(ms));
    }

    /// Why the platform does not authorise us.
    pub fn not_authorised(&mut self, tenant: &TenantId, why: Option<String>) {
        self.note(tenant, |known| known.not_authorised = why);
    }

    /// When the next one is to be published: soon where a channel changed, and now and then for what moves by itself.
    pub fn due(&self) -> Time {
        let wait = if self.dirty { self.every } else { self.every.max(AT_LEAST_EVERY) };
        self.last.map_or(Time::ZERO, |last| last + wait)
    }

    /// Publishes, if it is time.
    pub fn publish<'a>(
        &mut self,
        now: Time,
        wall: WallMs,
        (engine, reasons): (&Engine, &Reasons),
        platforms: &BTreeMap<TenantId, Arc<dyn Platform>>,
        unresolved: impl Iterator<Item = &'a TenantId>,
    ) {
        if self.due() > now {
            return;
        }
        for key in std::mem::take(&mut self.changed) {
            match engine.channel(now, &key) {
                Some(mut report) => {
                    report.explanation.last_change = reasons.last_change(&key);
                    self.channels.insert(key, Arc::new(report))
                }
                None => self.channels.remove(&key),
            };
        }
        let tenants = self.tenants((now, wall), engine, platforms);
        let blind = |id: &TenantId| tenants.get(id).is_none_or(|t| t.report.state == TenantState::Blind);
        let orphans_resolved = { unresolved }.all(blind);
        self.version += 1;
        self.cell.publish(Snapshot {
            taken_at: wall,
            version: self.version,
            mode: self.mode,
            paused: engine.paused(),
            paused_until: engine.paused_left(now).map(|left| wall.after(left)),
            references: self.references.clone(),
            journal_writable: self.journal_writable,
            unaccepted: self.unaccepted.clone(),
            orphans_resolved,
            tenants,
            channels: self.channels.clone(),
            config_loaded_at: self.config_loaded_at,
            config_ok: self.config_ok,
        });
        self.last = Some(now);
        self.dirty = false;
    }

    fn tenants(
        &self,
        (now, wall): (Time, WallMs),
        engine: &Engine,
        platforms: &BTreeMap<TenantId, Arc<dyn Platform>>,
    ) -> BTreeMap<TenantId, TenantSnapshot> {
        let one = |(id, known): (&TenantId, &Known)| {
            let report: TenantReport = engine.tenant(now, id)?;
            let snapshot = TenantSnapshot {
                paused_until: report.paused_left.map(|left| wall.after(left)),
                report,
                budget: platforms.get(id).map(|p| p.budget()).unwrap_or_default(),
                effective_interval: engine.effective_interval(id).unwrap_or_default(),
                clock_skew_ms: known.clock_skew_ms,
                not_authorised: known.not_authorised.clone(),
            };
            Some((id.clone(), snapshot))
        };
        self.known.iter().filter_map(one).collect()
    }

    fn note(&mut self, tenant: &TenantId, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.known.get_mut(tenant) {
            change(known);
            self.dirty = true;
        }
    }
}
