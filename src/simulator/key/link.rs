//! An open link to a training key in its place.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::ctap::{Link, LinkError, LinkFacts, LinkKind, PowerCycle, Transport, Turn, VendorCall};

use super::authenticator::{Surroundings, TrainingKey};
use super::desk::Desk;
use super::fault::Mishap;
use super::serial;

/// A link that dies when hands touch the key: it never reaches the key again, even if that is put back.
pub struct TrainingLink {
    desk: Desk,
    link: Link,
    key: TrainingKey,
    around: Surroundings,
    /// The answer before the one that is being given.
    last: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for TrainingLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainingLink").field("link", &self.link).field("key", &self.key).finish_non_exhaustive()
    }
}

impl TrainingLink {
    pub(super) fn new(desk: Desk, link: Link, key: TrainingKey) -> Self {
        let watched = (desk.clone(), link.clone());
        let in_field = link.kind == LinkKind::Nfc;
        let around = Surroundings { present: Arc::new(move || watched.0.behind(&watched.1).is_some()), in_field };
        Self { desk, link, key, around, last: Zeroizing::default() }
    }

    fn alive(&self) -> Result<(), LinkError> {
        if (self.around.present)() { Ok(()) } else { Err(LinkError::Gone) }
    }
}

impl Transport for TrainingLink {
    fn link(&self) -> &Link {
        &self.link
    }

    fn facts(&self) -> LinkFacts {
        let usb = self.link.kind == LinkKind::Usb;
        LinkFacts { version: usb.then_some(self.key.model().firmware), wink: usb }
    }

    fn exchange(&mut self, request: &[u8], turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        self.alive()?;
        let mishap = self.key.mishap(request);
        match mishap {
            Some(Mishap::GoneBefore) => {
                self.desk.jolt(&self.link);
                return Err(LinkError::Gone);
            }
            Some(Mishap::Status(status)) => return Ok(Zeroizing::new(vec![status])),
            _ => {}
        }
        let reply = self.key.exchange(request, turn, &self.around)?;
        self.alive()?;
        let before = std::mem::replace(&mut self.last, reply.clone());
        match mishap {
            Some(Mishap::GoneAfter) => {
                self.desk.jolt(&self.link);
                Err(LinkError::Gone)
            }
            // A status of success, then a map that promises more than is there.
            Some(Mishap::Garbled) => Ok(Zeroizing::new(vec![0x00, 0xBF, 0x01, 0xFF, 0xFF])),
            Some(Mishap::Truncated) => Ok(Zeroizing::new(reply.get(..reply.len() / 2).unwrap_or_default().to_vec())),
            Some(Mishap::Repeated) => Ok(before),
            Some(Mishap::Silent) => {
                self.desk.clock().sleep(turn.budget);
                Err(LinkError::Timeout)
            }
            _ => Ok(reply),
        }
    }

    fn vendor(&mut self, call: VendorCall<'_>, _turn: &mut Turn<'_>) -> Result<Vec<u8>, LinkError> {
        self.alive()?;
        let model = self.key.model();
        let usb = self.link.kind == LinkKind::Usb;
        let asked = match call {
            VendorCall::Hid { command, .. } => usb && command == serial::HID_COMMAND,
            VendorCall::Card { aid, header: [_, instruction, ..], .. } => {
                !usb && aid == Some(serial::CARD_AID) && instruction == serial::CARD_INSTRUCTION
            }
        };
        if asked && model.maker_serial {
            self.key.look();
            Ok(serial::page(self.key.serial(), model.firmware))
        } else {
            Err(LinkError::Unsupported("command of the maker"))
        }
    }

    fn wink(&mut self, _turn: &mut Turn<'_>) -> Result<(), LinkError> {
        self.alive()?;
        if self.facts().wink { Ok(()) } else { Err(LinkError::Unsupported("wink")) }
    }

    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError> {
        self.alive()?;
        if self.link.kind == LinkKind::Usb {
            return Ok(PowerCycle::NeedsHands);
        }
        self.key.power_up();
        Ok(PowerCycle::Done)
    }
}
