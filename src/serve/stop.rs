//! The end of serving, known to all who take part in it.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the server is to stop. It is told once, and stays so.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for it.
    pub async fn begun(&self) {
        // The sender lives in `self`, so there is always one to hear of.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }
}
