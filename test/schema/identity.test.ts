import { expect } from 'chai';
import type { FieldName } from '../../src/schema/fields.ts';
import { type IdentityFacts, identify } from '../../src/schema/identity/program.ts';
import { id, recordFromJson } from '../../src/schema/record.ts';

function identity(path: string, args: readonly string[], more: Partial<IdentityFacts> = {}) {
  const facts = { path, args, filename: path, interp: undefined, cwd: '/srv', terminal: false, name: undefined };
  return identify({ ...facts, ...more });
}
const programOf = (path: string, ...args: string[]) => identity(path, args).program;
const scriptOf = (path: string, ...args: string[]) => identity(path, [path, ...args]).script;

describe('what a program is', () => {
  it('is one name for all versions and flavours', () => {
    const names: [string, string][] = [
      ['/usr/bin/python3.11', 'python'],
      ['/usr/bin/perl5.36.0', 'perl'],
      ['/usr/bin/php8.2', 'php'],
      ['/bin/nc.openbsd', 'nc'],
      ['/bin/nc.traditional', 'nc'],
      ['/usr/bin/vim.tiny', 'vim'],
      ['/usr/bin/gcc-12', 'gcc'],
      ['/usr/bin/base64', 'base64'],
      ['/usr/bin/sha256sum', 'sha256sum'],
      ['/usr/bin/dash', 'dash'],
      ['/usr/sbin/e2fsck', 'e2fsck'],
    ];
    for (const [path, name] of names) expect(programOf(path, path), path).to.equal(name);
  });

  it('is the applet of a multi-call binary', () => {
    const called: [string, string[], string | undefined][] = [
      ['/bin/busybox', ['nc', '-l'], 'nc'],
      ['/bin/busybox', ['/bin/busybox', 'find', '/'], 'find'],
      ['/bin/busybox', ['busybox', '--help'], undefined],
      ['/tmp/busybox.static', ['./busybox.static', 'wget', 'http://x'], 'wget'],
      ['/usr/bin/toybox', ['id'], 'id'],
      ['/usr/bin/coreutils', ['coreutils', '--coreutils-prog=cat', '/etc/passwd'], 'cat'],
      ['/usr/sbin/xtables-nft-multi', ['iptables', '-F'], 'iptables'],
      ['/usr/sbin/xtables-nft-multi', ['xtables-nft-multi', 'iptables', '-F'], 'iptables'],
      ['/usr/bin/kmod', ['/sbin/insmod', 'x.ko'], 'insmod'],
      ['/usr/bin/kmod', ['kmod', 'insert', 'x'], 'insmod'],
      ['/usr/bin/pgrep', ['pkill', 'auditd'], 'pkill'],
      ['/bin/systemctl', ['reboot'], 'reboot'],
      ['/usr/bin/cat', ['find'], undefined],
    ];
    for (const [path, args, applet] of called) {
      const found = identity(path, args);
      expect(found.applet, args.join(' ')).to.equal(applet);
      if (applet !== undefined) expect(found.program).to.equal(applet);
    }
  });

  it('is not itself alone where the loader or an option makes it run something else', () => {
    const injectedOf = (path: string, ...args: string[]) => identity(path, [path, ...args]).injected;
    const loader = '/lib64/ld-linux-x86-64.so.2';
    for (const args of [['/usr/bin/dpkg'], ['--preload', '/x.so', '/usr/bin/dpkg'], ['--audit=/x.so', '/usr/bin/dpkg']])
      expect(injectedOf(loader, ...args), args.join(' ')).to.equal('loader');
    expect(identity(loader, [loader, '--glibc-hwcaps-prepend', '/usr/bin/dpkg', '/srv/x']).effectivePath).to.equal(
      '/srv/x',
    );
    const led: string[][] = [
      ['/usr/bin/perl', '-I/srv', '-MX', '/usr/bin/a'],
      ['/usr/bin/perl', '-wd:X', '/usr/bin/a'],
      ['/usr/bin/ruby', '-r', './x', '/usr/bin/a'],
      ['/usr/bin/node', '--require=./x', '/usr/bin/a'],
      ['/usr/bin/python3', '-X', 'pycache_prefix=/srv', '/usr/bin/a'],
      ['/usr/bin/gawk', '-f', '/usr/share/a.awk', '-f', '/srv/x.awk'],
      ['/usr/bin/gawk', '-f', '/usr/share/a.awk', '-e', 'BEGIN {}'],
      ['/usr/bin/php', '-d', 'auto_prepend_file=/srv/x', '/usr/bin/a'],
      ['/usr/bin/python3', '-Bi', '/usr/bin/a'],
      ['/usr/bin/python3', '-W', 'all:0:antigravity.x:0:0', '/usr/bin/a'],
      ['/usr/bin/node', '--experimental_loader', '/srv/x', '/usr/bin/a'],
      ['/usr/bin/java', '-javaagent:/srv/x.jar', '-jar', '/usr/share/java/a.jar'],
      ['/usr/bin/bash', '-i', '/usr/bin/a'],
      ['/usr/bin/bash', '--rcfile', '/srv/x', '-i', '/usr/bin/a'],
      ['/usr/bin/dash', '-l', '/usr/bin/a'],
    ];
    for (const [path = '', ...args] of led) expect(injectedOf(path, ...args), args.join(' ')).to.equal('options');
    expect(injectedOf('/usr/bin/perl', '-w', '/usr/bin/a', '-I', '/srv')).to.equal(undefined);
    expect(injectedOf('/usr/bin/gawk', '-f', '/usr/share/a.awk', 'file')).to.equal(undefined);
    expect(injectedOf('/usr/bin/bash', '-ex', '-o', 'pipefail', '/usr/bin/a', '-i')).to.equal(undefined);
    expect(injectedOf('/usr/bin/python3', '-u', '-Wignore', '/usr/bin/a')).to.equal(undefined);
    expect(injectedOf('/usr/bin/java', '-Xmx1g', '-jar', '/usr/share/java/a.jar', '@x')).to.equal(undefined);
    const started = { interp: '/usr/bin/perl', filename: '/usr/bin/a' };
    expect(identity('/usr/bin/perl', ['/usr/bin/perl', '-Mstrict', '/usr/bin/a'], started).injected).to.equal(
      undefined,
    );
  });

  it('is no name that the caller made up', () => {
    expect(programOf('/usr/bin/pgrep', 'dpkg')).to.equal('pgrep');
    expect(programOf('/usr/bin/python3.11', 'dpkg', '-c', 'x')).to.equal('python');
    expect(programOf('/usr/bin/systemctl', 'sshd', 'stop')).to.equal('systemctl');
  });

  it('is the copied program where the content tells', () => {
    const found = identity('/tmp/ip', ['ip', '-c', 'import os'], { copyOf: '/usr/bin/python3.11' });
    expect(found.program).to.equal('python');
    expect(found.script).to.deep.equal({ kind: 'command', command: 'import os' });
    expect(found.effectivePath).to.equal('/tmp/ip');
    expect(identity('/tmp/x', ['nc', '-e', 'sh'], { copyOf: '/usr/bin/busybox' }).program).to.equal('nc');
  });

  it('is what the dynamic loader was told to run', () => {
    const found = identity('/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', [
      '/lib64/ld-linux-x86-64.so.2',
      '--library-path',
      '/tmp',
      '/tmp/miner',
      '-o',
    ]);
    expect(found.program).to.equal('miner');
    expect(found.effectivePath).to.equal('/tmp/miner');
  });

  it('keeps the path as it was given', () => {
    expect(identity('/usr/bin/vim.basic', ['vi'], { filename: '/usr/bin/vi' }).invokedPath).to.equal('/usr/bin/vi');
    expect(identity('/srv/a', ['a'], { filename: './a' }).invokedPath).to.equal('/srv/a');
    expect(identity('/srv/a', ['a'], { filename: '../b/../a' }).invokedPath).to.equal('/a');
    expect(identity('/memfd:x', ['x'], { filename: '/dev/fd/3' }).invokedPath).to.equal('/memfd:x');
  });
});

describe('what an interpreter runs', () => {
  const file = (path: string) => ({ kind: 'file', path });
  const command = (text: string) => ({ kind: 'command', command: text });

  it('is a file', () => {
    expect(scriptOf('/bin/bash', 'x.sh', '-c')).to.deep.equal(file('/srv/x.sh'));
    expect(scriptOf('/bin/bash', '--rcfile', '/dev/null', '-x', '-o', 'pipefail', '/tmp/x')).to.deep.equal(
      file('/tmp/x'),
    );
    expect(scriptOf('/usr/bin/python3', '-u', '-W', 'ignore', '/opt/a.py', '-c')).to.deep.equal(file('/opt/a.py'));
    expect(scriptOf('/usr/bin/perl', '-w', '-I', 'lib', '-Mstrict', 'a.pl')).to.deep.equal(file('/srv/a.pl'));
    expect(scriptOf('/usr/bin/node', '-r', 'x', 'a.js')).to.deep.equal(file('/srv/a.js'));
    expect(scriptOf('/usr/bin/awk', '-F:', '-f', '/a.awk')).to.deep.equal(file('/a.awk'));
    expect(scriptOf('/usr/bin/java', '-Xmx1g', '-cp', 'x', '-jar', 'a.jar')).to.deep.equal(file('/srv/a.jar'));
    expect(scriptOf('/usr/bin/php', '-d', 'a=b', 'i.php')).to.deep.equal(file('/srv/i.php'));
    expect(scriptOf('/usr/bin/busybox', 'sh', '/x')).to.deep.equal(file('/x'));
  });

  it('is a text', () => {
    expect(scriptOf('/bin/sh', '-c', 'id', 'x')).to.deep.equal(command('id'));
    expect(scriptOf('/bin/bash', '-lc', 'id')).to.deep.equal(command('id'));
    expect(scriptOf('/bin/bash', '-c', '-e', '--', 'id')).to.deep.equal(command('id'));
    expect(scriptOf('/usr/bin/python3', '-Ic', 'x')).to.deep.equal(command('x'));
    expect(scriptOf('/usr/bin/python3', '-cprint(1)')).to.deep.equal(command('print(1)'));
    expect(scriptOf('/usr/bin/perl', '-MIO::Socket', '-lne', 'print')).to.deep.equal(command('print'));
    expect(scriptOf('/usr/bin/perl', '-0777pe', 's/a/b/')).to.deep.equal(command('s/a/b/'));
    expect(scriptOf('/usr/bin/node', '-pe', '1')).to.deep.equal(command('1'));
    expect(scriptOf('/usr/bin/node', '--eval=1')).to.deep.equal(command('1'));
    expect(scriptOf('/usr/bin/mawk', '-v', 'a=1', 'BEGIN{}')).to.deep.equal(command('BEGIN{}'));
  });

  it('is a module, standard input, a descriptor or somebody typing', () => {
    expect(scriptOf('/usr/bin/python3', '-m', 'http.server')).to.deep.equal({ kind: 'module', module: 'http.server' });
    expect(scriptOf('/usr/bin/java', 'com.x.Main')).to.deep.equal({ kind: 'module', module: 'com.x.Main' });
    expect(scriptOf('/bin/bash')).to.deep.equal({ kind: 'stdin' });
    expect(scriptOf('/bin/bash', '-s', 'x')).to.deep.equal({ kind: 'stdin' });
    expect(scriptOf('/usr/bin/python3', '-')).to.deep.equal({ kind: 'stdin' });
    expect(scriptOf('/bin/bash', '/dev/fd/63')).to.deep.equal({
      kind: 'descriptor',
      path: '/dev/fd/63',
      descriptor: 63,
    });
    expect(scriptOf('/bin/bash', '-i')).to.deep.equal({ kind: 'interactive' });
    expect(identity('/bin/bash', ['-bash'], { terminal: true }).script).to.deep.equal({ kind: 'interactive' });
    expect(scriptOf('/usr/bin/cat', 'x')).to.equal(undefined);
  });

  it("is the kernel's own answer where the first line of a script names the interpreter", () => {
    const found = identity('/usr/bin/python3.11', ['/usr/bin/python3', '/usr/bin/unattended-upgrade'], {
      filename: '/usr/bin/unattended-upgrade',
      interp: '/usr/bin/python3',
    });
    expect(found.program).to.equal('python');
    expect(found.effectivePath).to.equal('/usr/bin/unattended-upgrade');
    expect(found.invokedPath).to.equal('/usr/bin/unattended-upgrade');
    expect(found.interpreter).to.equal('/usr/bin/python3');
  });
});

describe('recorded programs', () => {
  it('are identified as live ones are, and written as they were read', () => {
    const json = {
      event: { type: 'process_exec', id: '1' },
      process: { path: '/usr/bin/python3.11', args: ['python3', '/opt/x.py'], command_line: 'python3 /opt/x.py' },
      target: { name: 'nc.openbsd' },
    };
    const record = recordFromJson(json, '1');
    const get = (name: FieldName) => record.value(id(name));
    expect(get('process.program')).to.equal('python');
    expect(get('process.script.path')).to.equal('/opt/x.py');
    expect(get('process.effective_path')).to.equal('/opt/x.py');
    expect(get('target.program')).to.equal('nc');
    expect(record.toJSON().process).not.to.have.property('program');
  });

  it('keep what the recording says', () => {
    const record = recordFromJson({ process: { path: '/tmp/x', program: 'nc' } }, '1');
    expect(record.value(id('process.program'))).to.equal('nc');
    expect((record.toJSON().process as { program: string }).program).to.equal('nc');
  });
});
