//! The doors: TCP for everybody, a Unix socket for the command line.

/// A door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Tcp,
    Control,
}

impl Face {
    /// The metric label.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Control => "control",
        }
    }
}
