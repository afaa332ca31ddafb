//! `lakewire-emulator dynamodb s3`: emulators for tests that are not written in Rust.
//!
//! Prints one line a service, its name and its URL, and ends when its standard input does: with the test that started it.

use std::io::Read as _;

use lakewire_emulators::{Dynoxide, Lambda, Ministack};

fn main() {
    let (mut dynoxide, mut ministack, mut lambda) = (None, None, None);
    for service in std::env::args().skip(1) {
        let endpoint = match service.as_str() {
            "dynamodb" => dynoxide.get_or_insert_with(Dynoxide::start).endpoint(),
            "s3" => ministack.get_or_insert_with(Ministack::start).endpoint(),
            "lambda" => lambda.get_or_insert_with(Lambda::start).endpoint(),
            _ => {
                eprintln!("lakewire-emulator: `{service}` is no service: `dynamodb`, `s3` and `lambda` are");
                std::process::exit(2);
            }
        };
        println!("{service} {endpoint}");
    }
    // Whatever ends it, an error included, ends this.
    let _ended = std::io::stdin().read_to_end(&mut Vec::new());
}
