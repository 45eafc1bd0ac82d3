//! What was measured, beside what was aimed at.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use std::fmt;

/// Rows in the order in which they were measured.
#[derive(Default)]
pub struct Table {
    notes: Vec<String>,
    rows: Vec<[String; 3]>,
}

impl Table {
    /// A line above the table.
    pub fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// One measurement; `aim`: what it should stay under, and whether it does.
    pub fn row(&mut self, name: impl Into<String>, value: String, aim: Option<(&str, bool)>) {
        let aim = aim.map(|(aim, met)| format!("< {aim}: {}", if met { "met" } else { "MISSED" }));
        self.rows.push([name.into(), value, aim.unwrap_or_default()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_BORDERS_ONLY).set_header(["measured", "value", "aim"]);
        for row in &self.rows {
            table.add_row(row);
        }
        write!(f, "{table}")
    }
}
