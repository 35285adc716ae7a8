//! What a data protection officer hands to an authority: the record of processing, and the report of a breach.
//!
//! | type | answers | as |
//! |---|---|---|
//! | [`Register`] | GDPR Article 30(1) | JSON, one page of HTML |
//! | [`BreachReport`] | GDPR Articles 33 and 34 | JSON, Markdown that fits on a page |
//!
//! Both are plain data: whoever has a vault fills them. They hold counts and names, never a value. What software
//! cannot know, such as the likely consequences of a breach, is left blank in plain sight.

mod attention;
mod breach;
mod breach_text;
mod chart;
mod html;
mod moment;
mod of_radius;
mod of_vault;
mod page;
mod register;
mod sections;
mod table;
mod visible;

pub use breach::{Asked, BREACH_SCHEMA, BreachReport, Deadlines, ExposedField, ExposedKey, Notice};
pub use moment::{Day, Moment};
pub use register::{
    Audit, Consents, Controller, Count, DayCount, Erasability, Erasure, Field, FileColumn, Files, Head, Key,
    ModeCount, Purpose, REGISTER_SCHEMA, Register, Subjects, technical_measures,
};
