//! The page: A4 with the address window of DIN 5008 form B, which is that of long envelopes (DL and C5/6) with a window on the
//! left. Folded at its marks into three, the PIN lies in the inner third and never behind the window.

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::Font;
use krilla::{Document, SerializeSettings};
use zeroize::Zeroizing;

use super::text::{Block, Text};
use super::typeface::Typeface;
use crate::handover::HandOverError;
use crate::secret::Pin;

/// Points of a millimetre.
const MM: f32 = 72.0 / 25.4;
const PAGE: (f32, f32) = (210.0, 297.0);
/// Left and right edge of the text.
const LEFT: f32 = 25.0;
const RIGHT: f32 = 190.0;
/// The lower part of the window, for the address itself (the upper 17.7 mm are for the sender): top and bottom.
const ADDRESS: (f32, f32) = (62.7, 90.0);
/// Right edge of the window.
const WINDOW_RIGHT: f32 = 105.0;
/// Where the sheet is folded.
const FOLDS: [f32; 2] = [105.0, 210.0];
/// Where the subject stands, and where the last line may.
const SUBJECT: f32 = 103.0;
const BOTTOM: f32 = 284.0;
/// Room for a logo: right and top edge, largest width and height.
const LOGO: (f32, f32, f32, f32) = (190.0, 12.0, 60.0, 24.0);
/// Sizes of the text that are tried, in points.
const SIZES: [f32; 4] = [10.5, 10.0, 9.5, 9.0];
/// Height of a PIN's characters, in points, if it is not too long for its line.
const PIN_SIZE: f32 = 24.0;
/// Between the characters of a PIN, in widths of one em: less than what would be taken for a space.
const PIN_SPACING: f32 = 0.06;

/// What is on every letter.
pub(super) struct Sheet {
    pub(super) body: Typeface,
    pub(super) pin: Typeface,
    pub(super) company: Option<String>,
    pub(super) logo: Option<Image>,
}

/// A letter that is to be set.
pub(super) struct Letter<'a> {
    pub(super) text: &'a Text,
    pub(super) address: &'a [String],
    pub(super) date: &'a str,
    pub(super) pin: &'a Pin,
    /// Tells this document from others; neither a PIN nor a user.
    pub(super) id: String,
}

/// One thing on the page: millimetres from the left, of its base line from the top, and what.
struct Mark<'a> {
    x: f32,
    y: f32,
    size: f32,
    spacing: f32,
    text: &'a str,
    is_pin: bool,
    place: &'static str,
}

impl Sheet {
    /// The letter as PDF. Its buffer is wiped when it is dropped; those that the PDF writer used are not.
    pub(super) fn set(&self, letter: &Letter<'_>) -> Result<Zeroizing<Vec<u8>>, HandOverError> {
        let mut fitting = Err(HandOverError::TooLong("it does not fit on one page"));
        for size in SIZES {
            fitting = self.laid_out(letter, size);
            match &fitting {
                Err(HandOverError::TooLong(_)) => {}
                _ => break,
            }
        }
        let body = fitting?;
        let settings = SerializeSettings { xmp_metadata: false, ..SerializeSettings::default() };
        let mut document = Document::new_with(settings);
        let size = PageSettings::from_wh(PAGE.0 * MM, PAGE.1 * MM).ok_or_else(|| fault("the page has no size"))?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        self.head(&mut surface, letter)?;
        for line in &body.lines {
            let mark =
                Mark { x: line.x, y: line.y, size: line.size, spacing: 0.0, text: &line.text, is_pin: false, place: "the text" };
            self.draw(&mut surface, &mark)?;
        }
        self.pin(&mut surface, letter.pin, body.pin)?;
        surface.finish();
        page.finish();
        document.set_metadata(
            Metadata::new().language(letter.text.language.clone()).creator("keywright".to_owned()).document_id(letter.id.clone()),
        );
        document.finish().map(Zeroizing::new).map_err(|error| fault(&format!("{error:?}")))
    }

    /// Everything above the subject, and the marks for folding.
    fn head(&self, surface: &mut Surface<'_>, letter: &Letter<'_>) -> Result<(), HandOverError> {
        if let Some(logo) = &self.logo {
            let (wide, high) = logo.size();
            let (right, top, most_wide, most_high) = LOGO;
            let (wide, high) = (pixels(wide), pixels(high));
            let scale = (most_wide / wide).min(most_high / high);
            let size = Size::from_wh(wide * scale * MM, high * scale * MM).ok_or_else(|| fault("the logo has no size"))?;
            surface.push_transform(&Transform::from_translate((right - wide * scale) * MM, top * MM));
            surface.draw_image(logo.clone(), size);
            surface.pop();
        }
        if let Some(company) = &self.company {
            let sender = Mark { x: LEFT, y: 60.0, size: 7.5, spacing: 0.0, text: company, is_pin: false, place: "the company" };
            self.draw_within(surface, &sender, WINDOW_RIGHT - 2.0)?;
            self.rule(surface, (LEFT, 61.2), (WINDOW_RIGHT - 5.0, 61.2), 0.4)?;
            if self.logo.is_none() {
                let name = Mark { y: 25.0, size: 14.0, ..sender };
                self.draw_within(surface, &name, RIGHT)?;
            }
        }
        let mut y = ADDRESS.0 + 5.0;
        for text in letter.address {
            let line = Mark { x: LEFT, y, size: 11.0, spacing: 0.0, text, is_pin: false, place: "the address" };
            self.draw_within(surface, &line, WINDOW_RIGHT - 2.0)?;
            y += 5.5;
        }
        let date = Mark { x: 125.0, y: 55.0, size: 10.0, spacing: 0.0, text: letter.date, is_pin: false, place: "the date" };
        self.draw(surface, &date)?;
        for fold in FOLDS {
            self.rule(surface, (4.0, fold), (8.0, fold), 0.3)?;
        }
        self.rule(surface, (4.0, PAGE.1 / 2.0), (9.0, PAGE.1 / 2.0), 0.3)
    }

    /// Breaks the text into lines at a size.
    fn laid_out(&self, letter: &Letter<'_>, size: f32) -> Result<Body, HandOverError> {
        let leading = size * 1.35 / MM;
        let mut body = Body { lines: Vec::new(), pin: 0.0 };
        let mut y = SUBJECT;
        for text in self.broken(&letter.text.subject, size + 1.5, RIGHT - LEFT)? {
            body.lines.push(Line { x: LEFT, y, size: size + 1.5, text });
            y += leading * 1.15;
        }
        y += leading * 0.6;
        let mut in_list = false;
        for block in &letter.text.blocks {
            let (label, text) = match block {
                Block::Pin => {
                    // The base line of the PIN's characters, in a frame of its own.
                    y += 7.0;
                    body.pin = y;
                    y += 11.0;
                    continue;
                }
                Block::Paragraph(text) => (None, text),
                Block::Item(label, text) => (Some(label), text),
            };
            if in_list && label.is_none() {
                y += leading * 0.5;
            }
            in_list = label.is_some();
            let indent = if label.is_some() { 7.0 } else { 0.0 };
            if let Some(label) = label {
                body.lines.push(Line { x: LEFT, y, size, text: label.clone() });
            }
            for text in self.broken(text, size, RIGHT - LEFT - indent)? {
                body.lines.push(Line { x: LEFT + indent, y, size, text });
                y += leading;
            }
            y += if in_list { leading * 0.15 } else { leading * 0.6 };
        }
        if body.pin < FOLDS[0] + 8.0 || body.pin > FOLDS[1] - 6.0 {
            return Err(HandOverError::TooLong("the PIN would not lie in the inner third of the folded sheet"));
        }
        let last = body.lines.iter().map(|line| line.y).fold(0.0, f32::max);
        if last > BOTTOM { Err(HandOverError::TooLong("it does not fit on one page")) } else { Ok(body) }
    }

    /// A text in lines of a width in millimetres. A word that is longer than a line is broken.
    fn broken(&self, text: &str, size: f32, width: f32) -> Result<Vec<String>, HandOverError> {
        let fits = |line: &str| Ok::<_, HandOverError>(self.body.width(line, size, "the text")? <= width * MM);
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if fits(&longer)? {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if !fits(&line)? {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.into()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        Ok(lines)
    }

    /// The PIN in its frame.
    fn pin(&self, surface: &mut Surface<'_>, pin: &Pin, y: f32) -> Result<(), HandOverError> {
        let room = (RIGHT - LEFT - 10.0) * MM;
        let one = self.pin.glyphs(pin.expose(), PIN_SPACING, "the PIN")?.iter().map(|glyph| glyph.x_advance).sum::<f32>();
        let size = PIN_SIZE.min(room / one.max(0.1));
        let frame = Rect::from_ltrb(LEFT * MM, (y - 9.5) * MM, LEFT * MM + one * size + 10.0 * MM, (y + 4.0) * MM);
        let mut path = PathBuilder::new();
        path.push_rect(frame.ok_or_else(|| fault("the PIN's frame has no size"))?);
        let path = path.finish().ok_or_else(|| fault("the PIN's frame has no size"))?;
        surface.set_fill(None);
        surface.set_stroke(Some(Stroke { width: 0.8, ..Stroke::default() }));
        surface.draw_path(&path);
        let text = pin.expose();
        let mark = Mark { x: LEFT + 5.0, y, size, spacing: PIN_SPACING, text, is_pin: true, place: "the PIN" };
        self.draw(surface, &mark)
    }

    /// A line that has to end before a place: it is set smaller if need be, down to half its size.
    fn draw_within(&self, surface: &mut Surface<'_>, mark: &Mark<'_>, right: f32) -> Result<(), HandOverError> {
        let wide = self.body.width(mark.text, mark.size, mark.place)?;
        let size = (mark.size * ((right - mark.x) * MM / wide.max(0.1)).min(1.0)).max(mark.size / 2.0);
        self.draw(surface, &Mark { size, ..*mark })
    }

    fn draw(&self, surface: &mut Surface<'_>, mark: &Mark<'_>) -> Result<(), HandOverError> {
        let typeface = if mark.is_pin { &self.pin } else { &self.body };
        let glyphs = typeface.glyphs(mark.text, mark.spacing, mark.place)?;
        let font: Font = typeface.font();
        surface.set_stroke(None);
        surface.set_fill(Some(black()));
        surface.draw_glyphs(Point::from_xy(mark.x * MM, mark.y * MM), &glyphs, font, mark.text, mark.size, false);
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "beside its siblings")]
    fn rule(&self, surface: &mut Surface<'_>, from: (f32, f32), to: (f32, f32), width: f32) -> Result<(), HandOverError> {
        let mut path = PathBuilder::new();
        path.move_to(from.0 * MM, from.1 * MM);
        path.line_to(to.0 * MM, to.1 * MM);
        let path = path.finish().ok_or_else(|| fault("a line has no length"))?;
        surface.set_fill(None);
        surface.set_stroke(Some(Stroke { width, ..Stroke::default() }));
        surface.draw_path(&path);
        Ok(())
    }
}

/// A line of the text; millimetres from the left and of its base line from the top.
struct Line {
    x: f32,
    y: f32,
    size: f32,
    text: String,
}

struct Body {
    lines: Vec<Line>,
    /// The base line of the PIN.
    pin: f32,
}

fn black() -> Fill {
    Fill { paint: rgb::Color::black().into(), opacity: NormalizedF32::ONE, rule: krilla::paint::FillRule::default() }
}

fn fault(reason: &str) -> HandOverError {
    HandOverError::Pdf(reason.to_owned())
}

/// Pixels of a picture, which have fewer digits than the number holds.
fn pixels(count: u32) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX)).max(1.0)
}
