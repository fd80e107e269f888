//! Lines of `--json` against `docs/schema`, as far as that schema goes. Stricter than a reader has to be: a member that the
//! schema does not name is a fault, since the schema is ours.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../docs/schema/keywright-1.json")).unwrap());

/// Panics unless every line is one that the schema knows.
pub(crate) fn check_lines(text: &str) {
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        if let Err(fault) = check(&SCHEMA, &value).and_then(|known| closed(&value, &known)) {
            panic!("docs/schema does not know this line ({fault}); see `A new result` in CONTRIBUTING.md: {line}");
        }
    }
}

/// The one pattern of names that there is.
const INTEGER: &str = r"^-?\d+$";

type Names = BTreeSet<String>;

/// The members that the schema named, or what is wrong.
fn check(schema: &Value, value: &Value) -> Result<Names, String> {
    let mut known = Names::new();
    let Some(rules) = schema.as_object() else { return Ok(known) };
    for (word, rule) in rules {
        match word.as_str() {
            "$ref" => known.extend(check(target(rule), value)?),
            "allOf" => {
                for one in rule.as_array().unwrap() {
                    known.extend(check(one, value)?);
                }
            }
            "anyOf" | "oneOf" => known.extend(any(rule.as_array().unwrap(), value)?),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        let inner = check(schema, member).map_err(|fault| format!("{name}: {fault}"))?;
                        closed(member, &inner).map_err(|fault| format!("{name}: {fault}"))?;
                        known.insert(name.clone());
                    }
                }
            }
            "patternProperties" => {
                let (_, schema) = rule.as_object().unwrap().iter().next().filter(|(pattern, _)| *pattern == INTEGER).unwrap();
                for (name, member) in value.as_object().into_iter().flatten() {
                    name.parse::<i64>().map_err(|_| format!("{name} is no number"))?;
                    check(schema, member)?;
                    known.insert(name.clone());
                }
            }
            // Nothing else is taken here in any case.
            "additionalProperties" if *rule == false => {}
            "additionalProperties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    check(rule, member)?;
                    known.insert(name.clone());
                }
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    closed(item, &check(rule, item)?)?;
                }
            }
            _ => plain(word, rule, value)?,
        }
    }
    Ok(known)
}

/// Rules that look at the value alone.
fn plain(word: &str, rule: &Value, value: &Value) -> Result<(), String> {
    let fits = match word {
        "type" => match rule {
            Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
            kind => is(value, kind),
        },
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().unwrap()),
        "minItems" | "maxItems" | "format" | "pattern" | "title" | "description" | "default" | "$schema" | "$defs" => true,
        other => panic!("the check does not know {other}"),
    };
    if fits { Ok(()) } else { Err(format!("{word} {rule:.200}")) }
}

/// A choice that names every member goes before one that leaves some to the rules beside it.
fn any(choices: &[Value], value: &Value) -> Result<Names, String> {
    let (mut some, mut faults) = (None, Vec::new());
    for choice in choices {
        match check(choice, value) {
            Ok(known) if closed(value, &known).is_ok() => return Ok(known),
            Ok(known) => some = some.or(Some(known)),
            Err(fault) => faults.push(fault),
        }
    }
    some.ok_or_else(|| faults.join("; or "))
}

fn closed(value: &Value, known: &Names) -> Result<(), String> {
    let unknown = value.as_object().into_iter().flatten().find(|(name, _)| !known.contains(*name));
    unknown.map_or(Ok(()), |(name, _)| Err(format!("{name} is not in the schema")))
}

fn target(reference: &Value) -> &'static Value {
    let name = reference.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
    SCHEMA["$defs"].get(name).unwrap_or_else(|| panic!("no definition {name}"))
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    }
}

#[test]
fn the_check_refuses_what_the_schema_does_not_say() {
    let fine = [
        r#"{"v":1,"event":"key-idle"}"#,
        r#"{"v":1,"event":"return-key","reader":true,"window":10,"long":false}"#,
        r#"{"v":1,"result":{"recipient":"age1"}}"#,
        r#"{"v":1,"error":{"code":"a/b","message":"A.","next":"B."}}"#,
    ];
    fine.into_iter().for_each(check_lines);
    for wrong in [
        r#"{"event":"key-idle"}"#,
        r#"{"v":2,"event":"key-idle"}"#,
        r#"{"v":1,"event":"key-dances"}"#,
        r#"{"v":1,"event":"key-idle","why":"x"}"#,
        r#"{"v":1,"event":"return-key","reader":true,"window":"10","long":false}"#,
        r#"{"v":1,"result":{"recipient":7}}"#,
        r#"{"v":1,"result":{"recipient":"age1","more":1}}"#,
        r#"{"v":1,"result":{}}"#,
        r#"{"v":1,"error":{"code":"a/b","message":"A."}}"#,
        r#"{"v":1}"#,
    ] {
        assert!(std::panic::catch_unwind(|| check_lines(wrong)).is_err(), "{wrong}");
    }
}
