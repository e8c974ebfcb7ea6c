// A response: takes the permission to execute from the file that was started,
// so that it does not run again before somebody has looked at it. The file
// stays where it is.
//
// It acts on alerts of rules with the tag "respond:quarantine", and only where
// the rule is enforced:
//
// [response]
// enforce = true
// enforce_rules = ["tag:respond:quarantine"]
//
// [[plugins]]
// name = "quarantine"
// module = "/etc/bpfwarden/plugins/quarantine.mjs"
// options = "/tmp/ /var/tmp/ /dev/shm/"

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const EXECUTE = 0o111;

export default {
  apiVersion: 1,
  kind: 'response',

  create({ options }) {
    const below = options.split(/\s+/).filter((prefix) => prefix.startsWith('/') && prefix.endsWith('/'));
    return {
      async respond(alert) {
        const path = alert.process?.path;
        if (typeof path !== 'string') return { outcome: 'failed', detail: 'the alert names no executable' };
        if (!below.some((prefix) => path.startsWith(prefix)))
          return { outcome: 'protected', detail: `${path} is in none of the configured directories` };
        // O_NOFOLLOW and the checks on the open file: the name may mean something else by now.
        const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          const info = await file.stat();
          if (!info.isFile()) return { outcome: 'protected', detail: `${path} is no regular file` };
          if (alert.process.inode !== undefined && alert.process.inode !== info.ino)
            return { outcome: 'failed', detail: `${path} is another file by now` };
          await file.chmod(info.mode & 0o7777 & ~EXECUTE);
          return { outcome: 'done', detail: `${path} cannot be executed any more` };
        } finally {
          await file.close();
        }
      },
    };
  },
};
