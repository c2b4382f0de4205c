# SPDX-License-Identifier: Apache-2.0
"""Just enough C++ reading for tools/check_rules.py: comments and strings blanked, and where functions begin and end."""
import re

TOKEN = re.compile(
    r'//(?:[^\n\\]|\\.|\\\n)*'                          # comment to the end of the line
    r'|/\*.*?\*/'                                       # block comment
    r'|(?<!\w)(?:u8|[uUL])?R"([^()\\\s]{0,16})\(.*?\)\1"'  # raw string
    r'|"(?:[^"\\\n]|\\.)*"'                             # string
    r"|(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+'",  # character; 1'000 is a number
    re.S)


def blank(text):
    """Comments and the contents of strings become spaces; offsets and lines stay as they were."""

    def spaces(match):
        found = match[0]
        kept = re.sub(r"[^\n]", " ", found)
        if found.startswith("/"):
            return kept
        quote = found[-1]
        first = found.index(quote)
        return kept[:first] + quote + kept[first + 1:-1] + quote

    code = TOKEN.sub(spaces, text)
    # A preprocessor line is no statement; #include lines are read from the original text.
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", lambda m: re.sub(r"[^\n]", " ", m[0]), code, flags=re.M)


def functions(code):
    """(name, first line, last line) of every function that is not inside another one, macros with a body included."""
    stack = []  # (is a function, name, offset of its head)
    inside = 0
    head = 0
    for match in re.finditer(r"[{};]|\b(?:public|private|protected)\s*:(?!:)", code):
        mark = match[0]
        if mark == "{":
            text = code[head:match.start()]
            name = None if inside else function_name(text)
            begin = head + len(text) - len(text.lstrip())
            stack.append((name, begin))
            inside += name is not None
        elif mark == "}" and stack:
            name, begin = stack.pop()
            if name is not None:
                inside -= 1
                yield name, line_at(code, begin), line_at(code, match.start())
        head = match.end()


def function_name(head):
    """The function whose body follows `head`, or None when a class, a namespace or a value follows."""
    head = re.sub(r"\[\[.*?\]\]|\balignas\s*\([^()]*\)", " ", head, flags=re.S)
    head = until_stable(r"<[^<>(){};]*>", " ", head)  # template arguments may hold `=` and `class`
    if re.match(r"\s*(?:namespace|extern)\b", head) or re.search(r"\b(?:class|struct|union|enum|concept)\b[^()]*$", head):
        return None
    flat = until_stable(r"\([^()]*\)", " @ ", head)
    if "@" not in flat or re.search(r"=(?!=)", re.sub(r"\boperator\s*\W+", "operator", flat)):
        return None
    found = re.match(r"\s*([^@]*?)([\w:~]+|operator\s*\W{0,3})\s*@", flat, re.S)
    return found[2].strip() if found else "function"


def until_stable(pattern, replacement, text):
    before = None
    while before != text:
        before, text = text, re.sub(pattern, replacement, text)
    return text


def line_at(code, offset):
    return code.count("\n", 0, offset) + 1
