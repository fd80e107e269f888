//! What keys say: one answer at a time, and a whole key that says what it likes.

use std::sync::Arc;

use jiff::Timestamp;
use keywright::clock::ManualClock;
use keywright::ctap::{
    Aaguid, Assertion, Attested, AuthData, Authenticator, Blank, Cancel, Info, Link, LinkError, LinkFacts, LinkKind,
    NewCredential, Pinned, PowerCycle, SealOutcome, Tools, Transport, Turn, VendorCall,
};
use keywright::secret::Pin;
use keywright::webauthn::{AttestationObject, CoseKey, Expected, Roots};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

const RP: &str = "login.microsoft.com";

/// getInfo.
pub fn info(data: &[u8]) {
    let Ok(info) = Info::parse(data) else { return };
    let _ = (info.client_pin(), info.min_pin_length(), info.max_pin_length(), info.change_forced(), info.fingerprint());
    let _ = (info.can_force_pin_change(), info.can_manage_credentials(), info.always_uv(), info.enterprise_attestation());
    let _ = (info.resets_over(LinkKind::Usb), info.resets_over(LinkKind::Nfc), info.max_msg_size(), info.long_touch_for_reset());
}

/// The answers to makeCredential and getAssertion, and authenticator data.
pub fn answers(data: &[u8]) {
    let _ = Attested::parse(data, RP);
    let _ = Assertion::parse(data, RP);
    let _ = AuthData::parse(data);
    let _ = CoseKey::parse(data);
}

/// Attestation objects, judged with and without a root.
pub fn attestation(data: &[u8]) {
    let Ok(object) = AttestationObject::parse(data) else { return };
    let at = Timestamp::UNIX_EPOCH;
    for roots in [Roots::NotAtHand, Roots::Of { der: vec![data.to_vec()], at }] {
        let expected = Expected::of_trial(RP, [7; 32], &[-7, -8, -257], Aaguid([0; 16])).with_roots(roots);
        let _ = object.verify(&expected);
    }
}

/// A key whose answers come from the data: a byte for what happens, two for a length, then the answer.
struct Liar {
    link: Link,
    data: Vec<u8>,
    at: usize,
}

impl Liar {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let end = self.at.saturating_add(count).min(self.data.len());
        let taken = self.data.get(self.at..end).unwrap_or_default().to_vec();
        self.at = end;
        taken
    }
}

impl Transport for Liar {
    fn link(&self) -> &Link {
        &self.link
    }

    fn facts(&self) -> LinkFacts {
        LinkFacts { version: Some((5, 7, 4)), wink: true }
    }

    fn exchange(&mut self, _request: &[u8], _turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        let head = self.take(3);
        let [what, high, low] = head.as_slice() else { return Err(LinkError::Gone) };
        let length = usize::from(u16::from_be_bytes([*high, *low])) % 2048;
        match what {
            0xFF => Err(LinkError::Timeout),
            0xFE => Err(LinkError::Busy),
            0xFD => Ok(Zeroizing::new(Vec::new())),
            status => {
                let mut answer = vec![if *status < 0xC0 { 0 } else { *status }];
                answer.extend(self.take(length));
                Ok(Zeroizing::new(answer))
            }
        }
    }

    fn vendor(&mut self, _call: VendorCall<'_>, _turn: &mut Turn<'_>) -> Result<Vec<u8>, LinkError> {
        Ok(self.take(40))
    }

    fn wink(&mut self, _turn: &mut Turn<'_>) -> Result<(), LinkError> {
        Ok(())
    }

    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError> {
        Ok(PowerCycle::Done)
    }
}

fn link() -> Link {
    Link {
        kind: LinkKind::Usb,
        path: "/dev/hidraw0".into(),
        vendor_id: Some(0x1050),
        product_id: Some(0x0407),
        product: Some("Key".into()),
        usb_serial: None,
        port: Some("1-1".into()),
    }
}

fn pin() -> Pin {
    Pin::new(Zeroizing::new("20071969".into())).expect("a PIN")
}

/// Everything that an enrolment asks a key, of one that says what it likes.
pub fn whole_key(data: &[u8]) {
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let transport = Liar { link: link(), data: data.to_vec(), at: 0 };
    let tools = Tools { clock, rng: Box::new(StdRng::seed_from_u64(1)), cancel: Cancel::new(), on_wait: Box::new(|_| ()) };
    let Ok(mut key) = Authenticator::open(Box::new(transport), tools) else { return };
    let _ = (key.identity(), key.yubikey(), key.pin_retries(), key.uv_retries(), key.selection());
    let wanted = NewCredential { rp_id: RP.into(), algorithms: vec![-7, -257], ..NewCredential::default() };
    let _ = key.trial_credential(&wanted);
    let _ = key.reset();
    let pinned = match Blank::new(key) {
        Ok(blank) => blank.set_pin(pin()).ok(),
        Err(key) => Pinned::unlock(key, pin()).ok(),
    };
    let Some(mut pinned) = pinned else { return };
    if let Ok(token) = pinned.token_for_make(RP)
        && let Ok(attested) = pinned.make_credential(token, &wanted)
    {
        let object = AttestationObject::from_parts(&attested.fmt, &attested.att_stmt, &attested.auth_data);
        let _ = object.verify(&Expected::of_trial(RP, [7; 32], &[-7], Aaguid([0; 16])));
    }
    if let Ok(token) = pinned.token_for_credentials()
        && let Ok(mut credentials) = pinned.credentials(token)
    {
        let _ = (credentials.metadata(), credentials.rps(), credentials.credentials(&[7; 32]), credentials.delete(&[1, 2, 3]));
    }
    let Ok(token) = pinned.token_for_config() else { return };
    if let Ok(SealOutcome::Sealed(mut sealed)) = pinned.seal(token) {
        let _ = sealed.retries();
        let _ = sealed.replace_pin(pin());
    }
}
