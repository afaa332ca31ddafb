use super::id_place::IdPlace;
use super::{Component, IndexShape};
use crate::id::TableNumber;
use crate::interval::{End, Interval, end_of_prefix, next_key};
use crate::key::{self, Key};
use crate::value::Value;

/// The start that all keys of a range share, and positions among the keys that start so.
pub(super) struct Prefix {
    table: TableNumber,
    bytes: Vec<u8>,
    /// What the last component is, if there is one after the index id.
    last: Option<Last>,
}

/// Whether what follows can be mistaken for a part of the component: see [`key::encode_value`].
#[derive(Clone, Copy)]
enum Last {
    /// Another encoded value follows.
    Field,
    /// The raw id follows; encoded times are all of one length.
    CreationTime,
}

impl Prefix {
    /// The start of all keys of an index.
    pub(super) fn new(index: &IndexShape<'_>) -> Self {
        Prefix { table: index.table, bytes: index.id.0.to_be_bytes().to_vec(), last: None }
    }

    /// Goes on with a component that has this value; false if no key has it.
    pub(super) fn push(&mut self, component: Component<'_>, value: Option<&Value>) -> bool {
        match component {
            Component::Field(_) | Component::CreationTime => {
                key::encode_value(&mut self.bytes, value);
                self.last = Some(Last::of(component));
            }
            Component::Id => {
                let IdPlace::At(id) = IdPlace::of(self.table, value) else {
                    return false;
                };
                self.bytes.extend_from_slice(&id.0);
            }
        }
        true
    }

    /// The position before all keys with this prefix.
    pub(super) fn start(&self) -> End {
        End::Before(Key::from(self.bytes.as_slice()))
    }

    /// The one key that the prefix is, when it has all components.
    pub(super) fn into_point(self) -> Interval {
        Interval::point(Key::from(self.bytes))
    }

    /// The position after all keys with this prefix.
    pub(super) fn end(&self) -> End {
        end_of(&self.bytes, self.last)
    }

    /// An interval without keys at this prefix.
    pub(super) fn nothing(&self) -> Interval {
        let start = Key::from(self.bytes.as_slice());
        Interval { start: start.clone(), end: End::Before(start) }
    }

    /// The position before all keys that go on with `value`.
    pub(super) fn before(&self, component: Component<'_>, value: Option<&Value>) -> End {
        let mut bytes = self.bytes.clone();
        match component {
            Component::Field(_) | Component::CreationTime => key::encode_value(&mut bytes, value),
            Component::Id => match IdPlace::of(self.table, value) {
                IdPlace::At(id) | IdPlace::Before(id) => bytes.extend_from_slice(&id.0),
                IdPlace::AfterAll => return self.end(),
            },
        }
        End::Before(Key::from(bytes))
    }

    /// The position after all keys that go on with `value`.
    pub(super) fn after(&self, component: Component<'_>, value: Option<&Value>) -> End {
        let mut bytes = self.bytes.clone();
        match component {
            Component::Field(_) | Component::CreationTime => {
                key::encode_value(&mut bytes, value);
                end_of(&bytes, Some(Last::of(component)))
            }
            Component::Id => match IdPlace::of(self.table, value) {
                IdPlace::At(id) => {
                    bytes.extend_from_slice(&id.0);
                    End::Before(next_key(&bytes))
                }
                IdPlace::Before(id) => {
                    bytes.extend_from_slice(&id.0);
                    End::Before(Key::from(bytes))
                }
                IdPlace::AfterAll => self.end(),
            },
        }
    }
}

impl Last {
    fn of(component: Component<'_>) -> Last {
        match component {
            Component::Field(_) => Last::Field,
            Component::CreationTime | Component::Id => Last::CreationTime,
        }
    }
}

fn end_of(bytes: &[u8], last: Option<Last>) -> End {
    match last {
        Some(Last::Field) => End::Before(Key::from(key::after_fields(bytes))),
        Some(Last::CreationTime) | None => end_of_prefix(bytes),
    }
}
