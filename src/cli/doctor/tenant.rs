//! The way to the tenant and back: profile, proxy, TLS, clock, sign-in, rights, policy.

use std::env;

use jiff::SignedDuration;

use super::{finding, of_error, pass};
use crate::cli::CliError;
use crate::cli::station::Station;
use crate::identity::entra::{Entra, Obstacle, Reach, Who};
use crate::identity::{Finding, Verdict};

/// From here on a person should know that the clocks differ.
const NOTICEABLE: SignedDuration = SignedDuration::from_mins(1);
/// From here on the tenant refuses assertions, and challenges seem to be over before they are: its own tolerance.
const TOO_MUCH: SignedDuration = SignedDuration::from_mins(5);
/// Variables that name a proxy, in the order in which they count for a tenant.
const PROXIES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
const POLICY_ADMIN: &str =
    "An Authentication Policy Administrator can change it: Entra admin center, Authentication methods, Passkey (FIDO2).";

/// Makes the checks. What cannot be checked, since something before it failed, says so.
pub(super) fn check(station: &Station, findings: &mut Vec<Finding>) {
    let found = profile(station);
    let there = found.verdict == Verdict::Pass;
    findings.push(found);
    if !there {
        return;
    }
    findings.push(proxy(|name| env::var(name).ok()));
    let mut tenant = match station.provider() {
        Ok(tenant) => tenant,
        Err(error) => return findings.push(of_error("sign-in", Verdict::Fail, &error)),
    };
    findings.extend(tenant.profile().cloud_finding());
    match tenant.reach() {
        Ok(hosts) => {
            findings.extend(hosts.iter().map(host));
            findings.push(clock(station, &hosts));
        }
        Err(error) => findings.push(of_error("network", Verdict::Fail, &error)),
    }
    match tenant.sign_in() {
        Ok(()) => {
            findings.push(pass("sign-in", "The tenant gave a token."));
            rights(&mut tenant, findings);
            findings.push(policy(&mut tenant));
        }
        Err(error) => {
            findings.push(of_error("sign-in", Verdict::Fail, &error));
            for check in ["rights", "policy"] {
                let remedy = "See to the sign-in first.";
                findings.push(finding(check, Verdict::Unknown, "Nothing can be asked without a sign-in.", remedy));
            }
        }
    }
}

fn profile(station: &Station) -> Finding {
    if station.settings.training_tenant {
        return pass("profile", "The training tenant needs no profile.");
    }
    match station.tenant_profile() {
        Ok(profile) => {
            let path =
                station.settings.profile().ok().and_then(|file| file.path.as_deref()).map(|path| path.display().to_string());
            let origin = path.unwrap_or_else(|| "flags and variables".into());
            pass("profile", format!("Tenant {} as application {}, from {origin}.", profile.tenant, profile.client_id))
        }
        // Keys can be looked after without a tenant.
        Err(error @ CliError::NoProfile(_)) if station.settings.profile_name.is_none() => {
            of_error("profile", Verdict::Warn, &error)
        }
        Err(error) => of_error("profile", Verdict::Fail, &error),
    }
}

/// Which proxy the variables name, without the password that may stand in it.
fn proxy(variable: impl Fn(&str) -> Option<String>) -> Finding {
    let check = "proxy";
    let set = |name: &&str| variable(name).filter(|text| !text.trim().is_empty()).map(|text| ((*name).to_owned(), text));
    let Some((name, text)) = PROXIES.iter().find_map(set) else {
        let sentence = if cfg!(target_os = "linux") {
            "No proxy is named; the tenant is asked directly."
        } else {
            "No variable names a proxy; the setting of the system counts."
        };
        return pass(check, sentence);
    };
    if name.eq_ignore_ascii_case("HTTP_PROXY") {
        let sentence = format!("{name} names a proxy, which is not used: the tenant is asked over HTTPS.");
        return finding(check, Verdict::Warn, sentence, "If the tenant is to be asked through a proxy, set HTTPS_PROXY.");
    }
    // Without a scheme it is one that speaks HTTP.
    let address = text.rsplit_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let place = address.rsplit_once('@').map_or(address, |(_, place)| place).split('/').next().unwrap_or_default();
    let place: String = place.chars().filter(|c| !c.is_control()).take(200).collect();
    let except = ["NO_PROXY", "no_proxy"].iter().find_map(set).map(|(_, hosts)| format!(", but for {hosts}"));
    pass(check, format!("{name} sends calls through {place}{}.", except.unwrap_or_default()))
}

/// Whether a host was reached, and who vouches for it.
fn host(reach: &Reach) -> Finding {
    let (check, host) = ("network", &reach.host);
    let (sentence, remedy) = match &reach.answer {
        Ok(_) if reach.tls => return pass(check, format!("{host} was reached, and its certificate is trusted.")),
        Ok(_) => return pass(check, format!("{host} was reached, on this machine without TLS.")),
        Err(Obstacle::Name) => (
            format!("The name {host} leads nowhere."),
            "Check the name in the profile, the network and its DNS; behind a proxy, set HTTPS_PROXY.",
        ),
        Err(Obstacle::Refused) => (
            format!("{host} does not take the connection."),
            "Check the port in the profile, and whether a firewall wants a proxy: set HTTPS_PROXY then.",
        ),
        Err(Obstacle::Silent) => {
            (format!("{host} does not answer."), "Check the network, and whether a firewall wants a proxy: set HTTPS_PROXY then.")
        }
        Err(Obstacle::Proxy(words)) => (
            format!("The proxy does not let calls to {host} through: {words}."),
            "Have the proxy allow it, or correct HTTPS_PROXY.",
        ),
        Err(Obstacle::Certificate(why)) => (
            format!("The certificate of {host} is not trusted: {why}."),
            "Check this machine's clock; where the network looks into TLS, have its root added to the certificates of this machine.",
        ),
        Err(Obstacle::NoTls(why)) => (
            format!("What answers as {host} does not speak TLS: {why}."),
            "Check host and port in the profile; a network that asks for a login first answers like this as well.",
        ),
        Err(Obstacle::Other(words)) => (format!("{host} cannot be reached: {words}."), "Check the network and the proxy."),
    };
    finding(check, Verdict::Fail, sentence, remedy)
}

/// Whether this machine has the tenant's time.
fn clock(station: &Station, hosts: &[Reach]) -> Finding {
    let now = station.clock.now();
    let there = hosts.iter().filter_map(|host| host.answer.as_ref().ok().copied().flatten());
    let apart = there.map(|there| now.duration_since(there)).max_by_key(|apart| apart.abs());
    let check = "clock";
    let Some(apart) = apart else {
        return finding(check, Verdict::Unknown, "No host told its time.", "See to the network first.");
    };
    let seconds = apart.abs().as_secs();
    let way = if apart.is_negative() { "behind" } else { "ahead of" };
    let sentence = format!("This machine's clock is {seconds} seconds {way} the tenant's.");
    let remedy = "Set the clock, or have it set by the network (NTP): sign-ins with certificates and challenges depend on it.";
    match apart.abs() {
        apart if apart > TOO_MUCH => finding(check, Verdict::Fail, sentence, remedy),
        apart if apart > NOTICEABLE => finding(check, Verdict::Warn, sentence, remedy),
        // A head names whole seconds, and an answer takes its time.
        _ => pass(check, "This machine's clock agrees with the tenant's."),
    }
}

/// Permissions and roles: each that is missing, and what that stops.
fn rights(tenant: &mut Entra, findings: &mut Vec<Finding>) {
    let check = "rights";
    let who = match tenant.who() {
        Ok(Some(who)) => who,
        Ok(None) => {
            let sentence = "The token does not say what it allows.";
            return findings.push(finding(check, Verdict::Unknown, sentence, "`keywright policy check USER` tries it."));
        }
        Err(error) => return findings.push(of_error(check, Verdict::Fail, &error)),
    };
    let missing = who.missing();
    if missing.is_empty() {
        return findings.push(pass(check, format!("Every right that keywright uses is held, by {}.", holder(&who))));
    }
    findings.extend(missing.iter().map(|need| {
        let names = need.any_of.join(" or ");
        let verdict = if need.essential { Verdict::Fail } else { Verdict::Warn };
        let remedy = match (need.role, who.person) {
            (true, _) => "A Privileged Role Administrator can assign the role.",
            (false, true) => {
                "An administrator can consent to it: Entra admin center, App registrations, API permissions, Delegated."
            }
            (false, false) => {
                "An administrator can grant it: Entra admin center, App registrations, API permissions, Application."
            }
        };
        finding(check, verdict, format!("{names} is missing, which stops {}.", need.stops), remedy)
    }));
}

fn holder(who: &Who) -> String {
    match (&who.user, who.person) {
        (Some(user), _) => user.clone(),
        (None, true) => "a person".into(),
        (None, false) => "the application".into(),
    }
}

/// Whether the tenant's policy lets anybody be enrolled.
fn policy(tenant: &mut Entra) -> Finding {
    let check = "policy";
    match tenant.policy() {
        Ok(policy) if policy.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("disabled")) => {
            finding(check, Verdict::Fail, "Passkeys are disabled in the tenant.", POLICY_ADMIN)
        }
        Ok(policy) if policy.self_service_allowed == Some(false) => {
            let sentence = "The passkey policy has \"Allow self-service set up\" off; the provisioning API needs it on.";
            finding(check, Verdict::Fail, sentence, POLICY_ADMIN)
        }
        Ok(policy) => pass(check, policy.meaning.join(" ")),
        Err(error) => of_error(check, Verdict::Unknown, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_is_named_without_its_password() {
        for (variables, verdict, part) in [
            (&[][..], Verdict::Pass, "directly"),
            (&[("HTTPS_PROXY", "http://proxy.example:3128")], Verdict::Pass, "through proxy.example:3128."),
            (&[("https_proxy", "http://me:s3cr3t@proxy.example:3128/x")], Verdict::Pass, "through proxy.example:3128."),
            (&[("ALL_PROXY", "socks5://me:s3cr3t@p")], Verdict::Pass, "through p."),
            (&[("HTTPS_PROXY", "me:s3cr3t@p:1")], Verdict::Pass, "through p:1."),
            (&[("HTTPS_PROXY", "http://me:s3cr3t@x@p:1")], Verdict::Pass, "through p:1."),
            (&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", "a,b")], Verdict::Pass, "through p:1, but for a,b."),
            (&[("HTTPS_PROXY", " "), ("HTTP_PROXY", "http://me:s3cr3t@p")], Verdict::Warn, "not used"),
        ] {
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
            let found = proxy(value);
            assert_eq!(found.verdict, verdict, "{found:?}");
            let here = part != "directly" || cfg!(target_os = "linux");
            assert!(!here || found.sentence.contains(part), "{found:?}");
            assert!(!found.sentence.contains("s3cr3t") && !found.remedy.contains("s3cr3t"));
        }
    }
}
