//! The ledger against the tenant: what each knows of the other's passkeys.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Held, Holding, all};
use crate::advice::Advised as _;
use crate::identity::entra::stands_for;
use crate::identity::{Directory, IdentityError, Lookup, Method, User};
use crate::ledger::{Batches, LedgerError};
use crate::metadata;

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The tenant has a passkey that the ledger does not know.
    UnknownPasskey,
    /// The ledger registered a passkey that the tenant does not have any more.
    MissingPasskey,
    /// The account is gone.
    UserGone,
    /// The account is disabled.
    UserDisabled,
    /// One passkey is all that the user has.
    OneKeyOnly,
    /// The model is not certified, its certification is revoked, or nothing is known of it.
    WeakModel,
    /// The user's passkeys could not be read.
    Unreadable,
}

/// Something that does not fit, and what can be done.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What.
    pub kind: Kind,
    /// Whose.
    pub upn: String,
    /// Object id of the user.
    pub user_id: String,
    /// Serial number of the key, where the ledger knows it.
    pub serial: Option<String>,
    /// Id of the passkey.
    pub passkey: Option<String>,
    /// The sentence.
    pub sentence: String,
    /// The next step.
    pub next: &'static str,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// Users of the ledger that were asked about.
    pub users: usize,
    /// Passkeys that the tenant has of them.
    pub passkeys: usize,
    /// What does not fit.
    pub differences: Vec<Difference>,
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The tenant.
    #[error(transparent)]
    Tenant(#[from] IdentityError),
}

/// Compares what the ledger has of this tenant with what the tenant has, for every user of the ledger.
///
/// # Errors
/// [`ReconcileError`], when nothing could be read. What cannot be read of one user is among the differences.
pub fn reconcile(ledger: &mut dyn Batches, directory: &mut dyn Directory, tenant: &str) -> Result<Reconciled, ReconcileError> {
    let mut keys: BTreeMap<String, Vec<Holding>> = BTreeMap::new();
    for one in all(ledger)?.into_iter().filter(|one| one.tenant == tenant && one.state != Held::Ended) {
        keys.entry(one.user_id.clone()).or_default().push(one);
    }
    let ids: Vec<String> = keys.keys().cloned().collect();
    let mut done = Reconciled { users: ids.len(), ..Reconciled::default() };
    let mut there = Vec::new();
    for (id, found) in ids.iter().zip(directory.users(&ids)?) {
        let held = keys.get(id).map(Vec::as_slice).unwrap_or_default();
        match found {
            Ok(Lookup::One(user)) => there.push(user),
            Ok(Lookup::Several(_)) | Err(IdentityError::UserUnknown(_)) => done.gone(held),
            Err(error) => done.unreadable(held, &error),
        }
    }
    for (user, methods) in there.iter().zip(directory.methods_of_all(&there)?) {
        let held = keys.get(&user.id).map(Vec::as_slice).unwrap_or_default();
        match methods {
            Ok(methods) => done.compare(user, held, &methods),
            Err(error) => done.unreadable(held, &error),
        }
    }
    done.differences.sort_by(|one, other| (one.kind, &one.upn).cmp(&(other.kind, &other.upn)));
    Ok(done)
}

impl Reconciled {
    fn compare(&mut self, user: &User, held: &[Holding], methods: &[Method]) {
        self.passkeys = self.passkeys.saturating_add(methods.len());
        let whose = |kind, passkey: Option<&str>, serial: Option<&str>, sentence: String, next| Difference {
            kind,
            upn: user.upn.clone(),
            user_id: user.id.clone(),
            serial: serial.map(ToOwned::to_owned),
            passkey: passkey.map(ToOwned::to_owned),
            sentence,
            next,
        };
        if user.enabled == Some(false) {
            let sentence = format!("the account {} is disabled and still has keys", user.upn);
            self.differences.push(whose(
                Kind::UserDisabled,
                None,
                None,
                sentence,
                "Collect the keys, or have the account enabled.",
            ));
        }
        for method in methods {
            let known = held.iter().find(|one| is(one, method));
            let (id, serial) = (Some(method.id.as_str()), known.and_then(|one| one.serial.as_deref()));
            let name = method.display_name.as_deref().unwrap_or("without a name");
            if known.is_none() {
                let sentence = format!("{} has a passkey ({name}) that this ledger did not register", user.upn);
                let next = "Ask the user what it is; remove it with `keywright passkeys remove` if nobody knows.";
                self.differences.push(whose(Kind::UnknownPasskey, id, None, sentence, next));
            }
            if let Some(weakness) = weakness(method) {
                let sentence = format!("the key of {} ({name}) is weak: {weakness}", user.upn);
                self.differences.push(whose(Kind::WeakModel, id, serial, sentence, "Replace the key by a certified model."));
            }
        }
        let gone =
            |one: &&Holding| one.passkey.is_some() && one.state == Held::Held && !methods.iter().any(|method| is(one, method));
        for one in held.iter().filter(gone) {
            let sentence = format!("the passkey that job {} registered for {} is not in the tenant any more", one.job, user.upn);
            let next =
                "If nobody removed it on purpose, look at `keywright passkeys list USER --audit`; then enrol the key anew.";
            self.differences.push(whose(Kind::MissingPasskey, one.passkey.as_deref(), one.serial.as_deref(), sentence, next));
        }
        if let [only] = methods {
            let serial = held.iter().find(|one| is(one, only)).and_then(|one| one.serial.as_deref());
            let sentence = format!("{} has one passkey only: whoever loses the key cannot sign in", user.upn);
            self.differences.push(whose(Kind::OneKeyOnly, Some(&only.id), serial, sentence, "Enrol a spare key."));
        }
    }

    fn gone(&mut self, held: &[Holding]) {
        let Some(first) = held.first() else { return };
        let sentence = format!("the account {} is not in the tenant any more", first.upn);
        self.of(first, Kind::UserGone, sentence, "Collect the keys and wipe them with `keywright keys reset`.");
    }

    fn unreadable(&mut self, held: &[Holding], error: &IdentityError) {
        let Some(first) = held.first() else { return };
        let sentence = format!("what the tenant has of {} cannot be read: {error}", first.upn);
        self.of(first, Kind::Unreadable, sentence, error.advice().next);
    }

    fn of(&mut self, one: &Holding, kind: Kind, sentence: String, next: &'static str) {
        let (upn, user_id) = (one.upn.clone(), one.user_id.clone());
        self.differences.push(Difference { kind, upn, user_id, serial: one.serial.clone(), passkey: None, sentence, next });
    }

    /// Whether somebody's passkeys could not be read.
    pub fn is_partial(&self) -> bool {
        self.differences.iter().any(|one| one.kind == Kind::Unreadable)
    }
}

/// Whether a passkey of the tenant is the one of this key.
fn is(one: &Holding, method: &Method) -> bool {
    one.passkey.as_deref() == Some(method.id.as_str())
        || one.credential_id.as_ref().is_some_and(|credential| stands_for(&method.id, credential))
}

/// Why a model is weak, by what is publicly known of it.
fn weakness(method: &Method) -> Option<String> {
    match metadata::model(method.aaguid?) {
        Some(model) => {
            let short = model.short_of();
            (!short.is_empty()).then(|| format!("{}: {}", model.name, short.join(", ")))
        }
        None => Some("nothing is publicly known of its model".into()),
    }
}
