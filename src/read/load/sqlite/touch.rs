//! Whether a file was written to, or only its times were set, as `touch` does: what `stat` says is the same of both. Linux
//! tells whoever listens, of file systems that nobody else writes to: on others there is more than is told. It tells `touch` by the
//! time of the last access, which is set too; the time of the last change alone (`touch -m`) it tells as a write, so that is taken for one.

use std::path::Path;

/// What was done to a file since somebody listens to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// By which the system knows the file; `None` where nothing is told.
    file: Option<i32>,
    writes: u64,
    touches: u64,
}

impl Told {
    /// Whether it was written to since then.
    pub fn is_written_since(self, before: Told) -> bool {
        self.file.is_some() && self.file == before.file && self.writes > before.writes
    }

    /// Whether times were set since then, and nothing else was done.
    pub fn is_touched_since(self, before: Told) -> bool {
        self.file.is_some()
            && (self.file, self.writes) == (before.file, before.writes)
            && self.touches > before.touches
    }
}

/// Listens to a file until it is dropped.
pub struct Listener {
    #[cfg(target_os = "linux")]
    file: i32,
}

#[cfg(not(target_os = "linux"))]
impl Listener {
    /// Nobody tells.
    pub fn to(_: &Path) -> Option<Self> {
        None
    }

    pub fn told(&self) -> Told {
        Told::default()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::io::Errno;

    use super::{Listener, Path, Told};

    /// The numbers of file systems (`statfs`) on disks of this machine, or in its memory: ext2 to ext4, XFS, Btrfs, F2FS, ZFS,
    /// overlayfs, tmpfs.
    const LOCAL: [u32; 7] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0x794c_7630,
        0x0102_1994,
    ];

    /// One for all files of the process: the system allows few to each user.
    static HEARD: LazyLock<Option<Mutex<Heard>>> = LazyLock::new(|| {
        let from = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        let of = HashMap::new();
        Some(Mutex::new(Heard { from, of }))
    });

    struct Heard {
        from: OwnedFd,
        /// By files, with how many listen to each.
        of: HashMap<i32, (usize, Told)>,
    }

    fn heard() -> Option<MutexGuard<'static, Heard>> {
        let heard = HEARD.as_ref()?;
        Some(heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    impl Heard {
        fn listen(&mut self) {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(&self.from, &mut buffer);
            loop {
                match reader.next() {
                    Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => break,
                    Ok(event) => {
                        let Some((_, told)) = self.of.get_mut(&event.wd()) else {
                            continue;
                        };
                        match event.events() {
                            ReadFlags::ATTRIB => told.touches += 1,
                            _ => told.writes += 1,
                        }
                    }
                    Err(Errno::AGAIN) => return,
                    Err(_) => break,
                }
            }
            // Something was not heard.
            self.of.values_mut().for_each(|(_, told)| told.writes += 1);
        }
    }

    impl Listener {
        pub fn to(path: &Path) -> Option<Self> {
            let of = rustix::fs::statfs(path).ok()?;
            if !LOCAL
                .iter()
                .any(|local| i128::from(*local) == i128::from(of.f_type))
            {
                return None;
            }
            let mut heard = heard()?;
            let flags = WatchFlags::MODIFY | WatchFlags::ATTRIB;
            let file = inotify::add_watch(&heard.from, path, flags).ok()?;
            let told = Told {
                file: Some(file),
                ..Told::default()
            };
            heard.of.entry(file).or_insert((0, told)).0 += 1;
            Some(Listener { file })
        }

        pub fn told(&self) -> Told {
            let Some(mut heard) = heard() else {
                return Told::default();
            };
            heard.listen();
            heard
                .of
                .get(&self.file)
                .map_or_else(Told::default, |of| of.1)
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            let Some(mut heard) = heard() else { return };
            let Some((listening, _)) = heard.of.get_mut(&self.file) else {
                return;
            };
            *listening -= 1;
            if *listening == 0 {
                heard.of.remove(&self.file);
                // Of a file that is no more nothing is left to be told.
                let _ = inotify::remove_watch(&heard.from, self.file);
            }
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::io::Write;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn times_that_are_set_are_told_from_what_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "as it was").expect("a file");
        let file = File::options().write(true).open(&path).expect("the file");
        let now = SystemTime::now();
        let touch = || {
            let times = FileTimes::new().set_accessed(now).set_modified(now);
            file.set_times(times).expect("other times");
        };
        let listener = Listener::to(&path).expect("a local file");
        let again = Listener::to(&path).expect("a local file");
        let begun = listener.told();
        assert!(!begun.is_touched_since(begun));
        touch();
        let touched = listener.told();
        assert!(touched.is_touched_since(begun));
        assert_eq!(again.told(), touched);
        (&file).write_all(b"another").expect("it is written to");
        touch();
        let written = listener.told();
        assert!(!written.is_touched_since(begun) && !written.is_touched_since(touched));
        touch();
        drop(listener);
        assert!(again.told().is_touched_since(written));
        file.set_len(3).expect("it is cut");
        assert!(!again.told().is_touched_since(written));
        let resized = again.told();
        let times = FileTimes::new().set_modified(now);
        file.set_times(times).expect("another time");
        assert!(again.told().is_written_since(resized));
        drop(again);
        let anew = Listener::to(&path).expect("a local file");
        touch();
        assert!(!anew.told().is_touched_since(written));
    }
}
