//! `new-op` and `new-service`: the files that every operation and every service needs, as a start.

use std::fs;
use std::path::Path;

use crate::Error;
use crate::codegen::{self, names};

/// Adds `operation` to a service: the model's list, the generated types, a handler that answers 501, and a wire test
/// that fails until the handler is written.
pub fn new_op(root: &Path, service: &str, operation: &str) -> Result<(), Error> {
    let module = names::snake(operation);
    let folder = root.join(format!("crates/svc-{service}"));
    let handler = folder.join(format!("src/ops/{module}.rs"));
    if handler.exists() {
        return Err(format!("{} is there already", handler.display()).into());
    }
    list_operation(root, service, operation)?;
    codegen::write(root)?;
    let api = format!("api_{}", service.replace('-', "_"));
    let (output, imports) = match output_of(root, service, operation)? {
        Some(output) => (output.clone(), format!("use {api}::{{{operation}Input, {output}}};")),
        None => ("()".to_owned(), format!("use {api}::{operation}Input;")),
    };
    write_new(
        &handler,
        &format!(
            "//! `{operation}`\n\n{imports}\nuse aws_wire::{{AwsError, Result}};\n\nuse crate::Ctx;\n\n\
             pub(crate) async fn {module}(_cx: Ctx, _input: {operation}Input) -> Result<{output}> {{\n    \
             Err(AwsError::not_implemented(\"{service}\", \"{operation}\"))\n}}\n"
        ),
    )?;
    insert_sorted(&folder.join("src/ops.rs"), "mod ", &format!("mod {module};"))?;
    insert_sorted(
        &folder.join("src/ops.rs"),
        "pub(crate) use ",
        &format!("pub(crate) use {module}::{module};"),
    )?;
    write_new(
        &folder.join(format!("tests/wire/{module}.rs")),
        &format!(
            "//! `{operation}` over the wire.\n\n#[test]\nfn {module}_answers() {{\n    \
             panic!(\"write what {operation} answers, as in the tests beside this one\");\n}}\n"
        ),
    )?;
    insert_sorted(&folder.join("tests/wire/main.rs"), "mod ", &format!("mod {module};"))?;
    println!(
        "now add `.op(ops::{module})` to crates/svc-{service}/src/lib.rs and write {}",
        handler.display()
    );
    Ok(())
}

/// Adds a service with no operation yet: its model's settings, its crate, its line in the server.
pub fn new_service(root: &Path, service: &str, model: &str) -> Result<(), Error> {
    let settings = root.join(format!("models/{service}.toml"));
    write_new(&settings, &format!("model = \"{model}\"\noperations = []\n"))?;
    let crate_name = format!("svc-{service}");
    let folder = root.join(format!("crates/{crate_name}"));
    let api = format!("api-{service}");
    write_new(
        &folder.join("Cargo.toml"),
        &format!(
            "[package]\nname = \"{crate_name}\"\nversion.workspace = true\nedition.workspace = true\n\
             rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\n[lints]\n\
             workspace = true\n\n[dependencies]\n{api}.workspace = true\naws-wire.workspace = true\n\
             service.workspace = true\n"
        ),
    )?;
    let api_module = api.replace('-', "_");
    write_new(
        &folder.join("src/lib.rs"),
        &format!(
            "//! {service}: say what this service is and where to start reading.\n\nmod ops;\n\nuse std::sync::Arc;\n\n\
             use service::Service;\n\npub(crate) type Ctx = service::Ctx;\n\n/// The service and its operations.\n\
             pub fn service() -> Service {{\n    Service::new(&{api_module}::SERVICE, Arc::new(())).done()\n}}\n"
        ),
    )?;
    write_new(&folder.join("src/ops.rs"), "//! The operations, one file each.\n\n")?;
    write_new(
        &folder.join("tests/wire/main.rs"),
        "//! The service over the wire: raw requests in, answers out, an operation or a theme a file.\n\n",
    )?;
    let manifest = root.join("Cargo.toml");
    for name in [&api, &crate_name] {
        insert_sorted(&manifest, &name[..4], &format!("{name}.path = \"crates/{name}\""))?;
    }
    codegen::fetch(root)?;
    codegen::write(root)?;
    println!(
        "now add `{crate_name}` to crates/server/Cargo.toml and `svc_{}::service()` to crates/server/src/services.rs, then: \
         cargo xtask new-op {service} OPERATION",
        service.replace('-', "_")
    );
    Ok(())
}

fn list_operation(root: &Path, service: &str, operation: &str) -> Result<(), Error> {
    let path = root.join(format!("models/{service}.toml"));
    let text = fs::read_to_string(&path)?;
    let known = codegen::services(root)?;
    let (_, settings) = known.iter().find(|(name, _)| name == service).ok_or("no such service in models/")?;
    let model = codegen::load(root, service, settings)?;
    if !model.operations.contains_key(operation) {
        return Err(format!("{service} has no operation {operation}").into());
    }
    let mut operations = settings.operations.clone();
    operations.push(operation.to_owned());
    operations.sort();
    operations.dedup();
    let (before, rest) = text.split_once("operations = [").ok_or("the list of operations")?;
    let (_, after) = rest.split_once(']').ok_or("the end of the list of operations")?;
    let list = operations.iter().map(|name| format!("    \"{name}\",\n")).collect::<String>();
    fs::write(&path, format!("{before}operations = [\n{list}]{after}"))?;
    Ok(())
}

/// The Rust type of an operation's output, read from the generated register.
fn output_of(root: &Path, service: &str, operation: &str) -> Result<Option<String>, Error> {
    let register = fs::read_to_string(root.join(format!("crates/api-{service}/src/operations.rs")))?;
    let line = register.lines().find(|line| line.contains(&format!("types::{operation}Input =>")));
    let line = line.ok_or("the operation is not in the generated register")?;
    Ok(line.split("=> types::").nth(1).map(|output| output.trim_end_matches(',').to_owned()))
}

fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    if path.exists() {
        return Err(format!("{} is there already", path.display()).into());
    }
    fs::create_dir_all(path.parent().ok_or("a file lies in a folder")?)?;
    Ok(fs::write(path, text)?)
}

/// Puts `line` among the lines that begin with `prefix`, in their order; at the end when there are none.
fn insert_sorted(path: &Path, prefix: &str, line: &str) -> Result<(), Error> {
    let text = fs::read_to_string(path)?;
    let mut lines = text.lines().collect::<Vec<_>>();
    let group = lines.iter().enumerate().filter(|(_, known)| known.starts_with(prefix));
    let group = group.map(|(position, known)| (position, *known)).collect::<Vec<_>>();
    let position = match group.iter().find(|(_, known)| *known > line) {
        Some((position, _)) => *position,
        None => group.last().map_or(lines.len(), |(position, _)| position + 1),
    };
    lines.insert(position, line);
    Ok(fs::write(path, lines.join("\n") + "\n")?)
}
