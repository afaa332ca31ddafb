//! Answers that take their time, past proxies that wait for a minute at most.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::{Stream, stream};
use lakewire_storage::env::Env;

/// Nothing on the way is more impatient than this; most wait for 30 s or more.
const EVERY: Duration = Duration::from_secs(10);

/// The text that `answer` comes to, after a blank for each time that it was waited for: JSON may begin with blanks.
pub(super) fn until(
    env: Env,
    answer: impl Future<Output = String> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {
    let answer: Pin<Box<dyn Future<Output = String> + Send>> = Box::pin(answer);
    stream::unfold(Some(answer), move |answer| {
        let env = env.clone();
        async move {
            match select(answer?, Box::pin(env.sleep(EVERY))).await {
                Either::Left((text, _)) => Some((Ok(text.into()), None)),
                Either::Right((_, answer)) => Some((Ok(Bytes::from_static(b" ")), Some(answer))),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::TryStreamExt;
    use lakewire_storage::env::Env;

    use super::until;

    #[tokio::test(start_paused = true)]
    async fn blanks_come_before_a_late_answer() {
        let answer = |seconds| {
            let env = Env::system();
            until(Env::system(), async move {
                env.sleep(Duration::from_secs(seconds)).await;
                "{}".to_owned()
            })
        };
        for (seconds, expected) in [(0, vec!["{}"]), (25, vec![" ", " ", "{}"])] {
            let pieces: Vec<_> = answer(seconds).try_collect().await.expect("no error");
            assert_eq!(pieces, expected);
        }
    }
}
