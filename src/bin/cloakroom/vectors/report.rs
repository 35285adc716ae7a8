//! What became of the vectors of a file, and how it is printed.

use std::collections::BTreeMap;
use std::fmt;

/// What became of one vector.
pub enum Verdict {
    /// The code gave the expected output, or refused what is to be refused.
    Passed,
    /// It did not, and this is how.
    Failed(String),
    /// The vector is about something that the product does not do.
    Skipped(&'static str),
}

/// The vectors of one file.
pub struct Report {
    algorithm: String,
    passed: u64,
    /// By reason, the vectors' names in the order of the file.
    failed: BTreeMap<String, Vec<String>>,
    skipped: BTreeMap<&'static str, u64>,
    announced: Option<u64>,
}

impl Report {
    pub fn new(algorithm: &str) -> Self {
        Report {
            algorithm: algorithm.into(),
            passed: 0,
            failed: BTreeMap::new(),
            skipped: BTreeMap::new(),
            announced: None,
        }
    }

    pub fn add(&mut self, verdict: Verdict, id: String) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(reason) => self.fail(reason, id),
            Verdict::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
        }
    }

    pub fn fail(&mut self, reason: String, id: String) {
        self.failed.entry(reason).or_default().push(id);
    }

    /// Takes down how many tests the file says it has: one that was cut short, or trimmed by hand, shows.
    pub fn announced(&mut self, tests: u64) {
        self.announced = Some(tests);
    }

    /// Something passed and nothing failed.
    pub fn succeeded(&self) -> bool {
        self.passed > 0 && self.failed.is_empty()
    }

    fn failures(&self) -> u64 {
        self.failed.values().map(|ids| ids.len() as u64).sum()
    }

    fn skips(&self) -> u64 {
        self.skipped.values().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, skipped) = (self.failures(), self.skips());
        write!(f, "{}: {} passed, {failed} failed, {skipped} skipped", self.algorithm, self.passed)?;
        for (reason, count) in &self.skipped {
            write!(f, "\n  skipped {count}: {reason}")?;
        }
        for (reason, ids) in &self.failed {
            write!(f, "\n  failed {}: {reason}: {}", ids.len(), ids.join(", "))?;
        }
        let held = self.passed + failed + skipped;
        if self.passed + failed == 0 {
            write!(f, "\n  failed: nothing ran: the file holds {held} vectors, and none applies")?;
        }
        match self.announced {
            Some(announced) if announced != held => {
                write!(f, "\n  note: the file announces {announced} vectors and holds {held}")
            }
            _ => Ok(()),
        }
    }
}

/// The sums over all files.
#[derive(Default)]
pub struct Total {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Total {
    pub fn add(&mut self, report: &Report) {
        self.passed += report.passed;
        self.failed += report.failures();
        self.skipped += report.skips();
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "total: {} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}
