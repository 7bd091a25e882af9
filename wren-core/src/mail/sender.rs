//! Whether a mail system checked that a mail comes from where it says: RFC 8601's `Authentication-Results`.

/// Says whether a mail system's own check found that a domain sent the mail (DMARC, RFC 7489).
///
/// `fields` are raw `Authentication-Results` that the sender cannot have written, which only the caller can know: a mail system
/// writes above what a mail brings with it. Those that `authority`, the system's own name, did not write are no word of its.
/// `domain` is that of [`sole_domain`](super::sole_domain).
#[must_use]
pub fn dmarc_passes<'a>(fields: impl IntoIterator<Item = &'a str>, authority: &str, domain: &str) -> bool {
    let mut results = Vec::new();
    for field in fields {
        let Some(field) = without_comments(field) else { return false };
        let mut statements = field.split(';').map(str::trim);
        // A version may stand after the name.
        let name = statements.next().and_then(|name| name.split_whitespace().next());
        if name.is_some_and(|name| name.eq_ignore_ascii_case(authority)) {
            let dmarc = statements.filter(|statement| method(statement).eq_ignore_ascii_case("dmarc"));
            results.extend(dmarc.map(|statement| passes(statement, domain)));
        }
    }
    // Two statements of one method contradict each other, or are meant to.
    results == [true]
}

/// Says whether a statement is a pass for exactly this domain.
fn passes(statement: &str, domain: &str) -> bool {
    let mut words = statement.split_whitespace();
    let passes = words.next().and_then(|word| word.split_once('=')).is_some_and(|(_, result)| result == "pass");
    let mut checked = words.filter_map(|word| word.strip_prefix("header.from="));
    passes && checked.next().is_some_and(|checked| checked.eq_ignore_ascii_case(domain)) && checked.next().is_none()
}

/// Returns the method of a statement, without its version.
fn method(statement: &str) -> &str {
    statement.split(['=', '/', ' ', '\t']).next().unwrap_or_default()
}

/// Takes comments out. `None` when one does not end, or when there are quoted strings, which mail systems
/// hardly write and which could hold anything.
fn without_comments(field: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut kept = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' if depth == 0 => return None,
            '\\' => {
                characters.next();
            }
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                kept.push(' ');
            }
            other if depth == 0 => kept.push(other),
            _ => {}
        }
    }
    (depth == 0).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_pass_of_the_systems_own_for_the_very_domain_counts() {
        let pass =
            "mx.acme.net 1; spf=pass (a; b) smtp.mailfrom=a@acme.com;\r\n dmarc=pass (p=REJECT) header.from=ACME.com";
        let other = "mx.acme.net; dkim=pass header.i=@acme.com";
        assert!(dmarc_passes([pass], "MX.acme.net", "acme.com"));
        assert!(dmarc_passes([other, pass, "mx.evil.com; dmarc=fail"], "mx.acme.net", "acme.com"));
        for fields in [&[][..], &[other], &[pass, pass], &[pass, "mx.acme.net; DMARC=fail"], &[pass, "(never ends"]] {
            assert!(!dmarc_passes(fields.iter().copied(), "mx.acme.net", "acme.com"), "{fields:?}");
        }
        assert!(!dmarc_passes([pass], "mx.google.com", "acme.com"));
        assert!(!dmarc_passes([pass], "mx.acme.net", "evil.com"));
    }
}
