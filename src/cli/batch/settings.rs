//! How the tasks of a batch are done, as the ledger and a plan keep it.

use serde::{Deserialize, Serialize};

use super::super::CliError;
use super::super::args::{PinAlphabet, ResetWhen};
use super::super::profile_file::ProfileFile;
use super::super::settings::EnrollSettings;
use crate::enroll::HardeningRules;
use crate::ledger::{Batch, LedgerError};
use crate::metadata::Severity;

/// Wishes for the keys of a batch, resolved when it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchSettings {
    /// When keys are wiped.
    pub(super) reset: ResetWhen,
    /// A key that cannot force a PIN change was agreed to.
    pub(super) allow_unforced_pin: bool,
    /// Advisories from this severity on stop an enrolment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deny_advisory: Option<Severity>,
    /// Keys prove their model first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) prove_attestation: bool,
    /// Name of the passkeys.
    pub(super) display_name: Option<String>,
    /// Length of the temporary PINs.
    pub(super) pin_length: Option<u8>,
    /// Characters of the temporary PINs.
    pub(super) pin_alphabet: PinAlphabet,
    /// Users get a message, as the profile says.
    pub(super) notice: bool,
    /// How keys are hardened.
    #[serde(default)]
    pub(super) hardening: HardeningRules,
}

impl BatchSettings {
    /// Those that a batch was planned with.
    pub(super) fn of(batch: &Batch) -> Result<Self, CliError> {
        let settings = serde_json::from_value(batch.order.settings.clone());
        settings.map_err(|_| LedgerError::Corrupt(format!("batch {}", batch.id)).into())
    }

    /// As they are wished for one enrolment. The message is as the profile has it now.
    pub(super) fn wishes(self, profile: &ProfileFile) -> Result<EnrollSettings, CliError> {
        let notice = if self.notice { EnrollSettings::resolve(None, profile)?.notice } else { None };
        Ok(EnrollSettings {
            reset: self.reset,
            allow_unforced_pin: self.allow_unforced_pin,
            deny_advisory: self.deny_advisory,
            prove_attestation: self.prove_attestation,
            display_name: self.display_name,
            pin_length: self.pin_length,
            pin_alphabet: self.pin_alphabet,
            notice,
            for_spreadsheet: false,
            hardening: self.hardening,
        })
    }
}

impl From<&EnrollSettings> for BatchSettings {
    fn from(settings: &EnrollSettings) -> Self {
        Self {
            reset: settings.reset,
            allow_unforced_pin: settings.allow_unforced_pin,
            deny_advisory: settings.deny_advisory,
            prove_attestation: settings.prove_attestation,
            display_name: settings.display_name.clone(),
            pin_length: settings.pin_length,
            pin_alphabet: settings.pin_alphabet,
            notice: settings.notice.is_some(),
            hardening: settings.hardening.clone(),
        }
    }
}
