//! `metadata`: what is publicly known of models, and the signed metadata that attestations are followed by.

use std::path::PathBuf;

use clap::Subcommand;

use super::CliError;
use super::results::{KeptMetadata, MetadataShown, MetadataUpdated, ModelFacts};
use super::station::Station;
use crate::aaguid::Aaguid;
use crate::metadata::blob::Blob;
use crate::metadata::{self, Model, download, store};
use crate::ui::{Block, Sheet};

/// `metadata`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum MetadataCommand {
    /// Show what is known of a model, or which editions are here
    Show {
        /// A part of its name, or its AAGUID
        model: Option<String>,
    },
    /// Fetch the signed metadata of the FIDO Alliance, by which attestations are followed to the maker's root
    Update {
        /// A file that was fetched before, by whatever means: its signature counts
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Another address than that of the FIDO Metadata Service
        #[arg(long, value_name = "URL", conflicts_with = "file", default_value = download::ADDRESS)]
        url: String,
    },
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &MetadataCommand) -> Result<(), CliError> {
    match command {
        MetadataCommand::Show { model } => show(station, model.as_deref()),
        MetadataCommand::Update { file, url } => {
            let text = match file {
                Some(file) => store::read(file)?,
                None => download::fetch(url)?,
            };
            update(station, &text)
        }
    }
}

fn update(station: &Station, text: &[u8]) -> Result<(), CliError> {
    let store = station.metadata_store()?;
    let taken = store.take(text, station.metadata_roots(), station.clock.now())?;
    let kept = kept(station, &taken.blob);
    let line = match taken.before {
        Some(before) if before == kept.number => format!("Number {before} is the present one; it was here already."),
        Some(before) => format!("Number {} takes the place of number {before}.", kept.number),
        None => format!("Number {} is here now.", kept.number),
    };
    let blocks = vec![Block::Line(line), Block::Fields(fields(&kept))];
    station.face.show(&Sheet::new(&MetadataUpdated { kept, before: taken.before, file: store.path() }, blocks));
    Ok(())
}

fn kept(station: &Station, blob: &Blob) -> KeptMetadata {
    let due = blob.is_due(station.clock.now());
    KeptMetadata { number: blob.number, next_update: blob.next_update, due, models: blob.models() }
}

fn fields(kept: &KeptMetadata) -> Vec<(String, String)> {
    let due = if kept.due { "due: run `keywright metadata update`" } else { "not yet due" };
    vec![
        ("Signed metadata".into(), format!("number {}, {} models", kept.number, kept.models)),
        ("Next".into(), format!("{}, {due}", kept.next_update)),
    ]
}

fn show(station: &Station, wanted: Option<&str>) -> Result<(), CliError> {
    let store = station.metadata_store()?;
    let blob = store.load(station.metadata_roots(), station.clock.now())?;
    let models: Vec<ModelFacts<'_>> = wanted.map(|wanted| found(wanted, blob.as_ref())).unwrap_or_default();
    if let (Some(wanted), []) = (wanted, models.as_slice()) {
        return Err(CliError::UnknownModel(wanted.to_owned()));
    }
    let kept = blob.as_ref().map(|blob| kept(station, blob));
    let blocks = match models.as_slice() {
        [] => vec![Block::Fields(editions(kept.as_ref()))],
        [one] => vec![Block::Fields(of_one(one))],
        several => vec![table(several)],
    };
    station.face.show(&Sheet::new(&MetadataShown { shipped: metadata::edition(), kept, file: store.path(), models }, blocks));
    Ok(())
}

fn editions(kept: Option<&KeptMetadata>) -> Vec<(String, String)> {
    let mut all = vec![("In the program".into(), format!("{} models, {}", metadata::models().count(), metadata::edition()))];
    match kept {
        Some(kept) => all.extend(fields(kept)),
        None => all.push(("Signed metadata".into(), "none here: run `keywright metadata update`".into())),
    }
    all
}

/// By AAGUID, or by a part of the name in any case.
fn found<'a>(wanted: &str, blob: Option<&'a Blob>) -> Vec<ModelFacts<'a>> {
    let entry = |aaguid| blob.and_then(|blob| blob.entry(aaguid));
    if let Ok(aaguid) = wanted.parse::<Aaguid>() {
        let (known, entry) = (metadata::model(aaguid), entry(aaguid));
        return match (known, entry) {
            (None, None) => Vec::new(),
            _ => vec![facts(aaguid, known, entry)],
        };
    }
    let wanted = wanted.to_lowercase();
    let named = |name: &str| name.to_lowercase().contains(&wanted);
    let shipped = metadata::models().filter(|model| named(model.name)).map(|model| (model.aaguid, Some(model)));
    let newer = blob
        .into_iter()
        .flat_map(Blob::entries)
        .filter(|(aaguid, entry)| metadata::model(*aaguid).is_none() && named(&entry.name));
    shipped.chain(newer.map(|(aaguid, _)| (aaguid, None))).map(|(aaguid, known)| facts(aaguid, known, entry(aaguid))).collect()
}

fn facts(aaguid: Aaguid, known: Option<Model>, entry: Option<&metadata::blob::Entry>) -> ModelFacts<'_> {
    ModelFacts {
        aaguid,
        name: known.map(|known| known.name).or(entry.map(|entry| entry.name.as_str())).unwrap_or_default(),
        eligible: known.map(|known| known.listed),
        certification: known.map(|known| known.certification.word()),
        abilities: known.iter().flat_map(Model::abilities).collect(),
        min_pin_length: known.and_then(|known| known.min_pin_length),
        links: known.iter().flat_map(Model::links).collect(),
        advisories: metadata::exposures(aaguid, None),
        reports: entry.map(|entry| entry.reports.as_slice()).unwrap_or_default(),
        roots: entry.map_or(0, |entry| entry.roots.len()),
    }
}

fn of_one(facts: &ModelFacts<'_>) -> Vec<(String, String)> {
    let list = |words: &[&str]| if words.is_empty() { "not known".to_owned() } else { words.join(", ") };
    let advisories: Vec<&str> = facts.advisories.iter().map(|one| one.advisory.id).collect();
    let reports: Vec<String> = facts
        .reports
        .iter()
        .map(|report| {
            [report.status.as_str(), report.effective_date.as_deref().unwrap_or_default()].join(" ").trim_end().to_owned()
        })
        .collect();
    let eligible = match facts.eligible {
        Some(true) => "listed by Microsoft as eligible for attestation",
        Some(false) => "not listed by Microsoft",
        None => "not known",
    };
    let mut rows = vec![
        ("Model", facts.name.to_owned()),
        ("AAGUID", facts.aaguid.to_string()),
        ("Entra ID", eligible.to_owned()),
        ("Certification", facts.certification.unwrap_or("not known").to_owned()),
        ("Abilities", list(&facts.abilities)),
        ("Shortest PIN", facts.min_pin_length.map_or_else(|| "not known".to_owned(), |length| length.to_string())),
        ("Links", list(&facts.links)),
        ("Advisories", if advisories.is_empty() { "none known".to_owned() } else { advisories.join(", ") }),
    ];
    if facts.roots > 0 || !reports.is_empty() {
        rows.push(("FIDO Alliance", reports.join(", ")));
        rows.push(("Roots", facts.roots.to_string()));
    }
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn table(models: &[ModelFacts<'_>]) -> Block {
    let row = |one: &ModelFacts<'_>| {
        let eligible = if one.eligible == Some(true) { "listed" } else { "-" };
        vec![one.aaguid.to_string(), one.certification.unwrap_or("-").to_owned(), eligible.to_owned(), one.name.to_owned()]
    };
    Block::Table { head: vec!["AAGUID", "CERTIFIED", "ENTRA", "MODEL"], rows: models.iter().map(row).collect() }
}
