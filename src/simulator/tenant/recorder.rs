//! Whole exchanges with Graph, for tests that hold them against a description of it. Off until a test asks; in memory only.

use crate::simulator::tenant::wire::{Request, Response};

/// Most bytes that are kept; the exchanges after them are counted, not kept.
const MOST: usize = 32 << 20;

/// A request to Graph and its answer, as they went over the wire. The token is left out.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// HTTP method.
    pub method: String,
    /// Path as it came, without the query.
    pub path: String,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Heads in small letters; of `authorization` its first word only.
    pub headers: Vec<(String, String)>,
    /// Body of the request.
    pub body: Vec<u8>,
    /// The answer; `None` when the connection was closed without one.
    pub answer: Option<RecordedAnswer>,
}

/// An answer of the tenant.
#[derive(Clone, Debug)]
pub struct RecordedAnswer {
    /// HTTP status.
    pub status: u16,
    /// Heads.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Keeps exchanges once it is switched on.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    on: bool,
    bytes: usize,
    kept: Vec<Exchange>,
    left_out: usize,
}

impl Recorder {
    /// Starts.
    pub(super) fn start(&mut self) {
        self.on = true;
    }

    /// What was kept so far and how many exchanges found no room.
    pub(super) fn take(&mut self) -> (Vec<Exchange>, usize) {
        let Self { kept, left_out, .. } = std::mem::replace(self, Self { on: self.on, ..Self::default() });
        (kept, left_out)
    }

    /// Keeps an exchange with Graph; those with the sign-in host hold secrets and are not kept.
    pub(super) fn keep(&mut self, request: &Request, response: Option<&Response>) {
        let graph = ["/v1.0/", "/beta/"].iter().any(|version| request.path.starts_with(version));
        if !self.on || !graph {
            return;
        }
        let size = request.body.len().saturating_add(response.map_or(0, |response| response.body.len()));
        if self.bytes.saturating_add(size) > MOST {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.kept.push(Exchange {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            answer: response.map(|response| RecordedAnswer {
                status: response.status,
                headers: response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
                body: response.body.clone(),
            }),
        });
    }
}
