//! `passkeys remove`.

use std::collections::BTreeSet;

use super::super::CliError;
use super::super::results::{PasskeysRemoved, RemovalFailed, RemovalPlan};
use super::super::station::Station;
use super::{RemoveArgs, Which, cell, title};
use crate::advice::{Advised as _, Exit};
use crate::batch::credentials_of;
use crate::identity::entra::{readings, stands_for};
use crate::identity::{IdentityError, IdentityProvider, Method, Reply, User};
use crate::ui::{Block, Event, Question, Sheet};

/// What goes and what stays.
struct Plan {
    goes: Vec<Method>,
    stays: Vec<Method>,
}

/// What became of one removal.
enum End {
    Removed,
    Failed(IdentityError),
    /// Not tried, since what failed before would fail again.
    NotTried,
}

/// Removes passkeys of a user.
pub(super) fn run(station: &Station, args: &RemoveArgs) -> Result<Exit, CliError> {
    let mut tenant = station.provider()?;
    let user = tenant.user(&args.user)?;
    let methods = tenant.methods(&user)?;
    let plan = plan(station, &args.which, &user, methods)?;
    if args.dry_run {
        station.face.show(&forecast(&user, &plan));
        return Ok(Exit::Done);
    }
    if plan.goes.is_empty() {
        let line = Block::Line(format!("Nothing is left to remove for {}.", user.upn));
        station.face.show(&Sheet::new(
            &PasskeysRemoved { user: &user, removed: Vec::new(), failed: None, stays: &plan.stays },
            vec![line],
        ));
        return Ok(Exit::Done);
    }
    // Whoever agrees to removals beforehand has not agreed to lock the user out.
    if plan.stays.is_empty() && !args.last && (station.settings.yes || !station.face.has_person()) {
        return Err(CliError::LastPasskey(user.upn));
    }
    let titles = |methods: &[Method]| methods.iter().map(title).collect();
    station.consent(&Question::RemovePasskeys { upn: user.upn.clone(), goes: titles(&plan.goes), stays: titles(&plan.stays) })?;
    // A person may have thought for long: what stays must still be there, and nothing else.
    let ids = |methods: &[Method]| methods.iter().map(|method| method.id.clone()).collect::<BTreeSet<_>>();
    if ids(&tenant.methods(&user)?) != &ids(&plan.goes) | &ids(&plan.stays) {
        return Err(CliError::ChangedMeanwhile(user.upn));
    }
    let ends = remove(&mut tenant, &user, &plan.goes);
    report(station, &user, &plan, &ends)
}

fn plan(station: &Station, which: &Which, user: &User, methods: Vec<Method>) -> Result<Plan, CliError> {
    let named = |ids: &[String]| ids.iter().map(|id| named(user, &methods, id)).collect::<Result<Vec<_>, _>>();
    let goes: Vec<String> = if let Some(serial) = &which.serial {
        let credentials = credentials_of(&mut *station.ledger()?, user, serial)?;
        if credentials.is_empty() {
            return Err(CliError::NoSuchSerial { serial: serial.clone(), upn: user.upn.clone() });
        }
        let on_key = |method: &&Method| credentials.iter().any(|credential| stands_for(&method.id, credential));
        methods.iter().filter(on_key).map(|method| method.id.clone()).collect()
    } else if which.all_but.is_empty() {
        named(&which.ids)?
    } else {
        let kept = named(&which.all_but)?;
        methods.iter().map(|method| method.id.clone()).filter(|id| !kept.contains(id)).collect()
    };
    let (goes, stays) = methods.into_iter().partition(|method| goes.contains(&method.id));
    Ok(Plan { goes, stays })
}

/// The id of the one passkey that is named, by its id or by its credential id in any spelling.
fn named(user: &User, methods: &[Method], name: &str) -> Result<String, CliError> {
    let exact = methods.iter().find(|method| method.id == name);
    let credentials = readings(name);
    let mut spelled = methods.iter().filter(|method| credentials.iter().any(|credential| stands_for(&method.id, credential)));
    match (exact, spelled.next(), spelled.next()) {
        (Some(method), ..) | (None, Some(method), None) => Ok(method.id.clone()),
        _ => {
            let message = format!("{} has no passkey {name}", user.upn);
            Err(IdentityError::NotFound(Reply { status: 404, message, ..Reply::default() }).into())
        }
    }
}

/// Removes one after the other. What stops every call stops here too.
fn remove(tenant: &mut impl IdentityProvider, user: &User, goes: &[Method]) -> Vec<End> {
    let mut stopped = false;
    goes.iter()
        .map(|method| {
            if stopped {
                return End::NotTried;
            }
            match tenant.remove(user, &method.id) {
                Ok(()) => End::Removed,
                Err(error) => {
                    stopped = matches!(
                        error,
                        IdentityError::SignIn(_)
                            | IdentityError::Unauthorized(_)
                            | IdentityError::Network(_)
                            | IdentityError::Interrupted
                            | IdentityError::Throttled { .. }
                    );
                    End::Failed(error)
                }
            }
        })
        .collect()
}

fn forecast(user: &User, plan: &Plan) -> Sheet {
    let rows = |word: &str, methods: &[Method]| -> Vec<Vec<String>> {
        methods.iter().map(|method| vec![word.to_owned(), method.id.clone(), cell(method.display_name.as_ref())]).collect()
    };
    let rows = [rows("goes", &plan.goes), rows("stays", &plan.stays)].concat();
    let mut blocks = vec![Block::Table { head: vec!["THEN", "ID", "NAME"], rows }];
    if plan.stays.is_empty() && !plan.goes.is_empty() {
        blocks.push(Block::Line(format!("{} would have no passkey then: that takes --last.", user.upn)));
    }
    Sheet::new(&RemovalPlan { user, dry_run: true, goes: &plan.goes, stays: &plan.stays }, blocks)
}

/// Says what became of each. Nothing removed is a failure, something removed is a part of the job.
fn report(station: &Station, user: &User, plan: &Plan, ends: &[End]) -> Result<Exit, CliError> {
    let each = || plan.goes.iter().zip(ends);
    let removed: Vec<&Method> = each().filter(|(_, end)| matches!(end, End::Removed)).map(|(method, _)| method).collect();
    let whole = removed.len() == plan.goes.len();
    if removed.is_empty()
        && let Some(End::Failed(error)) = ends.iter().find(|end| matches!(end, End::Failed(_)))
    {
        return Err(error.clone().into());
    }
    let failed = each().filter_map(|(passkey, end)| match end {
        End::Removed => None,
        End::Failed(error) => Some(RemovalFailed { passkey, code: Some(error.advice().code), message: error.to_string() }),
        End::NotTried => Some(RemovalFailed { passkey, code: None, message: "not tried".into() }),
    });
    let failed = Some(failed.collect());
    let blocks = if whole {
        removed
            .iter()
            .map(|method| Block::Line(format!("The passkey {} of {} is removed from the tenant.", title(method), user.upn)))
            .collect()
    } else {
        let rows = each().map(|(method, end)| vec![words(end), method.id.clone(), cell(method.display_name.as_ref())]);
        vec![Block::Table { head: vec!["RESULT", "ID", "NAME"], rows: rows.collect() }]
    };
    station.face.tell(&Event::Notice {
        sentence:
            "a key keeps its passkey until it is wiped or `keywright keys credentials delete` is used; it opens nothing any more"
                .into(),
    });
    station.face.show(&Sheet::new(&PasskeysRemoved { user, removed, failed, stays: &plan.stays }, blocks));
    Ok(if whole { Exit::Done } else { Exit::Partly })
}

fn words(end: &End) -> String {
    match end {
        End::Removed => "removed".into(),
        End::Failed(error) => format!("failed: {error} [{}]", error.advice().code),
        End::NotTried => "not tried".into(),
    }
}
