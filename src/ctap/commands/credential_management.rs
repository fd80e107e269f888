//! authenticatorCredentialManagement (CTAP 2.3 section 6.8) and the command that came before it.

use std::time::Duration;

use serde::Serialize;

use crate::ctap::authenticator::Reply;
use crate::ctap::cbor::{Map, Members, Value};
use crate::ctap::commands::Command;
use crate::ctap::{Authenticator, CredentialManagement, CtapError, Feature, LinkError, PinToken, Pinned, ReplyError, Status};
use crate::secret::SecretBytes;

const GET_METADATA: u8 = 1;
const ENUMERATE_RPS: u8 = 2;
const NEXT_RP: u8 = 3;
const ENUMERATE_CREDENTIALS: u8 = 4;
const NEXT_CREDENTIAL: u8 = 5;
const DELETE: u8 = 6;
const UPDATE_USER: u8 = 7;

const WHAT: &str = "credentialManagement";
/// Most entries of one session, whatever the authenticator claims to have.
const MOST: u64 = 1024;
/// Longest time for one session. The fullest key that is sold answers every question of it in less than half of that.
const LONGEST: Duration = Duration::from_mins(2);

/// How full the authenticator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreMetadata {
    /// Discoverable credentials on it.
    pub existing: u64,
    /// Room for more, at most.
    pub remaining: u64,
}

/// A relying party with credentials on the authenticator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResidentRp {
    /// Relying party id; the authenticator may have cut it.
    pub id: String,
    /// Name, if kept.
    pub name: Option<String>,
    /// SHA-256 of the full id.
    pub id_hash: [u8; 32],
}

/// An account as the authenticator keeps it; names may be cut or missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResidentUser {
    /// User handle.
    pub id: Vec<u8>,
    /// Account name.
    pub name: Option<String>,
    /// Name for people.
    pub display_name: Option<String>,
}

/// A discoverable credential on the authenticator.
pub struct ResidentCredential {
    /// Credential id.
    pub id: Vec<u8>,
    /// The account.
    pub user: ResidentUser,
    /// Public key as raw COSE.
    pub public_key: Option<Vec<u8>>,
    /// Level of credProtect.
    pub cred_protect: Option<u64>,
    /// Key of its large blob.
    pub large_blob_key: Option<SecretBytes>,
    /// Whether payment by third parties is allowed.
    pub third_party_payment: Option<bool>,
}

impl std::fmt::Debug for ResidentCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResidentCredential").field("id", &self.id).field("user", &self.user).finish_non_exhaustive()
    }
}

/// The credentials of an authenticator, under one token.
#[derive(Debug)]
pub struct Credentials<'a> {
    state: &'a mut Pinned,
    token: PinToken<CredentialManagement>,
    command: Command,
    /// Entries that may still come.
    room: u64,
    /// Monotonic time at which the session is over.
    end: Duration,
}

impl Pinned {
    /// Opens the list of credentials. The token serves the whole session.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] if this model cannot list its credentials.
    pub fn credentials(&mut self, token: PinToken<CredentialManagement>) -> Result<Credentials<'_>, CtapError> {
        let command = match self.info() {
            info if info.has("credMgmt") => Command::CredentialManagement,
            info if info.has("credentialMgmtPreview") => Command::CredentialManagementPreview,
            _ => return Err(CtapError::Unsupported(Feature::CredentialManagement)),
        };
        let end = self.authenticator().clock().monotonic().saturating_add(LONGEST);
        Ok(Credentials { state: self, token, command, room: MOST, end })
    }
}

impl Credentials<'_> {
    /// How full it is.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn metadata(&mut self) -> Result<StoreMetadata, CtapError> {
        self.ask(GET_METADATA, &Map::new(), |members| {
            Ok(StoreMetadata {
                existing: members.need(1, "existingResidentCredentialsCount")?.u64("existingResidentCredentialsCount")?,
                remaining: members.need(2, "maxPossibleRemainingCount")?.u64("maxPossibleRemainingCount")?,
            })
        })
    }

    /// The relying parties; empty if there is none.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn rps(&mut self) -> Result<Vec<ResidentRp>, CtapError> {
        self.list(ENUMERATE_RPS, NEXT_RP, &Map::new(), (5, "totalRPs"), ResidentRp::parse)
    }

    /// The credentials for one relying party; empty if there is none.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn credentials(&mut self, rp_id_hash: &[u8; 32]) -> Result<Vec<ResidentCredential>, CtapError> {
        let params = Map::new().at(1, &rp_id_hash[..]);
        self.list(ENUMERATE_CREDENTIALS, NEXT_CREDENTIAL, &params, (9, "totalCredentials"), ResidentCredential::parse)
    }

    /// Deletes a credential.
    ///
    /// # Errors
    /// [`CtapError`]; status 0x2E means that it is not there.
    pub fn delete(&mut self, id: &[u8]) -> Result<(), CtapError> {
        let params = Map::new().at(2, Map::new().named("id", id).named("type", "public-key"));
        self.send(DELETE, &params)
    }

    /// Renames the user of a credential. The handle has to be the one that is there.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] on models of the preview command.
    pub fn update_user(&mut self, id: &[u8], user: &ResidentUser) -> Result<(), CtapError> {
        if self.command == Command::CredentialManagementPreview {
            return Err(CtapError::Unsupported(Feature::UpdateUser));
        }
        let mut entity = Map::new().named("id", user.id.as_slice());
        for (name, value) in [("name", &user.name), ("displayName", &user.display_name)] {
            if let Some(value) = value {
                entity = entity.named(name, value.as_str());
            }
        }
        let params = Map::new().at(2, Map::new().named("id", id).named("type", "public-key")).at(3, entity);
        self.send(UPDATE_USER, &params)
    }

    /// A list: the first entry with the total, then one entry a command, without proof.
    fn list<T>(
        &mut self,
        first: u8,
        next: u8,
        params: &Map<'_>,
        (total_key, total_name): (i64, &'static str),
        read: impl Fn(&Members<'_>) -> Result<T, ReplyError>,
    ) -> Result<Vec<T>, CtapError> {
        let begun = self.ask(first, params, |members| {
            let total = members.read(total_key, total_name, Value::u64)?.unwrap_or(1);
            // A total of zero without status 0x2E comes from models of the preview command.
            if total == 0 { Ok((0, None)) } else { Ok((total, Some(read(members)?))) }
        });
        let (total, entry) = match begun {
            Err(error) if error.is(Status::NO_CREDENTIALS) => return Ok(Vec::new()),
            result => result?,
        };
        self.room = self.room.checked_sub(total).ok_or(ReplyError::WrongLength(total_name))?;
        let mut entries: Vec<T> = entry.into_iter().collect();
        for _ in 1..total {
            self.in_time()?;
            let reply = self.state.authenticator().quick(self.command, &Map::new().at(1, next))?;
            entries.push(read(&reply.value()?.members(WHAT)?)?);
        }
        Ok(entries)
    }

    /// A key that is slow over every single answer must not hold us for ever.
    fn in_time(&mut self) -> Result<(), LinkError> {
        let over = self.state.authenticator().clock().monotonic() >= self.end;
        if over { Err(LinkError::Timeout) } else { Ok(()) }
    }

    fn ask<T>(
        &mut self,
        subcommand: u8,
        params: &Map<'_>,
        read: impl FnOnce(&Members<'_>) -> Result<T, ReplyError>,
    ) -> Result<T, CtapError> {
        let reply = self.request(subcommand, params)?;
        Ok(read(&reply.value()?.members(WHAT)?)?)
    }

    fn send(&mut self, subcommand: u8, params: &Map<'_>) -> Result<(), CtapError> {
        self.request(subcommand, params).map(|_| ())
    }
}

impl Credentials<'_> {
    /// A command with its proof. A token that is refused at its first use is replaced by one of the other protocol.
    fn request(&mut self, subcommand: u8, params: &Map<'_>) -> Result<Reply, CtapError> {
        self.in_time()?;
        let Self { state, token, command, .. } = self;
        let first = prove(state.authenticator(), *command, token, subcommand, params);
        let mut other = None;
        let reply = state.or_under_the_other_protocol(first, token, |state| {
            let token = other.insert(state.token_for_credentials()?);
            prove(state.authenticator(), *command, token, subcommand, params)
        });
        if let Some(other) = other {
            *token = other;
        }
        reply
    }
}

fn prove(
    key: &mut Authenticator,
    command: Command,
    token: &PinToken<CredentialManagement>,
    subcommand: u8,
    params: &Map<'_>,
) -> Result<Reply, CtapError> {
    let mut body = Map::new().at(1, subcommand);
    let mut encoded = Vec::new();
    if !params.is_empty() {
        encoded = params.encode(&[]).to_vec();
        body = body.at(2, params.clone());
    }
    let auth = token.authenticate(&[&[subcommand], &encoded]);
    let body = body.at(3, token.protocol().number()).at(4, auth.as_slice());
    let reply = key.quick(command, &body)?;
    key.proven = Some(token.protocol());
    Ok(reply)
}

impl ResidentRp {
    fn parse(members: &Members<'_>) -> Result<Self, ReplyError> {
        let entity = members.need(3, "rp")?;
        let text = |name| entity.field(name, "rp")?.map(|value| value.cut_text("rp")).transpose();
        Ok(Self {
            id: text("id")?.unwrap_or_default(),
            name: text("name")?,
            id_hash: members.need(4, "rpIDHash")?.array_of("rpIDHash")?,
        })
    }
}

impl ResidentUser {
    pub(crate) fn parse(value: Value<'_>) -> Result<Self, ReplyError> {
        let text = |name| value.field(name, "user")?.map(|value| value.cut_text("user")).transpose();
        let id = value.field("id", "user")?.ok_or(ReplyError::Missing("user.id"))?;
        Ok(Self { id: id.bytes("user.id")?.to_vec(), name: text("name")?, display_name: text("displayName")? })
    }
}

impl ResidentCredential {
    fn parse(members: &Members<'_>) -> Result<Self, ReplyError> {
        let descriptor = members.need(7, "credentialID")?;
        let id = descriptor.field("id", "credentialID")?.ok_or(ReplyError::Missing("credentialID.id"))?;
        let secret = |value: Value<'_>, what| value.bytes(what).map(|bytes| SecretBytes::new(bytes.to_vec()));
        Ok(Self {
            id: id.bytes("credentialID.id")?.to_vec(),
            user: ResidentUser::parse(members.need(6, "user")?)?,
            public_key: members.get(8).map(|value| value.raw().to_vec()),
            cred_protect: members.read(0x0A, "credProtect", Value::u64)?,
            large_blob_key: members.read(0x0B, "largeBlobKey", secret)?,
            third_party_payment: members.read(0x0C, "thirdPartyPayment", Value::bool)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::{Clock as _, ManualClock};
    use crate::ctap::tests::{acting_by, least_info, ok, scripted, token};

    fn with_session<T>(replies: Vec<Vec<u8>>, run: impl FnOnce(&mut Credentials<'_>) -> T) -> (T, usize) {
        let (result, requests) = with_session_on("credMgmt", replies, run);
        (result, requests.len())
    }

    /// A session on a key with one option; the result and what was sent.
    fn with_session_on<T>(option: &str, replies: Vec<Vec<u8>>, run: impl FnOnce(&mut Credentials<'_>) -> T) -> (T, Vec<Vec<u8>>) {
        let info = ok(&least_info().at(4, Map::new().named(option, true)));
        let (key, requests) = scripted(std::iter::once(info).chain(replies));
        let mut key = Pinned::played(key.unwrap());
        let result = run(&mut key.credentials(token(None)).unwrap());
        let requests = requests.lock().unwrap().split_off(1);
        (result, requests)
    }

    #[test]
    fn the_preview_is_the_same_under_another_byte() {
        let user = || Map::new().named("id", &[1_u8][..]).named("name", "adele");
        let held = || Map::new().at(6, user()).at(7, Map::new().named("id", &[2_u8][..])).at(9, 1_u8);
        let run = |option| {
            let replies = vec![ok(&Map::new().at(1, 1_u8).at(2, 24_u8)), rp(Some(1)), ok(&held()), vec![0]];
            with_session_on(option, replies, |session| {
                assert_eq!(session.metadata().unwrap(), StoreMetadata { existing: 1, remaining: 24 });
                assert_eq!(session.rps().unwrap()[0].id, "example.org");
                let found = session.credentials(&[9; 32]).unwrap();
                assert_eq!((found[0].id.as_slice(), found[0].user.name.as_deref()), (&[2][..], Some("adele")));
                session.delete(&[2]).unwrap();
            })
            .1
        };
        let (full, preview) = (run("credMgmt"), run("credentialMgmtPreview"));
        assert_eq!(full.len(), 4);
        assert!(full.iter().all(|request| request[0] == 0x0A) && preview.iter().all(|request| request[0] == 0x41));
        assert!(full.iter().zip(&preview).all(|(one, other)| one[1..] == other[1..]));
        // The proof is over subcommand and parameters, without the 32 bytes that authenticatorConfig has before them.
        let deletion = Value::parse(&full[3][1..]).unwrap().members(WHAT).unwrap();
        let auth = token::<CredentialManagement>(None).authenticate(&[&[DELETE], deletion.get(2).unwrap().raw()]);
        assert_eq!(deletion.get(4).unwrap().bytes("auth").unwrap(), auth);

        let (renamed, requests) =
            with_session_on("credentialMgmtPreview", vec![], |session| session.update_user(&[2], &ResidentUser::default()));
        assert_eq!((renamed, requests.len()), (Err(CtapError::Unsupported(Feature::UpdateUser)), 0));
    }

    fn rps(replies: Vec<Vec<u8>>) -> (Result<Vec<ResidentRp>, CtapError>, usize) {
        with_session(replies, |session| -> Result<_, _> { session.rps() })
    }

    fn rp(total: Option<u64>) -> Vec<u8> {
        ok(&Map::new().at(3, Map::new().named("id", "example.org")).at(4, &[9_u8; 32][..]).at_some(5, total))
    }

    #[test]
    fn lists_are_bounded_by_us() {
        let (found, sent) = rps(vec![rp(Some(3)), rp(None), rp(None)]);
        assert_eq!((found.unwrap().len(), sent), (3, 3));
        let (found, sent) = rps(vec![rp(Some(u64::MAX))]);
        assert_eq!(found.unwrap_err(), CtapError::Reply(ReplyError::WrongLength("totalRPs")));
        assert_eq!(sent, 1);
    }

    #[test]
    fn lists_of_lists_are_bounded_as_well() {
        let mut replies = vec![rp(Some(1000))];
        replies.extend(std::iter::repeat_n(rp(None), 999));
        replies.push(ok(&Map::new()
            .at(6, Map::new().named("id", &[1_u8][..]))
            .at(7, Map::new().named("id", &[2_u8][..]))
            .at(9, 1000_u64)));
        let (found, sent) = with_session(replies, |session| {
            assert_eq!(session.rps().map(|list| list.len()), Ok(1000));
            session.credentials(&[0; 32]).map(|list| list.len())
        });
        assert_eq!((found, sent), (Err(CtapError::Reply(ReplyError::WrongLength("totalCredentials"))), 1001));
    }

    #[test]
    fn a_session_ends() {
        let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
        let slow = clock.clone();
        let info = ok(&least_info().at(4, Map::new().named("credMgmt", true)));
        let mut first = true;
        let key = acting_by(clock.clone(), move |_| {
            if std::mem::take(&mut first) {
                return Ok(info.clone());
            }
            slow.advance(Duration::from_secs(4));
            Ok(rp(Some(1000)))
        });
        let mut key = Pinned::played(key.unwrap());
        let found = key.credentials(token(None)).unwrap().rps();
        assert_eq!(found.map(|list| list.len()), Err(CtapError::Link(LinkError::Timeout)));
        assert!(clock.monotonic() <= LONGEST + Duration::from_secs(4), "{:?}", clock.monotonic());
    }

    #[test]
    fn nothing_there_is_an_empty_list_in_either_spelling() {
        for reply in [vec![0x2E], ok(&Map::new().at(5, 0_u8))] {
            assert!(rps(vec![reply]).0.unwrap().is_empty());
        }
    }

    #[test]
    fn hostile_entries() {
        let user = || Map::new().named("id", &[1_u8][..]);
        let descriptor = || Map::new().named("id", &[2_u8][..]);
        let rows = [
            (Map::new(), ReplyError::Missing("credentialID")),
            (Map::new().at(7, descriptor()), ReplyError::Missing("user")),
            (Map::new().at(7, Map::new()).at(6, user()), ReplyError::Missing("credentialID.id")),
            (Map::new().at(7, 1_u8).at(6, user()), ReplyError::WrongType("credentialID")),
            (Map::new().at(7, descriptor()).at(6, Map::new()), ReplyError::Missing("user.id")),
            (Map::new().at(7, descriptor()).at(6, user().named("name", 1_u8)), ReplyError::WrongType("user")),
            (Map::new().at(7, descriptor()).at(6, user()).at(0x0A, "high"), ReplyError::WrongType("credProtect")),
        ];
        for (entry, expected) in rows {
            let (found, _) = with_session(vec![ok(&entry)], |session| session.credentials(&[0; 32]).map(|list| list.len()));
            assert_eq!(found, Err(CtapError::Reply(expected)));
        }
    }

    #[test]
    fn names_cut_within_a_character_are_read() {
        let text = [0xA1, 0x03, 0xA2, 0x62, b'i', b'd', 0x41, 1, 0x64, b'n', b'a', b'm', b'e', 0x62, b'J', 0xC3];
        let members = Value::parse(&text).unwrap().members(WHAT).unwrap();
        let user = ResidentUser::parse(members.get(3).unwrap()).unwrap();
        assert_eq!(user.name.as_deref(), Some("J\u{fffd}"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn arbitrary_answers_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let replies = vec![bytes.clone(), bytes.clone(), bytes];
            let _ = with_session(replies, |session| {
                let _ = session.metadata();
                let _ = session.rps();
                session.credentials(&[0; 32]).map(|list| list.len())
            });
        }
    }
}
