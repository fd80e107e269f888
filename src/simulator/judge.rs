//! The judge of the shipped training tenant: our own check. Tests judge with a library that is not ours.

use sha2::{Digest, Sha256};

use crate::simulator::tenant::{AttestationJudge, AttestationLevel, Submission};
use crate::webauthn::{AttestationError, AttestationObject, ClientData, CreationOptions, Expected, RelyingParty, Roots};
use crate::webauthn::{Trust, UserEntity};

/// Judges by [`AttestationObject::verify`].
///
/// Without roots a sound attestation certificate vouches for its model, so that a real key can rehearse too.
#[derive(Clone, Debug, Default)]
pub struct OwnJudge {
    /// The roots that an attestation has to lead to.
    pub roots: Roots,
}

impl OwnJudge {
    fn trust(&self, submission: &Submission<'_>) -> Result<Trust, AttestationError> {
        let options = CreationOptions {
            rp: RelyingParty { id: submission.rp_id.to_owned(), name: String::new() },
            user: UserEntity { id: Vec::new(), name: String::new(), display_name: String::new() },
            challenge: submission.challenge.to_owned(),
            algorithms: submission.algorithms.to_vec(),
            exclude: Vec::new(),
            hmac_secret: false,
            cred_protect: None,
        };
        ClientData::check(submission.client_data_json, &options)?;
        let hash = Sha256::digest(submission.client_data_json).into();
        let expected = Expected::by_hash(&options, hash).with_roots(self.roots.clone());
        Ok(AttestationObject::parse(submission.attestation_object)?.verify(&expected)?.trust)
    }
}

impl AttestationJudge for OwnJudge {
    fn judge(&self, submission: &Submission<'_>) -> Result<AttestationLevel, String> {
        match self.trust(submission).map_err(|error| error.to_string())? {
            Trust::Chain | Trust::Leaf => Ok(AttestationLevel::Attested),
            Trust::None | Trust::SelfAttested | Trust::Unchecked(_) => Ok(AttestationLevel::NotAttested),
        }
    }
}
