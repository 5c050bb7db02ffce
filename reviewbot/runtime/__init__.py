"""Where the parts meet and run: bootstrap, daemon, files of a machine, pages, logging."""
