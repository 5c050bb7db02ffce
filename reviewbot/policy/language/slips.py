"""What hands, a word processor or another tool left in a line of a policy, and what was meant there."""

from __future__ import annotations

from unicodedata import category

from msgspec.structs import replace

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import Finding, Fix, Span
from reviewbot.policy.language.grammar import DECLARED
from reviewbot.policy.language.lines import (
    FACTS,
    FREE_TEXTS,
    LISTS,
    OPENS,
    SAID,
    Edit,
    Level,
    behind_dashes,
    condition_in,
    indent_of,
    parts_of,
    tests_in,
    without_is,
    word_of,
    wrapped,
)
from reviewbot.policy.language.repair import error, spot
from reviewbot.policy.notations import plain
from reviewbot.policy.text_forms import odd_space, said_unseen, shape

_BULLET = r"([\p{So}\p{Co}•‣⁃·*+»›→⇒–—‒−]|[-=]>|\(?\d{1,3}[.)]|\(?[a-z][.)]|o)[\p{Zs}\t]+"
_SIGN = r"\p{Zs}*(==?>?|:=|[~:]=|->|≔|=:|;|\. |→|⇒|≠|!=|<>|<=|>=|≤|≥|<|>)\p{Zs}*(.*)"
_NAMED_ENTRIES = ("rules", "tests", "never")
_JOINTS = ("or", "oder", "||", "else", "and", "und", "&&", "&", "but", "+")
_SIGNS = (
    ("- ", "an entry begins with a hyphen  -,  not with"),
    ("", "nothing stands in front of this, not"),
)
_ACTIONS = frozenset(Action)
_NAMED = frozenset(DECLARED.values())
_REMARK = r"(//+|--+(?: |$)|/\*|<!--|;|%|rem )"


class LineWalk:
    """One pass over the lines; `lines` are the edited ones, `now` the number of the one looked at."""

    def __init__(self, lines: list[str], path: str) -> None:
        self.lines = list(lines)
        self._written = tuple(lines)
        self._owners: dict[int, int] = {}
        """By edited line, the finding that says why."""
        self._guessed: set[int] = set()
        self.path = path
        self.findings: list[Finding] = []
        self.edits: list[Edit] = []
        self.levels = [Level(0, "", is_list=False)]
        self.now = 0
        self.tabbed: set[int] = set()
        self.key_column = 0
        self.open = True
        """Whether the line above has no value, so that a deeper level may begin."""
        self.stopped = False
        """Whether the rest cannot be read before this line is mended."""
        self.shift: int | None = None
        """By how many columns a line above was moved: those that follow go with it."""

    # What is said and done -------------------------------------------------------------------

    def say(self, code: str, start: int, end: int, message: str, **more: str | None) -> None:
        """Report a mistake on this line."""
        span = spot(self.now, start, max(1, end - start))
        self.findings.append(
            error(self.path, code, span, message, more.get("cure"), more.get("under"))
        )

    def put(self, start: int, end: int, text: str, *, fixed: bool = True) -> None:
        """Edit this line; the newest finding is cured by that where it is `fixed`."""
        line = self.lines[self.now]
        self.edits.append(Edit(self.now, start, end, text))
        self.lines[self.now] = line[:start] + text + line[end:]
        self._owners.setdefault(self.now, len(self.findings) - 1)
        if not fixed:
            self._guessed.add(self.now)

    def swap(self, start: int, end: int, text: str, message: str, shown: tuple[int, int]) -> None:
        """Put a text in place of a part of this line, and show the line with it to who wrote it so."""
        line = self.lines[self.now]
        written = f"{line[:start]}{text}{line[end:]}".strip()
        self.say("P017", *shown, message, under=f"write  {written}")
        self.put(start, end, text)

    def with_fixes(self) -> tuple[Finding, ...]:
        """The findings, each with the lines that certainly cure it."""
        fixes: dict[int, list[Fix]] = {}
        for number, owner in self._owners.items():
            if number not in self._guessed and self.lines[number] != self._written[number]:
                place = Span(number + 1, 1, number + 1, len(self._written[number]) + 1)
                fixes.setdefault(owner, []).append(Fix(place, self.lines[number]))
        return tuple(
            finding
            if not (cures := fixes.get(number))
            else replace(finding, fix=cures[0], more=tuple(cures[1:]))
            for number, finding in enumerate(self.findings)
        )

    def mend_fences(self) -> None:
        """Lines of three backticks, as a chat and a wiki put around what is copied from them."""
        fences = [
            number
            for number, line in enumerate(self.lines)
            if ("```" in line or "~~~" in line) and line.lstrip().startswith(("```", "~~~"))
        ]
        for number in fences:
            self.now = number
            if number == fences[0]:
                also = f" (and line {fences[-1] + 1})" if len(fences) > 1 else ""
                message = f"the signs {self.lines[number].strip()[:3]} come from a chat or a wiki"
                end = len(self.lines[number])
                self.say("P017", 0, end, message, cure=f"delete this line{also}")
            self.put(0, len(self.lines[number]), "")
        self.now = 0

    def mend_tabs(self) -> None:
        """A tab is one space from here on; a line that begins with tabs finds its column by its key."""
        tabbed = [
            number
            for number, line in enumerate(self.lines)
            if "\t" in line and not line.lstrip().startswith("#")
        ]
        for number in tabbed:
            self.now, line = number, self.lines[number]
            at, begins = line.index("\t"), len(line) - len(line.lstrip())
            if number == tabbed[0]:
                more = f" (and in {len(tabbed) - 1} more lines)" if len(tabbed) > 1 else ""
                message = f"a tab stands here{more}; a policy takes spaces only"
                cure = "replace it by spaces; most editors have a setting for it"
                self.say("P011", at, at + 1, message, cure=cure)
            if "\t" in line[:begins]:
                self.tabbed.add(number)
            self.put(0, len(line), line.replace("\t", " "))
        self.now = 0

    def mend_spaces(self) -> None:
        """Spaces of another kind before the first word, behind its dash, and around its colon."""
        line = self.lines[self.now]
        if line.isascii():
            return
        head = shape(
            r"[\p{Zs}\p{Cf}]*(?:-[\p{Zs}\p{Cf}]*)*[\p{L}\p{N}_. -]*[\p{Zs}\p{Cf}]*:?[\p{Zs}\p{Cf}]*"
        ).match(line)
        part = head.group(0) if head else ""
        at = odd_space(part)
        if at is None:
            return
        tidy = "".join(
            " " if category(char) == "Zs" else char for char in part if category(char) != "Cf"
        )
        shown = plain(tidy + line[len(part) :])
        where = "here" if part[:at].strip() else "in front of the text"
        where = "behind the colon" if ":" in part[:at] else where
        cure = "replace it by an ordinary space" if category(part[at]) == "Zs" else "delete it"
        message = f"{said_unseen(part[at])} stands {where}"
        self.say("P010", at, at + 1, message, under=f"write  {shown}", cure=cure)
        self.put(0, len(part), tidy)

    def mend_remark(self) -> bool:
        """A comment as other tools write it; whether this line is one."""
        line = self.lines[self.now]
        at = indent_of(line)
        found = shape(_REMARK if at else rf"{_REMARK}|(\*+ )").match(line[at:])
        if found is None or self._is_known(line[at:]):
            return False
        sign = found.group(0).strip()
        text = line[at + len(sign) :].removesuffix("*/").removesuffix("-->")
        message = f"comments begin with #, not with {sign}"
        self.say("P017", at, at + len(sign), message, under=f"write  # {text.strip()}")
        self.put(at, len(line), f"#{text}")
        closing = {"/*": "*/", "<!--": "-->"}.get(sign)
        if closing is None or closing in line:
            return True
        last = next((n for n in range(self.now, len(self.lines)) if closing in self.lines[n]), None)
        while last is not None and self.now < last:
            self.now += 1
            self.put(0, 0, "# ")
        return True

    def mend_joint(self) -> bool:
        """A line with nothing but `or` or `and` on it; whether this line is one."""
        line = self.lines[self.now]
        word = line.strip(" -:,").casefold()
        if word not in _JOINTS or ":" in line or self.continues(indent_of(line)):
            return False
        cure = "delete it: every line under  when:  must hold"
        if word in _JOINTS[:4]:
            cure = "delete it: each entry behind a dash is an alternative, and they stand under  when any:"
        at = indent_of(line)
        self.say("P017", at, len(line.rstrip()), f"the word  {word}  stands alone here", cure=cure)
        self.put(0, len(line), "")
        return True

    def _is_known(self, text: str) -> bool:
        return word_of(text) is not None

    def mend_dash(self) -> None:
        """A bullet, a number or another dash where an entry begins; a dash without its space."""
        line = self.lines[self.now]
        at = indent_of(line)
        rest = line[at:]
        is_entry = self._entries_may_stand(at)
        if self._quoted_mail(line, at) or self._begun_oddly(at, rest, is_entry=is_entry):
            return
        found = shape(_BULLET).match(rest)
        is_entry = is_entry or self._is_bulleted(at)
        end = at + len(found.group(0)) if found else at
        bare = not is_entry and ":" in rest and self._has_lines(at)
        if found is not None and (is_entry or bare or self._is_known(line[end:])):
            sign, put, said = found.group(1), *_SIGNS[bare]
            sign = "the bullet of a word processor" if category(sign[0]) == "Co" else sign
            message = f"{said}  {sign}"
            last = [(each.message, each.span.line) for each in self.findings[-1:]]
            if last == [(message, self.now)]:
                self.put(at, end, put)  # one more of the same list
            else:
                self.swap(at, end, put, message, (at, at + len(found.group(1))))
            return
        self._glued(at, rest, is_entry=is_entry)

    def _glued(self, at: int, rest: str, *, is_entry: bool) -> None:
        """`-name: …`, a dash without its space."""
        glued = shape(r"(-+|[•◦▪‣●–—−])([\p{L}\"'@].*)").fullmatch(rest)
        if glued is not None and (self._is_known(glued.group(2)) or is_entry):
            sign = glued.group(1)
            message = f"an entry begins with a hyphen  -,  not with  {sign}"
            message = "a space is missing behind the dash" if sign == "-" else message
            self.swap(at, at + len(sign), "- ", message, (at, at + 2))

    def _has_lines(self, at: int) -> bool:
        """Whether lines with names stand here, none of which begins with a sign."""
        if any(level.column == at and not level.is_list for level in self.levels):
            return True
        above = self.levels[-1].keys[-1:]
        return self.open and at > self.key_column and bool({*above} & (OPENS - LISTS - _NAMED))

    def _or_entry(self, at: int, rest: str) -> bool:
        """`or last.outcome_kind: scrape_failed` among entries of a list."""
        word, _, behind = rest.partition(" ")
        if word.casefold() not in ("or", "oder") or word_of(behind.strip()) not in FACTS:
            return False
        message = "alternatives begin with a hyphen  -"
        self.swap(at, at + len(word) + 1, "- ", message, (at, at + 2))
        return True

    def _two_dashes(self, at: int, rest: str) -> bool:
        """`- - name: …`, with the lines of the entry where they stand behind one."""
        if not rest.startswith("- - ") or not word_of(rest[4:]):
            return False
        following = next((line for line in self.lines[self.now + 1 :] if line.strip()), "")
        if indent_of(following) <= at + 2:
            self.swap(at, at + 4, "- ", "a dash too many", (at, at + 3))
        return True

    def _unnamed(self, at: int, rest: str) -> bool:
        """`- wrong account` or `- wrong account:` above the lines of a rule."""
        name = rest.removeprefix("- ").rstrip().removesuffix(":").rstrip()
        below = next((line for line in self.lines[self.now + 1 :] if line.strip()), "")
        level = self.levels[-1]
        parent = next((lvl.parent for lvl in self.levels if lvl.is_list and lvl.column == at), None)
        parent = parent or (level.keys[-1] if level.keys else "")
        own = "id" if word_of(below.strip()) in ("note", "until") else "name"
        starts = rest.startswith("- ") and (own == "id" or parent in _NAMED_ENTRIES)
        is_word = ": " in name or word_of(name) is not None
        if not starts or is_word or indent_of(below) != at + 2 or word_of(below.strip()) is None:
            return False
        message = f"an entry begins with a dash and its {own}"
        self.swap(at, len(self.lines[self.now]), f"- {own}: {name}", message, (at, at + len(rest)))
        return True

    def _is_bulleted(self, at: int) -> bool:
        """Whether values stand below a fact here, each behind a sign of its own."""
        key = self.levels[-1].keys[-1:]
        return self.open and at > self.key_column and bool(key) and key[0] in FACTS

    def _begun_oddly(self, at: int, rest: str, *, is_entry: bool) -> bool:
        oddly = is_entry and (self._or_entry(at, rest) or self._two_dashes(at, rest))
        return oddly or self._unnamed(at, rest)

    def _quoted_mail(self, line: str, at: int) -> bool:
        """`> ` at the start of a line, as mails quote what they answer."""
        text = line[at:].lstrip("> ")
        if line[at : at + 1] != ">" or not text[:1].isalpha() or not self.levels[-1].keys:
            return False
        end = len(line) - len(line.lstrip("> "))
        text = line[at:end].replace(">", "")
        message = "the sign > in front of a line comes from a mail"
        self.say(
            "P017", at, at + 1, message, under=f"write  {line[end:].strip()}", cure="delete it"
        )
        self.put(0, end, " " * (at + len(text) // 2 * 2), fixed=False)
        return True

    def _entries_may_stand(self, column: int) -> bool:
        """Whether an entry of a list may begin in this column."""
        if any(level.is_list and level.column == column for level in self.levels):
            return True
        return self.open and bool(self.levels[-1].keys) and self.levels[-1].keys[-1] in LISTS

    def mend_colon(self) -> None:
        """A key whose colon, or the space behind it, is missing, doubled or another sign."""
        line = self.lines[self.now]
        begins = indent_of(line)
        begins = behind_dashes(line, begins)
        rest = line[begins:]
        word = word_of(rest)
        if self._if(rest, begins) or self._in_brackets(rest, begins):
            return
        if self._alone(rest.strip(), begins):
            return
        if word is None:
            self._bare_name(line, begins)
            return
        behind = rest[len(word) :]
        if word in FACTS or word not in FREE_TEXTS:
            self._remark_behind(begins + len(word))
            line = self.lines[self.now]
            behind = line[begins + len(word) :]
        if shape(r"\p{Zs}*:(?:\s.*)?").fullmatch(behind) and not shape(r"\p{Zs}*: *:.*").fullmatch(
            behind
        ):
            return
        here, value = begins + len(word), behind.strip()
        sign = shape(_SIGN).fullmatch(behind)
        if shape(r"\p{Zs}*[:：]{1,2}(?:[^=].*)?").fullmatch(behind):
            self._colon_wrong(here, behind)
        elif sign is not None:
            self._signed(here, sign.group(1), sign.group(2))
        elif self._lacks_colon(word, behind, begins):
            value = without_is(value) if word in FACTS else value
            message = f"the colon is missing behind  {word}"
            self.swap(here, len(line), f": {value}".rstrip(), message, (begins, here))

    def _alone(self, word: str, begins: int) -> bool:
        """`dispute`, `=> dispute` or `always` with nothing else on the line."""
        word = word.lstrip("=-> →")
        if word not in (*_ACTIONS, "always") or self.continues(begins):
            return False
        said, message = f"then: {word}", "then:  is missing in front of this"
        if word == "always":
            said, message = "always: yes", "the colon and its  yes  are missing behind  always"
        end = len(self.lines[self.now])
        self.swap(begins, end, said, message, (begins, end))
        return True

    def mend_inline(self) -> None:
        """What stands behind a key that more lines belong to: `rules: - name: a`, `remind: 6h …: Maria`."""
        line = self.lines[self.now]
        key, value = parts_of(line, behind_dashes(line, indent_of(line)))
        if key is not None and value.endswith(":"):
            self._opens_behind(line, value)
            return
        if value in ("||", "|:", "|;", "|,", "|.") and key not in FACTS:
            at = len(line.rstrip()) - 2
            self.swap(at, len(line), "|", "one sign  |  stands above a text", (at, at + 2))
            return
        if (
            value[:1] in ("|", ">")
            and key not in (None, *FACTS)
            and shape(r"[|>][-+]? +[\p{L}{\"].*").fullmatch(value)
        ):
            at = line.index(value, indent_of(line))
            message = f"the text begins on the line below the  {value[0]}"
            cure = "begin a new line behind it, further in than its name"
            self.say("P012", at, at + 1, message, cure=cure)
            self.put(at, at + len(value) - len(value[1:].lstrip("-+ ")), "", fixed=False)
            return
        if key not in OPENS or value[:1] in ("[", "{", "|", "#", "'", '"'):
            return
        inner = value.removeprefix("- ")
        if ": " not in inner and not inner.endswith(":"):
            return
        at = line.index(value)
        lines = tests_in(value)
        own = ("on lines of their own", "on a line of its own")[len(lines) == 1]
        message = f"what belongs to  {key}:  begins on the line below it"
        under = f"write  {'  and  '.join(lines)}  {own}, below  {key}:"
        self.say("P017", at, len(line), message, under=under)
        if self.next_is_deeper() or inner.endswith(":"):
            self.stopped = True
        else:
            item = f"{{{inner}}}"
            self.put(at, len(line), f"[{item}]" if value != inner else item, fixed=False)

    def _opens_behind(self, line: str, value: str) -> None:
        """`name: wrong account when:`, with the lines of `when` below it."""
        words = value[:-1].split(" ")
        last = next((w for n in (2, 1) if (w := " ".join(words[-n:])) in OPENS), None)
        if last is None or len(words) < 2 or not self.next_is_deeper():
            return
        at = len(line.rstrip()) - len(last) - 1
        message = f"{last}:  begins a line of its own"
        self.say("P017", at, at + len(last) + 1, message, under=f"write  {last}:  on the next line")
        self.stopped = True

    def _in_brackets(self, rest: str, begins: int) -> bool:
        """`{last.outcome_kind}: wrong_account`, `[last.outcome_kind: wrong_account]`, `"then": "dispute",`."""
        if (found := wrapped(rest)) is None:
            return False
        fact, value = found
        message = "a line is written without brackets and quotes around it, or a comma behind it"
        shown = begins, begins + rest.index(":")
        self.swap(begins, len(self.lines[self.now]), f"{fact}: {value}", message, shown)
        return True

    def _if(self, rest: str, begins: int) -> bool:
        """`if last.outcome_kind == wrong_account:` in place of lines under `when:`."""
        if (asked := condition_in(rest)) is None:
            return False
        fact, sign, value, then = asked
        if rest.startswith("when:") and (sign != ":" or self.stopped):
            return False  # YAML reads it, and whoever reads conditions knows better what it says
        line = self.lines[self.now]
        message = "conditions stand under  when:,  one a line"
        under = f"write  when:  and below it  {fact}: {value}"
        under += f",  and then  then: {then}" if then else ""
        self.say("P017", begins, len(line), message, under=under)
        self.stopped = self.stopped or bool(then)
        meant = "when:" if self.next_is_deeper() else f"when: {{{fact}: {value}}}"
        self.put(begins, len(line), meant, fixed=False)
        return True

    def _lacks_colon(self, word: str, behind: str, begins: int) -> bool:
        if not behind.strip():
            return word in OPENS and self.next_is_deeper()
        is_own = word in FACTS or not self.continues(begins)
        return is_own and behind.startswith((" ", "\xa0"))

    def _colon_wrong(self, here: int, behind: str) -> None:
        """A colon twice, without its space, or of another kind."""
        message = "a space is missing behind the colon"
        if behind.count(":", 0, 3) > 1:
            message = "a colon too many stands here"
        elif "：" in behind[:3]:
            message = "this is a colon of another kind"
        meant = f": {behind.strip().lstrip(':： ')}".rstrip()
        self.swap(here, len(self.lines[self.now]), meant, message, (here, here + 1))

    def _remark_behind(self, start: int) -> None:
        """`then: dispute // send it back`."""
        line = self.lines[self.now]
        found = shape(r"(.*?\S)( +)(//|--|/[*]|;;)( .*)?").fullmatch(line[start:])
        if found is None or "#" in found.group(1) or found.group(1)[-1] in "\"'":
            return
        at = start + len(found.group(1)) + len(found.group(2))
        sign = found.group(3)
        message = f"comments begin with #, not with {sign}"
        self.swap(at, at + len(sign), "#", message, (at, at + len(sign)))

    def _signed(self, here: int, sign: str, value: str) -> None:
        """`key = value`, `key >= 5`, `key != value`."""
        message = f"the sign  {sign}  is not used here"
        at = here + self.lines[self.now][here:].index(sign)
        meant = f": {SAID.get(sign, '')}{value}".rstrip()
        self.swap(here, len(self.lines[self.now]), meant, message, (at, at + len(sign)))

    def _bare_name(self, line: str, begins: int) -> None:
        """A name of the author's own with lines below it, and no colon behind it."""
        rest = line[begins:].rstrip()
        in_level = any(level.column == begins and not level.is_list for level in self.levels)
        if self.open and begins > self.key_column:
            in_level = in_level or bool(_NAMED & {*self.levels[-1].keys[-1:]})
        if (
            ": " in rest
            or rest.endswith(":")
            or not in_level
            or self.continues(begins)
            or not self.next_is_deeper()
        ):
            return
        pipe = shape(r"(.+?) ?:? ?([|>][-+]?)").fullmatch(rest)
        name, behind = pipe.groups() if pipe else (rest.rstrip(" =;,."), "")
        here, message = begins + len(name), "the colon is missing behind this name"
        self.swap(here, len(line), f": {behind}".rstrip(), message, (begins, here))

    def continues(self, begins: int) -> bool:
        """Whether a line may be the rest of the text on the line above."""
        return not self.open and begins > self.key_column

    def next_is_deeper(self) -> bool:
        """Whether the lines below belong to this one."""
        above = self.lines[self.now]
        here = behind_dashes(above, indent_of(above))
        for line in self.lines[self.now + 1 :]:
            if line.strip() and not line.lstrip().startswith("#"):
                return indent_of(line) > here or (
                    indent_of(line) == here and line.lstrip().startswith("-")
                )
        return False
