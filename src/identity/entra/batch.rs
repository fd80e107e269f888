//! `$batch`: up to twenty reads in one call, each throttled by itself.

use std::sync::Arc;
use std::{panic, thread};

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::identity::IdentityError;
use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::http::{Answer, Body, Lost};
use crate::identity::entra::profile::wrong;
use crate::identity::entra::reads::{Reads, Turn};
use crate::identity::entra::retry::{Repeat, back_off, retry_after};
use crate::identity::entra::{challenge, reply};

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: String,
    method: &'a str,
    url: &'a str,
}

#[derive(Deserialize)]
struct Responses {
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
}

/// Reads each address with several clients of one tenant at once; the answers are in the order of the addresses.
pub(super) fn batch_together(graphs: &mut [&mut Graph], version: Version, urls: &[Url]) -> Result<Vec<Answer>, IdentityError> {
    let clients = graphs.len();
    let Some((first, others)) = graphs.split_first_mut() else { return Err(wrong("nobody to read with")) };
    let relative: Vec<String> = urls.iter().map(|url| first.relative(version, url)).collect::<Result<_, _>>()?;
    let reads = Reads::new(urls.len(), clients, Arc::clone(&first.http.tools.clock));
    thread::scope(|scope| {
        let (relative, reads) = (&relative, &reads);
        let named = || thread::Builder::new().name("reader".into());
        let begun = others.iter_mut().map(|graph| named().spawn_scoped(scope, || graph.make(version, relative, reads)));
        // A machine without a thread to spare reads with fewer.
        let others: Vec<_> = begun.filter_map(Result::ok).collect();
        let ended = first.make(version, relative, reads);
        let ends = others.into_iter().map(|reader| reader.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        ends.fold(ended, Result::and)
    })?;
    Ok(reads.answers())
}

impl Graph {
    /// Reads each address of one interface, in batches; the answers are in the order of the addresses. What is throttled or fails for the
    /// moment is asked for again, after the time that the tenant names.
    pub(super) fn batch(&mut self, version: Version, urls: &[Url]) -> Result<Vec<Answer>, IdentityError> {
        batch_together(&mut [self], version, urls)
    }

    /// Makes rounds until nothing is left to be begun.
    fn make(&mut self, version: Version, urls: &[String], reads: &Reads) -> Result<(), IdentityError> {
        loop {
            match reads.turn() {
                Turn::Over => return Ok(()),
                Turn::Wait(wait) => {
                    let ended = self.http.pause(wait);
                    reads.waited(ended.is_err());
                    ended?;
                }
                Turn::Make(round) => {
                    let asked: Vec<&str> = round.places().filter_map(|place| urls.get(place)).map(String::as_str).collect();
                    let answers = self.round(version, &asked)?;
                    let (rng, session) = (&mut *self.http.tools.rng, &self.session);
                    reads.settle(round, answers, |tries| back_off(tries, rng), |claims| session.drop_token(claims))?;
                }
            }
        }
    }

    /// One batch; an answer for each address, in their order.
    fn round(&mut self, version: Version, urls: &[&str]) -> Result<Vec<Answer>, IdentityError> {
        let requests = urls.iter().enumerate().map(|(id, url)| Item { id: id.to_string(), method: "GET", url }).collect();
        let json = serde_json::to_vec(&Batch { requests }).map_err(|error| IdentityError::Malformed(error.to_string()))?;
        let url = self.url(version, &["$batch"])?;
        // Reads only, so that the batch is as safe to repeat as each of them.
        let answer = self.authorised(&reqwest::Method::POST, &url, &Body::Json(json), Repeat::Safe).map_err(Lost::into_error)?;
        if answer.status != 200 {
            return Err(reply::error(&answer));
        }
        let Responses { responses } = reply::json(&answer)?;
        let now = self.http.tools.clock.now();
        let read = |id: usize| {
            let response = responses.iter().find(|response| response.id == id.to_string())?;
            let header = |wanted: &str| {
                response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| value.as_str())
            };
            Some(Answer {
                status: response.status,
                retry_after: header("retry-after").and_then(|value| retry_after(value, now)),
                request_id: header("request-id").unwrap_or_default().to_owned(),
                claims: challenge::claims(header("www-authenticate").into_iter()),
                body: serde_json::to_vec(&response.body).unwrap_or_default().into(),
            })
        };
        let answers: Option<Vec<Answer>> = (0..urls.len()).map(read).collect();
        answers.ok_or_else(|| IdentityError::Malformed("a batch without an answer to each of its requests".into()))
    }

    /// The address within a batch: without host and version.
    fn relative(&self, version: Version, url: &Url) -> Result<String, IdentityError> {
        let root = self.url(version, &["x"])?;
        let prefix = root.as_str().trim_end_matches("/x");
        let rest = url.as_str().strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
        rest.map(str::to_owned).ok_or_else(|| wrong("an address of another version or host in a batch"))
    }
}
