import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Daemon, eventually, startDaemon } from './support/daemon.ts';

interface Seen {
  readonly rule: { readonly name: string };
  readonly process: Record<string, unknown>;
  readonly file?: { readonly path?: string; readonly new_path?: string };
}

/** Ways in which a file gets its content or its name; each makes `$W/NAME`. */
const WAYS: Readonly<Record<string, string>> = {
  shell: 'echo x > $W/shell',
  copy: 'cp $D/source $W/copy',
  move: 'cp $D/source $D/moved; mv $D/moved $W/move',
  hard_link: 'ln $D/source $W/hard_link',
  symbolic_link: 'ln -s $D/source $W/symbolic_link',
  install: 'install -m 755 $D/source $W/install',
  dd: 'dd if=$D/source of=$W/dd status=none',
  tee: 'tee $W/tee < $D/source > /dev/null',
  truncate: 'truncate -s 5 $W/truncate',
  bind: 'unshare -m mount --bind $D/source $W/bind',
  copy_file_range:
    "python3 -c \"import os;a=os.open('$D/source',0);b=os.open('$W/copy_file_range',os.O_CREAT|os.O_WRONLY);os.copy_file_range(a,b,3)\"",
  tmpfile:
    "python3 -c \"import os;f=os.open('$D',os.O_TMPFILE|os.O_WRONLY);os.write(f,b'x');os.link(f'/proc/self/fd/{f}','$W/tmpfile',src_dir_fd=f)\"",
  mapped:
    "cp $D/source $W/mapped; python3 -c \"import mmap,os;f=os.open('$W/mapped',os.O_RDWR);mmap.mmap(f,1)[0:1]=b'y'\"",
};

describe('rules by behaviour and identity, in the whole daemon', function () {
  this.timeout(120_000);
  let directory: string;
  let watched: string;
  let daemon: Daemon;
  let server: Server;

  before(async () => {
    directory = mkdtempSync('/tmp/bpfwarden-identity-');
    watched = join(directory, 'watched');
    mkdirSync(watched);
    writeFileSync(join(directory, 'source'), 'x\n');
    writeFileSync(join(watched, 'bind'), '');
    server = createServer((socket) => socket.end('exit\n')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const rule = (name: string, condition: string) => ({ name, condition, confidence: 1, by: ['process.pid'] });
    const started = "event.type == 'process_exec' && event.error == ''";
    const here = `process.cwd.startsWith('${directory}')`;
    writeFileSync(
      join(directory, 'rules.json'),
      JSON.stringify({
        rules: [
          { ...rule('placed', `file.placed_path.startsWith('${watched}/')`), by: ['file.placed_path'] },
          rule('tool', `${started} && ${here} && process.program == 'head' && process.trusted == false`),
          rule(
            'fed',
            `${started} && ${here} && process.program in ['bash', 'dash'] && 'base64' in process.fed_by.programs`,
          ),
          rule(
            'shell_on_socket',
            `${started} && process.program in ['bash', 'dash'] && process.stdin.type == 'socket'`,
          ),
        ],
      }),
    );
    daemon = await startDaemon({ flags: [`--rules.path=${join(directory, 'rules.json')}`] });
  });
  after(async () => {
    await daemon?.stop();
    server?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const alerts = (name: string) => (daemon.alerts() as unknown as Seen[]).filter(({ rule }) => rule.name === name);
  const bash = (text: string) => {
    const { status, stderr } = spawnSync('/bin/bash', ['-c', text], {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, D: directory, W: watched },
    });
    if (status !== 0) throw new Error(`${text}: ${stderr}`);
  };

  for (const [way, command] of Object.entries(WAYS)) {
    it(`a file is placed: ${way}`, async () => {
      bash(command);
      const path = join(watched, way);
      await eventually(`the alert of ${path}`, () =>
        alerts('placed').find(({ file }) => file?.path === path || file?.new_path === path),
      );
    });
  }

  it('a copied and renamed tool is what it was', async () => {
    // The index of installed programs is read in the background after the start.
    await eventually('the alert of the copy', () => {
      bash('cp /usr/bin/head ip; ./ip -c1 /dev/null');
      return alerts('tool').find((alert) => alert.process.name === 'ip');
    });
    bash('ln -sf /usr/bin/head link; ./link -c1 /dev/null; head -c1 /dev/null');
    bash('PYTHONPATH=/srv NODE_OPTIONS=--require=/x BASH_ENV=/x PERL5LIB=/srv head -c1 /dev/null');
    expect(alerts('tool').map(({ process }) => process.name)).not.to.include('head');
    bash('LD_PRELOAD=/nonexistent.so head -c1 /dev/null 2> /dev/null');
    await eventually('the alert of the preloaded one', () =>
      alerts('tool').find(({ process }) => process.name === 'head'),
    );
    expect(alerts('tool').map(({ process }) => process.name)).not.to.include('link');
  });

  const FED: Readonly<Record<string, string>> = {
    'a pipe': 'echo dHJ1ZQo= | base64 -d | bash',
    'a pipe through env': 'echo dHJ1ZQo= | base64 -d | env X=1 dash',
    'a descriptor': 'bash <(echo dHJ1ZQo= | base64 -d)',
    'a substitution': 'bash -c "$(echo dHJ1ZQo= | base64 -d)"',
    'a named pipe': 'mkfifo f; base64 -d <<< dHJ1ZQo= > f & bash < f; wait; rm f',
    'a late writer': 'mkfifo g; dash < g & exec 9> g; sleep 0.3; base64 -d <<< dHJ1ZQo= >&9; exec 9>&-; wait; rm g',
  };
  for (const [way, command] of Object.entries(FED)) {
    it(`a shell is fed by a decoder: ${way}`, async () => {
      const before = alerts('fed').length;
      bash(command);
      await eventually(`the alert of ${command}`, () => alerts('fed').length > before || undefined);
    });
  }

  it('a shell is not fed by what only stands beside it', async () => {
    const before = alerts('fed').length;
    bash(
      'base64 -d <<< dHJ1ZQo=; echo true | bash; base64 -d <<< dHJ1ZQo= | cat; bash -c true; base64 -d <<< dHJ1ZQo= > x; bash x',
    );
    bash('cp /usr/bin/head marker; ./marker -c1 /dev/null');
    await eventually('the alert of the marker', () => alerts('tool').find(({ process }) => process.name === 'marker'));
    expect(alerts('fed').length).to.equal(before);
  });

  it('a shell on a network socket, whatever it is called and however the socket came there', async () => {
    const { port } = server.address() as { port: number };
    const connect = `import os,socket;s=socket.create_connection(('127.0.0.1',${port}))`;
    const ways = {
      dup: `python3 -c "${connect};[os.dup2(s.fileno(),n) for n in (0,1)];os.execv('/bin/sh',['sh'])"`,
      first: `python3 -c "import os;os.close(0);${connect.replace('import os,', 'import ')};os.set_inheritable(0,True);os.execv('/bin/sh',['worker'])"`,
      copied: `cp /bin/bash workd; python3 -c "${connect};os.dup2(s.fileno(),0);os.execv('./workd',['[kworker]'])"`,
    };
    for (const [way, command] of Object.entries(ways)) {
      const before = alerts('shell_on_socket').length;
      // The test's own server answers it, so nothing waits for it here.
      spawn('/bin/bash', ['-c', command], { cwd: directory, stdio: 'ignore' });
      await eventually(`the alert of ${way}`, () => alerts('shell_on_socket').length > before || undefined);
    }
  });
});
