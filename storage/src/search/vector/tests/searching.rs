use super::*;
use crate::segment::tests::block_on;

#[test]
fn scores_are_cosines() {
    let vector = |numbers: &[f64]| Normalised::new(numbers);
    let between = |a: &[f64], b: &[f64]| score(&vector(a), &vector(b).to_bytes());
    assert_eq!(between(&[3.0, 0.0], &[0.5, 0.0]), 1.0);
    assert_eq!(between(&[3.0, 0.0], &[-0.5, 0.0]), -1.0);
    assert_eq!(between(&[1e300, 1e300], &[1e-310, -1e-310]), 0.0);
    assert_eq!(between(&[0.0, 0.0], &[1.0, 2.0]).to_bits(), 0.0_f64.to_bits());
    assert_eq!(between(&[-1.0, 0.0], &[0.0, 2.0]).to_bits(), 0.0_f64.to_bits());
    assert_eq!(between(&[f64::NAN, 1.0], &[1.0, 2.0]), 0.0);
    assert_eq!(between(&[f64::INFINITY, 1.0], &[1.0, 2.0]), 0.0);
    for dimensions in [2, 3, 15, 16, 17, 100, 4_096] {
        for seed in 0..20 {
            let mut random = Random(seed);
            let numbers: Vec<f64> = (0..dimensions).map(|_| random.normal()).collect();
            let same = between(&numbers, &numbers);
            assert!((1.0 - 1e-6..=1.0).contains(&same), "{same}");
            let others: Vec<f64> = (0..dimensions).map(|_| random.normal()).collect();
            let dot: f64 = numbers.iter().zip(&others).map(|(a, b)| a * b).sum();
            let length = |numbers: &[f64]| numbers.iter().map(|a| a * a).sum::<f64>().sqrt();
            let expected = dot / length(&numbers) / length(&others);
            assert!((between(&numbers, &others) - expected).abs() < 1e-6);
            assert_eq!(between(&numbers, &others).to_bits(), between(&others, &numbers).to_bits());
        }
    }
    assert_eq!(Normalised::from_bytes(&[0; 7]), None);
    assert_eq!(Normalised::from_bytes(&f32::NAN.to_le_bytes()), None);
    assert_eq!(Normalised::from_bytes(&vector(&[1.0, 2.0]).to_bytes()), Some(vector(&[1.0, 2.0])));
}

#[test]
fn few_vectors_are_searched_exactly() {
    block_on(async {
        for (count, dimensions) in [(1, 2), (7, 4_096), (3_000, 5), (500, 64)] {
            let vectors = clustered(count, dimensions, 1);
            let parts = Parts::new();
            let part = part(&parts, numbered(&vectors), dimensions).await;
            let dead = set(count, |ordinal| ordinal % 3 == 1);
            let even = set(count, |ordinal| ordinal % 2 == 0);
            for limit in [1, 10, 256] {
                assert_eq!(recall(&part, &vectors, limit, &OrdinalSet::default(), None).await, 1.0);
                assert_eq!(recall(&part, &vectors, limit, &dead, Some(&even)).await, 1.0);
            }
        }
    });
}

#[test]
fn many_vectors_are_found_by_lists() {
    const COUNT: usize = 30_000;
    block_on(async {
        let vectors = clustered(COUNT, 24, 2);
        let parts = Parts::new();
        let part = part(&parts, numbered(&vectors), 24).await;
        let none = OrdinalSet::default();
        for limit in [1, 10, 256] {
            let found = recall(&part, &vectors, limit, &none, None).await;
            assert!(found >= 0.95, "{found} of {limit}");
        }
        for every in [2, 10, 50, 100, 1_000, 10_000] {
            let allowed = set(COUNT, |ordinal| ordinal.wrapping_mul(2_654_435_761) % every == 0);
            let found = recall(&part, &vectors, 10, &none, Some(&allowed)).await;
            assert!(found >= 0.95, "{found} of one in {every}");
        }
        // Allowed are only those in places far from the query.
        let query = &vectors[0];
        let far = set(COUNT, |ordinal| score(query, &vectors[ordinal as usize].to_bytes()) < 0.1);
        let within = VectorPart { reader: &part, documents: COUNT as u32, dead: &none, allowed: Some(&far) };
        let found = nearest(query, 10, &within).await.expect("found");
        let truth = truth(query, 10, &vectors, |ordinal| far.contains(ordinal));
        // They are so many, and so close to each other, that codes can not tell them apart.
        assert!(found.iter().zip(&truth).all(|(found, truth)| found.0 > truth.0 - 1e-3 && far.contains(found.1)));
        // Dead are the nearest ones.
        let dead = set(COUNT, |ordinal| !far.contains(ordinal));
        let found_too = VectorPart { dead: &dead, allowed: None, ..within };
        assert_eq!(nearest(query, 10, &found_too).await.expect("found"), found);
        for every in [2, 100] {
            let dead = set(COUNT, |ordinal| ordinal % every == 0);
            let found = recall(&part, &vectors, 10, &dead, None).await;
            assert!(found >= 0.95, "{found} with one in {every} dead");
        }
        let nothing = VectorPart { reader: &part, documents: COUNT as u32, dead: &none, allowed: Some(&none) };
        assert_eq!(nearest(query, 10, &nothing).await.expect("found"), []);
    });
}

#[test]
fn of_equal_scores_the_lower_ordinals_are_found() {
    block_on(async {
        let count = 20_000_usize;
        let one = Normalised::new(&[1.0, 2.0, 3.0]);
        let other = Normalised::new(&[-1.0, 2.0, 3.0]);
        let parts = Parts::new();
        let vectors: Vec<_> = (0..count).map(|at| if at % 2 == 0 { one.clone() } else { other.clone() }).collect();
        let part = part(&parts, numbered(&vectors), 3).await;
        let dead = set(count, |ordinal| ordinal == 4);
        let within = VectorPart { reader: &part, documents: count as u32, dead: &dead, allowed: None };
        let ordinals = |found: Vec<(f64, u32)>| found.into_iter().map(|(_, ordinal)| ordinal).collect::<Vec<_>>();
        assert_eq!(ordinals(nearest(&one, 4, &within).await.expect("found")), [0, 2, 6, 8]);
        assert_eq!(ordinals(nearest(&other, 4, &within).await.expect("found")), [1, 3, 5, 7]);
        let zero = Normalised::new(&[0.0; 3]);
        let found = nearest(&zero, 6, &within).await.expect("found");
        assert!(found.iter().all(|(score, _)| score.to_bits() == 0));
        assert_eq!(ordinals(found), [0, 1, 2, 3, 5, 6]);
    });
}

#[test]
fn documents_without_vectors_are_not_found() {
    block_on(async {
        for (count, dimensions) in [(1_000, 8), (5_000, 24)] {
            let vectors = clustered(count, dimensions, 3);
            let parts = Parts::new();
            let with = numbered(&vectors).filter(|(ordinal, _)| ordinal % 4 != 2);
            let part = part(&parts, with, dimensions).await;
            let missing = set(count, |ordinal| ordinal % 4 == 2);
            assert!(recall(&part, &vectors, 10, &missing, None).await >= 0.95);
            let query = Normalised::new(&vec![0.0; dimensions]);
            let all =
                VectorPart { reader: &part, documents: count as u32, dead: &OrdinalSet::default(), allowed: None };
            let found = nearest(&query, 4, &all).await.expect("found");
            assert_eq!(found, [(0.0, 0), (0.0, 1), (0.0, 3), (0.0, 4)]);
        }
    });
}
