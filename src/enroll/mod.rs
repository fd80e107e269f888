//! The heart: one enrolment from the box to the tenant. Imports traits, never an adapter.

mod abilities;
mod advised;
mod choice;
mod consent;
mod desk;
mod elsewhere;
mod error;
mod flow;
mod handing;
mod held;
mod left;
mod notice;
mod outcome;
mod preflight;
mod progress;
mod replug;
mod resume;
mod retire;
mod stages;
mod tenant;

pub use abilities::Abilities;
pub use advised::exposures_of;
pub use choice::Selector;
pub use consent::EraseConsent;
pub use desk::{Desk, Generator, GeneratorSource, link_line};
pub use elsewhere::{Made, Outbox, Submitted, Use, made_by, made_in, use_among, use_of};
pub use error::{ALL, EnrolError};
pub use flow::{End, Enrolment, Order, PinWishes, ResetPolicy, Until};
pub use handing::{Confirmation, Delivery, HandOver, Handing, NotDelivered, Screen};
pub use held::{Held, Why, held};
pub use left::{Left, left_of};
pub use notice::{Notice, NoticeTemplate, TemplateError};
pub use preflight::{check, key_model};
pub use replug::{is_blank, reset};
pub use retire::{Retired, retire};
