//! The statements that SQLite itself says it runs, as the PostgreSQL side tells what it asks. Work may have to be
//! done again; its statements are told once.

use std::cell::RefCell;

use rusqlite::trace::TraceEvent;

thread_local! {
    /// Those of the work at hand.
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Whether somebody wants to hear of them.
pub fn is_wanted() -> bool {
    tracing::enabled!(target: "rusqlite::query", tracing::Level::TRACE)
}

pub fn listen(event: TraceEvent<'_>) {
    // What a statement of ours makes SQLite run in turn comes as a comment.
    if let TraceEvent::Stmt(_, sql) = event
        && !sql.starts_with("--")
    {
        HEARD.with_borrow_mut(|heard| heard.push(sql.to_owned()));
    }
}

/// Does something whose statements are not a request's.
pub fn unheard<T>(work: impl FnOnce() -> T) -> T {
    let before = take();
    let done = work();
    HEARD.set(before);
    done
}

/// What this thread has heard since it was last asked.
pub fn take() -> Vec<String> {
    HEARD.take()
}

pub fn tell(sql: &str) {
    tracing::trace!(target: "rusqlite::query", sql);
}
