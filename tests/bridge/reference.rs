//! What is checked, written another way: a phone number as an automaton, reachability as a union of sets, the matrix as sets
//! of legs. Shares no code with what it judges.

use std::collections::BTreeSet;

/// `+`, a digit from 1 to 9, and 6 to 14 more, nothing else: state by state.
pub fn spells_e164(text: &str) -> bool {
    enum State {
        Start,
        Plus,
        Digits(usize),
        No,
    }
    let end = text.chars().fold(State::Start, |state, c| match (state, c) {
        (State::Start, '+') => State::Plus,
        (State::Plus, '1'..='9') => State::Digits(1),
        (State::Digits(n), '0'..='9') => State::Digits(n + 1),
        _ => State::No,
    });
    matches!(end, State::Digits(7..=15))
}

/// Whether one set of legs remains, once the legs of each pair are joined.
pub fn is_one_party(pairs: &[(i64, i64)], legs: i64) -> bool {
    let mut party: Vec<i64> = (0..legs).collect();
    for (a, b) in pairs {
        let (from, to) = (party[usize::try_from(*a).unwrap()], party[usize::try_from(*b).unwrap()]);
        for leg in &mut party {
            if *leg == from {
                *leg = to;
            }
        }
    }
    party.iter().collect::<BTreeSet<_>>().len() == 1
}

/// Whether a matrix over `legs` legs is one that may be sent.
pub fn is_sound(pairs: &[(i64, i64)], legs: i64) -> bool {
    let sets: BTreeSet<BTreeSet<i64>> = pairs.iter().map(|(a, b)| BTreeSet::from([*a, *b])).collect();
    !pairs.is_empty()
        && pairs.iter().all(|(a, b)| (0..legs).contains(a) && (0..legs).contains(b))
        && sets.len() == pairs.len()
        && sets.iter().all(|set| set.len() == 2)
        && is_one_party(pairs, legs)
}
