//! The schema of every line that `--json` writes, made of the types and kept in `docs/schema`.
//! `KEYWRIGHT_BLESS=1 cargo test --lib schema` writes it anew.

use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::cli::hook::HookLine;
use crate::cli::inventory::{Comparison, Inventory};
use crate::ui::{Event, Handed, JSON_VERSION, Problem, Spot};

/// `tap issue`: what is told of the pass, and the pass itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PassRevealed<'a> {
    #[serde(flatten)]
    issued: PassIssued<'a>,
    /// The pass.
    temporary_access_pass: &'a str,
}

/// `pins open`: what is told, and the PIN itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PinRevealed<'a> {
    #[serde(flatten)]
    opened: PinOpened<'a>,
    /// The PIN.
    temporary_pin: &'a str,
}

/// Every result by the command that writes it. A new one gets a row.
fn results(schema: &mut SchemaGenerator) -> Vec<Value> {
    macro_rules! rows {
        ($($command:literal: $result:ty;)+) => {
            vec![$(titled($command, schema.subschema_for::<$result>().to_value())),+]
        };
    }
    rows! {
        "enroll, resume": Handed<'_>;
        "enroll --prepare": PreparedUsers<'_>;
        "enroll --offline": KeysMade<'_>;
        "enroll --submit": Submitted<'_>;
        "batch run --plan": BatchPlanned<'_>;
        "batch run --import-only": BatchTaken<'_>;
        "batch run of a roster with faults": RosterFaults<'_>;
        "ledger verify": LedgerVerified<'_>;
        "batch run, batch resume": BatchWorked<'_>;
        "batch status": BatchList<'_>;
        "batch status BATCH": BatchStatus<'_>;
        "batch retry": BatchRetried<'_>;
        "batch undo": BatchUndone<'_>;
        "batch export": BatchExport<'_>;
        "resume --list": JobList;
        "resume of a registration": JobDone;
        "resume --abandon": JobEnded;
        "inventory list, inventory find": Inventory;
        "inventory reconcile": Comparison;
        "keys list": KeyList;
        "keys info": KeyInfo<'_>;
        "keys reset": KeyReset;
        "keys pin set": PinSet;
        "keys pin change": PinChanged;
        "keys pin force-change": PinChangeForced;
        "keys pin retries": PinTries;
        "profiles import": ProfilesImported<'_>;
        "keys harden": KeyHardened;
        "keys credentials list": CredentialList;
        "keys credentials delete": CredentialDeleted;
        "keys credentials rename": CredentialRenamed;
        "report passkeys": PasskeysReported<'_>;
        "report passkeys, a page": PasskeysPage<'_>;
        "passkeys list": UserPasskeys<'_>;
        "passkeys register": PasskeyRegistered<'_>;
        "passkeys remove": PasskeysRemoved<'_>;
        "passkeys remove --dry-run": RemovalPlan<'_>;
        "tap issue": PassRevealed<'_>;
        "tap list": UserPasses<'_>;
        "tap remove": PassRemoved<'_>;
        "metadata show": MetadataShown<'_>;
        "metadata update": MetadataUpdated<'_>;
        "policy check": PolicyVerdict<'_>;
        "policy show": PolicyShown;
        "login, whoami": SignedIn<'_>;
        "logout": LoggedOut;
        "doctor": Checkup<'_>;
        "pins recipient": StationRecipient<'_>;
        "pins list": HeldPins;
        "pins confirm": HandOversConfirmed<'_>;
        "pins open": PinRevealed<'_>;
        "simulator tenant": TenantServed<'_>;
        "completions": Completion<'_>;
        "man": ManPage<'_>;
        "man DIRECTORY": ManPages<'_>;
    }
}

fn titled(title: &str, mut schema: Value) -> Value {
    schema.as_object_mut().unwrap().insert("title".into(), title.into());
    schema
}

/// One kind of line: its version and what else is in it.
fn line(body: &Value) -> Value {
    json!({ "type": "object", "properties": { "v": { "const": JSON_VERSION } }, "required": ["v"], "allOf": [body] })
}

fn member(name: &str, schema: &Value) -> Value {
    json!({ "type": "object", "properties": { name: schema }, "required": [name] })
}

fn document() -> Value {
    let mut schema = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let results = results(&mut schema);
    let hook = schema.subschema_for::<HookLine<'_>>().to_value();
    let (event, problem) = (schema.subschema_for::<Event>().to_value(), schema.subschema_for::<Problem>().to_value());
    // In a batch an event also says where it happens, and for whom.
    let event = json!({ "allOf": [event, schema.subschema_for::<Spot>().to_value()] });
    let mut definitions: Map<String, Value> = schema.take_definitions(true);
    definitions.insert("Result".into(), json!({ "anyOf": results }));
    let result = json!({ "$ref": "#/$defs/Result" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line that keywright --json writes",
        "description": "One object a line: what happens, then how it ended. Members may be added; none goes away.",
        "anyOf": [line(&event), line(&member("result", &result)), line(&member("error", &problem)), titled("what a hook reads", hook)],
        "$defs": definitions,
    })
}

#[test]
fn the_schema_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/keywright-{JSON_VERSION}.json"));
    let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var_os("KEYWRIGHT_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "{} is not what the types say: run KEYWRIGHT_BLESS=1 cargo test --lib schema", path.display());
}

#[test]
fn no_result_is_made_without_a_type() {
    fn look(directory: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, found);
            } else if !path.ends_with("results/schema.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
                found.extend(
                    code.lines().filter(|line| line.contains("json!(")).map(|line| format!("{}: {line}", path.display())),
                );
            }
        }
    }
    let mut found = Vec::new();
    look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli"), &mut found);
    assert!(found.is_empty(), "give it a type in cli/results, and a row above: {found:#?}");
}
