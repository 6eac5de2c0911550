//! From the command line to what is asked for.

use std::path::absolute;

use super::{Choices, CreateError, New, Source, Sync};
use crate::serve::config;

impl New {
    pub fn asked(args: config::New) -> Result<Self, CreateError> {
        let backref = match args.backref_path {
            None => Source::Registry,
            Some(folder) if folder.join("Cargo.toml").is_file() => {
                let absolute = absolute(&folder).unwrap_or_else(|_| folder.clone());
                Source::Folder(absolute)
            }
            Some(folder) => return Err(CreateError::NoSources(folder)),
        };
        Ok(New {
            folder: args.folder,
            url: args.database_url.parse()?,
            backref,
            choices: args.choices.into(),
        })
    }
}

impl Sync {
    pub fn asked(args: config::Sync) -> Result<Self, CreateError> {
        let url = args.database_url.map(|url| url.parse());
        Ok(Sync {
            folder: args.folder,
            url: url.transpose()?,
            choices: args.choices.into(),
            force: args.force,
        })
    }
}

impl From<config::ChoiceArgs> for Choices {
    fn from(args: config::ChoiceArgs) -> Self {
        Choices {
            schemas: args.schema,
            keys: args.key,
            without: args.without,
            shown: args.show,
        }
    }
}
