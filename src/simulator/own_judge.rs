//! The judge of the training tenant that ships: this program's own check of an attestation. Tests hand in another one.

use sha2::{Digest as _, Sha256};

use crate::simulator::tenant::{AttestationJudge, AttestationLevel, Submission};
use crate::webauthn::{
    AttestationError, AttestationObject, ClientData, CreationOptions, Expected, RelyingParty, Trust, UserEntity,
};

/// Checks the signature and the rules for attestation certificates. Roots are not asked for, so that any key can rehearse.
#[derive(Clone, Copy, Debug)]
pub struct OwnJudge;

impl OwnJudge {
    fn trust(submission: &Submission<'_>) -> Result<Trust, AttestationError> {
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
        let object = AttestationObject::parse(submission.attestation_object)?;
        Ok(object.verify(&Expected::by_hash(&options, hash))?.trust)
    }
}

impl AttestationJudge for OwnJudge {
    fn judge(&self, submission: &Submission<'_>) -> Result<AttestationLevel, String> {
        match Self::trust(submission) {
            Ok(Trust::Leaf | Trust::Chain) => Ok(AttestationLevel::Attested),
            Ok(Trust::None | Trust::SelfAttested | Trust::Unchecked(_)) => Ok(AttestationLevel::NotAttested),
            Err(error) => Err(error.to_string()),
        }
    }
}
