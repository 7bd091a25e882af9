//! "Did you mean …?"

/// Returns the candidate nearest to a word, if any is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        // A third of the word may differ: more is a guess.
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(word.chars().count()) / 3).max(1))
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
    }
}
