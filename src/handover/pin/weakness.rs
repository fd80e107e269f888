//! What makes a PIN trivial: what people try first, and what keys with a complexity rule refuse.

/// Characters in a row that count as a run.
const RUN: usize = 5;
/// Fewest distinct characters.
const DISTINCT: usize = 4;
/// Characters of a serial number or a user name that give it away.
const FRAGMENT: usize = 4;
/// Characters of a date with its year in full.
const DATE: usize = 8;

/// Orders in which fingers and minds go: counting, the alphabet, the columns of a keypad, the rows of a keyboard. Each is taken
/// forwards and backwards, and starts again at its end.
const ORDERS: [&[u8]; 7] =
    [b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"147258369", b"741852963", b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// Rows of the two keypads, telephone and computer.
const KEYPADS: [[&[u8]; 4]; 2] = [[b"123", b"456", b"789", b" 0 "], [b"789", b"456", b"123", b"00 "]];

/// What is well known beyond all rules: constants, Fibonacci numbers, tens.
const KNOWN: [&[u8]; 12] = [
    b"31415926",
    b"27182818",
    b"14142135",
    b"17320508",
    b"16180339",
    b"11235813",
    b"23571113",
    b"10203040",
    b"01020304",
    b"90807060",
    b"passw",
    b"secret",
];

/// Why a PIN is trivial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer than four distinct characters.
    #[error("it has fewer than {DISTINCT} different characters")]
    FewCharacters,
    /// The same step from each character to the next: 24680246.
    #[error("each character is the same step away from the one before")]
    Step,
    /// Five or more in a row: 12345, 98765, 14725.
    #[error("it contains a run such as 12345")]
    Run,
    /// Made of pairs: 11223344.
    #[error("it is made of pairs")]
    Pairs,
    /// A part again and again: 12341234, 12312312.
    #[error("it repeats itself")]
    Repeat,
    /// The same forwards and backwards: 12344321.
    #[error("it is the same backwards")]
    Palindrome,
    /// Contains a date of 1900 to 2099: 24121987, 12241987, 19871224.
    #[error("it contains a date")]
    Date,
    /// A walk from key to neighbouring key on a keypad: 14789632.
    #[error("it is a walk over the keypad")]
    KeypadWalk,
    /// Contains four characters of the key's serial number, the user's name or the like.
    #[error("it contains a part of the serial number or the user name")]
    Fragment,
    /// On the list of well-known PINs.
    #[error("it is well known")]
    Known,
}

/// The first reason why a PIN is trivial, if there is one. `avoid` are texts that others know, such as the serial number of
/// the key and the name of the user; capitals and punctuation in them do not matter.
pub fn weakness(pin: &str, avoid: &[&str]) -> Option<Weakness> {
    // Slices of the PIN only: a copy of it would have to be wiped.
    let pin = pin.as_bytes();
    let rules: [(Weakness, &dyn Fn() -> bool); 10] = [
        (Weakness::FewCharacters, &|| distinct(pin) < DISTINCT),
        (Weakness::Step, &|| steps_evenly(pin)),
        (Weakness::Run, &|| ORDERS.iter().any(|order| runs_along(order, pin))),
        (Weakness::Pairs, &|| is_pairs(pin)),
        (Weakness::Repeat, &|| repeats(pin)),
        (Weakness::Palindrome, &|| pin.iter().eq(pin.iter().rev())),
        (Weakness::Date, &|| pin.windows(DATE).any(is_date)),
        (Weakness::KeypadWalk, &|| KEYPADS.iter().any(|keypad| walks(keypad, pin))),
        (Weakness::Fragment, &|| avoid.iter().any(|text| shares_fragment(pin, text))),
        (Weakness::Known, &|| KNOWN.iter().any(|known| pin.windows(known.len()).any(|part| part == *known))),
    ];
    rules.iter().find(|(_, applies)| applies()).map(|(weakness, _)| *weakness)
}

fn distinct(pin: &[u8]) -> usize {
    pin.iter().enumerate().filter(|(index, character)| !pin.iter().take(*index).any(|earlier| earlier == *character)).count()
}

fn neighbours(pin: &[u8]) -> impl Iterator<Item = (u8, u8)> {
    pin.iter().copied().zip(pin.iter().copied().skip(1))
}

/// Digits only: letters that step evenly through the alphabet are no pattern that anybody sees.
fn steps_evenly(pin: &[u8]) -> bool {
    let mut steps = neighbours(pin).map(|(from, to)| step(b"0123456789", from, to));
    let Some(Some(first)) = steps.next() else { return false };
    steps.all(|step| step == Some(first))
}

/// How far it is from one character to another in an order that starts again at its end.
fn step(order: &[u8], from: u8, to: u8) -> Option<usize> {
    let place = |wanted| order.iter().position(|character| *character == wanted);
    place(to)?.checked_add(order.len())?.checked_sub(place(from)?)?.checked_rem(order.len())
}

fn runs_along(order: &[u8], pin: &[u8]) -> bool {
    let back = order.len().saturating_sub(1);
    [1, back].into_iter().any(|wanted| {
        let mut length = 1_usize;
        neighbours(pin).any(|(from, to)| {
            length = if step(order, from, to) == Some(wanted) { length.saturating_add(1) } else { 1 };
            length >= RUN
        })
    })
}

fn is_pairs(pin: &[u8]) -> bool {
    pin.chunks(2).all(|pair| matches!(pair, [one, other] if one == other))
}

fn repeats(pin: &[u8]) -> bool {
    let half = pin.len().div_euclid(2);
    (1..=half).any(|period| pin.iter().zip(pin.iter().skip(period)).all(|(one, other)| one == other))
}

fn is_date(digits: &[u8]) -> bool {
    let mut numbers = digits.chunks(2).map(|pair| match pair {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => (tens & 0x0F).checked_mul(10)?.checked_add(ones & 0x0F),
        _ => None,
    });
    let mut next = || numbers.next().flatten();
    let (Some(first), Some(second), Some(third), Some(fourth)) = (next(), next(), next(), next()) else { return false };
    let century = |number: u8| matches!(number, 19 | 20);
    let day_and_month = |one: u8, other: u8| {
        let month = |number: u8| (1..=12).contains(&number);
        let day = |number: u8| (1..=31).contains(&number);
        (day(one) && month(other)) || (month(one) && day(other))
    };
    (century(first) && day_and_month(third, fourth)) || (century(third) && day_and_month(first, second))
}

fn walks(keypad: &[&[u8]], pin: &[u8]) -> bool {
    let places = |wanted: u8| {
        keypad.iter().enumerate().flat_map(move |(row, keys)| {
            keys.iter().enumerate().filter(move |(_, key)| **key == wanted).map(move |(column, _)| (row, column))
        })
    };
    neighbours(pin).all(|(from, to)| {
        from != to && places(from).any(|(row, column)| places(to).any(|(r, c)| row.abs_diff(r) <= 1 && column.abs_diff(c) <= 1))
    })
}

fn shares_fragment(pin: &[u8], text: &str) -> bool {
    let text: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect();
    pin.windows(FRAGMENT).any(|part| text.windows(FRAGMENT).any(|known| known == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trivial_pins_are_told() {
        use Weakness::{Date, FewCharacters, Fragment, KeypadWalk, Known, Pairs, Palindrome, Repeat, Run, Step};
        let rows = [
            ("00000000", FewCharacters),
            ("11111112", FewCharacters),
            ("12121212", FewCharacters),
            ("12312312", FewCharacters),
            ("zzzzzzzz", FewCharacters),
            ("12345678", Step),
            ("87654321", Step),
            ("67890123", Step),
            ("32109876", Step),
            ("24680246", Step),
            ("36925814", Step),
            ("91234567", Run),
            ("12345971", Run),
            ("79890129", Run),
            ("39876539", Run),
            ("14725803", Run),
            ("85296382", Run),
            ("abcdefgh", Run),
            ("2xwvuts4", Run),
            ("k7qwertn", Run),
            ("11223344", Pairs),
            ("99337755", Pairs),
            ("71827182", Repeat),
            ("58315831", Repeat),
            ("50715071507", Repeat),
            ("17266271", Palindrome),
            ("172696271", Palindrome),
            ("24121987", Date),
            ("12241987", Date),
            ("19871224", Date),
            ("20263112", Date),
            ("7019871224", Date),
            ("14789632", KeypadWalk),
            ("15963258", KeypadWalk),
            ("25809856", KeypadWalk),
            ("41023698", KeypadWalk),
            ("81234907", Fragment),
            ("31415926", Known),
            ("10203040", Known),
        ];
        for (pin, expected) in rows {
            assert_eq!(weakness(pin, &["12349"]), Some(expected), "{pin}");
        }
    }

    #[test]
    fn other_pins_are_not() {
        for pin in [
            "70281946", "83019274", "57240861", "92640715", "19981375", "32121987", "00131987", "24122187", "k7r4x2hm",
            "95mnpqr2",
        ] {
            assert_eq!(weakness(pin, &["12349"]), None, "{pin}");
        }
    }

    #[test]
    fn fragments_ignore_capitals_and_punctuation() {
        let rows = [
            ("7k19r872", "Adele.K-19R@contoso.example", true),
            ("00281946", "5C-02-81-94", true),
            ("70281946", "028", false),
            ("70281946", "1946", true),
            ("70281946", "", false),
            ("70281946", "é194é", false),
        ];
        for (pin, text, expected) in rows {
            assert_eq!(weakness(pin, &[text]) == Some(Weakness::Fragment), expected, "{pin} {text}");
        }
    }

    #[test]
    fn any_text_is_judged_without_a_panic() {
        for pin in ["", "1", "ää", "日本語のピン", "12", "\u{1F600}\u{1F600}"] {
            let _ = weakness(pin, &["", "ä"]);
        }
    }
}
