//! Where a result goes: into a file that appears whole or not at all, or for `-` to standard output.

use cloakroom::whole_file::{Readers, WholeFile};
use cloakroom::{Error, Result};
use std::io::{Stdout, Write};
use std::path::{Path, PathBuf};

/// Where a result goes.
pub enum Output {
    File(WholeFile),
    Standard(Stdout),
}

impl Output {
    pub fn create(path: &Path, readers: Readers) -> Result<Self> {
        match is_standard(path) {
            true => Ok(Output::Standard(std::io::stdout())),
            false => WholeFile::create(path, readers).map(Output::File),
        }
    }

    /// As `create`, where nothing may stand yet.
    pub fn create_new(path: &Path, readers: Readers) -> Result<Self> {
        match !is_standard(path) && path.symlink_metadata().is_ok() {
            true => Err(Error::Exists { path: path.to_owned() }),
            false => Self::create(path, readers),
        }
    }

    /// All of it, durable on return.
    pub fn put(mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(self.unwritten())?;
        self.commit()
    }

    pub fn sync(&mut self) -> Result<()> {
        match self {
            Output::File(file) => file.sync(),
            Output::Standard(out) => out.flush().map_err(Error::io("write", "standard output")),
        }
    }

    pub fn commit(mut self) -> Result<()> {
        self.sync()?;
        match self {
            Output::File(file) => file.commit(),
            Output::Standard(_) => Ok(()),
        }
    }

    pub fn unwritten(&self) -> impl FnOnce(std::io::Error) -> Error + use<> {
        Error::io("write", self.place())
    }

    /// In words.
    pub fn place(&self) -> PathBuf {
        match self {
            Output::File(file) => file.place().to_owned(),
            Output::Standard(_) => PathBuf::from("standard output"),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Output::File(file) => file.write(bytes),
            Output::Standard(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Output::File(file) => file.flush(),
            Output::Standard(out) => out.flush(),
        }
    }
}

/// Whether it stands for standard output, or standard input where it is read.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Refuses `-` for what is no text for a pipe: a secret that its owner alone may read, or what has other files beside it.
pub fn must_be_file(what: &'static str, path: &Path) -> Result<()> {
    match is_standard(path) {
        true => Err(Error::Setting {
            what,
            problem: "must be a file or a directory, not standard output; ./- is one of that name".into(),
        }),
        false => Ok(()),
    }
}

/// Refuses to read two things from standard input.
pub fn one_is_read<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<()> {
    match paths.into_iter().filter(|path| is_standard(path)).count() {
        0 | 1 => Ok(()),
        _ => Err(Error::Setting {
            what: "standard input",
            problem: "can be one of the files only: name the others".into(),
        }),
    }
}

/// Refuses to mix two results on standard output.
pub fn one_is_standard(paths: [Option<&Path>; 2]) -> Result<()> {
    match paths.iter().flatten().filter(|path| is_standard(path)).count() {
        0 | 1 => Ok(()),
        _ => Err(Error::Setting {
            what: "output",
            problem: "of two kinds would be mixed on standard output: name a file for one of them".into(),
        }),
    }
}
