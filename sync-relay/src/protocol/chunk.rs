//! Large Transitions are cut into pieces, so that pings get through while they are sent.

use std::fmt::Write as _;

use super::server::write_json_string;

/// Longest Transition that is sent in one piece, and longest piece, in bytes.
pub(crate) const CHUNK_THRESHOLD: usize = 5_000_000;

/// Cuts the text of a Transition into `TransitionChunk` messages of at most `max` bytes of it each, at character boundaries.
///
/// `id` tells the pieces of one Transition from those of the next.
pub(crate) fn split_transition(text: &str, max: usize, id: u64) -> Vec<String> {
    let mut pieces = Vec::with_capacity(text.len() / max + 1);
    let mut rest = text;
    while !rest.is_empty() {
        let cut = rest.floor_char_boundary(max.min(rest.len()));
        assert!(cut > 0, "a piece must hold at least one character");
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    let total = pieces.len();
    let message = |(number, piece): (usize, &&str)| {
        let mut out = String::with_capacity(piece.len() + piece.len() / 4 + 128);
        out.push_str(r#"{"type":"TransitionChunk","chunk":"#);
        write_json_string(piece, &mut out);
        write!(out, r#","partNumber":{number},"totalParts":{total},"transitionId":"{id}"}}"#)
            .expect("writing to a string");
        out
    };
    pieces.iter().enumerate().map(message).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::split_transition;

    #[test]
    fn the_pieces_make_the_whole_again() {
        let text: String = "{\"a\":\"\u{1F600}b\u{e9}\\n\"}".repeat(50);
        for max in [4, 5, 7, 64, 1_000_000] {
            let pieces = split_transition(&text, max, 9);
            let mut whole = String::new();
            for (number, piece) in pieces.iter().enumerate() {
                let piece: Json = serde_json::from_str(piece).expect("a message is JSON");
                assert_eq!(piece["type"], "TransitionChunk");
                assert_eq!(piece["partNumber"], number);
                assert_eq!(piece["totalParts"], pieces.len());
                assert_eq!(piece["transitionId"], "9");
                let chunk = piece["chunk"].as_str().expect("a string");
                assert!(chunk.len() <= max);
                whole.push_str(chunk);
            }
            assert_eq!(whole, text);
        }
    }
}
