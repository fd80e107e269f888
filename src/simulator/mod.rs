//! Rehearsal without hardware and without a tenant: the training key, the training tenant, a ledger that fails on demand.

pub mod key;
pub mod ledger;
mod own_judge;
pub mod tenant;

pub use own_judge::OwnJudge;
