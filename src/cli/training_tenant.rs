//! `simulator tenant`, and the training tenant behind `--simulate`.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use super::rehearsal;
use super::results::TenantServed;
use super::station::Station;
use crate::advice::Exit;
use crate::clock::SharedClock;
use crate::simulator::OwnJudge;
use crate::simulator::tenant::{RunningTenant, Script, TrainingTenant, TrainingUser};
use crate::ui::{Block, Sheet};

/// How soon Ctrl-C is noticed.
const STEP: Duration = Duration::from_millis(100);

/// File in which the training tenant keeps its passkeys between runs, unless its script names one.
const MEMORY: &str = "KEYWRIGHT_TRAINING_TENANT";

/// How many users the tenant of a rehearsal has beside those that it always has.
const USERS: &str = "KEYWRIGHT_TRAINING_USERS";
/// Most of them.
const MOST_USERS: u32 = 100_000;
/// Milliseconds that a real tenant takes for an answer.
const ANSWER: u32 = 300;

/// Starts the tenant of a rehearsal, on a free port.
pub(super) fn rehearse(clock: &SharedClock) -> Result<RunningTenant, CliError> {
    let latency = rehearsal::latency()?.unwrap_or_default().saturating_mul(ANSWER).wrapping_div(100);
    let mut script = Script { latency, ..Script::default() };
    for number in 1..=users()? {
        script.users.push(TrainingUser::numbered(number, &script.tenant));
    }
    start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), script, clock)
}

fn users() -> Result<u32, CliError> {
    let Some(text) = env::var(USERS).ok().filter(|text| !text.is_empty()) else { return Ok(0) };
    match text.parse() {
        Ok(number @ 0..=MOST_USERS) => Ok(number),
        _ => Err(CliError::Rehearsal { variable: USERS, reason: format!("{text} is not a number up to {MOST_USERS}") }),
    }
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
