//! A letter to somebody, and what poppler makes of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use keywright::clock::{ManualClock, SharedClock};
use keywright::enroll::Handing;
use keywright::handover::{HandOverError, LetterPlan, Letters};
use keywright::identity::User;
use keywright::ledger::JobId;
use keywright::secret::Pin;
use keywright::ui::Summary;
use tempfile::TempDir;
use zeroize::Zeroizing;

pub(crate) const PIN: &str = "70281946";
pub(crate) const SERIAL: &str = "31415926";

pub(crate) fn clock() -> SharedClock {
    Arc::new(ManualClock::new("2026-11-24T10:00:00Z".parse().unwrap()))
}

pub(crate) fn user(name: &str, language: Option<&str>) -> User {
    User {
        id: "u".into(),
        upn: "adele@contoso.example".into(),
        display_name: Some(name.into()),
        enabled: Some(true),
        kind: Some("Member".into()),
        language: language.map(Into::into),
    }
}

pub(crate) fn summary(forced: bool) -> Summary {
    Summary {
        upn: "adele@contoso.example".into(),
        serial: Some(SERIAL.into()),
        model: "YubiKey 5C NFC".into(),
        aaguid: "00".into(),
        method_id: Some("m".into()),
        register_before: None,
        display_name: "Key of Adele".into(),
        credential_id: "c".into(),
        pin_change_forced: forced,
        second_copy: false,
        notice: None,
        hand_over: None,
        hardening: Vec::new(),
        first_sign_in: Vec::new(),
    }
}

/// A letter as PDF.
pub(crate) fn letter(plan: &LetterPlan, user: &User, summary: &Summary, pin: &str) -> Result<Vec<u8>, HandOverError> {
    let pin = Pin::new(Zeroizing::new(pin.into())).unwrap();
    let clock = clock();
    let handing = Handing { job: JobId(42), user, summary, pin: &pin, now: clock.now() };
    Letters::new(plan, clock).and_then(|letters| letters.letter(&handing)).map(|pdf| pdf.to_vec())
}

/// A PDF on disk, for programs that want one.
pub(crate) struct Paper {
    directory: TempDir,
}

impl Paper {
    pub(crate) fn new(pdf: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("letter.pdf"), pdf).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("letter.pdf")
    }

    /// What one of poppler's tools writes.
    pub(crate) fn tool(&self, program: &str, before: &[&str], after: &[&str]) -> Vec<u8> {
        let run = Command::new(program).args(before).arg(self.path()).args(after).output();
        let run = run.unwrap_or_else(|error| panic!("{program} (Debian package poppler-utils): {error}"));
        assert!(run.status.success() && run.stderr.is_empty(), "{program}: {}", String::from_utf8_lossy(&run.stderr));
        run.stdout
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.tool("pdftotext", &["-layout"], &["-"])).unwrap()
    }

    /// Every word with its box in millimetres: left, top, right, bottom.
    pub(crate) fn words(&self) -> Vec<(String, [f32; 4])> {
        let page = String::from_utf8(self.tool("pdftotext", &["-bbox"], &["-"])).unwrap();
        let number = |line: &str, name: &str| -> f32 {
            let at = line.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
            line[at..].split('"').next().unwrap().parse::<f32>().unwrap() * 25.4 / 72.0
        };
        let words = page.lines().filter(|line| line.trim_start().starts_with("<word"));
        let word = |line: &str| {
            let text = line.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned();
            (text, ["xMin", "yMin", "xMax", "yMax"].map(|name| number(line, name)))
        };
        words.map(word).collect()
    }

    /// The page in grey, at 50 dots an inch: width, height, a byte a dot.
    pub(crate) fn dots(&self) -> (usize, usize, Vec<u8>) {
        let picture = self.tool("pdftoppm", &["-r", "50", "-gray"], &[]);
        let mut rest = picture.as_slice();
        let mut number = || {
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap();
            let (word, tail) = rest.split_at(end);
            rest = &tail[1..];
            String::from_utf8(word.to_vec()).unwrap()
        };
        assert_eq!(number(), "P5");
        let (wide, high, _) = (number().parse().unwrap(), number().parse().unwrap(), number());
        (wide, high, rest.to_vec())
    }
}

pub(crate) fn written(directory: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path
}
