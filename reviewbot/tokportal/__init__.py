"""The only room that speaks to TokPortal: one exchange per key, typed values in and out."""
