//! Places in a script: byte ranges of the parser become lines and columns that people count.

use std::ops::Range;
use std::sync::Arc;

use ruff_source_file::{LineIndex, OneIndexed};
use ruff_text_size::{TextRange, TextSize};

use crate::error::Location;

/// A line longer than this is data, not something to show beside a message.
const LONGEST_SNIPPET_BYTES: usize = 500;

/// A script's text with an index of its lines.
#[derive(Debug, Clone)]
pub(super) struct SourceMap {
    text: Arc<str>,
    index: LineIndex,
}

impl SourceMap {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let index = LineIndex::from_source_text(&text);
        Self { text, index }
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Returns the text of a range.
    pub(super) fn slice(&self, range: TextRange) -> &str {
        self.text.get(Range::<usize>::from(range)).unwrap_or_default()
    }

    /// Returns the line of an offset, from 1.
    pub(super) fn line_of(&self, offset: TextSize) -> u32 {
        to_u32(self.index.line_index(offset).get())
    }

    /// Returns the text of a line, which counts from 1, without its line break.
    pub(super) fn line_text(&self, line: u32) -> Option<&str> {
        let line = OneIndexed::new(line as usize).filter(|line| line.get() <= self.index.line_count())?;
        Some(self.slice(self.index.line_range(line, &self.text)).trim_end_matches(['\r', '\n']))
    }

    /// Returns where a line begins, which counts from 1.
    pub(super) fn line_start(&self, line: u32) -> TextSize {
        let line = OneIndexed::new(line as usize).unwrap_or_default();
        self.index.line_start(line, &self.text)
    }

    /// Returns the place of a byte range, with columns in characters.
    pub(super) fn locate(&self, range: TextRange) -> Location {
        let start = self.index.line_column(self.on_a_character(range.start()), &self.text);
        let end = self.index.line_column(self.on_a_character(range.end()), &self.text);
        let line = to_u32(start.line.get());
        let same_line = end.line == start.line && end.column > start.column;
        Location {
            line,
            column: Some(to_u32(start.column.get())),
            end_column: same_line.then(|| to_u32(end.column.get())),
            snippet: self.snippet(line),
        }
    }

    /// Returns the offset, or where the character begins that it lies within: the TOML parser points at bytes. It also may
    /// point behind the last one.
    fn on_a_character(&self, offset: TextSize) -> TextSize {
        TextSize::new(to_u32(self.text.floor_char_boundary(offset.to_usize())))
    }

    /// Returns the place of a whole line.
    pub(super) fn locate_line(&self, line: u32) -> Location {
        Location { line, column: None, end_column: None, snippet: self.snippet(line) }
    }

    /// Returns a place that came from outside, with the line's text added where it has none.
    pub(super) fn complete(&self, location: Location) -> Location {
        let snippet = location.snippet.or_else(|| self.snippet(location.line));
        Location { snippet, ..location }
    }

    fn snippet(&self, line: u32) -> Option<String> {
        self.line_text(line).filter(|text| text.len() <= LONGEST_SNIPPET_BYTES).map(str::to_owned)
    }
}

/// Makes a parser's range of byte offsets. Scripts are far below 4 GiB: the size cap comes first.
pub(super) fn text_range(range: Range<usize>) -> TextRange {
    let start = TextSize::new(to_u32(range.start));
    TextRange::new(start, start.max(TextSize::new(to_u32(range.end))))
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let map = SourceMap::new("a = 1\né = 'ü' + x\n");
        let start = map.text().find('x').unwrap();
        let location = map.locate(text_range(start..start + 1));
        assert_eq!((location.line, location.column, location.end_column), (2, Some(11), Some(12)));
        assert_eq!(location.snippet.as_deref(), Some("é = 'ü' + x"));
    }

    #[test]
    fn a_range_that_ends_within_a_character_is_located() {
        let map = SourceMap::new("x = \"𐶎\"");
        let location = map.locate(text_range(5..8));
        assert_eq!((location.line, location.column, location.end_column), (1, Some(6), None));
        assert_eq!(map.locate(text_range(6..99)).line, 1);
    }

    #[test]
    fn a_range_over_several_lines_has_no_end_column() {
        let map = SourceMap::new("f(\r\n  1)");
        let location = map.locate(text_range(0..8));
        assert_eq!((location.line, location.end_column), (1, None));
        assert_eq!(location.snippet.as_deref(), Some("f("));
    }

    #[test]
    fn a_place_behind_the_end_is_no_panic() {
        let map = SourceMap::new("x");
        assert_eq!(map.locate(text_range(7..9)).column, Some(2));
        assert_eq!(map.locate_line(9).snippet, None);
        assert_eq!(map.locate_line(0).snippet, None);
    }

    #[test]
    fn an_endless_line_is_not_shown() {
        let map = SourceMap::new("x".repeat(100_000));
        assert_eq!(map.locate(text_range(5..6)).snippet, None);
    }
}
