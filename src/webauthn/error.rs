//! What can be wrong with what an authenticator made.

use crate::aaguid::Aaguid;
use crate::advice::{Advice, Advised};
use crate::auth_data::AuthDataError;

/// Why a registration is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// A part cannot be read.
    #[error("the {0} cannot be read")]
    Malformed(&'static str),
    /// The client data says something else than was asked for.
    #[error("the client data has another {0}")]
    ClientData(&'static str),
    /// The credential belongs to another relying party.
    #[error("the credential was made for another relying party")]
    OtherRelyingParty,
    /// A flag that must be set is not.
    #[error("the key did not confirm {0}")]
    FlagMissing(&'static str),
    /// The credential comes from another model than the key said it is.
    #[error("the credential comes from model {found}, the key is of model {expected}")]
    OtherModel {
        /// What the key said before.
        expected: Aaguid,
        /// What the credential says.
        found: Aaguid,
    },
    /// The id is another than the one it was announced with.
    #[error("the credential has another id than announced")]
    OtherCredential,
    /// The key made a credential that was on the list of those it must not have.
    #[error("the user has this credential already")]
    Excluded,
    /// A kind of key that nobody asked for.
    #[error("the credential uses algorithm {0}, which was not asked for")]
    Algorithm(i64),
    /// The algorithm of the statement is not the one of the key that signed.
    #[error("the attestation names an algorithm that its key is not for")]
    AlgorithmMismatch,
    /// The signature is wrong.
    #[error("the signature of the attestation is wrong")]
    Signature,
    /// The attestation certificate breaks a rule of WebAuthn level 3 section 8.2.1.
    #[error("the attestation certificate is not one: {0}")]
    Certificate(&'static str),
    /// The certificate is of another model.
    #[error("the attestation certificate is of another model")]
    CertificateModel,
    /// A certificate of the chain is not valid at the time.
    #[error("a certificate of the attestation is not valid at this time")]
    NotValidNow,
    /// No chain to any root.
    #[error("the attestation does not lead to a root that is trusted for this model")]
    Untrusted,
    /// An algorithm or a curve that cannot be checked here.
    #[error("the attestation uses a {0} that cannot be checked")]
    Unsupported(&'static str),
}

advice! {
    MALFORMED: "attestation/malformed", Key, "The key gave an answer that cannot be read.", "Take the key out, put it back and try again; if it happens again, do not use this key.";
    CLIENT_DATA: "attestation/client-data", Failed, "The client data of a registration is not what was asked for.", "Start the enrolment anew.";
    RELYING_PARTY: "attestation/relying-party", Key, "The key made a credential for another relying party.", "Do not use this key.";
    FLAG: "attestation/flag-missing", Key, "The key did not confirm touch, PIN or attested data.", "Try again; if it happens again, do not use this key.";
    MODEL: "attestation/other-model", Key, "The credential comes from another model than the key said it is.", "Do not use this key.";
    CREDENTIAL: "attestation/other-credential", Failed, "The credential has another id than announced.", "Start the enrolment anew.";
    EXCLUDED: "attestation/excluded", Policy, "The user has this credential already.", "Use another key, or remove the passkey from the tenant first.";
    ALGORITHM: "attestation/algorithm", Key, "The key made a kind of credential that was not asked for.", "Use a model that supports ES256.";
    ALGORITHM_MISMATCH: "attestation/algorithm-mismatch", Key, "The attestation names an algorithm that its key is not for.", "Do not use this key.";
    SIGNATURE: "attestation/signature", Key, "The signature of the attestation is wrong.", "Do not use this key.";
    CERTIFICATE: "attestation/certificate", Key, "The attestation certificate breaks the rules for one.", "Do not use this key, or allow keys without attestation in the tenant's policy.";
    CERTIFICATE_MODEL: "attestation/certificate-model", Key, "The attestation certificate is of another model.", "Do not use this key.";
    NOT_VALID_NOW: "attestation/not-valid-now", Key, "A certificate of the attestation is not valid at this time.", "Check the clock of this computer, then the model's entry in the FIDO metadata.";
    UNTRUSTED: "attestation/untrusted", Policy, "The attestation does not lead to a trusted root.", "Update the metadata with `keywright metadata update`; if the model is not listed, use another one.";
    UNSUPPORTED: "attestation/unsupported", Key, "The attestation uses an algorithm that cannot be checked.", "Use another model.";
}

impl From<AuthDataError> for AttestationError {
    fn from(_: AuthDataError) -> Self {
        Self::Malformed("authenticator data")
    }
}

impl Advised for AttestationError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Malformed(_) => &MALFORMED,
            Self::ClientData(_) => &CLIENT_DATA,
            Self::OtherRelyingParty => &RELYING_PARTY,
            Self::FlagMissing(_) => &FLAG,
            Self::OtherModel { .. } => &MODEL,
            Self::OtherCredential => &CREDENTIAL,
            Self::Excluded => &EXCLUDED,
            Self::Algorithm(_) => &ALGORITHM,
            Self::AlgorithmMismatch => &ALGORITHM_MISMATCH,
            Self::Signature => &SIGNATURE,
            Self::Certificate(_) => &CERTIFICATE,
            Self::CertificateModel => &CERTIFICATE_MODEL,
            Self::NotValidNow => &NOT_VALID_NOW,
            Self::Untrusted => &UNTRUSTED,
            Self::Unsupported(_) => &UNSUPPORTED,
        }
    }
}
