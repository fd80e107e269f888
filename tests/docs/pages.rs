//! The pages, as the tests read them.

use std::path::{Path, PathBuf};

/// A page.
pub struct Page {
    /// From the root of the project.
    pub path: PathBuf,
    pub text: String,
}

/// One line of a page, and whether it is text or part of a block of code.
pub struct Line<'a> {
    pub number: usize,
    pub text: &'a str,
    pub code: Code<'a>,
}

/// What kind of code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Code<'a> {
    No,
    Indented,
    /// Between fences, with the word after the first one.
    Fenced(&'a str),
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of `docs/`, and the README.
pub fn all() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    paths.push(root().join("README.md"));
    paths.sort();
    let page = |path: PathBuf| Page { text: std::fs::read_to_string(&path).unwrap(), path };
    paths.into_iter().map(page).collect()
}

impl Page {
    pub fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    pub fn lines(&self) -> Vec<Line<'_>> {
        let mut fence = None;
        let mut lines = Vec::new();
        for (number, text) in (1..).zip(self.text.lines()) {
            let code = match (text.strip_prefix("```"), fence) {
                (Some(word), None) => {
                    fence = Some(word.trim());
                    continue;
                }
                (Some(_), Some(_)) => {
                    fence = None;
                    continue;
                }
                (None, Some(word)) => Code::Fenced(word),
                (None, None) if text.starts_with("    ") => Code::Indented,
                (None, None) => Code::No,
            };
            lines.push(Line { number, text, code });
        }
        assert!(fence.is_none(), "{}: a fence is not closed", self.name());
        lines
    }
}
