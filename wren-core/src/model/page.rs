//! Pages: lists are read by an opaque cursor, so that they stay whole while others write.

/// Which page of a list to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOptions {
    /// The `next` of the page before; `None` starts at the beginning.
    pub after: Option<String>,
    /// How many items at most; a store returns at least one when there is one.
    pub limit: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { after: None, limit: 50 }
    }
}

impl PageOptions {
    /// Returns options for the first page of at most `limit` items.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to pass as `after` for the next page; `None` when this was the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit + 1` items read: the one too many says that there is a next page, whose cursor is
    /// made from the last item kept.
    #[must_use]
    pub fn from_overread(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Self {
        let next = if items.len() > limit {
            items.truncate(limit);
            items.last().map(cursor)
        } else {
            None
        };
        Self { items, next }
    }
}
