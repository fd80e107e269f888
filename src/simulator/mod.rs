//! Rehearsal without hardware and without a tenant: the training key.

pub mod key;
pub mod ledger;
