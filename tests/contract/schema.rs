//! Values against the schemas of an OpenAPI 3.0 document, as far as ours goes: types, null, enums (flags and evolvable ones),
//! formats, references, `allOf`, derived types by `@odata.type`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Who speaks decides how strictly it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// We: a member or a word that the schema does not have is wrong.
    Request,
    /// The training tenant: members may be added, words not.
    Tenant,
    /// Graph itself, in a sample: enums evolve as well.
    Graph,
}

/// The schemas by name.
#[derive(Debug)]
pub struct Schemas(pub BTreeMap<String, Value>);

impl Schemas {
    /// What is wrong with a value, each with its place.
    pub fn faults(&self, schema: &Value, value: &Value, speaker: Speaker) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, speaker, "", &mut faults);
        faults
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(target) => {
                let name = target.strip_prefix("#/components/schemas/").unwrap_or_else(|| panic!("reference to {target}"));
                self.resolve(self.0.get(name).unwrap_or_else(|| panic!("no schema {name}")))
            }
            None => schema,
        }
    }

    fn check(&self, schema: &Value, value: &Value, speaker: Speaker, at: &str, faults: &mut Vec<String>) {
        // What a reference leads to says nothing of null: such properties are nullable unless the CSDL says otherwise.
        let nullable = schema.get("$ref").is_some();
        let schema = self.resolve(schema);
        if value.is_null() && (nullable || schema["nullable"] == true) {
            return;
        }
        if let Some(words) = schema["enum"].as_array() {
            check_word(schema, words, value, speaker, at, faults);
            return;
        }
        let fits = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64(),
            Some(other) => panic!("type {other}"),
            None => true,
        };
        if !fits {
            faults.push(format!("{at}: {value:.60} is no {}", schema["type"]));
            return;
        }
        check_form(schema, value, at, faults);
        match value {
            Value::Object(members) => self.check_members(schema, members, speaker, at, faults),
            Value::Array(items) => {
                if schema["maxItems"].as_u64().is_some_and(|most| items.len() as u64 > most) {
                    faults.push(format!("{at}: {} items", items.len()));
                }
                for (number, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, speaker, &format!("{at}/{number}"), faults);
                }
            }
            _ => {}
        }
    }

    fn check_members(&self, schema: &Value, members: &Map<String, Value>, speaker: Speaker, at: &str, faults: &mut Vec<String>) {
        let derived = members.get("@odata.type").and_then(Value::as_str).and_then(|kind| kind.strip_prefix("#microsoft.graph."));
        let derived = derived.and_then(|kind| self.0.get(kind));
        let shape = self.shape(&[Some(schema), derived].into_iter().flatten().collect::<Vec<_>>());
        for name in shape.required.iter().filter(|name| !members.contains_key(**name)) {
            faults.push(format!("{at}/{name} is missing"));
        }
        for (name, value) in members {
            let place = format!("{at}/{name}");
            match shape.properties.get(name.as_str()) {
                Some(schema) => self.check(schema, value, speaker, &place, faults),
                None if shape.open || (name.contains('@') && speaker != Speaker::Request) => {}
                None if speaker == Speaker::Request => faults.push(format!("{place} is not in the schema")),
                None => {
                    if let Some(meant) = shape.properties.keys().find(|known| known.eq_ignore_ascii_case(name)) {
                        faults.push(format!("{place} is spelled {meant}"));
                    }
                }
            }
        }
    }

    /// The members of an object, its base types included.
    fn shape<'a>(&'a self, schemas: &[&'a Value]) -> Shape<'a> {
        let mut shape = Shape::default();
        let mut open: Vec<&Value> = schemas.to_vec();
        while let Some(schema) = open.pop() {
            let schema = self.resolve(schema);
            open.extend(schema["allOf"].as_array().into_iter().flatten());
            shape.open |= schema["additionalProperties"] == true;
            let properties = schema["properties"].as_object();
            shape.properties.extend(properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)));
            shape.required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
        }
        shape
    }
}

#[derive(Default)]
struct Shape<'a> {
    properties: BTreeMap<&'a str, &'a Value>,
    required: Vec<&'a str>,
    open: bool,
}

fn check_word(schema: &Value, words: &[Value], value: &Value, speaker: Speaker, at: &str, faults: &mut Vec<String>) {
    let Some(text) = value.as_str() else { return faults.push(format!("{at}: {value} is no word")) };
    let evolves = speaker == Speaker::Graph && schema["x-evolvable"] == true;
    let parts: Vec<&str> = if schema["x-isFlags"] == true { text.split(',').map(str::trim).collect() } else { vec![text] };
    faults.extend(
        parts.iter().filter(|part| !evolves && !words.contains(&(**part).into())).map(|part| format!("{at}: {part:?} is none")),
    );
}

fn check_form(schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let text = value.as_str().unwrap_or_default();
    let fits = match schema["format"].as_str() {
        Some("date-time") => text.parse::<Timestamp>().is_ok(),
        Some("uri") => text.starts_with("http://") || text.starts_with("https://"),
        Some("uuid") => text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]),
        Some("int32") => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        Some(other) => panic!("format {other}"),
        None => true,
    };
    if !fits {
        faults.push(format!("{at}: {value} is no {}", schema["format"]));
    }
    let number = value.as_i64();
    let within = |bound: &str, keeps: fn(i64, i64) -> bool| match (number, schema[bound].as_i64()) {
        (Some(number), Some(bound)) => keeps(number, bound),
        _ => true,
    };
    if !within("minimum", |number, least| number >= least) || !within("maximum", |number, most| number <= most) {
        faults.push(format!("{at}: {value} is out of bounds"));
    }
}
