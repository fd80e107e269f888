//! What the error codes of the sign-in host mean, for people. Nothing branches on their texts.

/// A code that goes away by itself.
pub(super) fn is_passing(code: u64) -> bool {
    matches!(code, 90033 | 90006 | 50033 | 90055)
}

/// A sentence with the way out.
pub(super) fn meaning(code: u64) -> Option<&'static str> {
    Some(match code {
        50034 | 51004 => "the account is not in this tenant",
        50057 => "the account is disabled",
        50105 => "the account is not assigned to this application: an administrator has to assign it",
        50196 => "too many sign-ins in a row: wait a few minutes",
        53003 | 530_032 | 50131 => "Conditional Access blocks this sign-in: an administrator has to allow it",
        53000 | 53001 | 50097 => "the tenant wants a known, compliant or joined device",
        65001 | 90094 => "the permissions lack admin consent: an administrator has to grant it",
        700_016 => "the application is not in this tenant: check client_id, tenant and the cloud of the profile",
        700_025 => "the application is a public client and takes no secret",
        700_027 => {
            "the certificate's signature is not accepted: check this machine's clock, and that this very certificate is registered with the application"
        }
        70011 => "the scope is not accepted: check the Graph host of the profile",
        7_000_112 => "the application is disabled in this tenant",
        7_000_215 => "the client secret is wrong: use the secret's value, not its id",
        7_000_222 => "the client secret has expired: create a new one",
        7_000_218 => "the application wants a secret or a certificate: name one in the profile",
        90002 => "there is no such tenant: check the tenant of the profile",
        90038 => "the tenant belongs to another national cloud: set authority and graph in the profile",
        _ => return None,
    })
}
