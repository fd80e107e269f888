//! How the tasks of a batch are done, as the ledger and a plan keep it.

use serde::{Deserialize, Serialize};

use super::super::args::{PinAlphabet, ResetWhen};
use super::super::settings::EnrollSettings;

/// Wishes for the keys of a batch, resolved when it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchSettings {
    /// When keys are wiped.
    pub(super) reset: ResetWhen,
    /// A key that cannot force a PIN change was agreed to.
    pub(super) allow_unforced_pin: bool,
    /// Name of the passkeys.
    pub(super) display_name: Option<String>,
    /// Length of the temporary PINs.
    pub(super) pin_length: Option<u8>,
    /// Characters of the temporary PINs.
    pub(super) pin_alphabet: PinAlphabet,
    /// Users get a message, as the profile says.
    pub(super) notice: bool,
}

impl From<&EnrollSettings> for BatchSettings {
    fn from(settings: &EnrollSettings) -> Self {
        Self {
            reset: settings.reset,
            allow_unforced_pin: settings.allow_unforced_pin,
            display_name: settings.display_name.clone(),
            pin_length: settings.pin_length,
            pin_alphabet: settings.pin_alphabet,
            notice: settings.notice.is_some(),
        }
    }
}
