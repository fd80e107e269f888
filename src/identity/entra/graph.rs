//! Calls to Microsoft Graph: addresses, the token, and what becomes of an answer.

use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::identity::IdentityError;
use crate::identity::entra::http::{Answer, Body, Call, Http, Lost, bearer};
use crate::identity::entra::profile::wrong;
use crate::identity::entra::reply;
use crate::identity::entra::retry::Repeat;
use crate::identity::entra::sign_in::Session;

/// Most pages of one list that is held in memory.
const MAX_PAGES: usize = 100;
/// Most pages of one list: a server that never ends is not followed.
const MOST_PAGES: usize = 10_000;
/// Most times that one call may have its token renewed: for its age, and for two claims challenges.
const MAX_RENEWALS: usize = 3;

/// Which of Graph's two interfaces.
#[derive(Clone, Copy, Debug)]
pub(super) enum Version {
    V1,
    Beta,
}

/// A signed-in client of one Graph host.
pub(super) struct Graph {
    pub(super) http: Http,
    pub(super) session: Session,
    pub(super) root: Url,
    /// The interface that registers passkeys.
    pub(super) version: Version,
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
}

impl Graph {
    /// The address of a resource; each segment is percent-encoded.
    pub(super) fn url(&self, version: Version, segments: &[&str]) -> Result<Url, IdentityError> {
        // The URL writer drops such segments, and the address would be that of the parent.
        if let Some(bad) = segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(wrong(format!("{bad:?} cannot be the name of anything in the tenant")));
        }
        let mut url = self.root.clone();
        let version = match version {
            Version::V1 => "v1.0",
            Version::Beta => "beta",
        };
        url.path_segments_mut().map_err(|()| wrong("graph cannot have a path"))?.pop_if_empty().push(version).extend(segments);
        Ok(url)
    }

    /// The address of something under a user.
    pub(super) fn user_url(&self, version: Version, user: &str, below: &[&str]) -> Result<Url, IdentityError> {
        // OData reads `/users/$x` as a system segment; the quoted form takes any name, quotes doubled.
        let quoted = format!("users('{}')", user.replace('\'', "''"));
        let mut segments = if user.starts_with('$') { vec![quoted.as_str()] } else { vec!["users", user] };
        segments.extend_from_slice(below);
        self.url(version, &segments)
    }

    /// Reads a resource.
    pub(super) fn get<T: DeserializeOwned>(&mut self, url: &Url) -> Result<T, IdentityError> {
        let answer = self.authorised(&Method::GET, url, &Body::Empty, Repeat::Safe).map_err(Lost::into_error)?;
        if answer.status == 200 { reply::json(&answer) } else { Err(reply::error(&answer)) }
    }

    /// Reads a whole list, following `@odata.nextLink` on the same host.
    pub(super) fn list<T: DeserializeOwned>(&mut self, url: &Url) -> Result<Vec<T>, IdentityError> {
        let page = self.get(url)?;
        self.rest_of(page)
    }

    /// The list that a first page begins.
    pub(super) fn rest_of<T: DeserializeOwned>(&mut self, first: Page<T>) -> Result<Vec<T>, IdentityError> {
        let mut items = Vec::new();
        self.each_of(first, MAX_PAGES, |item| items.push(item))?;
        Ok(items)
    }

    /// Reads a list of any length, of which nothing is kept.
    pub(super) fn each<T: DeserializeOwned>(&mut self, url: &Url, take: impl FnMut(T)) -> Result<(), IdentityError> {
        let first = self.get(url)?;
        self.each_of(first, MOST_PAGES, take)
    }

    fn each_of<T: DeserializeOwned>(
        &mut self,
        mut page: Page<T>,
        most: usize,
        mut take: impl FnMut(T),
    ) -> Result<(), IdentityError> {
        for _ in 0..most {
            page.value.into_iter().for_each(&mut take);
            let Some(link) = page.next else { return Ok(()) };
            page = self.get(&self.next_page(&link)?)?;
        }
        Err(IdentityError::Malformed(format!("a list of more than {most} pages")))
    }

    /// The address of a next page, which has to be on the same host.
    pub(super) fn next_page(&self, link: &str) -> Result<Url, IdentityError> {
        let url = Url::parse(link).map_err(|_| IdentityError::Malformed("a next page whose address is none".into()))?;
        let host = url.host_str().unwrap_or_default();
        // The token goes along, so nobody else may be asked.
        if url.origin() != self.root.origin() {
            return Err(IdentityError::Malformed(format!("a next page on another host, {}", reply::tame(host))));
        }
        Ok(url)
    }

    /// Removes a resource; one that is not there is removed.
    pub(super) fn delete(&mut self, url: &Url) -> Result<(), IdentityError> {
        let answer = self.authorised(&Method::DELETE, url, &Body::Empty, Repeat::Safe).map_err(Lost::into_error)?;
        match answer.status {
            200..=299 | 404 => Ok(()),
            _ => Err(reply::error(&answer)),
        }
    }

    /// Posts once. What was refused before anything was done (401, 429) is sent again.
    pub(super) fn post(&mut self, url: &Url, json: Vec<u8>) -> Result<Answer, Lost> {
        self.authorised(&Method::POST, url, &Body::Json(json), Repeat::Refused)
    }

    /// Fetches a token if there is none.
    pub(super) fn sign_in(&mut self) -> Result<(), IdentityError> {
        self.session.token(&mut self.http).map(|_| ())
    }

    /// A call with the token. A token that is refused is renewed: its life can be cut short at any time, and a claims
    /// challenge may ask for more than it holds.
    pub(super) fn authorised(&mut self, method: &Method, url: &Url, body: &Body, repeat: Repeat) -> Result<Answer, Lost> {
        let mut asked: Vec<Option<String>> = Vec::new();
        loop {
            let token = self.session.token(&mut self.http).map_err(Lost::NotSent)?;
            let header = bearer(&token);
            let answer = self.http.call(&Call::with_token(method.clone(), url, &header, body), repeat)?;
            let refused = answer.status == 401 || (answer.status == 403 && answer.claims.is_some());
            // The same demand twice is not met by a third token.
            if !refused || asked.contains(&answer.claims) || asked.len() >= MAX_RENEWALS {
                return Ok(answer);
            }
            self.session.refused(&token, answer.claims.clone());
            asked.push(answer.claims);
        }
    }
}
