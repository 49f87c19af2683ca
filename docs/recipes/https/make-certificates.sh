#!/bin/sh
# Make a private CA (ca.pem) and a certificate for app.internal that it signed (cert.pem, key.pem), valid for a week.
set -eu
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj "/CN=Private CA" \
    -keyout ca-key.pem -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=app.internal" -keyout key.pem -out request.pem
printf 'subjectAltName=DNS:app.internal\n' > names.cnf
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 7 -extfile names.cnf -out cert.pem
rm request.pem names.cnf
