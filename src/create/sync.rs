//! Brings a project's entities up to its database, and keeps what a person wrote.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::describe;
use super::draft::{Choices, Note};
use super::known::Known;
use super::marked::{digest_of, kept};
use super::project::{self, LIST, Written, chosen};
use super::{CreateError, Report, SETTINGS, draft, write};
use crate::serve::database::Url;

/// What is asked of a project.
#[derive(Debug)]
pub struct Sync {
    /// Where the project is.
    pub folder: PathBuf,
    /// Without one, that of the project's own settings.
    pub url: Option<Url>,
    /// In addition to what was chosen before.
    pub choices: Choices,
    /// Write anew what somebody has edited, too.
    pub force: bool,
}

/// Writes the entities anew where the database has changed.
pub async fn sync(options: &Sync) -> Result<Report, CreateError> {
    let list = fs::read_to_string(options.folder.join(LIST));
    let Ok(list) = list else {
        return Err(CreateError::NoProject(options.folder.clone()));
    };
    let url = match &options.url {
        Some(url) => url.clone(),
        None => own_url(&options.folder)?,
    };
    let choices = both(chosen(&list), &options.choices);
    let known = Known::of(&options.folder);
    let draft = draft(&url, &choices, &options.choices, &known).await?;
    let mut report = Report {
        notes: draft.notes.clone(),
        ..Report::default()
    };
    describe::schema(&draft)?;
    let files = project::entities(&draft, &choices)?;
    for file in &files {
        bring_up(options, file, &mut report)?;
    }
    remove_others(options, &files, &mut report)?;
    report.done.push(match report.done.is_empty() {
        true => "The entities are as the database is; nothing was written.".to_owned(),
        false => {
            "The schema that is kept is brought up to them by: cargo run -- schema > schema.graphql"
                .to_owned()
        }
    });
    Ok(report)
}

/// What was chosen before, and what is now.
fn both(mut before: Choices, now: &Choices) -> Choices {
    if !now.schemas.is_empty() {
        before.schemas.clone_from(&now.schemas);
    }
    for key in &now.keys {
        let table = key.split('=').next();
        before.keys.retain(|known| known.split('=').next() != table);
        before.keys.push(key.clone());
    }
    let lists = [
        (&mut before.without, &now.without),
        (&mut before.shown, &now.shown),
    ];
    for (before, now) in lists {
        let new = now.iter().filter(|of| !before.contains(of));
        let new: Vec<String> = new.cloned().collect();
        before.extend(new);
    }
    before
}

/// `DATABASE_URL` of the project's settings, as cargo gives it to what it runs.
fn own_url(folder: &Path) -> Result<Url, CreateError> {
    let file = folder.join(SETTINGS);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let settings: DocumentMut = text.parse().map_err(|cause| CreateError::File {
        file,
        cause: io::Error::new(io::ErrorKind::InvalidData, cause),
    })?;
    let said = settings.get("env").and_then(|env| env.get("DATABASE_URL"));
    // Cargo takes a text, or a table that has one.
    let text = said.and_then(|said| said.as_str().or_else(|| said.get("value")?.as_str()));
    Ok(text.ok_or(CreateError::NoUrl)?.parse()?)
}

fn bring_up(options: &Sync, file: &Written, report: &mut Report) -> Result<(), CreateError> {
    let path = options.folder.join(&file.path);
    let Ok(there) = fs::read_to_string(&path) else {
        report.done.push(format!("{}: added", file.path));
        return write(&options.folder, file);
    };
    let changes = changes(&there, &file.content);
    let (before, now) = (kept(&there), kept(&file.content));
    match (before, now) {
        // The list, whose every change is the database's.
        (_, None) if digest_of(&there) == digest_of(&file.content) => return Ok(()),
        (_, None) => {}
        (Some(before), Some(now)) if before.generated == now.generated => {
            if !before.is_edited || !options.force {
                return Ok(());
            }
        }
        (Some(before), Some(_)) if !before.is_edited || options.force => {}
        (None, Some(_)) if options.force => {}
        _ => {
            report.notes.push(Note {
                of: file.path.clone(),
                says: format!(
                    "was edited, so it is left as it is, though the database has changed{changes}; bring it up to it by hand, or write it anew with --force, which loses the edits"
                ),
            });
            return Ok(());
        }
    }
    report.done.push(format!("{}: changed{changes}", file.path));
    write(&options.folder, file)
}

/// Files of tables that are gone.
fn remove_others(
    options: &Sync,
    files: &[Written],
    report: &mut Report,
) -> Result<(), CreateError> {
    let folder = options.folder.join("entity/src");
    let failed = |cause| CreateError::File {
        file: folder.clone(),
        cause,
    };
    let entries = fs::read_dir(&folder).map_err(failed)?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    for name in names {
        let at = format!("entity/src/{name}");
        let path = folder.join(&name);
        if files.iter().any(|file| file.path == at) {
            continue;
        }
        match fs::read_to_string(&path).ok().and_then(|text| kept(&text)) {
            // Somebody's own.
            None => {}
            Some(before) if before.is_edited && !options.force => report.notes.push(Note {
                of: at,
                says:
                    "was edited, so it is left, though its table is gone; nothing names it any more"
                        .to_owned(),
            }),
            Some(_) => {
                fs::remove_file(&path).map_err(failed)?;
                report
                    .done
                    .push(format!("{at}: removed, since its table is gone"));
            }
        }
    }
    Ok(())
}

/// What became of the fields, variants and lines of a file: ` (+ birthday, - age, ~ name)`.
fn changes(before: &str, now: &str) -> String {
    let (before, now) = (parts(before), parts(now));
    let mut words = Vec::new();
    for (name, text) in &now {
        match before.get(name) {
            None => words.push(format!("+ {name}")),
            Some(old) if old != text => words.push(format!("~ {name}")),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    words.extend(gone.map(|name| format!("- {name}")));
    match words.is_empty() {
        true => String::new(),
        false => format!(" ({})", words.join(", ")),
    }
}

/// The fields of structs, the variants of enums and the modules of a file, each with all that is said of it.
fn parts(text: &str) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    let Ok(file) = syn::parse_file(text) else {
        return parts;
    };
    for item in file.items {
        match item {
            syn::Item::Struct(of) => {
                for field in of.fields {
                    let name = field.ident.as_ref().map(ToString::to_string);
                    parts.insert(name.unwrap_or_default(), tokens(&field));
                }
            }
            syn::Item::Enum(of) => {
                for variant in of.variants {
                    parts.insert(format!("{}::{}", of.ident, variant.ident), tokens(&variant));
                }
            }
            syn::Item::Mod(of) => {
                parts.insert(of.ident.to_string(), String::new());
            }
            _ => {}
        }
    }
    parts
}

fn tokens(of: &impl quote::ToTokens) -> String {
    of.to_token_stream().to_string()
}
