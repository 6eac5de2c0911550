//! The files of a project.

use std::fmt::Write;
use std::path::PathBuf;

use super::CreateError;
use super::attributes::variant;
use super::code;
use super::describe;
use super::draft::{Choices, Draft};
use super::idents::code as as_code;
use super::marked::marked;
use crate::graph::{Catalog, FieldSource};
use crate::read::sql::Dialect;

/// The versions that this Backref is built on, which the written crates must share.
const SEA_ORM: &str = "2.0.4";

/// Where a project has Backref from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The version that writes the project.
    Registry,
    /// A folder with its sources.
    Folder(PathBuf),
}

/// A project to be written.
pub struct Project<'p> {
    pub name: &'p str,
    pub dialect: Dialect,
    /// The URL of the database, understood from any folder.
    pub url: &'p str,
    /// What it looks like to others.
    pub example: &'p str,
    pub backref: &'p Source,
    pub choices: &'p Choices,
    pub draft: &'p Draft,
}

/// A file by its path within the project.
pub struct Written {
    pub path: String,
    pub content: String,
}

fn written(path: impl Into<String>, content: impl Into<String>) -> Written {
    Written {
        path: path.into(),
        content: content.into(),
    }
}

impl Project<'_> {
    /// All files of a new project.
    pub fn files(&self) -> Result<Vec<Written>, CreateError> {
        let mut files = entities(self.draft, self.choices)?;
        let (catalog, schema) = describe::schema(self.draft)?.unzip();
        files.extend([
            written("Cargo.toml", self.manifest()),
            written("src/main.rs", self.filled(include_str!("templates/main.rs.txt"), catalog.as_ref())),
            written("tests/api.rs", self.filled(include_str!("templates/api.rs.txt"), catalog.as_ref())),
            written("README.md", self.filled(include_str!("templates/README.md.txt"), catalog.as_ref())),
            written("entity/Cargo.toml", self.entity_manifest()),
            written("migration/Cargo.toml", self.migration_manifest()),
            written("migration/README.md", include_str!("templates/migration.md.txt")),
            written("migration/src/lib.rs", include_str!("templates/migration.rs.txt")),
            written(".cargo/config.toml", self.settings()),
            written(".gitignore", "/target\n# It says where the database is, perhaps with a password.\n/.cargo/config.toml\n"),
        ]);
        files.extend(schema.map(|sdl| written("schema.graphql", sdl)));
        Ok(files)
    }

    fn filled(&self, template: &str, catalog: Option<&Catalog>) -> String {
        let first = self.draft.entities.first();
        let column = first.and_then(|e| Some(variant(e, &e.table.columns.last()?.name)));
        template
            .replace("{{name}}", self.name)
            .replace("{{url}}", &toml(self.example))
            .replace(
                "{{query}}",
                &catalog.map_or_else(|| "{ __typename }".to_owned(), question),
            )
            .replace(
                "{{example}}",
                &first.map_or_else(|| "user".to_owned(), |e| as_code(&e.module)),
            )
            .replace("{{column}}", column.as_deref().unwrap_or("Name"))
    }

    fn database(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        }
    }

    fn manifest(&self) -> String {
        let (name, database) = (self.name, self.database());
        let from = match self.backref {
            Source::Registry => format!("version = {:?}", env!("CARGO_PKG_VERSION")),
            Source::Folder(folder) => format!("path = {}", toml(&folder.to_string_lossy())),
        };
        format!(
            r#"[workspace]
members = ["entity", "migration"]
resolver = "3"

[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
publish = false

[dependencies]
backref = {{ {from}, default-features = false, features = ["cli", "{database}"] }}
entity = {{ package = "{name}-entity", path = "entity" }}
migration = {{ package = "{name}-migration", path = "migration" }}

[profile.dev.package."*"]
debug = false
"#
        )
    }

    fn entity_manifest(&self) -> String {
        let arrays = match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => "\"postgres-array\", ",
        };
        format!(
            r#"[package]
name = "{}-entity"
version = "0.1.0"
edition = "2024"
publish = false

[dependencies]
sea-orm = {{ version = "{SEA_ORM}", default-features = false, features = [
    "macros", {arrays}"with-chrono", "with-json", "with-rust_decimal", "with-uuid",
] }}
"#,
            self.name
        )
    }

    fn migration_manifest(&self) -> String {
        format!(
            r#"[package]
name = "{}-migration"
version = "0.1.0"
edition = "2024"
publish = false

[dependencies]
sea-orm-migration = {{ version = "{SEA_ORM}", default-features = false, features = [
    "runtime-tokio-rustls", "sqlx-{}",
] }}
"#,
            self.name,
            self.database()
        )
    }

    fn settings(&self) -> String {
        format!(
            "# Where the database is, for `cargo run` and `cargo test` on this machine. It is not in git, for it may hold a\n\
             # password.\n[env]\nDATABASE_URL = {}\n{}",
            toml(self.url),
            self.of_sqlite()
        )
    }

    /// How the bundled SQLite is compiled: its connections share no cache, and so no lock.
    fn of_sqlite(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => {
                "LIBSQLITE3_FLAGS = \"-USQLITE_ENABLE_MEMORY_MANAGEMENT -DSQLITE_DEFAULT_MEMSTATUS=0\"\n"
            }
            Dialect::Postgres => "",
        }
    }
}

/// A text as TOML has it, whose escapes are not those of Rust.
fn toml(text: &str) -> String {
    let mut written = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => written.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(written, "\\u{:04X}", u32::from(letter));
            }
            letter => written.push(letter),
        }
    }
    written + "\""
}

/// What `backref sync` writes: the entities, and their list.
pub fn entities(draft: &Draft, choices: &Choices) -> Result<Vec<Written>, code::CodeError> {
    let files = code::files(draft)?.into_iter();
    let files = files.map(|file| {
        let content = marked(&file.about, &file.content);
        written(format!("entity/src/{}", file.name), content)
    });
    let mut files: Vec<Written> = files.collect();
    files.push(written(LIST, list(draft, choices)));
    Ok(files)
}

/// Where the list of entities is.
pub const LIST: &str = "src/entities.rs";

/// How the list says what somebody chose.
const CHOSEN: &str = "//! backref sync ";

fn list(draft: &Draft, choices: &Choices) -> String {
    let mut text = String::from(
        "//! The entities that are on the graph. `backref sync` writes this file anew, so changes of it are lost; what is\n\
         //! yours is in main.rs.\n",
    );
    let schemas = choices
        .schemas
        .iter()
        .map(|schema| format!("--schema {schema}"));
    let keys = choices.keys.iter().map(|key| format!("--key {key}"));
    let without = choices.without.iter();
    let without = without.map(|table| format!("--without {table}"));
    let shown = choices
        .shown
        .iter()
        .map(|column| format!("--show {column}"));
    for (ix, chosen) in schemas.chain(keys).chain(without).chain(shown).enumerate() {
        if ix == 0 {
            text += "//!\n";
        }
        let _ = writeln!(text, "{CHOSEN}{chosen}");
    }
    text += "\nuse backref::Graph;\n\n/// Puts every entity on a graph.\npub fn on(graph: Graph) -> Graph {\n    graph\n";
    for entity in &draft.entities {
        let _ = writeln!(
            text,
            "        .entity(entity::{}::Entity)",
            as_code(&entity.module)
        );
    }
    for entity in &draft.entities {
        let module = as_code(&entity.module);
        let path = |column: &str| format!("entity::{module}::Column::{}", variant(entity, column));
        if let Some(name) = &entity.type_name {
            text += "        // The name of its table is another type's, or reserved.\n";
            let _ = writeln!(
                text,
                "        .type_name(entity::{module}::Entity, {name:?})"
            );
        }
        if entity.read_only {
            text += "        // A view.\n";
            let _ = writeln!(text, "        .read_only(entity::{module}::Entity)");
        }
        for (ix, column) in entity.table.columns.iter().enumerate() {
            if let Some(field) = &entity.renamed[ix] {
                text += "        // Another column's field is called so.\n";
                let _ = writeln!(
                    text,
                    "        .rename_column({}, {field:?})",
                    path(&column.name)
                );
            }
            if entity.hidden[ix] {
                text += "        // It looks like a secret, so it is in no schema.\n";
                let _ = writeln!(text, "        .hide({})", path(&column.name));
            }
        }
    }
    text += "}\n";
    text
}

/// What somebody chose, as the list of entities has it.
pub fn chosen(list: &str) -> Choices {
    let mut choices = Choices::default();
    for line in list.lines().filter_map(|line| line.strip_prefix(CHOSEN)) {
        match line.split_once(' ') {
            Some(("--schema", of)) => choices.schemas.push(of.to_owned()),
            Some(("--key", of)) => choices.keys.push(of.to_owned()),
            Some(("--without", of)) => choices.without.push(of.to_owned()),
            Some(("--show", of)) => choices.shown.push(of.to_owned()),
            _ => {}
        }
    }
    choices
}

/// Something to ask: some rows, and what one relation of theirs leads to.
fn question(catalog: &Catalog) -> String {
    let Some((_, entity)) = catalog.exposed().next() else {
        return "{ __typename }".to_owned();
    };
    let relation = entity
        .fields
        .iter()
        .find(|f| matches!(f.source, FieldSource::Relation(_)));
    let below = relation.map(|field| format!(" {} {{ id }}", field.name));
    format!(
        "{{ {}(limit: 3) {{ id{} }} }}",
        entity.plural,
        below.unwrap_or_default()
    )
}
