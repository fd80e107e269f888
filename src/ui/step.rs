//! The steps of an enrolment, as they are told.

use serde::Serialize;

/// A step of the flow, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Checking everything that can be checked.
    Preflight,
    /// Wiping the key.
    Erase,
    /// Setting the temporary PIN.
    Pin,
    /// Making the settings of the key stricter.
    Harden,
    /// Making the passkey.
    Make,
    /// Checking what the key made.
    Verify,
    /// Forcing the PIN change.
    Seal,
    /// Registering with the tenant.
    Register,
    /// Writing down what another station registers.
    Deposit,
    /// Handing the PIN over.
    HandOver,
}
