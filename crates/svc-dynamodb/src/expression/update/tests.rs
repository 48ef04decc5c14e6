//! Updates as data: what becomes of an item, what is refused and how.

use super::super::tests::{item, scope};
use super::*;

const ITEM: &str = r#"{"n":{"N":"5"},"s":{"S":"x"},"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]},"ss":{"SS":["a","b"]},"m":{"M":{"k":{"N":"1"}}}}"#;
const VALUES: &str = r#"{":one":{"N":"1"},":s":{"S":"y"},":l":{"L":[{"N":"9"}]},":ab":{"SS":["a","b"]},":bc":{"SS":["b","c"]},":m":{"M":{}},":ns":{"NS":["1"]}}"#;

fn parsed(text: &str) -> Result<Update> {
    Update::parse(text, &mut scope(&[("#n", "n"), ("#new", "status")], VALUES))
}

#[test]
fn what_becomes_of_an_item() {
    for (text, changed) in [
        ("SET n = n + :one", r#"{"n":{"N":"6"}}"#),
        ("set #n = :one - n", r#"{"n":{"N":"-4"}}"#),
        ("SET a = if_not_exists(a, :s)", r#"{"a":{"S":"y"}}"#),
        ("SET n = if_not_exists(n, :s)", r#"{"n":{"N":"5"}}"#),
        ("SET n = if_not_exists(zz, :one) + :one", r#"{"n":{"N":"2"}}"#),
        ("SET a = s, s = n", r#"{"a":{"S":"x"},"s":{"N":"5"}}"#),
        ("SET l = list_append(l, :l)", r#"{"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"N":"9"}]}}"#),
        ("SET l = list_append(:l, if_not_exists(zz, :l))", r#"{"l":{"L":[{"N":"9"},{"N":"9"}]}}"#),
        ("SET l[1] = :s", r#"{"l":{"L":[{"N":"0"},{"S":"y"},{"N":"2"}]}}"#),
        ("SET l[9] = :s, l[7] = :one", r#"{"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"N":"1"},{"S":"y"}]}}"#),
        ("REMOVE l[0], l[2]", r#"{"l":{"L":[{"N":"1"}]}}"#),
        ("SET m.z = :s REMOVE m.k", r#"{"m":{"M":{"z":{"S":"y"}}}}"#),
        ("REMOVE nothing, l[8]", "{}"),
        ("ADD n :one, fresh :one, ss :bc", r#"{"n":{"N":"6"},"fresh":{"N":"1"},"ss":{"SS":["a","b","c"]}}"#),
        ("DELETE ss :bc", r#"{"ss":{"SS":["a"]}}"#),
        ("DELETE zz :bc", "{}"),
        ("SET #new = (n + :one)", r#"{"status":{"N":"6"}}"#),
        (
            "REMOVE s SET q = :one ADD w :ns DELETE ss :bc",
            r#"{"q":{"N":"1"},"w":{"NS":["1"]},"ss":{"SS":["a"]}}"#,
        ),
    ] {
        let new = parsed(text).unwrap().apply(&item(ITEM)).unwrap();
        let mut expected = item(ITEM);
        expected.extend(item(changed));
        if text.starts_with("REMOVE s ") {
            expected.remove("s");
        }
        assert_eq!(new, expected, "{text}");
    }
    let gone = parsed("DELETE ss :ab").unwrap().apply(&item(ITEM)).unwrap();
    assert!(!gone.contains_key("ss"), "an empty set is no set");
}

#[test]
fn what_an_item_does_not_bear() {
    for (text, said) in [
        ("SET a = zz", "The provided expression refers to an attribute that does not exist in the item"),
        ("SET zz.a = :one", "The document path provided in the update expression is invalid for update"),
        ("SET s.a = :one", "The document path provided in the update expression is invalid for update"),
        ("REMOVE zz.a", "The document path provided in the update expression is invalid for update"),
        ("SET n = s + :one", "An operand in the update expression has an incorrect data type"),
        ("ADD s :one", "An operand in the update expression has an incorrect data type"),
        ("DELETE ss :ns", "An operand in the update expression has an incorrect data type"),
        ("SET l = list_append(s, :l)", "An operand in the update expression has an incorrect data type"),
    ] {
        let error = parsed(text).unwrap().apply(&item(ITEM)).unwrap_err();
        assert_eq!(error.message.unwrap(), said, "{text}");
    }
}

#[test]
fn what_is_refused_in_awss_words() {
    for (text, said) in [
        ("", "The expression can not be empty;"),
        ("a = :one", r#"Syntax error; token: "a", near: "a =""#),
        ("SET a :one", r#"Syntax error; token: ":one", near: "a :one""#),
        ("SET a = :one SET b = :one", r#"The "SET" section can only be used once in an update expression;"#),
        ("SET status = :one", "Attribute name is a reserved keyword; reserved keyword: status"),
        (
            "SET a = :one, a.b = :one",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
        ),
        (
            "SET a = :one REMOVE a",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
        ),
        (
            "SET a = :zz",
            "An expression attribute value used in expression is not defined; attribute value: :zz",
        ),
        ("SET a = size(b)", "The function is not allowed in an update expression; function: size"),
        ("SET a = foo(b)", "Invalid function name; function: foo"),
        (
            "SET a = list_append(b)",
            "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1",
        ),
        (
            "SET a = list_append(b, :s)",
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
        ),
        (
            "SET a = if_not_exists(:one, :one)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET a = b + :s",
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "ADD a :s",
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
        ),
        (
            "DELETE a :one",
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND",
        ),
    ] {
        let error = parsed(text).unwrap_err();
        assert_eq!(error.message.unwrap(), format!("Invalid UpdateExpression: {said}"), "{text}");
    }
}

#[test]
fn no_text_is_a_panic() {
    let text = "SET a.b[0] = if_not_exists(n, :one) + :one, #n = list_append(l, :l) REMOVE m.k ADD n :one DELETE ss :bc";
    for end in 0..text.len() {
        let _ = parsed(&text[..end]);
        for other in ["(", ")", ",", "[", "]", ".", "#", ":", "=", "+", " ", "é", "9"] {
            if let Ok(update) = parsed(&format!("{}{other}{}", &text[..end], &text[end + 1..])) {
                let _ = update.apply(&item(ITEM));
            }
        }
    }
}
