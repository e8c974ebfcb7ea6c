/** Ordinary work of a host, as scripts: $ROOT is the repository, each runs in an empty directory of its own. */
export interface Work {
  readonly name: string;
  /** The program it cannot do without. */
  readonly needs: string;
  readonly script: string;
}

export const WORK: readonly Work[] = [
  {
    name: 'install a package',
    needs: 'apt-get',
    script: 'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --reinstall --no-install-recommends hostname tree',
  },
  { name: 'refresh package lists', needs: 'apt-get', script: 'apt-get update -qq; apt-cache policy bash' },
  {
    name: 'npm ci',
    needs: 'npm',
    script:
      'cp $ROOT/package.json $ROOT/package-lock.json . && npm ci --ignore-scripts --no-audit --no-fund --silent --omit=dev',
  },
  {
    name: 'git clone of a local repository',
    needs: 'git',
    script:
      'git clone -q $ROOT clone && cd clone && git log --oneline | head -n 3 && git checkout -q -b side && echo x > x && git add x && git -c user.name=x -c user.email=x@example.com commit -q -m x && git gc -q',
  },
  {
    name: 'compile',
    needs: 'gcc',
    script:
      'gcc -O2 -o loop $ROOT/bench/loops/loop.c && ./loop getppid 10 0 && printf "all: a.o\\n\\tcc -o a a.o\\na.o: a.c\\n\\tcc -c a.c\\n" > Makefile && echo "int main(void){return 0;}" > a.c && make -s && ./a',
  },
  { name: 'compile rust', needs: 'rustc', script: 'echo "fn main() {}" > a.rs && rustc a.rs && ./a' },
  {
    name: 'cron job',
    needs: 'run-parts',
    script:
      'mkdir -p cron.daily && printf "#!/bin/sh\\ntrue\\n" > cron.daily/job && chmod +x cron.daily/job && run-parts cron.daily',
  },
  {
    name: 'daily jobs of the host',
    needs: 'run-parts',
    script: 'for f in dpkg man-db logrotate; do [ ! -x /etc/cron.daily/$f ] || /etc/cron.daily/$f; done',
  },
  {
    name: 'logrotate',
    needs: 'logrotate',
    script:
      'mkdir -p log && echo x > log/a.log && printf "%s/log/*.log {\\n rotate 2\\n su root root\\n}\\n" "$PWD" > rotate.conf && logrotate -f -s state rotate.conf',
  },
  { name: 'ssh-keygen', needs: 'ssh-keygen', script: 'ssh-keygen -q -t ed25519 -N "" -f key' },
  {
    name: 'systemd-tmpfiles',
    needs: 'systemd-tmpfiles',
    script: 'systemd-tmpfiles --create --prefix=/run/lock || true',
  },
  {
    name: 'look around',
    needs: 'ps',
    script:
      'ps aux | wc -l; df -h | tail -n 1; ls -la /etc | wc -l; cat /etc/hostname; uptime; free -m; ss -ltn; ip addr',
  },
  {
    name: 'python',
    needs: 'python3',
    script:
      'python3 -c "import json, urllib.request; print(json.dumps(1))"; python3 -m venv venv && venv/bin/python -m pip --version',
  },
  {
    name: 'archives',
    needs: 'tar',
    script:
      'mkdir t && echo x > t/x && tar czf t.tgz t && tar xzf t.tgz && zip -q t.zip t/x && unzip -oq t.zip && gzip -k t/x && gunzip -c t/x.gz',
  },
  {
    name: 'redis as a service',
    needs: 'redis-server',
    script:
      'timeout 60 redis-server --port 0 --unixsocket $PWD/r.sock --dir $PWD --daemonize no & sleep 1; redis-cli -s $PWD/r.sock set a b; redis-cli -s $PWD/r.sock save; redis-cli -s $PWD/r.sock shutdown nosave; wait',
  },
  {
    name: 'web service in node',
    needs: 'node',
    script:
      "node -e \"const h=require('http');const s=h.createServer((q,r)=>r.end('x')).listen(0,'127.0.0.1',()=>h.get({port:s.address().port},r=>{r.resume();r.on('end',()=>s.close())}))\"",
  },
  {
    name: 'download from a local service',
    needs: 'curl',
    script:
      'echo hi > index.html; python3 -m http.server 18765 --bind 127.0.0.1 & sleep 1; curl -s -o out http://127.0.0.1:18765/; wget -q -O out2 http://127.0.0.1:18765/; kill $!; wait',
  },
  { name: 'prometheus tools', needs: 'promtool', script: 'promtool check rules $ROOT/prometheus/rules/*.y*ml || true' },
  {
    name: 'browser',
    needs: 'chromium',
    script:
      'timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir=$PWD/p --dump-dom about:blank || true',
  },
  {
    name: 'sqlite',
    needs: 'sqlite3',
    script: 'sqlite3 a.db "create table t(x); insert into t values (1); select * from t"',
  },
  {
    name: 'keys and certificates',
    needs: 'openssl',
    script:
      'openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /CN=x -days 1; openssl x509 -in c.pem -noout -text; echo x > f; sha256sum f; openssl dgst -sha256 f; openssl rand -hex 8',
  },
  { name: 'gpg', needs: 'gpg', script: 'mkdir -m 700 h; gpg --homedir h --list-keys; gpgconf --homedir h --kill all' },
  {
    name: 'become a user',
    needs: 'su',
    script: 'su -s /bin/sh -c true nobody; runuser -u nobody -- true; sudo -n -u nobody true || true',
  },
  { name: 'linker cache and manual pages', needs: 'ldconfig', script: 'ldconfig; man -w ls || true' },
  { name: 'editor', needs: 'vim', script: 'vim -es -u NONE -c "normal ihello" -c "wq! f.txt" || true; cat f.txt' },
  {
    name: 'terminal multiplexer',
    needs: 'tmux',
    script:
      'tmux -L base-$$ new-session -d "sleep 1"; tmux -L base-$$ ls; sleep 1; tmux -L base-$$ kill-server || true',
  },
  {
    name: 'debug own program',
    needs: 'strace',
    script: 'strace -o out true; gdb -batch -ex run -ex bt --args /bin/true || true',
  },
  {
    name: 'housekeeping',
    needs: 'find',
    script:
      'mkdir old; touch -d "10 days ago" old/a; find old -mtime +5 -delete; find $ROOT/src -name "*.ts" | xargs grep -l import | wc -l; du -sh $ROOT/src; cp -a $ROOT/src copy; rm -rf copy; rsync --version || true',
  },
  { name: 'type check', needs: 'npx', script: 'cd $ROOT && npx tsc -p tsconfig.json --noEmit' },
  {
    name: 'tests of the configuration',
    needs: 'npx',
    script: 'cd $ROOT && npx mocha "test/config/**/*.test.ts"',
  },
];
