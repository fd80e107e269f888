//! What is left of an unfinished job, by its journal: who can go on with it.

use super::EnrolError;
use super::progress::{Phase, Progress};
use crate::handover::pin::{Safe, SafeError};
use crate::ledger::{Entry, Intent, JobId, Ledger, Outcome};

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing was changed: the job can be ended as if it had never been.
    Everything,
    /// Something on the key, which has to be there.
    Key,
    /// The registration; the key may be elsewhere.
    Registration,
    /// The hand-over.
    HandOver,
    /// Somebody's word that the PIN has reached its user.
    Confirmation,
}

/// What is left of a job with this journal, oldest entry first.
pub fn left_of(entries: &[Entry]) -> Left {
    let unconfirmed = entries.last().is_some_and(|entry| {
        matches!(entry.intent, Intent::HandOver { .. })
            && matches!(entry.outcome, Some(Outcome::Delivered { confirmed: false, .. }))
    });
    match Progress::of(entries).phase {
        Phase::Untouched => Left::Everything,
        Phase::Sealed(_) | Phase::RegisterUnsure(_) => Left::Registration,
        Phase::Registered(..) | Phase::Deposited(_) if unconfirmed => Left::Confirmation,
        Phase::Registered(..) | Phase::Deposited(_) => Left::HandOver,
        _ => Left::Key,
    }
}

/// Whether this station can open every PIN that the key of a job with this journal may have. Another station's are sealed for that
/// one, unless its profile names this one as well.
///
/// # Errors
/// What the ledger and the safe say.
pub fn opens(ledger: &mut dyn Ledger, safe: &dyn Safe, job: JobId, entries: &[Entry]) -> Result<bool, EnrolError> {
    for number in Progress::of(entries).pins {
        let Some(sealed) = ledger.pin(job, number)? else { continue };
        match safe.open(&sealed) {
            Ok(_) => {}
            Err(SafeError::Open(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
