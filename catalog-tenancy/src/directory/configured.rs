use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use async_trait::async_trait;
use catalog_core::{
    directory::{DirectoryError, NamespaceDirectory, NamespaceRecord, Peeked},
    name::Namespace,
    tenant::{ScopeView, TenantScope},
};

/// The tenants that a configuration names; they are all active.
#[derive(Clone, Debug, Default)]
pub struct ConfiguredDirectory {
    namespaces: Arc<BTreeMap<Namespace, Arc<NamespaceRecord>>>,
}

impl ConfiguredDirectory {
    /// Those.
    pub fn new(namespaces: impl IntoIterator<Item = NamespaceRecord>) -> Self {
        let entry = |record: NamespaceRecord| (record.name.clone(), Arc::new(record));
        Self { namespaces: Arc::new(namespaces.into_iter().map(entry).collect()) }
    }

    /// Those, of whom nothing is known but their names.
    pub fn of_names(names: impl IntoIterator<Item = Namespace>) -> Self {
        Self::new(names.into_iter().map(NamespaceRecord::new))
    }
}

#[async_trait]
impl NamespaceDirectory for ConfiguredDirectory {
    async fn find(&self, name: &Namespace) -> Result<Option<Arc<NamespaceRecord>>, DirectoryError> {
        Ok(self.namespaces.get(name).cloned())
    }

    fn peek(&self, name: &Namespace) -> Peeked {
        self.namespaces.get(name).cloned().into()
    }

    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Namespace>,
        most: usize,
    ) -> Result<Vec<Arc<NamespaceRecord>>, DirectoryError> {
        Ok(within(&self.namespaces, scope, after, most))
    }
}

/// Those of a sorted directory that are within the scope.
pub(super) fn within(
    namespaces: &BTreeMap<Namespace, Arc<NamespaceRecord>>,
    scope: &TenantScope,
    after: Option<&Namespace>,
    most: usize,
) -> Vec<Arc<NamespaceRecord>> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    match scope.view() {
        ScopeView::One(one) => {
            let rest = after.is_none_or(|after| one > after);
            namespaces.get(one).filter(|_| rest).into_iter().take(most).cloned().collect()
        }
        ScopeView::Set(names) => {
            let rest = names.range::<Namespace, _>((from, Bound::Unbounded));
            rest.filter_map(|name| namespaces.get(name).cloned()).take(most).collect()
        }
        ScopeView::All => {
            let rest = namespaces.range::<Namespace, _>((from, Bound::Unbounded));
            rest.map(|(_, record)| Arc::clone(record)).take(most).collect()
        }
    }
}
