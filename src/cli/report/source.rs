//! Whom a report is about, and the clients that ask.

use super::PeopleArgs;
use crate::batch::roster::only_group;
use crate::cli::CliError;
use crate::cli::station::Station;
use crate::identity::entra::{Admission, Census, Counted, Entra, READERS, Whom};
use crate::identity::{Directory as _, IdentityError, IdentityProvider as _, User};
use crate::ui::Event;

/// The users of a report, page by page.
pub(super) struct Source<'a> {
    station: &'a Station,
    census: Census,
    /// Users in all, if that is known.
    pub(super) of: Option<u64>,
    /// Everybody is asked about, since the list of those with passkeys could not be had.
    pub(super) fell_back: bool,
    fallible: bool,
}

/// The tenant, its policy of today if that can be read, and the users of a report.
pub(super) struct Tenant {
    /// The client that is signed in: every other one shares its sign-in.
    first: Entra,
    pub(super) admission: Option<Admission>,
    named: Option<Vec<User>>,
    count: Option<u64>,
    pub(super) whom: Whom,
}

impl Tenant {
    /// Reads everything but the pages. `judged` says that the policy is what the report is about.
    pub(super) fn open(station: &Station, people: &PeopleArgs, judged: bool) -> Result<Self, CliError> {
        let mut tenant = station.provider()?;
        tenant.sign_in()?;
        let admission = match tenant.admission() {
            Ok(admission) => Some(admission),
            Err(error @ IdentityError::PolicyHidden(_)) if !judged => {
                let sentence =
                    format!("{error}: whether a passkey is allowed is left open (it takes Policy.Read.AuthenticationMethod)");
                station.face.tell(&Event::Notice { sentence });
                None
            }
            Err(error) => return Err(error.into()),
        };
        let whom = if people.registered { Whom::Registered } else { Whom::Everybody };
        let named = named(&mut tenant, people)?;
        let count = match (&named, whom) {
            (Some(users), _) => u64::try_from(users.len()).ok(),
            // How many have passkeys is known at the end only.
            (None, Whom::Registered) => None,
            (None, Whom::Everybody) => tenant.count_people()?,
        };
        Ok(Self { first: tenant, admission, named, count, whom })
    }

    /// Its name.
    pub(super) fn domain(&self) -> &str {
        &self.first.profile().tenant
    }

    /// The users, from the beginning or from a page of their list; that list is the one of everybody if it `fell_back`.
    pub(super) fn source<'a>(&self, station: &'a Station, from: Option<String>, fell_back: bool) -> Source<'a> {
        let another = || station.another(&self.first);
        let (lister, readers) = (another(), (0..READERS).map(|_| another()).collect());
        let whom = if fell_back { Whom::Everybody } else { self.whom };
        let fallible = whom == Whom::Registered && from.is_none();
        let census = match &self.named {
            Some(users) => Census::of(readers, lister, users.clone()),
            None => Census::new(readers, lister, whom, from),
        };
        Source { station, census, of: self.count, fell_back, fallible }
    }
}

impl Source<'_> {
    /// The next page of users with their passkeys; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Counted>, CliError> {
        let fallible = std::mem::take(&mut self.fallible);
        match self.census.next_page() {
            Err(
                error @ (IdentityError::UsersHidden(_)
                | IdentityError::Forbidden(_)
                | IdentityError::Refused(_)
                | IdentityError::NotFound(_)
                | IdentityError::NotOffered(_)),
            ) if fallible => {
                let sentence =
                    format!("the tenant's report of registrations cannot be had, so everybody is asked about: {error}");
                self.station.face.tell(&Event::Notice { sentence });
                self.of = self.census.ask_everybody()?;
                self.fell_back = true;
                Ok(self.census.next_page()?)
            }
            page => Ok(page?),
        }
    }
}

/// The users who are named, and those of groups that are; each once. `None` if nobody is.
fn named(tenant: &mut Entra, people: &PeopleArgs) -> Result<Option<Vec<User>>, CliError> {
    if people.user.is_empty() && people.group.is_empty() {
        return Ok(None);
    }
    let mut users: Vec<User> = Vec::new();
    for name in &people.user {
        users.push(tenant.user(name)?);
    }
    for name in &people.group {
        let group = only_group(name, tenant.groups(name)?)?;
        users.extend(tenant.members(&group.id)?);
    }
    let mut seen = std::collections::BTreeSet::new();
    users.retain(|user| seen.insert(user.id.to_ascii_lowercase()));
    Ok(Some(users))
}
