//! Challenges of the size and look of the real ones: a compact JWE of 5198 characters, base64url-encoded once more.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

/// Length of a captured challenge before its last encoding.
const JWE_LENGTH: usize = 5198;

/// A challenge that was handed out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Challenge {
    pub(super) text: String,
    pub(super) user: String,
    pub(super) expires: Timestamp,
    pub(super) used: bool,
}

/// A fresh one.
pub(super) fn draw(rng: &mut (impl CryptoRng + ?Sized)) -> String {
    let certificate = STANDARD.encode(random(rng, 1400));
    let thumbprint = URL_SAFE_NO_PAD.encode(random(rng, 20));
    let header =
        serde_json::json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "x5c": [certificate], "x5t": thumbprint, "zip": "DEF"});
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let key = URL_SAFE_NO_PAD.encode(random(rng, 256));
    let nonce = URL_SAFE_NO_PAD.encode(random(rng, 12));
    let tag = URL_SAFE_NO_PAD.encode(random(rng, 16));
    let rest =
        [&header, &key, &nonce, &tag].iter().fold(JWE_LENGTH.saturating_sub(4), |left, part| left.saturating_sub(part.len()));
    let mut sealed = URL_SAFE_NO_PAD.encode(random(rng, rest));
    sealed.truncate(rest);
    URL_SAFE_NO_PAD.encode([header, key, nonce, sealed, tag].join("."))
}

fn random(rng: &mut (impl CryptoRng + ?Sized), length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn as_large_as_a_captured_one() {
        let challenge = draw(&mut StdRng::seed_from_u64(3));
        assert_eq!(challenge.len(), 6931);
        let inner = String::from_utf8(URL_SAFE_NO_PAD.decode(challenge).unwrap()).unwrap();
        assert_eq!(inner.split('.').count(), 5);
    }
}
