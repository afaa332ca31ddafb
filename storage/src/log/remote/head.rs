//! Finding the newest entry of a log that has no counter.

use super::{LogError, Medium, RemoteLog};
use crate::env::Moment;
use crate::log::EntryNumber;

/// How many numbers are looked at together.
const PROBES: u32 = 12;

impl<M: Medium> RemoteLog<M> {
    /// The number of the newest entry, 0 if there is none.
    pub(super) async fn find_head(&self) -> Result<EntryNumber, LogError> {
        loop {
            let (mut low, hint) = {
                let mut known = self.known.lock();
                (known.head.max(known.first.saturating_sub(1)), known.hint.take())
            };
            if let Some(hint) = hint.filter(|hint| *hint > low) {
                low = if self.present(&[hint]).await?[0] { hint } else { low };
            }
            let began = Moment::now(&self.env);
            let head = self.climb(low).await?;
            // Nothing was at the next number; unless that is because it is trimmed, nothing ever was.
            match self.ensure_kept(head.saturating_add(1)).await {
                Err(LogError::Trimmed { .. }) => continue,
                other => other?,
            }
            self.known.lock().free(head.saturating_add(1), began);
            return Ok(head);
        }
    }

    /// The last number from `low` on up to which there is something everywhere, if there is at `low`.
    async fn climb(&self, mut low: EntryNumber) -> Result<EntryNumber, LogError> {
        // Usually nothing is new.
        let mut candidates: Vec<EntryNumber> = low.checked_add(1).into_iter().collect();
        let mut high = None;
        let mut exponent = 1;
        while !candidates.is_empty() {
            let present = self.present(&candidates).await?;
            for (n, present) in candidates.iter().zip(present) {
                if !present {
                    high = Some(*n);
                    break;
                }
                low = *n;
            }
            candidates = match high {
                // Steps that double, until one leads beyond the end ...
                None => {
                    let steps = (exponent..(exponent + PROBES).min(64)).map(|exponent| 1_u64 << exponent);
                    exponent += PROBES;
                    steps.filter_map(|step| low.checked_add(step)).collect()
                }
                // ... then steps that divide what is left.
                Some(high) => {
                    let between = high - low - 1;
                    let probes = between.min(u64::from(PROBES));
                    (1..=probes).map(|probe| low + (between + 1).saturating_mul(probe) / (probes + 1)).collect()
                }
            };
        }
        Ok(low)
    }

    async fn present(&self, numbers: &[EntryNumber]) -> Result<Vec<bool>, LogError> {
        self.ask("read", || self.medium.present(numbers)).await
    }
}
