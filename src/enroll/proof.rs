//! The proof that a key is of the model that it says it is, before anything on it changes: a trial credential whose attestation leads to a
//! root of that model. It costs a touch.

use rand::Rng as _;

use super::error::EnrolError;
use super::flow::{Enrolment, Order, Proof};
use crate::aaguid::Aaguid;
use crate::ctap::{Authenticator, CtapError, Feature, NewCredential};
use crate::identity::{Finding, Verdict};
use crate::metadata::blob::Blob;
use crate::webauthn::{AttestationError, AttestationObject, Expected, Roots, Trust};

/// A relying party that no site can be (RFC 2606).
const NOBODY: &str = "trial.invalid";

const WANTS_PIN: &str = "it wants its PIN for every credential";

/// Why a key cannot prove its model beforehand; `None` if nothing stands in the way. `tries` says whether it makes a credential by touch
/// alone, where that is known.
fn unprovable(metadata: Option<&Blob>, aaguid: Aaguid, tries: Option<bool>) -> Option<&'static str> {
    let Some(metadata) = metadata else { return Some("there is no signed metadata here") };
    if metadata.entry(aaguid).is_none_or(|entry| entry.roots.is_empty()) {
        return Some("the signed metadata has no root of its model");
    }
    (tries == Some(false)).then_some(WANTS_PIN)
}

/// Whether a key can prove its model beforehand, where that is asked for. `tries` as a key tells it; `None` for a model of which no key is
/// there.
pub fn proof_finding(order: &Order, aaguid: Aaguid, tries: Option<bool>) -> Option<Finding> {
    let (check, remedy) = ("key/proof", "Run `keywright metadata update`, use another model, or leave prove_attestation out.");
    let why = match (order.proof, unprovable(order.metadata.as_deref(), aaguid, tries)) {
        (Proof::WhenMade, _) => return None,
        (Proof::Beforehand, why) => why,
    };
    let (verdict, sentence, remedy) = match why {
        Some(why) => (Verdict::Fail, format!("the key cannot prove its model before anything changes: {why}"), remedy),
        None => (Verdict::Pass, "the key can prove its model before anything changes".to_owned(), ""),
    };
    Some(Finding { check, verdict, sentence, remedy: remedy.into() })
}

impl Enrolment<'_> {
    /// The roots of a model by the signed metadata. A model that it does not have is not followed to a root.
    pub(super) fn roots_of(&self, order: &Order, aaguid: Aaguid) -> Roots {
        match order.metadata.as_ref().and_then(|metadata| metadata.entry(aaguid)) {
            Some(entry) => Roots::Of { der: entry.roots.clone(), at: self.desk.clock.now() },
            None => Roots::NotAtHand,
        }
    }

    /// Has the key prove its model, if that was asked for.
    pub(super) fn proves_its_model(&self, key: &mut Authenticator, algorithms: &[i64], order: &Order) -> Result<(), EnrolError> {
        if order.proof == Proof::WhenMade {
            return Ok(());
        }
        let aaguid = key.info().aaguid;
        let unproven = |why: &str| Err(EnrolError::Unproven(why.to_owned()));
        if let Some(why) = unprovable(order.metadata.as_deref(), aaguid, Some(key.can_try())) {
            return unproven(why);
        }
        let roots = self.roots_of(order, aaguid);
        self.desk.notice("the key proves its model before anything on it changes: touch it");
        let mut client_data_hash = [0; 32];
        (self.desk.generators)().fill_bytes(&mut client_data_hash);
        let wanted =
            NewCredential { client_data_hash, rp_id: NOBODY.into(), algorithms: algorithms.to_vec(), ..NewCredential::default() };
        let attested = match key.trial_credential(&wanted) {
            Err(CtapError::Unsupported(Feature::TrialCredential)) => return unproven(WANTS_PIN),
            made => made.map_err(EnrolError::touch)?,
        };
        let object = AttestationObject::from_parts(&attested.fmt, &attested.att_stmt, &attested.auth_data);
        let expected = Expected::of_trial(NOBODY, client_data_hash, algorithms, aaguid).with_roots(roots.clone());
        Ok(leads_to(&roots, &object.verify(&expected)?.trust)?)
    }
}

/// A model whose roots are known has no other attestation than one that leads to them.
pub(super) fn leads_to(roots: &Roots, trust: &Trust) -> Result<(), AttestationError> {
    match (roots, trust) {
        (Roots::NotAtHand, _) | (Roots::Of { .. }, Trust::Chain) => Ok(()),
        // Those of some models are signed by the credential itself.
        (Roots::Of { der, .. }, _) if der.is_empty() => Ok(()),
        (Roots::Of { .. }, _) => Err(AttestationError::Untrusted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_roots_are_known_nothing_else_counts() {
        let known = Roots::Of { der: vec![vec![1]], at: jiff::Timestamp::UNIX_EPOCH };
        let none = Roots::Of { der: Vec::new(), at: jiff::Timestamp::UNIX_EPOCH };
        for (trust, counts) in [
            (Trust::Chain, true),
            (Trust::Leaf, false),
            (Trust::SelfAttested, false),
            (Trust::None, false),
            (Trust::Unchecked("fido-u2f".into()), false),
        ] {
            assert_eq!(leads_to(&known, &trust).is_ok(), counts, "{trust:?}");
            assert!(leads_to(&none, &trust).is_ok() && leads_to(&Roots::NotAtHand, &trust).is_ok(), "{trust:?}");
        }
    }
}
