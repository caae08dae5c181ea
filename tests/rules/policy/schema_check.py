"""Holds the rule set's JSON Schema against a real validator: what the reader takes it must take, what is broken in form it must refuse.

usage: schema_check.py SCHEMA.json BROKEN.yaml GOOD.yaml...
Exit 77 (skipped) where python3-jsonschema or python3-yaml are not there.
"""
import json
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-jsonschema and python3-yaml")
    sys.exit(77)


class Loader(yaml.SafeLoader):
    """YAML as demarc reads it: dates and times stay texts."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp",)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# PyYAML reads 22:00 as a number of base 60 and keys like 443 as numbers; JSON has neither.
for first, resolvers in Loader.yaml_implicit_resolvers.items():
    Loader.yaml_implicit_resolvers[first] = [(t, p) for t, p in resolvers if t != "tag:yaml.org,2002:int"]
Loader.add_implicit_resolver("tag:yaml.org,2002:int", __import__("re").compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))


def json_keys(value):
    if isinstance(value, dict):
        return {str(key): json_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_keys(item) for item in value]
    return value


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    failures = 0

    for path in sys.argv[3:]:
        with open(path, encoding="utf-8") as file:
            document = json_keys(yaml.load(file, Loader=Loader))
        errors = list(validator.iter_errors(document))
        for error in errors:
            print(f"FAILED: {path} is refused at {list(error.absolute_path)}: {error.message[:200]}")
        failures += len(errors)

    broken = 0
    with open(sys.argv[2], encoding="utf-8") as file:
        for document in yaml.load_all(file, Loader=Loader):
            broken += 1
            if validator.is_valid(json_keys(document)):
                print(f"FAILED: broken document {broken} is taken: {document}")
                failures += 1
    print(f"{len(sys.argv) - 3} good files, {broken} broken documents, {failures} failures")
    if broken < 50 or len(sys.argv) < 5:
        print("FAILED: too few documents to mean anything")
        failures += 1
    sys.exit(1 if failures else 0)


main()
