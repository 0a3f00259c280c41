//! The contracts of the awkward events: event type and schema, older versions first.

/// The contracts of the awkward events: event type and schema, older versions first.
pub const CONTRACTS: [(&str, &str); 10] = [
    (
        "awkward.Large",
        r#"{"type": "record", "name": "awkward.Large", "fields": [
            {"name": "body", "type": "string"}]}"#,
    ),
    (
        "awkward.Text",
        r#"{"type": "record", "name": "awkward.Text", "fields": [
            {"name": "text", "type": "string"},
            {"name": "by_language", "type": {"type": "map", "values": "string"}}]}"#,
    ),
    (
        "awkward.Deep",
        r#"{"type": "record", "name": "awkward.Deep", "fields": [
            {"name": "name", "type": "string"},
            {"name": "inner", "type": ["null", "awkward.Deep"], "default": null},
            {"name": "lists", "type": {"type": "array", "items": {"type": "array", "items":
                {"type": "map", "values": {"type": "array", "items": "int"}}}}}]}"#,
    ),
    (
        "awkward.Exact",
        r#"{"type": "record", "name": "awkward.Exact", "fields": [
            {"name": "decimal", "type": {"type": "bytes", "logicalType": "decimal",
                "precision": 38, "scale": 10}},
            {"name": "fixed_decimal", "type": {"type": "fixed", "name": "awkward.Money", "size": 16,
                "logicalType": "decimal", "precision": 38, "scale": 2}},
            {"name": "long", "type": "long"},
            {"name": "int", "type": "int"},
            {"name": "double", "type": "double"},
            {"name": "float", "type": "float"},
            {"name": "bytes", "type": "bytes"},
            {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "time", "type": {"type": "long", "logicalType": "time-micros"}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "at_millis", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"#,
    ),
    (
        "awkward.Empty",
        r#"{"type": "record", "name": "awkward.Empty", "fields": [
            {"name": "text", "type": "string"},
            {"name": "bytes", "type": "bytes"},
            {"name": "list", "type": {"type": "array", "items": "string"}},
            {"name": "lists", "type": {"type": "array", "items": {"type": "array", "items": "long"}}},
            {"name": "map", "type": {"type": "map", "values": "string"}},
            {"name": "nothing", "type": ["null", "string"], "default": null},
            {"name": "record", "type": {"type": "record", "name": "awkward.Nothing", "fields": []}}]}"#,
    ),
    (
        "awkward.Choice",
        r#"{"type": "record", "name": "awkward.Choice", "fields": [
            {"name": "choice", "type": ["null", "boolean", "long", "double", "string",
                {"type": "array", "items": "string"}]},
            {"name": "color", "type": {"type": "enum", "name": "awkward.Color",
                "symbols": ["RED", "GREEN", "BLUE"]}}]}"#,
    ),
    (
        "awkward.Changing",
        r#"{"type": "record", "name": "awkward.Changing", "fields": [
            {"name": "number", "type": "long"}]}"#,
    ),
    (
        "awkward.Changing",
        r#"{"type": "record", "name": "awkward.Changing", "fields": [
            {"name": "note", "type": "string", "default": "none"},
            {"name": "number", "type": "long"}]}"#,
    ),
    (
        "awkward.Many",
        r#"{"type": "record", "name": "awkward.Many", "fields": [
            {"name": "number", "type": "long"},
            {"name": "text", "type": "string"}]}"#,
    ),
    (
        "awkward.Kept",
        r#"{"type": "record", "name": "awkward.Kept", "fields": [
            {"name": "number", "type": "long"}]}"#,
    ),
];
