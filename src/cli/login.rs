//! `login`: a person signs in, or an application's sign-in is tried.

use super::CliError;
use super::station::Station;
use super::whoami;

/// Signs in anew and shows who is signed in. Even a script may ask for it: the address and the code are in its events.
pub(super) fn run(station: &Station, no_browser: bool) -> Result<(), CliError> {
    let mut tenant = station.provider_for(true, !no_browser)?;
    tenant.log_in()?;
    whoami::show(station, &mut tenant)
}
