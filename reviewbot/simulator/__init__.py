"""A simulated TokPortal: a stand-alone program that shares no code with the bot.

Two programs written from the same facts by different means cannot both be wrong in the same place.
"""
