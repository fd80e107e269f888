//! authenticatorSelection (CTAP 2.3 section 6.9), and what stood in for it before CTAP 2.1.

use std::time::Duration;

use crate::ctap::cbor::{Item, Map};
use crate::ctap::commands::Command;
use crate::ctap::{Authenticator, CtapError, Feature, Status};

/// Longer than any authenticator waits for a touch before it gives up by itself.
const TOUCH: Duration = Duration::from_secs(40);
/// A relying party that no site can be (RFC 2606).
const NOBODY: &str = "touch.invalid";
/// COSE number of ES256, which every FIDO2 key has: an algorithm that it lacks would be refused before the touch.
const ES256: i64 = -7;
/// What a makeCredential with an empty pinUvAuthParam ends with after the touch: with a PIN, without one, and, from some
/// keys, that the parameter is wrong (libfido2's `fido_dev_get_touch_status` takes the same three).
const TOUCHED: [Status; 3] = [Status::PIN_INVALID, Status::PIN_NOT_SET, Status::PIN_AUTH_INVALID];

impl Authenticator {
    /// Waits for a touch, so that a person can say which of several keys is meant. Nothing on the key changes.
    ///
    /// Before CTAP 2.1 the touch is asked for by a makeCredential with an empty pinUvAuthParam, which CTAP 2.0 provides for
    /// this: the key waits for the touch, then refuses.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] from an old key that has no PIN to refuse with.
    pub fn selection(&mut self) -> Result<(), CtapError> {
        self.selection_within(TOUCH)
    }

    /// As [`Authenticator::selection`], with a limit for the person.
    pub(crate) fn selection_within(&mut self, limit: Duration) -> Result<(), CtapError> {
        let old = ["U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE"];
        if !self.info().versions.iter().all(|version| old.contains(&version.as_str())) {
            match self.call(Command::Selection, &Map::new(), limit) {
                // It says CTAP 2.1 but lacks the command.
                Err(error) if error.is(Status::INVALID_COMMAND) => {}
                result => return result.map(drop),
            }
        }
        self.refused_after_touch(limit)
    }

    fn refused_after_touch(&mut self, limit: Duration) -> Result<(), CtapError> {
        // Without a PIN the empty parameter means nothing, and a credential would be made.
        if self.info().client_pin().is_none() {
            return Err(CtapError::Unsupported(Feature::Selection));
        }
        let protocol = self.info().pin_protocols.as_ref().and_then(|list| list.first()).copied().unwrap_or(1);
        let algorithm = Item::Map(Map::new().named("alg", ES256).named("type", "public-key"));
        let body = Map::new()
            .at(1, &[0_u8; 32][..])
            .at(2, Map::new().named("id", NOBODY).named("name", NOBODY))
            .at(3, Map::new().named("id", &[0_u8][..]).named("name", NOBODY).named("displayName", NOBODY))
            .at(4, vec![algorithm])
            .at(8, &[][..])
            .at(9, protocol);
        match self.call(Command::MakeCredential, &body, limit) {
            Err(CtapError::Status(status)) if TOUCHED.contains(&status) => Ok(()),
            Err(error) => Err(error),
            // Not discoverable, as nobody asked for that: nothing of it stays on the key, and its id is dropped here.
            Ok(_) => {
                log::warn!("{}: it took an empty PIN parameter for none", self.link().path);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctap::LinkError;
    use crate::ctap::cbor::Value;
    use crate::ctap::tests::{least_info, ok, scripted, texts};

    fn old_keys() -> Map<'static> {
        Map::new().at(1, texts(&["U2F_V2", "FIDO_2_0"])).at(3, &[7_u8; 16][..])
    }

    fn old_info() -> Map<'static> {
        old_keys().at(4, Map::new().named("clientPin", false))
    }

    #[test]
    fn what_counts_as_a_touch() {
        let new = || least_info().at(4, Map::new().named("clientPin", true));
        let refused = |status: Status| Err(CtapError::Status(status));
        let rows = [
            (new(), vec![0x00], vec![0x0B], Ok(())),
            (new(), vec![0x2F], vec![0x0B], refused(Status::USER_ACTION_TIMEOUT)),
            (new(), vec![0x01, 0x31], vec![0x0B, 0x01], Ok(())),
            (old_info(), vec![0x31], vec![0x01], Ok(())),
            (old_info(), vec![0x33], vec![0x01], Ok(())),
            (old_info(), vec![0x35], vec![0x01], Ok(())),
            (old_info(), vec![0x00], vec![0x01], Ok(())),
            (old_info(), vec![0x36], vec![0x01], refused(Status::PUAT_REQUIRED)),
            (old_info(), vec![0x2D], vec![0x01], refused(Status::KEEPALIVE_CANCEL)),
            (old_info(), vec![0x14], vec![0x01], refused(Status(0x14))),
            (old_info(), vec![], vec![0x01], Err(CtapError::Link(LinkError::Gone))),
            // Without a PIN the parameter means nothing: such a key would make a credential, and is not asked.
            (old_keys(), vec![0x00], vec![], Err(CtapError::Unsupported(Feature::Selection))),
            (least_info(), vec![0x01, 0x00], vec![0x0B], Err(CtapError::Unsupported(Feature::Selection))),
        ];
        for (info, statuses, commands, expected) in rows {
            let replies = [ok(&info)].into_iter().chain(statuses.iter().map(|status| vec![*status]));
            let (key, requests) = scripted(replies);
            assert_eq!(key.unwrap().selection(), expected, "{statuses:02X?}");
            let sent: Vec<u8> = requests.lock().unwrap().iter().skip(1).map(|request| request[0]).collect();
            assert_eq!(sent, commands, "{statuses:02X?}");
        }
    }

    #[test]
    fn what_an_old_key_is_asked_can_make_nothing_that_stays() {
        let (key, requests) = scripted([ok(&old_info().at(6, vec![Item::from(1_u8)])), vec![0x35]]);
        key.unwrap().selection().unwrap();
        let requests = requests.lock().unwrap();
        let (command, cbor) = requests[1].split_first().unwrap();
        let sent = Value::parse(cbor).unwrap().members("makeCredential").unwrap();
        assert_eq!(*command, 0x01);
        assert_eq!(sent.iter().map(|(member, _)| member).collect::<Vec<_>>(), [1, 2, 3, 4, 8, 9], "no options: not discoverable");
        assert_eq!(sent.need(8, "pinUvAuthParam").unwrap().bytes("pinUvAuthParam"), Ok(&[][..]));
    }
}
