//! Patterns and what they match, many of them AWS's documented examples.

use super::Pattern;

fn check(pattern: &str, message: &str, expected: bool) {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error:?}"));
    assert_eq!(parsed.matches(message), expected, "{pattern} on {message}");
}

#[test]
fn terms_match_as_awss() {
    check("", "anything", true);
    check("ERROR", "[ERROR] 12", true);
    check("ERROR", "[error] 12", false);
    check("ERROR 12", "[ERROR] 12", true);
    check("ERROR 13", "[ERROR] 12", false);
    check("?ERROR ?WARN", "a WARN", true);
    check("?ERROR ?WARN", "an INFO", false);
    check("ERROR -timeout", "ERROR timeout", false);
    check("\"INTERNAL SERVER\"", "an INTERNAL SERVER ERROR", true);
    check("\"INTERNAL SERVER\"", "SERVER INTERNAL", false);
    check("%ERROR [0-9]+%", "an ERROR 12", true);
    check("%ERROR [0-9]+%", "an ERROR x", false);
    check("-%^DEBUG%", "DEBUG x", false);
    check("10%", "10% done", true);
}

const EVENT: &str = r#"{
    "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "count": 3, "ratio": 1.5e2, "cluster.name": "c",
    "arrayKey": ["value", "another"], "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": null, "ThisFlag": true, "OtherFlag": false, "nested": {"x": {"y": "deep value"}}, "numeric": "42"
}"#;

#[test]
fn json_patterns_match_as_awss() {
    for (pattern, expected) in [
        (r#"{ $.eventType = "UpdateTrail" }"#, true),
        (r#"{ $.eventType = "updateTrail" }"#, false),
        ("{ $.eventType = UpdateTrail }", true),
        ("{$.eventType=Update*}", true),
        (r#"{ $.eventType = "*Trail" }"#, true),
        (r#"{ $.eventType = "*date*" }"#, true),
        ("{ $.sourceIPAddress != 123.123.* }", true),
        ("{ $.sourceIPAddress != 111.111.* }", false),
        (r#"{ $.arrayKey[0] = "value" }"#, true),
        (r#"{ $.arrayKey[1] = "value" }"#, false),
        (r#"{ $.arrayKey[2] = "value" }"#, false),
        (r#"{ $.arrayKey[*] = "another" }"#, true),
        ("{ $.objectList[1].id = 2 }", true),
        ("{ $.objectList[*].id > 2 }", false),
        ("{ $.objectList[*].id >= 2 }", true),
        ("{ $.SomeObject IS NULL }", true),
        ("{ $.eventType IS NULL }", false),
        ("{ $.SomeOtherObject NOT EXISTS }", true),
        ("{ $.eventType NOT EXISTS }", false),
        ("{ $.eventType EXISTS }", true),
        ("{ $.missing != 1 }", false),
        ("{ $.ThisFlag IS TRUE }", true),
        ("{ $.OtherFlag IS TRUE }", false),
        ("{ $.OtherFlag IS FALSE }", true),
        ("{ $.count > 2 }", true),
        ("{ $.count > 3 }", false),
        ("{ $.count <= 3.0 }", true),
        ("{ $.count = 3 }", true),
        ("{ $.count = -3 }", false),
        ("{ $.ratio = 150 }", true),
        ("{ $.ratio < 1.6e+2 }", true),
        ("{ $.numeric = 42 }", true),
        ("{ $.numeric > 41 }", false),
        ("{ $.nested.x.y = \"deep value\" }", true),
        ("{ $.nested.*.y = \"deep*\" }", true),
        ("{ $.nested = \"*\" }", true),
        ("{ $.['cluster.name'] = \"c\" }", true),
        ("{ $['cluster.name'] = \"c\" }", true),
        ("{ $.eventType = %Up[a-z]+Trail% }", true),
        ("{ $.eventType = %^Trail% }", false),
        ("{ $.count = 3 && $.ratio = 1 }", false),
        ("{ $.count = 4 || $.count = 3 && $.ThisFlag IS TRUE }", true),
        ("{ ($.count = 4 || $.count = 3) && $.ThisFlag IS FALSE }", false),
        ("{ ($.count = 1) || (($.count = 3) && ($.ratio > 1)) }", true),
    ] {
        check(pattern, EVENT, expected);
        check(pattern, "no JSON", false);
    }
}

const APACHE: &str =
    r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;

#[test]
fn words_match_as_awss() {
    for (pattern, expected) in [
        ("[ip, user, username, timestamp, request, status_code, bytes]", true),
        ("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", true),
        ("[ip, user, username, timestamp, request =*.png*, status_code = 4*, bytes]", false),
        ("[ip, user, username, timestamp, request, status_code = 404, bytes > 1000]", true),
        ("[ip, user, username, timestamp, request, status_code = 404, bytes > 1534]", false),
        ("[ip, user, username, timestamp = \"10/Oct/2000*\", ...]", true),
        ("[..., status_code = 404, bytes]", true),
        ("[..., status_code = 404]", false),
        ("[..., status_code = 404 || status_code = 410, bytes]", true),
        ("[ip, ..., bytes = 1534]", true),
        ("[ip = %127\\.0\\.0\\.[1-9]%, user, ...]", true),
        ("[ip, user, username, timestamp, request, status_code, bytes, more]", false),
        ("[ip, user, ..., request, status_code, bytes, a, b, c]", false),
        ("[...]", true),
        ("[]", true),
    ] {
        check(pattern, APACHE, expected);
    }
    let error = "ERROR 09/25/2014 12:00:02 Failed to process request";
    for (pattern, expected) in [
        // The last takes the rest of the line: AWS documents that something has to stand there for it.
        ("[w1=ERROR, w2]", true),
        ("[w1=ERROR]", false),
        ("[w1=WARNING || w1=ERROR, w2]", true),
        ("[w1!=ERROR && w1!=WARNING, w2]", false),
        ("[w1=ERROR, w2=*request]", true),
        ("[a, b, c, d=Failed, ...]", true),
    ] {
        check(pattern, error, expected);
    }
    check("[w1=ERROR, w2]", "ERROR", false);
}

#[test]
fn what_is_no_pattern_is_refused() {
    for pattern in [
        "\"open",
        "{ $.a = 1",
        "{ $.a }",
        "{ $.a == 1 }",
        "{ a = 1 }",
        "{ $.a = }",
        "{ $.a > x }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a[*].b[*] = 1 }",
        "{ $.a IS MAYBE }",
        "{ $.a = %(x)% }",
        "{ $.a = %x% || $.a = %y% || $.a = %z% }",
        "{}",
        "[a, b",
        "[a, ..., b, ...]",
        "[a = ]",
        "[a = 1 || b = 1]",
        "[a b]",
        "%[%",
        "%a!%",
    ] {
        let error = Pattern::parse(pattern).expect_err(pattern);
        assert_eq!(error.code, "InvalidParameterException", "{pattern}");
    }
}
