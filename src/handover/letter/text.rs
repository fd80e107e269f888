//! What a letter says: templates in five languages, and a company's own. A template sees everything but the PIN: where it says
//! `{{ pin }}` a mark is put, and the page puts the PIN in the place of the mark.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};

use crate::handover::HandOverError;

/// Stands for the PIN in a text. No value can hold it.
const MARK: char = '\u{e000}';
/// Longest template, in bytes.
const LONGEST: u64 = 32 * 1024;
/// Longest value that is put in, in characters.
const LONGEST_VALUE: usize = 120;
/// Instructions that a template may use.
const FUEL: u64 = 50_000;
/// What the first line begins with.
const SUBJECT: &str = "Subject:";
/// The language of last resort.
const LAST: &str = "en";
/// How files with templates end.
const ENDING: &str = "txt";

const OWN: [(&str, &str); 5] = [
    ("en", include_str!("texts/en.txt")),
    ("de", include_str!("texts/de.txt")),
    ("nl", include_str!("texts/nl.txt")),
    ("fr", include_str!("texts/fr.txt")),
    ("es", include_str!("texts/es.txt")),
];

/// Everything that a template can name, the PIN aside. What there is none of is an empty text to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) upn: String,
    pub(super) company: Option<String>,
    pub(super) model: String,
    pub(super) serial: Option<String>,
    /// Empty where it would tell what must not be told.
    pub(super) passkey_name: String,
    pub(super) must_change: bool,
    pub(super) register_before: Option<String>,
    pub(super) date: String,
}

/// A part of a letter, from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Paragraph(String),
    /// A line of a list: its number or dash, and its text.
    Item(String, String),
    Pin,
}

/// What one letter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) language: String,
    pub(super) subject: String,
    pub(super) blocks: Vec<Block>,
}

/// The templates by language.
#[derive(Debug)]
pub(super) struct Texts {
    templates: BTreeMap<String, (PathBuf, String)>,
    /// The language of whoever prefers none that there is.
    fallback: String,
}

impl Texts {
    /// Those that are supplied, with a directory's own ones before them: `de.txt`, `pt-BR.txt`. All are tried.
    pub(super) fn new(directory: Option<&Path>, fallback: Option<&str>) -> Result<Self, HandOverError> {
        let own = OWN.map(|(language, text)| (language.to_owned(), (PathBuf::from(language), text.to_owned())));
        let mut templates = BTreeMap::from(own);
        if let Some(directory) = directory {
            read_all(directory, &mut templates)?;
        }
        let texts = Self { templates, fallback: LAST.to_owned() };
        let fallback = match fallback {
            Some(wanted) => texts.known(wanted).ok_or_else(|| HandOverError::Material {
                path: PathBuf::from(wanted),
                reason: "there is no template in that language".into(),
            })?,
            None => LAST.to_owned(),
        };
        for language in texts.templates.keys() {
            for must_change in [false, true] {
                for more in [None, Some("1".to_owned())] {
                    let facts = Facts { must_change, serial: more.clone(), company: more.clone(), ..Facts::default() };
                    texts.render(language, &Facts { register_before: more, ..facts })?;
                }
            }
        }
        Ok(Self { fallback, ..texts })
    }

    /// A language as it is known here: as asked for, or without its country.
    fn known(&self, wanted: &str) -> Option<String> {
        let wanted = wanted.trim().replace('_', "-").to_lowercase();
        let mut part = wanted.as_str();
        loop {
            if let Some(known) = self.templates.keys().find(|known| known.to_lowercase() == part) {
                return Some(known.clone());
            }
            part = part.rsplit_once('-')?.0;
        }
    }

    /// The letter in the language that its reader prefers.
    pub(super) fn letter(&self, preferred: Option<&str>, facts: &Facts) -> Result<Text, HandOverError> {
        let language = preferred.and_then(|wanted| self.known(wanted)).unwrap_or_else(|| self.fallback.clone());
        self.render(&language, facts)
    }

    fn render(&self, language: &str, facts: &Facts) -> Result<Text, HandOverError> {
        let Some((path, template)) = self.templates.get(language) else {
            return Err(HandOverError::Pdf(format!("there is no template in {language}")));
        };
        let fault = |reason: String| HandOverError::Material { path: path.clone(), reason };
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        let values = context! {
            pin => MARK.to_string(),
            name => value(&facts.name),
            upn => value(&facts.upn),
            company => value(facts.company.as_deref().unwrap_or_default()),
            model => value(&facts.model),
            serial => value(facts.serial.as_deref().unwrap_or_default()),
            passkey_name => value(&facts.passkey_name),
            must_change => facts.must_change,
            register_before => value(facts.register_before.as_deref().unwrap_or_default()),
            date => value(&facts.date),
        };
        let rendered = environment.render_str(template, values).map_err(|error| fault(told(&error)))?;
        parse(language, &rendered).map_err(|reason| fault(reason.to_owned()))
    }
}

fn read_all(directory: &Path, templates: &mut BTreeMap<String, (PathBuf, String)>) -> Result<(), HandOverError> {
    let entries = std::fs::read_dir(directory).map_err(|error| HandOverError::file(directory, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| HandOverError::file(directory, &error))?.path();
        let (Some(stem), Some(ending)) = (path.file_stem().and_then(|stem| stem.to_str()), path.extension()) else { continue };
        if ending != ENDING || stem.starts_with('.') {
            continue;
        }
        let length = std::fs::metadata(&path).map_err(|error| HandOverError::file(&path, &error))?.len();
        if length > LONGEST {
            return Err(HandOverError::Material { path, reason: "it is too long for a template".into() });
        }
        let text = std::fs::read_to_string(&path).map_err(|error| HandOverError::file(&path, &error))?;
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        templates.retain(|known, _| !known.eq_ignore_ascii_case(stem));
        templates.insert(stem.to_owned(), (path, text));
    }
    Ok(())
}

/// Why a template did not work, with its line.
fn told(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let hint = match error.kind() {
        ErrorKind::UndefinedError => {
            " (it can name name, upn, company, model, serial, passkey_name, must_change, register_before, date, pin)"
        }
        _ => "",
    };
    let words: String = error.to_string().chars().filter(|c| !c.is_control()).take(300).collect();
    format!("{line}{words}{hint}")
}

/// A value as it is put in: one line, of a length that is bounded, without a mark. Whoever it is about cannot move the PIN.
fn value(text: &str) -> String {
    let one_line = text.chars().map(|c| if c.is_control() || c == MARK { ' ' } else { c });
    one_line.take(LONGEST_VALUE).collect()
}

fn parse(language: &str, rendered: &str) -> Result<Text, &'static str> {
    let (first, body) = rendered.split_once('\n').unwrap_or((rendered, ""));
    let subject = first.strip_prefix(SUBJECT).map(str::trim).filter(|subject| !subject.is_empty());
    let subject = subject.ok_or("it has to begin with `Subject: …`")?.to_owned();
    let mut blocks: Vec<Block> = Vec::new();
    let mut goes_on = false;
    for line in body.lines().map(str::trim) {
        if line.is_empty() {
            goes_on = false;
        } else if line.chars().eq([MARK]) {
            blocks.push(Block::Pin);
            goes_on = false;
        } else if let Some((label, text)) = item(line) {
            blocks.push(Block::Item(label.to_owned(), text.to_owned()));
            goes_on = true;
        } else {
            match blocks.last_mut().filter(|_| goes_on) {
                Some(Block::Paragraph(text) | Block::Item(_, text)) => {
                    text.push(' ');
                    text.push_str(line);
                }
                _ => blocks.push(Block::Paragraph(line.to_owned())),
            }
            goes_on = true;
        }
    }
    let pins = blocks.iter().filter(|block| **block == Block::Pin).count();
    if pins != 1 || rendered.chars().filter(|c| *c == MARK).count() != 1 {
        return Err("{{ pin }} has to stand in it once, on a line of its own");
    }
    Ok(Text { language: language.to_owned(), subject, blocks })
}

/// A line of a list: `1. …` or `- …`.
fn item(line: &str) -> Option<(&str, &str)> {
    let (label, text) = line.split_once(' ')?;
    let number = label.strip_suffix('.').is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()));
    (number || label == "-").then(|| (label, text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts { name: "Adele Vance".into(), upn: "adele@contoso.example".into(), model: "Key 5".into(), ..Facts::default() }
    }

    #[test]
    fn the_language_is_what_its_reader_prefers() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("pt-BR.txt"), "Subject: Chave\n\n{{ pin }}\n").unwrap();
        let texts = Texts::new(Some(directory.path()), Some("nl")).unwrap();
        for (preferred, language) in [
            (Some("de"), "de"),
            (Some("de-AT"), "de"),
            (Some("DE_ch"), "de"),
            (Some("fr-CA"), "fr"),
            (Some("es-419"), "es"),
            (Some("en-GB"), "en"),
            (Some("pt-br"), "pt-BR"),
            (Some("pt"), "nl"),
            (Some("ja"), "nl"),
            (Some(""), "nl"),
            (None, "nl"),
        ] {
            assert_eq!(texts.letter(preferred, &facts()).unwrap().language, language, "{preferred:?}");
        }
        assert_eq!(Texts::new(None, None).unwrap().letter(Some("ja"), &facts()).unwrap().language, "en");
        assert!(Texts::new(None, Some("ja")).is_err());
    }

    #[test]
    fn every_language_says_what_matters() {
        let texts = Texts::new(None, None).unwrap();
        for (language, _) in OWN {
            for must_change in [true, false] {
                let facts = Facts { must_change, serial: Some("123".into()), company: Some("Contoso".into()), ..facts() };
                let text = texts.letter(Some(language), &facts).unwrap();
                let whole = format!("{text:?}");
                for said in ["Adele Vance", "adele@contoso.example", "Key 5", "123", "Contoso", "aka.ms/mysecurityinfo", "PIN"] {
                    assert!(whole.contains(said) || said == "PIN" && whole.contains("pincode"), "{language}: {said}");
                }
                assert_eq!(text.blocks.iter().filter(|block| matches!(block, Block::Item(..))).count(), 4, "{language}");
            }
        }
    }

    #[test]
    fn no_value_can_move_the_pin_or_add_a_line() {
        let texts = Texts::new(None, None).unwrap();
        let evil = "x\u{e000}\n\n{{ pin }}\nSubject: y";
        let facts = Facts { name: evil.into(), upn: evil.into(), passkey_name: evil.repeat(100), ..facts() };
        let text = texts.letter(None, &facts).unwrap();
        let calm = texts.letter(None, &self::facts()).unwrap();
        assert_eq!((text.blocks.len(), &text.subject), (calm.blocks.len(), &calm.subject));
        assert!(format!("{text:?}").contains("{{ pin }}"), "what is put in is not read as a template again");
    }

    #[test]
    fn a_template_that_does_not_work_is_told_beforehand() {
        let directory = tempfile::tempdir().unwrap();
        for (text, reason) in [
            ("", "Subject"),
            ("Hello\n\n{{ pin }}\n", "Subject"),
            ("Subject: a\n\nb\n", "once"),
            ("Subject: a\n\n{{ pin }}\n\n{{ pin }}\n", "once"),
            ("Subject: a {{ pin }}\n\n{{ pin }}\n", "once"),
            ("Subject: a\n\nYour PIN is {{ pin }}.\n", "once"),
            ("Subject: a\n\n{% if must_change %}\n{{ pin }}\n{% endif %}\n", "once"),
            ("Subject: a\n\n{{ colour }}\n{{ pin }}\n", "passkey_name"),
            ("Subject: a\n\n{{ pin\n", "line 3"),
            ("Subject: a\n\n{% for i in range(100000) %}{{ i }}{% endfor %}\n{{ pin }}\n", "fuel"),
            (&"x".repeat(40_000), "too long"),
        ] {
            std::fs::write(directory.path().join("xx.txt"), text).unwrap();
            let error = Texts::new(Some(directory.path()), None).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(reason) && error.contains("xx.txt"), "{text:.40}: {error}");
        }
    }
}
