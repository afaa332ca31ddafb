//! The other services of AWS, in a child process.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// How long it may take to answer, on a machine that is busy.
const START: Duration = Duration::from_secs(60);

/// How often another port is tried, because somebody else took the first one in between.
const ATTEMPTS: usize = 3;

/// Ends with its parent, however that ends: it then reads the end of its standard input.
const LAUNCHER: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
sys.argv = ['ministack']
from ministack.app import main
main()
";

const CREATE_BUCKET: &str = "
import sys, botocore.session
url, region, key, secret, name = sys.argv[1:]
botocore.session.Session().create_client('s3', region_name=region, endpoint_url=url,
    aws_access_key_id=key, aws_secret_access_key=secret).create_bucket(Bucket=name)
";

/// S3, Lambda, SQS, ... with signatures and permissions checked, all in memory. Dropping it kills it and what it started.
pub struct Ministack {
    endpoint: String,
    python: PathBuf,
    child: Child,
    /// Where it writes, its log included.
    _directory: TempDir,
}

impl Ministack {
    /// Starts one. Takes about a second.
    ///
    /// # Panics
    /// If it is not installed, with how to install it; if it does not answer, with what it printed.
    pub fn start() -> Self {
        let python = python();
        let mut printed = String::new();
        for _ in 0..ATTEMPTS {
            match Self::launch(&python) {
                Ok(running) => return running,
                Err(log) => printed = log,
            }
        }
        panic!("ministack did not start. It printed:\n{printed}");
    }

    /// Its URL, without a slash at the end. Buckets are in the path.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes an empty bucket.
    ///
    /// # Panics
    /// If it cannot, with the reason.
    pub fn create_bucket(&self, name: &str) {
        let arguments = ["-c", CREATE_BUCKET, &self.endpoint, REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY, name];
        let made = Command::new(&self.python).args(arguments).stdin(Stdio::null()).output().expect("run python");
        assert!(made.status.success(), "cannot make a bucket: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// What it printed, if it does not come up.
    fn launch(python: &Path) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("make a temporary directory");
        let log = directory.path().join("log");
        let output = File::create(&log).expect("make a file in a new directory");
        let port = free_port();
        let child = Command::new(python)
            .args(["-c", LAUNCHER])
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("AUTH", "true")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            .env("MINISTACK_REGION", REGION)
            .env("LOG_LEVEL", "WARNING")
            .env("SFTP_ENABLED", "0")
            .env("IOT_MTLS_ENABLED", "0")
            .env("TMPDIR", directory.path())
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("SERVICES")
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a file can have two handles"))
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", python.display()));
        let mut running = Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            python: python.to_owned(),
            child,
            _directory: directory,
        };
        let started = Instant::now();
        while started.elapsed() < START && matches!(running.child.try_wait(), Ok(None)) {
            if is_healthy(port) {
                return Ok(running);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(std::fs::read_to_string(log).unwrap_or_default())
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            // It may have ended by itself.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _status = self.child.wait();
    }
}

/// The interpreter of the virtual environment that `make setup` makes.
///
/// # Panics
/// If it is not there, with how to make it.
pub fn python() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let tools = set("LAKEWIRE_TOOLS").or_else(|| Some(cache()?.join("lakewire/tools")));
    let tools = tools.expect("LAKEWIRE_TOOLS, XDG_CACHE_HOME or HOME is set");
    let python = tools.join("venv/bin/python");
    assert!(
        python.exists(),
        "this test needs Python packages, and there is no `{}`: run `make setup`",
        python.display()
    );
    python
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listen on a free port of the loopback interface");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn is_healthy(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ministack/health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
