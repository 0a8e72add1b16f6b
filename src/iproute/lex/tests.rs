//! Tokens of small texts, and faults with their places.

use super::*;

/// Tokens in a shape that reads: words in brackets, operators as they are, `~` for a newline.
fn tokens(text: &str) -> Result<String, Fault> {
    let mut lexer = Lexer::new(text);
    let mut out = String::new();
    while let Some(token) = lexer.next()? {
        match token {
            Token::Word(word) => out += &format!("[{}]", word.text),
            Token::Redirect(redirect, _) => out += &format!("{redirect:?}"),
            Token::Newline(_) => out.push('~'),
            Token::Semicolon(_) => out.push(';'),
            Token::And(_) => out += "&&",
            Token::Or(_) => out += "||",
        }
    }
    Ok(out)
}

#[test]
fn words_are_unquoted_as_sh_does() {
    for (text, expected) in [
        ("", ""),
        ("\u{feff}ip link", "[ip][link]"),
        ("ip\tlink  show", "[ip][link][show]"),
        ("ip link\r\nip\r\n", "[ip][link]~[ip]~"),
        ("a\rb", "[a\rb]"),
        ("'a b' \"c d\"", "[a b][c d]"),
        ("a'b'\"c\"d", "[abcd]"),
        ("'' \"\"", "[][]"),
        (r"a\ b \' \\", r"[a b]['][\]"),
        (r#"'\n' "\n" "\"" "\$x""#, r#"[\n][\n]["][$x]"#),
        ("a\\\nb", "[ab]"),
        ("a \\\r\n b", "[a][b]"),
        ("\"a\\\nb\"", "[ab]"),
        ("'a\\\nb'", "[a\\\nb]"),
        ("a # b\nc#d", "[a]~[c#d]"),
        ("# only", ""),
        ("a;b&&c||d", "[a];[b]&&[c]||[d]"),
        ("a\\;b \\# c", "[a;b][#][c]"),
        ("$ a$ %$%", "[$][a$][%$%]"),
        ("[ a ]", "[[][a][]]"),
        ("\\", "[\\]"),
        ("naïve ünï", "[naïve][ünï]"),
        ("'*' \\* \"?\"", "[*][*][?]"),
        ("a={b}", "[a={b}]"),
    ] {
        assert_eq!(tokens(text).as_deref(), Ok(expected), "{text:?}");
    }
}

#[test]
fn redirections_drop_or_join() {
    for (text, expected) in [
        (">/dev/null", "Drop(1)"),
        ("1> /dev/null", "Drop(1)"),
        ("2>>/dev/null", "Drop(2)"),
        ("2>&1", "Join(2, 1)"),
        (">&2", "Join(1, 2)"),
        ("</dev/null", "Input"),
        ("a 2>/dev/null;b", "[a]Drop(2);[b]"),
        ("a2>/dev/null", "[a2]Drop(1)"),
        (">'/dev/null'", "Drop(1)"),
    ] {
        assert_eq!(tokens(text).as_deref(), Ok(expected), "{text:?}");
    }
}

#[test]
fn faults_have_their_place() {
    for (text, line, column, word) in [
        ("a\n  'b", 2, 3, "'"),
        ("a \"b\nc", 1, 3, "\""),
        ("a & b", 1, 3, "&"),
        ("ü | b", 1, 3, "|"),
        ("a;;", 1, 2, ";;"),
        ("a (b)", 1, 3, "("),
        ("a $b", 1, 3, "$b"),
        ("a\\\n $bc", 2, 2, "$bc"),
        ("\"x $y\"", 1, 4, "$y"),
        ("a$'b'", 1, 2, "$'"),
        ("a `b`", 1, 3, "`"),
        ("a <<x", 1, 3, "<<"),
        ("a 3>/dev/null", 1, 3, "3>"),
        ("a >", 1, 3, ">"),
        ("a >x", 1, 3, ">x"),
        ("a b*", 1, 4, "*"),
        ("~/x", 1, 1, "~"),
        ("h{a,b}", 1, 1, "h{a,b}"),
        ("a\0", 1, 2, "\0"),
    ] {
        let fault = tokens(text).expect_err(text);
        let at = Position { line, column };
        assert_eq!((fault.at, &*fault.word), (at, word), "{text:?}");
    }
}
