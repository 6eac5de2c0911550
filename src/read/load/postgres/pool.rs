//! PostgreSQL connections that requests share by turns, each turn one snapshot.
//!
//! An answer is one moment of the database: a request that runs several statements runs them in one `REPEATABLE
//! READ` transaction. A transaction for each request would cost its own connection, or a turn of one. So requests
//! that wait for a turn begin it together, on one fresh snapshot, as writers share a commit in a group commit:
//!
//! ```text
//! request   BEGIN  a1 b1 c1      a2 c2      b2  COMMIT  BEGIN  d1 e1 …
//! answer                   a1 b1 c1   a2 c2      b2                d1 e1
//! ```
//!
//! A group is closed when its first statement is sent, so nobody reads anything older than what was committed when
//! his request arrived. When the last statement of each member is sent, the transaction's end and the next group go
//! right behind it. A request that runs one statement needs no transaction, and goes where there is none.
//!
//! A statement that fails ends the transaction of its whole group, and one that takes long holds it up. So only plans
//! that have run well share a turn; those that took long have a lane of their own, and so many connections that the
//! others keep some. Whoever is hit by another's statement all the same begins again by itself: these only read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::connect::Connector;
use super::session::{Cancelled, Owner, Session};
use crate::log;
use crate::read::load::admission::{self, Admission, Capacity, Permit};
use crate::read::load::{DatabaseError, Restart};

/// How long a statement may take before those behind it go elsewhere, and its plan to the lane for what takes long.
pub const PATIENCE: Duration = Duration::from_millis(50);
/// How long a statement may take that is known to be quick before that is taken for its own fault: on a machine that has
/// much to do it has no processor for a while, and in the lane for what takes long it would wait for all of that.
const HICCUP: Duration = Duration::from_millis(500);
/// How long statements may wait on a connection, by how long they take there, before another is used.
const QUEUE: Duration = Duration::from_millis(20);
/// Statements that wait on one connection at most before another is used.
const DEEP: u32 = 16;
/// Requests that load at a time, for each of the connections that carry what is quick: so many that turns are
/// shared. More wait to be admitted.
const SHARE: usize = 8;
/// What a request is expected to take whose plan has never run: more than what is known to be cheap.
const NEW: Duration = Duration::from_millis(2);
/// The setting of how many processes a session's statements may have beside its own.
const WORKERS: &str = "max_parallel_workers";
/// Cancellations of one statement that the other side has taken and that have not led to an answer, before its connection
/// is given up: for three seconds, as each is waited for.
const VAIN: u32 = 20;
/// After a refused connection, how long no other is tried.
const REFUSED_FOR: Duration = Duration::from_millis(500);

/// Connections to one database.
#[derive(Clone)]
pub struct PostgresPool(Arc<Shared>);

struct Shared {
    connector: Connector,
    /// Whose turn it is to wait for a turn.
    admission: Arc<Admission>,
    /// As many are opened at most.
    most: usize,
    /// As many carry what is quick, and the others what takes long.
    few: usize,
    state: Mutex<State>,
    clock: Instant,
    /// When a statement was cancelled behind a pooler, in whatever session it ran.
    cancelled: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    places: Vec<Place>,
    opening: usize,
    refused: Option<(Instant, Arc<str>)>,
    /// Who waits for a turn.
    quick: VecDeque<Waiter>,
    slow: VecDeque<Waiter>,
    /// Members that are not dropped.
    members: usize,
    /// The number of the next member.
    next: Owner,
}

/// A connection, and whose turn it is there.
struct Place {
    session: Arc<Session>,
    /// Members of the turn that have statements to send yet. While there are, nobody else's go there.
    unsent: usize,
    /// Whether the turn is a transaction.
    transaction: bool,
    /// Whether what runs there takes long: until it has ended, nobody else's goes behind it.
    slow: bool,
    /// Whether what runs there has one process of the database and no more.
    single: bool,
}

/// How a request wants to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Whether it runs several statements, which are to read one snapshot.
    pub snapshot: bool,
    pub company: Company,
}

/// With whom a request shares its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Its plan has run well.
    Shared,
    /// By itself: its plan is new or has failed.
    Alone,
    /// By itself, where nothing runs: it was hit by another's statement.
    Again,
    /// In the lane for what takes long.
    Slow,
}

/// What holds up a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing that takes long, as far as is known.
    Quick,
    /// It takes long itself, and others go elsewhere.
    Slow,
    /// The request is to begin again.
    Again(Restart),
}

struct Waiter {
    wish: Wish,
    grant: oneshot::Sender<Result<Member, DatabaseError>>,
}

/// A request's right to send its statements on a connection.
pub struct Member {
    pool: PostgresPool,
    pub session: Arc<Session>,
    pub id: Owner,
    pub wish: Wish,
    /// Whether it has sent its last statement.
    sent: AtomicBool,
    /// Statements it may send yet.
    left: AtomicU32,
    /// How long its statements took, in µs.
    took: AtomicU64,
}

impl PostgresPool {
    /// Connects when it is first asked to.
    pub fn new(connector: Connector, most: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let most = most.max(1);
        // Of a few connections, one is kept for what takes long.
        let few = (2 * cores).min(most - most / 4).min((most - 1).max(1));
        let admission = Admission::new(Capacity {
            all: few * SHARE,
            hands: few,
            large: most,
            huge: (most - few).max(1),
            beside_tiny: cores,
            beside_quick: cores,
            patience: Some(admission::PATIENCE),
        });
        PostgresPool(Arc::new(Shared {
            connector,
            admission,
            most,
            few,
            state: Mutex::default(),
            clock: Instant::now(),
            cancelled: Arc::default(),
        }))
    }

    /// Waits until a request may load that is expected to take `cost`.
    pub async fn admit(
        &self,
        cost: Option<Duration>,
        deadline: Instant,
    ) -> Result<Permit, DatabaseError> {
        self.0.admission.enter(cost.unwrap_or(NEW), deadline).await
    }

    /// Waits for a turn. `statements` is how many it may send at most.
    pub async fn enter(&self, wish: Wish, statements: usize) -> Result<Member, DatabaseError> {
        let granted = {
            let mut state = self.0.state();
            if !state.waits(wish)
                && let Some(at) = self.place(&mut state, wish)
            {
                self.open_another(&mut state, wish);
                let member = self.begin(&mut state, at, &[wish], wish);
                drop(state);
                member.expect(statements);
                return Ok(member);
            }
            let (grant, granted) = oneshot::channel();
            state.line(wish).push_back(Waiter { wish, grant });
            self.open_another(&mut state, wish);
            self.refuse_all(&mut state);
            granted
        };
        let gone = || DatabaseError::Unreachable("the pool was closed".to_owned());
        let member = granted.await.map_err(|_| gone())??;
        member.expect(statements);
        Ok(member)
    }

    /// Sends nothing more on connections that were opened before this time.
    pub fn distrust(&self, before: Instant) {
        self.0
            .state()
            .places
            .retain(|place| place.session.opened >= before);
    }

    /// Closes a connection that nobody uses, if there is one beside others.
    pub fn give_one_up(&self) {
        let mut state = self.0.state();
        if state.places.len() > 1
            && let Some(at) = state.places.iter().rposition(Place::is_idle)
        {
            state.places.remove(at);
            // Whoever it is given up for comes first.
            state.refused = Some((Instant::now(), Arc::from("others need the connections")));
        }
    }

    /// Whether the database answers. A connection that it has closed is no answer.
    pub(super) async fn is_answered(&self) -> Result<(), DatabaseError> {
        let began = Instant::now();
        match self.ask_something().await {
            Err(error) if error.is_cut_off() => {
                self.distrust(began);
                self.ask_something().await
            }
            answered => answered,
        }
    }

    async fn ask_something(&self) -> Result<(), DatabaseError> {
        let wish = Wish {
            snapshot: false,
            company: Company::Shared,
        };
        let member = self.enter(wish, 1).await?;
        let ask = member.session.client().batch_execute("SELECT 1");
        Ok(member.ask(ask).await?)
    }

    /// What holds up a member's statement that is not answered yet, and whose plan is known to be quick or not.
    fn look(&self, member: &Member, is_quick: bool) -> Look {
        let running = match member.session.running() {
            Some((owner, running)) if running >= PATIENCE => match owner == member.id {
                true => running,
                false => return Look::Again(Restart::HeldUp),
            },
            _ => return Look::Quick,
        };
        let is_hiccup = is_quick && running < HICCUP;
        let here = if is_hiccup { Look::Quick } else { Look::Slow };
        let mut state = self.0.state();
        let slow = state.places.iter().filter(|p| p.slow).count();
        let Some(place) = state.place_of(&member.session) else {
            return here;
        };
        if place.slow || self.0.slow_at_most() == 0 {
            return here;
        }
        if slow < self.0.slow_at_most() {
            place.slow = true;
            self.grant_all(state);
            return here;
        }
        match is_hiccup {
            true => Look::Quick,
            false => Look::Again(Restart::Slow),
        }
    }

    /// Where a request may begin its turn now.
    fn place(&self, state: &mut State, wish: Wish) -> Option<usize> {
        state
            .places
            .retain(|place| place.unsent > 0 || place.slow || place.session.is_fit());
        let slow = state.places.iter().filter(|p| p.slow).count();
        let places = state.places.iter().enumerate().filter(|(_, p)| !p.slow);
        if wish.company == Company::Slow && self.0.slow_at_most() > 0 {
            if slow >= self.0.slow_at_most() {
                return None;
            }
            // Not one of those that are kept warm, if there is another.
            let mut idle = places.filter(|(_, p)| p.is_idle());
            return idle.next_back().map(|(at, _)| at);
        }
        let few = places.take(self.0.few).filter(|(_, p)| p.unsent == 0);
        let free = few.filter(|(_, p)| match wish.company {
            Company::Shared | Company::Alone => has_room(&p.session),
            Company::Again | Company::Slow => p.is_idle(),
        });
        free.min_by_key(|(_, p)| p.session.waiting())
            .map(|(at, _)| at)
    }

    /// Begins a turn of so many wishes, and gives the first member of it.
    fn begin(&self, state: &mut State, at: usize, wishes: &[Wish], first: Wish) -> Member {
        let place = &mut state.places[at];
        place.unsent = wishes.len();
        place.transaction = self.0.connector.is_pooled() || wishes.iter().any(|w| w.snapshot);
        place.slow = first.company == Company::Slow && self.0.slow_at_most() > 0;
        // Workers beside a statement's own process end it sooner where there are processors to spare, and take them from
        // what is quick where there are none.
        let single = self.0.admission.is_pressed();
        if self.0.connector.is_pooled() {
            let begin = self.0.connector.begin();
            match single {
                true => place
                    .session
                    .tell(&format!("{begin}; SET LOCAL {WORKERS} = 0")),
                false => place.session.tell(begin),
            }
        } else {
            if single != std::mem::replace(&mut place.single, single) {
                place.session.tell(&match single {
                    true => format!("SET {WORKERS} = 0"),
                    false => format!("RESET {WORKERS}"),
                });
            }
            if place.transaction {
                place.session.tell(self.0.connector.begin());
            }
        }
        self.member(state, at, first)
    }

    fn member(&self, state: &mut State, at: usize, wish: Wish) -> Member {
        state.members += 1;
        state.next += 1;
        Member {
            pool: self.clone(),
            session: state.places[at].session.clone(),
            id: state.next,
            wish,
            sent: AtomicBool::new(false),
            left: AtomicU32::new(u32::MAX),
            took: AtomicU64::new(0),
        }
    }

    /// Gives turns to those who wait, as long as there are places.
    fn grant_all(&self, mut state: MutexGuard<'_, State>) {
        let mut granted = Vec::new();
        while let Some(company) = self.next_turn(&mut state, &mut granted) {
            tracing::trace!(?company, members = granted.len(), "a turn begins");
        }
        self.refuse_all(&mut state);
        drop(state);
        for (grant, member) in granted {
            // Who has left gives his turn back, which needs the state.
            let _ = grant.send(Ok(member));
        }
    }

    /// Begins one turn, if somebody waits and there is a place.
    fn next_turn(
        &self,
        state: &mut State,
        granted: &mut Vec<(oneshot::Sender<Result<Member, DatabaseError>>, Member)>,
    ) -> Option<Company> {
        for company in [Company::Shared, Company::Slow] {
            let line = state.line_of(company);
            while line.front().is_some_and(|w| w.grant.is_closed()) {
                line.pop_front();
            }
            let Some(wish) = line.front().map(|w| w.wish) else {
                continue;
            };
            let Some(at) = self.place(state, wish) else {
                self.open_another(state, wish);
                continue;
            };
            // Of those who load and wait, each of the few connections carries its part.
            let part = (state.members + state.quick.len()).div_ceil(self.0.few);
            let line = state.line_of(company);
            let mut turn = vec![];
            while turn.len() < part.max(1)
                && let Some(next) = line.pop_front_if(|w| turn.is_empty() || may_join(wish, w.wish))
            {
                if !next.grant.is_closed() {
                    turn.push(next);
                }
            }
            let wishes: Vec<Wish> = turn.iter().map(|w| w.wish).collect();
            let mut turn = turn.into_iter();
            let Some(first) = turn.next() else { continue };
            granted.push((first.grant, self.begin(state, at, &wishes, wish)));
            for waiter in turn {
                let member = self.member(state, at, waiter.wish);
                granted.push((waiter.grant, member));
            }
            return Some(wish.company);
        }
        None
    }

    /// Opens a connection where one more would serve who comes next.
    fn open_another(&self, state: &mut State, wish: Wish) {
        let refused = state.refused.as_ref();
        let refused = refused.is_some_and(|(at, _)| at.elapsed() < REFUSED_FOR);
        if refused || state.places.len() + state.opening >= self.0.most {
            return;
        }
        let quick = state.places.iter().filter(|p| !p.slow);
        let useful = match wish.company {
            Company::Slow => !quick.clone().any(Place::is_idle) && state.opening == 0,
            // All carry something, and there may be more of them.
            _ => {
                quick.clone().count() + state.opening < self.0.few
                    && !quick.clone().any(Place::is_idle)
            }
        };
        if useful {
            self.open_one(state);
        }
    }

    /// Opens a connection, whether or not whoever asked for it still waits.
    fn open_one(&self, state: &mut State) {
        state.opening += 1;
        let pool = self.clone();
        tokio::spawn(async move {
            let shared = &pool.0;
            let connector = &shared.connector;
            let opened = match connector.connect().await {
                Ok(client) => {
                    Ok(Session::over(client, connector, shared.clock, &shared.cancelled).await)
                }
                Err(error) => Err(error),
            };
            let mut state = shared.state();
            state.opening -= 1;
            match opened {
                Ok(session) => {
                    state.places.push(Place {
                        session: Arc::new(session),
                        unsent: 0,
                        transaction: false,
                        slow: false,
                        single: false,
                    });
                    state.refused = None;
                }
                Err(error) => {
                    log::report(&log::Cause {
                        weight: log::Weight::Warning,
                        what: "cannot open a connection",
                        code: None,
                        why: &error.cause,
                        path: None,
                        statement: None,
                    });
                    state.refused = Some((Instant::now(), error.cause.into()));
                }
            }
            pool.grant_all(state);
        });
    }

    /// Tells those who wait that no connection can be had, where none is open or being opened.
    fn refuse_all(&self, state: &mut State) {
        if !state.places.is_empty() || state.opening > 0 {
            return;
        }
        let Some((_, cause)) = &state.refused else {
            return;
        };
        let cause = cause.clone();
        for waiter in state.quick.drain(..).chain(state.slow.drain(..)) {
            let error = DatabaseError::Unreachable(cause.to_string());
            let _ = waiter.grant.send(Err(error));
        }
    }

    /// A member has sent its last statement, or sends none any more.
    fn sent_last(&self, member: &Member) {
        if member.sent.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.0.state();
        let Some(place) = state.place_of(&member.session) else {
            return;
        };
        place.unsent = place.unsent.saturating_sub(1);
        if place.unsent > 0 {
            return;
        }
        if std::mem::take(&mut place.transaction) {
            place.session.tell("COMMIT");
        }
        if !state.quick.is_empty() || !state.slow.is_empty() {
            self.grant_all(state);
        }
    }

    /// A member is gone. What it asked and nobody waits for any more is cancelled once it takes long.
    fn leave(&self, member: &Member) {
        self.sent_last(member);
        let mut state = self.0.state();
        state.members -= 1;
        let Some(place) = state.place_of(&member.session) else {
            return;
        };
        if place.slow && place.session.waiting() == 0 {
            place.slow = false;
        }
        if place.slow || place.session.awaits(member.id) {
            self.reap(member.session.clone(), member.id);
        }
        if !state.quick.is_empty() || !state.slow.is_empty() {
            self.grant_all(state);
        }
    }

    /// Sends nothing more on a connection whose other side answers elsewhere, and not there.
    fn give_up(&self, session: &Arc<Session>) {
        tracing::warn!("a connection to PostgreSQL was given up: it does not answer any more");
        let mut state = self.0.state();
        state.places.retain(|p| !Arc::ptr_eq(&p.session, session));
        self.grant_all(state);
    }

    /// Cancels what a member that is gone has left running, and gives its connection back.
    fn reap(&self, session: Arc<Session>, id: Owner) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let pool = self.clone();
        runtime.spawn(async move {
            let mut in_vain = 0;
            while session.awaits(id)
                && let Some((owner, running)) = session.running()
                && !session.client().is_closed()
            {
                if owner != id || running < PATIENCE {
                    tokio::time::sleep(PATIENCE.saturating_sub(running).max(PATIENCE / 10)).await;
                    continue;
                }
                let front = session.front();
                let cancelled = session.cancel(&pool.0.connector, id).await;
                // It has sent several, and another runs now.
                if session.front() != front {
                    in_vain = 0;
                } else if cancelled == Cancelled::InVain {
                    in_vain += 1;
                }
                if in_vain == VAIN {
                    return pool.give_up(&session);
                }
                tracing::debug!(?cancelled, "cancelled what nobody waits for");
            }
            session.drain().await;
            let mut state = pool.0.state();
            if let Some(place) = state.place_of(&session) {
                place.slow = place.slow && place.session.waiting() > 0;
            }
            pool.grant_all(state);
        });
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections what takes long may have at a time; with none, it goes with the others.
    fn slow_at_most(&self) -> usize {
        self.most - self.few
    }
}

impl State {
    fn line(&mut self, wish: Wish) -> &mut VecDeque<Waiter> {
        self.line_of(wish.company)
    }

    fn line_of(&mut self, company: Company) -> &mut VecDeque<Waiter> {
        match company {
            Company::Slow => &mut self.slow,
            _ => &mut self.quick,
        }
    }

    fn waits(&mut self, wish: Wish) -> bool {
        !self.line(wish).is_empty()
    }

    fn place_of(&mut self, session: &Arc<Session>) -> Option<&mut Place> {
        let mut places = self.places.iter_mut();
        places.find(|p| Arc::ptr_eq(&p.session, session))
    }
}

impl Place {
    /// Whether nothing runs there, and nothing is about to.
    fn is_idle(&self) -> bool {
        self.unsent == 0 && self.session.waiting() == 0
    }
}

/// Whether one more turn is soon answered on a connection.
fn has_room(session: &Session) -> bool {
    let load = session.load();
    let queue = QUEUE.as_micros() as u64 / load.pace.max(1);
    u64::from(load.waiting) < queue.clamp(1, DEEP.into())
}

/// Whether a request may share another's turn.
fn may_join(first: Wish, next: Wish) -> bool {
    first.company == Company::Shared && next.company == Company::Shared
}

impl Member {
    fn expect(&self, statements: usize) {
        self.left.store(statements as u32, Ordering::Relaxed);
    }

    /// Asks what is no statement of a level.
    pub async fn ask<T>(&self, asking: impl Future<Output = T>) -> T {
        self.session.ask(self.id, || self.done(), asking).await.0
    }

    /// One statement fewer is to be sent: it was, or there is nothing to ask.
    pub fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.pool.sent_last(self);
        }
    }

    /// Adds how long a statement took, in µs.
    pub fn add(&self, micros: u64) {
        self.took.fetch_add(micros, Ordering::Relaxed);
    }

    /// How long its statements took.
    pub fn took(&self) -> Duration {
        Duration::from_micros(self.took.load(Ordering::Relaxed))
    }

    /// Whether its statements run in a transaction, which one that fails ends.
    pub fn in_transaction(&self) -> bool {
        self.wish.snapshot || self.pool.0.connector.is_pooled()
    }

    /// What its statements begin with behind a pooler.
    pub fn mark(&self) -> String {
        self.pool.0.connector.mark(self.id)
    }

    /// What holds up its statement that is not answered yet; `is_quick` is whether its plan is known to be.
    pub fn look(&self, is_quick: bool) -> Look {
        self.pool.look(self, is_quick)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.pool.leave(self);
    }
}
