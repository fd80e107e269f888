//! The description of Graph: which operations there are, and whether an exchange keeps to one of them.

use std::collections::BTreeSet;

use keywright::simulator::tenant::{Exchange, RecordedAnswer};
use serde_json::{Value, json};

use crate::schema::{Schemas, Speaker};

/// An operation.
#[derive(Debug)]
pub struct Operation {
    /// `GET /users/{user-id}`.
    pub name: String,
    pub method: String,
    /// Segments as in the description, `{…}` for what varies.
    pub template: Vec<String>,
    pub versions: Vec<String>,
    body: Value,
}

/// All of it.
#[derive(Debug)]
pub struct Document {
    pub operations: Vec<Operation>,
    pub schemas: Schemas,
}

impl Document {
    /// The derived description, and what is added to it by hand.
    pub fn read() -> Self {
        let base: Value = serde_json::from_str(include_str!("../data/graph/graph-fido2.openapi.json")).unwrap();
        let more: Value = serde_json::from_str(include_str!("../data/graph/graph-supplement.openapi.json")).unwrap();
        let mut paths = base["paths"].clone();
        for (path, methods) in more["paths"].as_object().unwrap() {
            for (method, added) in methods.as_object().unwrap() {
                let place = &mut paths[path][method];
                if place.is_null() {
                    *place = added.clone();
                } else {
                    place["parameters"].as_array_mut().unwrap().extend(added["parameters"].as_array().unwrap().clone());
                }
            }
        }
        let all = [&base, &more].into_iter().flat_map(|one| one["components"]["schemas"].as_object().unwrap().clone());
        let mut operations: Vec<Operation> =
            paths.as_object().unwrap().iter().flat_map(|(path, methods)| of_path(path, methods)).collect();
        // What is named goes before what varies.
        operations.sort_by_key(|operation| operation.template.iter().filter(|segment| segment.starts_with('{')).count());
        Self { operations, schemas: Schemas(all.collect()) }
    }

    /// The operation of a request. Versions are part of the contract, so they are looked at here.
    pub fn operation(&self, method: &str, path: &str) -> Result<&Operation, String> {
        let mut segments = path.split('/').skip(1).map(decoded);
        let version = segments.next().unwrap_or_default();
        let segments: Vec<String> = segments.flat_map(unquoted).collect();
        let found =
            self.operations.iter().find(|operation| operation.method == method && operation.variables(&segments).is_some());
        let operation = found.ok_or_else(|| format!("there is no operation {method} {path}"))?;
        if !operation.versions.contains(&version) {
            return Err(format!("{} is not in {version}", operation.name));
        }
        for (name, value) in operation.variables(&segments).unwrap_or_default() {
            let parameters = operation.body["parameters"].as_array().into_iter().flatten();
            let schema =
                parameters.into_iter().find(|one| one["name"] == name.as_str()).map_or(&Value::Null, |one| &one["schema"]);
            let value =
                if schema["type"] == "integer" { value.parse::<i64>().map_or(Value::Null, Value::from) } else { value.into() };
            let faults = self.schemas.faults(schema, &value, Speaker::Request);
            if !faults.is_empty() {
                return Err(format!("{name} of {}: {}", operation.name, faults.join("; ")));
            }
        }
        Ok(operation)
    }

    /// What is wrong with an exchange; the operation that it was.
    pub fn judge(&self, exchange: &Exchange) -> Result<&Operation, Vec<String>> {
        let operation = self.operation(&exchange.method, &exchange.path).map_err(|fault| vec![fault])?;
        let mut faults = self.request_faults(operation, exchange);
        if let Some(answer) = &exchange.answer {
            faults.extend(self.answer_faults(operation, answer));
        }
        let name = format!("{} ({})", operation.name, exchange.path);
        if faults.is_empty() { Ok(operation) } else { Err(faults.iter().map(|fault| format!("{name}: {fault}")).collect()) }
    }

    fn request_faults(&self, operation: &Operation, exchange: &Exchange) -> Vec<String> {
        let mut faults = Vec::new();
        let head = |name: &str| exchange.headers.iter().find(|(head, _)| head == name).map(|(_, value)| value.as_str());
        let known: BTreeSet<&str> = operation.parameters("query").collect();
        for (name, value) in &exchange.query {
            // A next page is asked for as the tenant spelled it.
            if !known.contains(name.as_str()) && name != "$skiptoken" {
                faults.push(format!("there is no query parameter {name}"));
            }
            let advanced = name == "$search" || name == "$count" || (name == "$filter" && value.contains("endsWith"));
            if advanced && head("consistencylevel") != Some("eventual") {
                faults.push(format!("{name}={value} without ConsistencyLevel"));
            }
        }
        if exchange.path.ends_with("/$count") && head("consistencylevel") != Some("eventual") {
            faults.push("$count without ConsistencyLevel".into());
        }
        for (name, expected) in [("authorization", "Bearer"), ("accept", "application/json")] {
            if head(name) != Some(expected) {
                faults.push(format!("{name} is {:?}", head(name)));
            }
        }
        if head("client-request-id").is_none_or(|id| id.len() != 36) {
            faults.push("client-request-id is no GUID".into());
        }
        faults.extend(self.body_faults(&operation.body["requestBody"], &exchange.body, Speaker::Request));
        if !exchange.body.is_empty() && head("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
            faults.push(format!("content-type is {:?}", head("content-type")));
        }
        faults
    }

    fn answer_faults(&self, operation: &Operation, answer: &RecordedAnswer) -> Vec<String> {
        let responses = &operation.body["responses"];
        let described = match (answer.status, &responses[answer.status.to_string()]) {
            (400..=599, Value::Null) => {
                &json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/odataError"}}}})
            }
            (status, Value::Null) => return vec![format!("status {status} is not described")],
            (_, described) => described,
        };
        self.body_faults(described, &answer.body, Speaker::Tenant)
    }

    fn body_faults(&self, described: &Value, body: &[u8], speaker: Speaker) -> Vec<String> {
        let text = &described["content"]["text/plain"]["schema"];
        let (schema, body) = match text {
            Value::Null => (&described["content"]["application/json"]["schema"], body),
            // A number, after a byte order mark.
            text => (text, body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)),
        };
        match (schema.is_null(), body.is_empty()) {
            (true, true) => vec![],
            (true, false) => vec!["a body where none is described".into()],
            (false, true) => vec!["no body".into()],
            (false, false) => match serde_json::from_slice(body) {
                Ok(value) => self.schemas.faults(schema, &value, speaker),
                Err(error) => vec![format!("no JSON: {error}")],
            },
        }
    }

    /// What is wrong with the body of a sample.
    pub fn sample_faults(&self, method: &str, path: &str, status: Option<u16>, body: &Value) -> Vec<String> {
        let operation = self.operation(method, path).unwrap();
        let described = match status {
            None => &operation.body["requestBody"],
            Some(400..) => return self.schemas.faults(&json!({"$ref": "#/components/schemas/odataError"}), body, Speaker::Graph),
            Some(status) => &operation.body["responses"][status.to_string()],
        };
        let speaker = if status.is_some() { Speaker::Graph } else { Speaker::Request };
        self.schemas.faults(&described["content"]["application/json"]["schema"], body, speaker)
    }
}

impl Operation {
    fn parameters(&self, place: &str) -> impl Iterator<Item = &str> {
        let all = self.body["parameters"].as_array().into_iter().flatten();
        all.filter(move |one| one["in"] == place).filter_map(|one| one["name"].as_str())
    }

    /// What stands for each `{…}`, if the segments fit.
    fn variables(&self, segments: &[String]) -> Option<Vec<(String, String)>> {
        if segments.len() != self.template.len() {
            return None;
        }
        let mut variables = Vec::new();
        for (pattern, segment) in self.template.iter().zip(segments) {
            match pattern.split_once('{') {
                Some((head, rest)) => {
                    let (name, tail) = rest.split_once('}')?;
                    let value = segment.strip_prefix(head)?.strip_suffix(tail)?;
                    if value.is_empty() {
                        return None;
                    }
                    variables.push((name.to_owned(), value.to_owned()));
                }
                None if pattern == segment => {}
                None => return None,
            }
        }
        Some(variables)
    }
}

fn of_path(path: &str, methods: &Value) -> Vec<Operation> {
    let template: Vec<String> = path.split('/').skip(1).map(ToOwned::to_owned).collect();
    let versions =
        |body: &Value| body["x-graph-versions"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().into()).collect();
    let methods = methods.as_object().unwrap().iter();
    methods
        .map(|(method, body)| Operation {
            name: format!("{} {path}", method.to_uppercase()),
            method: method.to_uppercase(),
            template: template.clone(),
            versions: versions(body),
            body: body.clone(),
        })
        .collect()
}

/// `users('x')` is another spelling of `users/x`.
fn unquoted(segment: String) -> Vec<String> {
    match segment.strip_prefix("users('").and_then(|rest| rest.strip_suffix("')")) {
        Some(name) => vec!["users".into(), name.replace("''", "'")],
        None => vec![segment],
    }
}

pub fn decoded(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}
