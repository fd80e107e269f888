//! No hand-over: what a lane has in place of one, since its part ends before that.

use crate::enroll::{Confirmation, Delivery, EnrolError, HandOver, Handing, NotDelivered};
use crate::identity::User;

/// Hands nothing over.
pub(super) struct Later;

impl HandOver for Later {
    fn means(&self) -> &'static str {
        "later"
    }

    fn confirmation(&self) -> Confirmation {
        Confirmation::Needed
    }

    fn check(&mut self, _user: &User) -> Result<(), NotDelivered> {
        Ok(())
    }

    fn deliver(&mut self, _handing: &Handing<'_>) -> Result<Delivery, NotDelivered> {
        Err(NotDelivered::by(&EnrolError::NotHandedOver))
    }
}
