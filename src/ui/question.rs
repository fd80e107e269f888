//! What is asked.

/// Something that only a person can decide.
#[derive(Clone, Debug)]
pub enum Question {
    /// The key will lose this. Go on?
    EraseKey {
        /// Which key.
        key: String,
        /// What will be lost.
        loss: String,
    },
    /// The key cannot force a PIN change: staff will know a PIN that stays valid. Go on?
    UnforcedPin {
        /// Which key.
        key: String,
    },
    /// Nothing proves that this is the key that was taken out. Is it?
    SameKey {
        /// Which key.
        key: String,
    },
    /// Has the PIN reached its user (or the envelope)?
    HandedOver,
    /// A passkey will be removed for good. Go on?
    Remove {
        /// Which one, and whose.
        what: String,
        /// Where it is: the tenant or the key.
        place: String,
    },
    /// These passkeys of a user will be removed from the tenant. Go on?
    RemovePasskeys {
        /// Whose.
        upn: String,
        /// What goes.
        goes: Vec<String>,
        /// What stays.
        stays: Vec<String>,
    },
    /// A passkey that was made elsewhere will be registered: nothing tells who knows the PIN of its key. Go on?
    UnknownPin {
        /// Whose it will be.
        upn: String,
    },
    /// A file is there already: what is in it will be gone. Go on?
    Overwrite {
        /// Which file.
        path: String,
    },
    /// The user has a Temporary Access Pass, or may have one: a new one takes its place. Go on?
    ReplacePass {
        /// Whose.
        upn: String,
        /// What is known of the pass that goes.
        pass: String,
    },
}

impl Question {
    /// The question as a sentence.
    pub fn text(&self) -> String {
        match self {
            Self::EraseKey { key, loss } => format!("{key} will be wiped and loses {loss}. Wipe it?"),
            Self::UnforcedPin { key } => {
                format!("{key} cannot force a PIN change: the temporary PIN stays valid until its user changes it. Go on?")
            }
            Self::SameKey { key } => format!("Nothing proves that {key} is the key you took out. Is it the same key?"),
            Self::HandedOver => "Has the PIN been handed over?".into(),
            Self::Remove { what, place } => format!("{what} will be removed from {place} for good. Remove it?"),
            Self::RemovePasskeys { upn, goes, stays } => {
                let stays = if stays.is_empty() { "none: these are the last ones".into() } else { stays.join(", ") };
                format!(
                    "Of the passkeys of {upn} these will be removed from the tenant for good: {}. These stay: {stays}. Go on?",
                    goes.join(", ")
                )
            }
            Self::UnknownPin { upn } => format!(
                "This passkey was made elsewhere: nothing tells who knows the PIN of its key, or whether it has to be changed. \
                 Register it for {upn}?"
            ),
            Self::Overwrite { path } => format!("{path} is there already, and what is in it will be gone. Overwrite it?"),
            Self::ReplacePass { upn, pass } => format!("{upn} {pass}. A new pass takes its place. Issue it?"),
        }
    }
}

#[cfg(test)]
impl Question {
    /// One of every kind. A new kind does not compile until it has one.
    pub(super) fn samples() -> Vec<Self> {
        let text = || String::from("x");
        let all = vec![
            Self::EraseKey { key: text(), loss: text() },
            Self::UnforcedPin { key: text() },
            Self::SameKey { key: text() },
            Self::HandedOver,
            Self::Remove { what: text(), place: text() },
            Self::RemovePasskeys { upn: text(), goes: vec![text()], stays: Vec::new() },
            Self::UnknownPin { upn: text() },
            Self::Overwrite { path: text() },
            Self::ReplacePass { upn: text(), pass: text() },
        ];
        for question in &all {
            match question {
                Self::EraseKey { .. }
                | Self::UnforcedPin { .. }
                | Self::SameKey { .. }
                | Self::HandedOver
                | Self::Remove { .. }
                | Self::RemovePasskeys { .. }
                | Self::UnknownPin { .. }
                | Self::Overwrite { .. }
                | Self::ReplacePass { .. } => {}
            }
        }
        all
    }
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
}
