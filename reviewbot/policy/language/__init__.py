"""Reading a policy: text into the tree of a policy, with a place for each complaint."""
