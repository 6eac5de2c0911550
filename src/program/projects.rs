//! The commands that write projects. What they did is told on standard error.

use super::{Result, say};
use crate::create;
use crate::serve::config::{New, Sync};

pub async fn new(args: New) -> Result {
    let asked = create::New::asked(args)?;
    say::aside(&create::new(&asked).await?.to_string());
    Ok(())
}

pub async fn sync(args: Sync) -> Result {
    let asked = create::Sync::asked(args)?;
    say::aside(&create::sync(&asked).await?.to_string());
    Ok(())
}
