//! A person signs in: silently with a refresh token where there is one, otherwise with a browser here or a code elsewhere.

use reqwest::Url;
use zeroize::Zeroizing;

use crate::identity::entra::challenge;
use crate::identity::entra::http::{Answer, Http};
use crate::identity::entra::sign_in::grant::{self, Grant};
use crate::identity::entra::sign_in::{Endpoint, browser, device};
use crate::identity::entra::tools::{Invitation, Vault};
use crate::identity::{IdentityError, SignInRefusal};
use crate::secret::SecretText;

/// What the gate calls a renewal without a person.
const SILENT: &str = "refresh";

/// A person's sign-in and what remains of it.
pub(super) struct Person {
    pub(super) means: Means,
    /// The name of the refresh token in the vault.
    name: String,
    vault: Option<Box<dyn Vault>>,
    /// The vault was asked.
    looked: bool,
    refresh: Option<SecretText>,
}

/// How a person is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    Browser,
    DeviceCode,
}

/// What a person is asked to sign in for.
pub(super) struct Wish<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) scope: &'a str,
    pub(super) claims: &'a str,
}

impl Person {
    pub(super) fn new(means: Means, authority: &Url, tenant: &str, client_id: &str, vault: Option<Box<dyn Vault>>) -> Self {
        let name = format!("{} {} {}", authority.as_str().trim_end_matches('/'), tenant, client_id).to_lowercase();
        Self { means, name, vault, looked: false, refresh: None }
    }

    /// A token; silently if it can be had so.
    pub(super) fn fetch(&mut self, http: &mut Http, wish: &Wish<'_>) -> Result<Grant, IdentityError> {
        let mut claims = None;
        if let Some(refresh) = self.remembered() {
            let refresh = Zeroizing::new(refresh.expose().to_owned());
            let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
            match wish.endpoint.ask(http, SILENT, |_| Ok(form(wish, &fields))) {
                Ok(answer) if answer.status == 200 || !grant::wants_person(&answer) => {
                    let grant = grant::granted(&answer, http.tools.clock.now())?;
                    return Ok(self.keep(http, grant));
                }
                Ok(answer) => claims = self.refused(http, &answer)?,
                // The gate remembers that a person is wanted.
                Err(IdentityError::SignIn(_)) if http.tools.attended => {}
                Err(error) => return Err(error),
            }
        }
        let claims = claims.map(|claims| challenge::parameter(Some(&claims)));
        self.ask(http, &Wish { claims: claims.as_deref().unwrap_or(wish.claims), ..*wish })
    }

    /// After a silent sign-in that only a person can go on with: what that person has to answer, as JSON.
    fn refused(&mut self, http: &Http, answer: &Answer) -> Result<Option<String>, IdentityError> {
        let error = grant::denied(answer);
        log::debug!(target: "keywright::entra", "the sign-in cannot be renewed silently: {error}");
        // Only this word says that the token itself is of no use any more.
        if grant::word(answer) == "invalid_grant" {
            self.forget();
        }
        if http.tools.attended { Ok(grant::claims(answer)) } else { Err(error) }
    }

    /// A token from the person, whatever is remembered.
    pub(super) fn ask(&mut self, http: &mut Http, wish: &Wish<'_>) -> Result<Grant, IdentityError> {
        if !http.tools.attended {
            let refusal = SignInRefusal::needs_person("nobody is signed in, and there is nobody here to ask");
            return Err(IdentityError::SignIn(Box::new(refusal)));
        }
        let grant = match self.means {
            Means::Browser => browser::sign_in(http, wish)?,
            Means::DeviceCode => device::sign_in(http, wish)?,
        };
        self.looked = true;
        wish.endpoint.reopen(http, SILENT);
        let grant = self.keep(http, grant);
        if self.vault.is_none() {
            let reason = "this keywright has no keyring to keep it in".to_owned();
            (http.tools.invite)(&Invitation::NotKept { reason });
        }
        Ok(grant)
    }

    /// Forgets the sign-in here and in the vault. Tells whether there was one.
    pub(super) fn sign_out(&mut self) -> Result<bool, IdentityError> {
        let was = self.remembered().is_some();
        self.refresh = None;
        if let Some(vault) = &mut self.vault {
            vault.remove(&self.name).map_err(IdentityError::Keyring)?;
        }
        Ok(was)
    }

    /// The refresh token; of the vault at first.
    fn remembered(&mut self) -> Option<&SecretText> {
        if !self.looked {
            self.looked = true;
            if let Some(vault) = &mut self.vault {
                self.refresh = vault.load(&self.name).unwrap_or_else(|reason| {
                    log::warn!(target: "keywright::entra", "the keyring cannot be read: {reason}");
                    None
                });
            }
        }
        self.refresh.as_ref()
    }

    fn forget(&mut self) {
        if let Err(error) = self.sign_out() {
            log::warn!(target: "keywright::entra", "{error}");
        }
    }

    /// Keeps the refresh token of a grant in place of the one before.
    fn keep(&mut self, http: &mut Http, mut grant: Grant) -> Grant {
        let Some(refresh) = grant.refresh.take() else { return grant };
        if let Some(vault) = &mut self.vault
            && let Err(reason) = vault.keep(&self.name, &refresh)
        {
            (http.tools.invite)(&Invitation::NotKept { reason });
        }
        self.refresh = Some(refresh);
        grant
    }
}

/// A request for a token with the fields that every grant of a person has.
pub(super) fn form(wish: &Wish<'_>, fields: &[(&'static str, &str)]) -> Vec<(&'static str, Zeroizing<String>)> {
    let usual = [("scope", wish.scope), ("claims", wish.claims)];
    fields.iter().chain(&usual).map(|(name, value)| (*name, Zeroizing::new((*value).to_owned()))).collect()
}
