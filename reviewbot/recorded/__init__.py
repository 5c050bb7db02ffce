"""Files of recorded tasks, judged line by line, by several processes where the file is large."""
