"""How the running bot is, told to probes, to metrics and to the service manager."""
