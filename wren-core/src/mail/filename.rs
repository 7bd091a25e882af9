//! What an attachment is called.

/// The longest name that a file has on any system, in bytes.
const LONGEST: usize = 255;

/// Returns the last part of a path, without what is not seen: a script that saves a file under its name should not be led
/// elsewhere, nor whoever reads the name. Empty when nothing is left.
#[must_use]
pub fn base_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last: String = last.chars().filter(|character| !is_unseen(*character)).collect();
    let last = last.trim();
    let last = last[..last.floor_char_boundary(LONGEST)].trim();
    if last.chars().all(|character| character == '.') { String::new() } else { last.to_owned() }
}

/// Says whether a character is a control, or one that changes the direction or order of those around it: with one of them
/// `annexe\u{202e}fdp.exe` looks like `annexeexe.pdf`.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere() {
        for (name, expected) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/pass\u{7}wd", "passwd"),
            ("/etc/shadow", "shadow"),
            ("C:\\Windows\\a.exe", "a.exe"),
            ("a\0b\r\nc", "abc"),
            ("annexe\u{202e}fdp.exe", "annexefdp.exe"),
            ("..", ""),
            ("dir/", ""),
            (" . ", ""),
            ("", ""),
        ] {
            assert_eq!(base_name(name), expected, "{name:?}");
        }
        assert_eq!(base_name(&"é".repeat(1000)).len(), 254);
    }
}
