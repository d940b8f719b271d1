//! What an effect is done with: the blocking pool for files and the machine, the client for requests.

use crate::{driver::Perform, executor::Executor, http::Client};
use runwire_effects::disk;
use std::sync::Arc;

/// Performs effects on this machine and over the network. Connections are kept as long as this is.
pub(crate) fn real<E: Executor>(executor: E) -> Arc<Perform> {
    let client = Client::new(executor.clone());
    Arc::new(move |files, effect| {
        let work = executor.unblock(move || disk::perform(&files, effect));
        let client = client.clone();
        Box::pin(async move {
            match work.await {
                Ok(completion) => completion,
                Err(request) => client.perform(*request).await,
            }
        })
    })
}
