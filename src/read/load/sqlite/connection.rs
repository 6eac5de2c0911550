//! One connection to a file: how it is opened, its transactions that read, and how their statements are run on it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::ToSql;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::types::ValueRef;

use super::super::rows::{Rows, RowsBuilder};
use super::super::{Connection, DatabaseError, Statement};
use super::file::{DatabaseFile, Log, Loss, Stamp};
use super::fold::folded;
use super::forms::{Forms, add_functions};
use super::heard;
use super::pack::{PackRows, part, unpack};
use super::rank::rank;
use super::sum::ExactSum;
use super::touch::Told;
use super::values::{bind, bind_value, raw};
use super::watch::{Bounds, QUESTION, STEPS, Stopped, Watch};
use crate::graph::{Catalog, Kind};
use crate::read::plan::Level;
use crate::read::sql::Dialect;
use crate::read::sql::forms::ColumnRef;

/// One connection, for the length of a request.
pub struct Sqlite {
    pub(super) connection: rusqlite::Connection,
    pub(super) watch: Arc<Watch>,
    /// Whether SQLite says what it runs, which costs where nobody listens.
    pub(super) traced: bool,
    /// Whether the work at hand is only tried: what waits for nothing is done again elsewhere.
    tries: bool,
    /// Whether a statement of the work at hand could not be run now.
    hindered: Cell<bool>,
    settings: Settings,
    pub(super) file: Arc<DatabaseFile>,
    /// How often the file had been replaced when it was opened.
    pub(super) replaced: u64,
    pub(super) forms: Forms,
    /// The file as this connection knows it, and its log at that time or before.
    pub(super) stamp: Stamp,
    pub(super) log: Log,
    /// What was done to the file by then.
    pub(super) told: Told,
    /// The log as a file, at least as long as it was then.
    log_file: Option<Stamp>,
    page_size: u64,
}

/// What a connection is given.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long to wait for a writer that keeps the file to itself.
    pub patience: Duration,
    /// The pages that it keeps in memory, in KiB.
    pub cache: u32,
    pub writes: bool,
}

/// What became of work.
pub enum Outcome<T> {
    Done(Result<T, DatabaseError>),
    /// It was stopped, because it takes more than it may here.
    TooMuch,
    /// It was stopped, because nobody waits for it.
    Left,
    /// The file is not the one that it was, as far as can be said now: it may come of two.
    Changed(Result<T, DatabaseError>),
}

impl Sqlite {
    pub fn open(file: &Arc<DatabaseFile>, settings: Settings) -> Result<Self, DatabaseError> {
        loop {
            let replaced = file.replaced();
            file.check()?;
            let told = file.told(file.stamp()?);
            let stamp = file.stamp()?;
            let watch = Arc::new(Watch::default());
            let connection = connect(file, settings, &watch).map_err(|e| file.explain(e))?;
            let log = Log::of(file, &connection);
            let page_size = page_size(&connection).map_err(|e| file.explain(e.into()))?;
            let log_file = file.stamp_of_log();
            // Else it was not one file while it was opened.
            if file.stamp()? == stamp {
                copy_on_close(&connection, true)?;
                return Ok(Sqlite {
                    connection,
                    watch,
                    traced: false,
                    tries: false,
                    hindered: Cell::new(false),
                    settings,
                    file: file.clone(),
                    replaced,
                    forms: Forms::default(),
                    stamp,
                    log,
                    told,
                    log_file,
                    page_size,
                });
            }
        }
    }

    /// Whether the database answers, and from the file: there is nothing else that would be read.
    pub fn ping(&self) -> Result<(), DatabaseError> {
        self.require_tables()
    }

    /// Does work in one read transaction, and says which statements that took. What the file is replaced under is
    /// done again, until it has read one file.
    pub fn insist<T>(
        &mut self,
        bounds: &Bounds,
        work: impl Fn(&mut Self) -> Result<T, DatabaseError>,
    ) -> (Outcome<T>, Vec<String>) {
        loop {
            let (outcome, statements) = self.attempt(bounds.clone(), &work);
            match outcome {
                Outcome::Changed(done) if self.is_the_file_after_all(bounds) => {
                    return (Outcome::Done(done), statements);
                }
                Outcome::Changed(_) => self.give_up(),
                outcome => return (outcome, statements),
            }
        }
    }

    /// Does work in one read transaction, and says which statements that took.
    pub fn attempt<T>(
        &mut self,
        bounds: Bounds,
        work: impl Fn(&mut Self) -> Result<T, DatabaseError>,
    ) -> (Outcome<T>, Vec<String>) {
        if Instant::now() > bounds.deadline {
            // It waited in the queue for too long.
            return (Outcome::Done(Err(DatabaseError::TimedOut)), Vec::new());
        }
        if let Err(error) = self.make_ready() {
            self.hindered.set(true);
            return (Outcome::Done(Err(error)), Vec::new());
        }
        self.tries = bounds.left.is_none();
        self.watch.begin(bounds);
        let result = self.transaction(work).map_err(|e| self.explain(e));
        let stopped = self.watch.end();
        let statements = if self.traced {
            heard::take()
        } else {
            Vec::new()
        };
        let outcome = match stopped {
            Some(Stopped::TooMuch) => Outcome::TooMuch,
            Some(Stopped::Left) => Outcome::Left,
            // What there was before its time was over is an answer too.
            Some(Stopped::TimedOut) | None => match self.is_the_file() {
                Ok(true) => Outcome::Done(result),
                Ok(false) => Outcome::Changed(result),
                Err(gone) => Outcome::Done(Err(gone)),
            },
        };
        (outcome, statements)
    }

    /// Whether the work at hand is to be given up: it will be done again, or nobody waits for it.
    pub fn is_unfinished(&self) -> bool {
        (self.tries && self.hindered.get()) || self.watch.gives_up()
    }

    /// Whether the last work could not be done because something was in the way.
    pub fn was_hindered(&self) -> bool {
        self.hindered.get()
    }

    /// Takes note of an error that is the file's and not the statement's.
    pub(super) fn explain(&self, error: DatabaseError) -> DatabaseError {
        let error = self.file.explain(error);
        if error.is_cut_off() {
            self.hindered.set(true);
        }
        error
    }

    /// Whether it is of a file before the one that is there.
    pub fn is_old(&self) -> bool {
        self.replaced != self.file.replaced()
    }

    /// Has all connections let go of the file, which was replaced.
    pub fn give_up(&self) {
        self.file
            .replace(self.replaced, self.stamp, self.log_file, self.told);
    }

    /// Lets go of a file that was replaced. What is wrong with the other is found when it is used.
    pub fn renew(&mut self) {
        if self.is_old()
            && let Err(error) = self.make_ready()
        {
            tracing::debug!(%error, "a connection cannot be made anew");
        }
    }

    pub(super) fn make_ready(&mut self) -> Result<(), DatabaseError> {
        self.hindered.set(false);
        if self.is_old() {
            let anew = Sqlite::open(&self.file, self.settings)?;
            anew.require_tables()?;
            *self = anew;
        }
        if !self.connection.is_autocommit() {
            // A panic left it.
            let _ = self.connection.execute_batch("ROLLBACK");
            heard::take();
        }
        if heard::is_wanted() != self.traced {
            self.traced = !self.traced;
            let listen: Option<fn(TraceEvent<'_>)> = self.traced.then_some(heard::listen);
            self.connection
                .trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, listen);
        }
        Ok(())
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.forms.begin();
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        let result = work(self);
        // Some errors have ended the transaction already.
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
        }
        result
    }

    /// Whether the file is the one that it was; what is in its log may have been copied into it, or be on its way.
    pub(super) fn is_the_file(&mut self) -> Result<bool, DatabaseError> {
        let stamp = self.file.stamp()?;
        if stamp == self.stamp {
            return Ok(true);
        }
        if !stamp.is_same_file(self.stamp) {
            return Ok(false);
        }
        // First: who is done by now shows in the figures, and what is written from here on in what is told.
        let told = self.file.told(stamp);
        let is_at_work = self.file.is_written_elsewhere();
        let log = self.log_of_now();
        let is_on_its_way = log.is_on_its_way();
        if log.has_moved_since(self.log) || (is_on_its_way && is_at_work) {
            if is_on_its_way {
                // Known is what it was before, so that all of this is explained by its beginning.
                return Ok(true);
            }
        } else if !stamp.has_same_content(self.stamp) {
            let is_touched = told.is_touched_since(self.told);
            if is_touched && stamp.rests_for(TOLD_BY, self.stamp) {
                (self.stamp, self.told) = (stamp, told);
                return Ok(true);
            }
            return Ok(false);
        }
        // What is copied from here on shows in the figures: the file is looked at after them.
        self.log = log;
        if self.log_file.is_none() {
            self.log_file = self.file.stamp_of_log();
        }
        self.told = told;
        self.stamp = self.file.stamp()?;
        Ok(stamp.is_same_file(self.stamp))
    }

    fn log_of_now(&self) -> Log {
        match self.connection.is_autocommit() {
            true => Log::of(&self.file, &self.connection),
            false if self.log.is_kept() => Log::beside(&self.file).unwrap_or(self.log),
            // In a transaction nobody has the file keep one.
            false => self.log,
        }
    }

    /// Whether the file keeps a log. Others may have had it keep one since, or have been in the way when that was asked.
    pub(super) fn keeps_log(&self) -> bool {
        self.log.is_kept() || Log::of(&self.file, &self.connection).is_kept()
    }

    /// In a transaction that writes: whether the log that it is written to is there, and whole. Where it is removed, what is
    /// in it is brought into the file, and the transaction is over.
    ///
    /// # Errors
    /// Where it is not, with what to do.
    pub(super) fn require_log(&mut self, bounds: &Bounds) -> Result<(), DatabaseError> {
        self.file.require_log(self.stamp)?;
        let Some(before) = self.log_file else {
            return Ok(());
        };
        let now = self.file.stamp_of_log();
        let loss = match now {
            Some(now) if now.is_same_file(before) => {
                // Whoever has brought all of it into the file may have cut it.
                if !now.is_shorter(before) || self.is_log_whole(now) {
                    self.log_file = Some(now);
                    return Ok(());
                }
                Loss::Cut
            }
            Some(now) if !now.is_empty() => Loss::Replaced,
            _ => {
                self.roll_back();
                match self.is_the_file()? && self.brings_log_in(bounds)? {
                    true => Loss::Removed,
                    false => Loss::Pending,
                }
            }
        };
        Err(self.file.lose_log(self.stamp, loss))
    }

    fn is_log_whole(&self, file: Stamp) -> bool {
        let log = Log::beside(&self.file);
        log.is_some_and(|log| !file.is_shorter_than(log.length(self.page_size)))
    }

    /// After a commit: remembers how long the log must be, as SQLite knows it.
    fn note_length_of_log(&mut self) {
        let pages = Log::pages_of(&self.connection);
        if let (Some(file), Ok(pages)) = (&mut self.log_file, pages) {
            file.grow_to(Log::length_of(pages, self.page_size));
        }
    }

    /// Whether all of the log is in the file now. Those who read may be in the way.
    fn brings_log_in(&self, bounds: &Bounds) -> Result<bool, DatabaseError> {
        loop {
            let checkpoint = "PRAGMA wal_checkpoint(FULL)";
            let is_done = self.connection.query_row(checkpoint, [], |row| {
                let pages: i64 = row.get(1)?;
                Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(2)? == pages)
            })?;
            if is_done || bounds.are_reached() {
                return Ok(is_done);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// After a commit: whether the file that was written to is the one that is there.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub(super) fn has_written_to_what_is_there(
        &mut self,
        bounds: &Bounds,
    ) -> Result<bool, DatabaseError> {
        let unknown = || DatabaseError::Unknown("the file was replaced meanwhile".to_owned());
        let stamp = self.file.stamp().map_err(|_| unknown())?;
        if !stamp.is_same_file(self.stamp) {
            return Ok(false);
        }
        if !self.log.is_kept() {
            // Without a log it is written to itself.
            self.stamp = stamp;
            return Ok(true);
        }
        self.note_length_of_log();
        let is_there = self.is_the_file().map_err(|_| unknown())?;
        match is_there || self.is_the_file_after_all(bounds) {
            true => Ok(true),
            false => Err(unknown()),
        }
    }

    /// Waits until the file is at rest, or is the one that it was.
    pub(super) fn is_the_file_after_all(&mut self, bounds: &Bounds) -> bool {
        let (mut stamp, mut since) = (self.stamp, Instant::now());
        while !bounds.are_reached() {
            let looks = Instant::now();
            match (self.is_the_file(), self.file.stamp()) {
                (Ok(true), _) => return true,
                (Ok(false), Ok(now)) if now == stamp => {}
                (_, now) => {
                    stamp = now.unwrap_or(stamp);
                    since = Instant::now();
                }
            }
            let may_be_written = self.log.is_on_its_way() && stamp.is_same_file(self.stamp);
            let rest = match may_be_written {
                true => WRITING,
                false => RESTING,
            };
            if looks.saturating_duration_since(since) >= rest {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    pub(super) fn require_tables(&self) -> Result<(), DatabaseError> {
        let count = "SELECT count(*) FROM sqlite_schema";
        match self.connection.query_row(count, [], |row| row.get::<_, i64>(0)) {
            Ok(0) => Err(self.file.unusable(
                "it was replaced by a file without tables; put a backup in its place, which is then served",
            )),
            Ok(_) => Ok(()),
            Err(error) => Err(self.file.explain(error.into())),
        }
    }

    /// Runs a future that asks nothing but this connection, which never makes it wait.
    pub fn complete<F: Future>(future: F) -> Result<F::Output, DatabaseError> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Ok(output),
            std::task::Poll::Pending => {
                Err(DatabaseError::Shape("a SQLite statement waited".to_owned()))
            }
        }
    }
}

impl Drop for Sqlite {
    /// What it has of the file before must not get into another, nor what was lost of its log.
    fn drop(&mut self) {
        if (self.is_old() || self.file.has_foreign_log())
            && let Err(error) = copy_on_close(&self.connection, false)
        {
            tracing::warn!(%error, "SQLite may bring a log into the file");
        }
    }
}

#[cfg(test)]
impl Sqlite {
    /// The one number that a statement gives.
    pub fn number(&self, sql: &str) -> Result<i64, DatabaseError> {
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }
}

impl Connection for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;

    async fn run(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        // What is short is not looked at while it runs.
        if self.watch.stops(0) {
            return Err(DatabaseError::TimedOut);
        }
        let read = self.read(catalog, level, statement);
        read.map_err(|error| self.explain(error))
    }

    fn other_forms(
        &self,
        catalog: &Catalog,
        compared: &[ColumnRef],
    ) -> Result<Vec<ColumnRef>, DatabaseError> {
        let ask = || self.forms.others(&self.connection, catalog, compared);
        let others = self.watch.apart(QUESTION, ask);
        others.map_err(|error| self.explain(error))
    }

    fn is_over(&self) -> bool {
        self.is_unfinished() || self.connection.is_autocommit()
    }
}

impl Sqlite {
    fn read(
        &self,
        catalog: &Catalog,
        level: &Level,
        statement: &Statement<'_>,
    ) -> Result<Rows, DatabaseError> {
        with_prepared(&self.connection, &statement.sql.text, |prepared| {
            read(catalog, level, statement, prepared)
        })
    }
}

/// Prepares a statement, or takes one that was, which is kept for the next time unless it is long.
pub(super) fn with_prepared<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    run: impl FnOnce(&mut rusqlite::Statement<'_>) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    match sql.len() > LONG {
        true => run(&mut connection.prepare(sql)?),
        false => run(&mut *connection.prepare_cached(sql)?),
    }
}

fn read(
    catalog: &Catalog,
    level: &Level,
    statement: &Statement<'_>,
    prepared: &mut rusqlite::Statement<'_>,
) -> Result<Rows, DatabaseError> {
    let keys = bind(statement);
    let offset = i64::from(statement.offset);
    let values: Vec<Box<dyn ToSql>> = statement.values.iter().map(bind_value).collect();
    let mut binds: Vec<&dyn ToSql> = keys.iter().map(|k| &**k as &dyn ToSql).collect();
    if statement.sql.binds_offset {
        binds.push(&offset);
    }
    binds.extend(values.iter().map(|v| &**v as &dyn ToSql));
    let mut found = prepared.query(&binds[..])?;
    let mut rows = RowsBuilder::new(catalog, level, statement, |_| {
        // As it is stored, whatever that is.
        &Kind::Bytes
    });
    let kinds = rows.kinds.clone();
    if let Some(width) = statement.sql.packed {
        while let Some(row) = found.next()? {
            let ordinal = row.get::<_, i64>(0)? as u32;
            let ValueRef::Blob(mut packed) = row.get_ref(1)? else {
                continue;
            };
            let mut values = vec![ValueRef::Null; width];
            while unpack(&mut packed, &mut values)? {
                rows.push(Some(ordinal), |read| {
                    Ok::<_, DatabaseError>(raw(kinds[read], values[read]))
                })?;
            }
        }
        return rows.finish();
    }
    let skip = usize::from(statement.sql.ordinal);
    while let Some(row) = found.next()? {
        let ordinal = match statement.sql.ordinal {
            true => Some(row.get::<_, i64>(0)? as u32),
            false => None,
        };
        rows.push(ordinal, |read| {
            Ok::<_, DatabaseError>(raw(kinds[read], row.get_ref(read + skip)?))
        })?;
    }
    rows.finish()
}

/// Statements that a connection keeps prepared, and the bytes of the longest that it keeps: so there is a bound on what they
/// take together.
const STATEMENTS: usize = 256;
const LONG: usize = 8 << 10;

/// For how long a file has not changed that nobody is writing over any more.
const RESTING: Duration = Duration::from_millis(20);

/// How long after a file's change shows it is surely told what that was.
const TOLD_BY: Duration = Duration::from_millis(10);

/// For how long it has not changed where somebody had begun to bring a log into it when it was opened: this process may be
/// at that, which has yet to see to it that what it wrote is on the disk.
const WRITING: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(2);

fn page_size(connection: &rusqlite::Connection) -> rusqlite::Result<u64> {
    let size = "SELECT page_size FROM pragma_page_size";
    let size: i64 = connection.query_row(size, [], |row| row.get(0))?;
    Ok(size.unsigned_abs())
}

/// Whether the last connection that is closed brings the log into the file.
fn copy_on_close(connection: &rusqlite::Connection, copies: bool) -> rusqlite::Result<()> {
    let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(keep, !copies).map(drop)
}

fn connect(
    file: &DatabaseFile,
    settings: Settings,
    watch: &Arc<Watch>,
) -> Result<rusqlite::Connection, DatabaseError> {
    let connection = file.connect()?;
    // Until it is known whose log it is.
    copy_on_close(&connection, false)?;
    connection.busy_timeout(settings.patience)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it SQLite prepares a statement again whenever a bound OFFSET changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // SQLite's own `lower` knows ASCII only.
    connection.create_scalar_function("backref_fold", 1, pure, |context| {
        Ok(folded(context.get_raw(0)))
    })?;
    connection.create_scalar_function("backref_rank", -1, pure, rank)?;
    connection.create_scalar_function("backref_part", 3, pure, part)?;
    connection.create_aggregate_function("backref_sum", 2, pure, ExactSum)?;
    add_functions(&connection)?;
    let ordered = FunctionFlags::SQLITE_UTF8;
    connection.create_aggregate_function("backref_rows", -1, ordered, PackRows)?;
    // Of a file that is mapped and cut short by somebody else, a read is the end of the process.
    let cache = settings.cache;
    connection.execute_batch(&format!(
        "PRAGMA mmap_size = 0; PRAGMA cache_size = -{cache};"
    ))?;
    // A statement that changes many rows keeps their pages as they were until it is done: else in a file of its own.
    connection.execute_batch(match settings.writes {
        true => "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;",
        false => "PRAGMA query_only = ON;",
    })?;
    // Reads the file, so that one which is no database is refused here.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let watch = watch.clone();
    let stops = move || watch.stops(STEPS as u64);
    connection.progress_handler(STEPS, Some(stops))?;
    Ok(connection)
}
