//! What a key has to be able to do, judged before anything on it changes: by its own getInfo, or by what is publicly known
//! of its model.

use super::flow::{PinWishes, ResetPolicy};
use super::replug::is_blank;
use crate::ctap::{Authenticator, Info, LinkKind};
use crate::handover::pin::PinTerms;
use crate::identity::{Finding, Verdict};
use crate::metadata::{Ability, Model};

/// COSE number of ES256, which every FIDO2 key has.
const ES256: i64 = -7;
/// What to do about a model that will not do.
const OTHER_MODEL: &str = "Use another model.";
/// Name of the check of PIN lengths, whose failure has an error of its own.
pub(super) const PIN_LENGTH: &str = "key/pin-length";

/// Abilities as far as an enrolment needs them. `None`: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    resident_keys: Option<bool>,
    pin: Option<bool>,
    pin_is_enough: Option<bool>,
    es256: Option<bool>,
    hmac_secret: Option<bool>,
    cred_protect: Option<bool>,
    forced_change: Option<bool>,
    /// Lengths of a PIN: shortest and longest.
    pin_lengths: Option<(usize, usize)>,
    /// Room for passkeys.
    room: Option<u64>,
    reset: Reset,
}

/// What becomes of what the key holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reset {
    /// There is no key yet.
    #[default]
    Unasked,
    /// It is fresh.
    NotNeeded,
    /// It is wiped first.
    Possible,
    /// It has to be wiped, which it does not do on this kind of link.
    NotHere(LinkKind),
    /// It has to be wiped, and the order forbids that.
    Forbidden,
}

impl Abilities {
    /// Those of a key that is there.
    pub fn of_key(key: &Authenticator, policy: ResetPolicy) -> Self {
        Self { reset: Reset::of(key, policy), ..Self::of_info(key.info()) }
    }

    /// Those of a model by the public facts; nothing is known of a model that is in no table.
    pub fn of_model(model: Option<&Model>) -> Self {
        let can = |ability| model.and_then(|model| model.can(ability));
        Self {
            resident_keys: can(Ability::ResidentKeys),
            pin: can(Ability::Pin),
            pin_is_enough: can(Ability::Pin),
            es256: can(Ability::Es256),
            hmac_secret: can(Ability::HmacSecret),
            cred_protect: can(Ability::CredProtect),
            forced_change: can(Ability::ForcedPinChange),
            // A longest PIN is in no metadata; all but a few models take 63 characters.
            pin_lengths: model.and_then(|model| model.min_pin_length).map(|least| (usize::from(least), 63)),
            room: None,
            reset: Reset::Unasked,
        }
    }

    fn of_info(info: &Info) -> Self {
        Self {
            resident_keys: Some(info.has("rk")),
            pin: Some(info.client_pin().is_some()),
            pin_is_enough: Some(!info.has("noMcGaPermissionsWithClientPin")),
            // A model that does not say which algorithms it has is left to answer for itself.
            es256: Some(signs_with(info, ES256)),
            hmac_secret: Some(info.supports_hmac_secret()),
            cred_protect: Some(info.supports_cred_protect()),
            forced_change: Some(info.can_force_pin_change()),
            pin_lengths: Some((info.min_pin_length(), info.max_pin_length())),
            room: info.remaining_discoverable_credentials,
            reset: Reset::Unasked,
        }
    }

    /// Whether it can force a PIN change.
    pub(super) const fn forces_change(&self) -> Option<bool> {
        self.forced_change
    }

    /// Whether it has hmac-secret.
    pub(super) const fn hmac_secret(&self) -> Option<bool> {
        self.hmac_secret
    }

    /// Whether the key has to be wiped first.
    pub(super) fn wipe(&self) -> bool {
        self.reset != Reset::NotNeeded
    }

    /// Judges them, in the order in which an enrolment would meet what is missing.
    pub fn findings(&self, wishes: &PinWishes) -> Vec<Finding> {
        let mut findings = vec![
            need(
                "key/resident-keys",
                self.resident_keys,
                "the key keeps passkeys",
                "the key cannot keep a passkey (no resident keys)",
            ),
            self.pin(),
            need("key/algorithms", self.es256, "the key signs with ES256", "the key does not sign with ES256"),
        ];
        findings.push(want(
            "key/hmac-secret",
            self.hmac_secret,
            "the key has hmac-secret",
            "the key has no hmac-secret: it does not unlock Windows offline",
            "Use another model where people sign in to Windows without a network.",
        ));
        findings.push(match self.cred_protect {
            Some(false) => finding(
                "key/cred-protect",
                Verdict::Pass,
                "the key has no credProtect, which the level that Entra asks for does without",
                "",
            ),
            there => want("key/cred-protect", there, "the key has credProtect", "", ""),
        });
        findings.push(want(
            "key/forced-pin-change",
            self.forced_change,
            "the key can force a PIN change",
            "the key cannot force a PIN change: whoever reads the temporary PIN can use the key until its user has changed it",
            "Use a model that can, or agree to it with --allow-unforced-pin.",
        ));
        findings.push(self.pin_length(wishes));
        findings.extend(self.reset());
        findings.extend(self.room());
        findings
    }

    fn pin(&self) -> Finding {
        if self.pin_is_enough == Some(false) {
            let sentence = "the key makes passkeys with a fingerprint only, not with a PIN";
            return finding("key/pin", Verdict::Fail, sentence, OTHER_MODEL);
        }
        need("key/pin", self.pin, "the key can have a PIN", "the key cannot have a PIN")
    }

    fn pin_length(&self, wishes: &PinWishes) -> Finding {
        let Some((key_minimum, key_maximum)) = self.pin_lengths else {
            return finding(PIN_LENGTH, Verdict::Unknown, "which lengths of a PIN the key takes is not known", "");
        };
        let terms = PinTerms { key_minimum, key_maximum, profile_minimum: wishes.minimum, ..PinTerms::default() };
        let terms = PinTerms { alphabet: wishes.alphabet, for_spreadsheet: wishes.for_spreadsheet, ..terms };
        match terms.length() {
            Ok(length) if wishes.minimum > 0 && wishes.minimum < key_minimum => finding(
                PIN_LENGTH,
                Verdict::Warn,
                format!(
                    "the temporary PIN will have {length} characters and not {}: the key takes no shorter one",
                    wishes.minimum
                ),
                "",
            ),
            Ok(length) => finding(PIN_LENGTH, Verdict::Pass, format!("the temporary PIN will have {length} characters"), ""),
            Err(error) => finding(
                PIN_LENGTH,
                Verdict::Fail,
                error.to_string(),
                "Use a key that takes longer PINs, or lower the minimum PIN length of the profile.",
            ),
        }
    }

    fn reset(&self) -> Option<Finding> {
        let check = "key/reset";
        Some(match self.reset {
            Reset::Unasked => return None,
            Reset::NotNeeded => finding(check, Verdict::Pass, "the key is fresh", ""),
            Reset::Possible => finding(check, Verdict::Pass, "the key is not fresh: it is wiped first, with a consent", ""),
            Reset::NotHere(LinkKind::Usb) => {
                finding(check, Verdict::Fail, "the key cannot be reset over USB", "Put it on a reader.")
            }
            Reset::NotHere(LinkKind::Nfc | LinkKind::SmartCard) => {
                finding(check, Verdict::Fail, "the key cannot be reset on a reader", "Put it into a USB port.")
            }
            Reset::Forbidden => finding(
                check,
                Verdict::Fail,
                "the key is not fresh and --reset never was given",
                "Use a fresh key, or leave --reset to auto.",
            ),
        })
    }

    fn room(&self) -> Option<Finding> {
        let check = "key/room";
        let room = self.room?;
        Some(match self.reset {
            _ if room > 0 => finding(check, Verdict::Pass, format!("the key has room for about {room} passkeys"), ""),
            Reset::Possible => finding(check, Verdict::Warn, "the key is full: wiping it makes room", ""),
            _ => finding(check, Verdict::Fail, "the key says that it has no room for a passkey", "Use another key."),
        })
    }
}

impl Reset {
    fn of(key: &Authenticator, policy: ResetPolicy) -> Self {
        let (info, kind) = (key.info(), key.link().kind);
        let fresh = is_blank(key);
        match policy {
            ResetPolicy::Never if fresh => Self::NotNeeded,
            ResetPolicy::Never => Self::Forbidden,
            ResetPolicy::Auto if fresh && !info.has("uv") => Self::NotNeeded,
            ResetPolicy::Auto | ResetPolicy::Always if info.resets_over(kind) => Self::Possible,
            ResetPolicy::Auto | ResetPolicy::Always => Self::NotHere(kind),
        }
    }
}

/// A model that does not say which algorithms it has is left to answer for itself.
pub(super) fn signs_with(info: &Info, algorithm: i64) -> bool {
    info.algorithms.as_ref().is_none_or(|list| list.contains(&algorithm))
}

fn finding(check: &'static str, verdict: Verdict, sentence: impl Into<String>, remedy: &str) -> Finding {
    Finding { check, verdict, sentence: sentence.into(), remedy: remedy.to_owned() }
}

/// An ability without which nothing goes.
fn need(check: &'static str, there: Option<bool>, good: &str, bad: &str) -> Finding {
    match there {
        Some(false) => finding(check, Verdict::Fail, bad, OTHER_MODEL),
        other => want(check, other, good, bad, ""),
    }
}

/// An ability whose lack a person should know of.
fn want(check: &'static str, there: Option<bool>, good: &str, bad: &str, remedy: &str) -> Finding {
    match there {
        Some(true) => finding(check, Verdict::Pass, good, ""),
        Some(false) => finding(check, Verdict::Warn, bad, remedy),
        None => {
            let sentence = format!("whether {good} is not known");
            finding(check, Verdict::Unknown, sentence, "Put a key of this model into the port and check it without --aaguid.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn able() -> Abilities {
        Abilities {
            resident_keys: Some(true),
            pin: Some(true),
            pin_is_enough: Some(true),
            es256: Some(true),
            hmac_secret: Some(true),
            cred_protect: Some(true),
            forced_change: Some(true),
            pin_lengths: Some((4, 63)),
            room: Some(25),
            reset: Reset::NotNeeded,
        }
    }

    fn troubles(abilities: &Abilities, minimum: usize) -> Vec<(&'static str, Verdict)> {
        let wishes = PinWishes { minimum, ..PinWishes::default() };
        let found = abilities.findings(&wishes).into_iter().filter(|finding| finding.verdict != Verdict::Pass);
        found.map(|finding| (finding.check, finding.verdict)).collect()
    }

    #[test]
    fn each_ability_has_its_check() {
        use Verdict::{Fail, Unknown, Warn};
        type Row = (fn(&mut Abilities), &'static [(&'static str, Verdict)]);
        let rows: [Row; 16] = [
            (|_| (), &[]),
            (|key| key.resident_keys = Some(false), &[("key/resident-keys", Fail)]),
            (|key| key.resident_keys = None, &[("key/resident-keys", Unknown)]),
            (|key| key.pin = Some(false), &[("key/pin", Fail)]),
            (|key| key.pin_is_enough = Some(false), &[("key/pin", Fail)]),
            (|key| key.es256 = Some(false), &[("key/algorithms", Fail)]),
            (|key| key.hmac_secret = Some(false), &[("key/hmac-secret", Warn)]),
            (|key| key.cred_protect = Some(false), &[]),
            (|key| key.forced_change = Some(false), &[("key/forced-pin-change", Warn)]),
            (|key| key.pin_lengths = Some((4, 6)), &[("key/pin-length", Fail)]),
            (|key| key.pin_lengths = None, &[("key/pin-length", Unknown)]),
            (|key| key.reset = Reset::NotHere(LinkKind::Usb), &[("key/reset", Fail)]),
            (|key| key.reset = Reset::NotHere(LinkKind::Nfc), &[("key/reset", Fail)]),
            (|key| key.reset = Reset::Forbidden, &[("key/reset", Fail)]),
            (|key| key.room = Some(0), &[("key/room", Fail)]),
            (|key| (key.room, key.reset) = (Some(0), Reset::Possible), &[("key/room", Warn)]),
        ];
        for (number, (change, expected)) in rows.into_iter().enumerate() {
            let mut key = able();
            change(&mut key);
            assert_eq!(troubles(&key, 0), expected, "row {number}");
        }
    }

    #[test]
    fn a_wish_meets_the_lengths_that_the_key_takes() {
        for (lengths, wish, expected) in [
            ((4, 63), 6, &[][..]),
            ((10, 63), 0, &[]),
            ((10, 63), 9, &[("key/pin-length", Verdict::Warn)]),
            ((4, 8), 12, &[("key/pin-length", Verdict::Fail)]),
        ] {
            assert_eq!(troubles(&Abilities { pin_lengths: Some(lengths), ..able() }, wish), expected, "{lengths:?} {wish}");
        }
    }

    #[test]
    fn public_facts_stand_in_for_a_key() {
        let of = |id: &str| Abilities::of_model(crate::metadata::model(id.parse().unwrap()).as_ref());
        let warned = [("key/forced-pin-change", Verdict::Warn)];
        assert_eq!(troubles(&of("2fc0579f-8113-47ea-b116-bb5a8db9202a"), 0), warned);
        let unknown = of("00000000-0000-0000-0000-000000000000").findings(&PinWishes::default());
        assert!(unknown.len() > 5 && unknown.iter().all(|finding| finding.verdict == Verdict::Unknown), "{unknown:?}");
        // No metadata tells how a model is reset or how much room it has.
        assert!(unknown.iter().all(|finding| !matches!(finding.check, "key/reset" | "key/room")));
    }
}
