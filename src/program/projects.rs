//! The commands that write projects. What they did is told on standard error.

use super::Result;
use crate::create;
use crate::serve::config::{New, Sync};

pub async fn new(args: New) -> Result {
    let asked = create::New::asked(args)?;
    eprint!("{}", create::new(&asked).await?);
    Ok(())
}

pub async fn sync(args: Sync) -> Result {
    let asked = create::Sync::asked(args)?;
    eprint!("{}", create::sync(&asked).await?);
    Ok(())
}
