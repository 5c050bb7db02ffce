"""Reading a policy's parts: each module turns one part of the YAML tree into the policy tree."""
