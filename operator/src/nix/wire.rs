//! The encoding of numbers and strings in the streams of Nix. A number is 64 bits, little-endian. A string is
//! its length, its bytes, and zeros up to the next multiple of eight. Archives and the protocols of Nix
//! consist only of such numbers and strings.

use std::io::{self, Read, Write};

/// Writes a number.
///
/// # Errors
/// The stream cannot be written.
pub fn number(out: &mut impl Write, number: u64) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

/// Writes a string.
///
/// # Errors
/// The stream cannot be written.
pub fn string(out: &mut impl Write, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let bytes = bytes.as_ref();
    number(out, bytes.len() as u64)?;
    out.write_all(bytes)?;
    padding(out, bytes.len() as u64)
}

/// Writes a list of strings.
///
/// # Errors
/// The stream cannot be written.
pub fn strings(out: &mut impl Write, strings: impl ExactSizeIterator<Item: AsRef<[u8]>>) -> io::Result<()> {
    number(out, strings.len() as u64)?;
    for each in strings {
        string(out, each)?;
    }
    Ok(())
}

/// Writes the zeros that follow a string of `length` bytes, up to the next multiple of eight.
///
/// # Errors
/// The stream cannot be written.
pub fn padding(out: &mut impl Write, length: u64) -> io::Result<()> {
    let zeros = [0; 8];
    out.write_all(zeros.get(..missing(length)).unwrap_or_default())
}

/// Returns the number of bytes from `length` up to the next multiple of eight.
const fn missing(length: u64) -> usize {
    (length.wrapping_neg() % 8) as usize
}

/// Reads a number.
///
/// # Errors
/// The stream cannot be read.
pub fn read_number(input: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Reads a string of at most `longest` bytes.
///
/// # Errors
/// The stream cannot be read, the string is longer than `longest` bytes, or the string is not UTF-8.
pub fn read_string(input: &mut impl Read, longest: usize) -> io::Result<String> {
    let length = read_number(input)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= longest).ok_or_else(invalid)?;
    let mut bytes = vec![0; length + missing(length as u64)];
    input.read_exact(&mut bytes)?;
    bytes.truncate(length);
    String::from_utf8(bytes).map_err(|_| invalid())
}

/// Reads a list of at most `most` strings.
///
/// # Errors
/// As for [`read_string`], or the list has more than `most` strings.
pub fn read_strings(input: &mut impl Read, most: usize, longest: usize) -> io::Result<Vec<String>> {
    let count = read_number(input)?;
    if count > most as u64 {
        return Err(invalid());
    }
    (0..count).map(|_| read_string(input, longest)).collect()
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not what Nix writes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        strings(&mut bytes, ["", "a", "12345678", "123456789"].iter()).unwrap();
        assert_eq!(bytes.len(), 8 + 8 + (8 + 8) + (8 + 8) + (8 + 16));
        assert_eq!(read_strings(&mut bytes.as_slice(), 4, 9).unwrap(), ["", "a", "12345678", "123456789"]);
        assert!(read_strings(&mut bytes.as_slice(), 3, 9).is_err());
        assert!(read_strings(&mut bytes.as_slice(), 4, 8).is_err());
    }

    #[test]
    fn an_absurd_length_takes_no_memory() {
        let bytes = u64::MAX.to_le_bytes();
        assert_eq!(read_string(&mut bytes.as_slice(), 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
