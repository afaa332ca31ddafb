use super::*;

fn answers(endpoint: &str) -> bool {
    std::net::TcpStream::connect(endpoint.trim_start_matches("http://")).is_ok()
}

#[test]
fn dynoxide_starts_and_stops() {
    let emulator = Dynoxide::start();
    let endpoint = emulator.endpoint().to_owned();
    assert!(answers(&endpoint));
    drop(emulator);
    assert!(!answers(&endpoint));
}

#[test]
fn ministack_starts_and_stops() {
    let emulator = Ministack::start();
    let endpoint = emulator.endpoint().to_owned();
    assert!(answers(&endpoint));
    drop(emulator);
    assert!(!answers(&endpoint));
}
