//! Named ordered maps of bytes.
