//! `policy`: what the tenant's passkey policy says, and whether a key will be accepted for a user.

use clap::Subcommand;

use super::results::{KnownModel, PolicyShown, PolicyVerdict};
use super::settings::EnrollSettings;
use super::station::Station;
use super::{CliError, doctor, enrolling};
use crate::aaguid::Aaguid;
use crate::advice::Exit;
use crate::ctap::Info;
use crate::enroll::{
    Abilities, Order, check, exposure_findings, exposures_of, key_findings, key_model, link_line, proof_finding, status_findings,
    surprises,
};
use crate::identity::entra::{ModelView, PolicyOverview, ProfileView, RestrictionView};
use crate::identity::{Finding, IdentityProvider as _, KeyModel, Preflight, User, Verdict};
use crate::metadata::{self, Exposure, exposures};
use crate::ui::{Block, Sheet, Surprise, sentence};

/// `policy`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum PolicyCommand {
    /// Show the passkey policy: who may have passkeys, under which rules, and what that comes to
    Show,
    /// Check whether a key will be accepted for a user, and why not; nothing changes
    Check {
        /// The user: user principal name or object id
        user: String,
        /// A model, by its AAGUID, instead of the key in the port
        #[arg(long, value_name = "GUID")]
        aaguid: Option<Aaguid>,
    },
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &PolicyCommand) -> Result<Exit, CliError> {
    match command {
        PolicyCommand::Show => show(station).map(|()| Exit::Done),
        PolicyCommand::Check { user, aaguid } => examine(station, user, *aaguid),
    }
}

/// Fails, as a policy does, if a check failed. What cannot be told stops nobody.
fn examine(station: &Station, user: &str, aaguid: Option<Aaguid>) -> Result<Exit, CliError> {
    let wishes = EnrollSettings::resolve(None, station.settings.profile()?)?;
    let order = enrolling::order(station, user.to_owned(), wishes)?;
    let mut tenant = station.provider()?;
    let user = tenant.user(&order.user)?;
    let subject = match aaguid {
        Some(aaguid) => Subject::of_model(aaguid),
        None => Subject::in_port(station, &order)?,
    };
    let checked = check(&mut tenant, &user, &subject.model, subject.findings(&order))?;
    let surprises = subject.surprises(&order);
    station.face.show(&verdict(&user, &subject, &checked, &surprises));
    Ok(if checked.failure().is_some() { Exit::Policy } else { Exit::Done })
}

/// What is checked: a key, or a model of which no key is there.
struct Subject {
    model: KeyModel,
    abilities: Abilities,
    exposures: Vec<Exposure>,
    /// Whether the key makes a credential by touch alone.
    tries: Option<bool>,
    /// What the key says of itself; a model says nothing.
    info: Option<Info>,
    /// The key as a person finds it.
    key: Option<String>,
}

impl Subject {
    /// Nearly every key attests as `packed`; which formats a model has is in no public table.
    fn of_model(aaguid: Aaguid) -> Self {
        let abilities = Abilities::of_model(metadata::model(aaguid).as_ref());
        let model = KeyModel { aaguid, packed: true };
        Self { model, abilities, exposures: exposures(aaguid, None), tries: None, info: None, key: None }
    }

    fn in_port(station: &Station, order: &Order) -> Result<Self, CliError> {
        let mut bus = station.bus()?;
        let mut key = station.desk(bus.as_mut()).find_key()?;
        let exposures = exposures_of(&mut key)?;
        let abilities = Abilities::of_key(&key, order.reset);
        let (info, name) = (Some(key.info().clone()), Some(link_line(key.link())));
        Ok(Self { model: key_model(key.info()), abilities, exposures, tries: Some(key.can_try()), info, key: name })
    }

    fn surprises(&self, order: &Order) -> Vec<Surprise> {
        let aaguid = self.model.aaguid;
        surprises(&self.abilities, aaguid, self.info.as_ref(), &order.hardening.of(aaguid))
    }

    fn findings(&self, order: &Order) -> Vec<Finding> {
        let hardening = order.hardening.of(self.model.aaguid);
        let mut findings = key_findings(&self.abilities, self.info.as_ref(), &hardening, order.pin);
        let aaguid = self.model.aaguid;
        findings.extend(exposure_findings(&self.exposures, order.deny_advisory));
        findings.extend(status_findings(order.metadata.as_deref(), aaguid, order.deny_advisory));
        findings.extend(proof_finding(order, aaguid, self.tries));
        findings
    }
}

fn verdict(user: &User, subject: &Subject, checked: &Preflight, surprises: &[Surprise]) -> Sheet {
    let model = &subject.model;
    let count = |verdict| checked.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (failed, unknown, warned) = (count(Verdict::Fail), count(Verdict::Unknown), count(Verdict::Warn));
    let known = metadata::model(model.aaguid);
    let (name, eligible) = (known.as_ref().map(|known| known.name), known.as_ref().map(|known| known.listed));
    let result = PolicyVerdict {
        user,
        key: subject.key.as_deref(),
        model: KnownModel { aaguid: model.aaguid, name, eligible },
        checks: &checked.findings,
        ok: failed == 0,
        failed,
        warned,
        unknown,
        first_sign_in: surprises,
    };
    let end = match (failed, unknown) {
        (0, 0) => format!("Nothing is in the way of this key for {}.", user.upn),
        (0, unknown) => format!("Nothing that can be seen is in the way of this key for {}; not known: {unknown}.", user.upn),
        (failed, _) => format!("This key cannot be enrolled for {}; in the way: {failed}.", user.upn),
    };
    let model = Some(metadata::title(model.aaguid));
    let head = Block::fields([("user", Some(user.upn.clone())), ("key", subject.key.clone()), ("model", model)]);
    let rows = surprises.iter().map(|one| vec![one.word.to_owned(), format!("{} {}", sentence(one.sentence), one.next)]);
    let day_one = Block::Table { head: vec!["FIRST SIGN-IN", "WHAT MAY SURPRISE"], rows: rows.collect() };
    let blank = || Block::Line(String::new());
    Sheet::new(&result, vec![head, doctor::table(&checked.findings), blank(), day_one, blank(), Block::Line(end)])
}

fn show(station: &Station) -> Result<(), CliError> {
    let policy = station.provider()?.policy()?;
    let mut blocks: Vec<Block> = policy.meaning.iter().cloned().map(Block::Line).collect();
    for table in [targets(&policy), profiles(&policy), models(&policy)].into_iter().flatten() {
        blocks.push(Block::Line(String::new()));
        blocks.push(table);
    }
    station.face.show(&Sheet::new(&PolicyShown { policy }, blocks));
    Ok(())
}

fn targets(policy: &PolicyOverview) -> Option<Block> {
    let may = policy.included.iter().map(|target| ("may", target));
    let rows = may.chain(policy.excluded.iter().map(|target| ("may not", target))).map(|(word, target)| {
        let profiles = if word == "may" { target.profiles.join(", ") } else { String::new() };
        vec![word.to_owned(), target.title.clone(), target.id.clone(), profiles]
    });
    table(vec!["PASSKEYS", "WHO", "ID", "PROFILES"], rows.collect())
}

fn profiles(policy: &PolicyOverview) -> Option<Block> {
    let rows = rules(policy).map(|profile| {
        let name = if profile.default { format!("{} (default)", profile.name) } else { profile.name.clone() };
        let attestation = if profile.attestation_enforced { "enforced" } else { "not asked for" };
        let models = match &profile.restriction {
            None => "all".to_owned(),
            Some(RestrictionView { kind, models }) => format!("{kind} {}", models.len()),
        };
        vec![name, profile.passkey_types.clone().unwrap_or_else(|| "-".into()), attestation.to_owned(), models]
    });
    table(vec!["PROFILE", "KINDS", "ATTESTATION", "MODELS"], rows.collect())
}

/// Every model that is named anywhere.
fn models(policy: &PolicyOverview) -> Option<Block> {
    let row = |rule: &str, place: &str, model: &ModelView| {
        let eligible = match model.eligible {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        };
        vec![rule.to_owned(), place.to_owned(), model.aaguid.clone(), eligible.to_owned(), model.name.unwrap_or("-").to_owned()]
    };
    let mut rows = Vec::new();
    for profile in rules(policy) {
        if let Some(restriction) = &profile.restriction {
            rows.extend(restriction.models.iter().map(|model| row(&restriction.kind, &profile.name, model)));
        }
    }
    for strength in policy.strengths.iter().flatten() {
        rows.extend(strength.models.iter().map(|model| row("allow", &format!("strength {}", strength.name), model)));
    }
    table(vec!["RULE", "IN", "AAGUID", "ATTESTATION WORKS", "MODEL"], rows)
}

/// The sets of rules that count.
fn rules(policy: &PolicyOverview) -> impl Iterator<Item = &ProfileView> {
    let legacy = policy.profiles.is_empty().then_some(&policy.legacy);
    policy.profiles.iter().chain(legacy)
}

fn table(head: Vec<&'static str>, rows: Vec<Vec<String>>) -> Option<Block> {
    (!rows.is_empty()).then_some(Block::Table { head, rows })
}
