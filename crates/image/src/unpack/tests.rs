//! Layers made by hand, friendly ones and others.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use tar::{Builder, Header};

use super::*;

/// One entry: its kind, its path, and its text or where its link leads.
type Item<'a> = (EntryType, &'a str, &'a str);

const FILE: EntryType = EntryType::Regular;
const DIR: EntryType = EntryType::Directory;
const SYMLINK: EntryType = EntryType::Symlink;
const LINK: EntryType = EntryType::Link;

fn layer(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, path, text) in items {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(if *kind == DIR { 0o755 } else { 0o644 });
        // Written as it is, also where the builder would refuse.
        let name = &mut header.as_old_mut().name;
        assert!(path.len() < name.len(), "longer names are another test's");
        name[..path.len()].copy_from_slice(path.as_bytes());
        let mut data = text.as_bytes();
        if matches!(*kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name_literal(text).expect("a short link");
            data = b"";
        }
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data).expect("memory takes bytes");
    }
    builder.into_inner().expect("memory takes bytes")
}

struct Unpacked {
    folder: tempfile::TempDir,
    result: Result<u64>,
}

fn apply(layers: &[Vec<u8>]) -> Unpacked {
    let folder = tempfile::tempdir().expect("a folder");
    // What nobody may touch.
    fs::write(folder.path().join("outside"), "safe").expect("write");
    let layers = layers.iter().map(|layer| (&layer[..], false));
    let result = unpack(layers, &folder.path().join("tree"), &["proc", "var/task"], &["etc/hosts"]);
    assert_eq!(fs::read(folder.path().join("outside")).expect("still there"), b"safe");
    Unpacked { folder, result }
}

impl Unpacked {
    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("tree").join(path)
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }
}

#[test]
fn later_layers_cover_earlier_ones() {
    let unpacked = apply(&[
        layer(&[
            (DIR, "a/", ""),
            (FILE, "a/one", "1"),
            (FILE, "a/two", "2"),
            (FILE, "was-file", "f"),
            (DIR, "was-dir", ""),
            (FILE, "was-dir/x", "x"),
            (SYMLINK, "was-link", "a"),
        ]),
        layer(&[
            (FILE, "./a/two", "zwei"),
            (FILE, "/a/three", "3"),
            (DIR, "was-file", ""),
            (FILE, "was-dir", "now a file"),
            (DIR, "was-link", ""),
            (FILE, "was-link/y", "y"),
        ]),
    ]);
    assert_eq!(unpacked.result.as_ref().expect("good layers"), &20);
    for (path, text) in [("a/one", "1"), ("a/two", "zwei"), ("a/three", "3"), ("was-dir", "now a file")] {
        assert_eq!(unpacked.text(path).as_deref(), Some(text), "{path}");
    }
    assert!(unpacked.at("was-file").is_dir() && unpacked.text("was-link/y").is_some());
    assert_eq!(unpacked.text("a/y"), None);
    assert!(unpacked.at("proc").is_dir() && unpacked.at("var/task").is_dir());
    assert_eq!(unpacked.text("etc/hosts").as_deref(), Some(""));
}

#[test]
fn whiteouts_hide_what_is_below_and_nothing_else() {
    let below = layer(&[
        (FILE, "gone", "1"),
        (FILE, "dir/gone", "1"),
        (FILE, "dir/stays", "1"),
        (FILE, "opaque/old", "1"),
        (FILE, "opaque/sub/old", "1"),
        (FILE, "tree/deep/file", "1"),
    ]);
    let above = layer(&[
        (FILE, ".wh.gone", ""),
        (FILE, "dir/.wh.gone", ""),
        (FILE, "opaque/sub/new", "2"),
        (FILE, "opaque/.wh..wh..opq", ""),
        (FILE, "opaque/new", "2"),
        (FILE, ".wh.tree", ""),
        (FILE, "nowhere/.wh.x", ""),
    ]);
    let unpacked = apply(&[below, above]);
    unpacked.result.as_ref().expect("good layers");
    for path in ["gone", "dir/gone", "opaque/old", "opaque/sub/old", "tree", "nowhere"] {
        assert!(!unpacked.at(path).exists(), "{path}");
    }
    for path in ["dir/stays", "opaque/sub/new", "opaque/new"] {
        assert!(unpacked.at(path).exists(), "{path}");
    }
    for name in [".wh.", ".wh..", ".wh..."] {
        let result = apply(&[layer(&[(FILE, name, "")])]).result;
        assert!(matches!(result, Err(UnpackError::Hostile(_))), "{name}: {result:?}");
    }
}

#[test]
fn links_lead_nowhere_but_inside() {
    let unpacked = apply(&[
        layer(&[
            (SYMLINK, "up", "../.."),
            (SYMLINK, "root", "/"),
            (SYMLINK, "lib", "usr/lib"),
            (DIR, "usr/lib", ""),
            (FILE, "data", "d"),
            (LINK, "hard", "data"),
            (SYMLINK, "file-link", "../outside"),
        ]),
        layer(&[
            (FILE, "up/outside", "climbed"),
            (FILE, "root/outside2", "r"),
            (FILE, "lib/x.so", "x"),
            (FILE, "file-link", "replaced"),
            (LINK, "through", "lib/x.so"),
        ]),
    ]);
    unpacked.result.as_ref().expect("links are allowed");
    assert_eq!(unpacked.text("outside").as_deref(), Some("climbed"), "up is no higher than the root");
    assert_eq!(unpacked.text("outside2").as_deref(), Some("r"));
    assert_eq!(unpacked.text("usr/lib/x.so").as_deref(), Some("x"));
    assert_eq!(unpacked.text("file-link").as_deref(), Some("replaced"));
    let inode = |path: &str| fs::symlink_metadata(unpacked.at(path)).expect("there").ino();
    assert_eq!((inode("hard"), inode("through")), (inode("data"), inode("usr/lib/x.so")));
    assert!(fs::symlink_metadata(unpacked.at("lib")).expect("there").is_symlink());
}

#[test]
fn what_climbs_or_makes_no_sense_is_refused() {
    for items in [
        vec![(FILE, "../outside", "x")],
        vec![(FILE, "a/../../outside", "x")],
        vec![(LINK, "hard", "../outside")],
        vec![(FILE, "file", "x"), (FILE, "file/below", "x")],
        vec![(SYMLINK, "nowhere", "absent"), (FILE, "nowhere/x", "x")],
        vec![(SYMLINK, "loop", "loop"), (FILE, "loop/x", "x")],
        vec![(SYMLINK, "empty", "")],
    ] {
        let result = apply(&[layer(&items)]).result;
        assert!(matches!(result, Err(UnpackError::Hostile(_))), "{items:?}: {result:?}");
    }
    // A hard link to what a link names outside finds nothing there.
    let result = apply(&[layer(&[(SYMLINK, "out", "/outside"), (LINK, "hard", "out/x")])]).result;
    assert!(result.is_err());
    assert!(apply(&[b"no archive at all, but long enough to be taken for one".repeat(20)]).result.is_err());
    let mut cut = layer(&[(FILE, "a", &"x".repeat(5000))]);
    cut.truncate(2000);
    assert!(apply(&[cut]).result.is_err());
}

#[test]
fn mount_points_are_directories_whatever_the_image_says() {
    let unpacked =
        apply(&[layer(&[(FILE, "proc", "a file"), (SYMLINK, "var", "/absent"), (SYMLINK, "etc", "../../")])]);
    unpacked.result.as_ref().expect("they are replaced");
    assert!(unpacked.at("proc").is_dir() && unpacked.at("var/task").is_dir());
    assert!(!unpacked.folder.path().join("hosts").exists());
}

#[test]
fn modes_lose_what_is_dangerous_and_devices_are_left_out() {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, mode) in [
        ("setuid", FILE, 0o4755),
        ("closed", FILE, 0o000),
        ("dir", DIR, 0o1777),
        ("device", EntryType::Char, 0o666),
        ("pipe", EntryType::Fifo, 0o666),
    ] {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(0);
        builder.append_data(&mut header, path, &b""[..]).expect("memory takes bytes");
    }
    let unpacked = apply(&[builder.into_inner().expect("memory takes bytes")]);
    unpacked.result.as_ref().expect("good layers");
    let mode = |path: &str| fs::metadata(unpacked.at(path)).expect("there").permissions().mode() & 0o7777;
    assert_eq!((mode("setuid"), mode("closed"), mode("dir")), (0o755, 0o600, 0o777));
    assert!(!unpacked.at("device").exists() && !unpacked.at("pipe").exists());
}

#[test]
fn long_names_have_a_bound() {
    let long = format!("{}/file", "d".repeat(200));
    for header in [Header::new_gnu(), Header::new_ustar()] {
        let mut header = header;
        header.set_size(1);
        header.set_mode(0o644);
        header.set_entry_type(FILE);
        let mut builder = Builder::new(Vec::new());
        if header.as_ustar().is_some() {
            builder.append_pax_extensions([("path", long.as_bytes())]).expect("memory takes bytes");
            builder.append_data(&mut header, "short", &b"x"[..]).expect("memory takes bytes");
        } else {
            builder.append_data(&mut header, &long, &b"x"[..]).expect("memory takes bytes");
        }
        let unpacked = apply(&[builder.into_inner().expect("memory takes bytes")]);
        unpacked.result.as_ref().expect("good layers");
        assert_eq!(unpacked.text(&long).as_deref(), Some("x"));
    }
    let mut endless = Header::new_gnu();
    endless.set_entry_type(EntryType::GNULongName);
    endless.set_size(64 << 20);
    endless.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&endless, &vec![b'a'; 64 << 20][..]).expect("memory takes bytes");
    let result = apply(&[builder.into_inner().expect("memory takes bytes")]).result;
    assert!(matches!(result, Err(UnpackError::Hostile(_))), "{result:?}");
}

#[test]
fn programs_are_found_as_inside() {
    let unpacked = apply(&[layer(&[(DIR, "bin", ""), (SYMLINK, "sbin", "/bin"), (FILE, "bin/plain", "x")])]);
    let tree = unpacked.at("");
    fs::write(unpacked.at("bin/run"), "x").expect("write");
    fs::set_permissions(unpacked.at("bin/run"), permissions(0o755)).expect("make executable");
    symlink("/bin/run", unpacked.at("start")).expect("link");
    symlink("/bin/sh", unpacked.at("shell")).expect("link");
    let find = |name: &str| crate::find_program(&tree, Path::new("/"), "/absent:/sbin:/bin", name);
    assert_eq!(find("run"), Some("/sbin/run".into()));
    assert_eq!(find("/start"), Some("/start".into()));
    assert_eq!(find("./start"), Some("/./start".into()));
    for absent in ["plain", "sh", "/shell", "/bin", "nothing"] {
        assert_eq!(find(absent), None, "{absent}");
    }
    assert!(crate::find_directory(&tree, Path::new("/sbin")));
    assert!(!crate::find_directory(&tree, Path::new("/bin/run")));
}
