//! What the tenant tells of its rules: the passkey policy, authentication strengths, the names of groups.

use serde_json::{Value, json};

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::script::TrainingStrength;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

const POLICY: &[&str] = &["Policy.Read.AuthenticationMethod", "Policy.Read.All"];
const METHOD: &[&str] = &["authenticationMethodsPolicy", "authenticationMethodConfigurations"];

impl Tenant {
    /// Everything below `policies`. It is read only.
    pub(super) fn policies(&self, request: &Request, path: &[&str]) -> Result<Response, Refusal> {
        let is_passkey_policy =
            path.split_last().is_some_and(|(name, above)| above == METHOD && name.eq_ignore_ascii_case("fido2"));
        if !is_passkey_policy && path != ["authenticationStrengthPolicies"] {
            return Err(Refusal::not_found());
        }
        if request.method != "GET" {
            return Err(Refusal::no_method());
        }
        self.require(POLICY)?;
        if is_passkey_policy { Ok((200, self.passkey_policy()).into()) } else { self.strengths(request) }
    }

    fn passkey_policy(&self) -> Value {
        let mut body = serde_json::to_value(&self.script.policy).unwrap_or_default();
        if let Some(members) = body.as_object_mut() {
            members.insert("id".to_owned(), "Fido2".into());
            members.insert("@odata.type".to_owned(), "#microsoft.graph.fido2AuthenticationMethodConfiguration".into());
        }
        body
    }

    fn strengths(&self, request: &Request) -> Result<Response, Refusal> {
        // So do some directories.
        if request.query.iter().any(|(name, _)| name == "$expand") {
            return Err(Refusal::bad("Query option 'Expand' is not allowed."));
        }
        self.page(request, self.script.strengths.iter().map(TrainingStrength::to_json).collect())
    }

    /// A group with the members that were asked for; one that the script does not name has no name.
    pub(super) fn group_of(&self, request: &Request, id: &str) -> Value {
        let select = request.query.iter().find(|(name, _)| name == "$select").map_or("id,displayName", |(_, fields)| fields);
        let name = self.script.groups.iter().find(|group| group.id.eq_ignore_ascii_case(id)).map(|group| &group.display_name);
        let mut body = json!({"@odata.type": "#microsoft.graph.group", "id": id, "displayName": name});
        if let Some(members) = body.as_object_mut() {
            members.retain(|member, _| member.starts_with('@') || select.split(',').any(|field| field.trim() == member));
        }
        body
    }
}

impl TrainingStrength {
    /// `authenticationStrengthPolicy`.
    fn to_json(&self) -> Value {
        let configuration = json!({
            "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
            "id": format!("{}-models", self.id),
            "allowedAAGUIDs": self.models,
            "appliesToCombinations": ["fido2"],
        });
        json!({
            "id": self.id,
            "createdDateTime": "2021-12-01T00:00:00Z",
            "modifiedDateTime": "2021-12-01T00:00:00Z",
            "displayName": self.display_name,
            "description": "",
            "policyType": if self.built_in { "builtIn" } else { "custom" },
            "requirementsSatisfied": "mfa",
            "allowedCombinations": self.combinations,
            "combinationConfigurations": if self.models.is_empty() { json!([]) } else { json!([configuration]) },
        })
    }
}
