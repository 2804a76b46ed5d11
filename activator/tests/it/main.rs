//! The program as others use it: driven by its command line, on trees of files.

mod build;
