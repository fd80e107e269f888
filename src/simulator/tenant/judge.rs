//! Who decides whether an attestation holds: handed in, so that it is never the code under test.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// Client data, byte-exact.
    pub client_data_json: &'a [u8],
    /// Attestation object, byte-exact.
    pub attestation_object: &'a [u8],
    /// The challenge as it was handed out: base64url without padding.
    pub challenge: &'a str,
    /// Relying party id.
    pub rp_id: &'a str,
    /// Algorithms that were offered.
    pub algorithms: &'a [i64],
}

/// What an attestation proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttestationLevel {
    /// The maker's certificate vouches for the model.
    Attested,
    /// Valid, but nobody vouches: self attestation or none.
    NotAttested,
}

/// Judges attestations.
pub trait AttestationJudge: Send {
    /// Checks signature and, where roots are at hand, the chain.
    ///
    /// # Errors
    /// Why it does not hold.
    fn judge(&self, submission: &Submission<'_>) -> Result<AttestationLevel, String>;
}

impl fmt::Debug for dyn AttestationJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttestationJudge")
    }
}
