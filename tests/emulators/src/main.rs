//! `lakewire-emulator dynamodb s3 lambda faults URL...`: emulators for tests that are not written in Rust.
//!
//! Prints one line a service, its name and its URL, and ends when its standard input does: with the test that started it.
//! What follows `faults` are URLs of services; each gets a proxy in front of it, in their order.

use std::io::Read as _;

use lakewire_emulators::{Dynoxide, Faults, Lambda, Ministack};

fn main() {
    let (mut dynoxide, mut ministack, mut lambda) = (None, None, None);
    let mut proxies = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(service) = arguments.next() {
        if service == "faults" {
            proxies = arguments.by_ref().map(|target| Faults::start(&target)).collect();
            proxies.iter().for_each(|proxy| println!("faults {}", proxy.endpoint()));
            break;
        }
        let endpoint = match service.as_str() {
            "dynamodb" => dynoxide.get_or_insert_with(Dynoxide::start).endpoint(),
            "s3" => ministack.get_or_insert_with(Ministack::start).endpoint(),
            "lambda" => lambda.get_or_insert_with(Lambda::start).endpoint(),
            _ => {
                eprintln!("lakewire-emulator: `{service}` is no service: `dynamodb`, `s3`, `lambda` and `faults` are");
                std::process::exit(2);
            }
        };
        println!("{service} {endpoint}");
    }
    // Whatever ends it, an error included, ends this.
    let _ended = std::io::stdin().read_to_end(&mut Vec::new());
    drop(proxies);
}
