//! The past once more: recorded facts fed to an engine of the same make, to rebuild what was known and decided at a moment
//! ([`Replay::rebuild`]), or to learn what another configuration would have decided ([`Replay::what_if`]).
//!
//! Rebuilding tells the engine everything that the real one was told, and what really came of its actions; where it
//! decides otherwise (the configuration was another one), the real action is imposed and its own withdrawn. What-if
//! answers actions and looks by the model that `world` states. Both are deterministic: they read no clock.
//!
//! Must never: touch a platform, or write to a journal.

mod decision;
mod hands;
mod source;
mod timeline;
mod world;

pub use decision::{Decision, Line, Summary, compare, is_decision};
pub use source::{Rests, Span, decided, play, warm_up};
pub use timeline::{Placed, Timeline};

use crate::policy::{
    Action, ChannelKey, Command, Engine, Observation, OpId, Outcome, Params, Part, Saved, Time, WallMs, Windows,
};
use crate::supervisor::fact::{Fact, Told};
use hands::Hands;
use std::time::Duration;
use world::{Shown, World};

/// Decisions that are kept; what comes after is counted only.
const MAX_DECISIONS: usize = 100_000;

/// An engine that relives the past. Feed it facts in their order.
#[derive(Debug)]
pub struct Replay {
    params: Params,
    engine: Option<Engine>,
    /// Whether state that was saved is being taken, before the engine starts.
    restoring: bool,
    timeline: Timeline,
    now: Time,
    out: Vec<Command>,
    side: Side,
    decisions: Vec<Decision>,
    not_kept: usize,
    last_op: OpId,
}

#[derive(Debug)]
enum Side {
    Rebuild(Hands),
    WhatIf(Box<World>),
}

impl Replay {
    /// Rebuilds what really was, under these parameters.
    pub fn rebuild(params: Params) -> Self {
        Self::new(params, Side::Rebuild(Hands::default()))
    }

    /// Finds out what these parameters would have decided.
    pub fn what_if(params: Params) -> Self {
        Self::new(params, Side::WhatIf(Box::default()))
    }

    fn new(params: Params, side: Side) -> Self {
        Self {
            params,
            engine: None,
            restoring: false,
            timeline: Timeline::default(),
            now: Time::ZERO,
            out: Vec::new(),
            side,
            decisions: Vec::new(),
            not_kept: 0,
            last_op: OpId::default(),
        }
    }

    /// Takes the next fact.
    pub fn feed(&mut self, told: Told) {
        let Told { at, now, tenant, channel, fact } = told;
        if matches!(fact, Fact::Reason(_)) {
            return;
        }
        let placed = self.timeline.place(at, now, fact == Fact::Started);
        if placed.other_process {
            self.restart(placed.now, fact == Fact::Started);
        }
        self.begin(placed.now);
        if self.restoring {
            match fact {
                Fact::Restored { part, state, elapsed } => return self.restore(&part, state, elapsed),
                Fact::Adopted(action) => return self.adopt(action),
                Fact::Windows { policy, windows } => return self.open(&policy, windows),
                Fact::References { answered, of } => return self.refer(answered, of),
                Fact::Started | Fact::Checkpoint => return,
                _ => self.start(),
            }
        }
        self.pass_to(placed.now);
        if !matches!(fact, Fact::Acted(_)) {
            self.withdraw();
        }
        self.tell(tenant.as_ref(), channel.as_ref(), fact);
        self.settle();
    }

    /// Lets time pass until the calendar shows `wall`.
    pub fn pass_until(&mut self, wall: WallMs) {
        if self.restoring {
            self.start();
        }
        if let Some(to) = self.timeline.at_wall(wall) {
            self.pass_to(to);
        }
    }

    /// The engine as it is by now, and the time line's moment; `None`: nothing was fed.
    pub fn engine(&self) -> Option<(&Engine, Time)> {
        self.engine.as_ref().map(|engine| (engine, self.now))
    }

    /// What was decided, in order; and how many decisions more there were than are kept.
    pub fn into_decisions(self) -> (Vec<Decision>, usize) {
        (self.decisions, self.not_kept)
    }

    fn begin(&mut self, now: Time) {
        if self.engine.is_none() {
            self.engine = Some(Engine::new(self.params.clone(), now));
            self.restoring = true;
            self.now = now;
        }
    }

    /// Another process goes on. Rebuilding, it restores what is told next; else what this engine would have saved.
    fn restart(&mut self, now: Time, told: bool) {
        if self.restoring {
            self.start();
        }
        let Some(old) = self.engine.take() else { return };
        let was = std::mem::replace(&mut self.now, now);
        let mut engine = Engine::new(self.params.clone(), now);
        self.restoring = matches!(self.side, Side::Rebuild(_)) && told;
        if !self.restoring {
            let tenants = self.params.tenants.keys().map(|id| Part::Tenant(id.clone()));
            let channels = old.channels().map(|key| Part::Channel(key.clone()));
            for part in [Part::Engine].into_iter().chain(tenants).chain(channels).chain(old.left()) {
                if let Some(saved) = old.save(was, &part) {
                    engine.restore(now, &part, saved, now.since(was));
                }
            }
            engine.start(&mut self.out);
        }
        for (policy, windows) in old.windows() {
            engine.set_windows(now, policy, windows, &mut self.out);
        }
        engine.set_next_op(OpId(self.last_op.0 + 1));
        match &mut self.side {
            Side::Rebuild(hands) => *hands = Hands::default(),
            Side::WhatIf(world) => world.forget_asked(),
        }
        self.out.clear();
        self.engine = Some(engine);
    }

    fn restore(&mut self, part: &str, state: Saved, elapsed: Duration) {
        if let (Some(engine), Ok(part)) = (&mut self.engine, part.parse()) {
            engine.restore(self.now, &part, state, elapsed);
        }
    }

    fn open(&mut self, policy: &str, windows: Windows) {
        if let Some(engine) = &mut self.engine {
            engine.set_windows(self.now, policy, windows, &mut self.out);
        }
    }

    fn refer(&mut self, answered: u32, of: u32) {
        if let Some(engine) = &mut self.engine {
            engine.set_references(self.now, answered, of, &mut self.out);
        }
    }

    fn adopt(&mut self, action: Action) {
        let Some(engine) = &mut self.engine else { return };
        self.last_op = OpId(self.last_op.0.max(action.op.0));
        match &mut self.side {
            Side::Rebuild(hands) => hands.done(action.op, action.op),
            Side::WhatIf(world) => world.adopted(&action),
        }
        engine.adopt_orphan(self.now, action);
    }

    fn start(&mut self) {
        self.restoring = false;
        if let Some(engine) = &mut self.engine {
            engine.start(&mut self.out);
        }
        self.settle();
    }

    /// What time alone brings about, up to `to`.
    fn pass_to(&mut self, to: Time) {
        loop {
            let Some(engine) = &mut self.engine else { return };
            let answer = match &self.side {
                Side::WhatIf(world) => world.due(),
                Side::Rebuild(_) => None,
            };
            let tick = engine.next_deadline();
            let Some(at) = [tick, answer].into_iter().flatten().min().filter(|at| *at <= to) else { break };
            self.now = self.now.max(at);
            if tick.is_some_and(|tick| tick <= self.now) {
                engine.tick(self.now, &mut self.out);
            }
            if let Side::WhatIf(world) = &mut self.side {
                for (channel, answer) in world.answers(self.now) {
                    engine.observe(self.now, &channel, &answer, &mut self.out);
                }
            }
            self.settle();
        }
        self.now = self.now.max(to);
    }

    fn tell(&mut self, tenant: Option<&crate::policy::TenantId>, channel: Option<&ChannelKey>, fact: Fact) {
        let (Some(engine), now, out) = (&mut self.engine, self.now, &mut self.out) else { return };
        match fact {
            Fact::Observed(mut real) => {
                let Some(channel) = channel else { return };
                self.timeline.shift_observation(&mut real);
                match &mut self.side {
                    Side::Rebuild(_) => engine.observe(now, channel, &real, out),
                    Side::WhatIf(world) => {
                        observe(engine, world, now, channel, &mut real, out);
                        world.keep(channel, real);
                    }
                }
            }
            Fact::Paced(pace) => {
                if let Some(tenant) = tenant {
                    engine.set_pace(now, tenant, pace, out);
                }
            }
            Fact::EffectiveInterval(interval) => {
                if let Some(tenant) = tenant {
                    engine.set_effective_interval(now, tenant, interval, out);
                }
            }
            Fact::Acted(action) => match &mut self.side {
                Side::Rebuild(hands) => {
                    if let Some(imposed) = hands.really_acted(&action, &mut self.last_op) {
                        engine.adopt_orphan(now, imposed);
                    }
                }
                Side::WhatIf(world) => world.really_acted(&action),
            },
            Fact::Outcome { op, outcome } => {
                let own = match &mut self.side {
                    Side::Rebuild(hands) => hands.over(op),
                    Side::WhatIf(world) => world.over(op),
                };
                if let Some(op) = own {
                    engine.outcome(now, op, outcome, out);
                }
            }
            Fact::Ordered { order, who } => {
                // In another past there may be nothing to which the order applies.
                let _ = engine.operator(now, &order, &who, out);
            }
            Fact::OwnChange { primary, lasts } => {
                if let Some(channel) = channel {
                    engine.note_own_change(now, channel, &primary, now + lasts);
                }
            }
            Fact::Windows { policy, windows } => engine.set_windows(now, &policy, windows, out),
            Fact::References { answered, of } => {
                engine.set_references(now, answered, of, out);
            }
            Fact::JournalWritable(writable) => engine.set_journal_writable(now, writable, out),
            Fact::ClockJumped => engine.clock_jumped(now, out),
            Fact::Started
            | Fact::Checkpoint
            | Fact::Restored { .. }
            | Fact::Adopted(_)
            | Fact::Reconfigured
            | Fact::Reason(_) => {}
        }
    }

    /// Deals with what the engine wants done.
    fn settle(&mut self) {
        while !self.out.is_empty() {
            let mut over = Vec::new();
            for command in std::mem::take(&mut self.out) {
                match (command, &mut self.side) {
                    (Command::Record(record), _) => {
                        if let Some(decision) = Decision::of_record(self.timeline.wall_at(self.now), &record) {
                            keep(&mut self.decisions, &mut self.not_kept, decision);
                        }
                    }
                    (Command::Act(action), side) => {
                        self.last_op = OpId(self.last_op.0.max(action.op.0));
                        match side {
                            Side::Rebuild(hands) => hands.wants(action),
                            Side::WhatIf(world) => {
                                world.act(&action);
                                over.push(action.op);
                            }
                        }
                    }
                    (Command::LookNow { channel }, Side::WhatIf(world)) => world.ask(self.now, channel),
                    _ => {}
                }
            }
            for op in over {
                let Some(engine) = &mut self.engine else { return };
                engine.outcome(self.now, op, Outcome::Applied { siblings_lost: Vec::new() }, &mut self.out);
            }
        }
    }

    /// What this engine wanted and the real one did not.
    fn withdraw(&mut self) {
        let (Side::Rebuild(hands), Some(engine)) = (&mut self.side, &mut self.engine) else { return };
        for op in hands.unconfirmed() {
            engine.disown(self.now, op, &mut self.out);
        }
        self.settle();
    }
}

fn observe(
    engine: &mut Engine,
    world: &mut World,
    now: Time,
    channel: &ChannelKey,
    real: &mut Observation,
    out: &mut Vec<Command>,
) {
    match world.show(channel, real) {
        Shown::AsItIs => engine.observe(now, channel, real, out),
        Shown::Otherwise(shown) => engine.observe(now, channel, &shown, out),
        Shown::Nothing => {}
    }
}

fn keep(decisions: &mut Vec<Decision>, not_kept: &mut usize, decision: Decision) {
    if decisions.len() < MAX_DECISIONS {
        decisions.push(decision);
    } else {
        *not_kept += 1;
    }
}
