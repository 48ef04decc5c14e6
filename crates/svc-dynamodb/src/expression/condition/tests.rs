//! Conditions as data: what holds, what does not, what is refused and how.

use proptest::prelude::{Strategy, prop};
use proptest::{prop_assert_eq, prop_assume, prop_oneof, proptest};

use super::super::tests::{item, scope};
use super::*;
use crate::expression::key_condition;
use crate::expression::projection::Projection;
use crate::expression::update::Update;
use crate::partiql;

const ITEM: &str = r#"{
    "s": {"S": "hello"}, "n": {"N": "5"}, "b": {"B": "AQID"}, "t": {"BOOL": true}, "nil": {"NULL": true},
    "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "l": {"L": [{"N": "1"}, {"S": "x"}]},
    "m": {"M": {"k": {"N": "7"}, "d": {"L": [{"M": {"z": {"S": "deep"}}}]}}}, "n2": {"N": "5.0"}
}"#;
const VALUES: &str = r#"{
    ":five": {"N": "5.00"}, ":six": {"N": "6"}, ":four": {"N": "4"}, ":he": {"S": "he"}, ":hello": {"S": "hello"},
    ":a": {"S": "a"}, ":one": {"N": "1"}, ":S": {"S": "S"}, ":SS": {"S": "SS"}, ":bad": {"S": "X"},
    ":true": {"BOOL": true}, ":b": {"B": "AQI="}, ":seven": {"N": "7"}, ":l": {"L": []}
}"#;

fn parsed(text: &str) -> Result<Condition> {
    Condition::parse(
        "ConditionExpression",
        text,
        &mut scope(&[("#m", "m"), ("#nil", "nil"), ("#x", "x.y")], VALUES),
    )
}

#[track_caller]
fn check(text: &str, holds: bool) {
    assert_eq!(parsed(text).unwrap().holds(&item(ITEM)), holds, "{text}");
}

#[test]
fn what_holds() {
    for text in [
        "n = :five",
        "n2 = n",
        "n <> :six",
        "zz <> :six",
        "n < :six AND n > :four",
        "n <= :five and n >= :five",
        "n BETWEEN :four AND :six",
        "n in (:one, :five)",
        "NOT n = :six",
        "not not n = :five",
        "attribute_exists(s)",
        "attribute_exists(m.d[0].z)",
        "attribute_not_exists(m.d[1].z)",
        "attribute_not_exists(#x)",
        "attribute_type(s, :S)",
        "attribute_type(ss, :SS)",
        "begins_with(s, :he)",
        "begins_with(b, :b)",
        "contains(s, :he)",
        "contains(ss, :a)",
        "contains(ns, :one)",
        "contains(l, :one)",
        "size(s) = :five",
        "size(ss) < :four",
        "size(m.d) = :one",
        "#m.k = :seven",
        "n = :six OR n = :five AND s = :hello",
        "(n = :six OR n = :five) AND (s = :hello)",
        "t = :true",
        "attribute_exists(#nil)",
        "n BETWEEN :four AND :six AND s = :hello",
    ] {
        check(text, true);
    }
}

#[test]
fn what_does_not() {
    for text in [
        "n = :six",
        "n = :hello",
        "s < :five",
        "zz = :five",
        "zz < :five",
        "NOT (n = :five OR s = :he)",
        "n = :six AND n = :five OR s = :he",
        "attribute_type(s, :SS)",
        "begins_with(n, :he)",
        "contains(s, :one)",
        "size(n) = :one",
        "zz BETWEEN :four AND :six",
        "zz IN (:one)",
        "m.k.z = :one",
    ] {
        check(text, false);
    }
}

#[test]
fn what_is_refused_in_awss_words() {
    for (text, said) in [
        (" ", "The expression can not be empty;"),
        ("n", r#"Syntax error; token: "<EOF>", near: "n""#),
        ("n = ", r#"Syntax error; token: "<EOF>", near: "=""#),
        ("n == :five", r#"Syntax error; token: "=", near: "== :five""#),
        ("n ! :five", r#"Syntax error; token: "!", near: "n !""#),
        ("n = :five :six", r#"Syntax error; token: ":six", near: ":five :six""#),
        ("((n = :five))", "The expression has redundant parentheses;"),
        ("status = :five", "Attribute name is a reserved keyword; reserved keyword: status"),
        (
            "#q = :five",
            "An expression attribute name used in the document path is not defined; attribute name: #q",
        ),
        ("n = :q", "An expression attribute value used in expression is not defined; attribute value: :q"),
        ("exists(n)", "Invalid function name; function: exists"),
        (
            "if_not_exists(n, :five)",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        ("size(n)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(n) = :five",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        (
            "attribute_exists(:five)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "begins_with(n)",
            "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1",
        ),
        (
            "begins_with(n, :five)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "n < :l",
            "Incorrect operand type for operator or function; operator or function: <, operand type: L",
        ),
        (
            "size(:five) = n",
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "attribute_type(n, :bad)",
            "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "n = n",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [n]",
        ),
        (
            "n BETWEEN :six AND :five",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {N:5}",
        ),
        (
            "n BETWEEN :six AND :he",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {S:he}",
        ),
    ] {
        let error = parsed(text).unwrap_err();
        assert_eq!(error.message.unwrap(), format!("Invalid ConditionExpression: {said}"), "{text}");
    }
}

#[test]
fn what_is_too_deep_or_too_long_is_refused() {
    let deep = format!("{}n = :five{}", "NOT (".repeat(200), ")".repeat(200));
    let long = vec!["n=:five"; 400].join(" OR ");
    let huge = "n".repeat(5000);
    for text in [deep, long, huge, "(".repeat(4000)] {
        assert_eq!(parsed(&text).unwrap_err().code, "ValidationException");
    }
}

#[test]
fn no_text_is_a_panic() {
    // Every prefix and every single change of a text that uses all there is.
    let text = "NOT (a.b[0] = :five AND size(#m) >= :four) OR n IN (:one, :six) AND contains(s, :he) OR n BETWEEN :four AND :six";
    for end in 0..text.len() {
        let _ = parsed(&text[..end]);
        for other in ["(", ")", ",", "[", "]", ".", "#", ":", "=", "<", " ", "é", "9"] {
            let _ = parsed(&format!("{}{other}{}", &text[..end], &text[end + 1..]));
        }
    }
}

/// A condition as a tree, which is written with no more parentheses than it needs, or with some more.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(&'static str, bool),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Parentheses(Box<Tree>),
}

impl Tree {
    fn holds(&self) -> bool {
        match self {
            Self::Leaf(_, holds) => *holds,
            Self::Not(tree) => !tree.holds(),
            Self::And(left, right) => left.holds() && right.holds(),
            Self::Or(left, right) => left.holds() || right.holds(),
            Self::Parentheses(tree) => tree.holds(),
        }
    }

    /// How tightly it binds.
    fn rank(&self) -> u8 {
        match self {
            Self::Or(..) => 0,
            Self::And(..) => 1,
            Self::Not(_) => 2,
            Self::Leaf(..) | Self::Parentheses(_) => 3,
        }
    }

    fn text(&self, within: u8) -> String {
        let text = match self {
            Self::Leaf(text, _) => (*text).to_owned(),
            Self::Not(tree) => format!("not {}", tree.text(2)),
            Self::And(left, right) => format!("{} AND {}", left.text(1), right.text(1)),
            Self::Or(left, right) => format!("{} oR {}", left.text(0), right.text(0)),
            Self::Parentheses(tree) => format!("({})", tree.text(0)),
        };
        if self.rank() < within { format!("( {text})") } else { text }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop::sample::select(vec![
        Tree::Leaf("n BETWEEN :four AND :six", true),
        Tree::Leaf("n<:four", false),
        Tree::Leaf("n in (:one, :five)", true),
        Tree::Leaf("begins_with(s, :he)", true),
        Tree::Leaf("attribute_exists(#x)", false),
        Tree::Leaf("size(l)>:one", true),
        Tree::Leaf("m.d[0].z=:hello", false),
    ]);
    leaf.prop_recursive(5, 24, 2, |inner| {
        let inner = inner.prop_map(Box::new);
        prop_oneof![
            inner.clone().prop_map(Tree::Not),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| Tree::And(left, right)),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| Tree::Or(left, right)),
            inner.prop_map(Tree::Parentheses),
        ]
    })
}

/// Pieces of all expressions' grammars in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "(",
        ")",
        "[",
        "]",
        "[0]",
        ".",
        ",",
        "=",
        "<>",
        "<=",
        "+",
        "-",
        "#m",
        "#",
        ":one",
        ":",
        "n",
        "l",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "if_not_exists",
        "list_append",
        "attribute_type",
        "size",
        "contains",
        "begins_with",
        "NOT",
        "AND",
        "OR",
        "BETWEEN",
        "IN",
        "9999999999999999999",
        "'",
        "\"",
        "é",
        "\0",
        "SELECT",
        "*",
        "FROM",
        "WHERE",
        "?",
        "{",
        "<<",
    ]);
    prop::collection::vec((pieces, prop::sample::select(vec!["", " "])), 0..16)
        .prop_map(|all| all.into_iter().map(|(piece, space)| format!("{piece}{space}")).collect())
}

proptest! {
    #[test]
    fn a_condition_holds_as_its_tree_does(tree in tree()) {
        let parsed = parsed(&tree.text(0));
        // Redundant parentheses have an error of their own.
        prop_assume!(parsed.is_ok());
        prop_assert_eq!(parsed.unwrap().holds(&item(ITEM)), tree.holds(), "{}", tree.text(0));
    }

    #[test]
    fn no_expression_is_too_strange_to_be_read(text in soup(), garbage in ".{0,40}") {
        for text in [text, garbage] {
            let scope = || scope(&[("#m", "m")], VALUES);
            if let Ok(condition) = parsed(&text) {
                condition.holds(&item(ITEM));
            }
            if let Ok(update) = Update::parse(&text, &mut scope()) {
                let _ = update.apply(&item(ITEM));
            }
            if let Ok(projection) = Projection::parse(&text, &mut scope()) {
                projection.apply(&item(ITEM));
            }
            let _ = key_condition::parse(&text, &mut scope());
            let _ = partiql::read(&text, None);
        }
    }
}
