//! Messages that no honest key answers with, the same over every link.

/// Longest message of CTAPHID.
const LONGEST: usize = 7609;

/// Name, what is made of the honest answer to a CTAP2 command (status byte, then CBOR), and the code of the error that it has to end
/// in; `None`: the answer is honest, if strange.
pub type Nonsense = (&'static str, fn(Vec<u8>) -> Vec<u8>, Option<&'static str>);

/// Every one of them.
pub const NONSENSE: &[Nonsense] = &[
    ("a status that nobody knows", |_| vec![0xDF], Some("key/spec-last")),
    ("no map", |_| vec![0], Some("key/reply")),
    ("cut CBOR", |message| message[..message.len() / 2].to_vec(), Some("key/reply")),
    ("more after the CBOR", |message| [message, vec![0; 9]].concat(), Some("key/reply")),
    ("bottomless arrays", |_| [vec![0], vec![0x81; LONGEST - 1]].concat(), Some("key/reply")),
    ("bottomless maps", |_| [vec![0, 0xA1, 0x01], [0xA1, 0x01].repeat(3000)].concat(), Some("key/reply")),
    ("bottomless indefinite arrays", |_| [vec![0], vec![0x9F; LONGEST - 1]].concat(), Some("key/reply")),
    ("an array of 2^64 items", |_| announced(&[0x9B, 255, 255, 255, 255, 255, 255, 255, 255]), Some("key/reply")),
    // Small enough to be believed: two gigabytes if room were made for it.
    ("an array of 2^26 items", |_| announced(&[0x9A, 4, 0, 0, 0]), Some("key/reply")),
    ("a map of 2^26 items", |_| announced(&[0xBA, 4, 0, 0, 0]), Some("key/reply")),
    ("a text of 2^31 bytes", |_| announced(&[0x7A, 0x80, 0, 0, 0]), Some("key/reply")),
    ("the longest answer of small items", |_| small_items(), Some("key/reply")),
    ("the longest answer", |_| long_text(), None),
];

/// {1: what is announced, and little of it}.
fn announced(head: &[u8]) -> Vec<u8> {
    [&[0, 0xA1, 0x01], head, &[0x01; 40]].concat()
}

/// As many items as fit, where versions are expected.
fn small_items() -> Vec<u8> {
    let count = u16::try_from(LONGEST - 6).unwrap();
    [&[0, 0xA1, 0x01, 0x99][..], &count.to_be_bytes(), &vec![0x01; usize::from(count)]].concat()
}

/// {1: [text], 3: 16 bytes}, the text as long as fits.
fn long_text() -> Vec<u8> {
    let mut message = vec![0x00, 0xA2, 0x01, 0x81, 0x79];
    let length = LONGEST - message.len() - 2 - 18;
    message.extend(u16::try_from(length).unwrap().to_be_bytes());
    message.resize(message.len() + length, b'F');
    message.extend([0x03, 0x50]);
    message.resize(LONGEST, 0x11);
    message
}
