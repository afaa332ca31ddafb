//! What scores are possible in a block, a chunk or a list.

/// A frequency in a text of some length. Frequencies from 255 on are [`UNBOUNDED`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Impact {
    pub frequency: u8,
    /// The length of the text: an encoded one, see [`crate::search::text`].
    pub norm: u8,
}

/// A frequency of 255 or more.
pub(crate) const UNBOUNDED: u8 = u8::MAX;
/// Impacts of a block, a chunk or a list.
const IMPACTS: usize = 4;

/// Every posting has a frequency that is not larger, in a text that is not shorter, than one of these. The last ones may be the
/// same.
pub(crate) type Impacts = [Impact; IMPACTS];

/// The impacts of a list about which nothing is known.
pub(super) const ANY: Impacts = [Impact { frequency: UNBOUNDED, norm: 0 }; IMPACTS];
/// The bytes that impacts take.
pub(super) const BYTES: usize = 2 * IMPACTS;

/// The postings, or impacts, that no other one surpasses.
#[derive(Default)]
pub(super) struct Frontier(Vec<Impact>);

impl Frontier {
    pub fn add_posting(&mut self, frequency: u32, norm: u8) {
        self.add(Impact { frequency: u8::try_from(frequency).unwrap_or(UNBOUNDED), norm });
    }

    pub fn add(&mut self, new: Impact) {
        let surpasses = |a: &Impact, b: &Impact| a.frequency >= b.frequency && a.norm <= b.norm;
        if !self.0.iter().any(|old| surpasses(old, &new)) {
            self.0.retain(|old| !surpasses(&new, old));
            self.0.push(new);
        }
    }

    /// The impacts of what was added, and forgets it.
    pub fn take(&mut self) -> Impacts {
        self.0.sort_unstable_by(|a, b| b.cmp(a));
        let shortest = self.0.last().map_or(0, |impact| impact.norm);
        let mut all = std::array::from_fn(|at| self.0.get(at).or(self.0.last()).copied().unwrap_or(ANY[0]));
        all[IMPACTS - 1].norm = shortest;
        self.0.clear();
        all
    }
}

pub(super) fn put(impacts: &Impacts, out: &mut Vec<u8>) {
    out.extend(impacts.iter().flat_map(|impact| [impact.frequency, impact.norm]));
}

pub(super) fn parse(bytes: &[u8; BYTES]) -> Impacts {
    std::array::from_fn(|at| Impact { frequency: bytes[at * 2], norm: bytes[at * 2 + 1] })
}
