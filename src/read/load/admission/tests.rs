//! The queue under a simulated clock, and admission as tasks see it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const CAPACITY: Capacity = Capacity {
    all: 3,
    hands: 3,
    large: 2,
    huge: 1,
    patience: Some(PATIENCE),
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

struct Clock {
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        Clock {
            start: Instant::now(),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + ms(millis)
    }
}

fn push(queue: &mut Queue<u32>, work: u32, cost: u64, now: Instant) -> Option<Ticket> {
    let deadline = now + Duration::from_secs(30);
    queue
        .push(work, ms(cost), deadline, now)
        .ok()
        .map(|(t, _)| t)
}

fn run(queue: &mut Queue<u32>, now: Instant) -> Option<(Level, u32)> {
    match queue.pop(now)? {
        Next::Run(level, work) => Some((level, work)),
        Next::Refuse(refused) => panic!("{} was refused", refused.work),
    }
}

#[test]
fn what_is_cheap_goes_past_what_is_dear() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    for work in 0..12 {
        push(&mut queue, work, 1_500, clock.at(0));
    }
    assert_eq!(run(&mut queue, clock.at(0)).map(|r| r.1), Some(0));
    assert!(run(&mut queue, clock.at(0)).is_none(), "one huge at a time");
    push(&mut queue, 20, 50, clock.at(1));
    push(&mut queue, 21, 50, clock.at(1));
    assert_eq!(run(&mut queue, clock.at(1)).map(|r| r.1), Some(20));
    assert!(
        run(&mut queue, clock.at(1)).is_none(),
        "two large at a time"
    );
    push(&mut queue, 30, 2, clock.at(2));
    assert_eq!(run(&mut queue, clock.at(2)).map(|r| r.1), Some(30));
    assert!(run(&mut queue, clock.at(2)).is_none());
    queue.finish(Level::of(ms(2)), Ended::Well);
    assert!(
        run(&mut queue, clock.at(3)).is_none(),
        "room for small only"
    );
    queue.finish(Level::of(ms(1_500)), Ended::Well);
    assert_eq!(run(&mut queue, clock.at(3)).map(|r| r.1), Some(21));
}

#[test]
fn what_is_dear_gets_its_share_however_much_is_cheap() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    push(&mut queue, 1_000, 1_000, clock.at(0));
    let occupied = run(&mut queue, clock.at(0)).expect("room");
    push(&mut queue, 1_001, 1_000, clock.at(0));
    // Small work without end: there is never a moment without some that waits.
    let mut done = Vec::new();
    for now in 0..30_000 {
        push(&mut queue, 1, 2, clock.at(now));
        if now == 10 {
            queue.finish(occupied.0, Ended::Well);
        }
        if now % 2 == 0 {
            // More comes than is done: some are refused.
            let begun =
                std::iter::from_fn(|| queue.pop(clock.at(now))).find_map(|next| match next {
                    Next::Run(level, work) => Some((level, work)),
                    Next::Refuse(_) => None,
                });
            if let Some((level, work)) = begun {
                queue.finish(level, Ended::Well);
                done.push(work);
            }
        }
    }
    assert!(done.contains(&1_001));
}

#[test]
fn what_cannot_end_in_time_is_refused_at_once() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let now = clock.at(0);
    let deadline = clock.at(5_000);
    let taken = (0..20).filter(|&work| queue.push(work, ms(1_000), deadline, now).is_ok());
    // One at a time: the fifth to wait would begin when its time is over.
    assert_eq!(taken.count(), 5);
    let refused = queue.push(7, ms(1_000), deadline, now).expect_err("full");
    assert_eq!(refused.retry_after, ms(5_000));
    assert!(queue.push(8, ms(2), deadline, now).is_ok());
}

#[test]
fn what_need_not_wait_is_never_refused() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let pushed = queue.push(1, ms(60_000), clock.at(3_000), clock.at(0));
    assert!(pushed.is_ok());
    assert!(run(&mut queue, clock.at(1)).is_some());
}

#[test]
fn what_has_waited_too_long_is_refused_when_its_turn_comes() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let deadline = clock.at(2_000);
    queue.push(1, ms(500), deadline, clock.at(0)).expect("room");
    let Some(Next::Refuse(refused)) = queue.pop(clock.at(1_800)) else {
        panic!("it cannot end in time");
    };
    assert_eq!(refused.work, 1);
    assert!(queue.pop(clock.at(1_800)).is_none());
}

#[test]
fn who_leaves_is_taken_out_and_then_the_newest_goes_first() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let tickets: Vec<_> = (0..5)
        .map(|work| push(&mut queue, work, 1_500, clock.at(0)).expect("room"))
        .collect();
    assert_eq!(queue.remove(tickets[1], clock.at(2_000)), Some(1));
    assert_eq!(queue.remove(tickets[1], clock.at(2_000)), None);
    assert_eq!(run(&mut queue, clock.at(2_000)).map(|r| r.1), Some(4));
}

#[test]
fn work_that_turns_out_to_be_larger_goes_on_where_there_is_room() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let (small, huge) = (Level::of(ms(2)), Level::of(ms(1_500)));
    push(&mut queue, 1, 2, clock.at(0));
    push(&mut queue, 2, 2, clock.at(0));
    run(&mut queue, clock.at(0));
    run(&mut queue, clock.at(0));
    assert!(queue.promote(small, huge));
    assert!(!queue.promote(small, huge), "one huge at a time");
    queue.finish(huge, Ended::Well);
    assert!(queue.promote(small, huge));
}

/// Three times what can be done comes, for a minute: what is done, and how long small work waits.
#[test]
fn overload_is_served_as_well_as_capacity_allows() {
    // What comes of each hundred, and what it takes in milliseconds.
    let mix = [(80, 2), (15, 40), (5, 400)];
    let of = |i: u64| {
        mix[[80, 95, 100]
            .iter()
            .position(|&end| i % 100 < end)
            .unwrap_or(2)]
        .1
    };
    let mean: u64 = mix.iter().map(|(share, cost)| share * cost).sum();
    let (clock, mut queue) = (Clock::new(), Queue::<(u64, u64)>::new(CAPACITY));
    let mut running = BinaryHeap::<Reverse<(u64, u64, u64)>>::new();
    let (mut done, mut waits, mut next) = (0, Vec::new(), 0u64);
    for now in 0..60_000u64 {
        while let Some(&Reverse((end, arrived, cost))) = running.peek() {
            if end > now {
                break;
            }
            running.pop();
            queue.finish(Level::of(ms(cost)), Ended::Well);
            if end - arrived <= 3_000 {
                done += cost;
            }
        }
        // Three times what three servers do.
        while next * mean < now * 100 * 3 * 3 {
            let cost = of(next * 37);
            next += 1;
            let deadline = clock.at(now + 3_000);
            // The refused go.
            let _ = queue.push((now, cost), ms(cost), deadline, clock.at(now));
        }
        while let Some(popped) = queue.pop(clock.at(now)) {
            if let Next::Run(_, (arrived, cost)) = popped {
                if cost == 2 {
                    waits.push(now - arrived);
                }
                running.push(Reverse((now + cost, arrived, cost)));
            }
        }
    }
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    assert!(p99 <= 20, "small work waits {p99} ms");
    let share = done as f64 / (3.0 * 60_000.0);
    assert!(share >= 0.8, "{share} of the time was of use");
}

/// Servers under a simulated clock, of a tenth of a millisecond.
struct Simulated {
    clock: Clock,
    queue: Queue<(u64, u64)>,
    running: BinaryHeap<Reverse<(u64, u64, u64)>>,
    /// Waits of what was begun, in ticks, and who it was.
    begun: Vec<(u64, u64)>,
    refused: Vec<u64>,
}

const TICK: Duration = Duration::from_micros(100);

impl Simulated {
    fn new() -> Self {
        Simulated {
            clock: Clock::new(),
            queue: Queue::new(CAPACITY),
            running: BinaryHeap::new(),
            begun: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn now(&self, tick: u64) -> Instant {
        self.clock.start + TICK * tick as u32
    }

    fn comes(&mut self, tick: u64, who: u64, cost: u64) {
        let now = self.now(tick);
        let deadline = now + Duration::from_secs(30);
        match self
            .queue
            .push((tick, who), TICK * cost as u32, deadline, now)
        {
            Ok((_, displaced)) => self.refused.extend(displaced.map(|d| d.work.1)),
            Err(refused) => self.refused.push(refused.work.1),
        }
    }

    /// Begins what may be, and gives who is done.
    fn tick(&mut self, tick: u64, cost: u64) -> Vec<u64> {
        let level = Level::of(TICK * cost as u32);
        let mut done = Vec::new();
        while let Some(&Reverse((end, _, who))) = self.running.peek()
            && end <= tick
        {
            self.running.pop();
            self.queue.finish(level, Ended::Well);
            done.push(who);
        }
        while let Some(popped) = self.queue.pop(self.now(tick)) {
            match popped {
                Next::Run(_, (arrived, who)) => {
                    self.begun.push((tick - arrived, who));
                    self.running.push(Reverse((tick + cost, arrived, who)));
                }
                Next::Refuse(refused) => self.refused.push(refused.work.1),
            }
        }
        done
    }
}

/// Small work alone is more than can be done. Whoever is served has hardly waited, from the beginning on.
#[test]
fn where_more_comes_than_is_done_who_is_served_is_served_soon() {
    for (cost, percent) in [(2, 300), (9, 300), (40, 300), (9, 120), (9, 110)] {
        let (mut all, seconds) = (Simulated::new(), 10);
        let (mut sent, mut done) = (0, 0);
        for tick in 0..seconds * 10_000 {
            while sent * cost * 100 < tick * percent * 3 {
                sent += 1;
                all.comes(tick, sent, cost);
            }
            done += all.tick(tick, cost).len() as u64;
        }
        let mut waits: Vec<u64> = all.begun.iter().map(|(wait, _)| *wait).collect();
        waits.sort_unstable();
        let of = format!("{percent} % of {cost}");
        let percentile = |p: usize| TICK * waits[waits.len() * p / 100] as u32;
        assert!(percentile(99) <= ms(100), "{of}: {:?}", percentile(99));
        let most = ms(20).max(TICK * 2 * cost as u32);
        assert!(percentile(85) <= most, "{of}: {:?}", percentile(85));
        let share = (done * cost) as f64 / (3 * seconds * 10_000) as f64;
        assert!(share >= 0.98, "{of}: {share} of the time was of use");
        // Nobody is left without an answer.
        let answered = all.begun.len() + all.refused.len();
        assert!(
            answered as u64 + 1_000 >= sent,
            "{of}: {answered} of {sent}"
        );
    }
}

/// However many clients there are that wait for their answers, all are served, and each as often as the others.
#[test]
fn clients_who_wait_for_their_answers_are_never_refused() {
    for (clients, cost) in [(40, 3), (1_000, 3), (1_000, 40), (300, 150)] {
        let mut all = Simulated::new();
        let mut count = vec![0u32; clients as usize];
        (0..clients).for_each(|who| all.comes(0, who, cost));
        for tick in 0..100_000 {
            for who in all.tick(tick, cost) {
                count[who as usize] += 1;
                all.comes(tick, who, cost);
            }
        }
        assert!(all.refused.is_empty(), "{clients} clients of {cost}");
        let least = count.iter().min().copied().unwrap_or_default();
        let most = count.iter().max().copied().unwrap_or_default();
        // Of those who are done at the same time, one is the first.
        let is_fair = most <= least + 1 + least / 20;
        assert!(is_fair, "{clients} clients of {cost}: {least} to {most}");
    }
}

/// What is expected of the same work wavers about the bound of two levels: nobody waits much longer for that.
#[test]
fn what_takes_nearly_as_long_waits_nearly_as_long() {
    let mut all = Simulated::new();
    let cost = |tick: u64| {
        if (tick / 100).is_multiple_of(2) {
            39
        } else {
            41
        }
    };
    (0..32).for_each(|who| all.comes(0, who, cost(0)));
    for tick in 0..100_000 {
        for who in all.tick(tick, 40) {
            all.comes(tick, who, cost(tick));
        }
    }
    let longest = all.begun.iter().map(|(wait, _)| *wait).max();
    let usual = 32 * 40 / 3;
    assert!(
        longest.is_some_and(|longest| longest <= 2 * usual),
        "{longest:?}"
    );
}

/// Whoever runs huge work leaves before it is done, as long as more than two run at a time.
#[test]
fn huge_work_that_ends_in_vain_makes_way_for_what_does_not() {
    let wide = Capacity {
        hands: 2,
        all: 20,
        large: 18,
        huge: 12,
        ..CAPACITY
    };
    let (clock, mut queue) = (Clock::new(), Queue::new(wide));
    let (mut running, mut well) = (Vec::new(), 0);
    for second in 0..100 {
        let now = clock.at(second * 1_000);
        for _ in 0..3 {
            push(&mut queue, 1, 900, now);
        }
        let ended = match running.len() {
            0..=2 => Ended::Well,
            _ => Ended::InVain,
        };
        for level in running.drain(..) {
            queue.finish(level, ended);
            well += u32::from(ended == Ended::Well);
        }
        while let Some((level, _)) = run(&mut queue, now) {
            running.push(level);
        }
    }
    assert!(well >= 80, "{well}");
}

#[tokio::test]
async fn tasks_enter_in_turn_and_whoever_leaves_makes_room() {
    let one = Capacity {
        all: 1,
        hands: 1,
        large: 1,
        huge: 1,
        patience: Some(PATIENCE),
    };
    let admission = Admission::new(one);
    let deadline = Instant::now() + Duration::from_secs(60);
    let first = admission.enter(ms(1), deadline).await.expect("room");
    let mut gone = Box::pin(admission.enter(ms(1), deadline));
    let mut second = Box::pin(admission.enter(ms(1), deadline));
    assert!(futures_util::poll!(&mut gone).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(gone);
    drop(first);
    let second = second.await.expect("its turn");
    let mut third = Box::pin(admission.enter(ms(1), deadline));
    assert!(futures_util::poll!(&mut third).is_pending());
    // It was told, and left before it heard.
    drop(second);
    drop(third);
    assert!(admission.enter(ms(1), deadline).await.is_ok());
}

#[test]
fn a_cost_follows_what_it_is_told() {
    let cost = Cost::default();
    assert_eq!(cost.expected(), None);
    cost.learn(ms(8));
    assert_eq!(cost.expected(), Some(ms(8)));
    cost.learn(ms(16));
    assert_eq!(cost.expected(), Some(ms(10)));
    cost.exceeds(ms(30));
    assert_eq!(cost.expected(), Some(ms(30)));
}

#[tokio::test]
async fn a_turn_is_taken_only_where_the_thread_has_had_no_pause() {
    let one = Capacity {
        all: 1,
        hands: 1,
        large: 1,
        huge: 1,
        patience: Some(PATIENCE),
    };
    let admission = Admission::new(one);
    let deadline = Instant::now() + Duration::from_secs(60);
    let turn = || admission.turn(ms(1), deadline);
    // Of this thread nothing is known.
    assert!(turn().await.expect("nobody waits").is_none());
    busy::begins();
    assert!(turn().await.expect("nobody waits").is_none());
    std::thread::sleep(ms(20));
    let mut first = Box::pin(turn());
    assert!(futures_util::poll!(&mut first).is_pending(), "steps back");
    // Those behind it come to where they are put in order: the cheap one goes first, whoever has left never.
    let mut dear = Box::pin(turn());
    let mut left = Box::pin(admission.turn(ms(0), deadline));
    let mut cheap = Box::pin(admission.turn(ms(0), deadline));
    for waits in [&mut dear, &mut left, &mut cheap] {
        assert!(futures_util::poll!(waits).is_pending());
    }
    let permit = first.await.expect("its turn");
    assert!(permit.is_some());
    drop(left);
    drop(permit);
    assert!(futures_util::poll!(&mut dear).is_pending());
    assert!(cheap.await.expect("its turn").is_some());
    assert!(dear.await.expect("its turn").is_some());
    // The queue was short: nobody steps back again.
    assert!(turn().await.expect("nobody waits").is_none());
}
