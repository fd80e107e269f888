//! Results about users and the tenant.

use serde::Serialize;

use super::results;
use crate::aaguid::Aaguid;
use crate::identity::entra::{Need, PasskeyEvent, PolicyOverview, Tap, TapPolicy, Who};
use crate::identity::{Finding, Method, User};
use crate::report::{ModelCount, WrittenRow};
use crate::ui::Surprise;
use crate::webauthn::CredentialId;

results! {
    /// `report passkeys`.
    PasskeysReported<'a> {
        /// Users who were asked about.
        users: u64,
        /// Passkeys in the report.
        passkeys: u64,
        /// Rows of the report: passkeys, or users without one.
        rows: u64,
        /// How many passkeys of each model, the most frequent first.
        models: Vec<&'a ModelCount>,
        /// Users whose passkeys could not be read: of theirs, nothing is in the report.
        unread: u64,
        /// The first of them.
        unread_users: &'a [String],
        /// The file; null for standard output.
        file: Option<&'a std::path::Path>,
    }

    /// `report passkeys` without a file: one such line for each page of users.
    PasskeysPage<'a> {
        /// The rows.
        passkeys: &'a [WrittenRow<'a>],
    }

    /// `passkeys list`.
    UserPasskeys<'a> {
        /// Whose.
        user: &'a User,
        /// The passkeys.
        passkeys: &'a [Method],
        /// With `--audit`: what the directory's log says; `null` where it must not be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        events: Option<Option<Vec<PasskeyEvent>>>,
    }

    /// `passkeys register`.
    PasskeyRegistered<'a> {
        /// Whose.
        user: &'a User,
        /// The passkey.
        passkey: &'a Method,
        /// Its credential.
        credential_id: &'a CredentialId,
        /// Model of its key.
        aaguid: Aaguid,
        /// How far its attestation was followed: `none`, `self`, `certificate`, `chain`, or a format that was not checked.
        attestation: &'a str,
        /// It was there already.
        registered_before: bool,
        /// Always null: its key was not seen.
        pin_change_forced: Option<bool>,
    }

    /// `passkeys remove --dry-run`.
    RemovalPlan<'a> {
        /// Whose.
        user: &'a User,
        /// Always true.
        dry_run: bool,
        /// What would go.
        goes: &'a [Method],
        /// What would stay.
        stays: &'a [Method],
    }

    /// `passkeys remove`.
    PasskeysRemoved<'a> {
        /// Whose.
        user: &'a User,
        /// What is gone.
        removed: Vec<&'a Method>,
        /// What is not.
        #[serde(skip_serializing_if = "Option::is_none")]
        failed: Option<Vec<RemovalFailed<'a>>>,
        /// What stays.
        stays: &'a [Method],
    }

    /// A removal that failed.
    RemovalFailed<'a> {
        /// Which.
        passkey: &'a Method,
        /// Code; `null` if it was not tried.
        code: Option<&'static str>,
        /// Why.
        message: String,
    }

    /// `tap issue`, beside the pass itself.
    PassIssued<'a> {
        /// Whose.
        user: &'a User,
        /// What is known of it.
        pass: &'a Tap,
        /// The tenant's rules; `null` if they cannot be read.
        policy: Option<&'a TapPolicy>,
    }

    /// `tap list`.
    UserPasses<'a> {
        /// Whose.
        user: &'a User,
        /// The passes: one at most.
        passes: &'a [Tap],
    }

    /// `tap remove`.
    PassRemoved<'a> {
        /// Whose.
        user: &'a User,
        /// What is gone.
        removed: Vec<&'a Tap>,
    }

    /// `policy check`.
    PolicyVerdict<'a> {
        /// For whom.
        user: &'a User,
        /// The key in the port; `null` with `--aaguid`.
        key: Option<&'a str>,
        /// Its model.
        model: KnownModel,
        /// Every check.
        checks: &'a [Finding],
        /// None failed.
        ok: bool,
        /// How many failed.
        failed: usize,
        /// How many a person should look at.
        warned: usize,
        /// How many could not be made.
        unknown: usize,
        /// What may surprise the user at the first sign-in.
        first_sign_in: &'a [Surprise],
    }

    /// What is publicly known of a model.
    KnownModel {
        /// Its number.
        aaguid: Aaguid,
        /// Its name.
        name: Option<&'static str>,
        /// Microsoft lists it as eligible for attestation.
        eligible: Option<bool>,
    }

    /// `policy show`.
    PolicyShown {
        /// The policy.
        policy: PolicyOverview,
    }

    /// `login` and `whoami`.
    SignedIn<'a> {
        /// Tenant of the profile.
        tenant: &'a str,
        /// Application of the profile.
        application: &'a str,
        /// Who holds the token; `null` where it cannot be read.
        holder: Option<&'a Who>,
        /// Names of the roles.
        role_names: Option<Vec<&'a str>>,
        /// Rights that are missing.
        missing: Vec<&'static Need>,
        /// What the cloud cannot do.
        cloud: Option<Finding>,
    }

    /// `logout`.
    LoggedOut {
        /// Somebody was signed in.
        signed_out: bool,
    }
}
