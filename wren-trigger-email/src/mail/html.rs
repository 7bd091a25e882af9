//! The words of an HTML text, for rules that look for them; it is not rendered.

/// Elements whose content nobody sees.
const UNSEEN: [&str; 3] = ["script", "style", "title"];

/// Returns what is left of an HTML text without its tags. One pass: what is not ended ends with the text.
pub(super) fn words(html: &str) -> String {
    let mut words = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        words.push_str(before);
        rest = after(tag);
        // `a<b>b</b>` is one word, `<td>a</td><td>b</td>` are two; mistaking the first for two would miss more.
        if is_block(tag) {
            words.push(' ');
        }
    }
    words.push_str(rest);
    unescaped(&words).split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// Returns what follows a tag, given what follows its `<`.
fn after(tag: &str) -> &str {
    if let Some(comment) = tag.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    let name = name(tag);
    let Some((_, rest)) = tag.split_once('>') else { return "" };
    match UNSEEN.iter().find(|unseen| unseen.eq_ignore_ascii_case(name)) {
        Some(unseen) if !tag.starts_with('/') => end_of(rest, unseen),
        _ => rest,
    }
}

fn end_of<'a>(text: &'a str, name: &str) -> &'a str {
    let ends = text
        .match_indices("</")
        .find(|(at, _)| text.get(at + 2..at + 2 + name.len()).is_some_and(|other| other.eq_ignore_ascii_case(name)));
    ends.map_or("", |(at, _)| &text[at..])
}

fn name(tag: &str) -> &str {
    let tag = tag.strip_prefix('/').unwrap_or(tag);
    let end = tag.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(tag.len());
    &tag[..end]
}

/// Says whether a tag separates words.
fn is_block(tag: &str) -> bool {
    let inline =
        ["a", "abbr", "b", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u", "wbr"];
    !inline.iter().any(|inline| inline.eq_ignore_ascii_case(name(tag)))
}

/// Replaces the entities that stand for characters of everyday text; the ampersand last, so that nothing is unescaped twice.
fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let spaces = text.replace("&nbsp;", " ").replace("&#160;", " ").replace("&lt;", "<").replace("&gt;", ">");
    spaces.replace("&quot;", "\"").replace("&#39;", "'").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_a_reader_sees() {
        for (html, expected) in [
            ("<p>Invoice <b>4</b>2</p>", "Invoice 42"),
            ("<td>a</td><td>b</td>", "a b"),
            ("<style>p { color: red }</style>x<script>1 < 2</script>y", "x y"),
            ("a<!-- <p>b -->c", "a c"),
            ("Fish &amp; chips&nbsp;&lt;3 &amp;lt;", "Fish & chips <3 &lt;"),
            ("a < b", "a"),
            ("<script>never ends", ""),
            ("", ""),
        ] {
            assert_eq!(words(html), expected, "{html}");
        }
    }

    #[test]
    fn tags_that_never_end_are_looked_at_once() {
        for unit in ["<", "<!--", "<script>", "</", "&lt;", "<a"] {
            assert!(words(&unit.repeat(1_000_000)).len() <= 2_000_000, "{unit}");
        }
    }
}
