//! Readers of this machine over PC/SC.

use std::ffi::CString;
use std::fmt;
use std::time::Duration;

use pcsc::{Card, Context, Disposition, Error, PNP_NOTIFICATION, Protocols, ReaderState, Scope, ShareMode, State};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{CardFault, CardPipe, CardTransport, Reconnect, card_link};
use crate::clock::SharedClock;
use crate::ctap::discover::{Place, Sighting};
use crate::ctap::{Link, LinkError, LinkKind, Transport};

/// pcsclite takes at most 16 readers in one question; one place is left for the notification of new readers.
const READERS_AT_ONCE: usize = 15;
/// Longest APDU with short length fields.
const SHORT_APDU: usize = 261;

/// The readers as a place where keys appear.
#[derive(Default)]
pub(in crate::ctap) struct Readers {
    context: Option<Context>,
    states: Vec<ReaderState>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("connected", &self.context.is_some()).finish_non_exhaustive()
    }
}

impl Readers {
    pub(in crate::ctap) fn new() -> Self {
        Self::default()
    }

    /// The names of all readers. A context that the service forgot is given up, so that the next look gets another.
    fn names(&mut self) -> Result<Vec<CString>, LinkError> {
        let context = match &self.context {
            Some(context) => context.clone(),
            None => {
                self.context.insert(Context::establish(Scope::User).map_err(|error| link_error(error, "card readers"))?).clone()
            }
        };
        match context.list_readers_owned() {
            Ok(names) => Ok(names),
            Err(Error::NoReadersAvailable) => Ok(Vec::new()),
            Err(error) => {
                self.context = None;
                Err(link_error(error, "card readers"))
            }
        }
    }

    fn connect(link: &Link, clock: &SharedClock) -> Result<Box<dyn Transport>, LinkError> {
        // A context of its own: calls in one context wait for each other.
        let context = Context::establish(Scope::User).map_err(|error| link_error(error, &link.path))?;
        let name = CString::new(link.path.as_str()).map_err(|_| LinkError::Gone)?;
        let card = context
            .connect(&name, ShareMode::Shared, Protocols::T0 | Protocols::T1)
            .map_err(|error| link_error(error, &link.path))?;
        let atr = card.status2_owned().map_err(|error| link_error(error, &link.path))?.atr().to_vec();
        let card = ConnectedCard { card: Some(card), atr, reader: link.path.clone() };
        Ok(Box::new(CardTransport::open(link.clone(), card, clock.clone())?))
    }
}

impl Place for Readers {
    fn name(&self) -> &'static str {
        "card readers"
    }

    fn look(&mut self) -> Result<Vec<Sighting>, LinkError> {
        self.states = self.names()?.into_iter().map(|name| ReaderState::new(name, State::UNAWARE)).collect();
        let Some(context) = &self.context else { return Err(LinkError::NoService) };
        for states in self.states.chunks_mut(READERS_AT_ONCE) {
            match context.get_status_change(Duration::ZERO, states) {
                // A reader that was just pulled out is not in the next list.
                Ok(()) | Err(Error::Timeout | Error::UnknownReader | Error::ReaderUnavailable) => {}
                Err(error) => {
                    self.context = None;
                    return Err(link_error(error, "card readers"));
                }
            }
        }
        Ok(self.states.iter().filter_map(sighting).collect())
    }

    fn survey(&mut self) -> Result<Vec<String>, LinkError> {
        Ok(self.names()?.into_iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn pause(&mut self, time: Duration) -> bool {
        let Some(context) = self.context.clone() else { return false };
        let mut states: Vec<ReaderState> = std::mem::take(&mut self.states);
        states.truncate(READERS_AT_ONCE);
        for state in &mut states {
            state.sync_current_state();
        }
        // macOS has no such notification.
        if !cfg!(target_os = "macos") {
            states.push(ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE));
        }
        !states.is_empty() && matches!(context.get_status_change(time, &mut states), Ok(()) | Err(Error::Timeout))
    }

    fn open(
        &mut self,
        link: &Link,
        clock: &SharedClock,
        _rng: &mut dyn CryptoRng,
    ) -> Option<Result<Box<dyn Transport>, LinkError>> {
        (link.kind != LinkKind::Usb).then(|| Self::connect(link, clock))
    }
}

fn sighting(state: &ReaderState) -> Option<Sighting> {
    let event = state.event_state();
    if !event.contains(State::PRESENT) || event.contains(State::MUTE) {
        return None;
    }
    let link = card_link(&state.name().to_string_lossy(), state.atr())?;
    Some(Sighting { link, insertion: state.event_count().to_string(), since: None })
}

/// One connected card, shared with other programs.
struct ConnectedCard {
    card: Option<Card>,
    atr: Vec<u8>,
    reader: String,
}

impl CardPipe for ConnectedCard {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        let card = self.card.as_ref().ok_or(LinkError::Gone)?;
        let mut buffer = Zeroizing::new(vec![0; pcsc::MAX_BUFFER_SIZE_EXTENDED]);
        match card.transmit(apdu, &mut buffer) {
            Ok(answer) => Ok(Zeroizing::new(answer.to_vec())),
            // A protocol mismatch is what pcscd says while another program's reset is under way.
            Err(Error::ResetCard | Error::UnpoweredCard | Error::ProtoMismatch) => Err(CardFault::WasReset),
            Err(Error::InvalidParameter | Error::InvalidValue | Error::UnsupportedFeature) if apdu.len() > SHORT_APDU => {
                Err(CardFault::NotSent)
            }
            Err(error) => Err(link_error(error, &self.reader).into()),
        }
    }

    fn reconnect(&mut self, how: Reconnect) -> Result<(), LinkError> {
        let card = self.card.as_mut().ok_or(LinkError::Gone)?;
        let disposition = match how {
            Reconnect::Keep => Disposition::LeaveCard,
            Reconnect::Reset => Disposition::ResetCard,
            Reconnect::PowerOff => Disposition::UnpowerCard,
        };
        card.reconnect(ShareMode::Shared, Protocols::T0 | Protocols::T1, disposition)
            .map_err(|error| link_error(error, &self.reader))
    }
}

impl Drop for ConnectedCard {
    /// The crate's own way out resets the card; other programs would lose what they have on it.
    fn drop(&mut self) {
        if let Some(card) = self.card.take() {
            drop(card.disconnect(Disposition::LeaveCard));
        }
    }
}

fn link_error(error: Error, reader: &str) -> LinkError {
    match error {
        Error::NoService | Error::ServiceStopped | Error::Shutdown => LinkError::NoService,
        Error::SharingViolation => LinkError::Busy,
        Error::NoAccess | Error::SecurityViolation => LinkError::AccessDenied(reader.to_owned()),
        Error::Timeout => LinkError::Timeout,
        // A card that leaves the field in the middle of an APDU is a failed transmission first, and a removed card later.
        Error::RemovedCard
        | Error::NoSmartcard
        | Error::UnknownReader
        | Error::ReaderUnavailable
        | Error::UnresponsiveCard
        | Error::NotTransacted
        | Error::CommError
        | Error::CommDataLost => LinkError::Gone,
        other => LinkError::System(other.to_string()),
    }
}
