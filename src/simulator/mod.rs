//! Rehearsal without hardware and without a tenant: the training key, the training tenant, a ledger that fails on demand.

mod judge;
pub mod key;
pub mod ledger;
pub mod tenant;

pub use judge::OwnJudge;
