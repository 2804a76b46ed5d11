//! Reads the fingerprint of an `OpenPGP` key (RFC 9580, and RFC 4880 before it).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::digest;

/// The first line of a public key in ASCII armour.
const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
/// The last line of a public key in ASCII armour.
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// The tags of the packets that matter here.
const SECRET_KEY: u8 = 5;
const PUBLIC_KEY: u8 = 6;
const SECRET_SUBKEY: u8 = 7;

/// Returns the fingerprint of the only key in a file, in upper-case hexadecimal digits.
///
/// # Errors
/// Fails with a clause that says why the file is not usable: it is not a public key, has several keys, has a
/// private key, or is cut off.
pub fn fingerprint(file: &[u8], is_armoured: bool) -> Result<String, String> {
    let packets = if is_armoured { &dearmour(file)?[..] } else { file };
    if packets.get(8..12) == Some(b"KBXf") {
        return Err("it is a keybox of GnuPG; `gpg --export` writes a key that apt can read".to_owned());
    }
    let mut keys = Vec::new();
    let mut rest = packets;
    while !rest.is_empty() {
        let (tag, body, after) = packet(rest)?;
        match tag {
            PUBLIC_KEY => keys.push(body),
            SECRET_KEY | SECRET_SUBKEY => return Err("it contains a private key".to_owned()),
            _ if keys.is_empty() => return Err("it does not begin with a public key".to_owned()),
            _ => {}
        }
        rest = after;
    }
    match keys[..] {
        [] => Err("it is empty".to_owned()),
        [key] => fingerprint_of(key),
        [..] => Err(format!("it contains {} keys, but apt would accept each of them", keys.len())),
    }
}

/// Decodes ASCII armour.
fn dearmour(file: &[u8]) -> Result<Vec<u8>, String> {
    let text = str::from_utf8(file).map_err(|_| "it is not in ASCII armour".to_owned())?;
    let mut lines = text.lines().map(str::trim_end);
    lines.by_ref().find(|line| *line == BEGIN).ok_or_else(|| format!("it has no line `{BEGIN}`"))?;
    // The headers of the armour end with an empty line.
    lines.by_ref().find(|line| line.is_empty()).ok_or("its armour has no end of its headers")?;
    let mut encoded = String::new();
    let mut is_closed = false;
    for line in lines.by_ref() {
        if line == END {
            is_closed = true;
            break;
        }
        // The checksum of the armour, which newer programs neither write nor read.
        if !line.starts_with('=') {
            encoded.push_str(line);
        }
    }
    if !is_closed {
        return Err(format!("it has no line `{END}`"));
    }
    if lines.any(|line| line.starts_with("-----BEGIN")) {
        return Err("it contains several blocks of keys".to_owned());
    }
    STANDARD.decode(encoded).map_err(|error| format!("its armour is not valid: {error}"))
}

/// Splits off a packet. Returns its tag, its content, and what follows.
fn packet(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), String> {
    let cut = || "it is cut off".to_owned();
    let (first, rest) = bytes.split_first().ok_or_else(cut)?;
    if first & 0x80 == 0 {
        return Err("it is not a binary OpenPGP key".to_owned());
    }
    let (tag, width) = if first & 0x40 == 0 {
        // The old format has the width of the length in the tag.
        let width = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return Err("a packet in it has no length".to_owned()),
        };
        ((first >> 2) & 0x0f, width)
    } else {
        let width = match rest.first().ok_or_else(cut)? {
            0..192 => 0,
            192..224 => 2,
            255 => 4,
            224..255 => return Err("a packet in it is split".to_owned()),
        };
        (first & 0x3f, width)
    };
    let is_new = first & 0x40 != 0;
    let (length, rest) = match (is_new, width) {
        (true, 0) => (usize::from(rest[0]), &rest[1..]),
        (true, 2) => {
            let low = rest.get(1).ok_or_else(cut)?;
            (((usize::from(rest[0]) - 192) << 8) + usize::from(*low) + 192, &rest[2..])
        }
        (true, _) => number(&rest[1..], 4).ok_or_else(cut)?,
        (false, width) => number(rest, width).ok_or_else(cut)?,
    };
    let (body, after) = rest.split_at_checked(length).ok_or_else(cut)?;
    Ok((tag, body, after))
}

/// Reads a big-endian number of `width` bytes. Returns it and what follows.
fn number(bytes: &[u8], width: usize) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_at_checked(width)?;
    Some((number.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest))
}

/// Returns the fingerprint of the content of a packet with a public key.
fn fingerprint_of(key: &[u8]) -> Result<String, String> {
    let length = u32::try_from(key.len()).map_err(|_| "its key is too long".to_owned())?;
    let digest = match key.first() {
        Some(4) => {
            let length = u16::try_from(length).map_err(|_| "its key is too long".to_owned())?;
            let hash =
                Sha1::new().chain_update([0x99_u8]).chain_update(length.to_be_bytes()).chain_update(key);
            digest::hex(&hash.finalize())
        }
        Some(6) => digest::of([&[0x9b_u8][..], &length.to_be_bytes()[..], key].concat()),
        Some(version) => return Err(format!("its key has version {version}; apt accepts 4 and 6")),
        None => return Err("it is cut off".to_owned()),
    };
    Ok(digest.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARMOURED: &[u8] = include_bytes!("../../../checks/fixtures/keys/app.asc");
    const BINARY: &[u8] = include_bytes!("../../../checks/fixtures/keys/app.gpg");
    const TWO: &[u8] = include_bytes!("../../../checks/fixtures/keys/two.asc");
    /// As gpg printed it.
    const FINGERPRINT: &str = "F046E6E33FE45CC66938F4585B45C22C3D8E713D";

    fn refusal(file: &[u8], is_armoured: bool) -> String {
        fingerprint(file, is_armoured).unwrap_err()
    }

    #[test]
    fn the_fingerprint_is_that_of_the_primary_key() {
        assert_eq!(fingerprint(ARMOURED, true).as_deref(), Ok(FINGERPRINT));
        assert_eq!(fingerprint(BINARY, false).as_deref(), Ok(FINGERPRINT));
    }

    #[test]
    fn armour_may_have_a_comment_and_windows_line_ends() {
        let text = str::from_utf8(ARMOURED).unwrap();
        let text = format!("Our key:\n{}", text.replace("BLOCK-----\n\n", "BLOCK-----\nComment: ours\n\n"));
        assert_eq!(fingerprint(text.as_bytes(), true).as_deref(), Ok(FINGERPRINT));
        let text = text.replace('\n', "\r\n");
        assert_eq!(fingerprint(text.as_bytes(), true).as_deref(), Ok(FINGERPRINT));
    }

    #[test]
    fn a_key_of_version_6_has_a_longer_fingerprint() {
        let body = [6, 0, 0, 0, 0, 27];
        let file = [&[0xc6_u8, 6][..], &body].concat();
        let expected = digest::of([&[0x9b_u8, 0, 0, 0, 6][..], &body].concat()).to_uppercase();
        assert_eq!(fingerprint(&file, false), Ok(expected));
    }

    #[test]
    fn a_file_with_several_keys_is_refused() {
        assert_eq!(refusal(TWO, true), "it contains 2 keys, but apt would accept each of them");
        let twice = [ARMOURED, ARMOURED].concat();
        assert_eq!(refusal(&twice, true), "it contains several blocks of keys");
    }

    #[test]
    fn a_file_that_is_no_public_key_is_refused() {
        for (file, is_armoured, why) in [
            (&b""[..], false, "it is empty"),
            (b"", true, "it has no line `-----BEGIN PGP PUBLIC KEY BLOCK-----`"),
            (b"# a list\n", false, "it is not a binary OpenPGP key"),
            (ARMOURED, false, "it is not a binary OpenPGP key"),
            (BINARY, true, "it is not in ASCII armour"),
            (&[0xc5, 1, 4], false, "it contains a private key"),
            (&[0xc2, 1, 4], false, "it does not begin with a public key"),
            (&[0xc6, 3, 3, 0, 0], false, "its key has version 3; apt accepts 4 and 6"),
            (&[0xc6, 0], false, "it is cut off"),
            (&[0xc6, 230], false, "a packet in it is split"),
            (&[0x9b, 4], false, "a packet in it has no length"),
            (
                b"\0\0\0\x20\x01\x01\0\0KBXf",
                false,
                "it is a keybox of GnuPG; `gpg --export` writes a key that apt can read",
            ),
        ] {
            assert_eq!(refusal(file, is_armoured), why);
        }
    }

    #[test]
    fn a_key_that_is_cut_off_anywhere_is_refused() {
        let whole = fingerprint(BINARY, false);
        for length in 0..BINARY.len() {
            let found = fingerprint(&BINARY[..length], false);
            // A key without its last packets is a key.
            assert!(found.is_err() || found == whole, "{length}");
        }
        let text = str::from_utf8(ARMOURED).unwrap();
        for length in 0..text.len() - 1 {
            assert!(fingerprint(&text.as_bytes()[..length], true).is_err(), "{length}");
        }
    }
}
