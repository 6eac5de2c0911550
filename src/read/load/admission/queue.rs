//! Work that waits, in the order in which it serves most: cheap before dear, by what it is expected to take.
//!
//! Nothing here knows a clock or a database: whoever calls says what time it is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much work may run at the same time. What is large leaves room for what is not, and what is huge for both,
/// so that no number of large requests keeps a small one waiting.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    pub all: usize,
    /// Of those, how many get on at a time. Where work is sent ahead, the rest waits where it is done.
    pub hands: usize,
    /// Of those, how many may be expected to take more than [`SMALL`].
    pub large: usize,
    /// Of those, how many may be expected to take more than [`LARGE`].
    pub huge: usize,
    /// Of those, how many may be expected to take more than a millisecond where what takes less had to wait lately.
    pub beside_tiny: usize,
    /// Of those that are large, how many may run where quick work keeps all hands busy or had to wait lately.
    pub beside_quick: usize,
    /// How long even short work may wait where more comes than can be done; `None` for as long as its deadline lets it.
    pub patience: Option<Duration>,
}

/// What small work takes at most.
pub const SMALL: Duration = Duration::from_millis(16);
/// What work takes at most that is large and not huge.
pub const LARGE: Duration = Duration::from_millis(256);

/// What the work of each level is expected to take at most, in microseconds; that of the last takes longer.
const LEVELS: [u64; 9] = [
    100, 300, 1_000, 4_000, 16_000, 64_000, 256_000, 1_024_000, 4_096_000,
];

/// For each level of work there is a share of the time that it gets however much cheaper work waits: one part in so
/// many. It is also how many times its own length work may wait where more of it comes than can be done.
const AGEING: u32 = 20;

/// Where work has waited without a break for so long, it is no burst that will be over soon: more comes than can be
/// done, and waiting lists are kept short.
const STANDING: Duration = Duration::from_secs(5);

/// How long even short work may wait where more comes than can be done, of reads.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Where none of the large ones that run has ended for so long, they wait for something else than for a processor, such as
/// another's lock, and one more may begin beside quick work.
const STUCK: Duration = Duration::from_secs(1);

/// For how long it is remembered that cheap work had to wait: dear work takes all places that are free as soon as none of it
/// does, and keeps it waiting again.
const LATELY: Duration = Duration::from_secs(10);

/// For how long it is remembered that a client left before it was its turn.
const IMPATIENCE: Duration = Duration::from_secs(10);

/// Where work has waited without a break for so long, clients that leave do so because of that.
const LONG: Duration = Duration::from_millis(100);

/// How many wait at most on one level. What is cheap does not displace what is dear, which would have no share then.
const MOST: usize = 1024;

/// The level of work by what it is expected to take: the lower, the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(usize);

impl Level {
    /// By the work's expected cost.
    pub fn of(cost: Duration) -> Self {
        let within = |most: &u64| cost <= Duration::from_micros(*most);
        Level(LEVELS.iter().position(within).unwrap_or(LEVELS.len()))
    }

    /// What work may take without needing the room of larger work.
    pub fn most(self) -> Option<Duration> {
        match self {
            _ if self < LARGE_LEVEL => Some(SMALL),
            _ if self < HUGE_LEVEL => Some(LARGE),
            _ => None,
        }
    }
}

/// By which waiting work is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    level: Level,
    number: u64,
}

/// Work that is not taken in, and when to come back.
#[derive(Debug)]
pub struct Refused<T> {
    pub work: T,
    pub retry_after: Duration,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Next<T> {
    /// This, which counts as running until [`Queue::finish`].
    Run(Level, T),
    /// To say that this cannot end in time any more.
    Refuse(Refused<T>),
}

pub struct Queue<T> {
    capacity: Capacity,
    lists: [List<T>; LEVELS.len() + 1],
    waiting: usize,
    /// Since when there has always been something that waits.
    standing: Option<Instant>,
    tickets: u64,
    /// When work cheaper than medium and cheaper than large had to wait.
    tiny: Waited,
    quick: Waited,
    /// When large work was last seen to begin or to end.
    moved: Option<Instant>,
    /// Whether some has begun or ended since.
    moves: bool,
    /// Whether that is long ago.
    stuck: bool,
}

/// When work had to wait for which there was no place.
#[derive(Default)]
struct Waited {
    last: Option<Instant>,
    /// Whether that is not long ago.
    lately: bool,
}

impl Waited {
    fn look(&mut self, now: Instant) {
        self.lately = self.last.is_some_and(|last| now - last <= LATELY);
    }

    fn note(&mut self, waits: bool, now: Instant) {
        if waits {
            self.last = Some(now);
            self.lately = true;
        }
    }
}

/// What waits on one level, in the order in which it came.
struct List<T> {
    entries: VecDeque<Entry<T>>,
    /// What its entries are expected to take together.
    backlog: Duration,
    running: usize,
    /// When its turn was last.
    served: Option<Instant>,
    impatient: Option<Impatience>,
}

/// That clients leave before it is their turn. Whose turn it would be is then about to leave, and who came last is still there
/// when the answer is.
#[derive(Debug, Clone, Copy)]
struct Impatience {
    /// Until when it counts.
    until: Instant,
    /// How long those who left had waited at most. Who has waited longer is not one of them.
    waited: Duration,
}

struct Entry<T> {
    number: u64,
    arrived: Instant,
    cost: Duration,
    deadline: Instant,
    work: T,
}

impl<T> Queue<T> {
    pub fn new(capacity: Capacity) -> Self {
        Queue {
            capacity,
            lists: std::array::from_fn(|_| List {
                entries: VecDeque::new(),
                backlog: Duration::ZERO,
                running: 0,
                served: None,
                impatient: None,
            }),
            waiting: 0,
            standing: None,
            tickets: 0,
            tiny: Waited::default(),
            quick: Waited::default(),
            moved: None,
            moves: false,
            stuck: false,
        }
    }

    pub fn is_waited_for(&self) -> bool {
        self.waiting > 0
    }

    /// Whether work had to wait lately that is not large.
    pub fn is_pressed(&self) -> bool {
        self.tiny.lately || self.quick.lately
    }

    /// Begins work that need not wait, which counts as running until [`Queue::finish`].
    pub fn begin(&mut self, cost: Duration) -> Option<Level> {
        let level = Level::of(cost);
        let begins = self.waiting == 0 && self.has_room(level);
        begins.then(|| {
            self.start(level);
            level
        })
    }

    /// Takes in work that is expected to take `cost`. What has to wait and could not end before its deadline is
    /// refused, and where more comes than can be done, what would wait for long. Work that waited may have to make
    /// way; it comes beside the ticket.
    pub fn push(
        &mut self,
        work: T,
        cost: Duration,
        deadline: Instant,
        now: Instant,
    ) -> Result<(Ticket, Option<Refused<T>>), Refused<T>> {
        let level = Level::of(cost);
        let wait = self.expected_wait(level, now);
        // What need not wait shows what it takes today, whatever it took before.
        if !wait.own.is_zero() && now + wait.own + cost > deadline {
            let retry_after = wait.all;
            return Err(Refused { work, retry_after });
        }
        let stands = self.standing.is_some_and(|since| now - since >= STANDING);
        let patience = self.capacity.patience.filter(|_| stands);
        let long = patience.is_some_and(|patience| wait.all > patience.max(cost * AGEING));
        let mut displaced = None;
        if long || self.lists[level.0].entries.len() >= MOST {
            displaced = match self.newest_first(level, now) {
                true => self.take_oldest(level, now),
                false => None,
            };
            if displaced.is_none() {
                let retry_after = wait.all;
                return Err(Refused { work, retry_after });
            }
        }
        self.tickets += 1;
        let number = self.tickets;
        let list = &mut self.lists[level.0];
        list.backlog += cost;
        list.entries.push_back(Entry {
            number,
            arrived: now,
            cost,
            deadline,
            work,
        });
        self.waiting += 1;
        self.standing.get_or_insert(now);
        Ok((Ticket { level, number }, displaced))
    }

    /// Forgets what had to wait long ago.
    pub fn look(&mut self, now: Instant) {
        self.tiny.look(now);
        self.quick.look(now);
    }

    /// The work whose turn it is, if there is room for it.
    pub fn pop(&mut self, now: Instant) -> Option<Next<T>> {
        if std::mem::take(&mut self.moves) {
            self.moved = Some(now);
        }
        self.stuck = self.moved.is_some_and(|moved| now - moved >= STUCK);
        self.look(now);
        let due = (0..self.lists.len())
            .filter(|&i| self.has_room(Level(i)))
            .filter_map(|i| Some((self.lists[i].due()?, i)))
            .min();
        let Some((_, level)) = due else {
            let waits = |below: Level| self.lists[..below.0].iter().any(|l| !l.entries.is_empty());
            let (tiny, quick) = (waits(MEDIUM_LEVEL), waits(LARGE_LEVEL));
            self.tiny.note(tiny, now);
            self.quick.note(quick, now);
            return None;
        };
        let newest_first = self.newest_first(Level(level), now);
        let entries = &mut self.lists[level].entries;
        let entry = match newest_first {
            true => entries.pop_back(),
            false => entries.pop_front(),
        }?;
        self.left(Level(level), entry.cost);
        let waited = now - entry.arrived > SMALL;
        if waited && now + entry.cost > entry.deadline {
            let retry_after = self.expected_wait(Level(level), now).all;
            let work = entry.work;
            return Some(Next::Refuse(Refused { work, retry_after }));
        }
        self.lists[level].served = Some(now);
        self.start(Level(level));
        Some(Next::Run(Level(level), entry.work))
    }

    /// Takes out work whose client has left.
    pub fn remove(&mut self, ticket: Ticket, now: Instant) -> Option<T> {
        let list = &mut self.lists[ticket.level.0];
        let at = list
            .entries
            .binary_search_by_key(&ticket.number, |e| e.number)
            .ok()?;
        let entry = list.entries.remove(at)?;
        // Whose time is over does not leave because others come first.
        if now < entry.deadline {
            let waited = now - entry.arrived;
            let longer = |i: &Impatience| now < i.until && i.waited > waited;
            let until = now + IMPATIENCE;
            let before = list.impatient.filter(longer);
            list.impatient = before.or(Some(Impatience { until, waited }));
        }
        self.left(ticket.level, entry.cost);
        Some(entry.work)
    }

    fn start(&mut self, level: Level) {
        self.lists[level.0].running += 1;
        self.moves |= level >= LARGE_LEVEL;
    }

    /// Work of this level has ended.
    pub fn finish(&mut self, level: Level) {
        self.moves |= level >= LARGE_LEVEL;
        let running = &mut self.lists[level.0].running;
        *running = running.saturating_sub(1);
    }

    /// What runs on one level turned out to be of another. Whether there is room for it to go on.
    pub fn promote(&mut self, from: Level, to: Level) -> bool {
        self.finish(from);
        let room = self.has_room(to);
        self.start(if room { to } else { from });
        room
    }

    fn left(&mut self, level: Level, cost: Duration) {
        let list = &mut self.lists[level.0];
        list.backlog = list.backlog.saturating_sub(cost);
        self.waiting -= 1;
        if self.waiting == 0 {
            self.standing = None;
        }
    }

    fn take_oldest(&mut self, level: Level, now: Instant) -> Option<Refused<T>> {
        let entry = self.lists[level.0].entries.pop_front()?;
        self.left(level, entry.cost);
        let retry_after = self.expected_wait(level, now).all;
        let work = entry.work;
        Some(Refused { work, retry_after })
    }

    fn has_room(&self, level: Level) -> bool {
        self.running_from(Level(0)) < self.capacity.all
            && (level < MEDIUM_LEVEL || self.running_from(MEDIUM_LEVEL) < self.room_for_medium())
            && (level < LARGE_LEVEL || self.running_from(LARGE_LEVEL) < self.room_for_large())
            && (level < HUGE_LEVEL || self.running_from(HUGE_LEVEL) < self.capacity.huge)
    }

    /// How many may run that are not tiny. Beside tiny work that had to wait few are sent ahead: the others would stand before
    /// all that is tiny and comes then. One of them at least may be medium, however long those that are large take.
    fn room_for_medium(&self) -> usize {
        match self.tiny.lately {
            true => (self.capacity.beside_tiny).max(self.running_from(LARGE_LEVEL) + 1),
            false => self.capacity.all,
        }
    }

    /// How many large ones may run. Where quick work keeps all hands busy the database has enough to do: more large ones
    /// would take from what is quick, and end no sooner.
    fn room_for_large(&self) -> usize {
        let cheaper = &self.lists[..LARGE_LEVEL.0];
        let quick: usize = cheaper.iter().map(|l| l.running + l.entries.len()).sum();
        let most = if quick < self.capacity.hands && !self.quick.lately {
            self.capacity.large
        } else if self.stuck && !self.moves {
            (self.running_from(LARGE_LEVEL) + 1).max(self.capacity.beside_quick)
        } else {
            self.capacity.beside_quick
        };
        most.min(self.capacity.large)
    }

    fn running_from(&self, level: Level) -> usize {
        self.lists[level.0..].iter().map(|l| l.running).sum()
    }

    /// How long work of a level that comes now would wait.
    fn expected_wait(&self, level: Level, now: Instant) -> Wait {
        let room = if level < LARGE_LEVEL {
            let all = match level < MEDIUM_LEVEL {
                true => self.capacity.all,
                false => self.room_for_medium(),
            };
            all - self.running_from(LARGE_LEVEL).min(all)
        } else if level < HUGE_LEVEL {
            let large = self.room_for_large();
            large - self.running_from(HUGE_LEVEL).min(large)
        } else {
            self.capacity.huge.min(self.room_for_large())
        };
        let room = room.min(self.capacity.hands).max(1);
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        let upto = |end: usize| {
            self.lists[..end]
                .iter()
                .map(|l| l.backlog)
                .sum::<Duration>()
        };
        let own = upto(level.0 + usize::from(!self.newest_first(level, now)));
        Wait {
            own: own / room,
            all: upto(level.0 + 1) / room,
        }
    }

    fn newest_first(&self, level: Level, now: Instant) -> bool {
        self.standing.is_some_and(|since| now - since >= LONG)
            && self.lists[level.0].is_impatient(now)
    }
}

/// Until it is somebody's turn, and until it is everybody's who waits now and takes no longer.
struct Wait {
    own: Duration,
    all: Duration,
}

/// The first level of what is not tiny: it takes more than a millisecond.
const MEDIUM_LEVEL: Level = Level(3);
/// The first levels beyond [`SMALL`] and [`LARGE`].
const LARGE_LEVEL: Level = Level(5);
const HUGE_LEVEL: Level = Level(7);

impl<T> List<T> {
    /// Whether who has waited longest is about to leave.
    fn is_impatient(&self, now: Instant) -> bool {
        let waited = self.entries.front().map(|oldest| now - oldest.arrived);
        self.impatient
            .is_some_and(|i| now < i.until && waited.unwrap_or_default() <= i.waited)
    }

    /// When it must be this list's turn at last: after so many times what its work takes, from when it came or
    /// from its last turn. Not by what its level takes at most: work that was expected to take a little more or less than
    /// where two levels meet is the same work.
    fn due(&self) -> Option<Instant> {
        let oldest = self.entries.front()?;
        let since = self
            .served
            .map_or(oldest.arrived, |served| served.max(oldest.arrived));
        Some(since + oldest.cost * AGEING)
    }
}
