//! Shapes of what writes itself as a text, for the schema of `--json` (`docs/schema`).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::aaguid::Aaguid;
use crate::webauthn::CredentialId;

/// A point in time, RFC 3339.
pub(crate) struct Moment;

macro_rules! text {
    ($($kind:ty: $name:literal, $schema:tt;)+) => {
        $(impl JsonSchema for $kind {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })+
    };
}

text! {
    Moment: "Moment", { "type": "string", "format": "date-time", "description": "A point in time, RFC 3339." };
    Aaguid: "Aaguid", { "type": "string", "format": "uuid", "description": "A model's number." };
    CredentialId: "CredentialId", {
        "type": "string", "pattern": "^[A-Za-z0-9_-]*$", "description": "Bytes in base64url without padding."
    };
}
