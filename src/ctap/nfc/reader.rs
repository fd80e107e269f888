//! Readers of this machine over PC/SC.

use std::ffi::CString;
use std::fmt;
use std::time::Duration;

use pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, Scope, State};
use rand::CryptoRng;

use super::connection::Connection;
use super::{CardTransport, card_link};
use crate::clock::SharedClock;
use crate::ctap::discover::{Place, Sighting};
use crate::ctap::{Link, LinkError, LinkKind, Transport};

/// pcsclite takes at most 16 readers in one question; one place is left for the notification of new readers.
const READERS_AT_ONCE: usize = 15;

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
            None => self
                .context
                .insert(Context::establish(Scope::User).map_err(|error| admission_error(error, "card readers"))?)
                .clone(),
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
        let card = Connection::open(&link.path)?;
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

/// What an error of the service means for the card in this reader.
pub(super) fn link_error(error: Error, reader: &str) -> LinkError {
    meaning(error, reader, cfg!(windows))
}

/// The same for the first words to the service. pcscd hangs up on whom polkit does not let in, which its library calls a failed
/// communication or a missing service, as it happens to be in the middle of a word or not.
pub(super) fn admission_error(error: Error, reader: &str) -> LinkError {
    match error {
        Error::CommError if !cfg!(windows) => LinkError::AccessDenied(reader.to_owned()),
        Error::NoService if service_listens() => LinkError::AccessDenied(reader.to_owned()),
        other => link_error(other, reader),
    }
}

/// Whether somebody takes connections at the socket of pcscd.
#[cfg(target_os = "linux")]
fn service_listens() -> bool {
    let socket = std::env::var_os("PCSCLITE_CSOCK_NAME").unwrap_or_else(|| "/run/pcscd/pcscd.comm".into());
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// Elsewhere the service has no socket.
#[cfg(not(target_os = "linux"))]
fn service_listens() -> bool {
    false
}

fn meaning(error: Error, reader: &str, on_windows: bool) -> LinkError {
    match error {
        Error::NoService | Error::ServiceStopped | Error::Shutdown => LinkError::NoService,
        Error::SharingViolation => LinkError::Busy,
        // The selection of the FIDO applet, by anybody but an administrator.
        Error::NoAccess if on_windows => LinkError::NotElevated(reader.to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings() {
        let denied = || LinkError::AccessDenied("reader".into());
        let rows = [
            (Error::NoAccess, true, LinkError::NotElevated("reader".into())),
            (Error::NoAccess, false, denied()),
            (Error::SecurityViolation, true, denied()),
            (Error::SecurityViolation, false, denied()),
            (Error::NoService, true, LinkError::NoService),
            (Error::SharingViolation, false, LinkError::Busy),
            (Error::RemovedCard, true, LinkError::Gone),
            (Error::CommError, false, LinkError::Gone),
        ];
        for (error, on_windows, expected) in rows {
            assert_eq!(meaning(error, "reader", on_windows), expected, "{error} on Windows: {on_windows}");
        }
    }
}
