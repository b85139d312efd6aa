#!/usr/bin/env python3
"""Creates objects in the inventory, each checked against its schema file first.

    client.py --url http://127.0.0.1:7000 --schema-dir schemas create ComputeNode --file node.json

The schema files are those of `inventory schemas`. Uses the package jsonschema where it is installed,
and otherwise checks required fields, unknown fields and patterns itself. --check stops after the check.
"""
import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.request


def offences_by_hand(schema, value, pointer=''):
    if schema.get('type') == 'object' and not isinstance(value, dict):
        return [(pointer, 'must be object')]
    if schema.get('type') == 'string' and not isinstance(value, str):
        return [(pointer, 'must be string')]
    found = []
    if isinstance(value, dict):
        properties = schema.get('properties', {})
        found += [(f'{pointer}/{name}', 'it is required') for name in schema.get('required', []) if name not in value]
        for name, each in value.items():
            if name in properties:
                found += offences_by_hand(properties[name], each, f'{pointer}/{name}')
            elif schema.get('additionalProperties') is False:
                found.append((f'{pointer}/{name}', 'there is no such field'))
    if isinstance(value, str) and 'pattern' in schema and not re.search(schema['pattern'], value):
        found.append((pointer, f"must match {schema['pattern']}"))
    if isinstance(value, list) and 'items' in schema:
        for index, each in enumerate(value):
            found += offences_by_hand(schema['items'], each, f'{pointer}/{index}')
    return found


def offences(schema, value):
    try:
        import jsonschema
    except ImportError:
        return offences_by_hand(schema, value)
    validator = jsonschema.Draft202012Validator(schema)
    return [('/' + '/'.join(str(part) for part in error.absolute_path), error.message) for error in validator.iter_errors(value)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--url', default='http://127.0.0.1:7000')
    parser.add_argument('--schema-dir', required=True)
    parser.add_argument('--token', help='bearer token')
    parser.add_argument('--check', action='store_true', help='only check')
    parser.add_argument('--by-hand', action='store_true', help='check without the package jsonschema')
    parser.add_argument('verb', choices=['create'])
    parser.add_argument('object')
    parser.add_argument('--file', required=True)
    options = parser.parse_args()
    with open(os.path.join(options.schema_dir, f'{options.object}.json')) as file:
        schema = json.load(file)
    with open(options.file) as file:
        data = json.load(file)
    check = offences_by_hand if options.by_hand else offences
    wrong = [(index, *each) for index, value in enumerate(data if isinstance(data, list) else [data]) for each in check(schema, value)]
    for index, pointer, detail in wrong:
        print(f'{index}: {pointer}: {detail}', file=sys.stderr)
    if wrong:
        return 2
    if options.check:
        return 0
    headers = {'content-type': 'application/json', **({'authorization': f'Bearer {options.token}'} if options.token else {})}
    request = urllib.request.Request(f'{options.url}/inventory/{options.object}', json.dumps(data).encode(), headers, method='POST')
    try:
        with urllib.request.urlopen(request) as answer:
            print(answer.read().decode())
        return 0
    except urllib.error.HTTPError as error:
        print(error.read().decode(), file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
