//! News of what event sources have: whoever stores a record tells, whoever polls waits instead of asking again.
//!
//! News are of this process alone and nothing is lost with them: a reader looks at the source first, then waits.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use env::{Listener, Signal};

/// Who waits for news, by the source's ARN.
#[derive(Default)]
pub(crate) struct Board(RwLock<HashMap<Arc<str>, Signal>>);

/// News of one source, from the moment it was asked for.
pub struct Arrivals {
    board: Arc<Board>,
    source: Arc<str>,
    news: Listener,
}

impl Board {
    pub(crate) fn tell(&self, source: &str) {
        let waiting = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = waiting.get(source) {
            news.raise();
        }
    }

    pub(crate) fn listen(self: &Arc<Self>, source: &str) -> Arrivals {
        let source = Arc::<str>::from(source);
        let mut waiting = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let news = waiting.entry(Arc::clone(&source)).or_default().listen();
        Arrivals { board: Arc::clone(self), source, news }
    }
}

impl Arrivals {
    /// Resolves when something arrived since the last call, or since these news were asked for.
    pub async fn next(&mut self) {
        self.news.changed().await;
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        let mut waiting = self.board.0.write().unwrap_or_else(PoisonError::into_inner);
        // This listener is the last.
        if waiting.get(&self.source).is_some_and(|news| news.listeners() == 1) {
            waiting.remove(&self.source);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn news_reach_who_asked_before_them() {
        let board = Arc::<Board>::default();
        board.tell("a");
        let mut news = board.listen("a");
        let mut others = board.listen("b");
        assert!(news.next().now_or_never().is_none(), "nothing arrived since");
        board.tell("a");
        board.tell("a");
        assert!(news.next().now_or_never().is_some());
        assert!(news.next().now_or_never().is_none(), "twice told before it was asked is one piece of news");
        assert!(others.next().now_or_never().is_none());
    }

    #[test]
    fn the_board_forgets_whom_nobody_listens_to() {
        let board = Arc::<Board>::default();
        let (first, second) = (board.listen("a"), board.listen("a"));
        drop(first);
        assert_eq!(board.0.read().expect("not poisoned").len(), 1);
        drop(second);
        assert_eq!(board.0.read().expect("not poisoned").len(), 0);
    }
}
