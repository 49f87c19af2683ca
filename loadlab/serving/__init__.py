"""The target on the machine that it runs on, be it this one or one of a cluster: had to listen, and read."""
