//! Tables for people and one document for programs.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use serde_json::Value;

use crate::machine::Machine;

/// What a command found.
#[derive(Debug)]
pub(crate) struct Report {
    tables: Vec<(String, Table)>,
    document: serde_json::Map<String, Value>,
    faults: Vec<String>,
}

/// One ratio that is to be reached.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) what: &'static str,
    pub(crate) ratio: f64,
    pub(crate) target: Target,
}

/// Where a ratio should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Ratio {
    fn is_met(&self) -> bool {
        match self.target {
            Target::AtLeast(bound) => self.ratio >= bound,
            Target::AtMost(bound) => self.ratio <= bound,
        }
    }
}

impl Report {
    pub(crate) fn new() -> Self {
        let machine = Machine::here();
        let mut report = Self { tables: Vec::new(), document: serde_json::Map::new(), faults: Vec::new() };
        report.line(machine.line());
        report.note("machine", &machine);
        report
    }

    /// Adds to the document only.
    pub(crate) fn note(&mut self, key: &str, value: &impl Serialize) {
        // What these commands find can always be written as JSON.
        self.document.insert(key.to_owned(), serde_json::to_value(value).unwrap_or_default());
    }

    /// Adds a table, and its rows to the document.
    pub(crate) fn table<T: Serialize>(
        &mut self,
        key: &str,
        title: &str,
        header: &[&str],
        rows: &[T],
        cells: impl Fn(&T) -> Vec<String>,
    ) {
        let mut table = Table::new();
        table.load_style(NOTHING).force_no_tty().set_header(header);
        for row in rows {
            table.add_row(cells(row));
        }
        // Names stand on the left, figures on the right.
        for (column, _) in header.iter().enumerate().skip(1) {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.tables.push((title.to_owned(), table));
        self.note(key, &rows);
    }

    /// Adds a line for people.
    pub(crate) fn line(&mut self, text: String) {
        self.tables.push((text, Table::new()));
    }

    /// Adds what must not be: the command fails.
    pub(crate) fn fault(&mut self, text: String) {
        self.line(format!("FAULT: {text}"));
        self.faults.push(text);
        let faults = self.faults.clone();
        self.note("faults", &faults);
    }

    pub(crate) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Adds the ratios, with what they should be.
    pub(crate) fn ratios(&mut self, ratios: &[Ratio]) {
        self.table("ratios", "Ratios", &["what", "ratio", "target", ""], ratios, |ratio| {
            let target = match ratio.target {
                Target::AtLeast(bound) => format!("≥ {bound}"),
                Target::AtMost(bound) => format!("≤ {bound}"),
            };
            let met = if ratio.is_met() { "met" } else { "MISSED" };
            vec![ratio.what.to_owned(), format!("{:.2}", ratio.ratio), target, met.to_owned()]
        });
    }

    pub(crate) fn print(&self, json: bool) {
        if json {
            println!("{:#}", Value::Object(self.document.clone()));
            return;
        }
        for (title, table) in &self.tables {
            println!("{title}");
            if !table.is_empty() {
                for line in table.lines() {
                    println!(" {}", line.trim_end());
                }
                println!();
            }
        }
    }
}

/// Returns bytes as mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_knows_its_bound() {
        let met = |ratio, target| Ratio { what: "", ratio, target }.is_met();
        assert!(met(25.0, Target::AtLeast(25.0)) && !met(24.9, Target::AtLeast(25.0)));
        assert!(met(1.3, Target::AtMost(1.3)) && !met(1.31, Target::AtMost(1.3)));
    }
}
