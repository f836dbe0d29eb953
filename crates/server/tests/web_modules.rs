//! How the build joins the modules of the web client.

#[path = "../build/join.rs"]
mod join;

use join::{Module, join, trim};

fn joined(modules: &[(&str, &str)]) -> Result<String, String> {
    let modules: Vec<Module> = modules
        .iter()
        .map(|(path, text)| Module { path: (*path).to_owned(), text: (*text).to_owned() })
        .collect();
    join(&modules)
}

/// One module after another that exports `a`.
fn refusal(text: &str) -> String {
    let error = joined(&[("core/a.js", "export const a = 1;\n"), ("app/b.js", text)]).unwrap_err();
    error.strip_prefix("web/app/b.js: ").unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn modules_become_one_script_without_import_export_and_comments() {
    let script = joined(&[
        (
            "core/a.js",
            "/*\nimport of no statement\n*/\nexport const a = 1; // goes\n/** @type {a} */\nexport function f() {\n  \
             // goes\n  export_me();\n  /** Goes,\n   * too. */\n  /** @type {a} */ (g)();\n}\n/*! A licence stays. */\n\
             export async function g() {}\nexport class C {}\nfunction h() {}\nexport { h };\n",
        ),
        ("core/b.js", "import \"./a.js\";\nimport { a } from './a.js';\nexport let b = a;\n"),
        (
            "app/c.js",
            "import {\n  a,\n  f, // the one\n} from \"../core/a.js\";\nimport { b } from \"../core/b.js\";\nf(a, b);\n",
        ),
    ])
    .unwrap();
    let expected = "\"use strict\";\nconst a=1;\nfunction f(){export_me();(g)();}\n/*! A licence stays. */\nasync function g(){}\nclass C{}\n\
                    function h(){}\nlet b=a;\nf(a,b);\n";
    assert_eq!(script, expected);
}

#[test]
fn a_module_that_breaks_a_rule_is_reported_with_the_rule() {
    for (text, part) in [
        ("const a = 2;\n", "the top-level name a is declared in web/core/a.js too"),
        ("import { b } from \"../core/a.js\";\n", "imports b, which web/core/a.js does not export"),
        ("import { a } from \"./later.js\";\n", "web/app/later.js, which modules.txt must name"),
        ("import { a } from \"preact\";\n", "a path that begins with ./ or ../"),
        ("import { a as c } from \"../core/a.js\";\n", "renaming cannot be joined"),
        ("import * as all from \"../core/a.js\";\n", "only `import { a, b }"),
        ("import a from \"../core/a.js\";\n", "only `import { a, b }"),
        ("import { a } from \"../core/a.js\"\n", "no semicolon"),
        ("export default 1;\n", "only `export` before a declaration"),
        ("export * from \"../core/a.js\";\n", "only `export` before a declaration"),
        ("function c() {}\nexport { c as d };\n", "renaming cannot be joined"),
        ("export { a } from \"../core/a.js\";\n", "only `export { a, b };`"),
        ("const { c, d } = a;\n", "must have one name"),
        ("export const [c] = a;\n", "must have one name"),
    ] {
        let reason = refusal(text);
        assert!(reason.contains(part), "{text:?}: {reason}");
    }
}

#[test]
fn a_script_loses_what_only_its_readers_need_and_nothing_else() {
    for (text, expected) in [
        ("let a = b + c; // why\n\n\n  /* what */ a ++;\n", "let a=b+c;\na++;\n"),
        ("a + +b - -c + ++d", "a+ +b- -c+ ++d"),
        ("return x in y", "return x in y"),
        ("return /** @type {X} */b; a +/**/+ b; a/**/.b", "return b;a+ +b;a.b"),
        ("#count = #other in this", "#count=#other in this"),
        (
            "'it\\'s // no comment'  + \"/* nor  this */\"",
            "'it\\'s // no comment'+\"/* nor  this */\"",
        ),
        ("`a  // ${ b + `c  ${ d }  ` }  /* e */\n  f`", "`a  // ${b+`c  ${d}  `}  /* e */\n  f`"),
        ("`\\`  $  {` + { a: 1 } ", "`\\`  $  {`+{a:1}"),
        ("x = /[/ ]\\/  '/u . test(y) / 2 / z", "x=/[/ ]\\/  '/u.test(y)/2/z"),
        ("return /a  b/", "return/a  b/"),
        ("a / /b  c/", "a/ /b  c/"),
        ("f(/ +/g, 1)", "f(/ +/g,1)"),
        ("(a) / b / c[0] / 2", "(a)/b/c[0]/2"),
        ("ü  = '→  '", "ü='→  '"),
        // A line break stays where it could end a statement, and between top-level declarations.
        ("f() {\n  a;\n  b(\n    c,\n    d\n  )\n  e\n}\ng;\n", "f(){a;b(c,d)\ne}\ng;\n"),
        ("{ a\n  ++b\n  (c)\n  [d]\n  /e/.f }", "{a\n++b\n(c)\n[d]\n/e/.f}"),
        ("{ return\n  a ?\n  b\n  : c\n  && d }", "{return\na?b:c&&d}"),
        ("const a = [\n  1,\n];\nb", "const a=[1];\nb"),
        ("{ x => {\n} // c\n  /* d */ y }", "{x=>{}y}"),
        // So does the semicolon of an empty loop.
        ("{ a(b); c; }", "{a(b);c}"),
        ("{ while (a()); }", "{while(a());}"),
        ("f(a, [b, { c, }, ], ); [,]; [a,,]", "f(a,[b,{c}]);[,];[a,,]"),
        ("for (;;) { `,}` }", "for(;;){`,}`}"),
        // htm takes line breaks at the ends of texts away, too; between attributes one stands for all.
        (
            "html`\n  <a  b='c  d'\n    e=${f}\n    ...${g}>\n    h  i\n    j ${k}\n    ${l}\n  </a>\n` + `m\n  n`",
            "html`<a  b='c  d'\ne=${f}\n...${g}>h  i\nj ${k}\n${l}</a>`+`m\n  n`",
        ),
        (
            "html`<a>${b.map((c) => html`\n  <d />\n`)}\n</a>`",
            "html`<a>${b.map((c)=>html`<d />`)}</a>`",
        ),
    ] {
        assert_eq!(trim::script(text).as_deref(), Ok(expected), "{text}");
    }
    for (text, what) in [
        ("'a\n'", "a string"),
        ("`a${b}", "a template"),
        ("= /a", "a regular"),
        ("/* a", "a comment"),
    ] {
        let refusal = trim::script(text).unwrap_err();
        assert!(refusal.starts_with(what), "{refusal}");
    }
}

#[test]
fn a_style_sheet_loses_comments_and_spaces_and_nothing_else() {
    for (text, expected) in [
        (
            "a > b:not(.c) .d ,\n  e { color : red ;  top: 0; }\n\n/* f */\ng { h: i }",
            "a>b:not(.c) .d,e{color :red;top:0}\ng{h:i}",
        ),
        (
            "a { width: calc(100% - 2px); content: \"a  ; }\" }",
            "a{width:calc(100% - 2px);content:\"a  ; }\"}",
        ),
        (
            "@media (min-width: 1px) and (x) { a :hover { margin: -1px 0 } }",
            "@media (min-width:1px) and (x){a :hover{margin:-1px 0}}",
        ),
    ] {
        assert_eq!(trim::style(text).as_deref(), Ok(expected), "{text}");
    }
}
