//! A bounded map: when it is full, the least recently used entry is dropped.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// A bounded map. The cost of a use does not depend on its size.
#[derive(Debug)]
pub struct LruMap<K, V> {
    values: BTreeMap<K, (u64, V)>,
    /// The keys by last use.
    order: BTreeMap<u64, K>,
    uses: u64,
    most: usize,
}

impl<K: Ord + Clone, V> LruMap<K, V> {
    /// An empty map for at most `most` values, at least one.
    pub fn new(most: usize) -> LruMap<K, V> {
        LruMap { values: BTreeMap::new(), order: BTreeMap::new(), uses: 0, most }
    }

    /// The value of a key. Reading it does not count as a use.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.values.get(key).map(|(_, value)| value)
    }

    /// The same to change it; not a use either.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    /// Removes a value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (used, value) = self.values.remove(key)?;
        self.order.remove(&used);
        Some(value)
    }

    /// Returns the value of a key and marks it as used, inserting a default one if there is none.
    pub fn touch(&mut self, key: &K) -> &mut V
    where
        V: Default,
    {
        let value = self.remove(key).unwrap_or_default();
        if self.values.len() >= self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.values.remove(&oldest);
        }
        self.uses += 1;
        self.order.insert(self.uses, key.clone());
        &mut self.values.entry(key.clone()).or_insert((self.uses, value)).1
    }

    /// The number of values.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_value_is_dropped_first() {
        let mut table: LruMap<u32, u32> = LruMap::new(3);
        for key in 1..=3 {
            *table.touch(&key) = key * 10;
        }
        assert_eq!(*table.touch(&1), 10);
        assert_eq!(table.get(&2), Some(&20), "reading it was no use");
        table.touch(&4);
        assert_eq!(
            [1, 2, 3, 4].map(|key| table.get(&key).copied()),
            [Some(10), None, Some(30), Some(0)]
        );
        assert_eq!((table.remove(&3), table.remove(&3), table.len()), (Some(30), None, 2));
        assert_eq!(table.order.len(), 2);
    }
}
