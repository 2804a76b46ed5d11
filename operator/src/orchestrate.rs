//! Works on many items concurrently, up to a limit.

use std::future::Future;
use std::num::NonZeroUsize;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::interrupt::Interrupt;
use crate::stop::Stop;

/// Runs `work` on every item, on at most `parallel` items at a time. The results are in the order of the
/// items. A result is `None` if its item was not started because the user interrupted the command.
///
/// # Errors
/// The work on an item panicked.
pub async fn each<I, T, W, F>(
    items: Vec<I>,
    parallel: NonZeroUsize,
    interrupt: &Interrupt,
    work: W,
) -> Result<Vec<Option<T>>, Stop>
where
    T: Send + 'static,
    W: Fn(I) -> F,
    F: Future<Output = T> + Send + 'static,
{
    let (sender, ready) = unbounded_channel();
    let count = items.len();
    for item in items.into_iter().enumerate() {
        // The receiver exists, so sending does not fail.
        let _ = sender.send(item);
    }
    drop(sender);
    each_as_ready(count, ready, parallel, interrupt, work).await
}

/// Runs `work` like [`each`], on `count` items that are ready at different times. `ready` receives each item
/// together with its position among the results.
///
/// # Errors
/// The work on an item panicked.
pub async fn each_as_ready<I, T, W, F>(
    count: usize,
    mut ready: UnboundedReceiver<(usize, I)>,
    parallel: NonZeroUsize,
    interrupt: &Interrupt,
    work: W,
) -> Result<Vec<Option<T>>, Stop>
where
    T: Send + 'static,
    W: Fn(I) -> F,
    F: Future<Output = T> + Send + 'static,
{
    let mut results: Vec<Option<T>> = Vec::new();
    results.resize_with(count, || None);
    let mut running = JoinSet::new();
    let mut is_open = true;
    loop {
        let is_next = is_open && running.len() < parallel.get() && !interrupt.is_requested();
        tokio::select! {
            biased;
            Some(finished) = running.join_next() => {
                let (index, result) = finished?;
                results[index] = Some(result);
            }
            item = ready.recv(), if is_next => match item {
                Some((index, item)) if !interrupt.is_requested() => {
                    let work = work(item);
                    running.spawn(async move { (index, work.await) });
                }
                Some(_) | None => is_open = false,
            },
            else => return Ok(results),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_more_than_allowed_at_once_and_results_in_order() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = |item: u64| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20 - item)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                item
            }
        };
        let parallel = NonZeroUsize::new(3).unwrap();
        let results = each((0..20).collect(), parallel, &Interrupt::default(), work).await.unwrap();
        assert_eq!(results, (0..20).map(Some).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn an_item_that_is_not_ready_delays_no_other() {
        let (sender, ready) = unbounded_channel();
        let (first, second) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        sender.send((1, Arc::clone(&second))).unwrap();
        let feed = async {
            second.notified().await;
            sender.send((0, Arc::clone(&first))).unwrap();
            first.notified().await;
            drop(sender);
        };
        let work = |done: Arc<tokio::sync::Notify>| async move { done.notify_one() };
        let interrupt = Interrupt::default();
        let all = each_as_ready(3, ready, NonZeroUsize::MIN, &interrupt, work);
        let (results, ()) = tokio::join!(all, feed);
        assert_eq!(results.unwrap(), [Some(()), Some(()), None]);
    }

    #[tokio::test]
    async fn after_an_interrupt_nothing_more_is_begun() {
        let interrupt = Interrupt::default();
        let work = |item: u64| {
            let interrupt = interrupt.clone();
            async move {
                if item == 1 {
                    interrupt.request();
                }
                item
            }
        };
        let results = each((0..6).collect(), NonZeroUsize::MIN, &interrupt, work).await.unwrap();
        assert_eq!(results, [Some(0), Some(1), None, None, None, None]);
    }
}
