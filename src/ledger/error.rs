//! What can go wrong with a ledger, whatever it is kept in.

use super::{BatchId, JobId, TaskId};
use crate::advice::{Advice, Advised};

/// What can go wrong with the ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// No space left for a row.
    #[error("there is no space left for the ledger at {0}")]
    Full(String),
    /// Another process holds the ledger.
    #[error("the ledger at {0} is in use by another program")]
    Locked(String),
    /// The file is not a ledger, or newer than this program.
    #[error("the ledger at {path} cannot be used: {reason}")]
    Unusable {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another program works on the job.
    #[error("job {0} is being worked on by another program")]
    Claimed(JobId),
    /// There is no such job.
    #[error("the ledger has no job {0}")]
    NoJob(JobId),
    /// There is no such batch.
    #[error("the ledger has no batch {0}")]
    NoBatch(BatchId),
    /// There is no such task.
    #[error("the ledger has no task {0}")]
    NoTask(TaskId),
    /// What was asked would make the record wrong.
    #[error("the ledger's rules forbid it: {0}")]
    Rule(String),
    /// A row that cannot be read.
    #[error("the ledger holds a row that cannot be read: {0}")]
    Corrupt(String),
    /// A row is not as it was written, is not in the chain, or is gone.
    #[error("the ledger was tampered with: {row}: {fault}")]
    Tampered {
        /// The first row that does not fit.
        row: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Another station took over what this one was working on.
    #[error("this station was not heard of for too long, and another one took over {0}")]
    LeaseLost(String),
    /// The text after `--ledger` begins like the address of a database and is none.
    #[error("the address of the ledger's database cannot be used: {0}")]
    Address(String),
    /// There is no way to the database just now.
    #[error("the ledger at {place} cannot be reached: {reason}")]
    Unreachable {
        /// Where it is.
        place: String,
        /// What is in the way.
        reason: String,
    },
    /// The database's server is not who it has to be.
    #[error("the server of the ledger at {place} is not trusted: {reason}")]
    Untrusted {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database does not let this station in.
    #[error("the ledger at {place} does not let this station in: {reason}")]
    SignIn {
        /// Where it is.
        place: String,
        /// What the server says.
        reason: String,
    },
    /// Anything else that the store says.
    #[error("the ledger failed: {0}")]
    Store(String),
}

advice! {
    FULL: "ledger/full", Failed, "There is no space left for the ledger.", "Free some space on that disk and run the same command again; it goes on where it stopped.";
    LOCKED: "ledger/locked", Failed, "The ledger is in use by another program.", "Wait until the other keywright has finished, then run the command again.";
    UNUSABLE: "ledger/unusable", Failed, "The ledger cannot be used.", "Use the keywright version that wrote it, or name another ledger with --ledger.";
    CLAIMED: "ledger/claimed", Failed, "Another program is working on this job.", "Wait until the other keywright has finished, then run the command again.";
    NO_JOB: "ledger/no-job", Usage, "The ledger has no such job.", "Run `keywright resume --list` to see what is unfinished; check --ledger if you use it.";
    NO_BATCH: "ledger/no-batch", Usage, "The ledger has no such batch.", "Run `keywright batch status` to see the batches; check --ledger if you use it.";
    NO_TASK: "ledger/no-task", Usage, "The ledger has no such task.", "Run `keywright batch status BATCH` to see its tasks; check --ledger if you use it.";
    RULE: "ledger/rule", Failed, "The ledger's rules forbid what was asked.", "Run the same command again; it goes on where it stopped. If it happens again, report it with the output of -vv.";
    CORRUPT: "ledger/corrupt", Failed, "The ledger holds a row that cannot be read.", "Keep the file, name another ledger with --ledger, and reset the key before it is used.";
    TAMPERED: "ledger/tampered", Failed, "The ledger is not as keywright wrote it.", "Keep the ledger as it is for whoever looks into it, find out who can write to it, and compare with a copy from before; go on with another ledger, named with --ledger.";
    LEASE_LOST: "ledger/lease-lost", Failed, "Another station took over what this one was working on.", "Keep the key apart and do not hand it over; `keywright resume --list` says where its job stands now.";
    ADDRESS: "ledger/address", Usage, "The address of the ledger's database cannot be used.", "Write it as postgres://USER@HOST/DATABASE; docs/ledger.md says what may follow.";
    UNREACHABLE: "ledger/unreachable", Failed, "The ledger's database cannot be reached.", "Check that its server runs and that the network is up, then run the same command again; it goes on where it stopped.";
    UNTRUSTED: "ledger/untrusted", Failed, "The server of the ledger's database is not trusted.", "Name the file of the authority that vouches for it with ?sslrootcert=FILE after the address, and the server as its certificate does.";
    SIGN_IN: "ledger/sign-in", Failed, "The ledger's database does not let this station in.", "Check the user in the address, and the password in KEYWRIGHT_LEDGER_PASSWORD, PGPASSWORD or ~/.pgpass.";
    STORE: "ledger/store", Failed, "The ledger failed.", "Run `keywright doctor`: it checks the ledger's place and permissions.";
}

impl Advised for LedgerError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Full(_) => &FULL,
            Self::Locked(_) => &LOCKED,
            Self::Unusable { .. } => &UNUSABLE,
            Self::Claimed(_) => &CLAIMED,
            Self::NoJob(_) => &NO_JOB,
            Self::NoBatch(_) => &NO_BATCH,
            Self::NoTask(_) => &NO_TASK,
            Self::Rule(_) => &RULE,
            Self::Corrupt(_) => &CORRUPT,
            Self::Tampered { .. } => &TAMPERED,
            Self::LeaseLost(_) => &LEASE_LOST,
            Self::Address(_) => &ADDRESS,
            Self::Unreachable { .. } => &UNREACHABLE,
            Self::Untrusted { .. } => &UNTRUSTED,
            Self::SignIn { .. } => &SIGN_IN,
            Self::Store(_) => &STORE,
        }
    }
}
