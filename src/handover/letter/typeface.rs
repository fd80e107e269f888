//! A typeface: which glyph a character has and how wide it is. Whatever it cannot set is an error, never an empty box.

use std::path::Path;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

use crate::handover::HandOverError;

/// Latin, Greek, Cyrillic: a subset of DejaVu Sans.
const BODY: &[u8] = include_bytes!("fonts/DejaVuSans-subset.ttf");
/// ASCII, with a zero that is no O and a one that is no l: a subset of DejaVu Sans Mono Bold.
const PIN: &[u8] = include_bytes!("fonts/DejaVuSansMono-Bold-subset.ttf");
/// Longest typeface file.
const LONGEST: u64 = 32 << 20;

/// Characters that change their form or their order beside others, which these letters do not do: marks, right-to-left and
/// Indic scripts, joiners and marks of direction.
const JOINED: &[(char, char)] = &[
    ('\u{0300}', '\u{036f}'),
    ('\u{0483}', '\u{0489}'),
    ('\u{0590}', '\u{109f}'),
    ('\u{1700}', '\u{1dff}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{20d0}', '\u{20ff}'),
    ('\u{a800}', '\u{abff}'),
    ('\u{d7b0}', '\u{d7ff}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fb1d}', '\u{feff}'),
    ('\u{fff0}', '\u{fffd}'),
    ('\u{10800}', '\u{1ffff}'),
    ('\u{e0000}', '\u{10ffff}'),
];

/// A typeface, ready to be measured and put into a PDF.
pub(super) struct Typeface {
    bytes: Vec<u8>,
    font: Font,
}

impl Typeface {
    /// The one for text.
    pub(super) fn body() -> Result<Self, HandOverError> {
        Self::of(BODY.to_vec()).ok_or_else(|| HandOverError::Pdf("its own typeface cannot be read".into()))
    }

    /// The one for PINs.
    pub(super) fn pin() -> Result<Self, HandOverError> {
        Self::of(PIN.to_vec()).ok_or_else(|| HandOverError::Pdf("its own typeface cannot be read".into()))
    }

    /// Reads a TrueType or OpenType file.
    pub(super) fn read(path: &Path) -> Result<Self, HandOverError> {
        let fault = |reason: &str| HandOverError::Material { path: path.to_owned(), reason: reason.to_owned() };
        let length = std::fs::metadata(path).map_err(|error| HandOverError::file(path, &error))?.len();
        if length > LONGEST {
            return Err(fault("it is too long for a typeface"));
        }
        let bytes = std::fs::read(path).map_err(|error| HandOverError::file(path, &error))?;
        Self::of(bytes).ok_or_else(|| fault("it is no TrueType or OpenType typeface"))
    }

    fn of(bytes: Vec<u8>) -> Option<Self> {
        let font = Font::new(bytes.clone().into(), 0)?;
        FontRef::from_index(&bytes, 0).ok()?;
        Some(Self { bytes, font })
    }

    /// As the PDF writer takes it.
    pub(super) fn font(&self) -> Font {
        self.font.clone()
    }

    /// The glyphs of a line, with `spacing` after each, in widths of one em.
    pub(super) fn glyphs(&self, text: &str, spacing: f32, place: &'static str) -> Result<Vec<KrillaGlyph>, HandOverError> {
        let font = FontRef::from_index(&self.bytes, 0).map_err(|error| HandOverError::Pdf(error.to_string()))?;
        let (map, metrics) = (font.charmap(), font.glyph_metrics(Size::new(1.0), LocationRef::default()));
        let mut glyphs = Vec::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            let joined = JOINED.iter().any(|(first, last)| (*first..=*last).contains(&c));
            let known = map.map(c).filter(|id| !joined && id.to_u32() != 0);
            let advance = known.and_then(|id| Some((id, metrics.advance_width(id)?)));
            let (id, width) = advance.ok_or_else(|| HandOverError::Glyph { shown: shown(c), place })?;
            let end = at.saturating_add(c.len_utf8());
            glyphs.push(KrillaGlyph::new(GlyphId::new(id.to_u32()), width + spacing, 0.0, 0.0, 0.0, at..end, None));
        }
        Ok(glyphs)
    }

    /// How wide a line is, in points, at a size in points.
    pub(super) fn width(&self, text: &str, size: f32, place: &'static str) -> Result<f32, HandOverError> {
        Ok(self.glyphs(text, 0.0, place)?.iter().map(|glyph| glyph.x_advance).sum::<f32>() * size)
    }
}

/// A character so that it can be looked up, and seen if that is harmless.
fn shown(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if c.is_alphanumeric() { format!("{c} ({number})") } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_a_pin_and_of_five_languages_has_a_glyph() {
        let pin = Typeface::pin().unwrap();
        let ascii: String = (' '..='~').collect();
        assert_eq!(pin.glyphs(&ascii, 0.0, "PIN").unwrap().len(), 95);
        let body = Typeface::body().unwrap();
        body.glyphs("Äöüß Éèêçœ ñ¿¡ ĳ Łódź Ștefan Žižek Đặng Ελλάδα Україна „“”‘’«»–—…€", 0.0, "text").unwrap();
    }

    #[test]
    fn what_cannot_be_set_is_told() {
        let body = Typeface::body().unwrap();
        for (text, named) in
            [("山田", "山 (U+5C71)"), ("אב", "U+05D0"), ("u\u{308}", "U+0308"), ("a\u{202e}b", "U+202E"), ("\u{e000}", "U+E000")]
        {
            let error = body.glyphs(text, 0.0, "the name").err().unwrap().to_string();
            assert!(error.contains(named) && error.ends_with("of the name") && !error.contains('\u{202e}'), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_no_typeface_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f.ttf");
        for bytes in [&b""[..], b"\0\x01\0\0", &BODY[..400], &[0xFF; 5000]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(Typeface::read(&path), Err(HandOverError::Material { .. })));
        }
        std::fs::write(&path, PIN).unwrap();
        assert!(Typeface::read(&path).unwrap().width("12", 10.0, "text").unwrap() > 10.0);
    }
}
