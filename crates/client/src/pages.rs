//! Ends the fetching of history from a server whose pages lead nowhere, or never end.

use chat::timeline::Run;

use crate::limits::PAGES_MAX;

/// Why no further page is fetched.
pub const ENDLESS: &str = "the server's pages of history do not end";

/// The pages fetched for one purpose.
#[derive(Debug, Default)]
pub struct Pages {
    fetched: usize,
    last: Option<Run>,
}

impl Pages {
    /// Whether this page may be fetched next: it is not the one that was fetched last, after which there
    /// should be something else to fetch, and there were not too many.
    pub fn allow(&mut self, run: &Run) -> bool {
        let goes_on = self.last.as_ref() != Some(run);
        self.last = Some(run.clone());
        self.fetched += 1;
        goes_on && !self.is_spent()
    }

    /// Whether there were too many, whatever comes next.
    pub fn is_spent(&self) -> bool {
        self.fetched > PAGES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_lead_nowhere_or_never_end_are_not_fetched() {
        let before = |number: usize| Run::Before(number.to_string());
        let mut pages = Pages::default();
        assert!(pages.allow(&Run::Latest) && pages.allow(&before(1)));
        assert!(!pages.allow(&before(1)), "it was fetched just now");
        let mut pages = Pages::default();
        assert!((0..PAGES_MAX).all(|number| pages.allow(&before(number))));
        assert!(!pages.is_spent() && !pages.allow(&before(PAGES_MAX)) && pages.is_spent());
    }
}
