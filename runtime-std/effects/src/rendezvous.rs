//! Where clients find the service: the socket's own folder, and the port file.

#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

/// A folder that only this user may enter, with the socket's path in it. Removed when dropped.
#[derive(Debug)]
pub struct SocketDir {
    dir: PathBuf,
}

/// Socket addresses hold paths up to this many bytes, the final NUL included, on the strictest system.
#[cfg(unix)]
const SOCKET_PATH_MAX: usize = 104;

impl SocketDir {
    /// Makes the folder in the temporary directory, or in `/tmp` if the path would be too long for a socket.
    #[cfg(unix)]
    pub fn create(parent_pid: i32) -> io::Result<Self> {
        let noise =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let name = format!("wandb-{parent_pid}-{}-{noise}", std::process::id());
        let usual = std::env::temp_dir().join(&name);
        let fits = usual.join("socket").as_os_str().len() < SOCKET_PATH_MAX;
        let made = if fits { Self::make(usual) } else { Err(io::ErrorKind::InvalidFilename.into()) };
        made.or_else(|_| Self::make(Path::new("/tmp").join(&name)))
    }

    /// Path of the socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    #[cfg(unix)]
    fn make(dir: PathBuf) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(SocketDir { dir })
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        // Whoever else removed it first has done no harm.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.dir);
    }
}

/// Where a client may come in; does not block.
#[derive(Debug)]
pub enum Door {
    /// A socket in the file system.
    #[cfg(unix)]
    Unix(UnixListener),
    /// A port of this machine.
    Tcp(TcpListener),
}

/// A service's doors.
#[derive(Debug, Default)]
pub struct Bound {
    /// All of them.
    pub doors: Vec<Door>,
    /// The folder of the socket, if there is one. The socket is there as long as this is.
    pub dir: Option<SocketDir>,
    /// The port, if there is one.
    pub tcp_port: Option<u16>,
}

/// Opens the Unix socket, and TCP if it is asked for or nothing else works.
pub fn bind(parent_pid: i32, want_tcp: bool) -> io::Result<Bound> {
    let mut bound = Bound::default();
    #[cfg(unix)]
    {
        let dir = SocketDir::create(parent_pid)?;
        let listener = UnixListener::bind(dir.socket())?;
        listener.set_nonblocking(true)?;
        bound.doors.push(Door::Unix(listener));
        bound.dir = Some(dir);
    }
    #[cfg(not(unix))]
    let _ = parent_pid;
    if want_tcp || bound.doors.is_empty() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        bound.tcp_port = Some(listener.local_addr()?.port());
        bound.doors.push(Door::Tcp(listener));
    }
    Ok(bound)
}

/// Writes the port file so that no reader can find it half written.
pub fn write_port_file(path: &Path, socket: Option<&Path>, tcp_port: Option<u16>) -> io::Result<()> {
    let mut text = String::new();
    if let Some(socket) = socket {
        text.push_str(&format!("unix={}\n", socket.display()));
    }
    if let Some(port) = tcp_port {
        text.push_str(&format!("sock={port}\n"));
    }
    text.push_str("EOF");
    let mut scratch = path.as_os_str().to_owned();
    scratch.push(".tmp");
    fs::write(&scratch, text)?;
    fs::rename(&scratch, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_file_names_the_socket_and_ends_without_a_newline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("port.txt");
        write_port_file(&path, Some(Path::new("/tmp/x/socket")), Some(4000)).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "unix=/tmp/x/socket\nsock=4000\nEOF");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no scratch file is left");
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_private_and_goes_away() {
        use std::os::unix::fs::PermissionsExt;
        let made = SocketDir::create(7).unwrap();
        let dir = made.socket().parent().unwrap().to_path_buf();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(dir.file_name().unwrap().to_str().unwrap().starts_with("wandb-7-"));
        drop(made);
        assert!(!dir.exists());
    }
}
