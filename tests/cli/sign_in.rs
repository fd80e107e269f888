//! `login`, `logout`, `whoami` and the ways to sign in, from the outside.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::enrolling::Served;
use crate::place::{Place, Run};

/// A tenant whose application may do what enrolment needs, and no more.
const LEAN: &str = "[application]\npermissions = [\"User.Read.All\", \"UserAuthMethod-Passkey.Read.All\", \
                    \"UserAuthMethod-Passkey.ReadWrite.All\"]\n";

fn lean(place: &Place) -> (Served, String) {
    std::fs::write(place.path().join("tenant.toml"), LEAN).unwrap();
    Served::start_with(place, &["--script", "tenant.toml"])
}

/// A profile of a served tenant without its secret, with these lines instead.
fn profile_with(place: &Place, served: &str, lines: &str) -> String {
    let kept = std::fs::read_to_string(served).unwrap();
    let kept: String = kept.lines().filter(|line| !line.starts_with("client_secret")).map(|line| format!("{line}\n")).collect();
    let path = place.path().join("other.toml");
    std::fs::write(&path, format!("{kept}{lines}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn get(host: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// What a browser does with an address: it goes where it is sent.
fn browse(url: &str) {
    let (host, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let answer = get(host, &format!("/{target}"));
    if let Some(next) = answer.lines().find_map(|line| line.strip_prefix("location: ")) {
        browse(next);
    }
}

#[test]
fn a_person_signs_in_at_a_browser_that_a_script_shows() {
    let place = Place::new();
    let (_tenant, served) = lean(&place);
    let profile = profile_with(&place, &served, "sign_in = \"browser\"");
    let mut child = place.command(&["--profile", &profile, "--json", "login", "--no-browser"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&event["event"], &event["opened"], &event["life"]), (&"sign-in".into(), &false.into(), &300.into()));
    browse(event["url"].as_str().unwrap());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    let last: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
    assert_eq!(last["result"]["holder"]["user"], "admin@contoso.example");
    assert_eq!(last["result"]["roleNames"][0], "Privileged Authentication Administrator");
    assert!(last["result"]["missing"].as_array().unwrap().iter().any(|need| need["anyOf"][0] == "Mail.Send"), "{last}");
    // No keyring in this build: the next command finds nobody, and there is nobody to ask.
    if !cfg!(feature = "keyring") {
        assert!(rest.iter().any(|line| line.contains("kept in memory only")), "{rest:?}");
        place.run(&["--profile", &profile, "whoami"]).failed("tenant/sign-in-needed", 3);
        assert!(place.run(&["--profile", &profile, "logout"]).done().out.contains("Nobody was signed in"));
    }
}

#[cfg(unix)]
#[test]
fn the_browser_is_opened_with_the_address() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let (_tenant, served) = Served::start_with(&place, &[]);
    let profile = profile_with(&place, &served, "sign_in = \"browser\"");
    let browser = place.path().join("browser");
    std::fs::write(
        &browser,
        "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$1\" > \"$HOME/visited.part\"; mv \"$HOME/visited.part\" \"$HOME/visited\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = place.command(&["--profile", &profile, "login"]);
    let child = command.env("BROWSER", &browser).env("PATH", "/usr/bin:/bin").spawn().unwrap();
    let visited = place.path().join("home/visited");
    let mut waited = 0;
    while !visited.exists() && waited < 200 {
        #[expect(clippy::disallowed_methods, reason = "a test that waits for another process")]
        std::thread::sleep(Duration::from_millis(50));
        waited += 1;
    }
    let text = std::fs::read_to_string(&visited).unwrap();
    let (count, url) = text.trim().split_once('\n').unwrap();
    assert_eq!(count, "1", "one argument, whatever stands in the address");
    browse(url);
    let run = Run::of(&child.wait_with_output().unwrap()).done();
    assert!(
        run.talk.contains("Sign in at the browser that has opened") && run.out.contains("a person"),
        "{}{}",
        run.talk,
        run.out
    );
}

#[test]
fn a_code_is_shown_and_waited_for() {
    let place = Place::new();
    std::fs::write(place.path().join("tenant.toml"), "[sign_in]\npolls = 0\n").unwrap();
    let (_tenant, served) = Served::start_with(&place, &["--script", "tenant.toml"]);
    let profile = profile_with(&place, &served, "");
    let run = place.run(&["--profile", &profile, "--sign-in", "device-code", "login"]).done();
    assert!(run.talk.contains("enter the code TRAINING1 within 15 minutes"), "{}", run.talk);
}

#[test]
fn an_application_is_shown_with_its_rights() {
    let place = Place::new();
    let (_tenant, served) = lean(&place);
    let run = place.run(&["--profile", &served, "whoami"]).done();
    for part in ["an application", "UserAuthMethod-Passkey.ReadWrite.All", "MISSING", "notices by mail"] {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
    let shown = place.run(&["--profile", &served, "--cloud", "usgov", "--json", "whoami"]).done().last();
    assert_eq!(shown["result"]["cloud"]["check"], "cloud/registration", "explicit hosts win, and the cloud is named: {shown}");
    // Before the touch, too.
    let enroll = |extra: &[&str]| {
        let arguments = ["--simulate=key", "--profile", &served, "--cloud", "usgov", "--json", "enroll", "adele@contoso.example"];
        place.run(&[&arguments[..], extra].concat())
    };
    let refused = enroll(&[]);
    assert_eq!(refused.exit, 4, "{}", refused.out);
    assert!(refused.out.contains("cloud/registration") && !refused.out.contains("\"step\":\"erase\""), "{}", refused.out);
    enroll(&["--passkey-api", "beta"]).done();
}

#[test]
fn certificates_ask_for_their_password_where_it_comes_from() {
    let place = Place::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/entra");
    let script = format!("[application]\ncertificate = \"{data}/application.pem\"\n");
    std::fs::write(place.path().join("tenant.toml"), script).unwrap();
    let (_tenant, served) = Served::start_with(&place, &["--script", "tenant.toml"]);
    let profile = profile_with(&place, &served, &format!("certificate = \"{data}/application.pfx\""));
    let nobody = place.run(&["--profile", &profile, "whoami", "--non-interactive"]);
    nobody.failed("tenant/profile", 3);
    assert!(nobody.talk.contains("nobody was there to answer: Password of the certificate's file?"), "{}", nobody.talk);
    let word = place.command(&["--profile", &profile, "whoami"]).env("KEYWRIGHT_CERTIFICATE_PASSWORD", "training").output();
    Run::of(&word.unwrap()).done();
    std::fs::write(place.path().join("word"), "training\n").unwrap();
    place.run(&["--profile", &profile, "--certificate-password-file", "word", "whoami"]).done();
}

#[test]
fn raw_words_of_the_sign_in_host_under_v_and_in_json() {
    let place = Place::new();
    let (_tenant, served) = Served::start_with(&place, &[]);
    let with = |arguments: &[&str]| {
        let mut command = place.command(&[&["--profile", &served][..], arguments].concat());
        Run::of(&command.env("KEYWRIGHT_CLIENT_SECRET", "wrong").output().unwrap())
    };
    let plain = with(&["whoami"]);
    plain.failed("tenant/application", 2);
    assert!(plain.talk.contains("AADSTS7000215") && !plain.talk.contains("invalid_client"), "{}", plain.talk);
    let loud = with(&["-v", "whoami"]);
    assert!(loud.talk.contains("invalid_client") && loud.talk.contains("request-id"), "{}", loud.talk);
    let json = with(&["--json", "whoami"]).last();
    assert!(json["error"]["detail"].as_str().unwrap().contains("Invalid client secret provided"), "{json}");
}

#[test]
fn a_proxy_is_used_for_others_and_not_for_this_machine() {
    let place = Place::new();
    let (_tenant, served) = Served::start_with(&place, &[]);
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("HTTPS_PROXY", &address).env("HTTP_PROXY", &address).env("KEYWRIGHT_CLIENT_SECRET", "training-secret");
        command.spawn().unwrap()
    };
    let inside = run(&["--profile", &served, "whoami"]);
    Run::of(&inside.wait_with_output().unwrap()).done();
    let mut outside = run(&["--tenant", "contoso.example", "--client-id", "x", "whoami"]);
    let (mut stream, _) = proxy.accept().unwrap();
    let mut words = [0; 37];
    stream.read_exact(&mut words).unwrap();
    assert_eq!(words, *b"CONNECT login.microsoftonline.com:443");
    outside.kill().unwrap();
    outside.wait().unwrap();
}
