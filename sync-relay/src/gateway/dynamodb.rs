//! Connections in the table of the log.
//!
//! A connection is the item `{stream}#socket#{id}`. Its ids are in sets, the items `{stream}#sockets#{n}`: an id is in the set that
//! its hash says. No name of an entry has a second `#`, so these never meet the items of the log.
//!
//! The sets cost a write per KB of set for each connect and disconnect, about 50 ids; a look at all connections costs a read unit
//! per set and 4 KB of each. Both are small up to some thousand connections. More are a case for a relay that is a service.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure};
use bytes::Bytes;
use lakewire_storage::env::Env;
use lakewire_storage::log::EntryNumber;

use super::connections::{
    Connections, ConnectionsError, Free, GRACE_MS, Glance, Holder, KEPT_S, Left, MAX_BYTES, Mail, Released, Seen, Take,
};

/// How many sets the ids are in.
const SETS: u64 = 8;
/// How many items one request may ask for.
const LOOK_AT_ONCE: usize = 100;
/// How often a request is made, and the pause before the second time; it doubles.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(40);

const KEY: &str = "pk";
const STATE: &str = "state";
const HOLDER: &str = "holder";
const UNTIL: &str = "until";
const LETTERS: &str = "letters";
const NUDGED: &str = "nudged";
const SPOKE: &str = "spoke";
const DUE: &str = "due";
const EXPIRES: &str = "expires";
const IDS: &str = "ids";

type Item = HashMap<String, AttributeValue>;

/// Connections in a DynamoDB table.
pub struct DynamoDbConnections {
    client: Client,
    table: String,
    stream: String,
    env: Env,
}

/// What came of an update with a condition.
enum Update {
    /// The item as it is now, if that was asked for.
    Done(Item),
    /// The condition did not hold: the item as it is, if it is there.
    Not(Option<Item>),
    /// The item would be too large.
    Full,
}

fn number(n: u64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

fn number_in(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn bytes_in(value: &AttributeValue) -> Option<Bytes> {
    value.as_b().ok().map(|blob| Bytes::copy_from_slice(blob.as_ref()))
}

fn state_in(item: &Item) -> Bytes {
    item.get(STATE).and_then(bytes_in).unwrap_or_default()
}

fn lease_in(item: &Item) -> Option<(Holder, u64)> {
    Some((number_in(item, HOLDER)?, number_in(item, UNTIL)?))
}

fn mail_in(item: &Item) -> Mail {
    let letters = item.get(LETTERS).and_then(|letters| letters.as_l().ok());
    let letters = letters.into_iter().flatten().filter_map(bytes_in).collect();
    Mail { letters, nudged: number_in(item, NUDGED).unwrap_or(0) }
}

/// Whether it may be better later.
fn is_passing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    const BUSY: [&str; 5] = [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "TransactionConflictException",
    ];
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            status == 429 || status >= 500 || service.err().code().is_some_and(|code| BUSY.contains(&code))
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    }
}

impl DynamoDbConnections {
    /// The connections of the deployment whose log is `stream` in `table`. `client` is one of
    /// [`lakewire_storage::aws::dynamodb_client`].
    pub fn new(client: Client, table: String, stream: String, env: Env) -> Self {
        Self { client, table, stream, env }
    }

    fn key(&self, id: &str) -> AttributeValue {
        AttributeValue::S(format!("{}#socket#{id}", self.stream))
    }

    fn set_key(&self, set: u64) -> AttributeValue {
        AttributeValue::S(format!("{}#sockets#{set}", self.stream))
    }

    fn set_of(&self, id: &str) -> AttributeValue {
        // FNV-1a: whatever it is, all versions of the program have to agree.
        let hash = id
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        self.set_key(hash % SETS)
    }

    /// Makes a request until it has an answer, a few times.
    async fn ask<T, E, F>(
        &self,
        request: impl Fn() -> F,
    ) -> Result<Result<T, SdkError<E, HttpResponse>>, ConnectionsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut attempt = 1;
        loop {
            match request().await {
                Err(error) if is_passing(&error) => {
                    if attempt == ATTEMPTS {
                        return Err(ConnectionsError::Unavailable(DisplayErrorContext(&error).to_string()));
                    }
                    self.env.sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
                answer => return Ok(answer),
            }
        }
    }

    /// Updates the item of a connection if a condition holds, which says at least that it is there.
    async fn update(
        &self,
        id: &str,
        build: impl Fn(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<Update, ConnectionsError> {
        let request = || {
            build(self.client.update_item().table_name(&self.table).key(KEY, self.key(id)))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
        };
        use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
        match self.ask(request).await? {
            Ok(done) => Ok(Update::Done(done.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(check)) => Ok(Update::Not(check.item.clone())),
                Some(service) if service.message().is_some_and(|text| text.contains("Item size")) => Ok(Update::Full),
                _ => Err(ConnectionsError::Refused(DisplayErrorContext(&error).to_string())),
            },
        }
    }

    /// Adds an id to its set, or takes it out.
    async fn enlist(&self, id: &str, how: &str) -> Result<(), ConnectionsError> {
        let request = || {
            let update = self.client.update_item().table_name(&self.table).key(KEY, self.set_of(id));
            update
                .update_expression(format!("{how} {IDS} :id"))
                .expression_attribute_values(":id", AttributeValue::Ss(vec![id.to_owned()]))
                .send()
        };
        self.ask(request).await?.map(drop).map_err(refused)
    }

    /// The items at those of `keys` that are there.
    async fn get_batch(&self, keys: Vec<AttributeValue>) -> Result<Vec<Item>, ConnectionsError> {
        let mut items = Vec::new();
        let mut left = keys;
        let mut stalled = 0;
        while !left.is_empty() {
            let keys = left.iter().map(|key| HashMap::from([(KEY.to_owned(), key.clone())])).collect();
            let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let request = request.map_err(|error| ConnectionsError::Refused(error.to_string()))?;
            let get = || self.client.batch_get_item().request_items(&self.table, request.clone()).send();
            let answer = self.ask(get).await?.map_err(refused)?;
            let found = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
            stalled = if found.is_empty() { stalled + 1 } else { 0 };
            items.extend(found);
            let unprocessed = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
            let keys = unprocessed.map_or_else(Vec::new, |unprocessed| unprocessed.keys);
            left = keys.into_iter().filter_map(|mut key| key.remove(KEY)).collect();
            if stalled > ATTEMPTS {
                return Err(ConnectionsError::Unavailable("no key of a batch was processed".to_owned()));
            }
        }
        Ok(items)
    }
}

fn refused<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: SdkError<E, HttpResponse>,
) -> ConnectionsError {
    ConnectionsError::Refused(DisplayErrorContext(&error).to_string())
}

#[async_trait]
impl Connections for DynamoDbConnections {
    async fn open(&self, id: &str, state: Bytes, now_ms: u64) -> Result<(), ConnectionsError> {
        let request = || {
            let put = self.client.put_item().table_name(&self.table).item(KEY, self.key(id));
            put.item(STATE, AttributeValue::B(state.to_vec().into()))
                .item(LETTERS, AttributeValue::L(Vec::new()))
                .item(NUDGED, number(0))
                .item(SPOKE, number(now_ms))
                .item(DUE, number(0))
                .item(EXPIRES, number(now_ms / 1000 + KEPT_S))
                .send()
        };
        self.ask(request).await?.map_err(refused)?;
        // After the item: an id without one is swept.
        self.enlist(id, "ADD").await
    }

    async fn take(&self, id: &str, holder: Holder, now_ms: u64, until_ms: u64) -> Result<Take, ConnectionsError> {
        let taken = self.update(id, |update| {
            update
                .return_values(ReturnValue::AllNew)
                .update_expression("SET #holder = :holder, #until = :until")
                .condition_expression("attribute_exists(pk) AND attribute_not_exists(#until)")
                .expression_attribute_names("#holder", HOLDER)
                .expression_attribute_names("#until", UNTIL)
                .expression_attribute_values(":holder", number(holder))
                .expression_attribute_values(":until", number(until_ms))
        });
        let item = match taken.await? {
            Update::Done(item) => item,
            Update::Not(None) => return Ok(Take::Gone),
            Update::Not(Some(item)) => match lease_in(&item) {
                Some((_, until)) if until + GRACE_MS < now_ms => return Ok(Take::Abandoned),
                // An earlier attempt had come through.
                Some((other, _)) if other == holder => item,
                Some((other, _)) => return Ok(Take::Held(other)),
                None => return Err(ConnectionsError::Unavailable("an item without its lease".to_owned())),
            },
            Update::Full => return Err(ConnectionsError::Refused("no room for a lease".to_owned())),
        };
        let spoke_ms = number_in(&item, SPOKE).unwrap_or(0);
        Ok(Take::Taken { state: state_in(&item), mail: mail_in(&item), spoke_ms })
    }

    async fn leave(&self, id: &str, holder: Holder, letter: Bytes) -> Result<Left, ConnectionsError> {
        if letter.len() > MAX_BYTES {
            return Ok(Left::Full);
        }
        let left = self.update(id, |update| {
            held_by(update, holder)
                .update_expression("SET #letters = list_append(#letters, :letter)")
                .expression_attribute_names("#letters", LETTERS)
                .expression_attribute_values(
                    ":letter",
                    AttributeValue::L(vec![AttributeValue::B(letter.to_vec().into())]),
                )
        });
        Ok(match left.await? {
            Update::Done(_) => Left::Done,
            Update::Not(_) => Left::Moved,
            Update::Full => Left::Full,
        })
    }

    async fn nudge(&self, id: &str, holder: Holder, through: EntryNumber) -> Result<Left, ConnectionsError> {
        let nudged = self.update(id, |update| {
            held_by(update, holder)
                .update_expression("SET #nudged = :through")
                .expression_attribute_names("#nudged", NUDGED)
                .expression_attribute_values(":through", number(through))
        });
        Ok(match nudged.await? {
            Update::Done(_) => Left::Done,
            Update::Not(_) => Left::Moved,
            Update::Full => Left::Full,
        })
    }

    async fn left(&self, id: &str, holder: Holder) -> Result<Option<Mail>, ConnectionsError> {
        let items = self.get_batch(vec![self.key(id)]).await?;
        let item = items.first().filter(|item| lease_in(item).is_some_and(|(other, _)| other == holder));
        Ok(item.map(mail_in))
    }

    async fn extend(&self, id: &str, holder: Holder, until_ms: u64) -> Result<bool, ConnectionsError> {
        let extended = self.update(id, |update| {
            held_by(update, holder)
                .update_expression("SET #until = :until")
                .expression_attribute_values(":until", number(until_ms))
        });
        Ok(matches!(extended.await?, Update::Done(_)))
    }

    async fn release(&self, id: &str, holder: Holder, seen: Seen, next: Free) -> Result<Released, ConnectionsError> {
        let released = self.update(id, |update| {
            free(update, holder, &next)
                .update_expression("SET #state = :state, #letters = :none, #spoke = :spoke, #due = :due REMOVE #until")
                .condition_expression(
                    "#holder = :holder AND attribute_exists(#until) AND size(#letters) = :seen AND #nudged = :nudged",
                )
                .expression_attribute_names("#letters", LETTERS)
                .expression_attribute_names("#nudged", NUDGED)
                .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
                .expression_attribute_values(":seen", number(seen.letters as u64))
                .expression_attribute_values(":nudged", number(seen.nudged))
        });
        freed(holder, released.await?)
    }

    async fn hand_over(&self, id: &str, holder: Holder, seen: Seen, next: Free) -> Result<Released, ConnectionsError> {
        let letters: String = (0..seen.letters).map(|n| format!(", #letters[{n}]")).collect();
        let handed = self.update(id, |update| {
            let update = free(update, holder, &next)
                .update_expression(format!("SET #state = :state, #spoke = :spoke, #due = :due REMOVE #until{letters}"))
                .condition_expression("#holder = :holder AND attribute_exists(#until)");
            if letters.is_empty() { update } else { update.expression_attribute_names("#letters", LETTERS) }
        });
        freed(holder, handed.await?)
    }

    async fn remove(&self, id: &str) -> Result<(), ConnectionsError> {
        let request = || self.client.delete_item().table_name(&self.table).key(KEY, self.key(id)).send();
        self.ask(request).await?.map_err(refused)?;
        self.enlist(id, "DELETE").await
    }

    async fn list(&self) -> Result<Vec<String>, ConnectionsError> {
        let sets = self.get_batch((0..SETS).map(|set| self.set_key(set)).collect()).await?;
        let ids = sets.iter().filter_map(|set| set.get(IDS)?.as_ss().ok());
        Ok(ids.flatten().cloned().collect())
    }

    async fn look(&self, ids: &[String]) -> Result<Vec<(String, Glance)>, ConnectionsError> {
        let mut found = Vec::with_capacity(ids.len());
        let prefix = format!("{}#socket#", self.stream);
        for ids in ids.chunks(LOOK_AT_ONCE) {
            let items = self.get_batch(ids.iter().map(|id| self.key(id)).collect()).await?;
            found.extend(items.iter().filter_map(|item| {
                let id = item.get(KEY)?.as_s().ok()?.strip_prefix(&prefix)?.to_owned();
                let (held, spoke_ms) = (lease_in(item), number_in(item, SPOKE).unwrap_or(0));
                let is_due = number_in(item, DUE).is_some_and(|due| due > 0);
                Some((id, Glance { state: state_in(item), held, spoke_ms, is_due }))
            }));
        }
        Ok(found)
    }
}

/// On condition that the lease is that of `holder`.
fn held_by(update: UpdateItemFluentBuilder, holder: Holder) -> UpdateItemFluentBuilder {
    update
        .condition_expression("#holder = :holder AND attribute_exists(#until)")
        .expression_attribute_names("#holder", HOLDER)
        .expression_attribute_names("#until", UNTIL)
        .expression_attribute_values(":holder", number(holder))
}

/// The names and values of an update that frees the lease.
fn free(update: UpdateItemFluentBuilder, holder: Holder, next: &Free) -> UpdateItemFluentBuilder {
    let Free { state, spoke_ms, is_due } = next;
    update
        .expression_attribute_names("#holder", HOLDER)
        .expression_attribute_names("#until", UNTIL)
        .expression_attribute_names("#state", STATE)
        .expression_attribute_names("#spoke", SPOKE)
        .expression_attribute_names("#due", DUE)
        .expression_attribute_values(":holder", number(holder))
        .expression_attribute_values(":state", AttributeValue::B(state.to_vec().into()))
        .expression_attribute_values(":spoke", number(*spoke_ms))
        .expression_attribute_values(":due", number(u64::from(*is_due)))
}

/// What came of it.
fn freed(holder: Holder, update: Update) -> Result<Released, ConnectionsError> {
    match update {
        Update::Done(_) => Ok(Released::Done),
        Update::Not(None) => Ok(Released::Lost),
        Update::Not(Some(item)) => Ok(match lease_in(&item) {
            Some((other, _)) if other == holder => Released::Unseen,
            // An earlier attempt had come through, and nobody came since.
            None if number_in(&item, HOLDER) == Some(holder) => Released::Done,
            _ => Released::Lost,
        }),
        Update::Full => Err(ConnectionsError::Refused("the record is too large for an item".to_owned())),
    }
}
