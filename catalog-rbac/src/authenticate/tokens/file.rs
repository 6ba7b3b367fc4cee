use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};

use super::{TokenAuthenticator, TokenList, TokenListError, list::SystemNames};

/// A file of tokens that is read again when it has changed. Cheap to clone; clones are one.
///
/// A file that cannot be read or is at fault changes nothing: the last good list stays, and [`error`](Self::error) tells.
#[derive(Clone, Debug)]
pub struct TokenFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    system: SystemNames,
    list: Arc<ArcSwap<TokenList>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Of the content that was read last, good or not.
    digest: Option<[u8; 32]>,
    error: Option<Arc<TokenFileError>>,
}

/// Why a file of tokens is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFileError {
    /// It cannot be opened or read.
    #[error("the file of tokens `{}` cannot be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("the file of tokens `{}` is at fault", .path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: TokenListError,
    },
}

impl TokenFile {
    /// Reads a file in the form of [`TokenList::parse`].
    ///
    /// # Errors
    /// [`TokenFileError`]: a server should not start without its tokens.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Arc<TokenFileError>> {
        Self::read_first(path.into(), SystemNames::Refused).await
    }

    /// Reads a file whose users and groups may have names that begin with `system:`, as
    /// [`TokenList::parse_with_system_names`] does.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_system_names(path: impl Into<PathBuf>) -> Result<Self, Arc<TokenFileError>> {
        Self::read_first(path.into(), SystemNames::Allowed).await
    }

    async fn read_first(path: PathBuf, system: SystemNames) -> Result<Self, Arc<TokenFileError>> {
        let state = Mutex::new(State { digest: None, error: None });
        let file = Self(Arc::new(Inner { path, system, list: Arc::default(), state }));
        file.reload().await?;
        Ok(file)
    }

    /// An authenticator that knows what the file says now and later.
    pub fn authenticator(&self) -> TokenAuthenticator {
        TokenAuthenticator { list: Arc::clone(&self.0.list) }
    }

    /// Why the file as it is now does not count; `None` while it does.
    pub fn error(&self) -> Option<Arc<TokenFileError>> {
        self.state().error.clone()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Reads the file again; whether that changed what counts.
    ///
    /// # Errors
    /// [`TokenFileError`], and the last good list stays.
    pub async fn reload(&self) -> Result<bool, Arc<TokenFileError>> {
        let Inner { path, .. } = &*self.0;
        let text = tokio::fs::read_to_string(path).await;
        let mut state = self.state();
        let read = text.map_err(|source| {
            state.digest = None;
            TokenFileError::Read { path: path.clone(), source }
        });
        let parsed = read.and_then(|text| {
            let digest = <[u8; 32]>::from(Sha256::digest(&text));
            if state.error.is_none() && state.digest == Some(digest) {
                return Ok(None);
            }
            state.digest = Some(digest);
            let list = TokenList::read(&text, self.0.system);
            list.map(Some).map_err(|source| TokenFileError::List { path: path.clone(), source })
        });
        match parsed {
            Ok(list) => {
                state.error = None;
                let changed = list.is_some();
                if let Some(list) = list {
                    self.0.list.store(Arc::new(list));
                }
                Ok(changed)
            }
            Err(error) => {
                let error = Arc::new(error);
                state.error = Some(Arc::clone(&error));
                Err(error)
            }
        }
    }

    /// Reads the file again every `period`, for ever: to be spawned.
    pub async fn watch(&self, period: Duration) {
        let mut told = None;
        loop {
            tokio::time::sleep(period).await;
            match self.reload().await {
                Ok(true) => tracing::info!(path = %self.path().display(), "tokens read again"),
                Ok(false) => {}
                // once for each state of the file, not every period
                Err(_) if told == Some(self.state().digest) => continue,
                Err(error) => {
                    let error: &dyn std::error::Error = &*error;
                    tracing::warn!(error, "the last good tokens stay");
                    told = Some(self.state().digest);
                    continue;
                }
            }
            told = None;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // what is written under the lock is whole at every point
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
