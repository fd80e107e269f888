//! Why metadata of the FIDO Alliance is not taken.

use std::path::PathBuf;

use crate::advice::{Advice, Advised};

/// What is wrong with a BLOB, or in the way of it.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It is longer than anything that is looked at.
    #[error("the metadata is longer than {} MiB", .0 >> 20)]
    TooLong(usize),
    /// It is no signed BLOB.
    #[error("this is no signed metadata: {0}")]
    Form(String),
    /// Its algorithm is none that a BLOB is signed with.
    #[error("the metadata is signed with {0}, which is not RS256 or ES256")]
    Algorithm(String),
    /// Its certificates lead to none of the roots.
    #[error("the certificate of the metadata does not lead to a root of the FIDO Metadata Service: {0}")]
    Chain(String),
    /// A certificate is not valid at the time.
    #[error("a certificate of the metadata is not valid at this time: {0}")]
    NotValidNow(String),
    /// It was signed in another name.
    #[error("the metadata was not signed by {0}")]
    OtherSigner(&'static str),
    /// The signature is wrong.
    #[error("the signature of the metadata is wrong")]
    Signature,
    /// It is older than what is here.
    #[error("this is metadata number {offered}, and number {stored} is here already")]
    RolledBack {
        /// Number of what is here.
        stored: u64,
        /// Number of what was offered.
        offered: u64,
    },
    /// It could not be fetched.
    #[error("the metadata could not be fetched from {url}: {reason}")]
    Unreachable {
        /// From where.
        url: String,
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

advice! {
    TOO_LONG: "metadata/too-long", Failed, "The metadata is longer than anything that is looked at.", "Fetch it anew with `keywright metadata update`.";
    FORM: "metadata/form", Failed, "The file is no signed metadata.", "Fetch it anew with `keywright metadata update`, or from the FIDO Metadata Service with another program and --file.";
    ALGORITHM: "metadata/algorithm", Failed, "The metadata is signed in a way that is not used for it.", "Fetch it anew with `keywright metadata update`; do not use this file.";
    CHAIN: "metadata/chain", Failed, "The metadata is not vouched for by a root of the FIDO Metadata Service.", "Fetch it anew from another network: something between may have changed it. Do not use this file.";
    NOT_VALID_NOW: "metadata/not-valid-now", Failed, "A certificate of the metadata is not valid at this time.", "Check the clock of this computer, then fetch it anew with `keywright metadata update`.";
    OTHER_SIGNER: "metadata/other-signer", Failed, "The metadata was signed by somebody else.", "Fetch it anew with `keywright metadata update`; do not use this file.";
    SIGNATURE: "metadata/signature", Failed, "The signature of the metadata is wrong.", "Fetch it anew with `keywright metadata update`; do not use this file.";
    ROLLED_BACK: "metadata/rolled-back", Failed, "The metadata is older than what is here; nothing was changed.", "Fetch the present one with `keywright metadata update`.";
    UNREACHABLE: "metadata/unreachable", Tenant, "The metadata could not be fetched; nothing was changed.", "Check the network and the proxy, or fetch it elsewhere and name it with --file.";
    FILE: "metadata/file", Failed, "The file of the metadata cannot be read or written.", "Check the path and its permissions; `keywright metadata show` says where it is kept.";
}

impl Advised for MetadataError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::TooLong(_) => &TOO_LONG,
            Self::Form(_) => &FORM,
            Self::Algorithm(_) => &ALGORITHM,
            Self::Chain(_) => &CHAIN,
            Self::NotValidNow(_) => &NOT_VALID_NOW,
            Self::OtherSigner(_) => &OTHER_SIGNER,
            Self::Signature => &SIGNATURE,
            Self::RolledBack { .. } => &ROLLED_BACK,
            Self::Unreachable { .. } => &UNREACHABLE,
            Self::File { .. } => &FILE,
        }
    }
}
