#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The configuration of one of two gateways with many tunnels between them.

  manyconf.py N A|B LOCAL REMOTE [ACTION]      connections, secrets and tunnels 0 to N-1

Each tunnel has a connection of its own, told apart by identities, and a secret of its own.
"""
import sys


def connection(i, me, other, local, remote, action):
    return f'''   c{i} {{
      local_addrs = {local}
      remote_addrs = {remote}
      proposals = aes128-sha256-x25519
      local {{
         auth = psk
         id = {me}{i}.example.org
      }}
      remote {{
         auth = psk
         id = {other}{i}.example.org
      }}
      children {{
         k{i} {{
            mode = transport
            local_ts = dynamic[gre]
            remote_ts = dynamic[gre]
            esp_proposals = aes128gcm16
            start_action = {action}
         }}
      }}
   }}
'''


def inner(i, side):
    """one /30 for each"""
    n = (10 << 24) + 4 * i + (1 if side == 'A' else 2)
    return '.'.join(str(n >> s & 255) for s in (24, 16, 8, 0))


def main(n, side, local, remote, action='trap'):
    me, other = ('a', 'b') if side == 'A' else ('b', 'a')
    out = sys.stdout.write
    out('connections {\n')
    for i in range(int(n)):
        out(connection(i, me, other, local, remote, action))
    out('}\nsecrets {\n')
    for i in range(int(n)):
        out(f'   ike-{i} {{\n      id-1 = {me}{i}.example.org\n      id-2 = {other}{i}.example.org\n      secret = Cheese{i}\n   }}\n')
    out('}\ntunnels {\n')
    for i in range(int(n)):
        out(f'   t{i} {{\n      connection = c{i}\n      address = {inner(i, side)}/30\n   }}\n')
    out('}\n')


if __name__ == '__main__':
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
