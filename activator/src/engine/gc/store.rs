//! Garbage collection of the host's Nix store.

use std::time::Duration;

use nixfleet_contract::gc::Collected;
use nixfleet_contract::problem::{Code, Problem};

use crate::host::command;

/// The time limit of a collection. A large store on a slow disk takes hours.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Removes all store paths that nothing refers to. `program`: the host's `nix-store`.
///
/// # Errors
/// Fails with [`Code::HostFile`] if Nix cannot be started or fails.
pub fn collect(program: &str) -> Result<Collected, Problem> {
    let failed = |why: String| {
        Problem::new(Code::HostFile, "the garbage in the Nix store could not be collected")
            .at(program)
            .because(format!("{why}\nthe generations are already dropped"))
            .help("run `nix-store --gc` on the host")
    };
    let finished = command::run(&[program, "--gc"], LIMIT).map_err(|error| failed(error.to_string()))?;
    if !finished.success() {
        return Err(failed(finished.why()));
    }
    // The collection succeeded even if Nix prints its result in an unknown format. In that case, report no
    // removed paths.
    Ok(finished.stdout.lines().rev().find_map(read).unwrap_or(Collected { paths: 0, freed: 0 }))
}

/// Parses a line such as `12 store paths deleted, 3.45 MiB freed`.
fn read(line: &str) -> Option<Collected> {
    let (paths, freed) = line.trim().split_once(" store paths deleted, ")?;
    let (number, unit) = freed.strip_suffix(" freed")?.split_once(' ')?;
    let unit: u64 = match unit {
        "B" | "bytes" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = part.parse::<u64>().ok()?.checked_mul(unit)? / scale;
    let freed = whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part)?;
    Some(Collected { paths: paths.parse().ok()?, freed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nix_says_of_a_collection_is_read_in_each_unit() {
        let freed = |line| read(line).map(|collected| (collected.paths, collected.freed));
        assert_eq!(freed("12 store paths deleted, 3.50 MiB freed"), Some((12, 3_670_016)));
        assert_eq!(freed("0 store paths deleted, 0.00 MiB freed"), Some((0, 0)));
        assert_eq!(freed("9000 store paths deleted, 1.5 GiB freed\n"), Some((9000, 1_610_612_736)));
        for other in ["", "deleting unused links...", "x store paths deleted, 1 MiB freed"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
