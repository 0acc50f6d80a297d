use std::net::SocketAddr;

use easelect::futures::StreamExt;
use easelect::futures::stream::FuturesUnordered;
use easelect::{Candidate, DialOutcome, Failure, Selector};
use tokio::time::{Instant, sleep_until};

/// Lets the app's SDK dial in the selector's order, and returns the first connection that opens.
pub async fn open_first<C>(
    selector: &Selector,
    dial: impl AsyncFn(&str, SocketAddr) -> Result<C, Failure>,
) -> Option<(Candidate, C)> {
    let mut candidates = selector.candidates().fuse();
    let mut dials = FuturesUnordered::new();
    let mut under_way: Vec<(Candidate, Instant)> = Vec::new();
    let (mut next, mut more, mut last_start) = (None::<Candidate>, true, Instant::now());
    while more || next.is_some() || !dials.is_empty() {
        // A delay counts from the start before it; with nothing under way there is none.
        let due = match &next {
            Some(candidate) if !under_way.is_empty() => last_start + candidate.delay,
            _ => Instant::now(),
        };
        tokio::select! {
            biased;
            Some(ended) = dials.next() => {
                let (candidate, began, outcome): (_, Instant, _) = ended;
                under_way.retain(|(one, _)| *one != candidate);
                match outcome {
                    Err(failure) => {
                        selector.report(&candidate, DialOutcome::Failed(failure), began.elapsed());
                    }
                    Ok(connection) => {
                        selector.report(&candidate, DialOutcome::Opened, began.elapsed());
                        for (loser, began) in under_way {
                            selector.report(&loser, DialOutcome::GivenUp, began.elapsed());
                        }
                        return Some((candidate, connection));
                    }
                }
            }
            known = candidates.next(), if next.is_none() && more => {
                // An error is the only item: the stream ends after it.
                next = known.and_then(Result::ok);
                more = next.is_some();
            }
            () = sleep_until(due), if next.is_some() => {
                if let Some(candidate) = next.take() {
                    last_start = Instant::now();
                    under_way.push((candidate.clone(), last_start));
                    let (dial, began) = (&dial, last_start);
                    dials.push(async move {
                        let outcome = dial(candidate.endpoint.url(), candidate.address).await;
                        (candidate, began, outcome)
                    });
                }
            }
        }
    }
    None
}
