//! What of an answer could not be read: counted by its kind, and the first of each kind told by its place.
//!
//! Must never: hold the platform's own words; a place is a field's path and an id that was read.

/// What could not be read, or not in full: a closed list, the `what` of `malformed_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Malformed {
    /// A whole answer.
    Answer,
    /// A row of the list that is no channel: without an id, or with one that is none.
    Channel,
    /// Where traffic goes.
    Route,
    /// A backup that is no id, or one too many.
    Backup,
    /// A codec without a name or a whole priority. It stays where it stands.
    Codec,
    /// A text that was cut, or of which characters were replaced.
    Text,
    /// Another field of another type than the contract's.
    Field,
    /// An item of telemetry.
    Telemetry,
    /// An item of telemetry whose time is none, not certain, or yet to come.
    Time,
    /// A call of a list of calls.
    Call,
    /// An `Age` that is no number, or above a day.
    Age,
    /// A channel that a list shows a second time.
    Repeated,
}

impl Malformed {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Answer,
        Self::Channel,
        Self::Route,
        Self::Backup,
        Self::Codec,
        Self::Text,
        Self::Field,
        Self::Telemetry,
        Self::Time,
        Self::Call,
        Self::Age,
        Self::Repeated,
    ];

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Channel => "channel",
            Self::Route => "route",
            Self::Backup => "backup",
            Self::Codec => "codec",
            Self::Text => "text",
            Self::Field => "field",
            Self::Telemetry => "telemetry",
            Self::Time => "time",
            Self::Call => "call",
            Self::Age => "age",
            Self::Repeated => "repeated",
        }
    }
}

/// What could not be read of one answer. At most one entry for each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread(Vec<Lapse>);

/// One kind of what could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    /// Which kind.
    pub what: Malformed,
    /// How often.
    pub count: u32,
    /// Where the first was.
    pub place: String,
}

impl Unread {
    /// One more of `what`; `place` is asked for the first of each kind only.
    pub fn note(&mut self, what: Malformed, place: impl FnOnce() -> String) {
        self.add(what, 1, place);
    }

    /// So many more of `what`.
    pub fn add(&mut self, what: Malformed, count: u32, place: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|lapse| lapse.what == what) {
            Some(lapse) => lapse.count = lapse.count.saturating_add(count),
            None => self.0.push(Lapse { what, count, place: place() }),
        }
    }

    /// How often `what` could not be read.
    pub fn count(&self, what: Malformed) -> u32 {
        self.lapses().filter(|lapse| lapse.what == what).map(|lapse| lapse.count).sum()
    }

    /// Each kind that there was.
    pub fn lapses(&self) -> impl Iterator<Item = &Lapse> {
        self.0.iter()
    }
}
