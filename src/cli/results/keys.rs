//! Results about the key in the port.

use serde::Serialize;

use super::results;
use crate::aaguid::Aaguid;
use crate::batch::inventory::Holding;
use crate::ctap::{Info, KeyIdentity, LinkKind};
use crate::metadata::Exposure;
use crate::metadata::blob::Report;
use crate::ui::{Hardened, Problem};
use crate::webauthn::CredentialId;

results! {
    /// `keys list`.
    KeyList {
        /// The keys that are there.
        keys: Vec<KeyRow>,
    }

    /// A key, as far as it could be read.
    KeyRow {
        /// How it is attached.
        link: LinkKind,
        /// Where, as the system says.
        path: String,
        /// Product name.
        product: Option<String>,
        /// Physical port or reader.
        port: Option<String>,
        /// Serial number: of the USB descriptor, or the key's own if it was asked (`--ask`).
        serial: Option<String>,
        /// Model, if it was asked.
        aaguid: Option<Aaguid>,
        /// Versions of CTAP, if it was asked.
        versions: Vec<String>,
        /// Whether it has a PIN; `null` if it cannot have one, or was not asked.
        pin_set: Option<bool>,
        /// Why it could not be asked.
        problem: Option<Problem>,
    }

    /// `keys info`.
    KeyInfo<'a> {
        /// Everything that tells it from another.
        identity: KeyIdentity,
        /// Where it is.
        path: &'a str,
        /// Product name.
        product: Option<&'a str>,
        /// Version of its firmware.
        firmware: Option<String>,
        /// Tries of the PIN that are left; `null` without a PIN.
        pin_retries: Option<u8>,
        /// It can be made to demand a new PIN.
        can_force_pin_change: bool,
        /// It can list its passkeys.
        can_manage_credentials: bool,
        /// Advisories that concern it, or may.
        advisories: &'a [Exposure],
        /// What the FIDO Alliance has against its model, by the signed metadata.
        fido_status: Vec<&'a Report>,
        /// Whose key it is, by the ledger.
        holder: Option<Holding>,
        /// What it says about itself.
        info: &'a Info,
    }

    /// `keys reset`.
    KeyReset {
        /// Always true.
        reset: bool,
        /// Which key.
        identity: KeyIdentity,
        /// Whether it has a PIN now; `null` if it cannot have one.
        pin_set: Option<bool>,
    }

    /// `keys pin set`.
    PinSet {
        /// Always true.
        pin_set: bool,
        /// Which key.
        identity: KeyIdentity,
    }

    /// `keys pin change`.
    PinChanged {
        /// Always true.
        pin_changed: bool,
        /// Which key.
        identity: KeyIdentity,
    }

    /// `keys pin force-change`.
    PinChangeForced {
        /// Always true.
        pin_change_forced: bool,
        /// Which key.
        identity: KeyIdentity,
    }

    /// `keys pin retries`.
    PinTries {
        /// Tries that are left.
        pin_retries: u8,
        /// The key has to be taken out and put back before the next try; `null` if it does not tell.
        power_cycle_needed: Option<bool>,
        /// Which key.
        identity: KeyIdentity,
    }

    /// `keys harden`.
    KeyHardened {
        /// What was asked of it, and what it shows.
        hardening: Vec<Hardened>,
        /// Its PIN is shorter than it takes now and has to be changed before the key is used.
        pin_change_forced: bool,
        /// Which key.
        identity: KeyIdentity,
    }

    /// `keys credentials list`.
    CredentialList {
        /// The passkeys on the key.
        credentials: Vec<CredentialRow>,
        /// Room for more, an estimate.
        remaining: u64,
    }

    /// A passkey on a key.
    CredentialRow {
        /// Its id.
        credential_id: CredentialId,
        /// What it is for.
        rp_id: String,
        /// Number of the account there.
        user_handle: CredentialId,
        /// Account name.
        name: Option<String>,
        /// Name for people.
        display_name: Option<String>,
        /// Its protection, 1 to 3.
        cred_protect: Option<u64>,
    }

    /// `keys credentials delete`.
    CredentialDeleted {
        /// The one that was.
        deleted: CredentialRow,
    }

    /// `keys credentials rename`.
    CredentialRenamed {
        /// As it is now.
        renamed: CredentialRow,
    }
}
