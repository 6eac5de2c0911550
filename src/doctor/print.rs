//! A report as a person reads it: table by table, a block for each finding, and what mends them all.
//!
//! Lines are not wrapped, so that statements can be copied.

use std::fmt::{Display, Formatter, Result};

use super::{Finding, Remedy, Report, Severity, Subject};
use crate::read::sql::Dialect;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if !self.pending.is_empty() {
            writeln!(
                f,
                "{} not applied:",
                counted(self.pending.len(), "migration is", "migrations are")
            )?;
            for name in &self.pending {
                writeln!(f, "  {name}")?;
            }
            writeln!(f, "  mend it: {}\n", self.migrate)?;
        }
        if !self.unknown.is_empty() {
            writeln!(
                f,
                "{} not known to this program:",
                counted(self.unknown.len(), "migration is", "migrations are")
            )?;
            for name in &self.unknown {
                writeln!(f, "  {name}")?;
            }
            writeln!(
                f,
                "  a newer version has migrated the database: use that one\n"
            )?;
        }
        let mut table = "";
        for finding in &self.findings {
            if finding.table != table {
                table = &finding.table;
                writeln!(f, "{table}\n")?;
            }
            writeln!(f, "{finding}")?;
        }
        let of = |severity| {
            let all = self.findings.iter();
            all.filter(|found| found.severity == severity).count()
        };
        if self.is_clean() {
            writeln!(
                f,
                "nothing is missing: {} as the graph needs them",
                counted(self.tables, "table is", "tables are")
            )?;
        } else {
            writeln!(
                f,
                "{}, {} in the {} of the graph",
                counted(of(Severity::Error), "error", "errors"),
                counted(of(Severity::Warning), "warning", "warnings"),
                counted(self.tables, "table", "tables")
            )?;
        }
        let right = |found: &Finding| found.subject == Subject::Right;
        if self.findings.iter().any(right) {
            writeln!(
                f,
                "\nRights are granted by whoever owns what is read, or by a superuser; a role cannot grant itself what it lacks."
            )?;
        }
        let index = |found: &Finding| found.subject == Subject::Index;
        if self.dialect == Dialect::Postgres && self.findings.iter().any(index) {
            writeln!(
                f,
                "\nWhile an index is made, writers of its table wait; those of a large table in use do not if \
                 CREATE INDEX CONCURRENTLY makes it, which no migration can."
            )?;
        }
        let search = |found: &Finding| found.subject == Subject::Search;
        if self.dialect == Dialect::Postgres && self.findings.iter().any(search) {
            writeln!(
                f,
                "\nRun the statements of a full-text index in one transaction, as a migration does: what is written \
                 between them is not found otherwise."
            )?;
        }
        if let Some(migration) = self.migration() {
            write!(
                f,
                "\nThe migration that mends what statements can, for migration/src/m<date>_<number>_mend.rs; \
                 it takes a line in migration/src/lib.rs:\n\n{migration}"
            )?;
        }
        Ok(())
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "  {severity}: {}", self.missing)?;
        for user in &self.needed_by {
            writeln!(f, "    needed by: {user}")?;
        }
        for cost in &self.costs {
            writeln!(f, "    costs:     {cost}")?;
        }
        match &self.remedy {
            Remedy::Statements(step) => {
                let mut before = "    mend it:  ";
                for statement in &step.sql {
                    writeln!(f, "{before} {statement};")?;
                    before = "              ";
                }
                Ok(())
            }
            Remedy::Grant(grant) => writeln!(f, "    mend it:   {grant};"),
            Remedy::Words(words) => writeln!(f, "    mend it:   {words}"),
        }
    }
}

fn counted(n: usize, one: &str, several: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}
