//! `pins open`: what another station sealed for somebody, on that somebody's machine.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::CliError;
use super::super::results::PinOpened;
use super::super::station::Station;
use crate::handover::identities::{self, AskPassphrase};
use crate::handover::sealed;
use crate::secret::SecretText;
use crate::ui::{Block, Event, Revealed, Sheet};

/// Opens each file and shows it. All are opened before the first is shown, so that a wrong identity shows nothing.
pub(super) fn open(station: &Station, files: &[PathBuf], given: &[PathBuf]) -> Result<(), CliError> {
    let face = Arc::clone(&station.face);
    let ask: AskPassphrase = Arc::new(move |prompt| face.secret(prompt));
    let mut identities = Vec::new();
    for path in given {
        identities.extend(identities::read(path, &ask)?);
    }
    if given.is_empty() {
        identities.push(station.safe()?.identity());
    }
    let opened = files.iter().map(|file| sealed::open(file, &identities)).collect::<Result<Vec<_>, _>>()?;
    for (file, opened) in files.iter().zip(&opened) {
        let content = &opened.content;
        let result = PinOpened {
            file,
            job: content.job,
            upn: &content.upn,
            name: content.name.as_deref(),
            model: &content.model,
            serial: content.serial.as_deref(),
            passkey_name: &content.passkey_name,
            pin_must_be_changed: content.pin_must_be_changed,
            sealed: content.sealed,
        };
        let fields = Block::fields([
            ("user", Some(content.upn.clone())),
            ("name", content.name.clone()),
            ("model", Some(content.model.clone())),
            ("serial", content.serial.clone()),
            ("passkey name", Some(content.passkey_name.clone())),
            ("sealed", Some(content.sealed.to_string())),
            ("job there", Some(content.job.to_string())),
        ]);
        // Wiped when it is dropped, as the PIN itself is.
        let secret = SecretText::new(opened.pin.expose());
        let revealed = Revealed { name: "temporary PIN", member: "temporaryPin", secret: &secret };
        let shown = station.face.reveal(&Sheet::new(&result, vec![fields]), &revealed);
        shown.map_err(|error| CliError::PinNotShown(error.to_string()))?;
        if !content.pin_must_be_changed {
            let sentence = format!("the key of {} does not force a change of this PIN", content.upn);
            station.face.tell(&Event::Notice { sentence });
        }
    }
    Ok(())
}
