//! PIN/UV auth protocols one and two (CTAP 2.3 sections 6.5.6 and 6.5.7).
//!
//! Keys and plaintexts of ours are wiped. The inner states of the hash functions are outside our reach.

use aes::Aes256;
use cbc::cipher::{Block, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::PublicKey;
use p256::ecdh::EphemeralSecret;
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rand::CryptoRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::ctap::ReplyError;
use crate::ctap::cbor::{Map, Members};
use crate::secret::Pin;

const BLOCK: usize = 16;

/// A PIN/UV auth protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinProtocol {
    /// Version 1: SHA-256, a zero IV, shortened MACs.
    One,
    /// Version 2: HKDF, random IVs, full MACs.
    Two,
}

impl PinProtocol {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// The protocol with this number, if we speak it.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// The MAC of `parts`, as long as the protocol wants it (`authenticate`). The key is a token or a shared secret.
    pub(crate) fn authenticate(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        // HMAC pads its key with zeros to the length of a block: doing it here leaves no length to refuse.
        let mut padded = Zeroizing::new([0_u8; 64]);
        for (to, from) in padded.iter_mut().zip(key) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new((&*padded).into());
        for part in parts {
            mac.update(part);
        }
        let mut tag = mac.finalize().into_bytes().to_vec();
        if self == Self::One {
            tag.truncate(16);
        }
        tag
    }

    /// Whether a decrypted pinUvAuthToken has a length that the protocol allows.
    pub(crate) const fn token_fits(self, length: usize) -> bool {
        match self {
            Self::One => matches!(length, 16 | 32),
            Self::Two => length == 32,
        }
    }
}

/// The key agreement key as sent: an ephemeral point of P-256.
pub(crate) struct PlatformKey {
    x: [u8; 32],
    y: [u8; 32],
}

impl PlatformKey {
    /// As a COSE key (CTAP 2.3 section 6.5.6: EC2, ECDH-ES+HKDF-256, P-256).
    pub(crate) fn cose(&self) -> Map<'_> {
        Map::new().at(1, 2_u8).at(3, -25_i64).at(-1, 1_u8).at(-2, &self.x[..]).at(-3, &self.y[..])
    }
}

/// What both sides know after the key agreement.
pub(crate) struct SharedSecret {
    protocol: PinProtocol,
    hmac_key: Zeroizing<[u8; 32]>,
    aes_key: Zeroizing<[u8; 32]>,
}

/// Reads the authenticator's COSE key. The algorithm number is not checked: the specification calls it a placeholder.
pub(crate) fn peer_key(cose: &Members<'_>) -> Result<PublicKey, ReplyError> {
    let kind = cose.need(1, "keyAgreement")?.u64("keyAgreement")?;
    let curve = cose.need(-1, "keyAgreement")?.u64("keyAgreement")?;
    if kind != 2 || curve != 1 {
        return Err(ReplyError::KeyAgreement);
    }
    let x: [u8; 32] = cose.need(-2, "keyAgreement")?.array_of("keyAgreement")?;
    let y: [u8; 32] = cose.need(-3, "keyAgreement")?.array_of("keyAgreement")?;
    PublicKey::from_sec1_bytes(&[&[4][..], &x, &y].concat()).map_err(|_| ReplyError::KeyAgreement)
}

impl SharedSecret {
    /// `encapsulate`: a fresh key of ours against the authenticator's.
    pub(crate) fn agree(
        protocol: PinProtocol,
        peer: &PublicKey,
        rng: &mut (dyn CryptoRng + Send),
    ) -> Result<(Self, PlatformKey), ReplyError> {
        let ours = EphemeralSecret::generate_from_rng(rng);
        let point = ours.public_key().to_sec1_point(false);
        let (Some(x), Some(y)) = (point.x(), point.y()) else {
            return Err(ReplyError::KeyAgreement);
        };
        let platform = PlatformKey { x: (*x).into(), y: (*y).into() };
        let z = ours.diffie_hellman(peer);
        Ok((Self::derive(protocol, z.raw_secret_bytes())?, platform))
    }

    /// `kdf` of the protocol over the x coordinate of the shared point.
    pub(super) fn derive(protocol: PinProtocol, z: &[u8]) -> Result<Self, ReplyError> {
        let mut hmac_key = Zeroizing::new([0_u8; 32]);
        let mut aes_key = Zeroizing::new([0_u8; 32]);
        match protocol {
            PinProtocol::One => {
                hmac_key = Zeroizing::new(Sha256::digest(z).into());
                aes_key.copy_from_slice(&*hmac_key);
            }
            PinProtocol::Two => {
                let hkdf = Hkdf::<Sha256>::new(Some(&[0; 32]), z);
                hkdf.expand(b"CTAP2 HMAC key", &mut *hmac_key).map_err(|_| ReplyError::KeyAgreement)?;
                hkdf.expand(b"CTAP2 AES key", &mut *aes_key).map_err(|_| ReplyError::KeyAgreement)?;
            }
        }
        Ok(Self { protocol, hmac_key, aes_key })
    }

    pub(crate) const fn protocol(&self) -> PinProtocol {
        self.protocol
    }

    /// `encrypt`. The plaintext is a whole number of blocks.
    pub(crate) fn encrypt(&self, plain: &[u8], rng: &mut (dyn CryptoRng + Send)) -> Vec<u8> {
        debug_assert_eq!(plain.len() % BLOCK, 0, "plaintexts of this protocol are whole blocks");
        let mut iv = [0_u8; BLOCK];
        let mut out = Vec::with_capacity(plain.len().saturating_add(BLOCK));
        if self.protocol == PinProtocol::Two {
            rng.fill_bytes(&mut iv);
            out.extend_from_slice(&iv);
        }
        let mut cipher = cbc::Encryptor::<Aes256>::new((&*self.aes_key).into(), (&iv).into());
        for chunk in plain.chunks_exact(BLOCK) {
            let mut block = Block::<cbc::Encryptor<Aes256>>::default();
            block.copy_from_slice(chunk);
            cipher.encrypt_block(&mut block);
            out.extend_from_slice(&block);
        }
        out
    }

    /// `decrypt`.
    pub(crate) fn decrypt(&self, sealed: &[u8], what: &'static str) -> Result<Zeroizing<Vec<u8>>, ReplyError> {
        let (iv, body) = match self.protocol {
            PinProtocol::One => ([0_u8; BLOCK], sealed),
            PinProtocol::Two => {
                let (iv, body) = sealed.split_first_chunk::<BLOCK>().ok_or(ReplyError::WrongLength(what))?;
                (*iv, body)
            }
        };
        if body.is_empty() || body.len() % BLOCK != 0 {
            return Err(ReplyError::WrongLength(what));
        }
        let mut plain = Zeroizing::new(body.to_vec());
        let mut cipher = cbc::Decryptor::<Aes256>::new((&*self.aes_key).into(), (&iv).into());
        for chunk in plain.chunks_exact_mut(BLOCK) {
            if let Ok(block) = <&mut Block<cbc::Decryptor<Aes256>>>::try_from(chunk) {
                cipher.decrypt_block(block);
            }
        }
        Ok(plain)
    }

    /// `authenticate` with the shared secret.
    pub(crate) fn authenticate(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.protocol.authenticate(&*self.hmac_key, parts)
    }
}

/// The PIN padded with zeros to 64 bytes (newPinEnc, CTAP 2.3 section 6.5.5.5).
pub(crate) fn padded(pin: &Pin) -> Zeroizing<[u8; 64]> {
    let mut padded = Zeroizing::new([0_u8; 64]);
    for (to, from) in padded.iter_mut().zip(pin.expose().as_bytes()) {
        *to = *from;
    }
    padded
}

/// The left half of the PIN's SHA-256 (pinHashEnc, CTAP 2.3 section 6.5.5.6).
pub(crate) fn hashed(pin: &Pin) -> Zeroizing<[u8; 16]> {
    let full = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(pin.expose().as_bytes())));
    let mut half = Zeroizing::new([0_u8; 16]);
    for (to, from) in half.iter_mut().zip(full.iter()) {
        *to = *from;
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);

    impl rand::rand_core::TryRng for Counting {
        type Error = std::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            let mut bytes = [0; 4];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u32::from_le_bytes(bytes))
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            let mut bytes = [0; 8];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
            Ok(())
        }
    }

    impl rand::rand_core::TryCryptoRng for Counting {}

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn pin() -> Pin {
        Pin::new(Zeroizing::new("24681357".into())).unwrap()
    }

    /// Vectors: Z = 00 01 … 1f, IV = 10 … 1f, computed with the Python package `cryptography` 48
    /// (HKDF, hmac, AES-CBC) from the formulas of the two sections.
    #[test]
    fn known_answers() {
        let z: Vec<u8> = (0..32).collect();
        let rows = [
            (
                PinProtocol::One,
                "f082420717c4fd20d151ccffea6a492b1cce3cbb423d9095effb38c50d9f4569cd2df782c4097c4a239f99f91cf621d3448b9e46a1d968806bcc20d284bbd32e",
                "0e1ed6c97a5536d6813284ba23672f5a",
            ),
            (
                PinProtocol::Two,
                "101112131415161718191a1b1c1d1e1f11fdd9a0e01bd4c70f2f67118bc5ece1fdd7f37f472b49277b6e77842ae3c0188513ec3e887bbbeb8ed428925a1b4464a03f6143a7ba013ace119e51205a449b",
                "8ed41fb06108031d3e97613e4eb730eb882d7acdd3156b2abf9bc87cd0a9489d",
            ),
        ];
        for (protocol, sealed, tag) in rows {
            let secret = SharedSecret::derive(protocol, &z).unwrap();
            let encrypted = secret.encrypt(&*padded(&pin()), &mut Counting(16));
            assert_eq!(encrypted, bytes(sealed));
            assert_eq!(secret.authenticate(&[b"mess", b"age"]), bytes(tag));
            assert_eq!(secret.decrypt(&encrypted, "x").unwrap()[..], padded(&pin())[..]);
        }
    }

    #[test]
    fn both_sides_agree() {
        for protocol in [PinProtocol::One, PinProtocol::Two] {
            let theirs = EphemeralSecret::generate_from_rng(&mut Counting(1));
            let (secret, platform) = SharedSecret::agree(protocol, &theirs.public_key(), &mut Counting(77)).unwrap();
            let request = platform.cose().encode(&[]);
            let cose = crate::ctap::cbor::Value::parse(&request).unwrap().members("key").unwrap();
            let z = theirs.diffie_hellman(&peer_key(&cose).unwrap());
            let mirror = SharedSecret::derive(protocol, z.raw_secret_bytes()).unwrap();
            assert_eq!(secret.authenticate(&[b"x"]), mirror.authenticate(&[b"x"]));
        }
    }

    #[test]
    fn ciphertexts_of_wrong_length_are_refused() {
        for (protocol, length) in
            [(PinProtocol::One, 0), (PinProtocol::One, 17), (PinProtocol::Two, 5), (PinProtocol::Two, 16), (PinProtocol::Two, 40)]
        {
            let secret = SharedSecret::derive(protocol, &[7; 32]).unwrap();
            assert_eq!(secret.decrypt(&vec![0; length], "token").unwrap_err(), ReplyError::WrongLength("token"));
        }
    }

    #[test]
    fn a_key_off_the_curve_is_refused() {
        let zero = [0_u8; 32];
        let map = Map::new().at(1, 2_u8).at(-1, 1_u8).at(-2, &zero[..]).at(-3, &[1_u8; 32][..]);
        let encoded = map.encode(&[]);
        let cose = crate::ctap::cbor::Value::parse(&encoded).unwrap().members("key").unwrap();
        assert_eq!(peer_key(&cose).unwrap_err(), ReplyError::KeyAgreement);
    }
}
