//! Many values on all cores: the plan's bulk calls on chunks of records, each with its own part of the output.

use super::alphabet::AsciiAlphabet;
use super::bulk::BulkError;
use super::{KeySize, Plan};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Records in a chunk: many times what goes in lockstep.
const CHUNK: usize = 2048;
/// Records below which it does not pay to hand them over.
const WORTHWHILE: usize = 32_768;

impl<K: KeySize> Plan<K>
where
    Self: Sync,
{
    /// [`encrypt_ascii`](Plan::encrypt_ascii) with all threads of rayon's pool. Below 32,768 values, or in a pool of one
    /// thread, it is that call.
    ///
    /// # Errors
    /// As [`encrypt_ascii`](Plan::encrypt_ascii): of several records that cannot be taken, the first one is named.
    pub fn par_encrypt_ascii(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        self.in_chunks(input, out, |input, out| self.encrypt_ascii(alphabet, input, out))
    }

    /// [`decrypt_ascii`](Plan::decrypt_ascii) with all threads of rayon's pool.
    ///
    /// # Errors
    /// As [`decrypt_ascii`](Plan::decrypt_ascii), and [`par_encrypt_ascii`](Plan::par_encrypt_ascii).
    pub fn par_decrypt_ascii(
        &self,
        alphabet: &AsciiAlphabet,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), BulkError> {
        self.in_chunks(input, out, |input, out| self.decrypt_ascii(alphabet, input, out))
    }

    fn in_chunks(
        &self,
        input: &[u8],
        out: &mut [u8],
        run: impl Fn(&[u8], &mut [u8]) -> Result<(), BulkError> + Sync,
    ) -> Result<(), BulkError> {
        let n = self.domain().length();
        let whole = input.len().is_multiple_of(n) && input.len() == out.len();
        if !whole || input.len() / n < WORTHWHILE || rayon::current_num_threads() < 2 {
            return run(input, out);
        }
        let chunks = Mutex::new(input.chunks(CHUNK * n).zip(out.chunks_mut(CHUNK * n)).enumerate());
        let first_failure = Mutex::new(None);
        let take_off = || {
            let next = || lock(&chunks).next();
            while let Some((i, (input, out))) = next() {
                let Err(error) = run(input, out) else { continue };
                let (index, error) = match error {
                    BulkError::Record { index, problem } => {
                        let index = i * CHUNK + index;
                        (index, BulkError::Record { index, problem })
                    }
                    shape => (0, shape),
                };
                let mut first = lock(&first_failure);
                if first.as_ref().is_none_or(|(earlier, _)| index < *earlier) {
                    *first = Some((index, error));
                }
            }
        };
        // This thread begins at once, and ends alone if no other is free: to wake another takes as long as thousands of values.
        rayon::in_place_scope(|scope| {
            (1..rayon::current_num_threads()).for_each(|_| scope.spawn(|_| take_off()));
            take_off();
        });
        let failure = lock(&first_failure).take();
        failure.map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// A panic of another thread is passed on by the scope.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ff1::Domain;

    // SPEC: FF1-8, FF1-9
    #[test]
    fn it_is_what_one_thread_makes_and_the_first_bad_record_is_named() {
        let digits = AsciiAlphabet::digits();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for n in [6, 16, 19] {
            let plan = Plan::new(&[7; 32], Domain::new(10, n).unwrap(), b"tweak").unwrap();
            for count in [0, 1, WORTHWHILE - 1, WORTHWHILE, 10 * CHUNK + 1] {
                let mut input: Vec<u8> = (0..count * n).map(|i| b'0' + (i * i / 7 % 10) as u8).collect();
                let (mut one, mut all) = (vec![0; input.len()], vec![0; input.len()]);
                plan.encrypt_ascii(&digits, &input, &mut one).unwrap();
                pool.install(|| plan.par_encrypt_ascii(&digits, &input, &mut all)).unwrap();
                assert_eq!(one, all);
                let mut back = vec![0; all.len()];
                pool.install(|| plan.par_decrypt_ascii(&digits, &all, &mut back)).unwrap();
                assert_eq!(back, input);
                if count > CHUNK {
                    [count - 1, CHUNK + 5, CHUNK + 4].iter().for_each(|j| input[j * n] = b'x');
                    let failed = pool.install(|| plan.par_encrypt_ascii(&digits, &input, &mut all));
                    assert!(matches!(failed, Err(BulkError::Record { index, .. }) if index == CHUNK + 4));
                }
            }
            let (input, mut out) = (vec![b'0'; WORTHWHILE * n + 1], vec![0; WORTHWHILE * n + 1]);
            assert!(matches!(plan.par_encrypt_ascii(&digits, &input, &mut out), Err(BulkError::Shape(_))));
            let failed = plan.par_encrypt_ascii(&digits, &input[1..], &mut out);
            assert!(matches!(failed, Err(BulkError::Shape(_))));
            let letters = AsciiAlphabet::new(b"abc").unwrap();
            let failed = pool.install(|| plan.par_encrypt_ascii(&letters, &input[1..], &mut out[1..]));
            assert!(matches!(failed, Err(BulkError::Shape(_))));
        }
    }
}
