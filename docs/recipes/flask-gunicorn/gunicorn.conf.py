"""What gunicorn reads when it starts in this directory; the profile sets WORKER_CLASS."""

import os

worker_class = os.environ["WORKER_CLASS"]
workers = 1
if worker_class == "gthread":
    threads = 8
worker_connections = 10_000  # of gthread and gevent; 1,000 by default
keepalive = 120  # seconds that a silent connection may stay open; 2 by default
backlog = 4096
