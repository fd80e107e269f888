//! Texts: metadata, ids, rosters, and what a tenant answers.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use jiff::Timestamp;
use keywright::batch::roster::{Source, read};
use keywright::clock::ManualClock;
use keywright::ctap::Aaguid;
use keywright::identity::entra::{Entra, Profile, Tools, Whom, methods_of_with_last_use, readings, stands_for};
use keywright::identity::{IdentityProvider as _, KeyModel, User};
use keywright::metadata::blob::{Blob, TRAINING_ROOTS};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

fn now() -> Timestamp {
    Timestamp::new(1_795_000_000, 0).expect("a time")
}

/// A BLOB as it comes.
pub fn metadata(data: &[u8]) {
    let _ = Blob::read(data, TRAINING_ROOTS, now());
    let _ = Blob::claimed_number(data);
}

/// What stands behind a right signature.
pub fn signed_metadata(data: &[u8]) {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    let random = SystemRandom::new();
    let key = KEY.get_or_init(|| {
        let pkcs8 = include_bytes!("../../../tests/data/mds/leaf.pk8");
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
            .expect("the key of tests/data/mds")
    });
    let leaf = base64(include_bytes!("../../../tests/data/mds/leaf.der"), b"+/", true);
    let head = format!("{{\"alg\":\"ES256\",\"typ\":\"JWT\",\"x5c\":[\"{leaf}\"]}}");
    let signed = format!("{}.{}", base64(head.as_bytes(), b"-_", false), base64(data, b"-_", false));
    let signature = key.sign(&random, signed.as_bytes()).expect("a signature");
    let text = format!("{signed}.{}", base64(signature.as_ref(), b"-_", false));
    if let Ok(blob) = Blob::read(text.as_bytes(), TRAINING_ROOTS, now()) {
        let _ = (blob.models(), blob.is_due(now()), blob.entry(Aaguid([0; 16])).map(|entry| entry.troubles().count()));
    }
}

fn base64(bytes: &[u8], last: &[u8; 2], padded: bool) -> String {
    let letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last).collect();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let value = chunk.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(letters[(value >> (18 - 6 * place) & 63) as usize]));
        }
        if padded {
            text.push_str(&"=".repeat(3 - chunk.len()));
        }
    }
    text
}

/// Credential ids as Graph spells them.
pub fn ids(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for credential in readings(&text) {
        assert!(stands_for(&text, &credential), "{text:?} does not stand for what it was read as");
    }
}

/// Rosters, CSV and JSON.
pub fn roster(data: &[u8]) {
    let _ = read(&Source::Input, &mut &data[..]);
}

/// A server that signs everybody in and answers everything else with what it was given.
struct Hostile {
    entra: Entra,
    answer: Arc<Mutex<Vec<u8>>>,
    clock: Arc<ManualClock>,
}

impl Hostile {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer = Arc::new(Mutex::new(Vec::new()));
        let given = Arc::clone(&answer);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0_u8; 16 * 1024];
                let length = stream.read(&mut head).unwrap_or(0);
                let body = if head[..length].windows(6).any(|part| part == b"/token") {
                    br#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#.to_vec()
                } else {
                    given.lock().unwrap_or_else(PoisonError::into_inner).clone()
                };
                let (status, body) = match body.split_first() {
                    Some((b'{', _)) | None => (200, body),
                    Some((first, rest)) => {
                        ([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500][usize::from(*first) % 12], rest.to_vec())
                    }
                };
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nretry-after: 4000\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        let clock = Arc::new(ManualClock::new(now()));
        let profile = format!(
            "tenant = \"contoso.example\"\nclient_id = \"app\"\nclient_secret = \"s\"\nauthority = \"http://{address}\"\ngraph = \"http://{address}\"\n"
        );
        let profile = Profile::from_toml(&profile).expect("a profile");
        let tools = Tools::new(clock.clone(), Box::new(StdRng::seed_from_u64(1)));
        Self { entra: Entra::new(profile, None, tools).expect("a client"), answer, clock }
    }
}

/// Everything that a tenant answers to.
pub fn graph(data: &[u8]) {
    static SERVER: OnceLock<Mutex<Hostile>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Mutex::new(Hostile::start())).lock().unwrap_or_else(PoisonError::into_inner);
    *server.answer.lock().unwrap_or_else(PoisonError::into_inner) = data.to_vec();
    let mut entra = server.entra.another(Tools::new(server.clock.clone(), Box::new(StdRng::seed_from_u64(1))));
    let user = User {
        id: "87d349ed-44d7-43e1-9a83-5f2406dee501".into(),
        upn: "adele@contoso.example".into(),
        display_name: None,
        enabled: None,
        kind: None,
        language: None,
    };
    // What kind of call it is, is in the data too: one call an answer.
    match data.len() % 8 {
        0 => drop(entra.user("adele@contoso.example")),
        1 => drop(entra.methods(&user)),
        2 => drop(entra.creation_options(&user, None)),
        3 => drop(entra.preflight(&user, &KeyModel { aaguid: Aaguid([0; 16]), packed: true })),
        4 => drop(entra.policy()),
        5 => drop(entra.people(Whom::Everybody, None)),
        6 => drop(entra.passkey_events(&user, &[])),
        _ => drop(methods_of_with_last_use(std::slice::from_mut(&mut entra), &[user])),
    }
}
