//! Microsoft's clouds: their hosts, their relying parties, and what each cannot do.

use reqwest::Url;
use serde::Deserialize;

use crate::identity::{Finding, Verdict};

/// Sign-in host of the global cloud.
pub const GLOBAL_AUTHORITY: &str = "https://login.microsoftonline.com";
/// Graph host of the global cloud.
pub const GLOBAL_GRAPH: &str = "https://graph.microsoft.com";

/// A cloud, as `cloud` in a profile names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// The global one, GCC included.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (DoD).
    Dod,
    /// China, operated by 21Vianet.
    China,
}

/// Which of Graph's two interfaces registers passkeys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum PasskeyApi {
    /// The one that is supported in production.
    #[default]
    #[serde(rename = "v1.0")]
    V1,
    /// The one that may change any day.
    #[serde(rename = "beta")]
    Beta,
}

struct Facts {
    cloud: Cloud,
    authority: &'static str,
    graph: &'static str,
    /// Other hosts of the same sign-in.
    aliases: &'static [&'static str],
    /// The registrable domains whose `login.` hosts are relying parties.
    relying_parties: &'static [&'static str],
}

const CLOUDS: &[Facts] = &[
    Facts {
        cloud: Cloud::Global,
        authority: GLOBAL_AUTHORITY,
        graph: GLOBAL_GRAPH,
        aliases: &[],
        relying_parties: &["microsoft.com", "microsoftonline.com"],
    },
    Facts {
        cloud: Cloud::UsGov,
        authority: "https://login.microsoftonline.us",
        graph: "https://graph.microsoft.us",
        aliases: &[],
        relying_parties: &["microsoft.us", "microsoftonline.us"],
    },
    Facts {
        cloud: Cloud::Dod,
        authority: "https://login.microsoftonline.us",
        graph: "https://dod-graph.microsoft.us",
        aliases: &[],
        relying_parties: &["microsoft.us", "microsoftonline.us"],
    },
    Facts {
        cloud: Cloud::China,
        authority: "https://login.partner.microsoftonline.cn",
        graph: "https://microsoftgraph.chinacloudapi.cn",
        aliases: &["login.chinacloudapi.cn"],
        relying_parties: &["microsoftonline.cn", "chinacloudapi.cn"],
    },
];

impl Cloud {
    /// Sign-in host and Graph host.
    pub(super) fn hosts(self) -> (&'static str, &'static str) {
        let facts = CLOUDS.iter().find(|facts| facts.cloud == self);
        facts.map_or((GLOBAL_AUTHORITY, GLOBAL_GRAPH), |facts| (facts.authority, facts.graph))
    }

    /// The cloud of a Graph host.
    pub(super) fn of_graph(graph: &Url) -> Option<Self> {
        let host = graph.host_str()?;
        CLOUDS.iter().find(|facts| facts.graph.strip_prefix("https://") == Some(host)).map(|facts| facts.cloud)
    }

    /// What passkey registration meets in this cloud, if that is not known to work.
    pub(super) fn finding(self, api: PasskeyApi) -> Option<Finding> {
        let (name, lacks) = match self {
            Self::Global => return None,
            Self::UsGov => ("US Government L4", "lists and removes passkeys only"),
            Self::Dod => ("US Government L5 (DoD)", "lists and removes passkeys only"),
            Self::China => ("China (21Vianet)", "knows no passkeys at all"),
        };
        Some(match api {
            PasskeyApi::V1 => Finding {
                check: "cloud/registration",
                verdict: Verdict::Fail,
                sentence: format!("Graph v1.0 in the cloud {name} {lacks}, so that none can be registered"),
                remedy: "Set passkey_api = \"beta\" in the profile to try the beta interface, of which nothing is known there."
                    .into(),
            },
            PasskeyApi::Beta => Finding {
                check: "cloud/registration",
                verdict: Verdict::Unknown,
                sentence: format!("whether Graph beta registers passkeys in the cloud {name} is not documented"),
                remedy: "If it refuses, nothing else can be done from here: users set their keys up themselves.".into(),
            },
        })
    }
}

/// Whether `rp_id` is a `login.` host of the cloud of this sign-in host.
pub(super) fn is_login_host(authority: &Url, rp_id: &str) -> bool {
    let sign_in = authority.host_str().unwrap_or_default();
    let of_host = |facts: &&Facts| facts.authority.strip_prefix("https://") == Some(sign_in) || facts.aliases.contains(&sign_in);
    let domains = CLOUDS.iter().find(of_host).map_or(&[][..], |facts| facts.relying_parties);
    let rp_id = rp_id.to_ascii_lowercase();
    domains.iter().any(|domain| {
        rp_id.strip_suffix(domain).is_some_and(|rest| rest == "login." || (rest.starts_with("login.") && rest.ends_with('.')))
    })
}
