#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""results.py LAYER TESTLOG.json: PASS and FAIL lines out of meson's log, one for each cmocka test."""
import json
import re
import sys

OK = re.compile(r'^\[ +OK +\] (.+)$', re.M)
BAD = re.compile(r'^\[ +FAILED +\] ([^:\n]+)$', re.M)
SKIPPED = re.compile(r'^\[ +SKIPPED +\] (.+)$', re.M)
COUNT = re.compile(r'^\d+ ')            # "2 test(s), listed below" of the summary is no name


def lines(layer, test):
    text = test.get('stdout', '') + '\n' + test.get('stderr', '')
    name = test['name'].split(' ')[-1].removeprefix(layer + '/')
    ok = list(dict.fromkeys(OK.findall(text)))
    bad = [b for b in dict.fromkeys(BAD.findall(text)) if not COUNT.match(b)]
    for t in ok:
        yield f'PASS {layer}/{name}/{t}'
    for t in bad:
        yield f'FAIL {layer}/{name}/{t}'
    good = test['result'] in ('OK', 'EXPECTEDFAIL')
    if not good and not bad:
        yield f'FAIL {layer}/{name}: {test["result"]}'
    elif good and not ok and not bad and test['result'] == 'OK':
        yield f'{"SKIP" if SKIPPED.search(text) else "PASS"} {layer}/{name}'


def main():
    layer, path = sys.argv[1:]
    try:
        log = open(path)
    except FileNotFoundError:
        print(f'FAIL {layer}: no test ran')
        return
    with log:
        out = [x for record in log for x in lines(layer, json.loads(record))]
    print('\n'.join(out) if out else f'FAIL {layer}: no test ran')


if __name__ == '__main__':
    main()
