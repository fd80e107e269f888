//! A letter a user: a PDF with the name and the PIN, in a directory or on a printer.
//!
//! The PIN is in nothing but the page itself: not in the document's data, not in a file's name, and in no temporary file. The
//! PDF writer keeps it in buffers that it frees without wiping (`docs/hand-over.md`).

mod page;
mod printer;
mod text;
mod typeface;

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::image::Image;
use zeroize::Zeroizing;

use self::page::{Letter, Sheet};
pub use self::printer::Printer;
use self::text::{Facts, Texts};
use self::typeface::Typeface;
use super::tray::Tray;
use crate::clock::SharedClock;
use crate::enroll::{Confirmation, Delivery, HandOver, Handing, NotDelivered};
use crate::handover::HandOverError;
use crate::identity::User;
use crate::secret::Pin;
use crate::ui::Summary;

/// Longest logo file.
const LONGEST_LOGO: u64 = 4 << 20;
/// Most pixels of a logo, each way.
const MOST_PIXELS: u32 = 8000;
/// The longest PIN that is drawn, to try a letter with.
const SPECIMEN: &str = "0123456789";

/// How letters look and where they go.
#[derive(Clone, Debug, Default)]
pub struct LetterPlan {
    /// The directory that they are written to.
    pub directory: Option<PathBuf>,
    /// Printed by `lp`.
    pub print: Option<Printer>,
    /// The company's name.
    pub company: Option<String>,
    /// The company's logo, PNG or JPEG.
    pub logo: Option<PathBuf>,
    /// A typeface for the text, TrueType or OpenType.
    pub font: Option<PathBuf>,
    /// The directory of the company's own templates.
    pub templates: Option<PathBuf>,
    /// The language for whoever prefers none that there is.
    pub language: Option<String>,
    /// The key's serial number stands in the letter.
    pub serial: bool,
}

/// Writes letters.
pub struct Letters {
    sheet: Sheet,
    texts: Texts,
    tray: Option<Tray>,
    print: Option<Printer>,
    serial: bool,
    clock: SharedClock,
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letters").field("tray", &self.tray).field("print", &self.print).finish_non_exhaustive()
    }
}

impl Letters {
    /// Reads everything that the letters are made of, and checks it.
    ///
    /// # Errors
    /// [`HandOverError`].
    pub fn new(plan: &LetterPlan, clock: SharedClock) -> Result<Self, HandOverError> {
        let sheet = Sheet {
            body: plan.font.as_deref().map_or_else(Typeface::body, Typeface::read)?,
            pin: Typeface::pin()?,
            company: plan.company.clone(),
            logo: plan.logo.as_deref().map(logo).transpose()?,
        };
        let letters = Self {
            sheet,
            texts: Texts::new(plan.templates.as_deref(), plan.language.as_deref())?,
            tray: plan.directory.as_deref().map(Tray::open).transpose()?,
            print: plan.print.clone(),
            serial: plan.serial,
            clock,
        };
        // What a logo or a typeface holds is known when it was set once.
        letters.specimen(None, "Specimen", "specimen@contoso.example")?;
        Ok(letters)
    }

    /// A letter to nobody, to find out whether it can be set.
    fn specimen(&self, language: Option<&str>, name: &str, upn: &str) -> Result<(), HandOverError> {
        let pin = Pin::new(Zeroizing::new(SPECIMEN.into())).map_err(|error| HandOverError::Pdf(error.to_string()))?;
        let now = self.clock.now();
        let facts = Facts {
            name: name.to_owned(),
            upn: upn.to_owned(),
            model: "Security key".into(),
            passkey_name: "Security key".into(),
            serial: self.serial.then(|| "0123456789".into()),
            register_before: Some(now.to_string()),
            ..Facts::default()
        };
        self.set(language, facts, &pin, "specimen".into(), now).map(drop)
    }

    fn set(
        &self,
        language: Option<&str>,
        facts: Facts,
        pin: &Pin,
        id: String,
        now: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, HandOverError> {
        let date = TimeZone::UTC.to_datetime(now).date().to_string();
        let facts = Facts { company: self.sheet.company.clone(), date: date.clone(), ..facts };
        let text = self.texts.letter(language, &facts)?;
        let same = facts.name == facts.upn;
        let address = if same { vec![facts.upn] } else { vec![facts.name, facts.upn] };
        self.sheet.set(&Letter { text: &text, address: &address, date: &date, pin, id })
    }

    /// A user's letter, as PDF.
    ///
    /// # Errors
    /// [`HandOverError`].
    pub fn letter(&self, handing: &Handing<'_>) -> Result<Zeroizing<Vec<u8>>, HandOverError> {
        let Summary { upn, model, serial, display_name, pin_change_forced, register_before, .. } = handing.summary;
        // By default a passkey is named by model and serial number.
        let told = !self.serial && serial.as_ref().is_some_and(|serial| display_name.contains(serial.as_str()));
        let facts = Facts {
            name: name_of(handing.user).to_owned(),
            upn: upn.clone(),
            model: model.clone(),
            serial: serial.clone().filter(|_| self.serial),
            passkey_name: if told { String::new() } else { display_name.clone() },
            must_change: *pin_change_forced,
            register_before: register_before.map(|end| TimeZone::UTC.to_datetime(end).date().to_string()),
            ..Facts::default()
        };
        let id = format!("keywright job {} at {}", handing.job, handing.now);
        self.set(handing.user.language.as_deref(), facts, handing.pin, id, handing.now)
    }

    fn send(&self, handing: &Handing<'_>) -> Result<Option<String>, HandOverError> {
        let pdf = self.letter(handing)?;
        let name = self.tray.as_ref().map(|tray| tray.put(handing.job, "letter", "pdf", &pdf)).transpose()?;
        let Some(printer) = &self.print else { return Ok(name) };
        if let Err(error) = printer::print(&pdf, printer, &self.clock) {
            // The next try writes another one.
            if let (Some(tray), Some(name)) = (&self.tray, &name) {
                tray.remove(name);
            }
            return Err(error);
        }
        Ok(name)
    }
}

impl HandOver for Letters {
    fn means(&self) -> &'static str {
        "letter"
    }

    /// A file is there when it is written. What went to a printer may still be eaten by it.
    fn confirmation(&self) -> Confirmation {
        if self.tray.is_some() { Confirmation::ByItself } else { Confirmation::Needed }
    }

    fn check(&mut self, user: &User) -> Result<(), NotDelivered> {
        self.specimen(user.language.as_deref(), name_of(user), &user.upn).map_err(|error| NotDelivered::by(&error))
    }

    fn deliver(&mut self, handing: &Handing<'_>) -> Result<Delivery, NotDelivered> {
        self.send(handing).map(Delivery::Put).map_err(|error| NotDelivered::by(&error))
    }
}

fn name_of(user: &User) -> &str {
    user.display_name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&user.upn)
}

fn logo(path: &Path) -> Result<Image, HandOverError> {
    let fault = |reason: &str| HandOverError::Material { path: path.to_owned(), reason: reason.to_owned() };
    let length = std::fs::metadata(path).map_err(|error| HandOverError::file(path, &error))?.len();
    if length > LONGEST_LOGO {
        return Err(fault("it is too long for a logo"));
    }
    let bytes = std::fs::read(path).map_err(|error| HandOverError::file(path, &error))?;
    let image = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => Image::from_png(bytes.into(), true),
        [0xFF, 0xD8, ..] => Image::from_jpeg(bytes.into(), true),
        _ => return Err(fault("it is neither PNG nor JPEG")),
    };
    let image = image.map_err(|reason| fault(&reason))?;
    let (wide, high) = image.size();
    if !(1..=MOST_PIXELS).contains(&wide) || !(1..=MOST_PIXELS).contains(&high) {
        return Err(fault("it has no size that can be used (up to 8000 pixels each way)"));
    }
    Ok(image)
}
