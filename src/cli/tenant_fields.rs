//! The tenant's fields as flags and variables.

use clap::Args;

/// The fields of a profile as flags and variables.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tenant (instead of, or on top of, a profile)")]
pub(super) struct TenantFields {
    /// Tenant id, or one of the tenant's domains
    #[arg(long, env = "KEYWRIGHT_TENANT", hide_env_values = true, global = true)]
    pub(super) tenant: Option<String>,
    /// Application (client) id
    #[arg(long, env = "KEYWRIGHT_CLIENT_ID", hide_env_values = true, global = true, hide_short_help = true)]
    pub(super) client_id: Option<String>,
    /// How to sign in: browser, device-code, managed-identity, federated, certificate or secret
    #[arg(long, value_name = "WAY", env = "KEYWRIGHT_SIGN_IN", hide_env_values = true, global = true, hide_short_help = true)]
    pub(super) sign_in: Option<String>,
    /// The cloud: global, usgov, dod or china
    #[arg(long, value_name = "CLOUD", env = "KEYWRIGHT_CLOUD", hide_env_values = true, global = true, hide_short_help = true)]
    pub(super) cloud: Option<String>,
    /// Sign-in host
    #[arg(long, value_name = "URL", env = "KEYWRIGHT_AUTHORITY", hide_env_values = true, global = true, hide_short_help = true)]
    pub(super) authority: Option<String>,
    /// Graph host
    #[arg(long, value_name = "URL", env = "KEYWRIGHT_GRAPH", hide_env_values = true, global = true, hide_short_help = true)]
    pub(super) graph: Option<String>,
    /// File that holds the client secret and nothing else
    #[arg(
        long,
        value_name = "FILE",
        env = "KEYWRIGHT_CLIENT_SECRET_FILE",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) client_secret_file: Option<String>,
    /// PEM or PKCS#12 file with the private key and the certificate to sign in with
    #[arg(
        long,
        value_name = "FILE",
        env = "KEYWRIGHT_CERTIFICATE",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) certificate: Option<String>,
    /// How the certificate's key signs: PS256 or RS256
    #[arg(
        long,
        value_name = "ALG",
        env = "KEYWRIGHT_CERTIFICATE_ALG",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) certificate_alg: Option<String>,
    /// File that holds the password of the PKCS#12 file and nothing else
    #[arg(
        long,
        value_name = "FILE",
        env = "KEYWRIGHT_CERTIFICATE_PASSWORD_FILE",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) certificate_password_file: Option<String>,
    /// File with the token of another issuer (workload identity federation)
    #[arg(
        long,
        value_name = "FILE",
        env = "KEYWRIGHT_FEDERATED_TOKEN_FILE",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) federated_token_file: Option<String>,
    /// Which Graph interface registers passkeys: v1.0 or beta
    #[arg(
        long,
        value_name = "VERSION",
        env = "KEYWRIGHT_PASSKEY_API",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) passkey_api: Option<String>,
    /// Life of a challenge in minutes (asks the beta API; without it, five)
    #[arg(
        long,
        value_name = "MINUTES",
        env = "KEYWRIGHT_CHALLENGE_MINUTES",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) challenge_minutes: Option<u32>,
    /// The only relying party id to accept
    #[arg(
        long,
        value_name = "DOMAIN",
        env = "KEYWRIGHT_EXPECTED_RP",
        hide_env_values = true,
        global = true,
        hide_short_help = true
    )]
    pub(super) expected_rp: Option<String>,
}
