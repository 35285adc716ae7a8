//! The tool and the rights of data subjects.
