#!/bin/sh
# Serve the app on a port, directly or behind nginx: serve.sh PORT FOLDER, with FRONT=app or FRONT=nginx.
set -eu
if [ "$FRONT" = app ]; then
    exec gunicorn app:app --bind "127.0.0.1:$1"
fi
sed "s|PORT|$1|; s|FOLDER|$2|" nginx.conf > "$2/nginx.conf"
gunicorn app:app --bind "unix:$2/app.sock" &
# As root, nginx would run its workers as nobody, which cannot reach a socket in FOLDER.
exec nginx -p "$2" -c "$2/nginx.conf" -g "user $(id -un) $(id -gn);"
