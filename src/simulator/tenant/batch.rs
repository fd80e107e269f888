//! `$batch`: up to twenty requests in one, each with its own trouble.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::routes::Outcome;
use crate::simulator::tenant::server::faulty;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

/// Most requests in one batch.
const MOST: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    headers: Map<String, Value>,
}

impl Tenant {
    /// Answers a batch: 200, whatever became of its requests; those that cannot be told apart are refused as a whole.
    pub(super) fn batch(&mut self, request: &Request, version: &str) -> Outcome {
        self.admit(request)?;
        let batch: Batch = serde_json::from_slice(&request.body).map_err(|error| Refusal::bad(error.to_string()))?;
        let ids: BTreeSet<String> = batch.requests.iter().map(|item| item.id.to_lowercase()).collect();
        if batch.requests.is_empty() || batch.requests.len() > MOST || ids.len() < batch.requests.len() {
            return Err(Refusal::bad("A batch has 1 to 20 requests, each with an id of its own."));
        }
        // The real one keeps no order either.
        let responses: Vec<Value> = batch.requests.iter().rev().map(|item| self.item(request, version, item)).collect();
        Ok((200, json!({ "responses": responses })).into())
    }

    fn item(&mut self, outer: &Request, version: &str, item: &Item) -> Value {
        let inner = Request {
            bearer: outer.bearer.clone(),
            client_request_id: outer.client_request_id.clone(),
            body: item.body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            ..Request::to(&item.method, &format!("/{version}/{}", item.url.trim_start_matches('/')))
        };
        let typed = item.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        let response = if item.body.is_some() && !typed {
            self.refusal(&inner, &Refusal::bad("A request with a body names its Content-Type."))
        } else {
            let place = self.note(&inner);
            let act = self.faults.due(&inner.method, &inner.path);
            // Within a batch there is no connection to close.
            let response = faulty(self, &inner, act).unwrap_or_else(|| Response::empty(504));
            self.note_status(place, response.status);
            response
        };
        let headers: Map<String, Value> =
            response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        json!({"id": item.id, "status": response.status, "headers": headers, "body": body})
    }
}
