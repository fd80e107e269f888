//! `keys info`.

use super::super::results::KeyInfo;
use super::super::station::Station;
use super::super::{CliError, inventory};
use super::opened;
use crate::ctap::{Authenticator, Info, KeyIdentity, PinRetries};
use crate::enroll::{Desk, exposures_of};
use crate::metadata::Exposure;
use crate::metadata::blob::{Entry, Report};
use crate::ui::{Block, Sheet};

/// Shows everything that a key says about itself.
pub(super) fn run(station: &Station, desk: &mut Desk<'_>) -> Result<(), CliError> {
    let mut key = opened(desk)?;
    let identity = key.identity()?;
    let retries = match key.info().client_pin() {
        Some(true) => Some(key.pin_retries()?),
        _ => None,
    };
    let advisories = exposures_of(&mut key)?;
    let info = key.info();
    let rows = about_key(&key, &identity).into_iter().chain(about_pin(info, retries)).chain(about_abilities(info));
    let holder = inventory::holder(station, &identity);
    let whose = holder.as_ref().map(|one| format!("{} ({}, job {})", one.upn, one.state.word(), one.job));
    let metadata = station.metadata()?;
    let entry = metadata.as_ref().and_then(|metadata| metadata.entry(info.aaguid));
    let fido_status: Vec<&Report> = entry.into_iter().flat_map(Entry::troubles).collect();
    let against = advisories.iter().map(|exposure| ("advisory", Some(against(exposure))));
    let withdrawn = fido_status.iter().map(|report| ("FIDO Alliance", Some(report.status.clone())));
    let rows = Block::fields(std::iter::once(("belongs to", whose)).chain(rows).chain(against).chain(withdrawn));
    let result = KeyInfo {
        identity,
        path: &key.link().path,
        product: key.link().product.as_deref(),
        firmware: firmware(&key),
        pin_retries: retries.map(|retries| retries.left),
        can_force_pin_change: info.can_force_pin_change(),
        can_manage_credentials: info.can_manage_credentials(),
        advisories: &advisories,
        fido_status,
        holder,
        info,
    };
    station.face.show(&Sheet::new(&result, vec![rows]));
    Ok(())
}

fn against(Exposure { advisory, certain }: &Exposure) -> String {
    let unless = if *certain { "" } else { " (perhaps: the key does not tell)" };
    format!("{}, {}: {}{unless}; {}", advisory.id, advisory.severity, advisory.what, advisory.link)
}

type Row = (&'static str, Option<String>);

fn firmware(key: &Authenticator) -> Option<String> {
    let version = key.facts().version.map(|(major, minor, build)| format!("{major}.{minor}.{build}"));
    version.or_else(|| key.info().firmware_version.map(|version| version.to_string()))
}

fn about_key(key: &Authenticator, identity: &KeyIdentity) -> Vec<Row> {
    let (link, info) = (key.link(), key.info());
    let usb = link.vendor_id.zip(link.product_id).map(|(vendor, product)| format!("{vendor:04x}:{product:04x}"));
    vec![
        ("product", link.product.clone()),
        ("serial", Some(identity.shown_serial().unwrap_or("none").to_owned())),
        ("aaguid", Some(info.aaguid.to_string())),
        ("firmware", firmware(key)),
        ("path", Some(link.path.clone())),
        ("port", link.port.clone()),
        ("usb id", usb),
        ("versions", Some(info.versions.join(", "))),
    ]
}

fn about_pin(info: &Info, retries: Option<PinRetries>) -> Vec<Row> {
    let pin = match info.client_pin() {
        Some(true) => "set",
        Some(false) => "not set",
        None => "this key cannot have one",
    };
    let lengths = format!("{} to {}", info.min_pin_length(), info.max_pin_length());
    vec![
        ("PIN", Some(pin.into())),
        ("PIN tries left", retries.map(|retries| retries.left.to_string())),
        ("PIN length", info.client_pin().map(|_| lengths)),
        ("PIN has to be changed", info.client_pin().map(|_| yes(info.change_forced()))),
        ("PIN has to be complex", info.pin_complexity_policy.map(yes)),
        ("can force a PIN change", Some(yes(info.can_force_pin_change()))),
    ]
}

fn about_abilities(info: &Info) -> Vec<Row> {
    let list = |list: &Option<Vec<String>>| list.as_ref().map(|list| list.join(", "));
    let numbers = |list: Vec<String>| (!list.is_empty()).then(|| list.join(", "));
    let options = info.options.iter().map(|(name, on)| if *on { name.clone() } else { format!("{name}=no") }).collect();
    let algorithms = info.algorithms.iter().flatten().map(ToString::to_string).collect();
    let certifications = info.certifications.iter().map(|(name, level)| format!("{name} {level}")).collect();
    vec![
        ("can list its passkeys", Some(yes(info.can_manage_credentials()))),
        ("room for passkeys", info.remaining_discoverable_credentials.map(|room| room.to_string())),
        ("verifies its user always", info.option("alwaysUv").map(yes)),
        ("enterprise attestation", info.enterprise_attestation().map(|on| if on { "on".into() } else { "off".into() })),
        ("reset over", list(&info.transports_for_reset)),
        ("reset by long touch", info.long_touch_for_reset.map(yes)),
        ("attestation formats", Some(info.attestation_formats().join(", "))),
        ("algorithms", numbers(algorithms)),
        ("extensions", numbers(info.extensions.clone())),
        ("options", numbers(options)),
        ("transports", list(&info.transports)),
        ("certifications", numbers(certifications)),
        ("longest message", Some(format!("{} bytes", info.max_msg_size()))),
    ]
}

fn yes(value: bool) -> String {
    if value { "yes".into() } else { "no".into() }
}
