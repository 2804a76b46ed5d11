//! Generates the reference page of events from the types of the events.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Event;

/// Returns the JSON Schema of an event.
///
/// # Errors
/// Fails only because of a bug.
pub fn schema() -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&schemars::schema_for!(Event))?))
}

/// Returns the reference page of events. `written_by` is the command that writes the page.
///
/// # Errors
/// Fails only because of a bug.
pub fn page(written_by: &str) -> anyhow::Result<String> {
    let schema = serde_json::to_value(schemars::schema_for!(Event))?;
    let mut page = format!(
        "# Events\n\nWritten by `{written_by}`.\n\nWith `--events`, every command prints each event on standard output \
         when it happens: {}\n\nThe JSON Schema of an event is [events.schema.json](events.schema.json).\n\n\
         ## In every event\n",
        paragraph(&schema).replacen("Something that happened, as `--events` prints it: ", "", 1)
    );
    fields(&mut page, &schema);
    let _ = writeln!(page, "| `event` | text | The kind of the event, one of the following. |");
    for event in array(&schema, "oneOf") {
        let _ = writeln!(page, "\n## `{}`\n\n{}", name(event), said(event, &schema));
        let described = Value::Object(merged(event, &schema));
        if object(&described, "properties").len() > 1 {
            fields(&mut page, &described);
        }
    }
    for (name, shape) in object(&schema, "$defs") {
        definition(&mut page, name, shape);
    }
    Ok(page)
}

/// Adds to the page a definition that several events share: an enumeration, or a set of fields.
fn definition(page: &mut String, name: &str, shape: &Value) {
    let _ = writeln!(page, "\n## {name}\n\n{}", paragraph(shape));
    let values: Vec<&Value> =
        array(shape, "oneOf").iter().filter(|value| value.get("const").is_some()).collect();
    if !values.is_empty() {
        let _ = writeln!(page, "\n| value | meaning |\n| --- | --- |");
        for value in values {
            let _ = writeln!(page, "| `{}` | {} |", text(value, "const"), paragraph(value));
        }
    } else if shape.get("properties").is_some() {
        fields(page, shape);
    } else if shape.get("anyOf").is_some() {
        let _ = writeln!(page, "\nIt is {}.", kind(shape));
    }
}

fn fields(page: &mut String, shape: &Value) {
    let required = array(shape, "required");
    let _ = writeln!(page, "\n| field | type | meaning |\n| --- | --- | --- |");
    for (name, field) in object(shape, "properties").iter().filter(|(name, _)| *name != "event") {
        let always = required.iter().any(|each| each == name.as_str());
        let meaning = paragraph(field);
        let meaning = if always { meaning } else { format!("{meaning} Optional.") };
        let _ = writeln!(page, "| `{name}` | {} | {meaning} |", kind(field));
    }
}

/// Returns the JSON Schema of one event. If the schema refers to a shared definition, the fields of that
/// definition are added.
fn merged(event: &Value, schema: &Value) -> Map<String, Value> {
    let mut whole = event.as_object().cloned().unwrap_or_default();
    if let Some(referred) = referred(event, schema) {
        for key in ["properties", "required"] {
            match (whole.get_mut(key), referred.get(key)) {
                (Some(Value::Object(own)), Some(Value::Object(more))) => own.extend(more.clone()),
                (Some(Value::Array(own)), Some(Value::Array(more))) => own.extend(more.clone()),
                _ => {}
            }
        }
    }
    whole
}

/// Returns the description in a JSON Schema. If the schema has no description, returns the description of the
/// definition that the schema refers to.
fn said(shape: &Value, schema: &Value) -> String {
    let own = paragraph(shape);
    if own.is_empty() { referred(shape, schema).map(paragraph).unwrap_or_default() } else { own }
}

fn referred<'a>(shape: &Value, schema: &'a Value) -> Option<&'a Value> {
    reference(shape).and_then(|name| schema.get("$defs")?.get(name))
}

/// Returns the name of the definition that a JSON Schema refers to.
fn reference(shape: &Value) -> Option<&str> {
    shape.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Returns, in words, the type of the values that a JSON Schema describes.
fn kind(shape: &Value) -> String {
    if let Some(name) = reference(shape) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let alternatives: Vec<String> =
        array(shape, "anyOf").iter().filter(|each| text(each, "type") != "null").map(kind).collect();
    if !alternatives.is_empty() {
        return alternatives.join(" or ");
    }
    let types = match shape.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).find(|word| *word != "null"),
        other => other.and_then(Value::as_str),
    };
    match types.unwrap_or_default() {
        "array" => format!("list of: {}", shape.get("items").map(kind).unwrap_or_default()),
        "integer" => "number".to_owned(),
        "string" => "text".to_owned(),
        other => other.to_owned(),
    }
}

fn name(event: &Value) -> &str {
    text(&event["properties"]["event"], "const")
}

fn text<'a>(shape: &'a Value, key: &str) -> &'a str {
    shape.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn paragraph(shape: &Value) -> String {
    text(shape, "description").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn array<'a>(shape: &'a Value, key: &str) -> &'a [Value] {
    shape.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn object<'a>(shape: &'a Value, key: &str) -> Vec<(&'a String, &'a Value)> {
    shape.get(key).and_then(Value::as_object).map(|map| map.iter().collect()).unwrap_or_default()
}
