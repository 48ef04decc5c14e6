//! What makes Java's cold starts short, laid out beside AWS's client: our launcher, which can wait for the function that
//! it is to run; the client's native part, unpacked; and its classes in an archive that a JVM maps instead of loading
//! them.
//!
//! A JVM writes an archive of the classes it has loaded when it exits. So the client runs here once, against a Runtime
//! API of one connection that hands it two events, and then no more.

use std::borrow::Cow;
use std::fs;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use execution::Hosted;
use sandbox::BOOT_VARIABLE;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Any function that takes an object: its class comes with the JVM.
const HANDLER: &str = "java.util.Collections::unmodifiableMap";
/// How many events the client is given: the second goes other ways than the first.
const EVENTS: usize = 2;
/// How long a JVM may take for all of it, on a machine under load.
const TIME_MAX: Duration = Duration::from_secs(60);

/// The launcher, compiled from `Launcher.java` beside it.
const LAUNCHER: (&str, &[u8]) =
    ("lambent/Launcher.class", include_bytes!("../../../runtimes/java/lambent/Launcher.class"));

/// Lays the launcher out, and writes the archive of `hosted` where it has none yet and one is of use.
///
/// # Errors
/// When the folder can't be written, or the JVM does not do as expected; environments start without them then.
pub fn write(hosted: &Hosted) -> io::Result<()> {
    if !hosted.has_client() {
        return Ok(());
    }
    lay_out(hosted)?;
    let Some(target) = hosted.archive() else { return Ok(()) };
    if target.is_file() {
        return Ok(());
    }
    // Beside each other as in a sandbox: the archive fits where the client has the same path from the task.
    let staging = target.with_extension(format!("staging-{}", std::process::id()));
    fs::create_dir_all(staging.join("task"))?;
    std::os::unix::fs::symlink(&hosted.bootstrap, staging.join("runtime"))?;
    let written = run(hosted, &staging).and_then(|()| fs::rename(staging.join("archive.jsa"), &target));
    let _ = fs::remove_dir_all(&staging);
    written
}

/// Puts the launcher and the client's native libraries into a folder of their own; archives of another launcher's
/// classes go.
fn lay_out(hosted: &Hosted) -> io::Result<()> {
    let jar = launcher()?;
    let launcher = hosted.launcher();
    if fs::read(&launcher).is_ok_and(|there| there == jar) {
        return Ok(());
    }
    let folder = launcher.parent().expect("a file lies in a folder");
    let staging = folder.with_extension(format!("staging-{}", std::process::id()));
    fs::create_dir_all(&staging)?;
    let laid_out = fs::write(staging.join("launcher.jar"), jar)
        .and_then(|()| unpack_libraries(&hosted.bootstrap.join("lib"), &staging))
        .and_then(|()| {
            let _ = fs::remove_dir_all(folder);
            fs::rename(&staging, folder)
        });
    let _ = fs::remove_dir_all(&staging);
    laid_out
}

/// The same bytes every time: a JVM uses an archive only beside the jar that was there when it was written.
fn launcher() -> io::Result<Vec<u8>> {
    let mut jar = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    jar.start_file(LAUNCHER.0, stored.last_modified_time(DateTime::default())).map_err(io::Error::other)?;
    jar.write_all(LAUNCHER.1)?;
    Ok(jar.finish().map_err(io::Error::other)?.into_inner())
}

/// Unpacks the client's libraries for this machine.
fn unpack_libraries(jars: &Path, folder: &Path) -> io::Result<()> {
    let machine = format!("-{}.so", std::env::consts::ARCH.replace("aarch64", "aarch_64"));
    for jar in fs::read_dir(jars)? {
        let mut jar = ZipArchive::new(fs::File::open(jar?.path())?).map_err(io::Error::other)?;
        let names = jar.file_names().collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        let is_wanted = |name: &str| name.starts_with("jni/") && name.ends_with(&machine);
        let wanted =
            names.into_iter().filter(|name| is_wanted(name)).map(Cow::into_owned).collect::<Vec<_>>();
        for name in wanted {
            let mut library = jar.by_name(&name).map_err(io::Error::other)?;
            let target = folder.join(Path::new(&name).file_name().expect("a library has a name"));
            io::copy(&mut library, &mut fs::File::create(target)?)?;
        }
    }
    Ok(())
}

fn run(hosted: &Hosted, staging: &Path) -> io::Result<()> {
    // The launcher rehearses, as it does when it is started ahead, and is claimed at once.
    let (mut claim, waits) = UnixStream::pair()?;
    claim.write_all(b".")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let jvm = Command::new(&hosted.program)
        .args(hosted.archive_arguments("../archive.jsa"))
        .current_dir(staging.join("task"))
        .env_clear()
        .envs(VARIABLES)
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_EXECUTION_ENV", format!("AWS_Lambda_java{}", hosted.release.0))
        .env(BOOT_VARIABLE, "0")
        .stdin(OwnedFd::from(waits))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let server = std::thread::spawn(move || listener.accept().and_then(|(stream, _)| serve(&stream)));
    let ended = wait(jvm);
    // A JVM that ended before it called leaves the server waiting for somebody.
    drop(TcpStream::connect(address));
    let _ = server.join();
    ended?;
    if staging.join("archive.jsa").is_file() {
        Ok(())
    } else {
        Err(io::Error::other("the JVM wrote no archive"))
    }
}

/// What the client reads at its start.
const VARIABLES: [(&str, &str); 9] = [
    ("_HANDLER", HANDLER),
    ("AWS_LAMBDA_FUNCTION_NAME", "archive"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "archive"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "archive"),
    ("AWS_REGION", "us-east-1"),
    ("LAMBDA_TASK_ROOT", "."),
    ("LANG", "en_US.UTF-8"),
];

/// Waits for the JVM's end, and ends it when it takes too long.
fn wait(mut jvm: Child) -> io::Result<()> {
    let mut output = jvm.stdout.take().ok_or_else(|| io::Error::other("the JVM has no output"))?;
    let (ended, end) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        // Its end is the JVM's.
        let _ = io::copy(&mut output, &mut io::sink());
        let _ = ended.send(());
    });
    let in_time = end.recv_timeout(TIME_MAX).is_ok();
    if !in_time {
        jvm.kill()?;
    }
    jvm.wait()?;
    let _ = reader.join();
    if in_time { Ok(()) } else { Err(io::Error::from(io::ErrorKind::TimedOut)) }
}

/// Answers the client's calls until it hangs up.
fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut events = 0;
    loop {
        let Some(is_poll) = read_request(&mut reader)? else { return Ok(()) };
        let (status, headers, body) = match (is_poll, events < EVENTS) {
            (true, true) => ("200 OK", INVOCATION, r#"{"name":"archive"}"#),
            // The client ends at that.
            (true, false) => ("500 Internal Server Error", "", "{}"),
            (false, _) => ("202 Accepted", "", r#"{"status":"OK"}"#),
        };
        events += usize::from(is_poll);
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        (&*stream).write_all(answer.as_bytes())?;
    }
}

const INVOCATION: &str = "Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-000000000000\r\n\
                          Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                          Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:archive\r\n\
                          Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000;Sampled=0\r\n";

/// Whether the next request asks for an event; `None` at the end of the connection.
fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<bool>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let (is_poll, mut length) = (line.starts_with("GET "), 0);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(Some(is_poll))
}
