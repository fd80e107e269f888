use std::collections::BTreeSet;

use super::*;

const AT: &str = "2026-11-23T10:00:00Z";

fn every_kind() -> Vec<Row<'static>> {
    vec![
        Row::JobOpened { job: 1, at: AT, order: "{}" },
        Row::Entry { job: 1, number: 1, at: AT, intent: "{}" },
        Row::Outcome { job: 1, number: 1, at: AT, outcome: "{}" },
        Row::JobClosed { job: 1, at: AT, state: "{}" },
        Row::BatchOpened { batch: 1, at: AT, order: "{}" },
        Row::BatchClosed { batch: 1, at: AT },
        Row::TaskOpened { task: 1, batch: 1, order: "{}" },
        Row::TaskSettled { task: 1, number: 1, at: AT, state: "{}", failure: None },
    ]
}

/// Computed by other means: `printf '10:job-opened1:1…'` after the 32 bytes of the link before, through `sha256sum`.
#[test]
fn a_link_is_the_hash_that_the_page_describes() {
    let first = Link::beginning().then(&Row::JobOpened { job: 1, at: AT, order: "{}" });
    assert_eq!(first.to_string(), "39227eb869ee3c85ce12e2914942bc703e7fb14691b621d12c7e81a520548c01");
    let failure = Some("{\"code\":\"ü\"}");
    let second = first.then(&Row::TaskSettled { task: 7, number: 2, at: "t", state: "failed", failure });
    assert_eq!(second.to_string(), "dd555937515cc9ebe481516ed718dfb2c6ccb0cd6e3a735360ab0b806085d2cb");
}

#[test]
fn rows_that_differ_have_links_that_differ() {
    let mut rows = every_kind();
    // What would be the same text without the lengths, and what differs in one part only.
    let more = [
        ("1", "1{}", 1, 1),
        ("11", "{}", 1, 1),
        ("", "11{}", 1, 1),
        (AT, "{ }", 1, 1),
        (AT, "{}", 11, 1),
        (AT, "{}", 1, 11),
        (AT, "{}", -1, 1),
    ];
    rows.extend(more.map(|(at, intent, job, number)| Row::Entry { job, number, at, intent }));
    rows.extend(more.map(|(at, outcome, job, number)| Row::Outcome { job, number, at, outcome }));
    rows.extend([
        Row::TaskSettled { task: 1, number: 1, at: AT, state: "{}", failure: Some("") },
        Row::TaskSettled { task: 1, number: 1, at: AT, state: "", failure: Some("{}") },
        Row::TaskOpened { task: 1, batch: 2, order: "{}" },
    ]);
    let links: BTreeSet<String> = rows.iter().map(|row| Link::beginning().then(row).to_string()).collect();
    assert_eq!(links.len(), rows.len());
    let after = rows.iter().map(|row| Link::beginning().then(&rows[0]).then(row).to_string());
    assert!(after.collect::<BTreeSet<_>>().is_disjoint(&links), "nor does a row have the same link twice");
}

fn chain(rows: &[Row<'_>]) -> Vec<Link> {
    let grow = |last: &mut Link, row: &Row<'_>| {
        *last = last.then(row);
        Some(*last)
    };
    rows.iter().scan(Link::beginning(), grow).collect()
}

#[test]
fn a_walk_names_the_first_row_that_does_not_fit() {
    let rows = every_kind();
    let links = chain(&rows);
    let other = Row::Outcome { job: 1, number: 1, at: AT, outcome: "{\"outcome\":\"done\"}" };
    for (spoilt, name) in rows.iter().map(|row| row.subject().to_string()).enumerate() {
        let walk = |spoil: &dyn Fn(usize) -> (i64, Option<Row<'static>>, Link)| {
            let mut walk = Walk::new(None);
            (0..rows.len()).find_map(|at| {
                let (position, row, link) = spoil(at);
                walk.step(position, &rows[at].subject(), row.as_ref(), &link.0).err()
            })
        };
        let place = |at: usize| i64::try_from(at).unwrap() + 1;
        let told = |error: Option<LedgerError>| match error {
            Some(LedgerError::Tampered { row, .. }) => row,
            other => panic!("{other:?}"),
        };
        assert_eq!(walk(&|at| (place(at), Some(rows[at]), links[at])), None);
        assert_eq!(told(walk(&|at| (place(at), (at != spoilt).then_some(rows[at]), links[at]))), name, "gone");
        let changed = |at: usize| if at == spoilt { other } else { rows[at] };
        assert_eq!(told(walk(&|at| (place(at), Some(changed(at)), links[at]))), name, "changed");
        let shifted = |at: usize| place(at) + i64::from(at >= spoilt);
        assert_eq!(told(walk(&|at| (shifted(at), Some(rows[at]), links[at]))), name, "a link is missing before it");
        let false_link = |at: usize| if at == spoilt { Link::beginning() } else { links[at] };
        assert_eq!(told(walk(&|at| (place(at), Some(rows[at]), false_link(at)))), name, "another link");
    }
}

#[test]
fn a_noted_head_is_met_on_the_way() {
    let rows = every_kind();
    let links = chain(&rows);
    let walked = |noted: Option<&str>, length: usize| {
        let mut walk = Walk::new(noted);
        for (at, row) in rows.iter().take(length).enumerate() {
            walk.step(i64::try_from(at).unwrap() + 1, &row.subject(), Some(row), &links[at].0).unwrap();
        }
        walk.finish()
    };
    let head = |at: usize| links[at].to_string();
    assert_eq!(walked(None, 8), Ok(Verified { links: 8, head: head(7), since: None }));
    assert_eq!(walked(Some(&head(7)), 8), Ok(Verified { links: 8, head: head(7), since: Some(0) }));
    assert_eq!(walked(Some(&head(2)), 8), Ok(Verified { links: 8, head: head(7), since: Some(5) }));
    assert_eq!(walked(Some(&Link::beginning().to_string()), 0).unwrap().since, Some(0), "a ledger that was empty");
    let Err(LedgerError::Tampered { row, fault }) = walked(Some(&head(7)), 5) else { panic!() };
    assert!(row.contains("after 5 rows") && fault.contains("cut off"), "{row}: {fault}");
}
