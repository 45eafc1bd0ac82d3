//! The pages of one listing: whether the next one is asked for, and why a listing that never ends is given up. Pure.
//!
//! Must never: let a listing end as whole because it was given up.

use std::collections::HashSet;

/// Pages in a row without anything new: one may show what the page before it did, where something was added meanwhile.
const MOST_WITHOUT_NEWS: usize = 5;
/// Characters of a page's name in a sentence.
const SHOWN: usize = 80;

/// What was read of one listing.
#[derive(Debug)]
pub struct Pages {
    most: usize,
    read: usize,
    without_news: usize,
    names: HashSet<String>,
    rows: HashSet<String>,
}

impl Pages {
    /// Nothing is read yet; `most` pages are at most.
    pub fn new(most: usize) -> Self {
        Self { most, read: 0, without_news: 0, names: HashSet::new(), rows: HashSet::new() }
    }

    /// A page was read: it has these `rows` (their ids) and names the `next` one. The page to ask for; `None`: the listing is
    /// whole.
    ///
    /// # Errors
    /// One clause, where the listing does not end: what was read of it proves nothing absent.
    pub fn next<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r str>,
        next: Option<String>,
    ) -> Result<Option<String>, String> {
        self.read += 1;
        let mut news = false;
        for row in rows {
            news |= !self.rows.contains(row) && self.rows.insert(row.to_owned());
        }
        self.without_news = if news { 0 } else { self.without_news + 1 };
        let Some(next) = next else { return Ok(None) };
        let shown: String = next.chars().map(|c| if c.is_control() { '?' } else { c }).take(SHOWN).collect();
        if !self.names.insert(next.clone()) {
            return Err(format!("page `{shown}` is given as the next page twice"));
        }
        if self.without_news >= MOST_WITHOUT_NEWS {
            return Err(format!("the {MOST_WITHOUT_NEWS} pages up to `{shown}` show nothing new"));
        }
        if self.read >= self.most {
            return Err(format!("it has more than {} pages; the next would be `{shown}`", self.most));
        }
        Ok(Some(next))
    }

    /// Pages read.
    pub const fn read(&self) -> usize {
        self.read
    }

    /// Whether as many were read as may be.
    pub const fn is_full(&self) -> bool {
        self.read >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "as a listing names its next page")]
    fn named(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn a_listing_goes_on_to_its_end() {
        let mut pages = Pages::new(3);
        assert_eq!(pages.next(["a", "b"], named("2")), Ok(named("2")));
        assert_eq!(pages.next(["b", "c"], named("3")), Ok(named("3")));
        assert_eq!(pages.next(["c"], None), Ok(None));
    }

    #[test]
    fn a_page_that_is_named_again_ends_it() {
        let mut pages = Pages::new(100);
        assert_eq!(pages.next(["a"], named("1")), Ok(named("1")));
        assert_eq!(pages.next(["b"], named("2\n")), Ok(named("2\n")));
        assert_eq!(pages.next(["c"], named("1")), Err("page `1` is given as the next page twice".to_owned()));
    }

    #[test]
    fn pages_without_end_and_without_news_end_it() {
        let mut pages = Pages::new(100);
        let mut turns = 0;
        let why = loop {
            turns += 1;
            match pages.next(["a", "b", "c", "d"], Some(turns.to_string())) {
                Ok(next) => assert_eq!(next, Some(turns.to_string())),
                Err(why) => break why,
            }
        };
        assert_eq!(turns, 6);
        assert!(why.contains("show nothing"), "{why}");
        // Empty ones say nothing either, and one that says something is news.
        let mut pages = Pages::new(100);
        for page in 0..4 {
            assert!(pages.next([], Some(page.to_string())).is_ok());
        }
        assert!(pages.next(["a"], named("x")).is_ok() && pages.next([], named("y")).is_ok());
    }

    #[test]
    fn always_something_new_ends_at_the_bound() {
        let mut pages = Pages::new(3);
        assert!(pages.next(["a"], named("1")).is_ok() && pages.next(["b"], named("2")).is_ok());
        assert!(pages.next(["c"], named("3")).unwrap_err().contains("more than 3 pages"));
    }
}
