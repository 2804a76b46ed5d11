//! Plans what apt would do on a host.
//!
//! - [`mod@ask`]: the questions to dpkg and apt
//! - [`request`][]: what apt is asked for, from the declared packages and the host
//! - [`mod@plan`]: the plan, from the answer of apt
//! - `objections`: reasons to refuse the plan
//! - [`held`][]: the units of new packages whose starts are held
//! - [`owned`][]: the packages that NixFleet installed, held or marked

pub mod ask;
pub mod held;
mod objections;
pub mod owned;
pub mod plan;
pub mod request;
