//! The station without network: makes the keys ready, one user after the other.

use jiff::Timestamp;

use crate::batch::{Prepared, PreparedFile, Refusal};
use crate::enroll::{EnrolError, Enrolment, Order, Use, use_of};
use crate::identity::IdentityError;

/// How often the key of the last user may be found instead of the next one.
const SWAPS: u8 = 5;

/// What was made, and for whom nothing was.
#[derive(Debug, Default)]
pub struct Made {
    /// Made ready in this run.
    pub made: Vec<String>,
    /// Made ready by an earlier run.
    pub before: Vec<String>,
    /// Not made.
    pub refused: Vec<Refusal>,
}

/// Makes a key ready for each user of the file, or for one of them. Who has a key already is left out.
///
/// # Errors
/// What ends every other user's turn as well. What was made so far is written down, and the same call goes on.
pub fn make_all(
    enrolment: &mut Enrolment<'_>,
    file: &PreparedFile,
    order: &Order,
    only: Option<&str>,
) -> Result<Made, EnrolError> {
    let mut done = Made::default();
    let named = |one: &&Prepared| {
        only.is_none_or(|name| one.user.upn.eq_ignore_ascii_case(name) || one.user.id.eq_ignore_ascii_case(name))
    };
    let users: Vec<&Prepared> = file.users.iter().filter(named).collect();
    if let (Some(name), []) = (only, users.as_slice()) {
        return Err(IdentityError::UserUnknown(name.into()).into());
    }
    let several = users.len() > 1;
    for one in users {
        let upn = one.user.upn.clone();
        let now = enrolment.desk.clock.now();
        match use_of(enrolment.ledger, &file.tenant, &one.user.id, &one.options.challenge)? {
            Use::Made(_) => {
                done.before.push(upn);
                continue;
            }
            Use::Spent(_) => {
                done.refused.push(Refusal::new(upn, &EnrolError::ChallengeUsed));
                continue;
            }
            Use::Free if too_late(one, now) => {
                done.refused.push(Refusal::new(&upn, &EnrolError::PreparedExpired(upn.clone())));
                continue;
            }
            Use::Free | Use::Open(_) => {}
        }
        if several {
            enrolment.desk.notice(format!("the next key is for {upn}"));
        }
        match with_next_key(enrolment, &Order { user: one.user.id.clone(), ..order.clone() }) {
            Ok(()) => done.made.push(upn),
            Err(error @ (EnrolError::Policy(_) | EnrolError::PreparedExpired(_))) => done.refused.push(Refusal::new(upn, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Less life than an enrolment with a re-plug may take.
fn too_late(one: &Prepared, now: Timestamp) -> bool {
    one.expires.duration_since(now) < jiff::SignedDuration::from_mins(2)
}

/// The key of the last user is still there, perhaps: then it has to make room.
fn with_next_key(enrolment: &mut Enrolment<'_>, order: &Order) -> Result<(), EnrolError> {
    let mut swaps = 0;
    loop {
        match enrolment.run(order) {
            Err(EnrolError::KeyAwaits { .. }) if swaps < SWAPS => {
                swaps = swaps.saturating_add(1);
                enrolment.desk.make_room()?;
            }
            other => return other.map(drop),
        }
    }
}
