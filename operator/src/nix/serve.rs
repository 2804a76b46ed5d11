//! The client side of the protocol of `nix-store --serve`. `nix-copy-closure` and remote builds have used
//! this protocol since Nix 2.0.
//!
//! The host answers requests in order, so several paths can be in transit at once. While `nix-store` runs on
//! the host, all paths that the client asked it to lock are protected from garbage collection.

use std::io::{self, Read, Write};

use super::closure_paths::StorePath;
use super::wire;

/// The number that the client sends first. The host answers with `THEIR_GREETING`.
const OUR_GREETING: u64 = 0x390c_9deb;
const THEIR_GREETING: u64 = 0x5452_eecb;
/// Version 2.5 of the protocol, which Nix 2.0 introduced. Version 2.5 is the first version that accepts paths
/// in the form that [`Serve::announce`] sends.
const VERSION: u64 = 0x205;
/// The numbers of the commands in the protocol.
const QUERY_VALID_PATHS: u64 = 1;
const ADD_TO_STORE: u64 = 9;

/// A conversation with `nix-store --serve --write` on a host.
#[derive(Debug)]
pub struct Serve<R, W> {
    input: R,
    output: W,
}

impl<R: Read, W: Write> Serve<R, W> {
    /// Starts the conversation: exchanges greetings and versions.
    ///
    /// # Errors
    /// The other side does not speak the protocol. If its version is too old or too new, the kind of the
    /// error is `Unsupported`.
    pub fn greet(input: R, output: W) -> io::Result<Self> {
        let mut serve = Self { input, output };
        wire::number(&mut serve.output, OUR_GREETING)?;
        wire::number(&mut serve.output, VERSION)?;
        serve.output.flush()?;
        let greeting = wire::read_number(&mut serve.input)?;
        let version = wire::read_number(&mut serve.input)?;
        if greeting != THEIR_GREETING {
            let said = format!("nix-store says {greeting:#x}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, said));
        }
        if version < VERSION || version >> 8 != VERSION >> 8 {
            let said = format!(
                "nix-store of the host speaks version {}.{} of its protocol, but NixFleet needs 2.5 or a later \
                 version 2, which Nix has since 2.0",
                version >> 8,
                version & 0xff
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, said));
        }
        Ok(serve)
    }

    /// Queries which of these paths the host has. Makes the host protect all these paths from garbage
    /// collection, including the paths that are sent later. With `substitute`, the host first fetches the
    /// paths that its binary caches have.
    ///
    /// # Errors
    /// A stream cannot be read or written.
    pub fn lock<'a>(
        &mut self,
        paths: impl ExactSizeIterator<Item = &'a str>,
        substitute: bool,
    ) -> io::Result<Vec<String>> {
        let (count, mut longest) = (paths.len(), 0);
        let paths = paths.inspect(|path| longest = longest.max(path.len()));
        wire::number(&mut self.output, QUERY_VALID_PATHS)?;
        wire::number(&mut self.output, 1)?;
        wire::number(&mut self.output, substitute.into())?;
        wire::strings(&mut self.output, paths)?;
        self.output.flush()?;
        // A correct answer is a subset of `paths`, so an answer with more paths or with a longer path is
        // refused.
        wire::read_strings(&mut self.input, count, longest)
    }

    /// Announces a path. The caller must write the archive of the path to the returned writer and then call
    /// [`Self::taken`].
    ///
    /// # Errors
    /// The stream cannot be written.
    pub fn announce(&mut self, path: &StorePath) -> io::Result<&mut W> {
        let out = &mut self.output;
        wire::number(out, ADD_TO_STORE)?;
        wire::string(out, &path.path)?;
        wire::string(out, path.deriver.as_deref().unwrap_or_default())?;
        wire::string(out, &path.nar_hash)?;
        wire::strings(out, path.references.iter())?;
        // The first zero is the registration time, which the host sets itself. The second zero says that the
        // host did not build the path itself.
        wire::number(out, 0)?;
        wire::number(out, path.nar_size)?;
        wire::number(out, 0)?;
        wire::strings(out, path.signatures.iter())?;
        wire::string(out, path.ca.as_deref().unwrap_or_default())?;
        Ok(out)
    }

    /// Waits until the host has accepted `count` announced paths.
    ///
    /// # Errors
    /// A stream cannot be read or written, or the host does not accept a path.
    pub fn taken(&mut self, count: usize) -> io::Result<()> {
        self.output.flush()?;
        for _ in 0..count {
            match wire::read_number(&mut self.input)? {
                1 => {}
                other => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it says {other}"))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn another_protocol_or_an_older_one_is_refused() {
        let greet = |numbers: &[u64]| Serve::greet(said(numbers).as_slice(), Vec::new()).map(drop);
        assert!(greet(&[THEIR_GREETING, 0x207]).is_ok());
        for other in [0x204, 0x305] {
            assert_eq!(greet(&[THEIR_GREETING, other]).unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
        assert_eq!(
            greet(&[THEIR_GREETING, 0x204]).unwrap_err().to_string(),
            "nix-store of the host speaks version 2.4 of its protocol, but NixFleet needs 2.5 or a later version \
             2, which Nix has since 2.0"
        );
        assert_eq!(greet(&[1, 0x207]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(greet(&[THEIR_GREETING]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_host_names_no_more_and_no_longer_paths_than_it_was_asked_about() {
        let lock = |answer: &[&str]| {
            let mut input = Vec::new();
            wire::strings(&mut input, answer.iter()).unwrap();
            let mut serve = Serve { input: input.as_slice(), output: Vec::new() };
            serve.lock(["/nix/store/a", "/nix/store/bc"].into_iter(), false).map_err(|error| error.kind())
        };
        assert_eq!(lock(&["/nix/store/bc"]).unwrap(), ["/nix/store/bc"]);
        assert_eq!(lock(&["/nix/store/bcd"]), Err(io::ErrorKind::InvalidData));
        assert_eq!(lock(&["a", "b", "c"]), Err(io::ErrorKind::InvalidData));
    }

    #[test]
    fn a_path_that_is_not_taken_is_an_error() {
        let mut serve =
            Serve { input: said(&[1, 1, 0]).as_slice().to_vec().leak() as &[u8], output: Vec::new() };
        assert!(serve.taken(2).is_ok());
        assert!(serve.taken(1).is_err());
    }
}
