//! Pictures of the terminal, made of real runs: `scripts/pictures` writes them anew, and without that the runs are only looked at.

use std::fmt::Write as _;
use std::path::Path;

use vt100::{Cell, Color, Screen};

use crate::pages::root;
use crate::terminal::{Next, film};

const WIDTH: u32 = 9;
const HEIGHT: u32 = 19;
const MARGIN: u32 = 14;
/// Black, red, green, yellow, blue, magenta, cyan, white; then the bright ones.
const COLOURS: [&str; 16] = [
    "#1d2330", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0", "#6b7386", "#ff7b86", "#b5e08f",
    "#ffd68a", "#7cc4ff", "#de8ff0", "#6fd3df", "#ffffff",
];

fn colour(cell: &Cell) -> &'static str {
    match cell.fgcolor() {
        Color::Idx(index) if usize::from(index) < COLOURS.len() => COLOURS[usize::from(index)],
        _ => COLOURS[7],
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The screen down to its last line, as SVG; each run of one colour is one text.
fn svg(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let last =
        screen.rows(0, columns).enumerate().filter(|(_, row)| !row.trim().is_empty()).map(|(row, _)| row).last().unwrap_or(0);
    let (width, height) = (u32::from(columns) * WIDTH + 2 * MARGIN, (u32::try_from(last).unwrap() + 1) * HEIGHT + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#12161f\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"15\" xml:space=\"preserve\">\n",
        escaped(title)
    );
    for row in 0..rows.min(u16::try_from(last).unwrap() + 1) {
        let mut column = 0;
        while column < columns {
            let look = |column| screen.cell(row, column).map(|cell: &Cell| (colour(cell), cell.bold(), cell.dim()));
            let style = look(column);
            let end = (column..columns).find(|other| look(*other) != style).unwrap_or(columns);
            let text: String = (column..end)
                .filter_map(|column| screen.cell(row, column))
                .map(|cell| if cell.has_contents() { cell.contents() } else { " " })
                .collect();
            if let (Some((colour, bold, dim)), false) = (style, text.trim().is_empty()) {
                let (x, y) = (MARGIN + u32::from(column) * WIDTH, MARGIN + u32::from(row) * HEIGHT + 14);
                let length = u32::from(end - column) * WIDTH;
                let weight = if bold { " font-weight=\"bold\"" } else { "" };
                let faint = if dim { " opacity=\"0.65\"" } else { "" };
                let text = escaped(&text);
                writeln!(svg, "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" fill=\"{colour}\"{weight}{faint}>{text}</text>")
                    .unwrap();
            }
            column = end;
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn keep(name: &str, title: &str, screen: &Screen) {
    if std::env::var_os("KEYWRIGHT_BLESS").is_some() {
        let directory = root().join("docs/pictures");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(name), svg(screen, title)).unwrap();
    }
}

/// The command as it is typed, before what it writes.
fn typed(command: &str, run: &str) -> String {
    format!("printf '\\033[1m$ {command}\\033[0m\\n'; {}", run.replace("keywright", env!("CARGO_BIN_EXE_keywright")))
}

fn roster(directory: &Path, users: u32) {
    let rows: String = (1..=users).map(|number| format!("user{number:05}@contoso.example\n")).collect();
    std::fs::write(directory.join("roster.csv"), format!("user\n{rows}")).unwrap();
}

#[test]
fn an_enrolment_in_a_terminal() {
    let place = tempfile::tempdir().unwrap();
    let command = "keywright --simulate enroll adele@contoso.example";
    let variables = [("KEYWRIGHT_TRAINING_PACE", "50"), ("KEYWRIGHT_TRAINING_TOUCH", "100"), ("KEYWRIGHT_TRAINING_LATENCY", "0")];
    let mut answered = false;
    let film = film(place.path(), &variables, &typed(command, command), (40, 104), |screen| {
        let text = screen.contents();
        if !answered && text.contains("[y/N]") {
            for words in ["PIN change forced", "temporary PIN", "The tenant has the passkey"] {
                assert!(text.contains(words), "{words}\n{text}");
            }
            keep("enroll.svg", "keywright enroll, on the training key", screen);
            answered = true;
            return Next::Type("y\n");
        }
        Next::Look
    });
    assert!(!film.screen().hide_cursor(), "the cursor is back");
    assert!(answered, "{}", film.screen().contents());
}

#[test]
fn four_keys_at_once_in_a_terminal() {
    let place = tempfile::tempdir().unwrap();
    roster(place.path(), 12);
    let command = "keywright --simulate batch run roster.csv";
    let variables = [
        ("KEYWRIGHT_TRAINING_PACE", "300"),
        ("KEYWRIGHT_TRAINING_TOUCH", "300"),
        ("KEYWRIGHT_TRAINING_LATENCY", "20"),
        ("KEYWRIGHT_TRAINING_USERS", "12"),
        ("KEYWRIGHT_BELL", "1"),
        ("KEYWRIGHT_HAND_OVER", "letter"),
        ("KEYWRIGHT_LETTERS", "letters"),
    ];
    let film = film(place.path(), &variables, &typed(command, command), (30, 104), |screen| {
        let text = screen.contents();
        let lanes = (1..=4).all(|port| text.contains(&format!("1-{port}")));
        if lanes && text.contains("3 of 12") { Next::Leave } else { Next::Look }
    });
    let text = film.screen().contents();
    assert!(text.contains("3 of 12"), "{text}");
    let places: Vec<usize> = (1..=4).map(|port| text.rfind(&format!("1-{port}")).unwrap()).collect();
    assert!(places.is_sorted(), "a line a port, in the order of the ports:\n{text}");
    assert!(film.bells > 3, "it rings for hands: {}", film.bells);
    keep("batch.svg", "keywright batch run: four keys at once", film.screen());
}
