use std::sync::Arc;

use super::{decode_ts, write_result};
use crate::http::format::Format;
use crate::udf::{FunctionError, FunctionErrorKind, FunctionOutcome};

fn write(outcome: &FunctionOutcome, lines: &[&str], format: Format) -> String {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let mut text = String::new();
    write_result(outcome, &lines, format, &mut text).unwrap();
    text
}

fn error(data: Option<&str>) -> FunctionOutcome {
    let message = "[Request ID: x] Server Error\n\"q\"\n".into();
    Err(FunctionError { message, data: data.map(Arc::from), kind: FunctionErrorKind::Thrown })
}

#[test]
fn results() {
    let ok: FunctionOutcome = Ok(r#"{"n":3}"#.into());
    assert_eq!(write(&ok, &[], Format::Encoded), r#"{"status":"success","value":{"n":3}}"#);
    assert_eq!(
        write(&ok, &["[LOG] 'a'", "[WARN] 'b'"], Format::Encoded),
        r#"{"status":"success","value":{"n":3},"logLines":["[LOG] 'a'","[WARN] 'b'"]}"#
    );
    let int: FunctionOutcome = Ok(r#"{"$integer":"BwAAAAAAAAA="}"#.into());
    assert_eq!(write(&int, &[], Format::Clean), r#"{"status":"success","value":"7"}"#);
}

#[test]
fn errors_have_data_only_if_they_are_convex_errors() {
    assert_eq!(
        write(&error(None), &[], Format::Encoded),
        r#"{"status":"error","errorMessage":"[Request ID: x] Server Error\n\"q\"\n"}"#
    );
    assert!(write(&error(Some("null")), &[], Format::Encoded).ends_with(r#","errorData":null}"#));
}

#[test]
fn timestamps() {
    assert_eq!(decode_ts("AQAAAAAAAAA=").unwrap(), 1);
    assert_eq!(decode_ts("AIAS7AqYxRg=").unwrap(), 1_785_000_000_000_000_000);
    assert!(decode_ts("AQ==").is_err() && decode_ts("x").is_err());
}
