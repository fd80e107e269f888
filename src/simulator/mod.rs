//! Rehearsal without hardware and without a tenant: the training key and the training tenant.

pub mod key;
pub mod tenant;
