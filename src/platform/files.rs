//! Uploaded files: sealed, in a folder of ours, addressed by an id of ours and never by a name of
//! the caller's.
use super::sealing::KeyRing;
use crate::kernel::Error;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// The file store.
#[derive(Clone)]
pub struct Files {
    directory: PathBuf,
    keys: Arc<KeyRing>,
}

impl Files {
    pub fn new(directory: PathBuf, keys: Arc<KeyRing>) -> Self {
        Self { directory, keys }
    }

    /// Seals and stores a file; the answer is its storage key.
    pub async fn store(&self, bytes: &[u8]) -> Result<String, Error> {
        let key = super::Clock::new_id().simple().to_string();
        let path = self.path(&key)?;
        let sealed = self.keys.seal(bytes, &key)?;
        let folder = path.parent().map(ToOwned::to_owned).unwrap_or_default();
        tokio::fs::create_dir_all(folder).await.map_err(away)?;
        let beside = path.with_extension("part");
        tokio::fs::write(&beside, sealed).await.map_err(away)?;
        tokio::fs::rename(beside, path).await.map_err(away)?;
        Ok(key)
    }

    /// Takes away a file that no row came to point to; one that stays all the same harms nobody.
    pub async fn remove(&self, key: &str) {
        if let Ok(path) = self.path(key) {
            let _ = tokio::fs::remove_file(path).await;
        }
    }

    /// The content of a file.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read, `Internal` when it is not what was stored.
    pub async fn read(&self, key: &str) -> Result<Vec<u8>, Error> {
        let sealed = tokio::fs::read(self.path(key)?).await.map_err(away)?;
        self.keys.open(&sealed, key)
    }

    fn path(&self, key: &str) -> Result<PathBuf, Error> {
        let id: Uuid = key.parse().map_err(|_| Error::Internal("a storage key is malformed".into()))?;
        let name = id.simple().to_string();
        Ok(self.directory.join(&name[name.len() - 2..]).join(name))
    }
}

fn away(error: std::io::Error) -> Error {
    Error::Unavailable(format!("file store: {error}"))
}
