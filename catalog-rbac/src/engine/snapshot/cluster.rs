use super::{bound::Bindings, grants::Grants, table::Table};

/// The bindings of the whole cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Cluster {
    pub(super) bindings: Bindings,
    table: Table,
    /// A bit for each subject that the table holds: most of a caller's names have nothing to do with the cluster.
    named: Vec<u64>,
}

impl Cluster {
    pub(super) fn new(bindings: Bindings, table: Table) -> Self {
        let mut cluster = Self { bindings, named: Vec::new(), table: Table::default() };
        for (subject, _) in table.entries() {
            cluster.mark(subject, true);
        }
        Self { table, ..cluster }
    }

    #[inline]
    pub(super) fn get(&self, subject: u32) -> Option<Grants> {
        let bits = self.named.get(subject as usize / 64)?;
        if bits >> (subject % 64) & 1 == 0 {
            return None;
        }
        self.table.get(subject)
    }

    /// Sets what a subject is granted.
    pub(super) fn set(&mut self, subject: u32, grants: Option<Grants>) {
        self.mark(subject, grants.is_some());
        self.table = self.table.with(subject, grants);
    }

    fn mark(&mut self, subject: u32, is_named: bool) {
        let word = subject as usize / 64;
        if self.named.len() <= word {
            self.named.resize(word + 1, 0);
        }
        if let Some(bits) = self.named.get_mut(word) {
            let bit = 1 << (subject % 64);
            *bits = if is_named { *bits | bit } else { *bits & !bit };
        }
    }
}
