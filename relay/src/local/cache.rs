//! What is fetched or built once and kept in the user's cache.
//!
//! Contract: a folder that is returned is complete and is never written again, so any number of
//! processes may run from it. It is filled under another name and renamed when it is whole; a file
//! lock makes other processes wait for that.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::error::{Error, file_error};
use super::wait::poll_until;

/// 200 MB over a slow line.
pub const DOWNLOAD_LIMIT: Duration = Duration::from_mins(30);

/// The name of what follows from `origin` alone: 16 hexadecimal digits of its hash.
pub fn key(origin: &[u8]) -> String {
    let digest = Sha256::digest(origin);
    let head = digest.first_chunk().expect("a digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*head))
}

/// The folder `name` of the cache, which `fill` makes in the folder that it is given, where no call
/// has done so before.
pub async fn provide(
    name: &str,
    fill: impl AsyncFnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let cache = cache_folder();
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&cache).map_err(file_error(&cache))?;
    let _lock = lock(&cache.join(format!("{name}.lock"))).await?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = cache.join(format!("{name}.partial"));
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(file_error(&partial))?;
    }
    std::fs::create_dir(&partial).map_err(file_error(&partial))?;
    fill(&partial).await?;
    std::fs::rename(&partial, &folder).map_err(file_error(&folder))?;
    Ok(folder)
}

/// Whether the folder `name` is there.
pub fn has(name: &str) -> bool {
    cache_folder().join(name).is_dir()
}

/// `$XDG_CACHE_HOME/postrider` or `~/.cache/postrider`, as the XDG base directory specification
/// says; a relative value is to be ignored. Without a home, the folder for temporary files.
fn cache_folder() -> PathBuf {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("postrider")
}

/// Waits until this process alone holds the lock; the kernel releases it when the holder dies.
async fn lock(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(file_error(path))?;
    let locked = poll_until(DOWNLOAD_LIMIT, || match file.try_lock() {
        Ok(()) => Some(Ok(())),
        Err(std::fs::TryLockError::WouldBlock) => None,
        Err(std::fs::TryLockError::Error(error)) => Some(Err(error)),
    });
    let timed_out = || Err(ErrorKind::TimedOut.into());
    locked
        .await
        .unwrap_or_else(timed_out)
        .map_err(file_error(path))?;
    Ok(file)
}
