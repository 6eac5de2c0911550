//! The queue under a simulated clock, and admission as tasks see it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const CAPACITY: Capacity = Capacity {
    all: 3,
    hands: 3,
    large: 2,
    huge: 1,
    beside_tiny: 3,
    beside_quick: 2,
    patience: Some(PATIENCE),
};

/// Where work is sent ahead.
const AHEAD: Capacity = Capacity {
    all: 8,
    hands: 2,
    large: 4,
    huge: 4,
    beside_tiny: 8,
    beside_quick: 1,
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
    queue.finish(Level::of(ms(2)));
    assert!(
        run(&mut queue, clock.at(3)).is_none(),
        "room for small only"
    );
    queue.finish(Level::of(ms(1_500)));
    assert_eq!(run(&mut queue, clock.at(3)).map(|r| r.1), Some(21));
}

/// More of what is large would take from what is quick, and end no sooner; with a hand free, it takes what nobody else wants.
#[test]
fn few_large_ones_begin_beside_quick_work_that_keeps_all_hands_busy() {
    for large in [50, 1_500] {
        let mut queue: Queue<u32> = Queue::new(AHEAD);
        let quick = queue.begin(ms(1)).unwrap();
        assert!(queue.begin(ms(large)).is_some());
        assert!(queue.begin(ms(large)).is_some(), "a hand is free");
        assert!(queue.begin(ms(1)).is_some());
        assert!(queue.begin(ms(large)).is_none(), "two run, and one may");
        let clock = Clock::new();
        push(&mut queue, 1, large, clock.at(0));
        assert!(run(&mut queue, clock.at(1)).is_none());
        assert!(run(&mut queue, clock.at(900)).is_none());
        queue.finish(quick);
        assert_eq!(run(&mut queue, clock.at(901)).map(|r| r.1), Some(1));
    }
}

/// Else they would take all places whenever nothing cheap waits for a moment, and what is cheap and comes then would wait for
/// all of them.
#[test]
fn few_medium_ones_begin_beside_tiny_work_that_had_to_wait_lately() {
    let capacity = Capacity {
        all: 4,
        beside_tiny: 1,
        ..AHEAD
    };
    let (clock, mut queue) = (Clock::new(), Queue::new(capacity));
    let all = |queue: &mut Queue<u32>, now| {
        std::iter::from_fn(|| run(queue, clock.at(now)).map(|r| r.1)).collect::<Vec<_>>()
    };
    let tiny = Level::of(ms(1));
    for _ in 0..4 {
        assert!(queue.begin(ms(1)).is_some());
    }
    for work in 1..=4 {
        push(&mut queue, work, 5, clock.at(0));
    }
    assert!(all(&mut queue, 0).is_empty());
    // No tiny one waits: those that are not take what is free.
    (0..2).for_each(|_| queue.finish(tiny));
    assert_eq!(all(&mut queue, 1), [1, 2]);
    // One waits, for a moment.
    push(&mut queue, 9, 1, clock.at(2));
    assert!(all(&mut queue, 2).is_empty());
    queue.finish(tiny);
    assert_eq!(all(&mut queue, 3), [9]);
    (0..2).for_each(|_| queue.finish(tiny));
    assert!(all(&mut queue, 4).is_empty(), "two run, and one may");
    (0..2).for_each(|_| queue.finish(Level::of(ms(5))));
    assert_eq!(all(&mut queue, 5), [3]);
    // That was long ago.
    assert!(all(&mut queue, 10_000).is_empty());
    assert_eq!(all(&mut queue, 10_003), [4]);
}

/// They may wait for a lock that somebody holds for minutes.
#[test]
fn large_ones_that_do_not_get_on_do_not_hold_up_the_others() {
    let (clock, mut queue) = (Clock::new(), Queue::new(AHEAD));
    for work in 1..=5 {
        push(&mut queue, work, 50, clock.at(0));
    }
    for _ in 0..2 {
        push(&mut queue, 0, 1, clock.at(0));
        assert_eq!(run(&mut queue, clock.at(0)).map(|r| r.1), Some(0));
    }
    let begun: Vec<_> = (0..10_000)
        .filter_map(|at| Some((at, run(&mut queue, clock.at(at))?.1)))
        .collect();
    assert_eq!(
        begun,
        [(0, 1), (1_001, 2), (2_002, 3), (3_003, 4)],
        "one a second, and four in all"
    );
    // One that ends shows that they get on, and with that many none begins.
    queue.finish(Level::of(ms(50)));
    assert!(run(&mut queue, clock.at(10_001)).is_none());
    assert_eq!(run(&mut queue, clock.at(11_001)).map(|r| r.1), Some(5));
}

/// However much quick work there is, so many large ones go on.
#[test]
fn large_ones_go_on_beside_any_quick_work() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    for work in 0..100 {
        push(&mut queue, work, 1, clock.at(0));
    }
    push(&mut queue, 100, 50, clock.at(0));
    let mut order = Vec::new();
    for at in 0.. {
        let Some((level, work)) = run(&mut queue, clock.at(100 * at)) else {
            break;
        };
        order.push(work);
        queue.finish(level);
    }
    assert_eq!(order.len(), 101);
    assert!(order.iter().position(|w| *w == 100) < Some(20), "{order:?}");
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
            queue.finish(occupied.0);
        }
        if now % 2 == 0
            && let Some((level, work)) = run(&mut queue, clock.at(now))
        {
            queue.finish(level);
            done.push(work);
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

/// Else whoever has more patience than others would wait for all who come after, for ever.
#[test]
fn who_has_waited_longer_than_those_who_left_is_served_first() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let patient = push(&mut queue, 0, 1_500, clock.at(0));
    assert!(patient.is_some());
    // There are always two who came later, and now and then one of them leaves after a second.
    let mut waits = Vec::new();
    for work in 1..=20 {
        let now = u64::from(work) * 1_000;
        let ticket = push(&mut queue, work, 1_500, clock.at(now)).expect("room");
        if work % 2 == 0 {
            assert_eq!(queue.remove(ticket, clock.at(now + 1_000)), Some(work));
        } else if let Some((level, next)) = run(&mut queue, clock.at(now + 1_000)) {
            queue.finish(level);
            waits.push(next);
        }
    }
    assert!(waits.iter().position(|w| *w == 0) <= Some(1), "{waits:?}");
    while let Some((level, _)) = run(&mut queue, clock.at(30_000)) {
        queue.finish(level);
    }
    // Who has not is about to leave, and has to wait.
    let tickets: Vec<_> = (100..103)
        .map(|work| push(&mut queue, work, 1_500, clock.at(30_000)).expect("room"))
        .collect();
    queue.remove(tickets[1], clock.at(31_500));
    assert_eq!(run(&mut queue, clock.at(31_500)).map(|r| r.1), Some(102));
}

/// He has not given up because others come first, and those behind him are not about to.
#[test]
fn whose_time_is_over_is_not_one_who_left() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let ends = push(&mut queue, 0, 1_500, clock.at(0)).expect("room");
    for work in 1..4 {
        push(&mut queue, work, 1_500, clock.at(20_000));
    }
    assert_eq!(queue.remove(ends, clock.at(30_000)), Some(0));
    assert_eq!(run(&mut queue, clock.at(30_000)).map(|r| r.1), Some(1));
}

/// One who waited long and left says nothing of those who are here when that is long ago.
#[test]
fn how_long_those_waited_who_left_is_forgotten() {
    let (clock, mut queue) = (Clock::new(), Queue::new(CAPACITY));
    let leaves = |queue: &mut Queue<u32>, from, until| {
        let ticket = push(queue, 7, 1_500, clock.at(from)).expect("room");
        queue.remove(ticket, clock.at(until));
    };
    leaves(&mut queue, 0, 29_000);
    push(&mut queue, 1, 1_500, clock.at(25_000));
    for at in [31_000, 34_000, 37_000] {
        leaves(&mut queue, at, at + 150);
    }
    push(&mut queue, 2, 1_500, clock.at(39_200));
    assert_eq!(run(&mut queue, clock.at(39_300)).map(|r| r.1), Some(1));
}

#[test]
fn a_medium_one_goes_beside_large_ones_that_do_not_end() {
    let capacity = Capacity {
        beside_tiny: 2,
        beside_quick: 2,
        ..AHEAD
    };
    let (clock, mut queue) = (Clock::new(), Queue::new(capacity));
    (0..2).for_each(|_| assert!(queue.begin(ms(50)).is_some()));
    (0..6).for_each(|_| assert!(queue.begin(ms(1)).is_some()));
    // A tiny one has to wait for a moment.
    push(&mut queue, 1, 1, clock.at(0));
    assert!(run(&mut queue, clock.at(0)).is_none());
    (0..3).for_each(|_| queue.finish(Level::of(ms(1))));
    assert_eq!(run(&mut queue, clock.at(1)).map(|r| r.1), Some(1));
    push(&mut queue, 2, 5, clock.at(2));
    push(&mut queue, 3, 5, clock.at(2));
    assert_eq!(run(&mut queue, clock.at(2)).map(|r| r.1), Some(2));
    assert!(run(&mut queue, clock.at(2)).is_none(), "one at a time");
}

/// Nobody comes or ends, and time alone makes room.
#[tokio::test]
async fn who_waits_looks_for_himself() {
    let admission = Admission::new(AHEAD);
    let deadline = Instant::now() + Duration::from_secs(60);
    let enter = |cost| admission.enter(ms(cost), deadline);
    let quick = (enter(1).await, enter(1).await);
    let stuck = enter(50).await;
    let last = tokio::time::timeout(Duration::from_secs(30), enter(50)).await;
    assert!(
        last.is_ok_and(|last| last.is_ok()),
        "those that run do not end"
    );
    drop((quick, stuck));
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
    queue.finish(huge);
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
            queue.finish(Level::of(ms(cost)));
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

/// What is expected of the same work wavers about the bound of two levels: nobody waits much longer for that.
#[test]
fn what_takes_nearly_as_long_waits_nearly_as_long() {
    let (clock, mut queue) = (Clock::new(), Queue::<(u64, u64)>::new(CAPACITY));
    let mut running = BinaryHeap::<Reverse<(u64, u64, Level)>>::new();
    let mut longest = 0;
    let push = |queue: &mut Queue<(u64, u64)>, now: u64, who: u64| {
        let cost = Duration::from_micros(if (now / 10).is_multiple_of(2) {
            15_900
        } else {
            16_100
        });
        let pushed = queue.push((now, who), cost, clock.at(now + 30_000), clock.at(now));
        assert!(pushed.is_ok(), "{who} is refused");
    };
    // Each of these clients asks again when it is answered.
    let clients = 32;
    (0..clients).for_each(|who| push(&mut queue, 0, who));
    for now in 0..60_000 {
        while let Some(&Reverse((end, who, level))) = running.peek()
            && end <= now
        {
            running.pop();
            queue.finish(level);
            push(&mut queue, now, who);
        }
        while let Some(Next::Run(level, (arrived, who))) = queue.pop(clock.at(now)) {
            longest = longest.max(now - arrived);
            running.push(Reverse((now + 16, who, level)));
        }
    }
    let usual = clients * 16 / 2;
    assert!(longest <= 2 * usual, "somebody waits {longest} ms");
}

#[tokio::test]
async fn tasks_enter_in_turn_and_whoever_leaves_makes_room() {
    let one = Capacity {
        all: 1,
        hands: 1,
        large: 1,
        huge: 1,
        beside_tiny: 1,
        beside_quick: 1,
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
    cost.learn(ms(24));
    assert_eq!(cost.expected(), Some(ms(9)));
    cost.learn(ms(5));
    assert_eq!(cost.expected(), Some(ms(8)));
    cost.exceeds(ms(30));
    assert_eq!(cost.expected(), Some(ms(30)));
}

/// Else it would change between levels, and those of which more is expected wait for all others.
#[test]
fn a_cost_stays_as_it_is_where_now_and_then_something_is_in_the_way() {
    let cost = Cost::default();
    for n in 0..200 {
        cost.learn(ms(if n % 4 == 3 { 60 } else { 3 }));
        if n > 20 {
            let expected = cost.expected().unwrap();
            assert!((ms(3)..ms(5)).contains(&expected), "{expected:?} after {n}");
        }
    }
    for _ in 0..100 {
        cost.learn(ms(12));
    }
    assert!(cost.expected() > Some(ms(11)), "it takes longer now");
}

#[tokio::test]
async fn a_turn_is_taken_only_where_the_thread_has_had_no_pause() {
    let one = Capacity {
        all: 1,
        hands: 1,
        large: 1,
        huge: 1,
        beside_tiny: 1,
        beside_quick: 1,
        patience: Some(PATIENCE),
    };
    let admission = Admission::new(one);
    let deadline = Instant::now() + Duration::from_secs(60);
    let turn = || admission.turn(ms(1), deadline);
    // Of this thread nothing is known.
    assert!(turn().await.expect("nobody waits").is_none());
    // One that has no processor for a while is late indeed, of which nothing is learnt.
    let began = Instant::now();
    let is_late = |since: Instant| {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it is always late"
        );
        since.elapsed() >= ms(5)
    };
    loop {
        let since = Instant::now();
        busy::begins();
        let taken = turn().await.expect("nobody waits").is_some();
        if !is_late(since) {
            assert!(!taken);
            break;
        }
    }
    loop {
        std::thread::sleep(ms(20));
        let since = Instant::now();
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
        let taken = turn().await.expect("nobody waits").is_some();
        if !is_late(since) {
            assert!(!taken);
            break;
        }
    }
}
