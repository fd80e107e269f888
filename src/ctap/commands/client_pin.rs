//! authenticatorClientPIN (CTAP 2.3 section 6.5): tries left, setting and changing the PIN, tokens.

use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::ctap::authenticator::Reply;
use crate::ctap::cbor::Map;
use crate::ctap::commands::Command;
use crate::ctap::pin::{PlatformKey, SharedSecret, hashed, padded, peer_key};
use crate::ctap::{Authenticator, Config, CredentialManagement, CtapError, Feature, MakeCredential, Permission};
use crate::ctap::{PinProtocol, PinToken, ReplyError, Status};
use crate::secret::Pin;

/// Subcommands.
const GET_PIN_RETRIES: u8 = 1;
const GET_KEY_AGREEMENT: u8 = 2;
const SET_PIN: u8 = 3;
const CHANGE_PIN: u8 = 4;
const GET_PIN_TOKEN: u8 = 5;
const GET_TOKEN_USING_UV: u8 = 6;
const GET_UV_RETRIES: u8 = 7;
const GET_TOKEN_USING_PIN: u8 = 9;

/// Permissions and relying party with which [`Pinned::unlock`](crate::ctap::Pinned::unlock) tries a PIN on an
/// authenticator that has nothing to manage: the token is dropped at once.
const NOBODY: &str = "unlock.invalid";
/// Time for a person to present a finger.
const FINGER: Duration = Duration::from_secs(40);

/// How many wrong PINs are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PinRetries {
    /// Tries left before the PIN is blocked; 8 on most models when full.
    pub left: u8,
    /// Whether the key has to be taken out and put back before the next try; `None` if the model does not tell.
    pub power_cycle: Option<bool>,
}

impl Authenticator {
    /// How many wrong PINs are left.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn pin_retries(&mut self) -> Result<PinRetries, CtapError> {
        self.need_pin_support()?;
        // CTAP 2.0 wants the protocol in every request, later versions no longer do.
        let protocol = self.protocols()?.0;
        let reply = self.quick(Command::ClientPin, &head(protocol, GET_PIN_RETRIES))?;
        let members = reply.value()?.members("clientPIN")?;
        let left = members.need(3, "pinRetries")?.u64("pinRetries")?;
        Ok(PinRetries {
            left: u8::try_from(left).map_err(|_| ReplyError::WrongLength("pinRetries"))?,
            power_cycle: members.get(4).map(|value| value.bool("powerCycleState")).transpose()?,
        })
    }

    /// How many failed built-in verifications are left.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] without built-in verification.
    pub fn uv_retries(&mut self) -> Result<u8, CtapError> {
        self.need_built_in_uv()?;
        let protocol = self.protocols()?.0;
        let reply = self.quick(Command::ClientPin, &head(protocol, GET_UV_RETRIES))?;
        let left = reply.value()?.members("clientPIN")?.need(5, "uvRetries")?.u64("uvRetries")?;
        Ok(u8::try_from(left).map_err(|_| ReplyError::WrongLength("uvRetries"))?)
    }

    /// Changes the PIN. A wrong current PIN costs one of the tries; status 0x37 means the new one is refused.
    /// getInfo is not asked again.
    ///
    /// # Errors
    /// [`CtapError`]. After a link error nobody knows which PIN holds.
    pub fn change_pin(&mut self, current: &Pin, new: &Pin) -> Result<(), CtapError> {
        self.need_pin()?;
        self.under_a_protocol(|key, protocol| {
            let (secret, ours) = key.agree(protocol)?;
            let new_pin = secret.encrypt(&*padded(new), &mut *key.tools.rng);
            let proof = secret.encrypt(&*hashed(current), &mut *key.tools.rng);
            let auth = secret.authenticate(&[&new_pin, &proof]);
            let body = head(protocol, CHANGE_PIN)
                .at(3, ours.cose())
                .at(4, auth.as_slice())
                .at(5, new_pin.as_slice())
                .at(6, proof.as_slice());
            key.quick(Command::ClientPin, &body).map(|_| ())
        })
    }

    /// Sets the first PIN.
    pub(crate) fn send_set_pin(&mut self, pin: &Pin) -> Result<(), CtapError> {
        self.need_pin_support()?;
        if self.info().client_pin() == Some(true) {
            return Err(CtapError::Unsupported(Feature::FirstPin));
        }
        self.under_a_protocol(|key, protocol| {
            let (secret, ours) = key.agree(protocol)?;
            let new_pin = secret.encrypt(&*padded(pin), &mut *key.tools.rng);
            let auth = secret.authenticate(&[&new_pin]);
            let body = head(protocol, SET_PIN).at(3, ours.cose()).at(4, auth.as_slice()).at(5, new_pin.as_slice());
            key.quick(Command::ClientPin, &body).map(|_| ())
        })
    }

    /// Tries a PIN, once, and drops the token.
    pub(crate) fn try_pin(&mut self, pin: &Pin) -> Result<(), CtapError> {
        let info = self.info();
        if info.permissions() && !info.can_manage_credentials() {
            if info.can_configure() {
                return self.pin_token::<Config>(pin, None).map(drop);
            }
            return self.pin_token::<MakeCredential>(pin, Some(NOBODY)).map(drop);
        }
        self.pin_token::<CredentialManagement>(pin, None).map(drop)
    }

    /// A token by PIN: with permissions where the authenticator knows them, else the token of CTAP 2.0.
    pub(crate) fn pin_token<P: Permission>(&mut self, pin: &Pin, rp_id: Option<&str>) -> Result<PinToken<P>, CtapError> {
        self.need_pin()?;
        if self.info().change_forced() {
            return Err(CtapError::ChangeForced);
        }
        if P::BOUND_TO_RP && self.info().has("noMcGaPermissionsWithClientPin") {
            return Err(CtapError::Unsupported(Feature::MakeWithPin));
        }
        match self.judged_token(pin, rp_id) {
            // Either status also says that a change is forced, with the right PIN (sections 6.5.5.7.1 and .3).
            Err(error) if error.is(Status::PIN_INVALID) || error.is(Status::PIN_POLICY_VIOLATION) => {
                if self.refresh()?.change_forced() { Err(CtapError::ChangeForced) } else { Err(error) }
            }
            result => result,
        }
    }

    /// A token by built-in user verification.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] without built-in verification or without permissions.
    pub fn uv_token<P: Permission>(&mut self, rp_id: Option<&str>) -> Result<PinToken<P>, CtapError> {
        self.need_built_in_uv()?;
        if !self.info().permissions() {
            return Err(CtapError::Unsupported(Feature::BuiltInUv));
        }
        let protocol = self.protocols()?.0;
        let (secret, ours) = self.agree(protocol)?;
        let body = head(protocol, GET_TOKEN_USING_UV).at(3, ours.cose()).at(9, P::BITS).at_some(0x0A, rp_id);
        let reply = self.call(Command::ClientPin, &body, FINGER)?;
        open_token(&secret, &reply, rp_id)
    }

    /// A token, with one more attempt under the other protocol if status 0x33 comes although no PIN was judged.
    fn judged_token<P: Permission>(&mut self, pin: &Pin, rp_id: Option<&str>) -> Result<PinToken<P>, CtapError> {
        let (first, second) = self.protocols()?;
        let Some(second) = second else {
            return self.ask_token(first, pin, rp_id);
        };
        let before = self.pin_retries()?;
        match self.ask_token(first, pin, rp_id) {
            Err(error) if error.is(Status::PIN_AUTH_INVALID) && self.pin_retries()?.left >= before.left => {
                let token = self.ask_token(second, pin, rp_id)?;
                self.proven = Some(second);
                Ok(token)
            }
            result => result,
        }
    }

    fn ask_token<P: Permission>(
        &mut self,
        protocol: PinProtocol,
        pin: &Pin,
        rp_id: Option<&str>,
    ) -> Result<PinToken<P>, CtapError> {
        let permissions = self.info().permissions();
        let (secret, ours) = self.agree(protocol)?;
        let proof = secret.encrypt(&*hashed(pin), &mut *self.tools.rng);
        let subcommand = if permissions { GET_TOKEN_USING_PIN } else { GET_PIN_TOKEN };
        let mut body = head(protocol, subcommand).at(3, ours.cose()).at(6, proof.as_slice());
        if permissions {
            body = body.at(9, P::BITS).at_some(0x0A, rp_id);
        }
        let reply = self.quick(Command::ClientPin, &body)?;
        open_token(&secret, &reply, rp_id)
    }

    /// A fresh key agreement.
    fn agree(&mut self, protocol: PinProtocol) -> Result<(SharedSecret, PlatformKey), CtapError> {
        let reply = self.quick(Command::ClientPin, &head(protocol, GET_KEY_AGREEMENT))?;
        let members = reply.value()?.members("clientPIN")?;
        let peer = peer_key(&members.need(1, "keyAgreement")?.members("keyAgreement")?)?;
        Ok(SharedSecret::agree(protocol, &peer, &mut *self.tools.rng)?)
    }

    /// Runs `attempt` under the protocol that the authenticator wants most. Status 0x33 right after a key agreement
    /// comes from models whose favourite is broken; it costs no PIN try, so the other protocol gets one attempt.
    fn under_a_protocol<T>(
        &mut self,
        mut attempt: impl FnMut(&mut Self, PinProtocol) -> Result<T, CtapError>,
    ) -> Result<T, CtapError> {
        let (first, second) = self.protocols()?;
        let (result, used) = match (attempt(self, first), second) {
            (Err(error), Some(second)) if error.is(Status::PIN_AUTH_INVALID) => (attempt(self, second), second),
            (result, _) => (result, first),
        };
        if result.is_ok() {
            self.proven = Some(used);
        }
        result
    }

    /// Turns to the other protocol after a token of `protocol` was refused, unless that protocol has worked before or
    /// there is no other.
    pub(crate) fn distrust(&mut self, protocol: PinProtocol) -> bool {
        let other = self.info().common_pin_protocols().into_iter().find(|other| *other != protocol);
        match (self.proven, other) {
            (None, Some(other)) => {
                self.proven = Some(other);
                true
            }
            _ => false,
        }
    }

    /// The protocol to use, and the one to fall back to while none has worked yet.
    fn protocols(&self) -> Result<(PinProtocol, Option<PinProtocol>), CtapError> {
        if let Some(proven) = self.proven {
            return Ok((proven, None));
        }
        let common = self.info().common_pin_protocols();
        let first = *common.first().ok_or(CtapError::Unsupported(Feature::PinProtocol))?;
        Ok((first, common.into_iter().find(|other| *other != first)))
    }

    fn need_pin_support(&self) -> Result<(), CtapError> {
        self.info().client_pin().map(|_| ()).ok_or(CtapError::Unsupported(Feature::Pin))
    }

    fn need_pin(&self) -> Result<(), CtapError> {
        self.need_pin_support()?;
        if self.info().client_pin() == Some(true) { Ok(()) } else { Err(CtapError::Unsupported(Feature::SetPin)) }
    }

    fn need_built_in_uv(&self) -> Result<(), CtapError> {
        if self.info().has("uv") { Ok(()) } else { Err(CtapError::Unsupported(Feature::BuiltInUv)) }
    }
}

fn head(protocol: PinProtocol, subcommand: u8) -> Map<'static> {
    Map::new().at(1, protocol.number()).at(2, subcommand)
}

fn open_token<P: Permission>(secret: &SharedSecret, reply: &Reply, rp_id: Option<&str>) -> Result<PinToken<P>, CtapError> {
    let sealed = reply.value()?.members("clientPIN")?.need(2, "pinUvAuthToken")?.bytes("pinUvAuthToken")?;
    let token: Zeroizing<Vec<u8>> = secret.decrypt(sealed, "pinUvAuthToken")?;
    if !secret.protocol().token_fits(token.len()) {
        return Err(ReplyError::WrongLength("pinUvAuthToken").into());
    }
    Ok(PinToken::new(secret.protocol(), token, rp_id.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use p256::ecdh::EphemeralSecret;
    use p256::elliptic_curve::Generate as _;
    use p256::elliptic_curve::sec1::ToSec1Point as _;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::ctap::GetAssertion;
    use crate::ctap::cbor::{Item, Members, Value};
    use crate::ctap::tests::{acting, least_info, ok};

    /// What the played authenticator does with a request for a token.
    #[derive(Clone, Copy)]
    struct Role {
        /// Options that getInfo shows as true beside clientPin.
        options: &'static [&'static str],
        /// Status to a token request under each protocol; 0 = the token.
        status: (u8, u8),
        /// PIN tries that a refused request costs.
        cost: u8,
        /// Whether getInfo shows a forced change once a token was asked for.
        forced: bool,
        /// Length of the token.
        token: usize,
    }

    const HONEST: Role = Role { options: &["pinUvAuthToken"], status: (0, 0), cost: 0, forced: false, token: 32 };

    /// Plays an authenticator that knows both protocols, two preferred, up to the tokens.
    fn played(role: Role) -> Authenticator {
        let mut rng = StdRng::seed_from_u64(9);
        let secret = EphemeralSecret::generate_from_rng(&mut rng);
        let point = secret.public_key().to_sec1_point(false);
        let (x, y) = (point.x().unwrap().to_vec(), point.y().unwrap().to_vec());
        let mut left = 8_u8;
        let mut asked = false;
        acting(move |request| {
            if request[0] == 4 {
                let options = role.options.iter().fold(Map::new().named("clientPin", true), |map, name| map.named(name, true));
                let info = least_info().at(4, options).at(6, vec![Item::Uint(2), Item::Uint(1)]);
                return Ok(ok(&info.at(0x0C, role.forced && asked)));
            }
            let members = Value::parse(&request[1..]).unwrap().members("request").unwrap();
            let number = |key| members.get(key).map(|value: Value<'_>| value.u64("x").unwrap());
            Ok(match u8::try_from(number(2).unwrap()).unwrap() {
                GET_PIN_RETRIES => ok(&Map::new().at(3, left)),
                GET_UV_RETRIES => ok(&Map::new().at(5, 3_u8)),
                GET_KEY_AGREEMENT => {
                    let cose = Map::new().at(1, 2_u8).at(3, -25_i64).at(-1, 1_u8).at(-2, x.as_slice()).at(-3, y.as_slice());
                    ok(&Map::new().at(1, cose))
                }
                subcommand => {
                    asked = true;
                    let protocol = PinProtocol::from_number(number(1).unwrap()).unwrap();
                    let status = if protocol == PinProtocol::One { role.status.0 } else { role.status.1 };
                    if status != 0 {
                        left = left.saturating_sub(role.cost);
                        return Ok(vec![status]);
                    }
                    let shared = mirror(&secret, protocol, &members);
                    check_request(subcommand, &members, &shared);
                    let token = shared.encrypt(&vec![0xAB; role.token], &mut rng);
                    ok(&Map::new().at(2, token.as_slice()))
                }
            })
        })
        .unwrap()
    }

    fn mirror(secret: &EphemeralSecret, protocol: PinProtocol, members: &Members<'_>) -> SharedSecret {
        let platform = peer_key(&members.get(3).unwrap().members("key").unwrap()).unwrap();
        SharedSecret::derive(protocol, secret.diffie_hellman(&platform).raw_secret_bytes()).unwrap()
    }

    fn check_request(subcommand: u8, members: &Members<'_>, shared: &SharedSecret) {
        assert_eq!(members.get(9).is_some(), subcommand != GET_PIN_TOKEN);
        assert_eq!(members.get(6).is_some(), subcommand != GET_TOKEN_USING_UV);
        if let Some(proof) = members.get(6) {
            let hash = shared.decrypt(proof.bytes("proof").unwrap(), "proof").unwrap();
            assert_eq!(hash[..], hashed(&pin())[..]);
        }
    }

    fn pin() -> Pin {
        Pin::new(Zeroizing::new("24681357".into())).unwrap()
    }

    fn protocol_of(key: &mut Authenticator) -> Result<PinProtocol, CtapError> {
        key.pin_token::<GetAssertion>(&pin(), Some("example.org")).map(|token| token.protocol())
    }

    #[test]
    fn tokens() {
        let old = Role { options: &[], token: 16, ..HONEST };
        let rows = [
            ("favourite first", HONEST, Ok(PinProtocol::Two)),
            ("CTAP 2.0", Role { token: 32, ..old }, Ok(PinProtocol::Two)),
            ("one is used when two is broken", Role { status: (0, 0x33), ..HONEST }, Ok(PinProtocol::One)),
            ("short tokens are for one", Role { status: (0, 0x33), ..old }, Ok(PinProtocol::One)),
            ("but not for two", old, Err(CtapError::Reply(ReplyError::WrongLength("pinUvAuthToken")))),
            (
                "no second try when the first cost one",
                Role { status: (0, 0x33), cost: 1, ..HONEST },
                Err(CtapError::Status(Status::PIN_AUTH_INVALID)),
            ),
            ("wrong PIN", Role { status: (0, 0x31), cost: 1, ..HONEST }, Err(CtapError::Status(Status::PIN_INVALID))),
            ("forced change, as 0x31", Role { status: (0, 0x31), forced: true, ..HONEST }, Err(CtapError::ChangeForced)),
            ("forced change, as 0x37", Role { status: (0, 0x37), forced: true, ..HONEST }, Err(CtapError::ChangeForced)),
            (
                "tokens without mc and ga",
                Role { options: &["noMcGaPermissionsWithClientPin"], ..HONEST },
                Err(CtapError::Unsupported(Feature::MakeWithPin)),
            ),
        ];
        for (name, role, expected) in rows {
            assert_eq!(protocol_of(&mut played(role)), expected, "{name}");
        }
    }

    #[test]
    fn built_in_verification() {
        let mut key = played(Role { options: &["pinUvAuthToken", "uv"], ..HONEST });
        assert_eq!(key.uv_retries().unwrap(), 3);
        let token = key.uv_token::<GetAssertion>(Some("example.org")).unwrap();
        assert_eq!(token.rp_id(), Some("example.org"));
        let error = played(HONEST).uv_token::<GetAssertion>(None).unwrap_err();
        assert_eq!(error, CtapError::Unsupported(Feature::BuiltInUv));
    }
}
