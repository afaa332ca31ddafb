//! An AVL tree of intervals, augmented with the furthest end in every subtree.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::{End, Interval};

/// A place in the arena, or [`NIL`].
type Link = u32;

const NIL: Link = Link::MAX;

struct Node<T> {
    interval: Interval,
    /// The furthest end of the intervals in this subtree.
    max_end: End,
    /// Never empty.
    owners: BTreeSet<T>,
    left: Link,
    right: Link,
    height: u8,
}

/// Intervals, each with the set of its owners; ordered by start, then end.
///
/// Nodes live in an arena and refer to each other by index, so the tree is one allocation plus the keys.
pub(super) struct IntervalTree<T> {
    nodes: Vec<Option<Node<T>>>,
    free: Vec<Link>,
    root: Link,
}

impl<T> Default for IntervalTree<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NIL }
    }
}

impl<T: Ord> IntervalTree<T> {
    /// Makes `owner` an owner of `interval`. O(log n).
    pub(super) fn insert(&mut self, interval: Interval, owner: T) {
        self.root = self.insert_below(self.root, interval, owner);
    }

    /// Takes `owner` from the owners of `interval`, and forgets the interval with its last owner. O(log n).
    pub(super) fn remove(&mut self, interval: &Interval, owner: &T) {
        self.root = self.remove_below(self.root, interval, owner);
    }

    /// The number of different intervals.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// The owner sets of the intervals with `key` inside.
    pub(super) fn stab<'a>(&'a self, key: &'a [u8]) -> Stab<'a, T> {
        let mut pending = SmallVec::new();
        if self.root != NIL {
            pending.push(self.root);
        }
        Stab { tree: self, key, pending }
    }

    fn insert_below(&mut self, at: Link, interval: Interval, owner: T) -> Link {
        if at == NIL {
            return self.allocate(interval, owner);
        }
        match order(&interval, &self.node(at).interval) {
            Ordering::Equal => {
                self.node_mut(at).owners.insert(owner);
                return at;
            }
            Ordering::Less => {
                let left = self.insert_below(self.node(at).left, interval, owner);
                self.node_mut(at).left = left;
            }
            Ordering::Greater => {
                let right = self.insert_below(self.node(at).right, interval, owner);
                self.node_mut(at).right = right;
            }
        }
        self.rebalance(at)
    }

    fn remove_below(&mut self, at: Link, interval: &Interval, owner: &T) -> Link {
        if at == NIL {
            return NIL;
        }
        match order(interval, &self.node(at).interval) {
            Ordering::Equal => {
                let node = self.node_mut(at);
                node.owners.remove(owner);
                return if node.owners.is_empty() { self.unlink(at) } else { at };
            }
            Ordering::Less => {
                let left = self.remove_below(self.node(at).left, interval, owner);
                self.node_mut(at).left = left;
            }
            Ordering::Greater => {
                let right = self.remove_below(self.node(at).right, interval, owner);
                self.node_mut(at).right = right;
            }
        }
        self.rebalance(at)
    }

    /// Frees `at` and returns the root of what was below it.
    fn unlink(&mut self, at: Link) -> Link {
        let node = self.nodes[at as usize].take().expect("a linked node is in the arena");
        self.free.push(at);
        if node.right == NIL {
            return node.left;
        }
        let (rest, successor) = self.take_first(node.right);
        let heir = self.node_mut(successor);
        heir.left = node.left;
        heir.right = rest;
        self.rebalance(successor)
    }

    /// Unlinks the first node below `at`: what remains, and that node.
    fn take_first(&mut self, at: Link) -> (Link, Link) {
        let left = self.node(at).left;
        if left == NIL {
            return (self.node(at).right, at);
        }
        let (rest, first) = self.take_first(left);
        self.node_mut(at).left = rest;
        (self.rebalance(at), first)
    }

    /// Restores height, furthest end and balance of `at`, whose children are in order; returns the subtree's new root.
    fn rebalance(&mut self, at: Link) -> Link {
        let (left, right) = (self.node(at).left, self.node(at).right);
        let (left_height, right_height) = (self.height(left), self.height(right));
        if left_height > right_height + 1 {
            if self.height(self.node(left).left) < self.height(self.node(left).right) {
                let left = self.rotate_left(left);
                self.node_mut(at).left = left;
            }
            self.rotate_right(at)
        } else if right_height > left_height + 1 {
            if self.height(self.node(right).right) < self.height(self.node(right).left) {
                let right = self.rotate_right(right);
                self.node_mut(at).right = right;
            }
            self.rotate_left(at)
        } else {
            self.update(at);
            at
        }
    }

    fn rotate_left(&mut self, at: Link) -> Link {
        let root = self.node(at).right;
        self.node_mut(at).right = self.node(root).left;
        self.node_mut(root).left = at;
        self.update(at);
        self.update(root);
        root
    }

    fn rotate_right(&mut self, at: Link) -> Link {
        let root = self.node(at).left;
        self.node_mut(at).left = self.node(root).right;
        self.node_mut(root).right = at;
        self.update(at);
        self.update(root);
        root
    }

    /// Recomputes what `at` knows of its subtree.
    fn update(&mut self, at: Link) {
        let node = self.node(at);
        let height = 1 + self.height(node.left).max(self.height(node.right));
        let children = [node.left, node.right].into_iter().filter(|child| *child != NIL);
        let furthest = children.map(|child| &self.node(child).max_end).fold(&node.interval.end, Ord::max).clone();
        let node = self.node_mut(at);
        node.height = height;
        node.max_end = furthest;
    }

    fn allocate(&mut self, interval: Interval, owner: T) -> Link {
        let max_end = interval.end.clone();
        let node = Node { interval, max_end, owners: BTreeSet::from([owner]), left: NIL, right: NIL, height: 1 };
        if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = Some(node);
            return at;
        }
        let at = Link::try_from(self.nodes.len()).expect("memory ends before 2^32 nodes");
        self.nodes.push(Some(node));
        at
    }

    fn height(&self, at: Link) -> u8 {
        if at == NIL { 0 } else { self.node(at).height }
    }

    fn node(&self, at: Link) -> &Node<T> {
        self.nodes[at as usize].as_ref().expect("a linked node is in the arena")
    }

    fn node_mut(&mut self, at: Link) -> &mut Node<T> {
        self.nodes[at as usize].as_mut().expect("a linked node is in the arena")
    }

    /// Panics unless the tree is ordered, balanced and right about its ends.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut previous = None;
        self.check_below(self.root, &mut previous);
    }

    #[cfg(test)]
    fn check_below<'a>(&'a self, at: Link, previous: &mut Option<&'a Interval>) -> (u8, Option<&'a End>) {
        if at == NIL {
            return (0, None);
        }
        let node = self.node(at);
        let (left, left_end) = self.check_below(node.left, previous);
        if let Some(previous) = previous.replace(&node.interval) {
            assert_eq!(order(previous, &node.interval), Ordering::Less);
        }
        let (right, right_end) = self.check_below(node.right, previous);
        assert!(left.abs_diff(right) <= 1 && node.height == 1 + left.max(right));
        assert_eq!([left_end, right_end, Some(&node.interval.end)].into_iter().flatten().max(), Some(&node.max_end));
        assert!(!node.owners.is_empty());
        (node.height, Some(&node.max_end))
    }
}

fn order(a: &Interval, b: &Interval) -> Ordering {
    a.start.cmp(&b.start).then_with(|| a.end.cmp(&b.end))
}

/// See [`IntervalTree::stab`].
pub(super) struct Stab<'a, T> {
    tree: &'a IntervalTree<T>,
    key: &'a [u8],
    /// Roots of subtrees still to be searched.
    pending: SmallVec<[Link; 32]>,
}

impl<'a, T: Ord> Iterator for Stab<'a, T> {
    type Item = &'a BTreeSet<T>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(at) = self.pending.pop() {
            let node = self.tree.node(at);
            if !node.max_end.is_after(self.key) {
                continue;
            }
            if node.left != NIL {
                self.pending.push(node.left);
            }
            // To the right, and here, everything starts at `interval.start` or later.
            if node.interval.start.as_bytes() > self.key {
                continue;
            }
            if node.right != NIL {
                self.pending.push(node.right);
            }
            if node.interval.end.is_after(self.key) {
                return Some(&node.owners);
            }
        }
        None
    }
}
