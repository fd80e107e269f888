//! `simulator tenant`, and the training tenant behind `--simulate`.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use super::results::TenantServed;
use super::station::Station;
use crate::advice::Exit;
use crate::clock::SharedClock;
use crate::simulator::OwnJudge;
use crate::simulator::tenant::{RunningTenant, Script, TrainingTenant};
use crate::ui::{Block, Sheet};

/// How soon Ctrl-C is noticed.
const STEP: Duration = Duration::from_millis(100);

/// File in which the training tenant keeps its passkeys between runs, unless its script names one.
const MEMORY: &str = "KEYWRIGHT_TRAINING_TENANT";

/// Starts the tenant of a rehearsal, on a free port.
pub(super) fn rehearse(clock: &SharedClock) -> Result<RunningTenant, CliError> {
    start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Script::default(), clock)
}

/// Serves until Ctrl-C, which is how this command ends well.
pub(super) fn serve(station: &Station, listen: SocketAddr, script: Option<&Path>) -> Result<Exit, CliError> {
    let script = match script {
        Some(path) => Script::from_file(path).map_err(|error| CliError::file(path, &error))?,
        None => Script::default(),
    };
    let tenant = start(listen, script, &station.clock)?;
    let profile = tenant.profile_toml();
    let result = TenantServed { url: &tenant.url(), profile: &profile };
    station.face.show(&Sheet::new(&result, vec![Block::Raw(profile.clone())]));
    while !station.cancel.requested() {
        station.clock.sleep(STEP);
    }
    Ok(Exit::Done)
}

fn start(listen: SocketAddr, mut script: Script, clock: &SharedClock) -> Result<RunningTenant, CliError> {
    script.memory = script.memory.or_else(|| env::var_os(MEMORY).filter(|path| !path.is_empty()).map(PathBuf::from));
    TrainingTenant::start(listen, script, Arc::clone(clock), Station::generator(), Box::new(OwnJudge::default()))
        .map_err(|error| CliError::Tenant(error.to_string()))
}
