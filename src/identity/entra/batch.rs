//! `$batch`: up to twenty reads in one call, each throttled by itself.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::identity::IdentityError;
use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::http::{Answer, Body, Lost};
use crate::identity::entra::profile::wrong;
use crate::identity::entra::retry::{LONGEST_WAIT, Repeat, TRIES, back_off, retry_after};
use crate::identity::entra::{challenge, reply};

/// Most requests in one batch.
const MOST: usize = 20;

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

/// A read that is still to be made.
#[derive(Clone, Copy)]
struct Open {
    /// Its place among the answers.
    place: usize,
    tries: u32,
    /// Monotonic time before which it must not be sent.
    not_before: Duration,
}

impl Graph {
    /// Reads each address of one interface, in batches; the answers are in the order of the addresses. What is throttled or fails for the
    /// moment is asked for again by itself, after the time that it names.
    pub(super) fn batch(&mut self, version: Version, urls: &[Url]) -> Result<Vec<Answer>, IdentityError> {
        let relative: Vec<String> = urls.iter().map(|url| self.relative(version, url)).collect::<Result<_, _>>()?;
        let mut answers = vec![Answer::default(); urls.len()];
        let mut open: VecDeque<Open> =
            (0..urls.len()).map(|place| Open { place, tries: 0, not_before: Duration::ZERO }).collect();
        let mut renewed = false;
        while !open.is_empty() {
            let now = self.until_due(&open)?;
            let (mut due, later): (Vec<Open>, Vec<Open>) = open.into_iter().partition(|item| item.not_before <= now);
            open = due.split_off(due.len().min(MOST)).into_iter().chain(later).collect();
            let mut refused = None;
            let urls: Vec<&str> = due.iter().filter_map(|item| relative.get(item.place)).map(String::as_str).collect();
            for (item, answer) in due.iter_mut().zip(self.round(version, &urls)?) {
                item.tries = item.tries.saturating_add(1);
                let wait = self.wait_for(item, &answer);
                if answer.status == 401 && !renewed {
                    refused = Some(answer.claims.clone());
                    open.push_back(*item);
                } else if let Some(wait) = wait {
                    let not_before = self.http.tools.clock.monotonic().saturating_add(wait);
                    open.push_back(Open { not_before, ..*item });
                }
                if let Some(place) = answers.get_mut(item.place) {
                    *place = answer;
                }
            }
            if let Some(claims) = refused {
                self.session.drop_token(claims);
                renewed = true;
            }
        }
        Ok(answers)
    }

    /// Waits until one of the reads is due and gives the time.
    fn until_due(&mut self, open: &VecDeque<Open>) -> Result<Duration, IdentityError> {
        let now = self.http.tools.clock.monotonic();
        let first = open.iter().map(|item| item.not_before).min().unwrap_or_default();
        let wait = first.saturating_sub(now);
        if wait.is_zero() {
            return Ok(now);
        }
        self.http.pause(wait)?;
        Ok(self.http.tools.clock.monotonic())
    }

    /// How long to wait before this read is made again; `None` if it is not.
    fn wait_for(&mut self, item: &Open, answer: &Answer) -> Option<Duration> {
        if !Repeat::Safe.again(answer.status) || item.tries >= TRIES {
            return None;
        }
        let wait = answer.retry_after.unwrap_or_else(|| back_off(item.tries, &mut *self.http.tools.rng));
        (wait <= LONGEST_WAIT).then_some(wait)
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
