//! What each change does.

use serde_json::{Value as Json, json};

use super::recorder::{Failed, Recorder};
use super::spec::{Change, Index, Read, Table, place, words};

/// A change that decided not to happen, or failed.
pub type Refused = Failed;

/// Fewer items than this are left in a group.
const FEWEST: usize = 3;

/// Runs a change in a transaction; what it returns goes to the client.
pub async fn mutate(recorder: &mut Recorder, change: &Change) -> Result<Json, Refused> {
    match change {
        Change::Transfer { from, to, amount } => {
            let (from, to) = (account(recorder, *from).await?, account(recorder, *to).await?);
            if from["_id"] == to["_id"] {
                return Ok(json!("same"));
            }
            let balance = |account: &Json| account["balance"].as_f64().unwrap_or(f64::NAN);
            let (less, more) = (balance(&from) - amount, balance(&to) + amount);
            recorder.patch(Table::Accounts, &from["_id"], json!({"balance": less})).await?;
            recorder.patch(Table::Accounts, &to["_id"], json!({"balance": more})).await?;
            Ok(json!([less, more]))
        }
        Change::Insert { group, n, m, pad } => {
            let mut fields = json!({"group": group, "n": n, "pad": "x".repeat(*pad)});
            (fields["text"], fields["at"]) = (json!(words(*n)), json!(place(*n)));
            if let Some(m) = m {
                fields["m"] = json!(m);
            }
            recorder.insert(Table::Items, fields).await?;
            Ok(json!("inserted"))
        }
        Change::Patch { group, last, to, n, m } => {
            let found = end_of(recorder, *group, *last, 1).await?;
            let Some(item) = found.first() else { return Ok(json!("none")) };
            let fields = json!({"group": to, "n": n, "m": m, "text": words(*n), "at": place(*n)});
            recorder.patch(Table::Items, &item["_id"], fields).await?;
            Ok(item["_id"].clone())
        }
        Change::Delete { group, last } => {
            let found = end_of(recorder, *group, *last, FEWEST as u64 + 1).await?;
            if found.len() <= FEWEST {
                return Ok(json!("few"));
            }
            recorder.delete(Table::Items, &found[0]["_id"]).await?;
            Ok(found[0]["_id"].clone())
        }
        Change::Append { key, token } => {
            let lists = recorder.read(&equal(Index::Key, *key, false, None)).await?;
            match lists.get(0) {
                Some(list) => {
                    let mut tokens = list["tokens"].as_array().cloned().unwrap_or_default();
                    tokens.push(json!(token));
                    let length = tokens.len();
                    recorder.patch(Table::Lists, &list["_id"], json!({"tokens": tokens})).await?;
                    Ok(json!(length))
                }
                None => {
                    recorder.insert(Table::Lists, json!({"key": key, "tokens": [token]})).await?;
                    Ok(json!(1))
                }
            }
        }
        Change::Gather { words, to } => {
            let found = recorder.read(&search(words, None)).await?;
            let items = found.as_array().cloned().unwrap_or_default();
            for item in items.iter().take(3) {
                recorder.patch(Table::Items, &item["_id"], json!({"group": to})).await?;
            }
            // Own writes are found.
            recorder.read(&search(words, Some(*to))).await?;
            Ok(json!(items.len()))
        }
        Change::Shift { group } => {
            let items = recorder.read(&equal(Index::Group, *group, false, Some(12))).await?;
            let items = items.as_array().cloned().unwrap_or_default();
            for item in &items {
                let n = item["n"].as_f64().unwrap_or(f64::NAN) + 1.0;
                recorder.patch(Table::Items, &item["_id"], json!({"n": n})).await?;
            }
            Ok(json!(items.len()))
        }
    }
}

async fn account(recorder: &mut Recorder, name: f64) -> Result<Json, Failed> {
    let found = recorder.read(&equal(Index::Name, name, false, Some(1))).await?;
    found.get(0).cloned().ok_or_else(|| Failed::Wrong(format!("account {name} is gone")))
}

async fn end_of(recorder: &mut Recorder, group: f64, last: bool, most: u64) -> Result<Vec<Json>, Failed> {
    let found = recorder.read(&equal(Index::Group, group, last, Some(most))).await?;
    Ok(found.as_array().cloned().unwrap_or_default())
}

fn equal(index: Index, value: f64, descending: bool, limit: Option<u64>) -> Read {
    Read::Range { index, equal: vec![value], from: None, to: None, descending, limit, page: None }
}

fn search(words: &str, group: Option<f64>) -> Read {
    Read::Search { index: Index::Words, words: words.to_owned(), group }
}
