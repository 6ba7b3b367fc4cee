use std::sync::Arc;

/// How many values share one allocation, and so are copied when one of them is replaced.
const CHUNK: usize = 64;

/// A list whose clone shares all values with it, and replaces one by copying few.
#[derive(Clone, Debug)]
pub(super) struct Chunked<T> {
    chunks: Vec<Arc<[T]>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Chunked<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// Does nothing where there is no such value.
    pub(super) fn set(&mut self, index: usize, value: T) {
        let chunk = self.chunks.get_mut(index / CHUNK).map(Arc::make_mut);
        if let Some(place) = chunk.and_then(|chunk| chunk.get_mut(index % CHUNK)) {
            *place = value;
        }
    }

    pub(super) fn push(&mut self, value: T) {
        let last = self.chunks.pop_if(|last| last.len() < CHUNK);
        let chunk = last.iter().flat_map(|last| last.iter()).cloned().chain([value]).collect();
        self.chunks.push(chunk);
        self.len += 1;
    }
}

impl<T> FromIterator<T> for Chunked<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut values = values.into_iter();
        let mut chunked = Self::default();
        loop {
            let chunk: Arc<[T]> = values.by_ref().take(CHUNK).collect::<Vec<_>>().into();
            if chunk.is_empty() {
                return chunked;
            }
            chunked.len += chunk.len();
            chunked.chunks.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_as_a_list_does_and_leaves_its_clones_alone(
            start in 0..200_usize,
            steps in prop::collection::vec((any::<bool>(), 0..300_usize), 0..50),
        ) {
            let mut plain: Vec<usize> = (0..start).collect();
            let before: Chunked<usize> = plain.iter().copied().collect();
            let mut chunked = before.clone();
            for (push, at) in steps {
                if push {
                    plain.push(at);
                    chunked.push(at);
                } else {
                    if let Some(place) = plain.get_mut(at) {
                        *place = 1_000;
                    }
                    chunked.set(at, 1_000);
                }
            }
            prop_assert_eq!(chunked.len(), plain.len());
                        prop_assert!((0..300).all(|at| chunked.get(at) == plain.get(at)));
            prop_assert_eq!(before.len(), start);
            prop_assert!((0..start).all(|at| before.get(at) == Some(&at)));
        }
    }
}
