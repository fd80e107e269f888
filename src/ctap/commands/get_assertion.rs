//! authenticatorGetAssertion and authenticatorGetNextAssertion (CTAP 2.3 sections 6.2 and 6.3).

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::ctap::cbor::{Map, Value};
use crate::ctap::commands::Command;
use crate::ctap::commands::make_credential::descriptors;
use crate::ctap::{AuthData, Authenticator, CtapError, GetAssertion, PinProtocol, PinToken, ReplyError, ResidentUser};

/// Time for a person to touch the key.
const TOUCH: Duration = Duration::from_mins(1);
/// Most assertions fetched for one request, whatever the authenticator claims to have.
const MOST: u64 = 256;

/// What to sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssertionRequest {
    /// SHA-256 of the client data.
    pub client_data_hash: [u8; 32],
    /// Relying party id.
    pub rp_id: String,
    /// Credentials that may sign; empty = any discoverable one.
    pub allow: Vec<Vec<u8>>,
    /// Without user presence: only to learn whether a credential is there.
    pub silent: bool,
    /// Asks for the credBlob.
    pub cred_blob: bool,
}

/// An assertion. The signature is not verified here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Credential id; may be missing if only one was allowed.
    pub credential_id: Option<Vec<u8>>,
    /// Authenticator data, verbatim.
    pub auth_data: Vec<u8>,
    /// The same, taken apart.
    pub parsed: AuthData,
    /// Signature over authenticator data and client data hash.
    pub signature: Vec<u8>,
    /// The account.
    pub user: Option<ResidentUser>,
    /// How many credentials could sign, if more than this one.
    pub number_of_credentials: Option<u64>,
}

impl Authenticator {
    /// Every assertion that the request can get. The key wants a touch unless the request is silent.
    ///
    /// # Errors
    /// [`CtapError`]; status 0x2E means that no credential is there.
    pub fn get_assertion(
        &mut self,
        token: Option<PinToken<GetAssertion>>,
        request: &AssertionRequest,
    ) -> Result<Vec<Assertion>, CtapError> {
        if token.as_ref().and_then(PinToken::rp_id).is_some_and(|rp_id| rp_id != request.rp_id) {
            return Err(CtapError::OtherRelyingParty);
        }
        let proof = token.map(|token| (token.protocol(), token.authenticate(&[&request.client_data_hash])));
        let first = self.send_assertion(proof.as_ref(), request)?;
        let more = first.number_of_credentials.unwrap_or(1).min(MOST).saturating_sub(1);
        let mut assertions = vec![first];
        for _ in 0..more {
            let reply = self.call(Command::GetNextAssertion, &Map::new(), TOUCH)?;
            assertions.push(Assertion::parse(reply.cbor(), &request.rp_id)?);
        }
        Ok(assertions)
    }

    /// One assertion, proven by a MAC over the client data hash.
    pub(crate) fn send_assertion(
        &mut self,
        proof: Option<&(PinProtocol, Vec<u8>)>,
        request: &AssertionRequest,
    ) -> Result<Assertion, CtapError> {
        let blob = request.cred_blob && self.info().supports_extension("credBlob");
        let (protocol, auth) = proof.map(|(protocol, auth)| (protocol.number(), auth.as_slice())).unzip();
        let body = Map::new()
            .at(1, request.rp_id.as_str())
            .at(2, &request.client_data_hash[..])
            .at_some(3, (!request.allow.is_empty()).then(|| descriptors(&request.allow)))
            .at_some(4, blob.then(|| Map::new().named("credBlob", true)))
            .at_some(5, request.silent.then(|| Map::new().named("up", false)))
            .at_some(6, auth)
            .at_some(7, protocol);
        let reply = self.call(Command::GetAssertion, &body, TOUCH)?;
        Ok(Assertion::parse(reply.cbor(), &request.rp_id)?)
    }
}

impl Assertion {
    /// Reads the answer's CBOR and checks that it is for `rp_id`.
    ///
    /// # Errors
    /// [`ReplyError`] names the member that breaks the rules.
    pub fn parse(cbor: &[u8], rp_id: &str) -> Result<Self, ReplyError> {
        let members = Value::parse(cbor)?.members("getAssertion")?;
        let auth_data = members.need(2, "authData")?.bytes("authData")?;
        let parsed = AuthData::parse(auth_data)?;
        if parsed.rp_id_hash[..] != Sha256::digest(rp_id.as_bytes())[..] {
            return Err(ReplyError::Mismatch("authData.rpIdHash"));
        }
        let id = members.get(1).map(|value| value.field("id", "credential")).transpose()?.flatten();
        Ok(Self {
            credential_id: id.map(|id| id.bytes("credential.id").map(<[u8]>::to_vec)).transpose()?,
            auth_data: auth_data.to_vec(),
            parsed,
            signature: members.need(3, "signature")?.bytes("signature")?.to_vec(),
            user: members.get(4).map(ResidentUser::parse).transpose()?,
            number_of_credentials: members.read(5, "numberOfCredentials", Value::u64)?,
        })
    }
}
