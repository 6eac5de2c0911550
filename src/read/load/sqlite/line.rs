//! The line before the thread that writes: whose turn it is.
//!
//! Brief work is done together, all of it that waits. Long work is done one by one, and where both wait, by turns: so what is
//! brief waits for one that is long and not for all that came before it, and what is long gets on however much is brief.
//! Within each kind, who came first is first.

use std::collections::VecDeque;
use std::sync::mpsc;

/// How work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Together with others', which may wait for it.
    Brief,
    /// By itself.
    Long,
}

/// What is to be done.
pub struct Line<T> {
    coming: mpsc::Receiver<(Pace, T)>,
    brief: VecDeque<T>,
    long: VecDeque<T>,
    /// What was begun last, if anything was.
    last: Option<Pace>,
}

impl<T> Line<T> {
    pub fn new(coming: mpsc::Receiver<(Pace, T)>) -> Self {
        Line {
            coming,
            brief: VecDeque::new(),
            long: VecDeque::new(),
            last: None,
        }
    }

    /// Whose turn it is, once somebody is there; `None` when nobody will come any more.
    pub fn next(&mut self) -> Option<(Pace, T)> {
        let Some(last) = self.last else {
            // More may have come while the thread was made.
            return self.coming.recv().ok();
        };
        self.take_in();
        let mut brief = || Some((Pace::Brief, self.brief.pop_front()?));
        let mut long = || Some((Pace::Long, self.long.pop_front()?));
        let next = match last {
            Pace::Brief => long().or_else(brief),
            Pace::Long => brief().or_else(long),
        };
        next.or_else(|| self.coming.recv().ok())
    }

    /// Whoever had his turn has not left meanwhile, so the next is the others'.
    pub fn begins(&mut self, pace: Pace) {
        self.last = Some(pace);
    }

    /// The next that is brief, if one waits already.
    pub fn brief(&mut self) -> Option<T> {
        self.take_in();
        self.brief.pop_front()
    }

    fn take_in(&mut self) {
        for (pace, task) in self.coming.try_iter() {
            match pace {
                Pace::Brief => self.brief.push_back(task),
                Pace::Long => self.long.push_back(task),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Pace::{Brief, Long};

    fn line() -> (mpsc::Sender<(Pace, u32)>, Line<u32>) {
        let (sender, coming) = mpsc::channel();
        (sender, Line::new(coming))
    }

    /// What is begun next, as the desk does it: with all that is brief, where the first is.
    fn turn(line: &mut Line<u32>) -> Vec<u32> {
        let Some((pace, first)) = line.next() else {
            return Vec::new();
        };
        line.begins(pace);
        let mut together = vec![first];
        if pace == Brief {
            together.extend(std::iter::from_fn(|| line.brief()));
        }
        together
    }

    #[test]
    fn what_is_brief_waits_for_one_that_is_long() {
        let (sender, mut line) = line();
        let come = |tasks: &[(Pace, u32)]| {
            for task in tasks {
                sender.send(*task).expect("it listens");
            }
        };
        come(&[(Long, 0), (Long, 1), (Long, 2)]);
        assert_eq!(turn(&mut line), [0]);
        come(&[(Brief, 10), (Long, 3), (Brief, 11), (Brief, 12)]);
        assert_eq!(turn(&mut line), [10, 11, 12]);
        assert_eq!(turn(&mut line), [1]);
        assert_eq!(turn(&mut line), [2], "nothing else waits");
        come(&[(Brief, 13)]);
        assert_eq!(turn(&mut line), [13]);
        assert_eq!(turn(&mut line), [3]);
    }

    #[test]
    fn what_is_long_gets_every_other_turn_however_much_is_brief() {
        let (sender, mut line) = line();
        let mut turns = Vec::new();
        for long in 0..20 {
            sender.send((Long, long)).expect("it listens");
        }
        for round in 0..40 {
            // There is never a moment without some.
            for brief in [2 * round, 2 * round + 1] {
                sender.send((Brief, 100 + brief)).expect("it listens");
            }
            turns.push(turn(&mut line));
        }
        let long = turns.iter().step_by(2).flatten();
        assert!(long.copied().eq(0..20), "{turns:?}");
        let brief = turns.iter().skip(1).step_by(2).flatten();
        assert!(brief.copied().eq(100..180), "{turns:?}");
    }

    /// Whoever has left when his turn comes takes nobody else's.
    #[test]
    fn a_turn_is_over_only_where_something_was_begun() {
        let (sender, mut line) = line();
        for task in [(Long, 0), (Long, 1), (Brief, 10), (Brief, 11)] {
            sender.send(task).expect("it listens");
        }
        assert_eq!(turn(&mut line), [0]);
        assert_eq!(line.next(), Some((Brief, 10)));
        assert_eq!(turn(&mut line), [11]);
        assert_eq!(turn(&mut line), [1]);
    }

    #[test]
    fn all_that_has_come_is_done_before_it_ends() {
        let (sender, mut line) = line();
        for task in [(Brief, 10), (Long, 0), (Long, 1)] {
            sender.send(task).expect("it listens");
        }
        drop(sender);
        let turns: Vec<_> = std::iter::from_fn(|| line.next()).collect();
        assert_eq!(turns, [(Brief, 10), (Long, 0), (Long, 1)]);
    }
}
