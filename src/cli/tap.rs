//! `tap`: Temporary Access Passes, for the days until a key has arrived. The pass is shown once and kept nowhere.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::CliError;
use super::results::{PassIssued, PassRemoved, UserPasses};
use super::station::Station;
use crate::identity::entra::{Entra, Tap, TapPolicy, TapWish};
use crate::identity::{Finding, IdentityError, IdentityProvider as _, Reply, SendError, User, Verdict};
use crate::ui::{Block, Event, Question, Revealed, Sheet};

/// `tap`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum TapCommand {
    /// Issue a pass and show it once; an earlier pass of the user is gone then
    Issue(IssueArgs),
    /// List a user's pass, without the pass itself
    List {
        /// The user: user principal name or object id.
        user: String,
    },
    /// Remove a user's pass
    Remove {
        /// The user: user principal name or object id.
        user: String,
        /// Id of the pass, as `list` shows it; without it, whatever pass there is.
        id: Option<String>,
    },
}

/// `tap issue`.
#[derive(Debug, Args)]
pub(super) struct IssueArgs {
    /// The user: user principal name or object id
    user: String,
    /// How long it works, in minutes; without it, as the tenant's policy says
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(10..=43200))]
    lifetime: Option<u32>,
    /// It works once only
    #[arg(long)]
    once: bool,
    /// From when it works, such as 2026-11-24T08:00:00+01:00; without it, now
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &TapCommand) -> Result<(), CliError> {
    match command {
        TapCommand::Issue(args) => issue(station, args),
        TapCommand::List { user } => list(station, user),
        TapCommand::Remove { user, id } => remove(station, user, id.as_deref()),
    }
}

fn issue(station: &Station, args: &IssueArgs) -> Result<(), CliError> {
    if args.start.is_some_and(|start| start < station.clock.now()) {
        return Err(CliError::StartIsPast);
    }
    let mut tenant = station.provider()?;
    let user = tenant.user(&args.user)?;
    let policy = policy(station, &mut tenant, &user)?;
    let wish = wish(args, policy.as_ref())?;
    let limits = policy.as_ref().map_or_else(|| "what the tenant allows is not known".into(), words);
    station.face.tell(&Event::Notice { sentence: limits });
    if user.enabled == Some(false) {
        let sentence = format!("the account {} is disabled: a pass does not help until it is enabled", user.upn);
        station.face.tell(&warning("user/enabled", Verdict::Warn, sentence, "Have a User Administrator enable the account."));
    }
    replace(station, &mut tenant, &user)?;
    let issued = tenant.issue_tap(&user, &wish).map_err(|error| match error {
        SendError::Refused(error) => of_pass(error),
        SendError::Unknown(error) => CliError::PassUnknown(error),
    })?;
    let tap = &issued.tap;
    if !matches!(tap.reason.as_deref(), Some("EnabledByPolicy" | "NotYetValid") | None) {
        let sentence = format!("the tenant says that this pass cannot be used: {}", tap.reason.as_deref().unwrap_or_default());
        station.face.tell(&warning("tap/usable", Verdict::Warn, sentence, POLICY_ADMIN));
    }
    let sheet = Sheet::new(&PassIssued { user: &user, pass: tap, policy: policy.as_ref() }, vec![fields(&user, tap)]);
    let revealed = Revealed { name: "pass", member: "temporaryAccessPass", secret: &issued.pass };
    station.face.reveal(&sheet, &revealed).map_err(|error| CliError::PassNotShown(error.to_string()))
}

const POLICY_ADMIN: &str = "An Authentication Policy Administrator can change it: Entra admin center, Authentication methods, \
                            Temporary Access Pass.";

fn warning(check: &'static str, verdict: Verdict, sentence: String, remedy: &str) -> Event {
    Event::Found { finding: Finding { check, verdict, sentence, remedy: remedy.to_owned() } }
}

/// The tenant's policy, if it can be read. What it surely forbids ends here.
fn policy(station: &Station, tenant: &mut Entra, user: &User) -> Result<Option<TapPolicy>, CliError> {
    let policy = match tenant.tap_policy() {
        Ok(policy) => policy,
        Err(error @ (IdentityError::Forbidden(_) | IdentityError::NotFound(_) | IdentityError::Malformed(_))) => {
            let sentence = format!("the tenant's policy for passes cannot be read: {error}");
            let remedy = "Grant Policy.Read.AuthenticationMethod to have it checked beforehand.";
            station.face.tell(&warning("tap/policy", Verdict::Unknown, sentence, remedy));
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    if policy.is_off() {
        return Err(CliError::PassPolicy("Temporary Access Passes are switched off in the tenant".into()));
    }
    match tenant.tap_reaches(&policy, user) {
        Ok(true) => {}
        Ok(false) => return Err(CliError::PassPolicy(format!("the policy for passes does not include {}", user.upn))),
        Err(error @ (IdentityError::Forbidden(_) | IdentityError::NotFound(_))) => {
            let sentence = format!("whether the policy for passes includes {} depends on groups: {error}", user.upn);
            let remedy = "Grant GroupMember.Read.All to have it checked beforehand.";
            station.face.tell(&warning("tap/targets", Verdict::Unknown, sentence, remedy));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Some(policy))
}

/// What is asked of the tenant, within what its policy allows.
fn wish(args: &IssueArgs, policy: Option<&TapPolicy>) -> Result<TapWish, CliError> {
    if let (Some(minutes), Some(policy)) = (args.lifetime, policy)
        && !policy.minutes().contains(&minutes)
    {
        return Err(CliError::PassPolicy(format!("a pass of {minutes} minutes is not allowed: {}", words(policy))));
    }
    let forced = policy.is_some_and(|policy| policy.once == Some(true));
    Ok(TapWish { minutes: args.lifetime, once: (args.once || forced).then_some(true), start: args.start })
}

/// The limits in a sentence.
fn words(policy: &TapPolicy) -> String {
    let range = policy.minutes();
    let usual = policy.default_minutes.map_or_else(String::new, |minutes| format!(", {minutes} without --lifetime"));
    let once = if policy.once == Some(true) { "; every pass works once only" } else { "" };
    format!("the tenant allows passes of {} to {} minutes{usual}{once}", range.start(), range.end())
}

/// An earlier pass goes with a new one: that takes a yes, also where nobody may look whether there is one.
fn replace(station: &Station, tenant: &mut Entra, user: &User) -> Result<(), CliError> {
    let pass = match tenant.taps(user) {
        Ok(taps) => match taps.iter().find(|tap| tap.is_alive()) {
            None => return Ok(()),
            Some(tap) => tap
                .end()
                .map_or_else(|| "has a pass already".into(), |end| format!("has a pass already, which works until {end}")),
        },
        Err(IdentityError::Forbidden(_) | IdentityError::NotFound(_)) => "may have a pass already (that cannot be read)".into(),
        Err(error) => return Err(error.into()),
    };
    station.consent(&Question::ReplacePass { upn: user.upn.clone(), pass })
}

fn fields(user: &User, tap: &Tap) -> Block {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    Block::fields([
        ("user", Some(user.upn.clone())),
        ("id", Some(tap.id.clone())),
        ("works from", tap.start.map(|time| time.to_string())),
        ("works until", tap.end().map(|time| time.to_string())),
        ("works once only", tap.once.map(yes)),
    ])
}

fn list(station: &Station, name: &str) -> Result<(), CliError> {
    let mut tenant = station.provider()?;
    let user = tenant.user(name)?;
    let taps = tenant.taps(&user).map_err(of_pass)?;
    let cell = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let rows = taps.iter().map(|tap| {
        vec![
            tap.id.clone(),
            cell(tap.created.map(|time| time.to_string())),
            cell(tap.start.map(|time| time.to_string())),
            cell(tap.minutes.map(|minutes| minutes.to_string())),
            cell(tap.once.map(|once| if once { "yes" } else { "no" }.into())),
            cell(tap.reason.clone().or_else(|| tap.usable.map(|usable| if usable { "yes" } else { "no" }.into()))),
        ]
    });
    let block = if taps.is_empty() {
        Block::Line(format!("{} has no Temporary Access Pass.", user.upn))
    } else {
        Block::Table { head: vec!["ID", "ISSUED", "WORKS FROM", "MINUTES", "ONCE", "USABLE"], rows: rows.collect() }
    };
    station.face.show(&Sheet::new(&UserPasses { user: &user, passes: &taps }, vec![block]));
    Ok(())
}

fn remove(station: &Station, name: &str, id: Option<&str>) -> Result<(), CliError> {
    let mut tenant = station.provider()?;
    let user = tenant.user(name)?;
    let taps = tenant.taps(&user).map_err(of_pass)?;
    let goes: Vec<&Tap> = taps.iter().filter(|tap| id.is_none_or(|id| tap.id == id)).collect();
    if goes.is_empty() {
        let message = format!("{} has no such Temporary Access Pass", user.upn);
        return Err(IdentityError::NotFound(Reply { status: 404, message, ..Reply::default() }).into());
    }
    let what = format!("The Temporary Access Pass of {}", user.upn);
    station.consent(&Question::Remove { what: what.clone(), place: "the tenant".into() })?;
    for tap in &goes {
        tenant.remove_tap(&user, &tap.id).map_err(of_pass)?;
    }
    let result = PassRemoved { user: &user, removed: goes };
    station.face.show(&Sheet::new(&result, vec![Block::Line(format!("{what} is removed."))]));
    Ok(())
}

/// A refusal for a missing permission names the permission of passes.
fn of_pass(error: IdentityError) -> CliError {
    match error {
        IdentityError::Forbidden(reply) => CliError::PassForbidden(reply),
        other => other.into(),
    }
}
