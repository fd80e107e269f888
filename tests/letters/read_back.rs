//! What stands in a letter, where it stands, and what stands nowhere.

use keywright::handover::{HandOverError, LetterPlan};

use keywright::ui::Summary;

use crate::paper::{PIN, Paper, SERIAL, letter, summary, user, written};

fn company() -> LetterPlan {
    LetterPlan { company: Some("Contoso Ltd".into()), ..LetterPlan::default() }
}

#[test]
fn five_languages_say_name_pin_and_what_to_do_first() {
    for (language, words) in [
        ("en-GB", ["Your security key", "Change the PIN", "Destroy this letter"]),
        ("de-AT", ["Ihr Sicherheitsschlüssel", "Ändern Sie die PIN", "Vernichten Sie diesen Brief"]),
        ("nl-NL", ["Uw beveiligingssleutel", "Wijzig de pincode", "Vernietig deze brief"]),
        ("fr-FR", ["Votre clé de sécurité", "Changez le code PIN", "Détruisez cette lettre"]),
        ("es-ES", ["Su llave de seguridad", "Cambie el PIN", "Destruya esta carta"]),
    ] {
        for forced in [true, false] {
            let pdf = letter(&company(), &user("Adèle Müller-Östlund", Some(language)), &summary(forced), PIN).unwrap();
            let text = Paper::new(&pdf).text();
            let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for said in words.iter().chain(&["Adèle Müller-Östlund", "adele@contoso.example", "Contoso Ltd", "YubiKey 5C NFC"])
            {
                assert!(one_line.contains(said), "{language}: {said} in\n{text}");
            }
            assert!(one_line.contains("https://aka.ms/mysecurityinfo") && one_line.contains("2026-11-24"), "{language}");
            assert_eq!(one_line.matches(PIN).count(), 1, "{language}: the PIN, once and in one piece");
            assert!(!text.contains(SERIAL) && text.contains("Key of Adele"), "{language}: no serial number unless asked");
            let named = Summary { display_name: format!("YubiKey {SERIAL}"), ..summary(forced) };
            let pdf = letter(&company(), &user("Adele", Some(language)), &named, PIN).unwrap();
            assert!(!Paper::new(&pdf).text().contains(SERIAL), "{language}: nor as part of the passkey's name");
        }
    }
}

#[test]
fn the_serial_number_stands_there_when_asked_for() {
    let pdf = letter(&LetterPlan { serial: true, ..company() }, &user("Adele", None), &summary(true), PIN).unwrap();
    assert!(Paper::new(&pdf).text().contains(SERIAL));
}

#[test]
fn the_window_shows_the_address_and_never_the_pin() {
    let long = "Maximiliane Wilhelmine von der Schulenburg-Trautenau zu Hohenstein";
    for (name, pin) in
        [("Adele Vance", PIN), (long, PIN), ("Adele Vance", "abcdefghjkmnpqrstuvwxyz23456789abcdefghjkmnpqrstuvwxyz234567899")]
    {
        for language in ["en", "de", "nl", "fr", "es"] {
            let pdf = letter(&company(), &user(name, Some(language)), &summary(false), pin).unwrap();
            let paper = Paper::new(&pdf);
            let words = paper.words();
            // DIN 5008 form B: the window is 85 by 45 mm, 20 mm from the left and 45 mm from the top.
            let in_window =
                |[left, top, right, bottom]: &[f32; 4]| *left < 105.0 && *right > 20.0 && *top < 90.0 && *bottom > 45.0;
            let within =
                |[left, top, right, bottom]: &[f32; 4]| *left >= 20.0 && *right <= 105.0 && *top >= 45.0 && *bottom <= 90.0;
            let seen: Vec<_> = words.iter().filter(|(_, place)| in_window(place)).collect();
            let said = seen.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ");
            assert_eq!(said, format!("Contoso Ltd {name} adele@contoso.example"), "{language}");
            assert!(seen.iter().all(|(_, place)| within(place)), "{language}: whole words only, {seen:?}");
            let (_, [.., left, top, right, bottom]) = words.iter().find(|(word, _)| word == pin).expect("the PIN in one piece");
            // Folded at 105 and 210 mm, it lies in the inner third.
            assert!(*top > 107.0 && *bottom < 208.0 && *left >= 25.0 && *right <= 190.0, "{language}: {top} to {bottom}");
            assert!(words.iter().all(|(_, [left, _, right, bottom])| *left >= 20.0 && *right <= 191.0 && *bottom < 290.0));
        }
    }
}

#[test]
fn nothing_but_the_page_holds_the_pin() {
    let pdf = letter(&company(), &user("Adele Vance", None), &summary(true), PIN).unwrap();
    let paper = Paper::new(&pdf);
    for option in [&[][..], &["-meta"], &["-custom"], &["-struct-text"]] {
        let told = String::from_utf8(paper.tool("pdfinfo", option, &[])).unwrap();
        for secret in [PIN, "Adele", "adele@", SERIAL] {
            assert!(!told.contains(secret), "pdfinfo {option:?}: {told}");
        }
        assert!(!option.is_empty() || told.contains("Pages:           1"), "{told}");
    }
    for form in [PIN.to_owned(), PIN.chars().rev().collect(), PIN.bytes().map(|byte| format!("{byte:02x}")).collect()] {
        assert!(!pdf.windows(form.len()).any(|window| window.eq_ignore_ascii_case(form.as_bytes())), "{form}");
    }
    let utf16: Vec<u8> = PIN.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(!pdf.windows(utf16.len()).any(|window| window == utf16));
    assert!(paper.tool("pdffonts", &[], &[]).windows(3).filter(|word| word == b"yes").count() >= 2, "typefaces are put in");
}

#[test]
fn the_page_is_dark_where_the_pin_is_and_white_at_its_edges() {
    let directory = tempfile::tempdir().unwrap();
    let logo = written(directory.path(), "logo.png", &png(30, 10));
    let plan = LetterPlan { logo: Some(logo), ..company() };
    let pdf = letter(&plan, &user("Adele Vance", Some("de")), &summary(true), PIN).unwrap();
    let paper = Paper::new(&pdf);
    let (wide, high, dots) = paper.dots();
    let dark = |[left, top, right, bottom]: [f32; 4]| {
        let dot = |millimetres: f32| (millimetres / 25.4 * 50.0) as usize;
        let rows = dot(top)..dot(bottom).min(high);
        rows.flat_map(|row| dots[row * wide + dot(left)..row * wide + dot(right).min(wide)].iter())
            .filter(|dot| **dot < 128)
            .count()
    };
    let (_, place) = paper.words().into_iter().find(|(word, _)| word == PIN).unwrap();
    assert!(dark(place) > 20, "the PIN can be seen");
    assert!(dark([130.0, 12.0, 190.0, 32.0]) > 500, "the logo can be seen");
    for edge in [[0.0, 0.0, 210.0, 8.0], [0.0, 290.0, 210.0, 297.0], [0.0, 0.0, 3.0, 297.0], [195.0, 0.0, 210.0, 297.0]] {
        assert_eq!(dark(edge), 0, "{edge:?}");
    }
}

#[test]
fn what_cannot_be_set_is_an_error_that_names_the_remedy() {
    use keywright::advice::Advised as _;
    for (name, pin) in [("山田 太郎", PIN), ("دانا", PIN), ("Adele", "12345678\u{e9}")] {
        let error = letter(&company(), &user(name, None), &summary(true), pin).unwrap_err();
        assert!(matches!(error, HandOverError::Glyph { .. }), "{error}");
        assert!(error.advice().next.contains("--letter-font"));
        assert!(!error.to_string().contains(&pin[..8]), "{error}");
    }
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in [("a.png", &b"GIF89a"[..]), ("b.png", b"\x89PNG\r\n\x1a\nxxxx"), ("c.jpg", b"\xff\xd8\xff\xe0")] {
        let plan = LetterPlan { logo: Some(written(directory.path(), name, bytes)), ..company() };
        assert!(letter(&plan, &user("Adele", None), &summary(true), PIN).is_err(), "{name}");
    }
}

#[test]
fn a_typeface_of_the_companys_own_sets_what_ours_cannot() {
    let path = std::path::PathBuf::from("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf");
    if !path.exists() {
        return;
    }
    let georgian = user("გიორგი", None);
    assert!(letter(&company(), &georgian, &summary(true), PIN).is_err());
    let pdf = letter(&LetterPlan { font: Some(path), ..company() }, &georgian, &summary(true), PIN).unwrap();
    assert!(Paper::new(&pdf).text().contains("გიორგი"));
}

/// A black picture.
fn png(wide: u32, high: u32) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
        })
    };
    let adler = |bytes: &[u8]| {
        let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
            let a = (a + u32::from(*byte)) % 65_521;
            (a, (b + a) % 65_521)
        });
        (b << 16) | a
    };
    let row = wide as usize + 1;
    let raw = vec![0_u8; row * high as usize];
    let length = u16::try_from(raw.len()).unwrap();
    let mut data = vec![0x78, 0x01, 0x01];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&raw);
    data.extend(adler(&raw).to_be_bytes());
    let mut head = [wide.to_be_bytes(), high.to_be_bytes()].concat();
    head.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", head), (b"IDAT", data), (b"IEND", Vec::new())] {
        file.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        let chunk = [&name[..], &content].concat();
        file.extend(&chunk);
        file.extend(crc(&chunk).to_be_bytes());
    }
    file
}
