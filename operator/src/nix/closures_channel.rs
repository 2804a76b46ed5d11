//! A channel for closures, so that work on a host can start as soon as its closure is built.

use std::collections::BTreeMap;

use tokio::sync::watch::{Receiver, Sender, channel};

use super::Closure;

/// The sending side of the channel. After it is dropped, receivers get no further closures.
#[derive(Debug)]
pub struct ClosureSender(Sender<BTreeMap<String, Closure>>);

/// The receiving side of the channel. All clones receive the same closures.
#[derive(Clone, Debug)]
pub struct ClosureReceiver(Receiver<BTreeMap<String, Closure>>);

/// Creates a channel that has no closures yet.
#[must_use]
pub fn closures_channel() -> (ClosureSender, ClosureReceiver) {
    let (sender, receiver) = channel(BTreeMap::new());
    (ClosureSender(sender), ClosureReceiver(receiver))
}

impl ClosureSender {
    /// Sends these closures. The keys of the map are the names of the hosts.
    pub fn add(&self, closures: &BTreeMap<String, Closure>) {
        let copies = closures.iter().map(|(host, closure)| (host.clone(), closure.clone()));
        self.0.send_modify(|all| all.extend(copies));
    }
}

impl ClosureReceiver {
    /// Creates a receiver of closures that are all built already.
    #[must_use]
    pub fn of(closures: BTreeMap<String, Closure>) -> Self {
        Self(channel(closures).1)
    }

    /// Waits until the closure of at least one item in `waiting` is built. Returns all items that have a
    /// closure by then, and removes these items from `waiting`. `host` returns the host of an item. Returns
    /// an empty list if no closure of these items will come.
    pub async fn built<T>(&mut self, waiting: &mut Vec<T>, host: impl Fn(&T) -> &str) -> Vec<T> {
        let is_built = |closures: &BTreeMap<String, Closure>, item: &T| closures.contains_key(host(item));
        let some = self.0.wait_for(|closures| waiting.iter().any(|item| is_built(closures, item))).await;
        // An error means that the sender was dropped.
        let Ok(closures) = some else { return Vec::new() };
        waiting.extract_if(.., |item| is_built(&closures, item)).collect()
    }

    /// Waits for the closure of a host. Returns `None` if the sender is dropped without sending this closure.
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
        let (sender, mut receiver) = closures_channel();
        let mut other = receiver.clone();
        let waiting = tokio::spawn(async move { other.closure("b").await });
        sender.add(&one("a"));
        assert_eq!(receiver.closure("a").await.unwrap().path, "/nix/store/a");
        sender.add(&one("b"));
        assert_eq!(waiting.await.unwrap().unwrap().path, "/nix/store/b");
    }

    #[tokio::test]
    async fn hosts_come_in_the_order_of_their_closures() {
        let (sender, mut receiver) = closures_channel();
        let mut waiting = vec!["a", "b", "c"];
        sender.add(&one("c"));
        assert_eq!(receiver.built(&mut waiting, |host| host).await, ["c"]);
        sender.add(&one("b"));
        sender.add(&one("a"));
        assert_eq!(receiver.built(&mut waiting, |host| host).await, ["a", "b"]);
        waiting.push("d");
        drop(sender);
        assert!(receiver.built(&mut waiting, |host| host).await.is_empty());
        assert_eq!(waiting, ["d"]);
    }

    #[tokio::test]
    async fn nobody_waits_for_what_does_not_come() {
        let (sender, mut receiver) = closures_channel();
        sender.add(&one("a"));
        drop(sender);
        assert_eq!(receiver.closure("b").await, None);
        assert!(receiver.closure("a").await.is_some());
        assert!(ClosureReceiver::of(one("c")).closure("c").await.is_some());
    }
}
