//! The scripts of ours that runs are kept of.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Script {
    /// Copies calls and assistants from Vapi.
    Sync,
    /// Scores calls.
    Qci,
}

impl Script {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sync, Self::Qci];

    /// Its name in `runs`, events and addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "vapi-sync",
            Self::Qci => "qci-analysis",
        }
    }

    /// The script of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|script| script.as_str() == name)
    }
}
