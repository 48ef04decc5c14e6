//! The two readers agree, and what is written is read again.

use super::*;
use crate::schema::{List, Map, Member};

static TEXT: Shape = Shape::plain("Text", Kind::String);
static COUNT: Shape = Shape::plain("Count", Kind::Integer);
static RATIO: Shape = Shape::plain("Ratio", Kind::Double);
static FLAG: Shape = Shape::plain("Flag", Kind::Boolean);
static BYTES: Shape = Shape::plain("Bytes", Kind::Blob);
static AT: Shape = Shape::plain("At", Kind::Timestamp(None));
static ANY: Shape = Shape::plain("Any", Kind::Document);
static TEXTS: Shape = Shape::plain(
    "Texts",
    Kind::List(&List {
        member: &TEXT,
        element: "member",
        element_namespace: None,
        timestamp_format: None,
        flattened: false,
    }),
);
static COUNTS: Shape = Shape::plain(
    "Counts",
    Kind::Map(&Map {
        key: &TEXT,
        value: &COUNT,
        key_name: "key",
        value_name: "value",
        key_namespace: None,
        value_namespace: None,
        entry_name: None,
        flattened: false,
    }),
);
static EITHER: Structure =
    Structure { union: true, ..Structure::of(&[Member::body("S", &TEXT), Member::body("N", &TEXT)]) };
static VALUE: Shape = Shape::plain("Value", Kind::Structure(&EITHER));
static ALL: Structure = Structure::of(&[
    Member::body("Text", &TEXT),
    Member::body("Count", &COUNT),
    Member::body("Ratio", &RATIO),
    Member::body("Flag", &FLAG),
    Member::body("Bytes", &BYTES),
    Member::body("At", &AT),
    Member::body("Any", &ANY),
    Member::body("Texts", &TEXTS),
    Member::body("Counts", &COUNTS),
    Member::body("Value", &VALUE),
    Member { place: crate::schema::Place::Header, ..Member::body("Elsewhere", &TEXT) },
]);

fn slowly(text: &str, naming: Naming) -> Result<Vec<Option<Value>>, AwsError> {
    match parse(text.as_bytes())? {
        Json::Object(object) => members_from_json(object, &ALL, naming),
        other => Err(wrong_kind(&other, "a Structure")),
    }
}

#[test]
fn what_is_right_is_read_straight_and_as_by_the_tree() {
    for text in [
        "{}",
        " {\"Text\" : \"a\\u00e9\\n\\\"\" } ",
        r#"{"Count":3,"Ratio":1,"Flag":true,"Unknown":{"deep":[1,{"x":null}]}}"#,
        r#"{"Count":3.0,"Ratio":-2.5e3,"Flag":false}"#,
        r#"{"Ratio":"NaN"}"#,
        r#"{"Ratio":"-Infinity","Bytes":"AQI=","At":1700000000.25}"#,
        r#"{"At":1700000000}"#,
        r#"{"Any":{"b":1,"a":[true,null,"x",1.5]},"Text":null}"#,
        r#"{"Texts":["a",null,"b"],"Counts":{"z":1,"a":null}}"#,
        r#"{"Value":{"S":"x"}}"#,
        r#"{"Value":{"S":null,"N":"1"}}"#,
        r#"{"Text":"first","Text":"last"}"#,
        r#"{"Elsewhere":"header"}"#,
    ] {
        for naming in [Naming::AwsJson, Naming::Rest] {
            let straight = read::members(text.as_bytes(), &ALL, naming).expect(text);
            // Not a number is equal to nothing, so texts are compared.
            assert_eq!(format!("{straight:?}"), format!("{:?}", slowly(text, naming).expect(text)), "{text}");
        }
    }
}

#[test]
fn what_is_not_right_is_left_to_the_tree() {
    for text in [
        "",
        "[]",
        "{",
        r#"{"Text":1}"#,
        r#"{"Text":"a"} x"#,
        r#"{"Count":2147483648}"#,
        r#"{"Count":1.5}"#,
        r#"{"Ratio":"much"}"#,
        r#"{"Flag":"true"}"#,
        r#"{"Bytes":"?"}"#,
        r#"{"At":"yesterday"}"#,
        r#"{"Texts":{}}"#,
        r#"{"Counts":[]}"#,
        r#"{"Counts":{"a":1,"a":2}}"#,
        r#"{"Value":{"S":"x","N":"1"}}"#,
        "{\"Text\":\"\\ud800\"}",
    ] {
        assert!(read::members(text.as_bytes(), &ALL, Naming::AwsJson).is_none(), "{text}");
    }
    let twice = decode_members(br#"{"Counts":{"a":1,"a":2}}"#, &ALL, Naming::AwsJson).unwrap();
    assert_eq!(twice[8], Some(Value::Map(vec![("a".to_owned(), Some(Value::Integer(2)))])));
}

#[test]
fn values_are_written_as_they_are_read() {
    for text in [
        "{}",
        r#"{"Text":"a\"\n","Count":-3,"Ratio":1.0,"Flag":true,"Bytes":"AQI=","At":1700000000.25}"#,
        r#"{"Ratio":"NaN","At":1700000000}"#,
        r#"{"Any":{"b":1,"a":[]},"Texts":["a",null],"Counts":{},"Value":{"N":"1"}}"#,
        r#"{"Texts":[],"Counts":{"z":1,"a":null}}"#,
    ] {
        let slots = decode_members(text.as_bytes(), &ALL, Naming::AwsJson).unwrap();
        assert_eq!(write_members(&slots, &ALL, Naming::AwsJson), text);
    }
}
