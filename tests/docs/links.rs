//! Links of one page to another, to a part of one, or to a file.

use std::collections::BTreeSet;

use crate::pages::{Code, Page, all, root};

/// Targets of the links in a line: what stands in `](…)`.
fn targets(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// The anchor that mdBook and GitHub give a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> Vec<String> {
    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

fn check(page: &Page, number: usize, target: &str) {
    let at = format!("{}:{number}: {target}", page.name());
    if target.starts_with("https://") {
        return;
    }
    let (path, part) = target.split_once('#').map_or((target, None), |(path, part)| (path, Some(part)));
    let file = if path.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(path) };
    assert!(file.is_file(), "{at}");
    if let Some(part) = part {
        assert!(anchors(&std::fs::read_to_string(&file).unwrap()).iter().any(|anchor| anchor == part), "{at}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for page in all() {
        for line in page.lines().iter().filter(|line| line.code == Code::No) {
            for target in targets(line.text) {
                check(&page, line.number, target);
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: Vec<&str> = summary.lines().flat_map(targets).collect();
    let once: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(listed.len(), once.len());
    for page in all().iter().filter(|page| page.path.starts_with(root().join("docs"))) {
        assert!(page.name() == "SUMMARY.md" || once.contains(page.name()), "{}", page.name());
    }
}

/// What stands in backquotes and looks like a file of this project is one.
#[test]
fn every_file_that_is_named_is_there() {
    for page in all() {
        for line in page.lines().iter().filter(|line| line.code == Code::No) {
            for (place, word) in line.text.split('`').enumerate() {
                let named = ["src/", "tests/", "docs/", "hw-tests/", "scripts/", "udev/"].iter().any(|top| word.starts_with(top));
                if place % 2 == 1 && named && !word.contains(['*', '{', ' ', '<']) {
                    // The page of tests names those of the other package from there.
                    let there = [root().join(word), root().join("hw-tests").join(word)].iter().any(|path| path.exists());
                    assert!(there, "{}:{}: {word}", page.name(), line.number);
                }
            }
        }
    }
}
