//! "Did you mean …?": the nearest of a few known words.

/// The distance is quadratic, and a hostile script has room for names of its own size. Nobody mistypes a name this long.
const LONGEST_BYTES: usize = 64;

/// A script may define a hundred thousand functions; all zones of IANA are fewer than this.
const MOST_CANDIDATES: usize = 1000;

/// Returns the candidate nearest to a word, unless even that one differs too much to be what was meant.
///
/// Case does not count. One edit for every three characters is allowed, and at least one; a swap of neighbours is one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_BYTES {
        return None;
    }
    let word = word.to_lowercase();
    let length = word.chars().count();
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST_BYTES)
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let other_length = other.chars().count();
            let allowed = (length.max(other_length) / 3).max(1);
            // Every character too many is an edit, so most candidates are out before the costly part.
            if length.abs_diff(other_length) > allowed {
                return None;
            }
            let distance = strsim::osa_distance(&word, &other);
            (distance <= allowed).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_suggested_and_far_ones_not() {
        let names = ["gmail", "slack"];
        assert_eq!(nearest("gmial", names), Some("gmail"));
        assert_eq!(nearest("Slack", names), Some("slack"));
        assert_eq!(nearest("salesforce", names), None);
        assert_eq!(nearest("xyz", ["mon", "tue"]), None);
        assert_eq!(nearest("Europe/Dubln", ["Europe/Berlin", "Europe/Dublin"]), Some("Europe/Dublin"));
    }

    #[test]
    fn an_endless_name_is_compared_with_nothing() {
        let long = "a".repeat(200_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
        assert_eq!(nearest("a", [long.as_str(), "b"]), Some("b"));
    }
}
