import { expect } from 'chai';
import { injectedFrom, injectionsOf } from '../../src/enrich/injection.ts';

const from = (program: string, ...variables: string[]) => injectedFrom(injectionsOf(variables), program);

describe('what variables make a program run', () => {
  it('is the matter of every program where the loader heeds them', () => {
    for (const variable of ['LD_PRELOAD=/tmp/x.so', 'LD_AUDIT=/tmp/x.so', 'LD_LIBRARY_PATH=/srv', 'GCONV_PATH=.'])
      for (const program of ['git', 'python', 'dpkg']) expect(from(program, variable), variable).to.equal('anywhere');
    for (const variable of ['OPENSSL_CONF=/etc/../root/openssl.cnf', 'APT_CONFIG=/root/apt.conf', 'RPM_CONFIGDIR=/srv'])
      expect(from('dpkg', variable), variable).to.equal('anywhere');
  });

  const HEEDED: Readonly<Record<string, readonly string[]>> = {
    python: [
      'PYTHONPATH=/tmp',
      'PYTHONUSERBASE=/srv/x',
      'PYTHONHOME=/x',
      'PYTHONPYCACHEPREFIX=/tmp',
      'PYTHONINSPECT=1',
    ],
    gdb: ['PYTHONPATH=/tmp'],
    'platform-python3.6': ['PYTHONPATH=/tmp'],
    perl: ['PERL5LIB=/tmp', 'PERL5OPT=-MOther', 'PERL5DB=BEGIN {}'],
    ruby: ['RUBYLIB=lib', 'RUBYOPT=-W0 -r/tmp/x', 'GEM_HOME=/home/x/.gem'],
    node: ['NODE_PATH=/tmp', 'NODE_OPTIONS=--max-old-space-size=64 --require /tmp/x', 'NODE_OPTIONS=--import=x'],
    bash: ['BASH_ENV=/tmp/x', 'BASH_FUNC_ls%%=() { id; }', 'BASH_FUNC_which_else%%=() { id; }', 'PS4=$(id)'],
    dash: ['PS4=`id`'],
    java: [
      'JAVA_TOOL_OPTIONS=-Xmx1g -javaagent:/tmp/x.jar',
      '_JAVA_OPTIONS=-XX:OnError=id',
      'JDK_JAVA_OPTIONS=@/tmp/x',
    ],
    lua: ['LUA_CPATH_5_4=/srv/?.so', 'LUA_INIT=@/tmp/x'],
    tclsh: ['TCLLIBPATH=/tmp'],
    php: ['PHPRC=/tmp', 'PHP_INI_SCAN_DIR=:/tmp'],
    zsh: ['ZDOTDIR=/tmp'],
  };
  it('is the matter of an interpreter’s programs alone where it heeds them', () => {
    for (const [program, variables] of Object.entries(HEEDED))
      for (const variable of variables) {
        expect(from(program, variable), `${program} ${variable}`).to.equal('anywhere');
        for (const other of ['git', 'dpkg', 'ssh', 'apt-get', 'journalctl', 'sshd'])
          expect(from(other, variable), `${other} ${variable}`).to.equal(undefined);
      }
    expect(from('perl', 'PYTHONPATH=/tmp')).to.equal(undefined);
    expect(injectedFrom(injectionsOf(['PYTHONPATH=/tmp']), undefined), 'whose name is not known').to.equal('anywhere');
  });

  it('is nothing where the value brings nothing along', () => {
    expect(from('bash', 'LD_PRELOAD=', 'XLD_PRELOAD=1', 'PATH=/bin', 'LD_PRELOAD')).to.equal(undefined);
    // Login shells of Red Hat's distributions and of hosts with environment modules have these.
    expect(from('bash', 'BASH_FUNC_which%%=() {  ( alias; }', 'BASH_FUNC_module%%=() {  _m; }')).to.equal(undefined);
    expect(from('git', 'OPENSSL_CONF=/etc/ssl/openssl.cnf', 'KRB5_CONFIG=/dev/null')).to.equal(undefined);
    expect(from('node', 'NODE_OPTIONS=--max-old-space-size=4096 --no-warnings')).to.equal(undefined);
    expect(from('perl', 'PERL5OPT=-w')).to.equal(undefined);
    expect(from('ruby', 'RUBYOPT=-W:no-deprecated --disable=gems')).to.equal(undefined);
    expect(from('java', 'JAVA_TOOL_OPTIONS=-Xmx512m -XX:MaxRAMPercentage=75 -Dfile.encoding=UTF-8')).to.equal(
      undefined,
    );
    expect(from('bash', 'PS4=+ $BASH_SOURCE:$LINENO: ')).to.equal(undefined);
    expect(from('python', 'PYTHONWARNINGS=ignore::DeprecationWarning')).to.equal(undefined);
  });

  it('lies where packages or root keep programs, or anywhere', () => {
    for (const [variable, place] of [
      ['LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 libstdbuf.so', 'system'],
      ['LD_LIBRARY_PATH=/usr/local/cuda/lib64:/usr/lib', 'root'],
      ['LD_LIBRARY_PATH=/opt/a/lib:/snap/b/lib', 'root'],
      ['LD_LIBRARY_PATH=/opt/a/lib:', 'anywhere'],
      ['LD_LIBRARY_PATH=/opt/../tmp', 'anywhere'],
      ['LD_LIBRARY_PATH=/usrx', 'anywhere'],
      ['LD_PRELOAD=/usr/lib/a.so:/home/x/b.so', 'anywhere'],
    ] as const)
      expect(from('x', variable), variable).to.equal(place);
    expect(from('lua', 'LUA_PATH=/usr/share/lua/5.4/?.lua;;')).to.equal('system');
  });
});
