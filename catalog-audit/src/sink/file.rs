use std::{
    io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
    sync::Mutex,
};

use super::{Sink, SinkError};

/// Which files.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSinkConfig {
    /// The file that is written; older ones are called so with `.1`, `.2` and so on behind, the higher the older.
    pub path: PathBuf,
    /// Once a file is that large, in bytes, another one is begun.
    #[serde(default = "bytes")]
    pub bytes: u64,
    /// So many older files are kept.
    #[serde(default = "files")]
    pub files: u32,
}

impl FileSinkConfig {
    /// At that path, all else by default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bytes: bytes(), files: files() }
    }
}

fn bytes() -> u64 {
    100 * 1024 * 1024
}

fn files() -> u32 {
    10
}

/// Appends events to a file, one a line, each batch on the disk before it counts. Nobody else may write there.
#[derive(Debug)]
pub struct FileSink {
    config: FileSinkConfig,
    file: Mutex<Option<(File, u64)>>,
}

impl FileSink {
    /// To those files.
    pub fn new(config: FileSinkConfig) -> Self {
        Self { config, file: Mutex::default() }
    }

    async fn write(&self, lines: &[u8]) -> io::Result<()> {
        let mut open = self.file.lock().await;
        let (mut file, mut size) = match open.take() {
            Some(open) => open,
            None => self.open().await?,
        };
        if size > 0 && size + lines.len() as u64 > self.config.bytes {
            drop(file);
            self.rotate().await?;
            (file, size) = self.open().await?;
        }
        // after an error the file is opened anew, and the lines come again
        file.write_all(lines).await?;
        file.flush().await?;
        file.sync_data().await?;
        *open = Some((file, size + lines.len() as u64));
        Ok(())
    }

    async fn open(&self) -> io::Result<(File, u64)> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&self.config.path).await?;
        let mut size = file.metadata().await?.len();
        if size > 0 && !ends_with_a_line(&self.config.path, size).await? {
            // somebody died over the last one, which comes again
            file.write_all(b"\n").await?;
            size += 1;
        }
        Ok((file, size))
    }

    async fn rotate(&self) -> io::Result<()> {
        for number in (0..self.config.files).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.config.files == 0 {
            fs::remove_file(&self.config.path).await?;
        }
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        if number == 0 {
            return self.config.path.clone();
        }
        let mut name = self.config.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

async fn ends_with_a_line(path: &Path, size: u64) -> io::Result<bool> {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    let mut file = File::open(path).await?;
    file.seek(io::SeekFrom::Start(size - 1)).await?;
    Ok(file.read_u8().await? == b'\n')
}

#[async_trait]
impl Sink for FileSink {
    async fn deliver(&self, events: &[Value]) -> Result<(), SinkError> {
        let lines = events.iter().fold(String::new(), |lines, event| lines + &event.to_string() + "\n");
        self.write(lines.as_bytes()).await.map_err(SinkError::unavailable)
    }
}
