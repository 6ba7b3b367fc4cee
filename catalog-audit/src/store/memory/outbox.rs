use catalog_core::store::StoreError;

use super::MemoryAuditStore;
use crate::store::{Cursor, OutboxStore, Stored};

impl OutboxStore for MemoryAuditStore {
    async fn outbox_any_tenant(&self, after: i64, most: usize) -> Result<Vec<(i64, Stored)>, StoreError> {
        let state = self.lock();
        if after >= state.sealed {
            return Ok(Vec::new());
        }
        let sealed = state.events.range(after + 1..=state.sealed).take(most);
        Ok(sealed.filter_map(|(position, record)| Some((*position, state.stored(record.id)?))).collect())
    }

    async fn cursor(&self, sink: &str) -> Result<Cursor, StoreError> {
        Ok(self.lock().cursors.get(sink).cloned().unwrap_or_default())
    }

    async fn set_cursor(&self, sink: &str, cursor: &Cursor) -> Result<(), StoreError> {
        self.lock().cursors.insert(sink.into(), cursor.clone());
        Ok(())
    }

    async fn forget(&self, sink: &str) -> Result<(), StoreError> {
        self.lock().cursors.remove(sink);
        Ok(())
    }
}
