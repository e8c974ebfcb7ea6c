#!/usr/bin/env bash
# Run once in a root of its own: who and what lives on the host of the scenarios.
set -eu
# What a developer keeps at home would take minutes to read.
rm -rf /root/.pyenv /root/.npm /root/.cache /root/.local /root/.nvm
useradd -m -s /bin/bash -u 4001 dev 2> /dev/null
useradd -m -s /bin/bash -u 4002 ops 2> /dev/null
mkdir -p /etc/sudoers.d
echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
chmod 440 /etc/sudoers.d/ops
for home in /root /home/dev /home/ops; do
  mkdir -p -m 700 "$home/.ssh" "$home/.aws" "$home/.kube" "$home/.gnupg" "$home/.docker"
  ssh-keygen -q -t ed25519 -N '' -f "$home/.ssh/id_ed25519" <<< y > /dev/null
  ssh-keygen -q -t rsa -b 2048 -N '' -f "$home/.ssh/deploy-key" <<< y > /dev/null
  cat "$home/.ssh/id_ed25519.pub" >> "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
  printf '[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = example\n' > "$home/.aws/credentials"
  printf 'apiVersion: v1\nkind: Config\n' > "$home/.kube/config"
  printf '{"auths":{}}\n' > "$home/.docker/config.json"
  printf 'ls\ncd /srv\nmysql -u root -pexample\n' > "$home/.bash_history"
  printf 'https://user:example@git.example.com\n' > "$home/.git-credentials"
  printf 'machine git.example.com login user password example\n' > "$home/.netrc"
  [ -e "$home/.bashrc" ] || cp /etc/skel/.bashrc "$home/.bashrc"
done
chown -R dev:dev /home/dev
chown -R ops:ops /home/ops
mkdir -p /var/www/html /srv/app /srv/data /var/spool/cron/crontabs /var/log /etc/kubernetes
echo '<h1>hello</h1>' > /var/www/html/index.html
chown -R www-data:www-data /var/www/html
for log in syslog auth.log kern.log; do
  for _ in $(seq 50); do echo 'Nov 28 08:00:00 quality test[1]: a line of a log'; done > "/var/log/$log"
done
: >> /var/log/wtmp
: >> /var/log/btmp
: >> /var/log/lastlog
for n in $(seq 60); do echo "document $n" > "/srv/data/document-$n.txt"; done
install -D -m 755 /run/peer.py /usr/local/lib/quality/peer
ln -s ../lib/quality/peer /usr/local/bin/peer
ssh-keygen -A > /dev/null 2>&1
