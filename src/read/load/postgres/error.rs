//! What errors of PostgreSQL mean, by their SQLSTATE.

use std::error::Error as _;
use std::fmt::Write as _;

use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use crate::read::load::refusal::Refusal;
use crate::read::load::said::{Said, without_strange_names, without_values};
use crate::read::load::{DatabaseError, DriverError};

/// An error of the driver's, or one that the server answered with.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct PostgresError {
    error: tokio_postgres::Error,
    /// The statement was sent behind so many characters that are not its own.
    before: u32,
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        DatabaseError::Postgres(PostgresError { error, before: 0 })
    }
}

impl PostgresError {
    /// As the error of a statement that was sent behind a mark.
    pub fn behind(self, mark: &str) -> Self {
        PostgresError {
            before: mark.len() as u32,
            ..self
        }
    }
}

impl DatabaseError {
    /// The server's code of the error, if it is one of its.
    pub(super) fn sql_state(&self) -> Option<&SqlState> {
        match self {
            DatabaseError::Postgres(of) => of.error.code(),
            DatabaseError::Restart { cause, .. } => cause.as_ref()?.sql_state(),
            DatabaseError::BadValue(cause) => cause.sql_state(),
            _ => None,
        }
    }
}

impl DriverError for PostgresError {
    fn code(&self) -> &str {
        self.error.code().map_or("", SqlState::code)
    }

    fn is_read_only(&self) -> bool {
        self.code() == "25006"
    }

    fn is_timeout(&self) -> bool {
        self.code() == "57014"
    }

    fn is_too_complex(&self) -> bool {
        // Class 54: a limit of the program is exceeded.
        self.code().starts_with("54")
    }

    fn is_cut_off(&self) -> bool {
        // Class 57P: the server is shutting down or not yet up, or ends the connection. Class 08: the
        // connection failed. 25P03: it was ended for being idle in a transaction. An error without a code
        // is the connection's end.
        let cause = self.error.source();
        let ended = self.error.is_closed() || cause.is_some_and(|e| e.is::<std::io::Error>());
        let classes = ["57P", "08", "25P03"];
        ended || classes.iter().any(|class| self.code().starts_with(class))
    }

    fn lacks_table(&self, _: &str) -> bool {
        self.error.code() == Some(&SqlState::UNDEFINED_TABLE)
    }

    fn said(&self, statement: &str) -> Said {
        let Some(said) = self.error.as_db_error() else {
            return Said::of_ours(format!("PostgreSQL: {}", with_causes(&self.error)));
        };
        let said = told(said, statement);
        let position = said.position.and_then(|at| at.checked_sub(self.before));
        Said { position, ..said }
    }

    fn refusal(&self, of_bound: bool) -> Option<Refusal> {
        refused(self.error.as_db_error()?, of_bound)
    }
}

/// An error of the driver's with what it came of, which its own text leaves out.
pub(super) fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut cause = error.source();
    while let Some(of) = cause {
        let _ = write!(text, ": {of}");
        cause = of.source();
    }
    text
}

fn told(said: &DbError, statement: &str) -> Said {
    let code = said.code().code();
    // The source files of procedural languages.
    let raised = code.starts_with("P0") || said.file().is_some_and(|file| file.starts_with("pl"));
    let message = match code.get(..2) {
        _ if raised => "a function raised it".to_owned(),
        Some("08" | "25" | "26" | "28" | "3D" | "40" | "53" | "54" | "55" | "57" | "58") => {
            said.message().to_owned()
        }
        _ if code == "42501" => {
            let message = without_strange_names(said.message(), statement);
            let remedy = match said.routine() {
                Some(BY_POLICY | BY_ANY_POLICY) => {
                    "nothing need be granted: the policies of the table (`pg_policies`) do not let the role, as which the server connects, have such a row"
                }
                _ => "the command `doctor` says what to grant",
            };
            format!("{message}; {remedy}")
        }
        Some("0A" | "42") => without_strange_names(said.message(), statement),
        _ => without_values(said.message()),
    };
    let position = match said.position() {
        Some(ErrorPosition::Original(at)) => Some(*at),
        _ => None,
    };
    Said {
        code: Some(code.to_owned()),
        why: format!("PostgreSQL: {message}"),
        position,
    }
}

/// Where PostgreSQL looks at a row that is written by the policies of its table, and where it does not go on because of them
/// (`row_security = off`). Their code is that of a missing right.
const BY_POLICY: &str = "ExecWithCheckOptions";
const BY_ANY_POLICY: &str = "check_enable_rls";

/// Where `RAISE` of PL/pgSQL is done.
const BY_RAISE: &str = "exec_stmt_raise";

/// See PostgreSQL's manual, appendix A.
fn refused(said: &DbError, of_bound: bool) -> Option<Refusal> {
    let named = |name: Option<&str>| name.map(str::to_owned);
    let (table, constraint) = (named(said.table()), named(said.constraint()));
    Some(match said.code().code() {
        "23505" => Refusal::Unique {
            schema: named(said.schema()),
            table,
            constraint,
            columns: Vec::new(),
        },
        "23503" | "23001" => Refusal::ForeignKey { table, constraint },
        "23502" => Refusal::NotNull {
            table,
            column: named(said.column()),
        },
        // The last is that of a view (`WITH CHECK OPTION`).
        "23514" | "23P01" | "44000" => Refusal::Check { table, constraint },
        "P0001" => Refusal::Raised,
        "42501" if matches!(said.routine(), Some(BY_POLICY | BY_RAISE)) => Refusal::Policy,
        code if code.starts_with("22") => return unfit(said, of_bound),
        // By a code that is nobody's but its own. What may be tried again, or is of the server, is meant so.
        code if said.routine() == Some(BY_RAISE) => {
            let classes = ["08", "25", "40", "53", "54", "55", "57", "58", "XX"];
            let is_of_server = classes.iter().any(|class| code.starts_with(class));
            return (!is_of_server).then_some(Refusal::Raised);
        }
        _ => return None,
    })
}

/// That a value does not fit its column. Most of what class 22 says is of what somebody computes, a trigger or a generated
/// column (a division by zero), and so is whatever a function has met on its way: no value of the input is known to be wrong.
fn unfit(said: &DbError, of_bound: bool) -> Option<Refusal> {
    if said.routine() == Some(BY_RAISE) {
        return Some(Refusal::Raised);
    }
    // While a statement runs, only those who were called by it have a context.
    if !of_bound && said.where_().is_some() {
        return None;
    }
    Some(match said.code().code() {
        "22001" => Refusal::TooLong,
        // Numbers; times; intervals.
        "22003" | "22008" | "22015" => Refusal::OutOfRange,
        // Ranges; times and their zones; characters; bits; XML; JSON; the texts of all other types.
        "22000" | "22007" | "22009" | "22021" | "22026" | "2200M" | "2200N" | "22030" | "22032"
        | "22P02" | "22P03" | "22P05" => Refusal::Malformed,
        _ => return None,
    })
}
