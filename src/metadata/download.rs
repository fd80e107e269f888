//! Fetches the BLOB. Nothing of the way is trusted: what comes is signed.

use std::io::Read as _;
use std::time::Duration;

use reqwest::blocking::Client;
use reqwest::redirect;

use super::MetadataError;
use super::blob::LONGEST;

/// Where the FIDO Metadata Service has it (MDS 3.0, "obtaining the metadata").
pub const ADDRESS: &str = "https://mds3.fidoalliance.org/";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For all of it, over a slow line.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(5);
const REDIRECTS: usize = 4;

/// Fetches what is at an address, through the system's proxy where it has one.
pub fn fetch(url: &str) -> Result<Vec<u8>, MetadataError> {
    let failed = |reason: String| MetadataError::Unreachable { url: url.to_owned(), reason };
    // Somebody else may have been first, with the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("keywright/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::limited(REDIRECTS))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .build()
        .map_err(|error| failed(chain(&error)))?;
    let answer = client.get(url).send().map_err(|error| failed(chain(&error)))?;
    if !answer.status().is_success() {
        return Err(failed(format!("it answers with HTTP {}", answer.status().as_u16())));
    }
    let mut text = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    answer.take(most).read_to_end(&mut text).map_err(|error| failed(error.to_string()))?;
    Ok(text)
}

/// An error with its causes; the address stands beside it already.
fn chain(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}
