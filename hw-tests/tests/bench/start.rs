//! How long the program takes to say nothing much.

use crate::{ROUNDS, alone, cost, median, megabytes, ms, program, row};

#[test]
#[ignore = "a measurement: hw-tests/bench/run"]
fn versions_and_help() {
    let _alone = alone();
    let program = program();
    let others = [("true", "/usr/bin/true", vec![]), ("fido2-token -V", "/usr/bin/fido2-token", vec!["-V"])];
    let ours = ["--version", "--help"].map(|word| (format!("keywright {word}"), program.clone(), vec![word]));
    let others = others.map(|(name, path, words)| (name.to_owned(), path.into(), words));
    for (name, path, words) in ours.into_iter().chain(others) {
        let walls = (0..ROUNDS * 3).map(|_| cost(&path, &words, &[]).wall);
        row("start", &[format!("`{name}`"), ms(median(walls))]);
    }
    let size = std::fs::metadata(&program).unwrap().len() / 1000;
    row("start", &["size of the program".into(), format!("{} MB", megabytes(size))]);
}
