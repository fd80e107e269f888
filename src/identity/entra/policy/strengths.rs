//! Authentication strengths: which models a tenant accepts where Conditional Access asks for one of them.

use serde::Deserialize;

use crate::aaguid::Aaguid;
use crate::identity::IdentityError;
use crate::identity::entra::graph::{Graph, Version};

/// Name of passkeys among the combinations of methods.
const FIDO2: &str = "fido2";

/// `authenticationStrengthPolicy`, as far as it is about passkeys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::identity::entra) struct Strength {
    pub(in crate::identity::entra) id: String,
    display_name: Option<String>,
    policy_type: Option<String>,
    allowed_combinations: Option<Vec<String>>,
    combination_configurations: Option<Vec<Configuration>>,
}

/// `fido2CombinationConfiguration`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    #[serde(rename = "allowedAAGUIDs")]
    allowed_aaguids: Option<Vec<String>>,
    applies_to_combinations: Option<Vec<String>>,
}

/// Every strength of the tenant. The list holds the configurations; asking to expand them is refused by some directories.
pub(in crate::identity::entra) fn read(graph: &mut Graph) -> Result<Vec<Strength>, IdentityError> {
    let url = graph.url(Version::V1, &["policies", "authenticationStrengthPolicies"])?;
    graph.list(&url)
}

impl Strength {
    /// What people call it.
    pub(in crate::identity::entra) fn name(&self) -> &str {
        self.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.id)
    }

    /// Whether a passkey alone satisfies it, and the tenant made it itself: only those can name models.
    fn is_about_keys(&self) -> bool {
        let built_in = self.policy_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("builtIn"));
        let combinations = self.allowed_combinations.as_deref().unwrap_or_default();
        !built_in && combinations.iter().any(|one| one.trim().eq_ignore_ascii_case(FIDO2))
    }

    /// The models that it names; `None` if it names none and so accepts every model.
    pub(in crate::identity::entra) fn models(&self) -> Option<Vec<Aaguid>> {
        if !self.is_about_keys() {
            return None;
        }
        let about_keys = |one: &&Configuration| {
            let combinations = one.applies_to_combinations.as_deref().unwrap_or_default();
            combinations.iter().any(|combination| combination.trim().eq_ignore_ascii_case(FIDO2))
        };
        let lists = self.combination_configurations.iter().flatten().filter(about_keys);
        let named: Vec<&String> = lists.filter_map(|one| one.allowed_aaguids.as_ref()).flatten().collect();
        (!named.is_empty()).then(|| named.into_iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Whether it leaves a model out; `None` if the answer does not tell.
    pub(in crate::identity::entra) fn leaves_out(&self, model: Aaguid) -> Option<bool> {
        if self.is_about_keys() && self.combination_configurations.is_none() {
            return None;
        }
        Some(self.models().is_some_and(|models| !models.contains(&model)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_strengths_leave_a_model_out() {
        const LISTED: &str = "486c3b50-889c-480a-abc5-c04ef7c873e0";
        const OTHER: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";
        let documented = include_str!("../../../../tests/data/graph/v1-authstrength-combinationConfigurations-POST-201.json");
        let with = |combinations: &str, kind: &str, configurations: &str| {
            format!(r#"{{"id":"s","policyType":"{kind}","allowedCombinations":[{combinations}]{configurations}}}"#)
        };
        let list = format!(r#","combinationConfigurations":[{documented}]"#);
        for (strength, model, expected) in [
            (with(r#""fido2""#, "custom", &list), LISTED, Some(false)),
            (with(r#""fido2""#, "custom", &list), OTHER, Some(true)),
            (with(r#""password, sms", " FIDO2""#, "custom", &list), OTHER, Some(true)),
            (with(r#""fido2""#, "builtIn", &list), OTHER, Some(false)),
            (with(r#""password, sms""#, "custom", &list), OTHER, Some(false)),
            (with(r#""fido2""#, "custom", r#","combinationConfigurations":[]"#), OTHER, Some(false)),
            (with(r#""fido2""#, "custom", ""), OTHER, None),
            (with(r#""fido2""#, "custom", r#","combinationConfigurations":null"#), OTHER, None),
            (include_str!("../../../../tests/data/graph/v1-authstrength-POST-201.json").to_owned(), OTHER, Some(false)),
        ] {
            let parsed: Strength = serde_json::from_str(&strength).unwrap();
            assert_eq!(parsed.leaves_out(model.parse().unwrap()), expected, "{strength}");
        }
    }
}
