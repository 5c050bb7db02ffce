"""Words of the simulated world: comments asked for, comments of passers-by, names."""

from __future__ import annotations

_OPENERS = (
    "The light in this one is unreal",
    "I did not expect the ending at all",
    "Saving this for the next rainy weekend",
    "Okay but the timing of that cut is perfect",
    "My grandmother made it exactly like this",
    "You explained in a minute what took me a year",
    "The colours remind me of autumn back home",
    "Trying this with my kids tomorrow morning",
    "This is the calmest thing I saw all week",
    "How long did the whole set-up take you",
    "That little laugh at the end made my day",
    "Finally somebody shows the boring part too",
)
_CLOSERS = (
    "",
    ", thank you for sharing",
    " and I will watch it twice",
    ", please make a second part",
    ". Where was this filmed?",
    ", sending it to my sister now",
    " honestly",
    ", the music fits so well",
)
TASK_TEXTS = tuple(opener + closer for opener in _OPENERS for closer in _CLOSERS)
"""What clients of this world ask to have posted."""

PASSERS_BY = (
    "first",
    "lol",
    "who else is here at 3am",
    "need part two asap",
    "the dog in the background though",
    "I have watched this ten times",
    "song name please",
    "wait what",
    "this is so underrated",
    "came here from the other video",
    "can you do a tutorial",
    "love from Porto",
    "not me crying over this",
    "the way he just stands there",
    "where did you get that jacket",
    "my cat approves",
    "algorithm did its job today",
    "this made my monday better",
    "how is this not viral",
    "I tried it and it works",
    "ok now do it blindfolded",
    "so satisfying to watch",
    "the comments are better than the video",
    "remember to drink water everyone",
    "that transition was smooth",
    "greetings from Osaka",
    "same energy as my uncle",
    "he really said that",
    "please never stop posting",
    "instructions unclear, I own a boat now",
    "the lighting is great",
    "day 12 of asking for a recipe",
)
"""What other people write under videos."""

_FIRST = ("lumen", "nora", "pixel", "tide", "amber", "koala", "velvet", "maple", "juno", "ember")
_LAST = ("cooks", "daily", "walks", "studio", "trips", "reads", "films", "garden", "lab", "notes")
FAN_HANDLES = tuple(f"fan.{first}{number}" for first in _FIRST for number in range(1, 41))
HANDLES = tuple(f"{first}.{last}" for first in _FIRST for last in _LAST)
COUNTRIES = ("US", "GB", "DE", "FR", "ES", "BR")
