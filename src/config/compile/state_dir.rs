//! `daemon.state_dir`: whether what is kept there can be kept there, as far as that is known without trying.

use super::Compiler;
use crate::config::keys::daemon;
use crate::config::section::Section;
use std::path::{Path, PathBuf};

/// The longest path of a socket that the system takes, in bytes.
const LONGEST_SOCKET: usize = 107;
/// What `statfs` says of `/sys`.
const SYSFS: u64 = 0x6265_6572;

impl Compiler<'_> {
    pub(super) fn state_dir(&mut self, daemon: &Section, dir: &Path) -> PathBuf {
        let found = daemon.get(&daemon::STATE_DIR);
        let state_dir = dir.join(found.value);
        let length = state_dir.join("control.sock").as_os_str().len();
        if length > LONGEST_SOCKET {
            let message = format!(
                "`state_dir` is too long: the path of its control socket has {length} bytes, and the system takes {LONGEST_SOCKET}"
            );
            self.error(found.at, message).help("give it a shorter path");
        }
        if let Some(why) = unfit(&state_dir) {
            self.error(found.at, format!("`state_dir` cannot be {}: {why}", state_dir.display()))
                .help("name a folder, or one that can be made");
        }
        state_dir
    }
}

fn unfit(folder: &Path) -> Option<String> {
    // Of a folder that is not there yet, the nearest above that is.
    let (path, there) = folder.ancestors().find_map(|path| Some((path, std::fs::metadata(path).ok()?)))?;
    if !there.is_dir() {
        return Some(format!("{} is no folder", path.display()));
    }
    let of = u64::try_from(rustix::fs::statfs(path).ok()?.f_type).ok()?;
    let is_kernels = of == SYSFS || u64::try_from(rustix::fs::PROC_SUPER_MAGIC).is_ok_and(|proc| of == proc);
    is_kernels.then(|| format!("{} belongs to the kernel, and no file can be made there", path.display()))
}
