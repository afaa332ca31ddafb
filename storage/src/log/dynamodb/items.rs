//! The items of a log. Their keys are `{stream}#{n:020}` for entry n, `{stream}#first` for the trim marker and
//! `{stream}#head` for the hint, so that entries spread over the partitions of the table.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use bytes::Bytes;

use super::DynamoDbLogConfig;
use super::bodies::Bodies;
use super::errors::error;
use crate::log::codec::{Pointer, nonce_of};
use crate::log::remote::{Marker, Medium, MediumError, Put};
use crate::log::{EntryNumber, Nonce};

pub(super) const PARTITION_KEY: &str = "pk";
const ENTRY: &str = "entry";
/// What is read of an entry.
const ENTRIES: &str = "pk, entry";
const FIRST: &str = "first";
const SWEPT: &str = "swept";
const HEAD: &str = "head";

/// Entries of more bytes than this go to the object store. An item has room for 400 KB.
const SPILL_BYTES: usize = 300_000;

/// So many entries at a time, or more, are read at half the price first ([`Read::Late`]).
const MANY: usize = 32;

/// So many of those that are not found then are looked for again.
pub(super) const AGAIN: usize = 8;

/// How many items one request may delete.
const DELETE_AT_ONCE: usize = 25;

/// Bodies are fetched until one answer has so many bytes.
const MAX_FETCHED_BYTES: usize = 16 << 20;

/// How an item is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    /// As it is.
    Consistent,
    /// As it was a moment ago, for half the price.
    Late,
}

type Item = HashMap<String, AttributeValue>;

/// Where a [`DynamoDbLog`](super::DynamoDbLog) is.
pub struct Items {
    config: DynamoDbLogConfig,
    bodies: Bodies,
}

impl Items {
    pub(super) fn new(config: DynamoDbLogConfig, bodies: Bodies) -> Self {
        Self { config, bodies }
    }

    fn key_of(&self, what: &str) -> AttributeValue {
        AttributeValue::S(format!("{}#{what}", self.config.stream))
    }

    fn key(&self, n: EntryNumber) -> AttributeValue {
        self.key_of(&format!("{n:020}"))
    }

    /// The item at `what`, strongly consistent.
    async fn get_item(&self, what: &str) -> Result<Option<Item>, MediumError> {
        let request = self.config.client.get_item().table_name(&self.config.table).consistent_read(true);
        Ok(request.key(PARTITION_KEY, self.key_of(what)).send().await.map_err(error)?.item)
    }

    /// The items at those of `numbers` that have one, and the numbers that DynamoDB did not get to, but not all of them.
    async fn get_batch(
        &self,
        numbers: &[EntryNumber],
        projection: &str,
        read: Read,
    ) -> Result<(BTreeMap<EntryNumber, Item>, Vec<EntryNumber>), MediumError> {
        let keys = numbers.iter().map(|n| HashMap::from([(PARTITION_KEY.to_owned(), self.key(*n))]));
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .consistent_read(read == Read::Consistent)
            .projection_expression(projection)
            .build()
            .map_err(|error| MediumError::Refused(error.to_string()))?;
        let table = &self.config.table;
        let answer = self.config.client.batch_get_item().request_items(table, request).send().await.map_err(error)?;
        let number_of = |item: &Item| {
            let key = item.get(PARTITION_KEY)?.as_s().ok()?;
            key.strip_prefix(&self.config.stream)?.strip_prefix('#')?.parse::<EntryNumber>().ok()
        };
        let items = answer.responses.unwrap_or_default().remove(table).unwrap_or_default();
        let found = items.into_iter().filter_map(|item| Some((number_of(&item)?, item))).collect();
        let unprocessed = answer.unprocessed_keys.unwrap_or_default().remove(table);
        let unprocessed: Vec<_> =
            unprocessed.map_or_else(Vec::new, |keys| keys.keys.iter().filter_map(number_of).collect());
        if unprocessed.len() >= numbers.len() {
            return Err(MediumError::Busy("no key of the batch was processed".to_owned()));
        }
        Ok((found, unprocessed))
    }

    /// The entry in `item`, fetched if it is stored elsewhere.
    async fn entry_of(&self, item: Item) -> Result<Bytes, MediumError> {
        let Some(AttributeValue::B(blob)) = item.into_iter().find(|(name, _)| name == ENTRY).map(|(_, value)| value)
        else {
            return Err(MediumError::Refused(format!("an item without `{ENTRY}` is at the number of an entry")));
        };
        let encoded = Bytes::from(blob.into_inner());
        match Pointer::decode(&encoded) {
            Ok(Some(pointer)) => self.bodies.get(&pointer).await,
            // If it is damaged, who decodes it will say so.
            Ok(None) | Err(_) => Ok(encoded),
        }
    }

    async fn advance(&self, attribute: &str, to: EntryNumber) -> Result<(), MediumError> {
        let updated = self
            .config
            .client
            .update_item()
            .table_name(&self.config.table)
            .key(PARTITION_KEY, self.key_of(FIRST))
            .update_expression("SET #n = :to")
            .condition_expression("attribute_not_exists(#n) OR #n < :to")
            .expression_attribute_names("#n", attribute)
            .expression_attribute_values(":to", AttributeValue::N(to.to_string()))
            .send()
            .await;
        match updated {
            Err(beyond)
                if beyond.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            updated => updated.map(drop).map_err(error),
        }
    }

    async fn delete_batch(&self, numbers: &[EntryNumber]) -> Result<(), MediumError> {
        let request = |n: &EntryNumber| {
            let delete = DeleteRequest::builder().key(PARTITION_KEY, self.key(*n)).build();
            let delete = delete.map_err(|error| MediumError::Refused(error.to_string()))?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        let mut left: Vec<WriteRequest> = numbers.iter().map(request).collect::<Result<_, _>>()?;
        while !left.is_empty() {
            let asked = left.len();
            let written = self.config.client.batch_write_item().request_items(&self.config.table, left).send().await;
            let unprocessed = written.map_err(error)?.unprocessed_items.unwrap_or_default().remove(&self.config.table);
            left = unprocessed.unwrap_or_default();
            if left.len() >= asked {
                return Err(MediumError::Busy("no item of the batch was deleted".to_owned()));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Medium for Items {
    /// The most keys that one request may have.
    const WINDOW: usize = 100;

    fn place(&self) -> String {
        format!("{}/{}", self.config.table, self.config.stream)
    }

    async fn put(&self, n: EntryNumber, nonce: &Nonce, encoded: Bytes) -> Result<Put, MediumError> {
        let spilled = encoded.len() > SPILL_BYTES;
        let encoded = if spilled { self.bodies.put(n, nonce, encoded).await?.encode() } else { encoded.into() };
        let put = self
            .config
            .client
            .put_item()
            .table_name(&self.config.table)
            .item(PARTITION_KEY, self.key(n))
            .item(ENTRY, AttributeValue::B(encoded.into()))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let present = match put {
            Ok(_) => return Ok(Put::Done),
            Err(refused) => match refused.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(check)) => check.item.clone(),
                _ => return Err(error(refused)),
            },
        };
        let present = match present {
            Some(item) => Some(item),
            None => self.get_item(&format!("{n:020}")).await.map_err(unclear)?,
        };
        let Some(item) = present else { return Ok(Put::Present(None)) };
        let present = self.entry_of(item).await.map_err(unclear)?;
        if spilled && nonce_of(&present).is_some_and(|other| other != *nonce) {
            self.bodies.take_back(n, nonce).await;
        }
        Ok(Put::Present(Some(present)))
    }

    async fn get(&self, from: EntryNumber, count: usize) -> Result<Vec<Option<Bytes>>, MediumError> {
        let mut end = from + count as EntryNumber;
        let mut unread: Vec<EntryNumber> = (from..end).collect();
        let mut found = BTreeMap::new();
        if count >= MANY {
            // What is found is the entry for good. Only what is not found may be there nevertheless.
            (found, _) = self.get_batch(&unread, ENTRIES, Read::Late).await?;
            unread.retain(|n| !found.contains_key(n));
            end = unread.get(AGAIN).copied().unwrap_or(end);
            unread.truncate(AGAIN);
        }
        while !unread.is_empty() {
            let (more, left) = self.get_batch(&unread, ENTRIES, Read::Consistent).await?;
            found.extend(more);
            unread = left;
            if !unread.contains(&from) {
                break;
            }
        }
        let end = unread.into_iter().min().unwrap_or(end);
        let mut entries = Vec::new();
        let mut bytes = 0;
        for n in from..end {
            if bytes >= MAX_FETCHED_BYTES {
                break;
            }
            let entry = match found.remove(&n) {
                Some(item) => Some(self.entry_of(item).await?),
                None => None,
            };
            bytes += entry.as_ref().map_or(0, Bytes::len);
            entries.push(entry);
        }
        Ok(entries)
    }

    async fn present(&self, numbers: &[EntryNumber]) -> Result<Vec<bool>, MediumError> {
        let (mut found, mut missing) = self.get_batch(numbers, PARTITION_KEY, Read::Consistent).await?;
        while !missing.is_empty() {
            let (more, left) = self.get_batch(&missing, PARTITION_KEY, Read::Consistent).await?;
            found.extend(more);
            missing = left;
        }
        Ok(numbers.iter().map(|n| found.contains_key(n)).collect())
    }

    async fn delete(&self, from: EntryNumber, to: EntryNumber) -> Result<(), MediumError> {
        let numbers: Vec<EntryNumber> = (from..to).collect();
        for numbers in numbers.chunks(DELETE_AT_ONCE) {
            self.delete_batch(numbers).await?;
        }
        // After the items, so that nobody finds an item without its body.
        self.bodies.delete(to).await
    }

    async fn marker(&self) -> Result<Marker, MediumError> {
        let item = self.get_item(FIRST).await?.unwrap_or_default();
        let number = |name| match item.get(name) {
            None => Ok(1),
            Some(value) => number_in(value)
                .ok_or_else(|| MediumError::Refused(format!("`{name}` of the trim marker is not a number"))),
        };
        Ok(Marker { first: number(FIRST)?, swept: number(SWEPT)? })
    }

    async fn advance_marker(&self, marker: Marker) -> Result<(), MediumError> {
        self.advance(FIRST, marker.first).await?;
        self.advance(SWEPT, marker.swept).await
    }

    async fn hint(&self) -> Result<EntryNumber, MediumError> {
        let item = self.get_item(HEAD).await?;
        Ok(item.as_ref().and_then(|item| number_in(item.get(HEAD)?)).unwrap_or(0))
    }

    async fn set_hint(&self, n: EntryNumber) -> Result<(), MediumError> {
        let request = self.config.client.put_item().table_name(&self.config.table);
        let request = request.item(PARTITION_KEY, self.key_of(HEAD)).item(HEAD, AttributeValue::N(n.to_string()));
        request.send().await.map(drop).map_err(error)
    }
}

fn number_in(value: &AttributeValue) -> Option<EntryNumber> {
    value.as_n().ok()?.parse().ok()
}

/// An append whose rival could not be looked at may be tried again.
fn unclear(error: MediumError) -> MediumError {
    MediumError::Unclear(format!("cannot read what is there: {error:?}"))
}
