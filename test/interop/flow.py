# SPDX-License-Identifier: BSD-3-Clause
"""Steps with numbered packets both ways (test/tools/flow.c): none may be lost, doubled or dropped as a replay.

FLOW_SECONDS and FLOW_RATE (packets a second each way) say how long and how fast: 30 s, 2 minutes with SOAK
(scripts/test.sh full), and 1000.
"""
import base64
import os
import re
import subprocess
import time

import lab as L
from lab import IN_THEM, IN_US, wait

SOAK = os.environ.get('SOAK', '0') not in ('', '0')
SECONDS = int(os.environ.get('FLOW_SECONDS', '120' if SOAK else '30'))
RATE = int(os.environ.get('FLOW_RATE', '1000'))
PORT = 7000


def program(lab):
    path = os.path.join(os.path.dirname(lab.program), '../test/tools/flow')
    if not os.access(path, os.X_OK):
        raise RuntimeError(f'no {path}: build with tests')
    return path


def send_program(lab):
    with open(program(lab), 'rb') as f:
        data = base64.b64encode(f.read()).decode()
    lab.peer.check('rm -f /root/flow.b64')
    for i in range(0, len(data), 8192):
        lab.peer.check(f'echo {data[i:i + 8192]} >> /root/flow.b64')
    lab.peer.check('base64 -d /root/flow.b64 > /root/flow; chmod +x /root/flow')


def numbers(text):
    """-> the line that flow prints, as a dict"""
    return {k: int(v) for k, v in re.findall(r'(\w+) (-?\d+)', text)}


def xfrm_errors(lab):
    """the peer's kernel's reasons to drop ESP, those that are not 0"""
    text = lab.peer.check('cat /proc/net/xfrm_stat')
    return {k: int(v) for k, v in re.findall(r'(\w+)\s+(\d+)', text) if int(v) > 0}


def our_drops(lab):
    """all but frames that are none of ours, such as the kernel's own multicast"""
    return {d['reason']: int(d['packets']) for d in lab.show('drops')
            if d['reason'] not in ('not-ip6', 'not-ours') and int(d['packets']) > 0}


def run_both(run):
    """-> what our end and the peer's counted; keys are learned meanwhile, as they live for seconds"""
    lab = run.lab
    lab.peer.check(f'setsid /root/flow {IN_THEM} {IN_US} {PORT} {RATE} {SECONDS} 100 5 >/root/flow.out 2>&1 </dev/null &')
    ours = subprocess.Popen(['ip', 'netns', 'exec', f'{L.LAB}-A', program(lab), IN_US, IN_THEM, str(PORT), str(RATE),
                             str(SECONDS), '100', '5'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while ours.poll() is None:
        run.learn()
        time.sleep(1.5)
    ours = ours.communicate()[0]
    theirs = wait(SECONDS + 60, lambda: lab.peer.run('cat /root/flow.out')[1])
    return numbers(ours), numbers(theirs), ours + theirs


def one_sa(run):
    """whatever crossed, one IKE SA and one child are left on both sides"""
    sas = wait(30, lambda: len(run.lab.show('ike')) == 1 and run.lab.peer_sas().count('ESTABLISHED') == 1)
    run.check('one IKE SA is left', sas, f"{run.lab.show('ike')} {run.lab.peer_sas()}")
    run.check('one child is left', run.lab.peer_sas().count('INSTALLED') == 1, run.lab.peer_sas())
    run.learn()
    run.traffic(' afterwards')


def flow(gaps=False):
    """gaps: the peer breaks before it makes, so some packets may be lost, but none twice"""
    def step(run):
        lab = run.lab
        run.learn()
        send_program(lab)
        before = xfrm_errors(lab)
        drops = our_drops(lab)
        us, them, text = run_both(run)
        print('   ' + text.strip().replace('\n', '\n   '), flush=True)
        for name, a, b in (('to the peer', us, them), ('from the peer', them, us)):
            sent = a.get('sent', 0)
            if gaps:
                run.check(f'7 of 10 packets {name} arrive, none twice',
                          b.get('distinct', 0) > sent * 0.7 and b.get('duplicated') == 0, text)
                continue
            run.check(f'{sent} packets {name} arrive once each',
                      sent > 0 and b.get('distinct') == sent and b.get('duplicated') == 0, text)
        print(f'   drops here {our_drops(lab)}, in the peer {xfrm_errors(lab)}', flush=True)
        if not gaps:
            run.check('no drop here', our_drops(lab) == drops, our_drops(lab))
            run.check('no drop in the peer', xfrm_errors(lab) == before, f'{before} {xfrm_errors(lab)}')
        n_child = len(re.findall(r'CHILD_SA \d+ rekeyed with', lab.log_text()))
        n_ike = len(re.findall(r'takes over', lab.log_text()))
        print(f'   {n_child} child and {n_ike} IKE rekeys', flush=True)
        if 'reauth' in run.name:
            n = len(re.findall(r'IKE_SA \d+ up', lab.log_text()))
            print(f'   {n} IKE SAs', flush=True)
            run.check('it was reauthenticated', n > SECONDS // 20, n)
        if 'rekey' in run.name:
            run.check('children were rekeyed', n_child >= SECONDS // 7, n_child)
            run.check('the IKE SA was rekeyed', n_ike >= SECONDS // 25, n_ike)
        run.learn()
    return step
