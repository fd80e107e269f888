//! How people and platforms sign in to the training tenant, as a script says it.

use serde::Deserialize;

/// How people and platforms sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingSignIn {
    /// Principal name of the person at the browser.
    pub person: String,
    /// What that person does.
    pub does: PersonDoes,
    /// How often a device code is asked for before the person has acted.
    pub polls: u32,
    /// Directory roles of the person, by template id.
    pub roles: Vec<String>,
    /// What becomes of refresh tokens.
    pub refresh: RefreshDoes,
    /// The token of another issuer that is taken in place of a certificate's assertion.
    pub federated_token: String,
    /// The secret of the managed identity endpoint in the form of App Service.
    pub identity_header: String,
}

/// What the person at the browser does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonDoes {
    /// Signs in.
    #[default]
    Approve,
    /// Refuses.
    Decline,
    /// Nothing.
    Nothing,
}

/// What becomes of refresh tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshDoes {
    /// They are taken, and each gives a new one.
    #[default]
    Grant,
    /// They have expired.
    Expired,
    /// A person has to answer a demand first.
    Interaction,
}

impl Default for TrainingSignIn {
    fn default() -> Self {
        Self {
            person: "admin@contoso.example".to_owned(),
            does: PersonDoes::Approve,
            polls: 2,
            roles: vec!["7be44c8a-adaf-4e2a-84d6-ab2649e08a13".to_owned()],
            refresh: RefreshDoes::Grant,
            federated_token: "training-federated-token".to_owned(),
            identity_header: "training-identity-header".to_owned(),
        }
    }
}
