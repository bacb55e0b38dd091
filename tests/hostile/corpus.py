"""Hostile texts: what a user of the account could call a cluster, to attack whoever reads of it.

Built from families of attacks and the ways they are hidden, always the same and in the same order.
"""

from __future__ import annotations

FORMULAS = (
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|'/c calc'!A0", "%0A=1+1", "|=1"),
    *('=HYPERLINK("http://evil.example","x")', "=WEBSERVICE('http://evil.example')", "1+1", "'=1"),
    *("\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20SUM(A1)", '=DDE("a";"b")', ";=1", ",=1"),
)  # fmt: skip
BEFORE_A_FORMULA = (
    *("", " ", "  ", "\t", "\r", "\n", "\r\n", "\x00", "\v", "\f", "'", '"', '""', '",', "\u00a0"),
    *("\u00ad", "\u200b", "\u2060", "\ufeff", "\u202e", "\u2066", "\u3000", "\u2028", "\u180e"),
)
MARKUP = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>"),
    *("<b>bold</b>", "<!--", "-->", "<![CDATA[", "]]>", "</title><script>alert(1)</script>"),
    *("<iframe src=//evil.example>", "<base href=//evil.example>", "<link rel=import href=//e>"),
    *("<meta http-equiv=refresh content='0;url=//evil.example'>", "<form action=//evil.example>"),
    *("<math><mtext><style><img src onerror=alert(1)>", "<noscript><p title='</noscript><x>'>"),
    *("</svg><script>alert(1)</script>", "<textarea>", "<plaintext>", "<xmp>", "<!DOCTYPE html>"),
    *("&lt;script&gt;", "&#60;script&#62;", "&amp;lt;", "&", "&nbsp;", "&unknown;", "<", ">", "<<"),
    *("\uff1cscript\uff1ealert(1)", "<scr\x00ipt>", "<script\n>", "<script/x>", "%3Cscript%3E"),
)
ENDS_A_CONTEXT = (
    *("", '"', "'", "`", '">', "'>", "</td>", "</style>", "</script>", "</pre>", "</bdi>", "*/"),
    *("-->", "</text></svg>", "</option></select>", "]]>", "</title>", '\\">', "\\'>"),
)
IN_ATTRIBUTES = (
    *('" onmouseover="alert(1)', "' onmouseover='alert(1)", "x onfocus=alert(1) autofocus"),
    *('" style="background:url(//evil.example)', "' autofocus onfocus=alert(1) x='", '"/><x y="'),
    *("`onclick=alert(1)", '" srcdoc="<script>alert(1)</script>', '"=">', '\\" onload=\\"x'),
)  # fmt: skip
IN_SCRIPTS = (
    *("</script><script>alert(1)//", "<!--<script>", '";alert(1);//', "';alert(1);//", "\\"),
    *("\\u003cscript\\u003e", "${alert(1)}", "*/alert(1)/*", "\\x3cscript>", "\\';alert(1)//"),
    *("__proto__", "constructor", "toString", "[object Object]", "null", "NaN", "undefined"),
)
IN_STYLES = (
    *("}body{display:none}", "</style><x>", "expression(alert(1))", "@import url(//evil.example);"),
    *("background:url(javascript:alert(1))", "/*", "\\3c script"),
)
ADDRESSES = (
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "vbscript:x"),
    *("data:text/html,<script>alert(1)</script>", "file:///etc/passwd", "//evil.example/x"),
    *("http://evil.example", "https://evil.example/?a=1&b=2", "www.evil.example", "ftp://evil"),
    *("mailto:a@evil.example", "\\\\evil\\share", "a@evil.example", "tel:+1", "ms-word:ofe|u|x"),
)
HEADERS = (
    *("x\r\nBcc: victim@example.com", "x\nSubject: other", "x\r\n\r\n<html>", "x\rTo: y@example"),
    *("x%0d%0aBcc:v", "=?utf-8?q?=0D=0ABcc:_v?=", "x\r\n.\r\nQUIT", "x\u2028Bcc: v", "x\x85Bcc: v"),
    *("--=_boundary--", "Content-Type: text/html", "x\v\fBcc: v", '"a" <v@example.com>,'),
)
TERMINAL = (
    *("\x1b[31mred", "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x07x"),
    *("\x1b]52;c;aGk=\x07", "\x9b2J", "\x90q\x9c", "\x07\x08\x08\x08", "\x7f", "\x1bc", "\x1b[6n"),
    *("\x1bP1$r\x1b\\", "a\rb", "a\x0bb", "\x0e\x0f", "[bold red]x[/]", "[link=http://evil]x[/]"),
)
INVISIBLE = (
    *("\u202egpj.exe", "\u202dx", "\u2066x", "\u2067x\u2069", "\u2068x", "\u200fx", "\u200ex"),
    *("\u061cx", "a\u200bb", "a\u200cb", "a\u200db", "a\u2060b", "\ufeffx", "a\u00adb", "\u180ex"),
    *("\U000e0041\U000e0042", "\ufff9x\ufffa", "\u2028x", "\u2029x", "\x85x", "a\u0300" * 50),
    *("\ue000", "\U0010ffff", "\uffff", "\ufdd0", "\u115f\u3164", "\u2800", "\u034fx", "\ufe0fx"),
)
TOML = (
    *('"""\nowner = "x"', "'''\nowner = 'x'", '"\n[mail]\nto = ["v@example.com"]\n', "\\", '\\"'),
    *("\\u0022\nx = 1", "# comment", "[[exclude]]", "x = 1", "\\U0000000A", "\\\n", "'", '"#"'),
    *("*", "?", "[!a]", "[a-z]*", "[", "**/*", "{a,b}"),
)
MARKDOWN = (
    *(
        "[x](javascript:alert(1))",
        "![x](http://evil.example/x.png)",
        "<http://evil.example>",
        "# h",
    ),
    *(
        "**bold**",
        "__bold__",
        "`code`",
        "```\ncode",
        "~~~",
        "> quote",
        "- item",
        "1. item",
        "1) item",
        "---",
    ),
    *("| a | b |", "<details>", "@everyone", "#1", "- [x] done"),
    *(
        "``` `` `",
        "    code",
        "a  \nb",
        "===",
        "~~gone~~",
        "a@b.example",
        "$\\href{x}{y}$",
        "\\[x]",
    ),
    *("<!channel>", "<!here|here>", "<@U012AB3CD>", "<#C1>", "<https://evil.example|safe>", ":x:"),
    *("*bold*", "_it_", "<at>Everyone</at>", "@here", "@channel", "{{DATE(2026-01-01, SHORT)}}"),
)
TEMPLATES = (
    *("{{ 7*7 }}", "{% for x in y %}", "{# x #}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{config}}"),
    *("%s%s%n", "%(x)s", "{0}", "{x.__class__}", "$(id)", "`id`", "; rm -rf /", "&& id", "| id"),
    *("$TENSORONE_API_KEY", "'; id; '", "$'\\x41'", "!!", "~root", "-rf", "--help", "\\n", "%n"),
)
PATHS = (
    *(
        "../../etc/passwd",
        "..\\..\\x",
        "/etc/passwd",
        "a/b",
        ".",
        "..",
        "CON",
        "a\x00b",
        "x/../../",
    ),
    *("C:\\x", "~", ".git/config", "a:b", "name\n", " ", "", "\t", "-", "\u2014", "None", "nan"),
)
SCRIPTS = (
    *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u6f22\u5b57", "\U0001f600"),
    *("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u0130\u0131\u00df"),
    *("\ufb03", "\u1e9e", "\u0e01\u0e33", "z\u0351\u0325\u034d", "\u212a", "\u00c5", "A\u030a"),
)
LONE_SURROGATES = ("\ud800", "x\udfff", "\udc80=1", "<\ud83d>")
LONG = ("a" * 20_000, "<" * 20_000, "\u202e" * 5_000, '"' * 20_000, "=" + "A1+" * 5_000 + "1",
        "-" * 10_000, "x y " * 5_000, "\n" * 5_000, "\U0001f600" * 5_000)  # fmt: skip


def corpus() -> list[str]:
    """At least a thousand hostile texts, each once."""
    texts = [before + formula for formula in FORMULAS for before in BEFORE_A_FORMULA]
    texts += [end + markup for markup in MARKUP for end in ENDS_A_CONTEXT]
    for family in (IN_ATTRIBUTES, IN_SCRIPTS, IN_STYLES, ADDRESSES, HEADERS, TERMINAL, INVISIBLE):
        texts += family
    for family in (TOML, MARKDOWN, TEMPLATES, PATHS, SCRIPTS, LONE_SURROGATES, LONG):
        texts += family
    return list(dict.fromkeys(texts))
