//! One reader, several workers, one writer: batches are worked on in any order and written in theirs.

use super::batch::Batch;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{channel, sync_channel};

/// Runs until `source` says `false` or something fails. Of several failures the one that comes first in the input is
/// returned.
pub(super) fn run(
    threads: usize,
    mut source: impl FnMut(&mut Batch) -> Result<bool>,
    work: impl Fn(&mut Batch) -> Result<()> + Sync,
    mut sink: impl FnMut(&mut Batch) -> Result<()> + Send,
) -> Result<()> {
    let threads = threads.max(1);
    let in_flight = threads + 2;
    let (free, next_free) = channel::<Batch>();
    let (todo, next_todo) = sync_channel::<(u64, Batch)>(in_flight);
    let (done, next_done) = sync_channel::<(u64, Batch, Result<()>)>(in_flight);
    (0..in_flight).for_each(|_| free.send(Batch::default()).expect("the receiver is here"));
    let next_todo = Mutex::new(next_todo);

    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (done, next_todo, work) = (done.clone(), &next_todo, &work);
            scope.spawn(move || {
                loop {
                    let received = next_todo.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
                    let Ok((number, mut batch)) = received else { return };
                    // A panic must not leave the writer waiting for this number for ever.
                    let worked = catch_unwind(AssertUnwindSafe(|| work(&mut batch)));
                    let (result, panic) = match worked {
                        Ok(result) => (result, None),
                        Err(panic) => (Err(Error::Conflict), Some(panic)),
                    };
                    let sent = done.send((number, batch, result));
                    if let Some(panic) = panic {
                        resume_unwind(panic);
                    }
                    if sent.is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);

        let writer = scope.spawn(move || {
            let mut waiting = BTreeMap::new();
            let mut expected = 0;
            for (number, batch, result) in next_done {
                waiting.insert(number, (batch, result));
                while let Some((mut batch, result)) = waiting.remove(&expected) {
                    result?;
                    sink(&mut batch)?;
                    expected += 1;
                    // Nobody takes it once the reader has stopped.
                    let _ = free.send(batch);
                }
            }
            Ok(())
        });

        // When the writer has failed it drops `free`, and the reader finds no more batches.
        let mut number = 0;
        let mut read = Ok(());
        while let Ok(mut batch) = next_free.recv() {
            match source(&mut batch) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    read = Err(error);
                    break;
                }
            }
            if todo.send((number, batch)).is_err() {
                break;
            }
            number += 1;
        }
        drop(todo);
        let written: Result<()> = match writer.join() {
            Ok(written) => written,
            Err(panic) => resume_unwind(panic),
        };
        written.and(read)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn numbered(limit: u64) -> impl FnMut(&mut Batch) -> Result<bool> {
        let mut next = 0;
        move |batch| {
            batch.bytes = next;
            next += 1;
            Ok(next <= limit)
        }
    }

    #[test]
    fn order_is_kept_whatever_the_workers_do() {
        for threads in [0, 1, 2, 7] {
            let mut seen = vec![];
            let dawdle = |batch: &mut Batch| {
                std::thread::sleep(Duration::from_micros(batch.bytes * 7919 % 300));
                Ok(())
            };
            let sink = |batch: &mut Batch| {
                seen.push(batch.bytes);
                Ok(())
            };
            run(threads, numbered(300), dawdle, sink).unwrap();
            assert_eq!(seen, (0..300).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_failure_in_the_input_counts_and_ends_the_run() {
        let fails = |batch: &mut Batch| match batch.bytes {
            50 => {
                std::thread::sleep(Duration::from_millis(20));
                Err(Error::Row { line: 50, column: String::new(), problem: String::new() })
            }
            51.. => Err(Error::Row { line: batch.bytes, column: String::new(), problem: String::new() }),
            _ => Ok(()),
        };
        let mut seen = 0;
        let sink = |_: &mut Batch| {
            seen += 1;
            Ok(())
        };
        assert!(matches!(run(3, numbered(u64::MAX), fails, sink), Err(Error::Row { line: 50, .. })));
        assert_eq!(seen, 50);
        assert!(matches!(run(2, |_| Err(Error::Rejected), |_| Ok(()), |_| Ok(())), Err(Error::Rejected)));
        assert!(matches!(
            run(2, numbered(u64::MAX), |_| Ok(()), |_| Err(Error::Conflict)),
            Err(Error::Conflict)
        ));
    }

    #[test]
    fn a_panic_ends_the_run_and_is_seen() {
        let panics = |batch: &mut Batch| match batch.bytes {
            20 => resume_unwind(Box::new("a bug")),
            _ => Ok(()),
        };
        let ended = catch_unwind(AssertUnwindSafe(|| run(2, numbered(u64::MAX), panics, |_| Ok(()))));
        assert!(ended.is_err());
    }
}
