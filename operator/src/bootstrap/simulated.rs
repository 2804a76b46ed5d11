//! The transaction of apt that a host has simulated for the packages of a bootstrap.

/// The most lines that are read.
const MOST: usize = 2000;

/// The result of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// The installed packages that apt would upgrade.
    pub upgrades: Vec<String>,
    /// The reason why apt cannot install the packages; `None` if it can.
    pub refusal: Option<String>,
}

impl Simulated {
    /// Parses the lines that the host prints. Unknown lines are ignored.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut simulated = Self::default();
        for line in text.lines().take(MOST) {
            match line.split_once(' ') {
                Some(("upgrade", name)) => simulated.upgrades.push(name.to_owned()),
                Some(("refused", why)) => simulated.refusal = Some(why.to_owned()),
                _ => {}
            }
        }
        simulated
    }
}
