//! A credential that is made to be looked at: not discoverable, so that nothing of it stays on the authenticator (CTAP 2.3 section 6.1).

use super::make_credential::{Attested, NewCredential};
use crate::ctap::cbor::{Item, Map};
use crate::ctap::commands::Command;
use crate::ctap::commands::make_credential::TOUCH;
use crate::ctap::{Authenticator, CtapError, Feature, Status};

/// What an authenticator says that wants more than a touch.
const WANTS_PIN: [Status; 2] = [Status::PUAT_REQUIRED, Status::PIN_AUTH_INVALID];

impl Authenticator {
    /// Whether it says that a touch is enough: it has no PIN, or makes such credentials without it (`makeCredUvNotRqd`).
    pub fn can_try(&self) -> bool {
        let says = |name| self.info().option(name) == Some(true);
        !says("alwaysUv") && (says("makeCredUvNotRqd") || !(says("clientPin") || says("uv")))
    }

    /// Makes one by touch alone. Nobody knows its id when the answer is dropped.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] from one that wants its PIN for it.
    pub fn trial_credential(&mut self, wanted: &NewCredential) -> Result<Attested, CtapError> {
        if !self.can_try() {
            return Err(CtapError::Unsupported(Feature::TrialCredential));
        }
        let name = wanted.rp_id.as_str();
        let algorithm = |number: &i64| Item::Map(Map::new().named("alg", *number).named("type", "public-key"));
        let body = Map::new()
            .at(1, &wanted.client_data_hash[..])
            .at(2, Map::new().named("id", name).named("name", name))
            .at(3, Map::new().named("id", &[0_u8][..]).named("name", name).named("displayName", name))
            .at(4, wanted.algorithms.iter().map(algorithm).collect::<Vec<_>>());
        match self.call(Command::MakeCredential, &body, TOUCH) {
            Ok(reply) => Ok(Attested::parse(reply.cbor(), &wanted.rp_id)?),
            Err(CtapError::Status(status)) if WANTS_PIN.contains(&status) => {
                Err(CtapError::Unsupported(Feature::TrialCredential))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctap::cbor::Value;
    use crate::ctap::tests::{KEY, RP, attested_data, auth_data, credential_reply, least_info, ok, scripted};

    fn wanted() -> NewCredential {
        NewCredential { client_data_hash: [5; 32], rp_id: RP.into(), algorithms: vec![-7], ..NewCredential::default() }
    }

    #[test]
    fn a_touch_is_enough_or_nothing_is_asked() {
        let unsupported = Err(CtapError::Unsupported(Feature::TrialCredential));
        let options = |names: &[(&'static str, bool)]| {
            let map = names.iter().fold(Map::new(), |map, (name, value)| map.named(name, *value));
            least_info().at(4, map)
        };
        let rows = [
            ("no PIN", options(&[("clientPin", false)]), Some(0x00), Ok(())),
            ("no option", least_info(), Some(0x00), Ok(())),
            ("a PIN", options(&[("clientPin", true)]), None, unsupported.clone()),
            ("a fingerprint", options(&[("uv", true)]), None, unsupported.clone()),
            ("a PIN that is not asked for", options(&[("clientPin", true), ("makeCredUvNotRqd", true)]), Some(0x00), Ok(())),
            ("always", options(&[("alwaysUv", true), ("makeCredUvNotRqd", true)]), None, unsupported.clone()),
            ("it thinks otherwise", options(&[("clientPin", false)]), Some(0x36), unsupported),
            ("no touch", least_info(), Some(0x2F), Err(CtapError::Status(Status::USER_ACTION_TIMEOUT))),
        ];
        let made = [&[0][..], &credential_reply(&auth_data(0x41, &attested_data(2, &[1; 2], KEY)))].concat();
        for (name, info, status, expected) in rows {
            let answer = status.map(|status| if status == 0 { made.clone() } else { vec![status] });
            let (key, requests) = scripted([ok(&info)].into_iter().chain(answer));
            assert_eq!(key.unwrap().trial_credential(&wanted()).map(drop), expected, "{name}");
            let requests = requests.lock().unwrap();
            assert_eq!(requests.len(), 1 + usize::from(status.is_some()), "{name}");
            for request in requests.iter().skip(1) {
                let sent = Value::parse(&request[1..]).unwrap().members("makeCredential").unwrap();
                assert_eq!(sent.iter().map(|(member, _)| member).collect::<Vec<_>>(), [1, 2, 3, 4], "{name}: not discoverable");
            }
        }
    }
}
