//! What authenticatorGetInfo tells (CTAP 2.3 section 6.4): fields as reported, defaults and abilities as methods.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::aaguid::Aaguid;
use crate::ctap::cbor::{Item, Map, Members, Value};
use crate::ctap::{LinkKind, PinProtocol, ReplyError};

/// Number of the setMinPINLength subcommand in authenticatorConfigCommands.
const SET_MIN_PIN_LENGTH: u64 = 3;

/// The answer to getInfo. A field is what the authenticator reported, `None` or empty if it reported nothing;
/// methods of the same name apply the default of the specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// 01: versions, e.g. `FIDO_2_1`.
    pub versions: Vec<String>,
    /// 02: extensions.
    pub extensions: Vec<String>,
    /// 03: AAGUID.
    pub aaguid: Aaguid,
    /// 04: options, unknown ones included.
    pub options: BTreeMap<String, bool>,
    /// 05: longest message in bytes.
    pub max_msg_size: Option<u64>,
    /// 06: PIN/UV auth protocols, most wanted first.
    pub pin_protocols: Option<Vec<u64>>,
    /// 07: most credentials in an allow or exclude list.
    pub max_credential_count_in_list: Option<u64>,
    /// 08: longest credential id in bytes.
    pub max_credential_id_length: Option<u64>,
    /// 09: transports.
    pub transports: Option<Vec<String>>,
    /// 0A: COSE algorithms of type `public-key`, most wanted first.
    pub algorithms: Option<Vec<i64>>,
    /// 0B: room for large blobs in bytes.
    pub max_serialized_large_blob_array: Option<u64>,
    /// 0C: the PIN has to be changed before anything else.
    pub force_pin_change: Option<bool>,
    /// 0D: shortest PIN in code points.
    pub min_pin_length: Option<u64>,
    /// 0E: firmware version, by a numbering of the maker's own.
    pub firmware_version: Option<u64>,
    /// 0F: longest credBlob in bytes.
    pub max_cred_blob_length: Option<u64>,
    /// 10: most relying parties that may read the minimum PIN length.
    pub max_rp_ids_for_set_min_pin_length: Option<u64>,
    /// 11: how often to try built-in user verification before falling back to the PIN.
    pub preferred_platform_uv_attempts: Option<u64>,
    /// 12: kinds of built-in user verification, bits of the FIDO registry.
    pub uv_modality: Option<u64>,
    /// 13: certifications and their levels.
    pub certifications: BTreeMap<String, u64>,
    /// 14: room for further passkeys, an estimate.
    pub remaining_discoverable_credentials: Option<u64>,
    /// 15: vendor commands of authenticatorConfig.
    pub vendor_prototype_config_commands: Option<Vec<u64>>,
    /// 16: attestation statement formats.
    pub attestation_formats: Option<Vec<String>>,
    /// 17: user verifications since the PIN was last entered.
    pub uv_count_since_last_pin_entry: Option<u64>,
    /// 18: a reset needs a long touch; present if the setting exists.
    pub long_touch_for_reset: Option<bool>,
    /// 19: identifier of the unit, encrypted.
    pub enc_identifier: Option<Vec<u8>>,
    /// 1A: transports over which a reset is accepted.
    pub transports_for_reset: Option<Vec<String>>,
    /// 1B: PINs have to be complex.
    pub pin_complexity_policy: Option<bool>,
    /// 1C: where the rule for complex PINs is explained, as bytes.
    pub pin_complexity_policy_url: Option<Vec<u8>>,
    /// 1D: longest PIN in code points.
    pub max_pin_length: Option<u64>,
    /// 1E: state of the credential store, encrypted.
    pub enc_cred_store_state: Option<Vec<u8>>,
    /// 1F: subcommands of authenticatorConfig.
    pub authenticator_config_commands: Option<Vec<u64>>,
    /// Members that have no name here, as raw CBOR.
    pub unknown: BTreeMap<i64, Vec<u8>>,
}

impl Info {
    /// Reads the answer's CBOR.
    ///
    /// # Errors
    /// [`ReplyError`] names the member that breaks the rules.
    pub fn parse(cbor: &[u8]) -> Result<Self, ReplyError> {
        let members = Value::parse(cbor)?.members("getInfo")?;
        let mut info = Self {
            versions: texts(members.need(1, "versions")?, "versions")?,
            aaguid: Aaguid(members.need(3, "aaguid")?.array_of("aaguid")?),
            ..Self::default()
        };
        info.read_first(&members)?;
        info.read_later(&members)?;
        info.unknown =
            members.iter().filter(|(key, _)| !(1..=0x1F).contains(key)).map(|(key, value)| (key, value.raw().to_vec())).collect();
        Ok(info)
    }

    /// Members of CTAP 2.0.
    fn read_first(&mut self, members: &Members<'_>) -> Result<(), ReplyError> {
        self.extensions = members.read(0x02, "extensions", texts)?.unwrap_or_default();
        self.options = members.read(0x04, "options", flags)?.unwrap_or_default();
        self.max_msg_size = members.read(0x05, "maxMsgSize", Value::u64)?;
        self.pin_protocols = members.read(0x06, "pinUvAuthProtocols", numbers)?;
        Ok(())
    }

    /// Members of CTAP 2.1 and later.
    fn read_later(&mut self, members: &Members<'_>) -> Result<(), ReplyError> {
        self.max_credential_count_in_list = members.read(0x07, "maxCredentialCountInList", Value::u64)?;
        self.max_credential_id_length = members.read(0x08, "maxCredentialIdLength", Value::u64)?;
        self.transports = members.read(0x09, "transports", texts)?;
        self.algorithms = members.read(0x0A, "algorithms", algorithms)?;
        self.max_serialized_large_blob_array = members.read(0x0B, "maxSerializedLargeBlobArray", Value::u64)?;
        self.force_pin_change = members.read(0x0C, "forcePINChange", Value::bool)?;
        self.min_pin_length = members.read(0x0D, "minPINLength", Value::u64)?;
        self.firmware_version = members.read(0x0E, "firmwareVersion", Value::u64)?;
        self.max_cred_blob_length = members.read(0x0F, "maxCredBlobLength", Value::u64)?;
        self.max_rp_ids_for_set_min_pin_length = members.read(0x10, "maxRPIDsForSetMinPINLength", Value::u64)?;
        self.preferred_platform_uv_attempts = members.read(0x11, "preferredPlatformUvAttempts", Value::u64)?;
        self.uv_modality = members.read(0x12, "uvModality", Value::u64)?;
        self.certifications = members.read(0x13, "certifications", levels)?.unwrap_or_default();
        self.remaining_discoverable_credentials = members.read(0x14, "remainingDiscoverableCredentials", Value::u64)?;
        self.vendor_prototype_config_commands = members.read(0x15, "vendorPrototypeConfigCommands", numbers)?;
        self.attestation_formats = members.read(0x16, "attestationFormats", texts)?;
        self.uv_count_since_last_pin_entry = members.read(0x17, "uvCountSinceLastPinEntry", Value::u64)?;
        self.long_touch_for_reset = members.read(0x18, "longTouchForReset", Value::bool)?;
        self.enc_identifier = members.read(0x19, "encIdentifier", owned)?;
        self.transports_for_reset = members.read(0x1A, "transportsForReset", texts)?;
        self.pin_complexity_policy = members.read(0x1B, "pinComplexityPolicy", Value::bool)?;
        self.pin_complexity_policy_url = members.read(0x1C, "pinComplexityPolicyURL", bytes_or_text)?;
        self.max_pin_length = members.read(0x1D, "maxPINLength", Value::u64)?;
        self.enc_cred_store_state = members.read(0x1E, "encCredStoreState", owned)?;
        self.authenticator_config_commands = members.read(0x1F, "authenticatorConfigCommands", numbers)?;
        Ok(())
    }

    /// Longest message in bytes; 1024 if not reported.
    pub fn max_msg_size(&self) -> usize {
        self.max_msg_size.map_or(1024, |size| usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// Shortest PIN in code points; 4 if not reported.
    pub fn min_pin_length(&self) -> usize {
        self.min_pin_length.map_or(4, |length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Longest PIN in code points; 63 if not reported.
    pub fn max_pin_length(&self) -> usize {
        self.max_pin_length.map_or(63, |length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Attestation statement formats; `packed` if not reported.
    pub fn attestation_formats(&self) -> Vec<&str> {
        self.attestation_formats.as_ref().map_or_else(|| vec!["packed"], |formats| formats.iter().map(String::as_str).collect())
    }

    /// Where the rule for complex PINs is explained, if that is text.
    pub fn pin_complexity_policy_url(&self) -> Option<&str> {
        self.pin_complexity_policy_url.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// An option's value; `None` if it is not there.
    pub fn option(&self, name: &str) -> Option<bool> {
        self.options.get(name).copied()
    }

    /// Whether an option is there and true.
    pub fn has(&self, option: &str) -> bool {
        self.option(option) == Some(true)
    }

    /// `clientPin`: `None` = cannot have a PIN, `false` = none set, `true` = set.
    pub fn client_pin(&self) -> Option<bool> {
        self.option("clientPin")
    }

    /// Whether the PIN has to be changed before anything else.
    pub fn change_forced(&self) -> bool {
        self.force_pin_change == Some(true)
    }

    /// Whether a minimum PIN length can be set and a PIN change forced.
    pub fn can_force_pin_change(&self) -> bool {
        self.takes_config(SET_MIN_PIN_LENGTH) && self.has("setMinPINLength")
    }

    /// Whether authenticatorConfig has this subcommand, as far as the authenticator lists them.
    pub fn takes_config(&self, subcommand: u64) -> bool {
        self.can_configure() && self.authenticator_config_commands.as_ref().is_none_or(|list| list.contains(&subcommand))
    }

    /// Whether authenticatorConfig is there.
    pub fn can_configure(&self) -> bool {
        self.has("authnrCfg")
    }

    /// Whether passkeys can be listed and deleted.
    pub fn can_manage_credentials(&self) -> bool {
        self.has("credMgmt") || self.has("credentialMgmtPreview")
    }

    /// Whether PIN tokens carry permissions.
    pub fn permissions(&self) -> bool {
        self.has("pinUvAuthToken")
    }

    /// Whether the credProtect extension is there.
    pub fn supports_cred_protect(&self) -> bool {
        self.supports_extension("credProtect")
    }

    /// Whether the hmac-secret extension is there.
    pub fn supports_hmac_secret(&self) -> bool {
        self.supports_extension("hmac-secret")
    }

    /// Whether an extension is there.
    pub fn supports_extension(&self, name: &str) -> bool {
        self.extensions.iter().any(|extension| extension == name)
    }

    /// Whether user verification is asked for at every use.
    pub fn always_uv(&self) -> bool {
        self.has("alwaysUv")
    }

    /// Enterprise attestation: `None` = not there, else whether it is switched on.
    pub fn enterprise_attestation(&self) -> Option<bool> {
        self.option("ep")
    }

    /// Whether a reset needs the key to be held for seconds.
    pub fn long_touch_for_reset(&self) -> bool {
        self.long_touch_for_reset == Some(true)
    }

    /// Whether a reset is accepted over this kind of link; true if nothing is reported about it.
    pub fn resets_over(&self, kind: LinkKind) -> bool {
        let name = match kind {
            LinkKind::Usb => "usb",
            LinkKind::Nfc => "nfc",
            LinkKind::SmartCard => "smart-card",
        };
        self.transports_for_reset.as_ref().is_none_or(|list| list.iter().any(|entry| entry.eq_ignore_ascii_case(name)))
    }

    /// The PIN/UV auth protocols that both sides speak, most wanted by the authenticator first. An authenticator that
    /// lists none but has a PIN speaks the first.
    pub fn common_pin_protocols(&self) -> Vec<PinProtocol> {
        match &self.pin_protocols {
            Some(numbers) => numbers.iter().filter_map(|number| PinProtocol::from_number(*number)).collect(),
            None if self.client_pin().is_some() => vec![PinProtocol::One],
            None => Vec::new(),
        }
    }

    /// SHA-256 in hex over the members that no command changes: the same before and after a reset, a PIN or a
    /// setting. `U2F_V2` is left out because alwaysUv takes it away.
    pub fn fingerprint(&self) -> String {
        let versions: Vec<_> = self.versions.iter().filter(|version| *version != "U2F_V2").cloned().collect();
        let certifications = self.certifications.iter().fold(Map::new(), |map, (name, level)| map.named(name.as_str(), *level));
        let stable = Map::new()
            .at(0x01, text_items(&versions))
            .at(0x02, text_items(&self.extensions))
            .at(0x03, &self.aaguid.0[..])
            .at_some(0x05, self.max_msg_size)
            .at_some(0x06, self.pin_protocols.as_deref().map(number_items))
            .at_some(0x07, self.max_credential_count_in_list)
            .at_some(0x08, self.max_credential_id_length)
            .at_some(0x09, self.transports.as_deref().map(text_items))
            .at_some(0x0A, self.algorithms.as_deref().map(|list| list.iter().copied().map(Item::Int).collect::<Vec<_>>()))
            .at_some(0x0B, self.max_serialized_large_blob_array)
            .at_some(0x0E, self.firmware_version)
            .at_some(0x0F, self.max_cred_blob_length)
            .at_some(0x10, self.max_rp_ids_for_set_min_pin_length)
            .at_some(0x12, self.uv_modality)
            .at(0x13, certifications)
            .at_some(0x15, self.vendor_prototype_config_commands.as_deref().map(number_items))
            .at_some(0x16, self.attestation_formats.as_deref().map(text_items))
            .at_some(0x1A, self.transports_for_reset.as_deref().map(text_items))
            .at_some(0x1D, self.max_pin_length)
            .at_some(0x1F, self.authenticator_config_commands.as_deref().map(number_items));
        digest(&stable.encode(&[]))
    }

    /// SHA-256 in hex over everything but the members that change by themselves: the same before and after a re-plug,
    /// and most often different on another unit that is not in the same state.
    pub fn state(&self) -> String {
        let mut lasting = self.clone();
        lasting.uv_count_since_last_pin_entry = None;
        lasting.enc_identifier = None;
        lasting.enc_cred_store_state = None;
        digest(format!("{lasting:?}").as_bytes())
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _unfailing = write!(hex, "{byte:02x}");
        hex
    })
}

fn text_items(list: &[String]) -> Vec<Item<'_>> {
    list.iter().map(|text| Item::Text(text)).collect()
}

fn number_items(list: &[u64]) -> Vec<Item<'static>> {
    list.iter().copied().map(Item::Uint).collect()
}

fn texts(value: Value<'_>, what: &'static str) -> Result<Vec<String>, ReplyError> {
    value.items(what)?.into_iter().map(|item| item.text(what).map(str::to_owned)).collect()
}

fn numbers(value: Value<'_>, what: &'static str) -> Result<Vec<u64>, ReplyError> {
    value.items(what)?.into_iter().map(|item| item.u64(what)).collect()
}

fn flags(value: Value<'_>, what: &'static str) -> Result<BTreeMap<String, bool>, ReplyError> {
    value.fields(what)?.into_iter().map(|(name, flag)| Ok((name.to_owned(), flag.bool(what)?))).collect()
}

fn levels(value: Value<'_>, what: &'static str) -> Result<BTreeMap<String, u64>, ReplyError> {
    value.fields(what)?.into_iter().map(|(name, level)| Ok((name.to_owned(), level.u64(what)?))).collect()
}

fn algorithms(value: Value<'_>, what: &'static str) -> Result<Vec<i64>, ReplyError> {
    let mut numbers = Vec::new();
    for item in value.items(what)? {
        if let Some(kind) = item.field("type", what)?
            && kind.text(what)? == "public-key"
        {
            numbers.push(item.field("alg", what)?.ok_or(ReplyError::Missing("alg"))?.i64("alg")?);
        }
    }
    Ok(numbers)
}

fn owned(value: Value<'_>, what: &'static str) -> Result<Vec<u8>, ReplyError> {
    value.bytes(what).map(<[u8]>::to_vec)
}

fn bytes_or_text(value: Value<'_>, what: &'static str) -> Result<Vec<u8>, ReplyError> {
    value.bytes(what).or_else(|_| value.text(what).map(str::as_bytes)).map(<[u8]>::to_vec)
}
