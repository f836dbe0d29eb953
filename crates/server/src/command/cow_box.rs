//! Something borrowed, or owned and then boxed: no larger than a reference and a tag.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::Deref;

/// Like [`std::borrow::Cow`], but no larger than a reference, so that what is usually borrowed is
/// cheap to pass on. Deserialized values are owned.
pub enum CowBox<'a, T> {
    /// Borrowed.
    Borrowed(&'a T),
    /// Owned.
    Owned(Box<T>),
}

impl<T> Deref for CowBox<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            CowBox::Borrowed(one) => one,
            CowBox::Owned(one) => one,
        }
    }
}

impl<'a, T> From<&'a T> for CowBox<'a, T> {
    fn from(one: &'a T) -> CowBox<'a, T> {
        CowBox::Borrowed(one)
    }
}

impl<T: Serialize> Serialize for CowBox<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for CowBox<'_, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|one| CowBox::Owned(Box::new(one)))
    }
}
