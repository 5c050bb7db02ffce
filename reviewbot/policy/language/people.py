"""Who is told or asked: names, addresses, and what stands there that is nobody's name."""

from __future__ import annotations

from reviewbot.domain.decision import Action
from reviewbot.policy.language.forms import OF_NOTHING, one_or_more
from reviewbot.policy.language.lost_lines import refuse_two_lines
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.yaml import Scalar, Tree
from reviewbot.policy.notations import plain
from reviewbot.policy.text_forms import asked, fold, shape

_SEVERAL = " ?[(]?(?:cc|copy|kopie):? | ?, ?| ?; ?| and | und | or | oder | & | / | [+] "
"""What stands between the names of several people."""


def read_targets(reading: Reading, tree: Tree | None, what: str = "to:") -> tuple[str, ...]:
    """Read the name of somebody to tell, or a list of names."""
    if tree is not None and not one_or_more(tree):
        reading.add("P108", tree.span, f"{what} is empty", cure=OF_NOTHING)
    names = [reading.free_text(item, what) for item in one_or_more(tree)]
    for name in names:
        if name is None or refuse_two_lines(reading, name, what):
            continue
        several = None if name.quoted else shape(_SEVERAL).split(plain(name.value))
        if several is not None and len(several) > 1:
            meant = f"[{', '.join(part.strip(' ()') for part in several)}]"
            message = "several people stand in brackets, with commas"
            cure = f'for one name that has such a word in it write  "{name.value}"'
            whole = (name, meant) if isinstance(tree, Scalar) else None
            reading.add("P031", name, message, under=f"write  {meant}", cure=cure, whole=whole)
        elif not name.quoted:
            _warn_nobody(reading, name)
    return tuple(dict.fromkeys(name.value.strip() for name in names if name is not None))


_ALL = "everyone,everybody,all,alle,anyone,anybody,jeder,alle leute,all people,the whole team,somebody,someone,jemand,irgendwer"
_NOBODY = r"(?:nobody|no ?one|none|nothing|no|never|null|~|niemand\p{L}*|keiner|tbd|todo|\?+|-)"
_SAID_OF = (
    r"(?:to|an|remind|tell|email|mail|ask|inform|notify|only|nur) (.+)|(.+?) (?:by (?:e-?mail|mail|phone)|per mail|via \p{L}+|only|nur|twice)"
    r"|[(<](.+)[)>]|@(\p{L}+)|(.+?) ?[(<][^()<>]+[)>]|(?:the|our|my|dem|den|der|das|die|unser\p{L}*|mein\p{L}*) (.+)"
)
_NOT_THEM = r"(?:not|nicht|no|never|anyone but|everyone (?:except|but)|alle außer|all but) .+|(.+?),? (?:(?:but )?not|except|nicht) .+"
_IN_TURN = r"(.+?) ?(?:/|\bthen\b|\belse\b|\botherwise\b|\bdann\b|\bsonst\b) ?(.+)"


def _warn_nobody(reading: Reading, name: Scalar) -> None:
    """Warn of what is nobody's name: `nobody`, `not Maria`, `Maria then Jonas`, `by mail`, an action."""
    said, cure = plain(name.value), f'for one whose name this is write  "{name.value}"'
    message, under = f'"{said}" would be the name of somebody', None
    if shape(_NOBODY).fullmatch(said):
        cure = f"where nobody is meant, delete the line;  {cure}"
    elif fold(said) in _ALL.split(","):
        cure = f"write the names of those who are meant, as  [Maria, Jonas];  {cure}"
    elif said in set(Action):
        cure = f"write the name or the address of a person;  {cure}"
    elif left := shape(_NOT_THEM).fullmatch(said):
        under = asked(left.group(1)) if left.group(1) else None
        cure = f"write who is meant;  {cure}"
    elif (turn := shape(_IN_TURN).fullmatch(said)) and "://" not in said:
        under = asked(f"[{turn.group(1)}, {turn.group(2)}]")
    elif of := shape(_SAID_OF).fullmatch(said):
        under = asked(next(filter(None, of.groups())))
    else:
        return
    reading.warn("P112", name.span, message, under=under, cure=cure)
