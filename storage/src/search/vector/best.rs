//! The best of many: by codes first, then by scores.

use std::cmp::Ordering;

/// A vector by its codes.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub product: f32,
    pub scale: f32,
    pub ordinal: u32,
    pub place: u32,
}

impl Candidate {
    fn order(&self, other: &Candidate) -> Ordering {
        other.product.total_cmp(&self.product).then(self.ordinal.cmp(&other.ordinal))
    }
}

/// The best by their codes.
pub(super) struct Candidates {
    limit: usize,
    most: usize,
    all: Vec<Candidate>,
    /// No worse ones are wanted.
    bound: f32,
}

/// The error of a product of codes has about this standard deviation in scales: that of a number evenly spread over 1.
const DEVIATION: f32 = 0.289;
/// Candidates are compared exactly if they would be among the best with errors of so many standard deviations.
const DEVIATIONS: f32 = 4.0;

impl Candidates {
    pub fn new(limit: usize) -> Self {
        Candidates { limit, most: limit * 4 + 64, all: Vec::new(), bound: f32::NEG_INFINITY }
    }

    pub fn wants(&self, product: f32) -> bool {
        product >= self.bound
    }

    pub fn add(&mut self, candidate: Candidate) {
        self.all.push(candidate);
        if self.all.len() >= self.most * 4 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.all.len() > self.most {
            self.all.select_nth_unstable_by(self.most - 1, Candidate::order);
            self.all.truncate(self.most);
            self.bound = self.all[self.most - 1].product;
        }
    }

    /// The product of the last of as many as were asked for.
    pub fn limit_product(&mut self) -> f32 {
        if self.all.len() < self.limit {
            return f32::NEG_INFINITY;
        }
        self.all.select_nth_unstable_by(self.limit - 1, Candidate::order).1.product
    }

    pub fn finish(mut self) -> Vec<usize> {
        self.cut();
        self.all.sort_unstable_by(Candidate::order);
        if let Some(last) = self.all.get(self.limit - 1).copied() {
            let could = |candidate: &Candidate| {
                let error =
                    DEVIATION * DEVIATIONS * (candidate.scale * candidate.scale + last.scale * last.scale).sqrt();
                candidate.product + error >= last.product
            };
            let kept = (0..self.all.len()).filter(|at| *at < self.limit || could(&self.all[*at]));
            return kept.map(|at| self.all[at].place as usize).collect();
        }
        self.all.iter().map(|candidate| candidate.place as usize).collect()
    }
}

/// The best by their scores.
pub(super) struct Best {
    limit: usize,
    all: Vec<(f64, u32)>,
    bound: f64,
}

impl Best {
    pub fn new(limit: usize) -> Self {
        Best { limit, all: Vec::new(), bound: f64::NEG_INFINITY }
    }

    fn order(a: &(f64, u32), b: &(f64, u32)) -> Ordering {
        b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
    }

    pub fn add(&mut self, score: f64, ordinal: u32) {
        if score < self.bound {
            return;
        }
        self.all.push((score, ordinal));
        if self.all.len() >= self.limit * 2 + 64 {
            self.all.select_nth_unstable_by(self.limit - 1, Best::order);
            self.all.truncate(self.limit);
            self.bound = self.all[self.limit - 1].0;
        }
    }

    pub fn finish(mut self) -> Vec<(f64, u32)> {
        self.all.sort_unstable_by(Best::order);
        self.all.truncate(self.limit);
        self.all
    }
}
