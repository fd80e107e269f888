//! `logout`: the remembered sign-in is forgotten.

use super::CliError;
use super::results::LoggedOut;
use super::station::Station;
use crate::ui::{Block, Sheet};

/// Forgets the sign-in of the profile on this machine.
pub(super) fn run(station: &Station) -> Result<(), CliError> {
    let mut tenant = station.provider_for(false, false)?;
    let was = tenant.log_out()?;
    let line = if was { "The sign-in is forgotten on this machine." } else { "Nobody was signed in." };
    station.face.show(&Sheet::new(&LoggedOut { signed_out: was }, vec![Block::Line(line.into())]));
    Ok(())
}
