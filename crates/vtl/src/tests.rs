//! Templates as tables: what goes in, what comes out.

use std::rc::Rc;

use serde_json::json;

use crate::{Error, Object, Scope, Template, Value};

struct Input;

impl Object for Input {
    fn property(&self, name: &str) -> Value {
        if name == "body" { "{}".into() } else { Value::Null }
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Result<Value, String> {
        match method {
            "params" => Ok(format!("<{}>", arguments[0].text().unwrap_or_default()).into()),
            other => Err(format!("no method {other}")),
        }
    }
}

fn scope() -> Scope {
    let data =
        json!({ "a": 1, "b": [1, 2, 3], "c": { "d": "x" }, "e": "text", "f": 1.5, "g": null, "h": [] });
    Scope::default()
        .with("data", Value::from_json(&data))
        .with("name", "n")
        .with("input", Value::Object(Rc::new(Input)))
}

#[track_caller]
fn check(template: &str, expected: &str) {
    let rendered = Template::parse(template).and_then(|template| template.render(&mut scope()));
    assert_eq!(rendered.as_deref(), Ok(expected), "{template}");
}

#[test]
fn references_are_filled_in() {
    check("plain", "plain");
    check("$name ${name}s $!name $!{name}", "n ns n n");
    check("$none ${none} $!none $!{none}.", "$none ${none}  .");
    check("$data.a $data.c.d $data.b[1] $data['e']", "1 x 2 text");
    check("$data.none|$data.c.none.more|$data.b[9]", "||");
    check("$data.b $data.c $data.f", "[1, 2, 3] {d=x} 1.5");
    check("$5 $ a$ #notone {$name}", "$5 $ a$ #notone {n}");
    check(r"\$name \#set", "$name #set");
    check("$input.body $input.params('x')", "{} <x>");
    check("$name.length() $name.toUpperCase()x", "1 Nx");
    check("a@b.com $name.", "a@b.com n.");
    check("é$name", "én");
}

#[test]
fn comments_and_texts_are_kept_or_not() {
    check("a## gone\nb", "ab");
    check("a#* gone\n *#b", "ab");
    check("#[[$name #if]]#", "$name #if");
}

#[test]
fn variables_are_set() {
    check("#set($x = 1)$x", "1");
    check("#set($x = \"$name!\")\n$x", "n!");
    check("#set($x = '$name')$x", "$name");
    check("#set($x = [1, 'a', $name])$x.size() $x", "3 [1, a, n]");
    check("#set($x = {'k': 1, \"l\": [2]})$x.k $x.l[0] $x", "1 2 {k=1, l=[2]}");
    check("#set($x = {})#set($x.k = 5)$x.k", "5");
    check("#set( $x = [1..3] )$x #set($y=[3..1])$y", "[1, 2, 3] [3, 2, 1]");
    check("#set($x = \"say \"\"hi\"\"\")$x", "say \"hi\"");
    check("#set($x = $data.b)#set($ok = $x.add(4))$data.b", "[1, 2, 3, 4]");
    check("#set($x = [1, 2])#set($x[0] = 9)$x", "[9, 2]");
}

#[test]
fn expressions_are_calculated() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3"),
        ("7 % 4", "3"),
        ("-3 + 1", "-2"),
        ("1.5 * 2", "3.0"),
        ("'a' + 1", "a1"),
        ("1 / 0", ""),
        ("1 == 1.0", "true"),
        ("'a' == 'a'", "true"),
        ("$data.g == $null", "true"),
        ("1 < 2 && 2 <= 2", "true"),
        ("1 gt 2 or 2 ge 2", "true"),
        ("!true || not false", "true"),
        ("!$data.none", "true"),
        ("1 != 2 and 1 ne 2", "true"),
        ("$data.a - 1", "0"),
    ] {
        check(&format!("#set($x = {expression})$!x"), expected);
    }
}

#[test]
fn blocks_are_chosen() {
    check("#if(true)a#end", "a");
    check("#if(false)a#else b#end", " b");
    check("#if(false)a#{else}b#end", "b");
    check("#if(false)a#elseif($name == 'n')b#else c#end", "b");
    check("#if($data.none)a#else b#end", " b");
    check("#if($data.h)a#elseif('')b#elseif($data.b)c#end", "c");
    check("#if(true)\n  a\n#end\nb", "  a\nb");
    check("#if(true)#if(false)a#else b#end c#end", " b c");
}

#[test]
fn lists_are_gone_through() {
    check("#foreach($x in $data.b)$x#if($foreach.hasNext),#end#end", "1,2,3");
    check("#foreach($x in ['a','b'])$foreach.index$foreach.count$velocityCount$x #end", "011a 122b ");
    check("#foreach($x in $data.b)#if($x == 2)#break#end$x#end.", "1.");
    check("#foreach($x in $data.b)$x#stop#end never", "1");
    check("#foreach($k in $data.c.keySet())$k=$data.c.get($k)#end", "d=x");
    check("#foreach($e in $data.c.entrySet())$e.key:$e.value#end", "d:x");
    check("#foreach($x in $data.c)$x#end", "x");
    check("#foreach($x in $data.none)a#end.", ".");
    check("#foreach($x in [1])#foreach($y in [1,2])$foreach.count#end$foreach.count#end", "121");
}

#[test]
fn values_have_methods() {
    for (expression, expected) in [
        ("'abc'.substring(1)", ""),
        ("$t.substring(1)", "bc"),
        ("$t.substring(0, 2)", "ab"),
        ("$t.contains('b') $t.startsWith('a') $t.endsWith('x')", "true true false"),
        ("$t.indexOf('c') $t.lastIndexOf('z') $t.charAt(0)", "2 -1 a"),
        ("$t.replace('b', 'x') $t.replaceAll('[ab]', '-') $t.concat('d')", "axc --c abcd"),
        ("$t.replaceAll('(a)(b)', '$2$1')", "bac"),
        ("$t.split('b') $t.matches('a.c') $t.matches('b')", "[a, c] true false"),
        ("$t.equals('abc') $t.equalsIgnoreCase('ABC') $t.isEmpty()", "true true false"),
        ("$data.b.contains(2) $data.b.indexOf(3) $data.b.get(0) $data.b.isEmpty()", "true 2 1 false"),
        ("$data.c.containsKey('d') $data.c.size() $data.c.values()", "true 1 [x]"),
        ("$data.c.put('n', 1)$data.c $data.c.remove('d') $data.c", "{d=x, n=1} x {n=1}"),
        ("$data.a.toString() $data.f.intValue()", "1 1"),
        ("$t.none()|", "|"),
    ] {
        if expression.starts_with('$') {
            check(&format!("#set($t = 'abc'){expression}"), expected);
        }
    }
}

#[test]
fn what_is_no_template_is_refused() {
    for template in [
        "#if(true)",
        "#foreach($x in [1])",
        "#set($x)",
        "#set(x = 1)",
        "#if()a#end",
        "#end",
        "#set($x = 'a)",
        "#* x",
    ] {
        let parsed = Template::parse(template);
        assert!(matches!(parsed, Err(Error::Syntax(..))), "{template} {parsed:?}");
    }
    let deep = format!("#set($x = {}1{})", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(Template::parse(&deep).err(), Some(Error::TooMuch("nesting")));
    let line = Template::parse("a\n\n#if(").err();
    assert!(line.is_some_and(|error| error.to_string().ends_with("at line 3")));
}

#[test]
fn what_takes_too_much_is_stopped() {
    let loops = "#foreach($a in [1..1000])#foreach($b in [1..1000])x#end#end";
    let doubling = format!("#set($x = 'xxxxxxxxxx'){}", "#set($x = \"$x$x$x$x$x$x$x$x$x$x\")".repeat(8));
    let shared = format!("#set($x = [1]){}$x", "#set($x = [$x, $x])".repeat(60));
    let long = format!("#set($x = [1]){}", "$x.addAll($x)".repeat(40));
    let own = "#set($x = [1])#set($ok = $x.add($x))$x";
    for template in [loops, "#set($x = [1..100000])", &doubling, &shared, &long, own] {
        let rendered = Template::parse(template).expect("a template").render(&mut scope());
        assert!(matches!(rendered, Err(Error::TooMuch(_))), "{:?}", rendered.map(|text| text.len()));
    }
    let deep = "#set($x = [])#foreach($a in [1..300])#foreach($b in [1..300])#set($x = [$x])#end#end";
    check(deep, "");
    check("#set($x = [1])#set($y = $x.add($x))#set($z = [$x])#if($z == $x)a#else b#end", " b");
    let failed = Template::parse("$input.none()").expect("a template").render(&mut scope());
    assert_eq!(failed, Err(Error::Failed("no method none".to_owned())));
}
