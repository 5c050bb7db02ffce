"""Words that turn what stands beside them into its opposite, or bound it from behind."""

from __future__ import annotations

from reviewbot.policy.operators.phrases import COMPARISONS, NOT, OPPOSITES

TURNING = {*NOT.replace(" ", ",").split(","), "no", "without", "ohne"}
"""Words that may turn a value into its opposite."""
DENIED = (
    r"(?:do not|don'?t|must not|should not|may not|can ?not|can'?t|won'?t|without|ohne|no|nie|niemals|unequal|un|avoid|stop|excluding|exclude|ausgenommen"
    r"|refuse|rather not|instead of|outside(?: of)?|außerhalb(?: von)?|noch nicht|darf nicht|soll nicht):? (?:to |be )?(.+)|(.+?)(?:,|:)? (?:not|no|nicht|never|nie|!=|<>|≠)"
)
"""What denies the words behind it, or in front of it."""
SIDES = {
    words: ",".join(phrase for phrase in phrases.split(",") if phrase.isalpha())
    for words, phrases in COMPARISONS.items()
    if words in OPPOSITES
}
"""Words of a comparison that may stand behind its value: `10 max`, `2 über`."""
