//! Which of the given is which of the declared, when several fit.

/// Pairs as many of the left as can be with one each of the right, by the places of the right that every left fits.
///
/// Taking the first that fits would not do: an entry that says little fits many, and would take the only one that fits
/// an entry that says more. These are augmenting paths (Kuhn, 1955), searched breadth first, so without recursion.
pub(super) fn pairs(fits: &[Vec<usize>], right: usize) -> Vec<Option<usize>> {
    let mut partner_of_right: Vec<Option<usize>> = vec![None; right];
    let mut partner_of_left: Vec<Option<usize>> = vec![None; fits.len()];
    for start in 0..fits.len() {
        // The left by which each of the right was reached.
        let mut reached: Vec<Option<usize>> = vec![None; right];
        let mut queue = std::collections::VecDeque::from([start]);
        let mut free = None;
        'search: while let Some(left) = queue.pop_front() {
            for &place in &fits[left] {
                if reached[place].is_none() {
                    reached[place] = Some(left);
                    match partner_of_right[place] {
                        Some(holder) => queue.push_back(holder),
                        None => {
                            free = Some(place);
                            break 'search;
                        }
                    }
                }
            }
        }
        // Everyone on the way gives up theirs for the next.
        while let Some(place) = free {
            let Some(left) = reached[place] else { break };
            free = partner_of_left[left].replace(place);
            partner_of_right[place] = Some(left);
        }
    }
    partner_of_left
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn the_one_that_fits_many_leaves_the_only_one_to_the_other() {
        assert_eq!(pairs(&[vec![0, 1], vec![0]], 2), [Some(1), Some(0)]);
        assert_eq!(pairs(&[vec![0, 1], vec![0, 2], vec![0]], 3), [Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn who_fits_nothing_that_is_left_has_no_partner() {
        assert_eq!(pairs(&[vec![0], vec![0], vec![]], 2), [Some(0), None, None]);
        assert_eq!(pairs(&[], 2), []);
    }
}
