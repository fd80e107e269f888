//! Bodies that Microsoft documents or that somebody captured: each is read by the client itself, over HTTP, or, where we are
//! the ones who would send it, held against the description.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use keywright::clock::{ManualClock, SharedClock};
use keywright::identity::entra::{Entra, TapWish};
use keywright::identity::{IdentityError, IdentityProvider as _, Registration, User};
use keywright::webauthn::CredentialId;
use serde_json::{Value, json};

use crate::document::Document;
use crate::drive::MODEL;
use crate::support::tenant::client;

/// Reads an answer and says what it understood.
type Reader = fn(&mut Entra) -> String;

/// How a sample is used.
enum Use {
    /// Every call but that for the token is answered with it.
    Answer(u16, Reader),
    /// As above, after a change to the sample.
    Changed(u16, fn(&mut Value), Reader),
    /// The call for the token is answered with it.
    Token(u16, Reader),
    /// We might send it, or Graph might answer it to others: it keeps to the description, but for these faults.
    Described(&'static str, &'static str, Option<u16>, &'static [&'static str]),
    /// Looked at by a test of its own.
    Own,
}
use Use::{Answer, Changed, Described, Own, Token};

const METHODS: &str = "/v1.0/users/x/authentication/fido2Methods";
const STRENGTHS: &str = "/v1.0/policies/authenticationStrengthPolicies";
const TAPS: &str = "/v1.0/users/x/authentication/temporaryAccessPassMethods";

/// One row a sample: the file, what is done with it, and what has to come out.
#[rustfmt::skip]
const SAMPLES: &[(&str, Use, &str)] = &[
    ("v1-creationOptions-200", Answer(200, offer), "login.microsoftonline.com 1 algorithms 0 excluded"),
    ("beta-creationOptions-200.docs", Answer(200, offer), "malformed"),
    // Its challenge is cut short with dots; without them the rest is read.
    ("beta-creationOptions-200.docs", Changed(200, whole_challenge, offer), "login.microsoft.com 2 algorithms 4 excluded"),
    ("beta-creationOptions-200.captured-2024-06", Answer(200, offer), "login.microsoft.com 2 algorithms 4 excluded"),
    ("beta-excludeCredentials-encodings", Changed(200, in_options, offer), "login.microsoft.com 2 algorithms 5 excluded"),
    ("v1-fido2Methods-POST-request", Described("POST", METHODS, None, &[]), ""),
    ("v1-fido2Methods-POST-201", Answer(201, registered), "de1e552d-db1d-4423-a619-566b625cdc84 attested deviceBound"),
    ("beta-fido2Methods-POST-request", Described("POST", METHODS, None, &[]), ""),
    ("beta-fido2Methods-POST-201", Answer(201, registered), "2fc0579f-8113-47ea-b116-555a8db9202a attested -"),
    ("v1-fido2Methods-LIST-200", Answer(200, listed), "2: NFC key"),
    ("beta-fido2Methods-LIST-200.captured-shape", Answer(200, listed), "1: -"),
    ("v1-policy-fido2-PATCH-request", Answer(200, judged), "policy/method-enabled Fail"),
    ("v1-authstrength-POST-request", Described("GET", STRENGTHS, Some(200), &[]), ""),
    ("v1-authstrength-POST-201", Changed(200, listed_strength, strengths), "no authentication strength leaves the model out"),
    ("v1-authstrength-combinationConfigurations-POST-request", Own, ""),
    ("v1-authstrength-combinationConfigurations-POST-201", Changed(200, in_strength, strengths), "\"Contoso authentication level\" leaves the model"),
    ("v1-tap-POST-request", Described("POST", TAPS, None, &[]), ""),
    ("v1-tap-POST-201", Answer(201, pass), "8 characters 60 minutes NotYetValid"),
    ("v1-user-GET-200", Answer(200, user), "AdeleV@contoso.com"),
    // Read without the id that it was not asked for, which a user cannot be without.
    ("v1-user-GET-select-200", Answer(200, user), "malformed"),
    ("v1-userRegistrationDetails-LIST-200", Described("GET", "/v1.0/reports/authenticationMethods/userRegistrationDetails", Some(200), &[]), ""),
    // It is about a group: of a user's passkeys it says nothing.
    ("v1-directoryAudits-LIST-200", Answer(200, events), "0 events"),
    ("v1-sendMail-POST-request", Described("POST", "/v1.0/me/sendMail", None, &["/saveToSentItems: \"false\" is no \"boolean\""]), ""),
    ("v1-batch-POST-request", Described("POST", "/v1.0/$batch", None, &[]), ""),
    ("v1-batch-POST-200", Answer(200, batched), "malformed"),
    // With our numbers: each read has the end that it had there.
    ("v1-batch-POST-200", Changed(200, renumbered, batched), "malformed; forbidden: ; forbidden: Authorization_RequestDenied; not offered: Request_BadRequest; 1"),
    ("error-405-methodNotAllowed.captured", Answer(405, offer), "not offered: methodNotAllowed"),
    ("error-403-selfService.captured", Answer(403, offer), "forbidden: accessDenied"),
    ("error-shape-graph", Answer(400, offer), "refused: invalidRange"),
    ("error-400-mail-mime", Answer(400, offer), "refused: ErrorMimeContentInvalidBase64String"),
    ("externalid-credmgmt-error", Answer(400, offer), "refused: invalidRequest"),
    ("oauth-token-200-client-credentials", Token(200, signed_in), "signed in"),
    ("oauth-token-200-delegated", Token(200, signed_in), "signed in"),
    ("oauth-token-400-invalid_scope", Token(400, signed_in), "AADSTS70011"),
    ("oauth-imds-token-200", Token(200, signed_in), "signed in"),
    ("oauth-client-assertion.decoded", Own, ""),
    ("graph-401-claims-challenge.header", Own, ""),
    ("credential-id-encodings.captured", Own, ""),
];

fn renumbered(body: &mut Value) {
    for response in body["responses"].as_array_mut().unwrap() {
        let number: usize = response["id"].as_str().unwrap().parse().unwrap();
        response["id"] = (number - 1).to_string().into();
    }
}

fn listed_strength(body: &mut Value) {
    *body = json!({ "value": [body.take()] });
}

/// A strength that takes passkeys, of these models only.
fn in_strength(body: &mut Value) {
    let mut strength = sample("v1-authstrength-POST-201");
    strength["allowedCombinations"] = json!(["fido2"]);
    strength["combinationConfigurations"] = json!([body.take()]);
    *body = json!({ "value": [strength] });
}

fn strengths(entra: &mut Entra) -> String {
    let findings = entra.preflight(&somebody(), &MODEL).unwrap().findings;
    findings.into_iter().find(|finding| finding.check == "policy/strengths").unwrap().sentence
}

fn pass(entra: &mut Entra) -> String {
    let Ok(issued) = entra.issue_tap(&somebody(), &TapWish::default()) else { return "no pass".into() };
    let (length, minutes) = (issued.pass.expose().len(), issued.tap.minutes.unwrap());
    format!("{length} characters {minutes} minutes {}", issued.tap.reason.unwrap())
}

fn events(entra: &mut Entra) -> String {
    format!("{} events", entra.passkey_events(&somebody(), &[]).unwrap().len())
}

fn batched(entra: &mut Entra) -> String {
    let users: Vec<User> = (0..5).map(|_| somebody()).collect();
    let lists = entra.methods_of(&users).map(|lists| {
        lists
            .into_iter()
            .map(|list| list.map_or_else(|error| refusal(&error), |list| list.len().to_string()))
            .collect::<Vec<_>>()
            .join("; ")
    });
    lists.unwrap_or_else(|error| refusal(&error))
}

fn whole_challenge(body: &mut Value) {
    let challenge = &mut body["value"]["publicKey"]["challenge"];
    *challenge = challenge.as_str().unwrap().replace("...", "").into();
}

fn in_options(body: &mut Value) {
    let excluded = body["excludeCredentials"].take();
    *body = sample("beta-creationOptions-200.captured-2024-06");
    body["publicKey"]["excludeCredentials"] = excluded;
}

fn somebody() -> User {
    User {
        id: "87d349ed-44d7-43e1-9a83-5f2406dee501".into(),
        upn: "a@b.example".into(),
        display_name: None,
        enabled: None,
        kind: None,
        language: None,
    }
}

fn refusal(error: &IdentityError) -> String {
    match error {
        IdentityError::NotOffered(reply) => format!("not offered: {}", reply.code),
        IdentityError::Forbidden(reply) => format!("forbidden: {}", reply.code),
        IdentityError::Refused(reply) => format!("refused: {}", reply.code),
        IdentityError::Malformed(_) => "malformed".into(),
        other => other.to_string(),
    }
}

fn offer(entra: &mut Entra) -> String {
    match entra.creation_options(&somebody(), None) {
        Ok(offer) => {
            let options = offer.options;
            format!("{} {} algorithms {} excluded", options.rp.id, options.algorithms.len(), options.exclude.len())
        }
        Err(error) => refusal(&error),
    }
}

fn registered(entra: &mut Entra) -> String {
    let registration = Registration {
        display_name: "n".into(),
        credential_id: CredentialId(vec![1]),
        attestation_object: vec![2],
        client_data_json: vec![3],
        expires: Timestamp::UNIX_EPOCH,
    };
    let method = entra.register(&somebody(), &registration).unwrap();
    let word = |word: Option<String>| word.unwrap_or_else(|| "-".into());
    format!("{} {} {}", method.aaguid.unwrap(), word(method.attestation_level), word(method.passkey_type))
}

fn listed(entra: &mut Entra) -> String {
    let methods = entra.methods(&somebody()).unwrap();
    format!("{}: {}", methods.len(), methods[0].model.as_deref().unwrap_or("-"))
}

fn judged(entra: &mut Entra) -> String {
    let checked = entra.preflight(&somebody(), &MODEL).unwrap();
    let failure = checked.failure().unwrap();
    format!("{} {:?}", failure.check, failure.verdict)
}

fn user(entra: &mut Entra) -> String {
    entra.user("AdeleV@contoso.com").map_or_else(|error| refusal(&error), |user| user.upn)
}

fn signed_in(entra: &mut Entra) -> String {
    entra.sign_in().map_or_else(|error| error.to_string(), |()| "signed in".into())
}

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/graph/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_sample_is_understood() {
    let document = Document::read();
    let mut wrong = Vec::new();
    for (name, used, expected) in SAMPLES {
        let mut body = sample(name);
        let (graph, token, reader) = match used {
            Answer(status, reader) => ((*status, body), None, reader),
            Changed(status, change, reader) => {
                change(&mut body);
                ((*status, body), None, reader)
            }
            Token(status, reader) => ((404, json!({})), Some((*status, body)), reader),
            Described(method, path, status, faults) => {
                let body = if name.starts_with("v1-authstrength") { json!({ "value": [body] }) } else { body };
                let found = document.sample_faults(method, path, *status, &body);
                if found != *faults {
                    wrong.push(format!("{name}: {found:?}"));
                }
                continue;
            }
            Own => continue,
        };
        let host = Host::start(graph, token);
        let mut entra = host.client("client_secret=\"s\"");
        let understood = reader(&mut entra);
        if !understood.contains(expected) {
            wrong.push(format!("{name}: {understood}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_sample_has_its_row_and_its_source() {
    let rows: BTreeSet<String> = SAMPLES.iter().map(|(name, ..)| format!("{name}.json")).collect();
    let page = include_str!("../data/graph/README.md");
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/graph")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || page.contains(&format!("`{name}`")), "{name} has no source");
        let documented = !name.contains(".derived.") && !name.contains(".openapi.");
        if documented && Path::new(&name).extension().is_some_and(|kind| kind == "json") {
            there.insert(name);
        }
    }
    assert_eq!(rows, there);
}

#[test]
fn what_strengths_are_combined_with() {
    let schemas = Document::read().schemas;
    let schema = json!({"$ref": "#/components/schemas/authenticationCombinationConfiguration"});
    for name in ["request", "201"] {
        let body = sample(&format!("v1-authstrength-combinationConfigurations-POST-{name}"));
        assert_eq!(body["allowedAAGUIDs"].as_array().unwrap().len(), 3);
        assert!(schemas.faults(&schema, &body, crate::schema::Speaker::Graph).is_empty(), "{name}");
    }
}

#[test]
fn ids_of_graph_and_of_the_audit_log_are_the_same() {
    let body = sample("credential-id-encodings.captured");
    let texts: BTreeMap<String, Value> = serde_json::from_value(body).unwrap();
    let read = texts.values().filter_map(Value::as_str).map(keywright::identity::entra::readings);
    let ids: BTreeSet<_> = read.filter(|readings| readings.len() == 1).flatten().collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[test]
fn a_claims_challenge_as_documented_is_no_mystery() {
    let sample = sample("graph-401-claims-challenge.header");
    let host = Host::start((401, json!({})), None);
    *host.head.lock().unwrap() = format!("www-authenticate: {}\r\n", sample["headers"]["www-authenticate"].as_str().unwrap());
    let mut entra = host.client("client_secret=\"s\"");
    let error = entra.methods(&somebody()).unwrap_err();
    assert!(matches!(error, IdentityError::Unauthorized(_) | IdentityError::SignIn(_)), "{error}");
}

#[test]
fn our_assertion_has_what_the_documented_one_has() {
    let expected = sample("oauth-client-assertion.decoded");
    let host = Host::start((404, json!({})), None);
    let certificate = concat!("certificate=\"", env!("CARGO_MANIFEST_DIR"), "/tests/data/entra/application.pem\"");
    host.client(certificate).sign_in().unwrap();
    let requests = host.requests.lock().unwrap().join("\n");
    let assertion = requests.split("client_assertion=").nth(1).unwrap().split('&').next().unwrap();
    let parts: Vec<Value> = assertion
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    for (part, expected) in parts.iter().zip([&expected["header"], &expected["claims"]]) {
        for name in expected.as_object().unwrap().keys() {
            assert!(!part[name].is_null(), "{name} is missing in {part}");
        }
    }
    assert_eq!((&parts[0]["alg"], &parts[0]["typ"]), (&"PS256".into(), &"JWT".into()));
}

/// A host that answers every call with one body, but that for the token with another.
struct Host {
    url: String,
    /// What was asked, bodies included.
    requests: Arc<Mutex<Vec<String>>>,
    /// One more head of answers that are not the token's.
    head: Arc<Mutex<String>>,
}

impl Host {
    fn start(graph: (u16, Value), token: Option<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, head) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<String>>::default());
        let token = token.unwrap_or_else(|| (200, json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "t"})));
        let (asked, more) = (Arc::clone(&requests), Arc::clone(&head));
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = request(&mut stream);
                let is_token = request.lines().next().unwrap_or_default().contains("/token");
                asked.lock().unwrap().push(request);
                let ((status, body), head) =
                    if is_token { (&token, String::new()) } else { (&graph, more.lock().unwrap().clone()) };
                let body = body.to_string();
                let length = body.len();
                drop(write!(stream, "HTTP/1.1 {status} \r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"));
            }
        });
        Self { url, requests, head }
    }

    fn client(&self, proof: &str) -> Entra {
        let url = &self.url;
        let profile = format!("tenant=\"t\"\nclient_id=\"c\"\n{proof}\nauthority=\"{url}\"\ngraph=\"{url}\"");
        let clock: SharedClock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
        client(&profile, clock).0
    }
}

/// A request, whole.
fn request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).unwrap_or(0);
        bytes.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let declared = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= declared.unwrap_or(0) || length == 0 {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
        } else if length == 0 {
            return text;
        }
    }
}
