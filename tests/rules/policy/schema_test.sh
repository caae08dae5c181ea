#!/bin/sh
# usage: schema_test.sh EMIT_PROGRAM SOURCE_FOLDER: the schema and what `init` writes, held against a real validator.
set -eu
emit=$1
here=$2/tests/rules/policy
"$emit" .
python=/usr/bin/python3 # where Debian's python3-jsonschema is
test -x $python || python=python3
exec $python "$here/schema_check.py" rules_schema.json "$here/data/broken.yaml" "$here/data/demarc.yaml" \
  "$here/data/baseline/forbidden-from-outside.yaml" "$here/data/env/lab.yaml" "$here/data/every-key.yaml" \
  init_example.yaml init_draft.yaml "$2"/examples/*/demarc.yaml
