//! authenticatorMakeCredential (CTAP 2.3 section 6.1).

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::ctap::cbor::{Item, Map, Value};
use crate::ctap::commands::{AssertionRequest, Command};
use crate::ctap::{AttestedCredential, AuthData, Authenticator, CtapError, ExtensionOutputs, Feature, LinkError, MakeCredential};
use crate::ctap::{PinToken, Pinned, ReplyError, Status};
use crate::secret::SecretBytes;

/// Time for a person to touch the key, and for the key to make the pair of keys.
pub(super) const TOUCH: Duration = Duration::from_mins(1);
/// What a descriptor `{id, type: "public-key"}` needs on the wire beside the id, at most.
const DESCRIPTOR: usize = 32;

/// What to make: a discoverable credential under a PIN token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCredential {
    /// SHA-256 of the client data.
    pub client_data_hash: [u8; 32],
    /// Relying party id; the token has to be for the same.
    pub rp_id: String,
    /// Name of the relying party.
    pub rp_name: String,
    /// User handle, 1 to 64 bytes.
    pub user_id: Vec<u8>,
    /// Account name.
    pub user_name: String,
    /// Name for people.
    pub user_display_name: String,
    /// COSE algorithm numbers, most wanted first.
    pub algorithms: Vec<i64>,
    /// Credentials that must not be on the authenticator already.
    pub exclude: Vec<Vec<u8>>,
    /// Level of credProtect, 1 to 3. Extensions that the authenticator does not list are not sent.
    pub cred_protect: Option<u8>,
    /// Asks for hmac-secret.
    pub hmac_secret: bool,
    /// Asks for the minimum PIN length in the answer.
    pub min_pin_length: bool,
    /// Asks for a key of a large blob.
    pub large_blob_key: bool,
    /// A credBlob to store.
    pub cred_blob: Option<Vec<u8>>,
    /// Enterprise attestation: 1 vendor-facilitated, 2 platform-managed.
    pub enterprise_attestation: Option<u8>,
    /// Attestation statement formats, most wanted first; empty = the authenticator's choice. Sent to CTAP 2.2 and later.
    pub formats: Vec<String>,
}

/// A credential as the authenticator attested it. Nothing is verified here.
pub struct Attested {
    /// Attestation statement format.
    pub fmt: String,
    /// Authenticator data, verbatim.
    pub auth_data: Vec<u8>,
    /// Attestation statement, raw CBOR, verbatim.
    pub att_stmt: Vec<u8>,
    /// Whether the attestation names the unit; `None` if not said.
    pub ep_att: Option<bool>,
    /// Key of the large blob, if asked for.
    pub large_blob_key: Option<SecretBytes>,
    /// Unsigned extension outputs, raw CBOR.
    pub unsigned_extension_outputs: Option<Vec<u8>>,
    /// `auth_data`, taken apart.
    pub parsed: AuthData,
    /// What the extensions in it say.
    pub extensions: ExtensionOutputs,
    /// The new credential out of it.
    pub credential: AttestedCredential,
}

impl std::fmt::Debug for Attested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attested").field("fmt", &self.fmt).field("parsed", &self.parsed).finish_non_exhaustive()
    }
}

impl Pinned {
    /// Makes a discoverable credential. The key wants a touch; the token is used up.
    ///
    /// An exclude list beyond what the authenticator takes at once is looked through silently first, by assertions
    /// without user presence; what is found is then left to the authenticator to refuse, with a touch, as status 0x19.
    ///
    /// # Errors
    /// [`CtapError`]. After a link error a credential may have been made.
    #[expect(clippy::needless_pass_by_value, reason = "the token is used up")]
    pub fn make_credential(&mut self, token: PinToken<MakeCredential>, wanted: &NewCredential) -> Result<Attested, CtapError> {
        let first = self.authenticator().send_make(&token, wanted);
        self.or_under_the_other_protocol(first, &token, |state| {
            let token = state.token_for_make(&wanted.rp_id)?;
            state.authenticator().send_make(&token, wanted)
        })
    }
}

impl Authenticator {
    fn send_make(&mut self, token: &PinToken<MakeCredential>, wanted: &NewCredential) -> Result<Attested, CtapError> {
        if wanted.enterprise_attestation.is_some() && self.info().enterprise_attestation() != Some(true) {
            return Err(CtapError::Unsupported(Feature::EnterpriseAttestation));
        }
        if token.rp_id() != Some(&wanted.rp_id) {
            return Err(CtapError::OtherRelyingParty);
        }
        let exclude = self.excludable(token, wanted)?;
        let auth = token.authenticate(&[&wanted.client_data_hash]);
        let body = wanted
            .body(self, &exclude)
            .at(8, auth.as_slice())
            .at(9, token.protocol().number())
            .at_some(0x0A, wanted.enterprise_attestation);
        let reply = self.call(Command::MakeCredential, &body, TOUCH)?;
        self.proven = Some(token.protocol());
        Ok(Attested::parse(reply.cbor(), &wanted.rp_id)?)
    }

    /// The exclude list as the authenticator can take it.
    fn excludable(&mut self, token: &PinToken<MakeCredential>, wanted: &NewCredential) -> Result<Vec<Vec<u8>>, CtapError> {
        let longest = self.info().max_credential_id_length.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let fitting: Vec<_> = wanted.exclude.iter().filter(|id| id.len() <= longest).cloned().collect();
        let room = self.room_for_exclusion(wanted);
        let chunks = chunks(&fitting, self.list_limit(), room)?;
        if let [] | [_] = chunks.as_slice() {
            return Ok(fitting);
        }
        let proof = (token.protocol(), token.authenticate(&[&wanted.client_data_hash]));
        for chunk in chunks {
            let probe = AssertionRequest {
                rp_id: wanted.rp_id.clone(),
                client_data_hash: wanted.client_data_hash,
                allow: chunk.to_vec(),
                silent: true,
                ..AssertionRequest::default()
            };
            match self.send_assertion(Some(&proof), &probe) {
                Ok(found) => {
                    let id = found.credential_id.or_else(|| chunk.first().cloned());
                    return Ok(id.into_iter().collect());
                }
                Err(error) if error.is(Status::NO_CREDENTIALS) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Vec::new())
    }

    /// Most ids that the authenticator takes in one list. One that does not say so is only known to take one.
    fn list_limit(&self) -> usize {
        self.info().max_credential_count_in_list.map_or(1, |n| usize::try_from(n).unwrap_or(usize::MAX)).max(1)
    }

    /// Bytes of a message that the exclude list may take.
    fn room_for_exclusion(&self, wanted: &NewCredential) -> usize {
        const PROOF_AND_HEADS: usize = 64;
        let rest = wanted.body(self, &[]).encode(&[]).len().saturating_add(PROOF_AND_HEADS);
        self.info().max_msg_size().saturating_sub(rest)
    }
}

/// Cuts a list of ids into pieces of at most `limit` ids and `room` bytes.
fn chunks(ids: &[Vec<u8>], limit: usize, room: usize) -> Result<Vec<&[Vec<u8>]>, LinkError> {
    let mut chunks = Vec::new();
    let mut rest = ids;
    while !rest.is_empty() {
        let mut used = 0_usize;
        let count = rest
            .iter()
            .take(limit)
            .take_while(|id| {
                used = used.saturating_add(id.len()).saturating_add(DESCRIPTOR);
                used <= room
            })
            .count();
        let (chunk, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        if chunk.is_empty() {
            return Err(LinkError::TooLong(used));
        }
        chunks.push(chunk);
        rest = after;
    }
    Ok(chunks)
}

/// A list of credential descriptors.
pub(crate) fn descriptors(ids: &[Vec<u8>]) -> Vec<Item<'_>> {
    ids.iter().map(|id| Item::Map(Map::new().named("id", id.as_slice()).named("type", "public-key"))).collect()
}

impl NewCredential {
    fn body<'a>(&'a self, key: &Authenticator, exclude: &'a [Vec<u8>]) -> Map<'a> {
        let rp = Map::new().named("id", self.rp_id.as_str()).named("name", self.rp_name.as_str());
        let user = Map::new()
            .named("id", self.user_id.as_slice())
            .named("name", self.user_name.as_str())
            .named("displayName", self.user_display_name.as_str());
        let algorithms: Vec<_> = self
            .algorithms
            .iter()
            .map(|number| Item::Map(Map::new().named("alg", *number).named("type", "public-key")))
            .collect();
        let extensions = self.extensions(key);
        let knows_formats = key.info().attestation_formats.is_some() && !self.formats.is_empty();
        let formats = knows_formats.then(|| self.formats.iter().map(|name| Item::Text(name)).collect::<Vec<_>>());
        Map::new()
            .at(1, &self.client_data_hash[..])
            .at(2, rp)
            .at(3, user)
            .at(4, algorithms)
            .at_some(5, (!exclude.is_empty()).then(|| descriptors(exclude)))
            .at_some(6, (!extensions.is_empty()).then_some(extensions))
            .at(7, Map::new().named("rk", true))
            .at_some(0x0B, formats)
    }

    fn extensions(&self, key: &Authenticator) -> Map<'_> {
        let has = |name| key.info().supports_extension(name);
        let mut map = Map::new();
        if let Some(level) = self.cred_protect.filter(|_| has("credProtect")) {
            map = map.named("credProtect", level);
        }
        if let Some(blob) = self.cred_blob.as_deref().filter(|_| has("credBlob")) {
            map = map.named("credBlob", blob);
        }
        for (wanted, name) in
            [(self.hmac_secret, "hmac-secret"), (self.min_pin_length, "minPinLength"), (self.large_blob_key, "largeBlobKey")]
        {
            if wanted && has(name) {
                map = map.named(name, true);
            }
        }
        map
    }
}

impl Attested {
    /// Reads the answer's CBOR and checks that it is for `rp_id`.
    ///
    /// # Errors
    /// [`ReplyError`] names the member that breaks the rules.
    pub fn parse(cbor: &[u8], rp_id: &str) -> Result<Self, ReplyError> {
        let members = Value::parse(cbor)?.members("makeCredential")?;
        let auth_data = members.need(2, "authData")?.bytes("authData")?;
        let statement = members.need(3, "attStmt")?;
        statement.fields("attStmt")?;
        let parsed = AuthData::parse(auth_data)?;
        if parsed.rp_id_hash[..] != Sha256::digest(rp_id.as_bytes())[..] {
            return Err(ReplyError::Mismatch("authData.rpIdHash"));
        }
        let credential = parsed.credential.clone().ok_or(ReplyError::Missing("attestedCredentialData"))?;
        Ok(Self {
            fmt: members.need(1, "fmt")?.text("fmt")?.to_owned(),
            auth_data: auth_data.to_vec(),
            att_stmt: statement.raw().to_vec(),
            ep_att: members.get(4).map(|value| value.bool("epAtt")).transpose()?,
            large_blob_key: members
                .get(5)
                .map(|value| value.bytes("largeBlobKey").map(|bytes| SecretBytes::new(bytes.to_vec())))
                .transpose()?,
            unsigned_extension_outputs: members.get(6).map(|value| value.raw().to_vec()),
            extensions: ExtensionOutputs::of(&parsed)?,
            parsed,
            credential,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctap::tests::{KEY, RP, attested_data, auth_data, credential_reply, least_info, ok, scripted, texts, token};

    fn wanted() -> NewCredential {
        NewCredential {
            client_data_hash: [5; 32],
            rp_id: RP.into(),
            user_id: vec![1; 16],
            algorithms: vec![-7, -257],
            cred_protect: Some(1),
            hmac_secret: true,
            min_pin_length: true,
            large_blob_key: true,
            cred_blob: Some(vec![7; 4]),
            enterprise_attestation: Some(2),
            formats: vec!["packed".into(), "none".into()],
            ..NewCredential::default()
        }
    }

    fn request(info: &Map<'_>, wanted: &NewCredential) -> Vec<u8> {
        let made = credential_reply(&auth_data(0x45, &attested_data(16, &[1; 16], KEY)));
        let (key, requests) = scripted([ok(info), [&[0], &made[..]].concat()]);
        Pinned::played(key.unwrap()).make_credential(token(Some(RP)), wanted).unwrap();
        requests.lock().unwrap().swap_remove(1)
    }

    #[test]
    fn everything_that_can_be_asked_for() {
        let extensions = texts(&["credBlob", "credProtect", "hmac-secret", "largeBlobKey", "minPinLength"]);
        let info = least_info().at(2, extensions).at(4, Map::new().named("ep", true)).at(0x16, texts(&["packed"]));
        let sent = request(&info, &wanted());
        assert_eq!(sent[0], 0x01);
        let members = Value::parse(&sent[1..]).unwrap().members("makeCredential").unwrap();
        assert_eq!(members.iter().map(|(key, _)| key).collect::<Vec<_>>(), [1, 2, 3, 4, 6, 7, 8, 9, 0x0A, 0x0B]);
        let asked = Map::new()
            .named("credBlob", &[7_u8; 4][..])
            .named("credProtect", 1_u8)
            .named("hmac-secret", true)
            .named("largeBlobKey", true)
            .named("minPinLength", true);
        assert_eq!(members.get(6).unwrap().raw(), &asked.encode(&[])[..]);
        // Neither uv, which contradicts the proof, nor up, which is a matter of course.
        assert_eq!(members.get(7).unwrap().raw(), &Map::new().named("rk", true).encode(&[])[..]);
        let auth = token::<MakeCredential>(Some(RP)).authenticate(&[&[5; 32]]);
        assert_eq!(members.get(8).unwrap().bytes("auth").unwrap(), auth);
        assert_eq!(members.get(9).unwrap().u64("protocol").unwrap(), 2);
        assert_eq!(members.get(0x0A).unwrap().u64("enterpriseAttestation").unwrap(), 2);
        let formats = members.get(0x0B).unwrap().items("formats").unwrap();
        assert_eq!(formats.iter().map(|name| name.text("format").unwrap()).collect::<Vec<_>>(), ["packed", "none"]);
        let algorithms = members.get(4).unwrap().items("algorithms").unwrap();
        let number = |item: &Value<'_>| item.field("alg", "alg").unwrap().unwrap().i64("alg").unwrap();
        assert_eq!(algorithms.iter().map(number).collect::<Vec<_>>(), [-7, -257]);
    }

    #[test]
    fn an_older_key_is_not_asked_for_what_it_does_not_know() {
        let sent = request(&least_info(), &NewCredential { enterprise_attestation: None, ..wanted() });
        let members = Value::parse(&sent[1..]).unwrap().members("makeCredential").unwrap();
        assert_eq!(members.iter().map(|(key, _)| key).collect::<Vec<_>>(), [1, 2, 3, 4, 7, 8, 9]);
    }

    #[test]
    fn an_attestation_of_the_unit_is_told() {
        let data = auth_data(0x45, &attested_data(16, &[1; 16], KEY));
        let made = Map::new().at(1, "packed").at(2, data.as_slice()).at(3, Map::new());
        for (reply, expected) in [(made.clone(), None), (made.clone().at(4, true), Some(true)), (made.at(4, false), Some(false))]
        {
            assert_eq!(Attested::parse(&reply.encode(&[]), RP).unwrap().ep_att, expected);
        }
    }
}
