//! A temporary folder that goes away with this process, also when it is killed.
//!
//! A destructor does not run under SIGKILL and not for a `static`, such as the stack that a test
//! binary shares. So each folder has a janitor: a shell that waits for the end of a pipe which only
//! this process holds open, and then removes the folder. The servers that write into the folder
//! are dying at that moment, so the janitor tries more than once.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::error::{Error, file_error};

/// Waits for the end of its input, then removes `$1`, for at most 10 seconds.
const JANITOR: &str = "trap '' HUP INT TERM; read -r _; tries=0; \
    until rm -rf -- \"$1\" || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done";

/// A folder that is removed, with all its content, when it is dropped or this process dies.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    janitor: Child,
}

impl Folder {
    /// Creates an empty folder with a short path (a Unix socket's path has 107 bytes at most). Other
    /// accounts may enter it: PostgreSQL may run under one.
    pub(crate) fn create() -> Result<Self, Error> {
        let parent = std::env::temp_dir();
        let made = tempfile::Builder::new()
            .prefix("postrider-")
            .tempdir_in(&parent);
        let path = made.map_err(file_error(parent))?.keep();
        let mut command = Command::new("sh");
        command
            .args(["-c", JANITOR, "postrider-janitor"])
            .arg(&path)
            .process_group(0);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let janitor = command.spawn().map_err(|source| Error::Spawn {
            program: "sh".to_owned(),
            source,
        })?;
        let folder = Self { path, janitor };
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&folder.path, open).map_err(file_error(&folder.path))?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        // The janitor removes the folder; without it there is nothing that a destructor could do.
        let _ = self.janitor.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_folder_is_gone_with_its_content() {
        let folder = Folder::create().unwrap();
        let path = folder.path().to_owned();
        std::fs::create_dir(path.join("inner")).unwrap();
        std::fs::write(path.join("inner/file"), "content").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
