//! Our schema states the same messages as the descriptors that the official Python package ships.
mod official;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Writes the descriptors of all protocol modules as one `FileDescriptorSet`.
const DUMP: &str = r"
import importlib, pathlib, sys
import wandb.proto
from google.protobuf import descriptor_pb2
folder = pathlib.Path(wandb.proto.__file__).parent
files = descriptor_pb2.FileDescriptorSet()
for path in sorted(folder.glob('wandb_*_pb2.py')):
    module = importlib.import_module('wandb.proto.' + path.stem)
    module.DESCRIPTOR.CopyToProto(files.file.add())
sys.stdout.buffer.write(files.SerializeToString())
";

/// One line for each message, field, oneof, enum and enum value.
fn facts(set: &FileDescriptorSet) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for file in &set.file {
        if file.package() == "wandb_internal" {
            assert_eq!(file.syntax(), "proto3");
            file.message_type.iter().for_each(|message| message_facts("", message, &mut facts));
            file.enum_type.iter().for_each(|kind| enum_facts("", kind, &mut facts));
        }
    }
    facts
}

fn message_facts(scope: &str, message: &DescriptorProto, facts: &mut BTreeSet<String>) {
    let name = format!("{scope}.{}", message.name());
    let is_map = message.options.as_ref().is_some_and(|options| options.map_entry());
    facts.insert(format!("message {name} map_entry={is_map}"));
    for field in &message.field {
        let oneof = field.oneof_index.map(|index| message.oneof_decl[index as usize].name());
        let label = Label::try_from(field.label.expect("a label")).expect("a known label");
        let kind = Type::try_from(field.r#type.expect("a type")).expect("a known type");
        facts.insert(format!(
            "field {name}.{} = {} {label:?} {kind:?} {} optional={} oneof={oneof:?}",
            field.name(),
            field.number(),
            field.type_name(),
            field.proto3_optional(),
        ));
    }
    message.nested_type.iter().for_each(|nested| message_facts(&name, nested, facts));
    message.enum_type.iter().for_each(|kind| enum_facts(&name, kind, facts));
}

fn enum_facts(scope: &str, kind: &EnumDescriptorProto, facts: &mut BTreeSet<String>) {
    let name = format!("{scope}.{}", kind.name());
    facts.insert(format!("enum {name}"));
    for value in &kind.value {
        facts.insert(format!("value {name}.{} = {}", value.name(), value.number()));
    }
}

#[test]
fn schema_is_the_official_one() {
    let dump = official::run(Command::new(official::python()).args(["-c", DUMP]));
    let official = facts(&FileDescriptorSet::decode(&dump[..]).expect("descriptors"));

    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let files = std::fs::read_dir(&schema).expect("schema folder");
    let files: Vec<_> = files.map(|file| file.expect("an entry").file_name()).collect();
    let set = protox::compile(files, [schema]).expect("the schema compiles");
    let ours = facts(&FileDescriptorSet::decode(&set.encode_to_vec()[..]).expect("descriptors"));

    assert!(official.len() > 1500, "only {} facts: the official descriptors were not found", official.len());
    let missing: Vec<_> = official.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&official).collect();
    assert!(missing.is_empty() && extra.is_empty(), "not in our schema: {missing:#?}\nonly in our schema: {extra:#?}");
}
