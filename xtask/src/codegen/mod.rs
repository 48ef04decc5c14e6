//! `cargo xtask codegen`: AWS's published models in, one `api-*` crate for each service out.
//!
//! `models/<service>.json` is a model without its documentation text; `models/<service>.toml` names the operations
//! that Lambent serves and corrects the model where AWS does otherwise than it says.

pub mod names;
mod schema;
mod types;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use aws_model::{MemberRef, Model};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::Error;

/// The release of botocore whose models are ours.
pub const BOTOCORE: &str = "1.44.5";

/// `models/<service>.toml`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The model's folder in botocore, such as `lambda/2015-03-31`.
    pub model: String,
    /// The operations that are served; the others answer 501.
    pub operations: Vec<String>,
    /// Protocols that AWS's SDKs speak to the service though its model does not say so.
    #[serde(default)]
    pub also_speaks: Vec<String>,
    /// The namespace of XML answers, where the model no longer has it.
    pub xml_namespace: Option<String>,
    /// By shape: what the model has wrong.
    #[serde(default)]
    pub patch: std::collections::BTreeMap<String, Patch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The observed behaviour.
    #[expect(dead_code, reason = "for the reader of models/; required, so that none is without")]
    pub reason: String,
    /// Traits to take away.
    #[serde(default)]
    pub drop: Vec<String>,
    /// Traits to set.
    #[serde(default)]
    pub set: serde_json::Map<String, Json>,
}

/// Every service's name and settings, in order of name.
pub fn services(root: &Path) -> Result<Vec<(String, Settings)>, Error> {
    let mut services = Vec::new();
    for entry in fs::read_dir(root.join("models"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a model's name is UTF-8")?;
            let settings =
                toml::from_str(&fs::read_to_string(&path)?).map_err(|error| format!("{name}: {error}"))?;
            services.push((name.to_owned(), settings));
        }
    }
    services.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(services)
}

/// Reads the models anew from PyPI's botocore and leaves out their documentation text.
pub fn fetch(root: &Path) -> Result<(), Error> {
    let folder = root.join("target/botocore");
    fs::create_dir_all(&folder)?;
    let requirement = format!("botocore=={BOTOCORE}");
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", &requirement, "--dest"])
        .arg(&folder))?;
    let wheel = folder.join(format!("botocore-{BOTOCORE}-py3-none-any.whl"));
    for (name, settings) in services(root)? {
        let member = format!("botocore/data/{}/service-2.json.gz", settings.model);
        let script = "import gzip,sys,zipfile; sys.stdout.buffer.write(gzip.decompress(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])))";
        let text = run(Command::new("python3").args(["-c", script]).arg(&wheel).arg(&member))?;
        let mut model: Json = serde_json::from_slice(&text)?;
        trim(&mut model);
        fs::write(root.join(format!("models/{name}.json")), serde_json::to_string_pretty(&model)? + "\n")?;
        println!("models/{name}.json");
    }
    Ok(())
}

pub fn run(command: &mut Command) -> Result<Vec<u8>, Error> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{command:?}: {}", output.status).into())
    }
}

fn trim(json: &mut Json) {
    match json {
        Json::Object(object) => {
            // A member called `documentation` is an object; the text is a string.
            object.retain(|key, value| {
                !(matches!(key.as_str(), "documentation" | "deprecatedMessage" | "deprecatedSince")
                    && value.is_string())
            });
            object.values_mut().for_each(trim);
        }
        Json::Array(items) => items.iter_mut().for_each(trim),
        _ => {}
    }
}

/// A service's model with its patches.
pub fn load(root: &Path, name: &str, settings: &Settings) -> Result<Model, Error> {
    let mut json: Json =
        serde_json::from_str(&fs::read_to_string(root.join(format!("models/{name}.json")))?)?;
    for (shape, patch) in &settings.patch {
        let target = json["shapes"].get_mut(shape).and_then(Json::as_object_mut);
        let target = target.ok_or_else(|| format!("{name}: a patch of {shape}, which the model has not"))?;
        for key in &patch.drop {
            target.remove(key).ok_or_else(|| format!("{name}: {shape} has no {key} to drop"))?;
        }
        target.extend(patch.set.clone());
    }
    for protocol in &settings.also_speaks {
        let protocols = json["metadata"]["protocols"].as_array_mut().ok_or("the protocols of a model")?;
        protocols.push(protocol.as_str().into());
    }
    if let Some(namespace) = &settings.xml_namespace {
        json["metadata"]["xmlNamespace"] = namespace.as_str().into();
    }
    Ok(Model::parse(&json.to_string())?)
}

/// Writes every `api-*` crate.
pub fn write(root: &Path) -> Result<(), Error> {
    for (path, text) in generate(root)? {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        fs::write(&path, text)?;
    }
    Ok(())
}

/// Every generated file, by its path in the workspace.
pub fn generate(root: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    for (name, settings) in services(root)? {
        let model = load(root, &name, &settings)?;
        let api = Api::new(&model, &settings)?;
        let folder = format!("crates/api-{name}");
        files.push((format!("{folder}/Cargo.toml"), manifest(&name)));
        for (file, text) in [
            ("lib", lib(&name, &model)),
            ("schema", schema::write(&api)),
            ("types", types::write(&api)),
            ("operations", schema::write_operations(&api)),
            ("errors", types::write_errors(&api)),
        ] {
            files.push((format!("{folder}/src/{file}.rs"), format_rust(&text)?));
        }
    }
    Ok(files)
}

/// What is generated of one service.
pub struct Api<'m> {
    pub model: &'m Model,
    pub served: BTreeSet<&'m str>,
    /// The shapes that served operations reach, in order of name.
    pub shapes: BTreeSet<&'m str>,
    /// The exceptions of served operations.
    pub errors: BTreeSet<&'m str>,
}

impl<'m> Api<'m> {
    fn new(model: &'m Model, settings: &'m Settings) -> Result<Self, Error> {
        let mut api =
            Self { model, served: BTreeSet::new(), shapes: BTreeSet::new(), errors: BTreeSet::new() };
        for name in &settings.operations {
            let operation = model
                .operations
                .get(name)
                .ok_or_else(|| format!("no operation {name} in {}", settings.model))?;
            api.served.insert(name);
            operation.input.iter().chain(&operation.output).for_each(|member| api.reach(&member.shape));
            for error in &operation.errors {
                api.errors.insert(&error.shape);
                api.reach(&error.shape);
            }
        }
        Ok(api)
    }

    /// Whether a shape is a body that is taken as it comes: it is where any member says so.
    pub fn streams(&self, name: &str) -> bool {
        let members = self.model.shapes.values().flat_map(|shape| shape.members.values());
        members.filter(|member| member.streaming).any(|member| member.shape == name)
    }

    fn reach(&mut self, name: &'m str) {
        if !self.shapes.insert(name) {
            return;
        }
        let shape = &self.model.shapes[name];
        let members: Vec<&'m MemberRef> =
            shape.members.values().chain(&shape.member).chain(&shape.key).chain(&shape.value).collect();
        members.into_iter().for_each(|member| self.reach(&member.shape));
    }
}

fn manifest(name: &str) -> String {
    format!(
        "# Generated by `cargo xtask codegen`.\n[package]\nname = \"api-{name}\"\nversion.workspace = true\n\
         edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\n\
         [lints]\nworkspace = true\n\n[dependencies]\naws-wire.workspace = true\nbytes.workspace = true\nenv.workspace = true\n\
         serde_json.workspace = true\n"
    )
}

fn lib(name: &str, model: &Model) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "//! {}: types, operations and errors of AWS's API `{name}`, {}.\n//!\n\
         //! Generated by `cargo xtask codegen` from `models/{name}.json`; never edited.\n\n\
         #![allow(clippy::doc_markdown, dead_code, reason = \"generated\")]\n\n\
         pub mod errors;\nmod operations;\nmod schema;\nmod types;\n\n\
         pub use operations::*;\npub use types::*;\n",
        model.metadata.service_id, model.metadata.api_version
    );
    out
}

fn format_rust(text: &str) -> Result<String, Error> {
    use std::io::Write as _;
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=110,use_small_heuristics=Max"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    rustfmt.stdin.take().ok_or("rustfmt reads its input")?.write_all(text.as_bytes())?;
    let output = rustfmt.wait_with_output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err("rustfmt refused generated code".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_crates_are_what_the_models_say() {
        let root = crate::root();
        for (path, text) in generate(&root).expect("the models are sound") {
            let committed = fs::read_to_string(root.join(&path)).unwrap_or_default();
            assert!(committed == text, "{path} is not what `cargo xtask codegen` writes");
        }
    }
}
