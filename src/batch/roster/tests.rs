//! What is read from bytes.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Roster, RosterError> {
    Roster::of("r.csv", text.as_bytes().to_vec())
}

fn users(text: &str) -> Vec<(u32, String)> {
    let roster = read(text).unwrap();
    assert_eq!(roster.faults, [], "{text}");
    roster.rows.into_iter().map(|row| (row.line, row.user)).collect()
}

fn codes(text: &str) -> Vec<(u32, &'static str)> {
    read(text).unwrap().faults.iter().map(|fault| (fault.row, fault.code)).collect()
}

#[test]
fn each_delimiter_and_each_line_end() {
    for delimiter in [",", ";", "\t"] {
        for end in ["\n", "\r\n", "\r"] {
            let text = "UPN|Serial Number|TicketId|OperatorNote\na@b.c|1001|T-1|\"one|two\"\n\nd@e.f||T-2|\n";
            let text = text.replace('|', delimiter).replace('\n', end);
            let roster = read(&text).unwrap();
            let first = Row {
                line: 2,
                user: "a@b.c".into(),
                serial: Some("1001".into()),
                ticket: Some("T-1".into()),
                note: Some(format!("one{delimiter}two").replace('\t', "\t")),
                ..Row::default()
            };
            if delimiter == "\t" {
                // A tab within a cell is a character that nobody can see.
                assert_eq!(roster.faults[0].code, "roster/cell", "{text:?}");
                continue;
            }
            assert_eq!((roster.rows.len(), &roster.rows[0]), (2, &first), "{text:?}");
            assert_eq!((roster.rows[1].line, roster.rows[1].ticket.as_deref()), (4, Some("T-2")), "{text:?}");
        }
    }
}

#[test]
fn rows_are_numbered_as_an_editor_does() {
    let text = "# the new ones\n\nupn,note\n# one\n\"a@b.c\",\"in\ntwo lines\"\n  # more\r\n\nd@e.f,x\n#last\ng@h.i,";
    let roster = read(text).unwrap();
    assert_eq!(roster.faults.iter().map(|fault| fault.row).collect::<Vec<_>>(), [5], "a note of two lines has a line end in it");
    assert_eq!(roster.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [9, 11]);
    assert_eq!(users("sep=;\r\nupn;x\r\na@b.c;1\r\n"), [(3, "a@b.c".to_owned())]);
}

#[test]
fn a_name_a_line_needs_no_header() {
    let list = "\u{feff}# the new ones\n\nadele@contoso.example\r\n  bo@contoso.example\t# second floor\n\
                gil_fabrikam.example#EXT#@contoso.example # a guest\n87d349ed-44d7-43e1-9a83-5f2406dee501\n";
    let expected = [
        (3, "adele@contoso.example"),
        (4, "bo@contoso.example"),
        (5, "gil_fabrikam.example#EXT#@contoso.example"),
        (6, "87d349ed-44d7-43e1-9a83-5f2406dee501"),
    ];
    assert_eq!(users(list), expected.map(|(line, user)| (line, user.to_owned())));
    let roster = read("a@b.c;Adele;7\nd@e.f\n").unwrap();
    assert_eq!((roster.rows.len(), roster.warnings.len()), (2, 1), "{:?}", roster.warnings);
    assert!(matches!(read("adele\nbo\n"), Err(RosterError::Columns { .. })));
}

#[test]
fn columns_in_any_order_and_those_that_are_not_known() {
    let roster = read("Colour;mail;userPrincipalName;PIN Length;Size\nred;x@y.z;a@b.c;8;L\nred;x@y.z;;9;L\n").unwrap();
    let users: Vec<_> = roster.rows.iter().map(|row| (row.user.as_str(), row.pin_length)).collect();
    assert_eq!(users, [("a@b.c", Some(8)), ("x@y.z", Some(9))], "the principal name goes before the address");
    assert!(roster.warnings[0].contains("Colour, Size"), "{:?}", roster.warnings);
    assert!(matches!(read("upn,serial,Serial Number\na@b.c,1,2\n"), Err(RosterError::Columns { .. })));
    assert!(matches!(read("serial,colour\n1,red\n"), Err(RosterError::Columns { .. })));
}

#[test]
fn every_fault_of_every_row_at_once() {
    let text = format!(
        "upn,serial,pin length,display name\na@b.c,1.2E+07,3,{}\n,1002,,\nd@e.f,ok-1,eight,\ng h@i.j,,,\n{}@b.c,,,\nk@l.m,a b,64,\n",
        "n".repeat(31),
        "x".repeat(513)
    );
    let expected = [
        (2, "roster/cell"),
        (2, "roster/pin-length"),
        (2, "roster/name-too-long"),
        (3, "roster/no-user"),
        (4, "roster/pin-length"),
        (5, "roster/cell"),
        (6, "roster/cell"),
        (7, "roster/cell"),
        (7, "roster/pin-length"),
    ];
    assert_eq!(codes(&text), expected);
    let emoji = format!("upn,displayName\na@b.c,{}\n", "🔑".repeat(16));
    assert_eq!(codes(&emoji), [(2, "roster/name-too-long")], "the tenant counts UTF-16 units");
}

#[test]
fn json_in_its_forms() {
    let array = "[\n  {\"upn\": \"a@b.c\", \"serialNumber\": 1001, \"pinLength\": 8, \"size\": \"L\"},\n  \"d@e.f\",\n\n {\"userId\":\"1\",\"note\":null}\n]\n";
    let roster = read(array).unwrap();
    let rows: Vec<_> = roster.rows.iter().map(|row| (row.line, row.user.as_str(), row.serial.as_deref())).collect();
    assert_eq!(rows, [(2, "a@b.c", Some("1001")), (3, "d@e.f", None), (5, "1", None)]);
    assert!(roster.warnings[0].contains("size"), "{:?}", roster.warnings);
    let lines = "{\"upn\":\"a@b.c\"}\n# no more\n\n{\"upn\":\"d@e.f\",\"Serial\":\"7\"}\n{\"upn\":[]}\n{\"upn\"\n7\n{\"mail\":\"m@n.o\",\"email\":\"p@q.r\"}\n";
    let roster = read(lines).unwrap();
    assert_eq!(roster.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 4]);
    let codes: Vec<_> = roster.faults.iter().map(|fault| (fault.row, fault.code)).collect();
    let expected = [5, 6, 7, 8].map(|row| (row, "roster/unreadable-row"));
    assert_eq!(codes, expected);
    for (text, line) in
        [("[", 1), ("[\n\"a@b.c\"\n\"d@e.f\"]", 3), ("[\"a@b.c\"] x", 1), ("[\"a\", {]", 1), ("[1,]", 1), ("[,1]", 1)]
    {
        assert!(matches!(read(text), Err(RosterError::Form { line: at, .. }) if at == line), "{text}: {:?}", read(text));
    }
    assert!(matches!(read("[]"), Err(RosterError::Empty(_))));
    assert!(matches!(read(&"[".repeat(100_000)), Err(RosterError::Form { .. })), "nesting is bounded");
}

#[test]
fn sizes_have_bounds() {
    let too_large = |text: String| matches!(read(&text), Err(RosterError::TooLarge { .. }));
    assert!(too_large(format!("upn\n\"{}", "a@b.c\n".repeat(5000))), "a quotation mark that is not closed");
    assert!(too_large(format!("upn{}\n", ",x".repeat(MOST_COLUMNS))));
    assert!(too_large("x".repeat(MOST_BYTES + 1)));
    assert!(too_large(format!("[{{\"upn\":\"{}\"}}]", "x".repeat(MOST_OF_ROW))));
    assert!(too_large(format!("{{\"upn\":\"{}\"}}\n", "x".repeat(MOST_OF_ROW))));
    let mut many = String::from("upn\n");
    (0..=MOST_ROWS).for_each(|number| writeln!(many, "u{number}@b.c").unwrap());
    assert!(too_large(many));
    assert!(matches!(read("\n# nobody\n"), Err(RosterError::Empty(_))));
    assert!(matches!(read("upn,serial\n"), Err(RosterError::Empty(_))));
}

#[test]
fn where_a_roster_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.csv");
    std::fs::write(&path, "a@b.c\n").unwrap();
    let from = |text: &str| read_source(text, &mut "d@e.f\n".as_bytes());
    assert_eq!(from(path.to_str().unwrap()).unwrap().rows[0].user, "a@b.c");
    assert_eq!(from("-").unwrap().rows[0].user, "d@e.f");
    assert!(matches!(from("nowhere.csv"), Err(RosterError::Unreadable { .. })));
    assert_eq!(Source::from("group:Key users"), Source::Group("Key users".into()));
}

fn read_source(text: &str, input: &mut dyn std::io::Read) -> Result<Roster, RosterError> {
    super::read(&Source::from(text), input)
}

#[test]
fn arguments_are_names_or_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.txt");
    let of = |text: &str| {
        std::fs::write(&path, text).unwrap();
        names(&[path.to_str().unwrap().to_owned()])
    };
    assert_eq!(names(&["a@b.example".into(), "c@b.example".into(), "A@B.example".into()]).unwrap().len(), 2);
    assert!(matches!(names(&["nowhere.txt".into()]), Err(RosterError::Unreadable { .. })));
    assert!(matches!(names(&[]), Err(RosterError::Empty(_))));
    assert_eq!(of("adele@b.example\nbo@b.example # two\nADELE@b.example\n").unwrap().len(), 2);
    assert!(matches!(of("a@b.example\nadele\n"), Err(RosterError::Row { line: 2, .. })));
    let many: String = (0..=4000).map(|number| format!("u{number}@b.example\n")).collect();
    assert!(matches!(of(&many), Err(RosterError::Crowd { count: 4001, .. })));
}

proptest! {
    /// Whatever the bytes are, there are rows, faults or an error, and every row has its line.
    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        bounded(bytes);
    }

    /// The same for texts that look like rosters.
    #[test]
    fn any_text_is_rows_or_an_error(text in "(upn|mail|\\[|\\{\"upn\":|sep=;\n|\u{feff})?([a-c@.,;\t\"#\\[\\]{}: \r\n]|\"upn\":|serial|é|🔑){0,80}") {
        bounded(text.into_bytes());
    }
}

fn bounded(bytes: Vec<u8>) {
    let lines = u32::try_from(bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count().saturating_add(1)).unwrap();
    if let Ok(roster) = Roster::of("r", bytes) {
        let numbers: Vec<u32> = roster.rows.iter().map(|row| row.line).collect();
        assert!(numbers.is_sorted() && numbers.iter().all(|line| (1..=lines).contains(line)), "{roster:?}");
        assert!(roster.faults.iter().all(|fault| (1..=lines).contains(&fault.row)), "{roster:?}");
    }
}
