//! Closures that come one after the other: whoever needs one of them need not wait for all.

use std::collections::BTreeMap;

use tokio::sync::watch::{Receiver, Sender, channel};

use super::Closure;

/// Where closures come in. Dropped, no further one comes.
#[derive(Debug)]
pub struct Inlet(Sender<BTreeMap<String, Closure>>);

/// Where they are to be had. Clones share it.
#[derive(Clone, Debug)]
pub struct Supply(Receiver<BTreeMap<String, Closure>>);

/// A supply that is empty still.
#[must_use]
pub fn supply() -> (Inlet, Supply) {
    let (inlet, outlet) = channel(BTreeMap::new());
    (Inlet(inlet), Supply(outlet))
}

impl Inlet {
    /// Lets closures in, by host.
    pub fn add(&self, closures: &BTreeMap<String, Closure>) {
        let copies = closures.iter().map(|(host, closure)| (host.clone(), closure.clone()));
        self.0.send_modify(|all| all.extend(copies));
    }
}

impl Supply {
    /// Of closures that are all there.
    #[must_use]
    pub fn of(closures: BTreeMap<String, Closure>) -> Self {
        Self(channel(closures).1)
    }

    /// Waits for the closure of a host; nothing where none comes.
    pub async fn closure(&mut self, host: &str) -> Option<Closure> {
        let closures = self.0.wait_for(|closures| closures.contains_key(host)).await.ok()?;
        closures.get(host).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(host: &str) -> BTreeMap<String, Closure> {
        BTreeMap::from([(host.to_owned(), Closure { path: format!("/nix/store/{host}") })])
    }

    #[tokio::test]
    async fn a_closure_is_handed_out_as_soon_as_it_is_there() {
        let (inlet, mut supply) = supply();
        let mut other = supply.clone();
        let waiting = tokio::spawn(async move { other.closure("b").await });
        inlet.add(&one("a"));
        assert_eq!(supply.closure("a").await.unwrap().path, "/nix/store/a");
        inlet.add(&one("b"));
        assert_eq!(waiting.await.unwrap().unwrap().path, "/nix/store/b");
    }

    #[tokio::test]
    async fn nobody_waits_for_what_does_not_come() {
        let (inlet, mut supply) = supply();
        inlet.add(&one("a"));
        drop(inlet);
        assert_eq!(supply.closure("b").await, None);
        assert!(supply.closure("a").await.is_some());
        assert!(Supply::of(one("c")).closure("c").await.is_some());
    }
}
