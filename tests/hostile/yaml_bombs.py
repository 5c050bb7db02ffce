"""More than a hundred files that are meant to kill whoever reads YAML; run by itself it reads them all.

python -m tests.hostile.yaml_bombs NAME …     prints for each: name, CPU seconds, KiB of memory more
"""

from __future__ import annotations

import json
import resource
import sys
import time

from tests.policy.language.test_parser_random import SHORT, no_file

_MANY = 1024 * 1024
_LARGE = {
    "brackets": "[" * _MANY,
    "braces": "{" * _MANY,
    "pairs of brackets": "[{" * (_MANY // 2),
    "dashes": "- " * (_MANY // 2),
    "questions": "? " * (_MANY // 2),
    "list of a hundred thousand": "- a\n" * 100_000,
    "list on one line": "[a" + ",a" * 400_000 + "]",
    "aliases": "*a " * 300_000,
    "anchors": "".join(f"- &a{number} x\n" for number in range(60_000)),
    "laughs": "a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n" * 100,
    "merge": "a: &a {x: 1}\nb: {<<: *a}\n" * 1000,
    "documents": "---\n" * (_MANY // 4),
    "mentions": "- @x\n" * (_MANY // 5),
    "greater": "> x\n" * (_MANY // 4),
    "quotes": '"' * _MANY,
    "open quote": 'a: "' + "x" * (_MANY - 10),
    "tabs": "a:\n" + "\tb: 1\n" * (_MANY // 7),
    "nul": "\0" * _MANY,
    "newlines": "\n" * _MANY,
    "one key": "k" * (_MANY - 10) + ": v",
    "deep by spaces": "".join(f"{' ' * level}a:\n" for level in range(1000)),
    "placeholders": "policy: x\nreasons:\n  a: |\n    " + "{task.platfrm}" * 20_000,
    "unknown keys": "".join(f"rulez{number}: 1\n" for number in range(9000)),
    "long list": f"policy: x\nrules:\n  - when:\n      task.platform: not [{'a,' * 200_000}]",
    "one key ever again": "policy: x\n" + "a: 1\n" * 7000,
    "many on few lines": "policy: x\nrules: [" + ("1," * 10 + "\n") * 2000 + "1]",
    "rules full of mistakes": "policy: x\nlanguage: 1\nrules:\n"
    + "  - name: r\n    when: {last.comment_scraped: 0}\n    then: aprove\n" * 2500,
    "names like no other": "policy: x\nrules:\n  - name: r\n    when: {"
    + ", ".join(f"{'l' * (number % 300)}{number}: 1" for number in range(4000))
    + "}\n",
    "not UTF-8": "\udcff" * _MANY,
    "too large": "a" * (_MANY + 1),
}
_K = 100 * 1024
_OPENERS = {
    "brackets": "[", "braces": "{", "pairs": "[{", "questions": "? ", "dashes": "- ", "keys": "a:\n ",
    "tags": "!a ", "anchors": "&a ", "quotes": "'\"", "blocks": "|\n", "folded": ">-\n", "commas": ",",
    "aliases": "*a ", "colons": ": ", "percent": "%a ", "hashes": "# ", "stars": "*", "ands": "&", "at": "@",
}  # fmt: skip
_HEADS = {
    "bare": "",
    "under rules": "policy: x\nlanguage: 1\nrules: ",
    "in a condition": "policy: x\nrules:\n  - name: a\n    when: {last.comments_scraped: ",
    "in a reason": "policy: x\nreasons:\n  a: ",
}
BOMBS: dict[str, str] = {
    **_LARGE,
    **{
        f"{name} {where}": head + (opener * _K)[:_K]
        for name, opener in _OPENERS.items()
        for where, head in _HEADS.items()
    },
    "a million brackets": "[" * 1_000_000,
    "a million brackets closed": "[" * 500_000 + "]" * 500_000,
    "a million braces": "{" * 1_000_000,
    "laughs a billion": "a: &a [x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
    ),
    "merge upon merge": "".join(f"a{n}: &a{n}\n  <<: *a{max(0, n - 1)}\n" for n in range(2000)),
    "python's own tags": "!!python/object/apply:os.system [touch /tmp/x]\n" * 200,
    "a date that is none": "policy: 2026-99-99\n" * 2000,
    "numbers without end": "policy: " + "9" * _K,
    "sexagesimal": "policy: " + "1:" * _K,
    "escapes": 'policy: "' + "\\x41\\u0041" * 8000 + '"',
    "escapes that are none": 'policy: "' + "\\q" * _K,
    "lone halves": 'policy: "' + "\\ud800" * 8000 + '"',
    "versions": "%YAML 9.9\n" * 2000,
    "documents within": SHORT + "---\n" * 2000,
    "one rule ever again": SHORT.split("deadline")[0] + SHORT.split("rules:\n")[1].split("deadline")[0] * 400,
}  # fmt: skip


def main(names: list[str]) -> None:
    """Read each of these and say what it cost."""
    from reviewbot.policy.language.parser import parse_policy

    parse_policy(SHORT, path="p.yaml", read=no_file)
    for name in names:
        body = BOMBS[name].encode("utf-8", "surrogateescape")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        best = 9.0
        for _ in range(5):
            started = time.process_time()
            parsed = parse_policy(body, path="p.yaml", read=no_file)
            best = min(best, time.process_time() - started)
            if best < 0.05:
                break
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(
            json.dumps([name, best, more, parsed.policy is None, len(parsed.findings)]), flush=True
        )


if __name__ == "__main__":
    main(sys.argv[1:] or sorted(BOMBS))
