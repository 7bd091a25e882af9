//! The block of inline metadata, `# /// script` to `# ///`, exactly as PEP 723 says.

use std::collections::HashSet;
use std::ops::Range;

use ruff_text_size::TextRange;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::location::{SourceMap, text_range};
use super::settings;
use crate::deploy::{DeployRules, MOST_DIAGNOSTICS};
use crate::error::{Error, ErrorCode};
use crate::model::ScriptSettings;

const OPENING: &str = "# /// script";
const CLOSING: &str = "# ///";

/// A block: its TOML, and where each line of it stands in the script.
#[derive(Debug)]
pub(super) struct Block {
    toml: String,
    /// (offset in the TOML, offset in the script) of each line's first character.
    lines: Vec<(usize, usize)>,
}

impl Block {
    /// Returns the place in the script of a span of the TOML.
    pub(super) fn range(&self, span: Range<usize>) -> TextRange {
        let start = self.offset(span.start);
        text_range(start..self.offset(span.end).max(start))
    }

    fn offset(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|(toml, _)| *toml <= at).saturating_sub(1);
        self.lines.get(line).map_or(0, |(toml, script)| script + (at - toml))
    }
}

/// Reads the settings of a script; the defaults without a block.
pub(super) fn read(map: &SourceMap, rules: &DeployRules, diagnostics: &mut Vec<Error>) -> ScriptSettings {
    let Some(block) = find(map, diagnostics) else { return ScriptSettings::default() };
    let (table, errors) = DeTable::parse_recoverable(&block.toml);
    let mut lines = HashSet::new();
    for error in errors.into_iter().take(MOST_DIAGNOSTICS) {
        let place = map.locate(block.range(error.span().unwrap_or(0..0)));
        // The others of a line follow from its first.
        if lines.insert(place.line) {
            let message = format!("the script's metadata is not TOML: {}", error.message().replace('\n', ", "));
            let hint = if error.message().contains("duplicate key") {
                "give each key once".to_owned()
            } else {
                toml_hint(map.line_text(place.line).unwrap_or_default())
            };
            diagnostics.push(fault(message).with_hint(hint).with_location(place));
        }
    }
    let mut reader = settings::Reader::new(&block, map, rules);
    let settings = reader.read(table.get_ref());
    diagnostics.append(&mut reader.diagnostics);
    settings
}

/// Says how a line is written in TOML, when it is plain what it says.
fn toml_hint(line: &str) -> String {
    let text = line.trim_start_matches(['#', ' ']);
    let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    match text.split_once([':', '=']) {
        Some((key, value)) if is_key(key.trim()) && !value.trim().is_empty() && text.len() < 200 => {
            let value = value.trim();
            let is_bare = !value.starts_with(['"', '\'', '[', '{']) && value.parse::<f64>().is_err();
            let quote = if is_bare { "\"" } else { "" };
            format!("TOML is written as `# {} = {quote}{value}{quote}`", key.trim())
        }
        _ => "PEP 723 metadata is TOML behind `# `, such as `# dependencies = []`".to_owned(),
    }
}

/// Finds the block. A second one, or one without an end, is a fault: PEP 723 leaves such a block out in silence, and its
/// settings with it.
fn find(map: &SourceMap, diagnostics: &mut Vec<Error>) -> Option<Block> {
    let mut lines = lines(map.text()).peekable();
    let mut found: Option<Block> = None;
    while let Some((start, line)) = lines.next() {
        // What comes after so many faults of the same kind is one of them.
        if diagnostics.len() >= MOST_DIAGNOSTICS {
            break;
        }
        let range = text_range(start..start + line.len());
        if line != OPENING {
            if is_near_miss(line) {
                diagnostics.push(
                    fault("this line does not begin a metadata block, so its settings would be lost")
                        .with_hint(format!("did you mean `{OPENING}`?"))
                        .with_location(map.locate(range)),
                );
            }
            continue;
        }
        let mut content = Vec::new();
        while let Some(next) = lines.next_if(|(_, line)| is_content(line)) {
            content.push(next);
        }
        // The last closing line counts: one before it is content, see the PEP's regular expression.
        match content.iter().rposition(|(_, line)| *line == CLOSING) {
            None => diagnostics.push(
                fault("the metadata block that begins here has no end")
                    .with_hint("every line of it begins with `# `, and `# ///` ends it")
                    .with_location(map.locate(range)),
            ),
            Some(_) if found.is_some() => diagnostics.push(
                fault("the script has a second metadata block")
                    .with_hint("keep one `# /// script` block")
                    .with_location(map.locate(range)),
            ),
            Some(end) => found = Some(block(&content[..end])),
        }
    }
    found
}

/// Recognises an opening line that differs from the PEP's in blanks or case only. Blocks of other types are other tools'.
fn is_near_miss(line: &str) -> bool {
    let slashes = line.strip_prefix('#').map(str::trim_start).and_then(|rest| rest.strip_prefix("///"));
    slashes.is_some_and(|name| name.trim().eq_ignore_ascii_case("script"))
}

fn is_content(line: &str) -> bool {
    line == "#" || line.starts_with("# ")
}

fn block(content: &[(usize, &str)]) -> Block {
    let mut toml = String::new();
    let mut lines = Vec::with_capacity(content.len());
    for (start, line) in content {
        let text = line.strip_prefix("# ").unwrap_or_default();
        lines.push((toml.len(), start + line.len() - text.len()));
        toml.push_str(text);
        toml.push('\n');
    }
    Block { toml, lines }
}

/// Returns the lines with their offsets, without their breaks.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |offset, line| {
        let start = *offset;
        *offset += line.len();
        Some((start, line.trim_end_matches(['\r', '\n'])))
    })
}

fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidMetadata, message)
}

/// A value of the TOML with its place.
pub(super) type Item<'i> = Spanned<DeValue<'i>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn examine(script: &str) -> (ScriptSettings, Vec<(u32, Option<u32>, String)>) {
        let map = SourceMap::new(script);
        let mut diagnostics = Vec::new();
        let settings = read(&map, &DeployRules::new(Vec::new()), &mut diagnostics);
        // A table tells its keys in the order of the alphabet; the pipeline sorts all findings at its end.
        diagnostics.sort_by_key(|error| error.location().unwrap().line);
        let found = diagnostics.iter().map(|error| {
            let place = error.location().unwrap();
            (place.line, place.column, format!("{}; {}", error.message(), error.hint().unwrap_or_default()))
        });
        (settings, found.collect())
    }

    #[test]
    fn a_block_gives_the_settings() {
        let script = "\
#!/usr/bin/env python3
# /// script
# requires-python = \">=3.11\"
# dependencies = [
#   \"httpx<1\",
# ]
#
# [tool.wren]
# timezone = \"Europe/Dublin\"
# timeout = \"90s\"
# memory = \"256MiB\"
# egress = [\"API.example.com\"]
# inject_env = { TOKEN = \"my-token\" }
# ///
";
        let (settings, faults) = examine(script);
        assert_eq!(faults, []);
        assert_eq!(settings.timezone.map(|zone| zone.name()), Some("Europe/Dublin"));
        assert_eq!((settings.timeout_ms, settings.memory_bytes), (Some(90_000), Some(256 * 1024 * 1024)));
        assert_eq!(settings.dependencies, ["httpx<1"]);
        assert_eq!(settings.egress, ["api.example.com"]);
        assert_eq!(settings.inject_env["TOKEN"], "my-token");
        assert_eq!(settings.requires_python.as_deref(), Some(">=3.11"));
    }

    #[test]
    fn faults_stand_at_the_lines_of_the_script() {
        let (_, faults) = examine("x = 1\n# /// script\n# dependencies = [\n# ///\n");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].2.contains("not TOML"));

        let (_, faults) =
            examine("# /// script\r\n# [tool.wren]\r\n#\r\n# timezon = \"UTC\"\r\n# timeout = 5\r\n# ///\r\n");
        assert_eq!((faults[0].0, faults[0].1), (4, Some(3)));
        assert!(faults[0].2.contains("did you mean `timezone`?"), "{faults:?}");
        assert_eq!((faults[1].0, faults[1].1), (5, Some(13)));
    }

    #[test]
    fn blocks_are_found_as_the_pep_says() {
        assert_eq!(examine("# /// other\n# x = \n# ///\n").1, []);
        let (settings, faults) = examine("# /// script\n# # ///\n# requires-python = \"3\"\n# ///\n# ///\nx = 1\n");
        assert_eq!(settings.requires_python.as_deref(), Some("3"));
        assert!(faults.iter().all(|fault| fault.2.contains("TOML")), "{faults:?}");
        assert!(examine("# /// script\n# dependencies = []\n\n# ///\n").1[0].2.contains("has no end"));
        let twice = "# /// script\n# ///\n\n# /// script\n# ///\n";
        assert_eq!(examine(twice).1.first().map(|fault| fault.0), Some(4));
    }

    #[test]
    fn an_opening_that_is_nearly_right_is_refused_and_not_ignored() {
        for opening in ["# /// script ", "# ///script", "#/// script", "# /// Script", "#  ///  script\t"] {
            let (_, faults) = examine(&format!("x = 1\n{opening}\n# [tool.wren]\n# timeout = \"5m\"\n# ///\n"));
            assert_eq!(faults.len(), 1, "{opening}: {faults:?}");
            assert_eq!((faults[0].0, faults[0].1), (2, Some(1)));
            assert!(faults[0].2.ends_with("did you mean `# /// script`?"), "{faults:?}");
        }
        for other in ["# /// scripts", "## /// script", "    # /// script ", "# // script", "# /// script of my own"] {
            assert_eq!(examine(&format!("{other}\n# x\n# ///\n")).1, [], "{other}");
        }
    }
}
